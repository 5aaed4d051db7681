"""From a user's call to an operation: checks arguments, adds ids, times and tokens.

Both facades use it, so that a check, a default or a token stands in one place. The clock and the
randomness that operations must not have come in here.
"""

from __future__ import annotations

import binascii
import enum
import math
import os
import time
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import TypeAlias

import msgspec

from redialog import _ids, codec
from redialog.effect import Op
from redialog.errors import ConfigurationError, InvalidTTL, MessageTooLarge
from redialog.keys import Layout, OwnLayout, SharedLayout
from redialog.messages import Message, MessageLike
from redialog.ops import read, session, write

MAX_MESSAGE_BYTES = 8 << 20
"""The default limit of one stored message. A request of Upstash's ordinary plans holds 10 MB."""

# Some 4,000 years: Redis adds the TTL to its clock in 64 bits, and refuses what overflows.
_MAX_TTL_MS = 1 << 47


class Unset(enum.Enum):
    """Stands for an argument that was not given, where None means something."""

    UNSET = "unset"

    def __repr__(self) -> str:
        return "UNSET"


UNSET = Unset.UNSET
TTL: TypeAlias = timedelta | float | None
"""A time to live: a duration, or seconds; None sets none and leaves a running one alone."""


class Settings(msgspec.Struct, frozen=True):
    """What a memory gives to its sessions."""

    layout: Layout
    ttl_ms: int | None
    max_message_bytes: int


def settings(namespace: str, key_prefix: str | None, ttl: TTL, max_message_bytes: int) -> Settings:
    """The checked settings of a memory.

    Raises:
        ConfigurationError: one of them is wrong.
    """
    if type(max_message_bytes) is not int or max_message_bytes < 1:
        raise ConfigurationError("max_message_bytes must be a whole number of at least 1")
    layout = OwnLayout(namespace) if key_prefix is None else SharedLayout(namespace, key_prefix)
    return Settings(layout, ttl_to_ms(ttl), max_message_bytes)


def ttl_to_ms(ttl: object) -> int | None:
    """A TTL in whole milliseconds; None for None.

    Raises:
        InvalidTTL: it is not a positive, finite duration.
    """
    if ttl is None:
        return None
    if isinstance(ttl, timedelta):
        seconds = ttl.total_seconds()
    elif isinstance(ttl, int | float) and not isinstance(ttl, bool):
        # Longer than all that a float holds is longer than all that is allowed.
        seconds = max(-1, min(ttl, _MAX_TTL_MS)) if isinstance(ttl, int) else ttl
    else:
        raise InvalidTTL(
            f"a ttl must be a timedelta or a number of seconds, not {type(ttl).__name__}"
        )
    if math.isnan(seconds) or seconds <= 0:
        raise InvalidTTL(
            "a ttl must be longer than zero; None leaves the session's ttl alone, persist() "
            "removes it, clear() deletes the session"
        )
    if seconds * 1000 > _MAX_TTL_MS:
        raise InvalidTTL("a ttl of more than 4,000 years is none; use persist()")
    return max(1, round(seconds * 1000))


