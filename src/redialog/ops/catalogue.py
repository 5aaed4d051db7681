"""The catalogue: which sessions there are, newest activity first, without scanning anything.

It lies in 256 buckets. A page reads the newest few entries of each and merges them; an entry that
leads to no session any more (it expired, another client deleted it) is dropped when it is met.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from contextlib import suppress
from math import isqrt
from typing import TypeAlias

import msgspec

from redialog import replies
from redialog.effect import Batch, Command, CommandError, Op
from redialog.errors import ConfigurationError, InvalidSessionId, RedialogError
from redialog.keys import Layout, SessionKeys
from redialog.ops._scripts import TOKEN_TTL_MS, Call, call
from redialog.ops.session import SessionInfo, asked, told

MAX_PAGE = 1000

SWEPT = 3
"""How many of a bucket's oldest entries a write looks at now and then, and how many of any age:
where the oldest sessions never expire, those behind them are met all the same."""

GRACE_MS = TOKEN_TTL_MS
"""In a catalogue of its own slot an entry stands before its session does; it is not dropped while
the write that follows it can still be on its way. As long as an operation's token lives."""

# No longer a number than a score can be: cursors come back from users.
_CURSOR = re.compile(r"(-?[0-9a-f]{1,16})\.([A-Za-z0-9_-]*)")

Place: TypeAlias = tuple[int, bytes]
"""Where an entry stands: by its score, then by its member."""


class SessionPage(msgspec.Struct, frozen=True):
    """A part of a listing of sessions.

    Attributes:
        sessions: newest activity first.
        cursor: what the next page is asked for with; None where this is the last.
    """

    sessions: tuple[SessionInfo, ...]
    cursor: str | None


def page(
    layout: Layout, user_id: str | None, *, limit: int, cursor: str | None = None
) -> Op[SessionPage]:
    """The sessions with the newest activity, or those that follow a cursor.

    Args:
        layout: where the sessions lie.
        user_id: only those of this user.
        limit: how many, at least 1.
        cursor: of the page before.

    Raises:
        ConfigurationError: the cursor is none.

    Cost: 2 round trips, with a short read for each of the 256 buckets; 3 more where entries of
    expired sessions are met, and again where those are many. Grows with the page, hardly with the
    number of sessions.
    """
    after = None if cursor is None else _place(cursor)
    found: list[tuple[Place, SessionInfo]] = []
    # One more than asked for tells whether another page follows.
    wanted = limit + 1
    while True:
        entries = yield from _newest(layout.catalogue(user_id), after, wanted)
        found += yield from _looked_up(layout, user_id, entries)
        if len(found) > limit:
            sessions = tuple(info for _, info in found[:limit])
            return SessionPage(sessions, _cursor(found[limit - 1][0]))
        if len(entries) < wanted:
            return SessionPage(tuple(info for _, info in found), None)
        after = entries[-1]
        # Many have expired: look at more of them at once.
        wanted = min(2 * wanted, MAX_PAGE + 1)


class _Bucket(msgspec.Struct):
    """What was read of a bucket: down to where, and whether there is more."""

    last: Place | None
    open: bool = True
    depth: int = 0


def _newest(keys: Sequence[bytes], after: Place | None, limit: int) -> Op[list[Place]]:
    """The first entries below a place, of all buckets together."""
    # So much more than a bucket's share that hardly any has to be read again.
    depth = limit // len(keys) + isqrt(limit) // 4 + 3
    buckets = {key: _Bucket(after, depth=depth) for key in keys}
    found: list[Place] = []
    unread = list(keys)
    while unread:
        answers = yield Batch(tuple(_below(key, buckets[key]) for key in unread), alone=True)
        for key, answer in zip(unread, answers, strict=True):
            found += _taken(buckets[key], replies.scored(replies.checked(answer, key)))
        found.sort(reverse=True)
        # What is still unread in a bucket stands below the last that was read of it.
        edge = found[limit - 1] if len(found) >= limit else (-1, b"")
        unread = [k for k, b in buckets.items() if b.open and (b.last is None or b.last > edge)]
    return found[:limit]


def _below(key: bytes, bucket: _Bucket) -> Command:
    top = b"+inf" if bucket.last is None else bucket.last[0]
    limit = (b"BYSCORE", b"REV", b"LIMIT", 0, bucket.depth, b"WITHSCORES")
    return (b"ZRANGE", key, top, b"-inf", *limit)


