"""From a user's call to an operation: checks arguments, adds ids, times and tokens.

Both facades use it, so that a check, a default or a token stands in one place. The clock and the
randomness that operations must not have come in here.
"""

from __future__ import annotations

import binascii
import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from redialog import _ids, codec, keys
from redialog.effect import Op, T
from redialog.errors import ConfigurationError, InvalidTTL, MessageTooLarge
from redialog.messages import Message, MessageLike
from redialog.ops import append as append_ops
from redialog.ops import catalogue, edit, find, fork, read, session, write
from redialog.ops._scripts import Write
from redialog.ops.then import then
from redialog.settings import Settings, ttl_to_ms

MAX_TITLE_CHARS = 1000
AT_ONCE = 100
"""How many sessions an iteration over a listing asks for in one page."""

_SWEEPS = 64
"""One append in so many looks at a few entries of its bucket of the catalogue."""
# What can be iterated over and is one message, or none.
_NOT_SEVERAL = (Message, Mapping, str, bytes, bytearray)


class SessionPlan:
    """The operations of one session.

    Args:
        settings: of the session.
        session_id: its id; None for a random one.
        user_id: whom it belongs to.

    Raises:
        ConfigurationError: an argument is not usable.
    """

    def __init__(self, settings: Settings, session_id: str | None, user_id: str | None) -> None:
        self.settings = settings
        self.session_id = _random_id() if session_id is None else session_id
        self.user_id = user_id
        self.keys = settings.layout.session(self.session_id, user_id)

    def append(
        self, messages: Iterable[MessageLike], idempotency_key: str | None
    ) -> Op[list[Message]]:
        """The operation behind `Session.append`."""
        now = _now_ms()
        token = self._token(idempotency_key, now)
        at = now if token.at is None else token.at
        given = [one if isinstance(one, Message) else Message.parse(one) for one in messages]
        if not given:
            return _nothing()
        # Where a message without an id shall stay so, there is none to give.
        ids = token if self.settings.ids else None
        stored = _stored(given, ids, at)
        elements = [codec.element(message) for message in stored]
        limit = self.settings.max_message_bytes
        if (size := max(map(len, elements))) > limit:
            raise MessageTooLarge(size=size, limit=limit)
        said = elements
        if token.at is None:
            # Under an application's key the times differ from one call to the next; what is said
            # must not.
            said = [codec.element(message) for message in _stored(given, ids, None)]
        op = append_ops.append(
            self._write(token, idempotency_key),
            elements,
            digest=_digest([self.keys.log, *said]),
            at=at,
            cap=self.settings.max_messages,
            sweep=self.settings.layout if token.draw(_SWEEPS) == 0 else None,
        )
        return _append(op, given, ids, stored, at)

    def messages(self, *, strict: bool) -> Op[list[Message]]:
        """The operation behind `Session.messages`."""
        return self.reading(read.everything(self.keys.log, strict=strict))

    def made(self, make: Callable[[Sequence[bytes]], list[T]]) -> Op[list[T]]:
        """The operation behind `SessionReads._made`."""
        return self.reading(read.everything_made(self.keys.log, make))

    def page(self, cursor: read.Cursor, *, strict: bool) -> Op[read.Page]:
        """The operation behind each page of `Session.iter_messages`."""
        return self.reading(read.page(self.keys.log, cursor, strict=strict))

    def window(
        self,
        turns: int | None,
        messages: int | None,
        *,
        strict: bool,
        first: Op[Any] | None = None,
    ) -> Op[list[Message]]:
        """The operation behind `Session.window`; ``first`` is as in `reading`."""
        if (turns is None) == (messages is None):
            raise ConfigurationError("a window needs one of turns= and messages=")
        log, foreign = self.keys.log, not self.keys.together
        if turns is not None:
            limit = _limit(turns, "turns")
            op = read.window_of_turns(log, limit, strict=strict, foreign=foreign)
        else:
            limit = _limit(messages, "messages")
            op = read.window_of_messages(log, limit, strict=strict, foreign=foreign)
        return self.reading(op, first)

    def get(self, message_id: str) -> Op[Message | None]:
        """The operation behind `Session.get`."""
        return self.reading(find.get(self.keys.log, _message_id(message_id)))

    def replace(self, message_id: str, message: MessageLike, key: str | None) -> Op[Message]:
        """The operation behind `Session.replace`."""
        given = Message.parse(message)
        _message_id(message_id)
        # What can be complained about without the old message comes before the first byte is sent.
        codec.stored_as(given, message_id, None)
        new = edit.New(given, self.settings.max_message_bytes)
        return edit.replace(self._new(key), message_id, new)

    def remove(self, message_id: str, key: str | None) -> Op[bool]:
        """The operation behind `Session.remove`."""
        return edit.remove(self._new(key), _message_id(message_id))

    def rewind(self, message_id: str, key: str | None) -> Op[int]:
        """The operation behind `Session.rewind`."""
        return edit.rewind(self._new(key), _message_id(message_id))

    def fork(
        self, new_id: str | None, at: str | None, key: str | None
    ) -> tuple[SessionPlan, Op[None]]:
        """The plan of the new session, and the operation behind `Session.fork`."""
        token = self._token(key, _now_ms())
        random = new_id is None
        if new_id is None:
            new_id = self._neighbour(token)
        if new_id == self.session_id:
            raise ConfigurationError("a fork needs another id than its session")
        if at is not None:
            _message_id(at)
        plan = SessionPlan(self.settings, new_id, self.user_id)
        op = fork.fork(self.settings.layout, self._write(token, key), new_id, at, random=random)
        return plan, op

    def set_title(self, title: str | None, key: str | None) -> Op[bool]:
        """The operation behind `Session.set_title`."""
        text = "" if title is None else title
        if not isinstance(text, str) or len(text) > MAX_TITLE_CHARS:
            raise ConfigurationError(
                f"a title must be text of at most {MAX_TITLE_CHARS:,} characters, or None"
            )
        _encodable(text, "title")
        return session.set_title(self._new(key), text)

    def clear(self, key: str | None) -> Op[int]:
        """The operation behind `Session.clear`."""
        return write.clear(self._new(key))

    def expire(self, ttl: timedelta | float, key: str | None) -> Op[bool]:
        """The operation behind `Session.expire`."""
        ttl_ms = ttl_to_ms(ttl)
        if ttl_ms is None:
            raise InvalidTTL("expire() needs a ttl; persist() removes a running one")
        return write.expire(self._new(key), ttl_ms)

    def persist(self, key: str | None) -> Op[bool]:
        """The operation behind `Session.persist`."""
        return write.expire(self._new(key), "persist")

    def touch(self, key: str | None) -> Op[bool]:
        """The operation behind `Session.touch`."""
        return write.expire(self._new(key), self.settings.ttl_ms, activity=True)

    def info(self) -> Op[session.SessionInfo]:
        """The operation behind `Session.info`."""
        return session.info(self.keys)

    def first(
        self, messages: MessageLike | Iterable[MessageLike] | None, key: str | None
    ) -> Op[Any] | None:
        """The append that goes ahead of a read; None where there is none."""
        if messages is None:
            if key is not None:
                raise ConfigurationError("the idempotency_key of a read is that of its append=")
            return None
        given: tuple[Any, ...] = (messages,)
        if isinstance(messages, Iterable) and not isinstance(messages, _NOT_SEVERAL):
            given = tuple(messages)
        return self.append(given, key) if given else None

    def reading(self, op: Op[T], first: Op[Any] | None = None) -> Op[T]:
        """The same read; where reading renews the TTL, it does.

        Args:
            op: the read.
            first: an append, of what it shall see.
        """
        if first is not None:
            # Which renews the TTL, where reading would.
            return then(first, op)
        if self.settings.ttl_mode != "on_read" or self.settings.ttl_ms is None:
            return op
        return write.renewed(op, self.keys, self.settings.ttl_ms)

    def fresh_write(self) -> Write:
        """A write under a token of its own, which leaves a running TTL alone."""
        return Write(self.keys, _ids.fresh(_now_ms(), os.urandom(8)).text)

    def _new(self, key: str | None) -> Write:
        return self._write(self._token(key, _now_ms()), key)

    def _write(self, token: _ids.Token, key: str | None) -> Write:
        return Write(
            self.keys,
            token.text,
            self.settings.ttl_ms,
            self.settings.ttl_mode == "fixed",
            key or token.text,
            key is not None,
        )

    def _token(self, key: str | None, now: int) -> _ids.Token:
        if key is None:
            return _ids.fresh(now, os.urandom(8))
        if not isinstance(key, str) or not key:
            raise ConfigurationError("an idempotency_key must be text and not empty")
        _encodable(key, "idempotency_key")
        return _ids.from_key(key, self.keys.log)

    def _neighbour(self, token: _ids.Token) -> str:
        """A new session's id that follows from the token, in this session's bucket.

        Some 256 are tried: 0.3 ms, for a copy that never leaves its slot.
        """
        bucket = keys.bucket(self.keys.member)
        candidates = (token.message_id(index) for index in range(1 << 16))
        return next(one for one in candidates if keys.bucket(one.encode()) == bucket)


