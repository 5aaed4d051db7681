"""Replies of the server as plain values, whatever the protocol, the client or the transport.

Every operation reads replies through these functions, so that RESP2, RESP3 and REST differ in one
place only, and so that an error reply becomes the same typed error everywhere.
"""

from __future__ import annotations

import math

from redialog.effect import CommandError, Reply
from redialog.errors import (
    AuthError,
    Conflict,
    CrossSlot,
    DataError,
    OutOfMemory,
    OwnerMismatch,
    PermissionDenied,
    ReadOnly,
    RedialogError,
    ServerError,
    SessionExists,
    UnknownVersion,
    WrongType,
)

_SERVER_ERRORS: dict[str, tuple[type[ServerError], str]] = {
    "OOM": (OutOfMemory, "the server is at its maxmemory; raise it, or give sessions a ttl"),
    "READONLY": (ReadOnly, "the server is a read-only replica; connect to the primary"),
    "NOPERM": (PermissionDenied, "the ACL user may not run a command or touch a key"),
    "CROSSSLOT": (CrossSlot, "the keys of one call lie in different slots"),
    "MOVED": (ServerError, "the server is a node of a Cluster: use a redis+cluster:// url"),
    "MISCONF": (
        ServerError,
        "the server cannot write to its disk (MISCONF), so it takes no writes: free space there",
    ),
}


# What our own scripts refuse.
_REFUSALS: dict[str, tuple[type[RedialogError], str]] = {
    "OWNER": (
        OwnerMismatch,
        "the session under {} belongs to another user; nothing was changed",
    ),
    "VERSION": (
        UnknownVersion,
        "the session under {} has a layout of a newer redialog; upgrade",
    ),
    "CHANGED": (
        Conflict,
        "a message of the session under {} was changed by somebody else meanwhile; read it again",
    ),
    "EXISTS": (
        SessionExists,
        "there is a session under {} already; nothing was changed. Use another id",
    ),
}

# A script reports what its user may not do as a plain error: Redis 7.0, and 7.2 with Valkey.
_ACL_IN_SCRIPT = ("The user executing the script can't", "ACL failure in script")


# States of a server that pass: a failover, a resharding, a slow script, a full disk.
_PASSING = {"LOADING", "BUSY", "TRYAGAIN", "CLUSTERDOWN", "MASTERDOWN", "NOREPLICAS", "MISCONF"}


def shown(key: bytes) -> str:
    """A key as errors show it, whatever bytes it has."""
    return key.decode("utf-8", "backslashreplace")


def error(reply: CommandError, key: bytes) -> RedialogError:
    """The typed error for an error reply.

    Args:
        reply: what the server answered. Its text is not shown: it can quote arguments, and those
            are messages.
        key: the log's key, for the text of the error.
    """
    name = shown(key)
    code = reply.code
    if code == "ERR" and reply.text.startswith(_ACL_IN_SCRIPT):
        code = "NOPERM"
    if code in _SERVER_ERRORS:
        kind, text = _SERVER_ERRORS[code]
        fields: dict[str, object] = {"retryable": True} if code in _PASSING else {}
        return kind(f"{text} (session key {name!r})", code=code, **fields)
    if code == "WRONGTYPE":
        return wrong_type(name)
    if code in ("NOAUTH", "WRONGPASS"):
        return AuthError("the server asks for a password", address="")
    if code in _REFUSALS:
        refusal, text = _REFUSALS[code]
        return refusal(text.format(repr(name)), key=name)
    return ServerError(
        f"the server refused a command with {code} (session key {name!r})",
        code=code,
        retryable=code in _PASSING,
    )


def wrong_type(key: str, found: str = "") -> WrongType:
    """The error for a key that holds another kind of value."""
    held = f"holds a {found}" if found else "or a companion of it holds another type of value"
    return WrongType(
        f"the key {key!r} {held}, not a conversation; nothing was changed. Use another session "
        "id, namespace or key_prefix",
        code="WRONGTYPE",
        key=key,
    )


def checked(reply: Reply, key: bytes) -> Reply:
    """The reply, where it is none of an error.

    Raises:
        RedialogError: the typed error, where it is one.
    """
    if isinstance(reply, CommandError):
        raise error(reply, key)
    return reply


def integer(reply: Reply) -> int:
    """An integer reply, which REST gives as a number and some proxies as text."""
    try:
        return int(reply)
    except (TypeError, ValueError):
        # Not the reply itself: it can be somebody's text.
        raise DataError(
            f"the server gave a {type(reply).__name__} where a number was expected"
        ) from None


def text(reply: Reply) -> bytes:
    """A text reply as bytes."""
    if isinstance(reply, str):
        return reply.encode()
    if isinstance(reply, bytes):
        return reply
    raise DataError(f"the server gave a {type(reply).__name__} where text was expected")


def texts(reply: Reply) -> list[bytes]:
    """An array of texts."""
    if not isinstance(reply, list | tuple):
        raise DataError(f"the server gave a {type(reply).__name__} where a list was expected")
    if set(map(type, reply)) <= {bytes}:
        return list(reply)
    return [text(item) for item in reply]


def score(reply: Reply) -> int | None:
    """A sorted set's score: text in RESP2, a float in RESP3."""
    return None if reply is None else _whole(reply)


def scored(reply: Reply) -> list[tuple[bytes, int]]:
    """Members with scores: a flat array in RESP2 and REST, pairs in RESP3."""
    flat: list[Reply] = []
    for item in reply:
        flat.extend(item if isinstance(item, list | tuple) else [item])
    return [(text(m), _whole(s)) for m, s in zip(flat[::2], flat[1::2], strict=True)]


def _whole(number: Reply) -> int:
    value = float(number)
    if math.isinf(value):
        # Only another client can have left it. Beyond every time, so it stands at its end.
        return (1 << 63) if value > 0 else -(1 << 63)
    return int(value)
