"""Names of keys: which keys a session has, and in which Cluster slot they lie.

Own layout (the default), where ``b`` is a stable hash of the session id in 0..255::

    redialog:{NAMESPACE.b}:log:SESSION      list, newest first
    redialog:{NAMESPACE.b}:meta:SESSION     hash, only where there is something to keep
    redialog:{NAMESPACE.b}:op:TOKEN         text, lives 60 s
    redialog:{NAMESPACE.b}:stage:NAME       list, lives 60 s: what is too large for one call
    redialog:{NAMESPACE.b}:lease:SESSION    text: who writes a summary of it, while that lasts
    redialog:{NAMESPACE.b}:sessions         sorted set: session -> last activity, ms
    redialog:{NAMESPACE.b}:user:USER        the same for one user's sessions

Shared layout (``key_prefix`` is given): the log is ``PREFIX + SESSION``, as LangChain and Flowise
name it. Its companions are named so that they fall into its slot, whatever characters it has; the
catalogue stays under ``redialog:`` and lies in slots of its own.
"""

from __future__ import annotations

import binascii
from collections.abc import Callable
from functools import lru_cache
from typing import TypeAlias

import msgspec

from redialog.errors import ConfigurationError, InvalidSessionId

ROOT = "redialog:"
BUCKETS = 256
"""Part of the layout: another number would hide every stored session."""

MAX_ID_BYTES = 16 * 1024
MAX_NAMESPACE_BYTES = 1024

# Escaped as %XX. `{`, `}` so that a name never opens or closes a hash tag, `%` so that the escape
# has one reading, the rest so that a key can be typed and printed. `:` needs none: the parts of a
# key that can hold one stand last in it or inside the tag, before its closing brace.
_ESCAPES = {code: f"%{code:02X}" for code in (*range(0x21), *map(ord, "%{}"), *range(0x7F, 0xA1))}


class SessionKeys(msgspec.Struct, frozen=True):
    """The keys of one session; all but the catalogue's lie in the log's slot.

    Attributes:
        log: the list of the session's messages, newest first.
        meta: the hash of its companions.
        lease: held by the one process that writes a summary of it.
        sessions: the catalogue of the namespace: its bucket.
        user: the catalogue of the session's user, or None where the handle names none.
        member: the session id, as the catalogue holds it.
        owner: the user id, or None.
        together: whether the catalogue lies in the log's slot.
    """

    log: bytes
    meta: bytes
    lease: bytes
    sessions: bytes
    user: bytes | None
    member: bytes
    owner: bytes | None
    together: bool
    _head: bytes
    _tail: bytes
    _users: bytes

    def catalogue(self) -> list[bytes]:
        """The sorted sets that list the session."""
        return [self.sessions] if self.user is None else [self.sessions, self.user]

    def op(self, token: str) -> bytes:
        """The key that remembers that the operation ``token`` was done."""
        return self._head + b"op:" + token.encode() + self._tail

    def stage(self, name: str) -> bytes:
        """The list in which an operation gathers what is too large for one call."""
        return self._head + b"stage:" + name.encode() + self._tail

    def of_user(self, owner: bytes) -> bytes:
        """The catalogue of a user, whom the handle need not name."""
        return self._users + escape(owner.decode("utf-8", "replace")).encode()


def escape(name: str) -> str:
    """``name`` as a part of a key; different names give different parts."""
    return name.translate(_ESCAPES)


def slot(key: bytes) -> int:
    """The Cluster slot of a key.

    Source: the key distribution model of the Redis Cluster specification.
    """
    start = key.find(b"{")
    if start >= 0:
        end = key.find(b"}", start + 1)
        if end > start + 1:
            key = key[start + 1 : end]
    return binascii.crc_hqx(key, 0) % 16384


KNOWN = 128
"""So many sessions' keys are remembered, where they are no longer than `KNOWN_BYTES`."""
KNOWN_BYTES = 512


def bucket(member: bytes) -> int:
    """Which of a namespace's buckets a session lies in: part of the layout, never to change."""
    return binascii.crc32(member) % BUCKETS


def companion_tail(log: bytes) -> bytes:
    """What the names of a foreign log's companions end with, so that they fall into its slot.

    ``{log}`` alone would not always do: a key can hold braces of its own. Of the three forms the
    first and the second are exact; the third puts a short text of the same slot before the key.
    """
    start = log.find(b"{")
    if start >= 0 and log.find(b"}", start + 1) > start + 1:
        return b":t:" + log
    if log and b"}" not in log:
        return b":w:{" + log + b"}"
    return b":s:{" + _text_of_slot(slot(log)) + b"}" + log


@lru_cache(maxsize=1024)
def _text_of_slot(number: int) -> bytes:
    # The smallest decimal number in that slot: part of the layout. 16,384 tries on average, some
    # 3 ms, and only for keys such as `a}b`.
    return next(text for i in range(1 << 20) if slot(text := b"%d" % i) == number)


def check_id(value: object, what: str = "session id") -> bytes:
    """The id in UTF-8.

    Raises:
        InvalidSessionId: it is no text, empty, too long, or holds a lone surrogate.
    """
    if not isinstance(value, str):
        raise InvalidSessionId(f"the {what} must be text, not {type(value).__name__}")
    if not value:
        instead = "get a random one" if what == "session id" else "name none"
        raise InvalidSessionId(f"the {what} is empty; leave it out to {instead}")
    try:
        encoded = value.encode()
    except UnicodeEncodeError:
        raise InvalidSessionId(
            f"the {what} holds a lone surrogate, which UTF-8 cannot hold"
        ) from None
    if len(encoded) > MAX_ID_BYTES:
        raise InvalidSessionId(
            f"the {what} has {len(encoded):,} bytes, the limit is {MAX_ID_BYTES:,}; "
            "use a digest of it"
        )
    return encoded