class ListingPlan:
    """The operations behind a listing of sessions.

    Args:
        settings: of the memory.
        user_id: only sessions of this user.

    Raises:
        InvalidSessionId: the user id is not usable.
    """

    def __init__(self, settings: Settings, user_id: str | None) -> None:
        self._layout = settings.layout
        self._user_id = None if user_id is None else keys.check_id(user_id, "user id").decode()

    def page(self, limit: int, cursor: str | None) -> Op[catalogue.SessionPage]:
        """The operation behind `Sessions.page`."""
        if type(limit) is not int or not 0 < limit <= catalogue.MAX_PAGE:
            raise ConfigurationError(
                f"limit must be a whole number from 1 to {catalogue.MAX_PAGE:,}"
            )
        return catalogue.page(self._layout, self._user_id, limit=limit, cursor=cursor)


def _append(
    op: Op[int],
    given: Sequence[Message],
    ids: _ids.Token | None,
    stored: list[Message],
    at: int,
) -> Op[list[Message]]:
    written_at = yield from op
    return stored if written_at == at else _stored(given, ids, written_at)


def _nothing() -> Op[list[Message]]:
    return []
    yield  # makes it a generator: an append of nothing asks the server nothing


def _stored(messages: Sequence[Message], ids: _ids.Token | None, at: int | None) -> list[Message]:
    """The messages as they will be stored: with ids and times where they have none."""
    return [
        codec.stored(message, None if ids is None else ids.message_id(index), at)
        for index, message in enumerate(messages)
    ]


def _digest(elements: Sequence[bytes]) -> str:
    """To notice a key that is used for something else by mistake: 32 bits, and fast."""
    joined = b"".join(elements)
    return f"{binascii.crc32(joined):08x}"


def _limit(value: object, name: str) -> int:
    if type(value) is not int or value < 0:
        raise ConfigurationError(f"{name} must be a whole number, 0 or more")
    return value


def _message_id(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ConfigurationError("a message id must be text and not empty")
    _encodable(value, "message id")
    return value


def _encodable(text: str, name: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ConfigurationError(f"the {name} holds a lone surrogate") from None


def _random_id() -> str:
    return _ids.fresh(_now_ms(), os.urandom(8)).message_id(0)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