class SessionPlan:
    """The operations of one session.

    Args:
        settings: of the memory.
        session_id: its id; None for a random one.
        user_id: whom it belongs to.
        ttl: its TTL; `UNSET` for the memory's.

    Raises:
        ConfigurationError: an argument is not usable.
    """

    def __init__(
        self, settings: Settings, session_id: str | None, user_id: str | None, ttl: TTL | Unset
    ) -> None:
        self._settings = settings
        self.session_id = _random_id() if session_id is None else session_id
        self.user_id = user_id
        self.ttl_ms = settings.ttl_ms if isinstance(ttl, Unset) else ttl_to_ms(ttl)
        self.keys = settings.layout.session(self.session_id, user_id)

    def append(
        self, messages: Iterable[MessageLike], idempotency_key: str | None
    ) -> Op[list[Message]]:
        """The operation behind `Session.append`."""
        now = _now_ms()
        token = self._token(idempotency_key, now)
        at = now if token.at is None else token.at
        given = [Message.parse(message) for message in messages]
        if not given:
            return _nothing()
        stored = _stored(given, token, at)
        elements = [codec.element(message) for message in stored]
        limit = self._settings.max_message_bytes
        if (size := max(map(len, elements))) > limit:
            raise MessageTooLarge(size=size, limit=limit)
        said = elements
        if token.at is None:
            # Under an application's key the times differ from one call to the next; what is said
            # must not.
            said = [codec.element(message) for message in _stored(given, token, None)]
        op = write.append(
            self.keys,
            elements,
            token=token.text,
            digest=_digest(said),
            at=at,
            ttl_ms=self.ttl_ms,
            resend_key=idempotency_key or token.text,
        )
        return _append(op, given, token, stored, at)

    def window(self, turns: int | None, messages: int | None, *, strict: bool) -> Op[list[Message]]:
        """The operation behind `Session.window`."""
        if (turns is None) == (messages is None):
            raise ConfigurationError("a window needs one of turns= and messages=")
        log = self.keys.log
        if turns is not None:
            return read.window_of_turns(log, _limit(turns, "turns"), strict=strict)
        return read.window_of_messages(log, _limit(messages, "messages"), strict=strict)

    def clear(self) -> Op[int]:
        """The operation behind `Session.clear`."""
        return write.clear(self.keys, token=_fresh().text)

    def expire(self, ttl: timedelta | float) -> Op[bool]:
        """The operation behind `Session.expire`."""
        ttl_ms = ttl_to_ms(ttl)
        if ttl_ms is None:
            raise InvalidTTL("expire() needs a ttl; persist() removes a running one")
        return write.expire(self.keys, ttl_ms, token=_fresh().text)

    def persist(self) -> Op[bool]:
        """The operation behind `Session.persist`."""
        return write.expire(self.keys, "persist", token=_fresh().text)

    def touch(self) -> Op[bool]:
        """The operation behind `Session.touch`."""
        return write.expire(self.keys, self.ttl_ms, token=_fresh().text, activity=True)

    def info(self) -> Op[session.SessionInfo]:
        """The operation behind `Session.info`."""
        return session.info(self.keys)

    def _token(self, key: str | None, now: int) -> _ids.Token:
        if key is None:
            return _ids.fresh(now, os.urandom(8))
        if not isinstance(key, str) or not key:
            raise ConfigurationError("an idempotency_key must be text and not empty")
        try:
            return _ids.from_key(key, self.keys.log)
        except UnicodeEncodeError:
            raise ConfigurationError("the idempotency_key holds a lone surrogate") from None


def _append(
    op: Op[int],
    given: Sequence[Message],
    token: _ids.Token,
    stored: list[Message],
    at: int,
) -> Op[list[Message]]:
    written_at = yield from op
    return stored if written_at == at else _stored(given, token, written_at)


def _nothing() -> Op[list[Message]]:
    return []
    yield  # makes it a generator: an append of nothing asks the server nothing


def _stored(messages: Sequence[Message], token: _ids.Token, at: int | None) -> list[Message]:
    """The messages as they will be stored: with ids and times where they have none."""
    return [
        codec.stored(message, token.message_id(index), at) for index, message in enumerate(messages)
    ]


def _digest(elements: Sequence[bytes]) -> str:
    """To notice a key that is used for something else by mistake: 32 bits, and fast."""
    digest = 0
    for element in elements:
        digest = binascii.crc32(element, digest)
    return f"{digest:08x}"


def _limit(value: object, name: str) -> int:
    if type(value) is not int or value < 0:
        raise ConfigurationError(f"{name} must be a whole number, 0 or more")
    return value


def _fresh() -> _ids.Token:
    return _ids.fresh(_now_ms(), os.urandom(8))


def _random_id() -> str:
    return _fresh().message_id(0)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
