"""Operations on a session as a whole: clear, TTL, and reads that renew it.

What changes a session is one script call: all of it, or nothing.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Literal

from redialog import replies
from redialog.effect import CommandError, Op, T
from redialog.errors import TransportError
from redialog.keys import SessionKeys
from redialog.ops._scripts import TOKEN_TTL_MS, Call, Write, call, flag, mismatch, mutate, said


def clear(write: Write) -> Op[int]:
    """Deletes a session with all that belongs to it, exactly once for a token.

    Returns:
        How many messages it had.

    Raises:
        RedialogError: the server refused it; nothing was deleted.

    Cost: 1 round trip; 2 in a shared layout, or where the session has an owner whom the handle
    does not name. The memory is freed in the background.
    """
    keys = write.keys
    outcome = yield from mutate("clear", write, [keys.member, TOKEN_TTL_MS, write.owner])
    length, cleared_at, owner = _cleared(outcome.answer)
    entries = [] if keys.together else keys.catalogue()
    if owner and keys.owner is None:
        entries.append(keys.of_user(owner))
    if entries:
        # The session is gone. A crash before this, or no answer to it, leaves an entry without a
        # session, which a listing drops.
        with suppress(TransportError):
            yield from call(Call("forget", entries, [keys.member, cleared_at]))
    return length


def _cleared(answer: bytes) -> tuple[int, int, bytes]:
    length, _, rest = answer.partition(b":")
    at, sep, owner = rest.partition(b":")
    # An append's token says two things, a digest that can be all digits, and a time.
    if not (sep and length.isdigit() and at.isdigit()):
        raise mismatch()
    return int(length), int(at), owner


def expire(
    write: Write, ttl: int | Literal["persist"] | None, *, activity: bool = False
) -> Op[bool]:
    """Sets, renews or removes the TTL of a session.

    Args:
        write: the session and the token.
        ttl: milliseconds; ``persist`` removes a running one; None leaves it alone.
        activity: whether the catalogue notes it as activity.

    Returns:
        Whether there is such a session.

    Raises:
        RedialogError: the server refused it; nothing was changed.

    Cost: 1 round trip.
    """
    fixed = write.ttl[1] if activity else ""
    args = ["" if ttl is None else ttl, write.keys.member, TOKEN_TTL_MS, int(activity)]
    noted: Literal["known"] | None = "known" if activity else None
    # What a touch sets is the handle's, and may differ from one process to the next.
    asked = said(b"touch" if activity else f"expire {ttl}".encode(), write.keys.log)
    args += [write.owner, fixed, asked]
    return flag((yield from mutate("expire", write, args, noted=noted)), asked)


def renewed(op: Op[T], keys: SessionKeys, ttl_ms: int) -> Op[T]:
    """A read that renews the session's TTL in its first round trip.

    Args:
        op: the read.
        keys: of the session.
        ttl_ms: the TTL; a session without messages gets none.

    Raises:
        RedialogError: as the read, or the TTL could not be set: what was read is withheld, since
            the caller counts on the session's living on.

    Cost: as the read.
    """
    try:
        batch = next(op)
        renew = Call("renew", [keys.log, keys.meta], [ttl_ms])
        *answers, renewal = yield from call(*batch.commands, renew, writes=False, alone=batch.alone)
        while True:
            if isinstance(renewal, CommandError) and renewal.code != "WRONGTYPE":
                replies.checked(renewal, keys.log)
            batch = op.send(answers)
            answers = list((yield batch))
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]
