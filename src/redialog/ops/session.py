"""Operations on what is known of a session as a whole, and on the server."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from redialog import codec, replies, summary
from redialog._checks import from_ms
from redialog.effect import Batch, Op, Reply
from redialog.keys import SessionKeys
from redialog.ops._scripts import TOKEN_TTL_MS, Call, Write, call, flag, mutate, said
from redialog.summary import SummaryFailure

# A listing asks for the oldest message only where it is smaller than that: its time stands there.
_BRIEF, _ALL = 4096, 1 << 40

# Another client can have set a TTL that is longer than Python can say.
_LONGEST_MS = timedelta.max // timedelta(milliseconds=1)


class SessionInfo(msgspec.Struct, frozen=True):
    """What is known of a session without reading its messages.

    Attributes:
        session_id: its id.
        exists: whether it has messages.
        count: how many.
        user_id: whom it belongs to, where that was given.
        title: its title, where one was set.
        created_at: the time of its oldest message, where that has one; a listing leaves it out
            where that message is larger than 4 KB.
        updated_at: its last activity, by the server's clock.
        ttl: how long it lives on without a write; None where it does not expire.
        trimmed: how many of its oldest messages ``max_messages`` or a summary's retention has
            removed.
        summarised: for how many of its oldest messages a summary speaks.
        summary_failure: that the last attempts to write one failed.
    """

    session_id: str
    exists: bool
    count: int
    user_id: str | None = None
    title: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    ttl: timedelta | None = None
    trimmed: int = 0
    summarised: int = 0
    summary_failure: SummaryFailure | None = None


def info(keys: SessionKeys) -> Op[SessionInfo]:
    """Count, owner, title, times and TTL of a session.

    Raises:
        UnknownVersion: it was written by a newer redialog.

    Cost: 1 round trip, constant but for the oldest message, whose time is wanted.
    """
    score = () if keys.together else ((b"ZSCORE", keys.sessions, keys.member),)
    answer, *scores = yield from call(asked(keys), *score, writes=False)
    noted = replies.score(replies.checked(scores[0], keys.sessions)) if scores else None
    return told(keys, answer, noted)


def asked(keys: SessionKeys, *, brief: bool = False) -> Call:
    """The call that asks for what is known of a session.

    Args:
        keys: of the session.
        brief: whether a large first message is left out.
    """
    where = [keys.log, keys.meta, *([keys.sessions] if keys.together else [])]
    return Call("info", where, [keys.member, _BRIEF if brief else _ALL])


def told(keys: SessionKeys, answer: Reply, noted: int | None) -> SessionInfo:
    """What the answer to that call says.

    Args:
        keys: of the session.
        answer: of the server.
        noted: the score in the catalogue, where the call did not ask for it.

    Raises:
        RedialogError: the server refused it, or the layout is a newer one.
    """
    session_id = keys.member.decode()
    count, *rest = replies.checked(answer, keys.log)
    if not rest:
        return SessionInfo(session_id, exists=False, count=0)
    left = replies.integer(rest[0])
    oldest, score, owner, title, trimmed, covers, failed = map(replies.text, rest[1:])
    updated = replies.score(score) if score else noted
    first = codec.decode(oldest, key="", position=-1)
    return SessionInfo(
        session_id,
        exists=True,
        count=replies.integer(count),
        user_id=_shown(owner),
        title=_shown(title),
        created_at=first.created_at,
        updated_at=None if updated is None else from_ms(updated),
        ttl=timedelta(milliseconds=min(left, _LONGEST_MS)) if left >= 0 else None,
        trimmed=int(trimmed) if trimmed.isdigit() else 0,
        summarised=int(covers) if covers.isdigit() else 0,
        summary_failure=summary.failure(failed),
    )


def _shown(field: bytes) -> str | None:
    # Only another client can have left what is not UTF-8.
    return field.decode("utf-8", "replace") if field else None


def set_title(write: Write, title: str) -> Op[bool]:
    """Gives a session its title; an empty one removes it.

    Returns:
        Whether there is such a session.

    Raises:
        RedialogError: the server refused it; nothing was changed.

    Cost: 1 round trip.
    """
    asked = said(b"title", write.keys.log, title.encode())
    args = [TOKEN_TTL_MS, *write.ttl, write.owner, title, asked]
    outcome = yield from mutate("title", write, args, listed=False)
    return flag(outcome, asked)


def ping() -> Op[None]:
    """Asks the server for a sign of life.

    Cost: 1 round trip.
    """
    [answer] = yield Batch(((b"PING",),))
    replies.checked(answer, b"")
