"""Operations that change a session. Each is one script call: all of it happens, or nothing."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Literal

from redialog.effect import Argument, Op
from redialog.errors import IdempotencyMismatch, TransportError
from redialog.keys import SessionKeys
from redialog.ops._scripts import TOKEN_TTL_MS, call, mutate


def append(
    keys: SessionKeys,
    elements: Sequence[bytes],
    *,
    token: str,
    digest: str,
    at: int,
    ttl_ms: int | None,
    resend_key: str | None = None,
) -> Op[int]:
    """Adds messages at the new end of a session, exactly once for a token.

    Args:
        keys: of the session.
        elements: stored messages, oldest first; at least one.
        token: of this operation.
        digest: of what the elements say, to notice a token that is used for something else.
        at: when they were made, ms since the epoch.
        ttl_ms: the TTL that the session gets; None leaves a running one alone.
        resend_key: the idempotency key that stands for the token.

    Returns:
        When they were made; of the first time, where the append was sent again.

    Raises:
        IdempotencyMismatch: the token was used for other messages.
        RedialogError: the server refused the write; nothing was stored.

    Cost: 1 round trip; grows with the elements, not with the session.
    """
    ttl = b"" if ttl_ms is None else ttl_ms
    head: list[Argument] = [f"{digest}:{at}", TOKEN_TTL_MS, ttl, keys.owner or b"", keys.member]
    args = [*head, *elements]
    answer = yield from mutate("append", keys, token, args, noted="always", resend_key=resend_key)
    written, _, written_at = answer.decode().partition(":")
    if written != digest:
        raise IdempotencyMismatch(
            "this idempotency key was used for other messages within the last minute; nothing was "
            "stored. Use a new key for each append",
        )
    return int(written_at)


def clear(keys: SessionKeys, *, token: str) -> Op[int]:
    """Deletes a session with all that belongs to it.

    Returns:
        How many messages it had.

    Raises:
        RedialogError: the server refused it; nothing was deleted.

    Cost: 1 round trip, 2 in a shared layout; the memory is freed in the background.
    """
    answer = yield from mutate("clear", keys, token, [keys.member, TOKEN_TTL_MS, keys.owner or b""])
    length, _, cleared_at = answer.partition(b":")
    if not keys.together:
        # The session is gone. A crash before this, or no answer to it, leaves an entry without a
        # session, which a listing drops.
        with suppress(TransportError):
            yield from call(("forget", keys.catalogue(), [keys.member, cleared_at]))
    return int(length)


def expire(
    keys: SessionKeys, ttl: int | Literal["persist"] | None, *, token: str, activity: bool = False
) -> Op[bool]:
    """Sets or removes the TTL of a session.

    Args:
        keys: of the session.
        ttl: milliseconds; ``persist`` removes a running one; None leaves it alone.
        token: of this operation.
        activity: whether the catalogue notes it as activity.

    Returns:
        Whether there is such a session.

    Raises:
        RedialogError: the server refused it; nothing was changed.

    Cost: 1 round trip.
    """
    left = "" if ttl is None else ttl
    args = [left, keys.member, TOKEN_TTL_MS, int(activity), keys.owner or b""]
    answer = yield from mutate("expire", keys, token, args, noted="known" if activity else None)
    return answer == b"1"