class _Known:
    """The keys of the sessions that were named lately: handles are made again for each request.

    Args:
        make: makes the keys of a session and a user.
    """

    def __init__(self, make: Callable[[str, str | None], SessionKeys]) -> None:
        self._make = make
        self._keys: dict[tuple[str, str | None], SessionKeys] = {}

    def get(self, session_id: str, user_id: str | None) -> SessionKeys:
        """The keys, made or known."""
        try:
            return self._keys[session_id, user_id]
        except (KeyError, TypeError):
            # A TypeError: what cannot be an id, which is said by whoever checks it.
            made = self._make(session_id, user_id)
        if len(made.log) <= KNOWN_BYTES:
            if len(self._keys) >= KNOWN:
                self._keys.clear()
            self._keys[session_id, user_id] = made
        return made


class OwnLayout:
    """Keys of a namespace in this library's own layout.

    Args:
        namespace: separates applications that share a database; any text.

    Raises:
        ConfigurationError: the namespace is no text, empty or too long.
    """

    def __init__(self, namespace: str) -> None:
        self._name = _namespace(namespace)
        self._known = _Known(self._session)

    def session(self, session_id: str, user_id: str | None = None) -> SessionKeys:
        """The keys of one session.

        Raises:
            InvalidSessionId: an id is not usable.
        """
        return self._known.get(session_id, user_id)

    def _session(self, session_id: str, user_id: str | None) -> SessionKeys:
        member = check_id(session_id)
        owner = None if user_id is None else check_id(user_id, "user id")
        root = self.root(bucket(member))
        name = escape(session_id).encode()
        return SessionKeys(
            log=root + b":log:" + name,
            meta=root + b":meta:" + name,
            lease=root + b":lease:" + name,
            sessions=root + b":sessions",
            user=None if user_id is None else root + b":user:" + escape(user_id).encode(),
            member=member,
            owner=owner,
            together=True,
            _head=root + b":",
            _tail=b"",
            _users=root + b":user:",
        )

    def root(self, number: int) -> bytes:
        """What the keys of a bucket start with."""
        return f"{ROOT}{{{self._name}.{number}}}".encode()

    def catalogue(self, user_id: str | None = None) -> list[bytes]:
        """The sorted sets that list the sessions of the namespace, or of one user in it.

        Raises:
            InvalidSessionId: the user id is not usable.
        """
        end = _listing_end(user_id).encode()
        return [self.root(number) + end for number in range(BUCKETS)]


class SharedLayout:
    """Keys of sessions that lie where LangChain or Flowise put them.

    Args:
        namespace: of the catalogue; the logs themselves have none.
        prefix: what stands before the session id: ``message_store:`` for LangChain in Python,
            empty for LangChain in JavaScript, Flowise and n8n.

    Raises:
        ConfigurationError: the namespace or the prefix is not usable.
    """

    def __init__(self, namespace: str, prefix: str) -> None:
        if not isinstance(prefix, str):
            raise ConfigurationError(f"key_prefix must be text, not {type(prefix).__name__}")
        try:
            self._prefix = prefix.encode()
        except UnicodeEncodeError:
            raise ConfigurationError("key_prefix holds a lone surrogate") from None
        self._name = _namespace(namespace)
        # Not the last part of a key: its colons would make two names of one.
        self._end = ":at:" + escape(prefix).replace(":", "%3A")
        self._known = _Known(self._session)

    def session(self, session_id: str, user_id: str | None = None) -> SessionKeys:
        """The keys of one session.

        Raises:
            InvalidSessionId: an id is not usable, or the key would be one of this library's own.
        """
        return self._known.get(session_id, user_id)

    def _session(self, session_id: str, user_id: str | None) -> SessionKeys:
        member = check_id(session_id)
        owner = None if user_id is None else check_id(user_id, "user id")
        log = self._prefix + member
        if log.startswith(ROOT.encode()):
            raise InvalidSessionId(
                f"a session id in a shared layout must not start with {ROOT!r}: "
                "the keys of this library do"
            )
        number = bucket(member)
        tail = companion_tail(log)
        return SessionKeys(
            log=log,
            meta=f"{ROOT}meta".encode() + tail,
            lease=f"{ROOT}lease".encode() + tail,
            sessions=self._listing(number, ":sessions"),
            user=None if user_id is None else self._listing(number, ":user:" + escape(user_id)),
            member=member,
            owner=owner,
            together=False,
            _head=ROOT.encode(),
            _tail=tail,
            _users=self._listing(number, ":user:"),
        )

    def _listing(self, number: int, end: str) -> bytes:
        return f"{ROOT}{{{self._name}.{number}}}{self._end}{end}".encode()

    def catalogue(self, user_id: str | None = None) -> list[bytes]:
        """As `OwnLayout.catalogue`."""
        end = _listing_end(user_id)
        return [self._listing(number, end) for number in range(BUCKETS)]


Layout: TypeAlias = OwnLayout | SharedLayout


def _listing_end(user_id: str | None) -> str:
    if user_id is None:
        return ":sessions"
    check_id(user_id, "user id")
    return ":user:" + escape(user_id)


def _namespace(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ConfigurationError("the namespace must be text and not empty")
    try:
        size = len(value.encode())
    except UnicodeEncodeError:
        raise ConfigurationError("the namespace holds a lone surrogate") from None
    if size > MAX_NAMESPACE_BYTES:
        raise ConfigurationError(f"the namespace is longer than {MAX_NAMESPACE_BYTES:,} bytes")
    return escape(value)