def _taken(bucket: _Bucket, page: Sequence[tuple[bytes, int]]) -> list[Place]:
    """The entries of a page that were not seen before; notes how far the bucket was read."""
    places = [(score, member) for member, score in page]
    bucket.open = len(places) == bucket.depth
    new = [place for place in places if bucket.last is None or place < bucket.last]
    if not new:
        # All have the score of the last one, or the page would have gone below it.
        bucket.depth *= 4
        return new
    bucket.last = new[-1]
    # Where a bucket has to be read again, many of its entries are wanted: forks under random ids
    # lie in the bucket of what they were made from.
    bucket.depth = max(bucket.depth, min(8 * bucket.depth, MAX_PAGE))
    return new


def _looked_up(
    layout: Layout, user_id: str | None, entries: Sequence[Place]
) -> Op[list[tuple[Place, SessionInfo]]]:
    """What is known of the sessions; drops the entries that lead to none."""
    known = [(place, keys) for place in entries if (keys := _keys(layout, place[1], user_id))]
    if not known:
        return []
    asking = (asked(keys, brief=True) for _, keys in known)
    answers = yield from call(*asking, writes=False, alone=True)
    there: list[tuple[Place, SessionInfo]] = []
    dangling: list[Call] = []
    for (place, one), answer in zip(known, answers, strict=True):
        if isinstance(answer, CommandError) and answer.code in ("WRONGTYPE", "VERSION"):
            # Not a session that this library can read, and not its to drop.
            continue
        info = told(one, answer, place[0])
        if info.exists and (user_id is None or info.user_id == user_id):
            there.append((place, info))
        else:
            dangling.append(_drop(one, place))
    if dangling:
        # A listing is not the place to complain that nothing can be written.
        with suppress(RedialogError):
            yield from call(*dangling)
    return there


def _keys(layout: Layout, member: bytes, user_id: str | None) -> SessionKeys | None:
    """The keys of a listed session; None for an entry that only another client can have made."""
    try:
        return layout.session(member.decode(), user_id)
    except (InvalidSessionId, UnicodeDecodeError):
        return None


def _drop(keys: SessionKeys, place: Place) -> Call:
    score, member = place
    where = [keys.sessions if keys.user is None else keys.user]
    grace = GRACE_MS
    if keys.together:
        where += [keys.log, keys.meta]
        grace = 0
    return Call("drop", where, [member, score, keys.owner or b"", grace])


def sweeping(layout: Layout, keys: SessionKeys) -> Op[list[Call]]:
    """What frees a session's bucket of a few entries of expired sessions, to travel with a write.

    Cost: 2 round trips.
    """
    oldest = tuple((b"ZRANGE", key, 0, SWEPT - 1, b"WITHSCORES") for key in keys.catalogue())
    some = (b"ZRANDMEMBER", keys.sessions, SWEPT, b"WITHSCORES")
    answers = yield Batch((*oldest, some))
    entries: dict[tuple[bytes, bytes | None], tuple[SessionKeys, Place]] = {}
    owners = [None, None] if keys.user is None else [None, keys.owner, None]
    for owner, answer in zip(owners, answers, strict=True):
        if isinstance(answer, CommandError):
            continue
        user_id = None if owner is None else owner.decode()
        for member, score in replies.scored(answer):
            other = _keys(layout, member, user_id)
            if other is not None and member != keys.member:
                entries[member, owner] = (other, (score, member))
    if not entries:
        return []
    there = yield Batch(tuple((b"EXISTS", other.log) for other, _ in entries.values()))
    return [
        _drop(other, place)
        for (other, place), answer in zip(entries.values(), there, strict=True)
        if not isinstance(answer, CommandError) and replies.integer(answer) == 0
    ]


def latest(layout: Layout, user_id: str | None) -> Op[str | None]:
    """The session with the newest activity that is still there; None where there is none.

    Args:
        layout: where the sessions lie.
        user_id: only those of this user.

    Cost: as `page`.
    """
    found = yield from page(layout, user_id, limit=1)
    return found.sessions[0].session_id if found.sessions else None


def _cursor(place: Place) -> str:
    score, member = place
    return f"{score:x}." + base64.urlsafe_b64encode(member).decode().rstrip("=")


def _place(cursor: object) -> Place:
    parts = _CURSOR.fullmatch(cursor) if isinstance(cursor, str) else None
    with suppress(binascii.Error):
        if parts is not None:
            padded = parts[2] + "=" * (-len(parts[2]) % 4)
            return int(parts[1], 16), base64.b64decode(padded, b"-_", validate=True)
    raise ConfigurationError(
        "the cursor is not one that a page of sessions gave; begin without one"
    )
