"""Operations on a session as a whole, on the catalogue and on the server."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from redialog import codec, replies
from redialog._checks import from_ms
from redialog.effect import Batch, CommandError, Op
from redialog.errors import UnknownVersion
from redialog.keys import Layout, SessionKeys

# How many of each bucket's newest sessions are looked at, and how many logs are asked for, at once
_DEPTH, _AT_ONCE = 4, 64

LAYOUT = 1
"""The version of the companions' layout that this library writes and reads."""


class SessionInfo(msgspec.Struct, frozen=True):
    """What is known of a session without reading its messages.

    Attributes:
        session_id: its id.
        exists: whether it has messages.
        count: how many.
        user_id: whom it belongs to, where that was given.
        created_at: the time of its oldest message, where that has one.
        updated_at: its last activity, by the server's clock.
        ttl: how long it lives on without a write; None where it does not expire.
    """

    session_id: str
    exists: bool
    count: int
    user_id: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    ttl: timedelta | None = None


def info(keys: SessionKeys) -> Op[SessionInfo]:
    """Count, owner, times and TTL of a session.

    Raises:
        UnknownVersion: it was written by a newer redialog.

    Cost: 1 round trip, constant.
    """
    log = keys.log
    answers = yield Batch(
        (
            (b"LLEN", log),
            (b"PTTL", log),
            (b"LINDEX", log, -1),
            (b"HMGET", keys.meta, b"layout", b"anchor", b"owner"),
            (b"ZSCORE", keys.sessions, keys.member),
        )
    )
    count, ttl, oldest, kept, score = (replies.checked(answer, log) for answer in answers)
    session_id = keys.member.decode()
    if replies.integer(count) == 0 or oldest is None:
        return SessionInfo(session_id, exists=False, count=0)
    left = replies.integer(ttl)
    updated = replies.score(score)
    first = codec.decode(replies.text(oldest), key="", position=-1)
    return SessionInfo(
        session_id,
        exists=True,
        count=replies.integer(count),
        user_id=_owner(replies.optional_texts(kept), replies.text(oldest), log),
        created_at=first.created_at,
        updated_at=None if updated is None else from_ms(updated),
        ttl=timedelta(milliseconds=left) if left >= 0 else None,
    )


def anchor(oldest: bytes) -> bytes:
    """What companions remember of the log's oldest element, as append.lua computes it.

    Another client can delete a log and start a new one under the same key; its companions then
    speak for the old one, and are as good as absent.
    """
    ends = oldest[:512] + oldest[-512:]
    digest = hashlib.sha1(ends, usedforsecurity=False).hexdigest()
    return b"%d:%s" % (len(oldest), digest.encode())


def _owner(kept: Sequence[bytes | None], oldest: bytes, log: bytes) -> str | None:
    layout, anchored, owner = kept
    if layout is None:
        return None
    if int(layout) > LAYOUT:
        raise UnknownVersion(
            f"the session under {log.decode('utf-8', 'backslashreplace')!r} has a layout of a "
            "newer redialog; upgrade",
        )
    if owner is None or anchored != anchor(oldest):
        return None
    return owner.decode()


def latest(layout: Layout, user_id: str | None) -> Op[str | None]:
    """The session with the newest activity that is still there; None where there is none.

    Args:
        layout: where the sessions lie.
        user_id: only those of this user.

    Cost: 2 round trips, with a short read for each of the 256 buckets; more where the newest
    sessions have expired.
    """
    unread = dict.fromkeys(layout.catalogue(user_id), 0)
    pending: list[tuple[int, str]] = []
    while unread or pending:
        horizon = yield from _deeper(unread, pending)
        # What lies below the horizon waits: a bucket may hold a newer one that was not read yet.
        pending.sort(reverse=True)
        sure = [one for one in pending if one[0] >= horizon]
        del pending[: len(sure)]
        for start in range(0, len(sure), _AT_ONCE):
            found = yield from _first_there(
                layout, [member for _, member in sure[start : start + _AT_ONCE]]
            )
            if found is not None:
                return found
    return None


def _deeper(unread: dict[bytes, int], pending: list[tuple[int, str]]) -> Op[int]:
    """Reads the next few sessions of each bucket into ``pending``.

    Args:
        unread: the buckets with more to read, and how many of each were read.
        pending: takes their sessions, as (score, id).

    Returns:
        The highest score that an unread session can have.
    """
    if not unread:
        return 0
    commands = tuple(
        (b"ZRANGE", key, -done - _DEPTH, -done - 1, b"WITHSCORES") for key, done in unread.items()
    )
    answers = yield Batch(commands)
    horizon = 0
    for key, answer in zip(tuple(unread), answers, strict=True):
        page = replies.scored(replies.checked(answer, key))
        pending += [(score, member.decode()) for member, score in page]
        if len(page) < _DEPTH:
            del unread[key]
        else:
            unread[key] += _DEPTH
            horizon = max(horizon, min(score for _, score in page))
    return horizon


def _first_there(layout: Layout, members: Sequence[str]) -> Op[str | None]:
    """The first of these sessions that has messages."""
    logs = [layout.session(member).log for member in members]
    lengths = yield Batch(tuple((b"LLEN", log) for log in logs))
    for member, log, length in zip(members, logs, lengths, strict=True):
        if isinstance(length, CommandError) and length.code == "WRONGTYPE":
            continue
        if replies.integer(replies.checked(length, log)):
            return member
    return None


def ping() -> Op[None]:
    """Asks the server for a sign of life.

    Cost: 1 round trip.
    """
    [answer] = yield Batch(((b"PING",),))
    replies.checked(answer, b"")
