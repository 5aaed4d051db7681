"""Appending: a turn in one call; thousands of messages staged and published at once."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from redialog.effect import Argument, Op
from redialog.errors import Conflict
from redialog.keys import Layout
from redialog.ops import catalogue, stage
from redialog.ops._scripts import (
    FULL,
    GONE,
    RESTARTS,
    TOKEN_TTL_MS,
    Call,
    Outcome,
    Write,
    mismatch,
    mutate,
    mutate_plainly,
)
from redialog.ops.cap import Cut, find_cut

# How often a cut is looked for: again each time that another writer changes a full log between the
# reading and the writing.
_CUTS = 8


def append(
    write: Write,
    elements: Sequence[bytes],
    *,
    digest: str,
    at: int,
    cap: int | None = None,
    sweep: Layout | None = None,
) -> Op[int]:
    """Adds messages at the new end of a session, exactly once for a token.

    Args:
        write: the session, the token and the TTL.
        elements: stored messages, oldest first; at least one.
        digest: of what the elements say, to notice a token that is used for something else.
        at: when they were made, ms since the epoch.
        cap: how many messages the session may hold; the oldest go, whole groups at a time.
        sweep: the layout, where the catalogue is to be freed of a few entries of expired sessions.

    Returns:
        When they were made; of the first time, where the append was sent again.

    Raises:
        IdempotencyMismatch: the token was used for other messages.
        RedialogError: the server refused the write; nothing was stored.

    Cost: 1 round trip; with ``sweep`` 3; at the cap 1 more; one more for each 1,000 messages or
    4 MB where there are more than that. Grows with the elements, not with the session.
    """
    written = f"{digest}:{at}"
    parts = stage.parts(elements)
    if cap is None and sweep is None and len(parts) == 1 and write.keys.together:
        args = (written, TOKEN_TTL_MS, *write.ttl, write.owner, write.keys.member, "", b"")
        outcome = yield from mutate_plainly("append", write, (*args, *elements))
        # Nearly always what was sent.
        return at if outcome.answer == written.encode() else _time(outcome, digest)
    before: Sequence[Call] = ()
    if sweep is not None:
        before = yield from catalogue.sweeping(sweep, write.keys)
    adding = _Adding(write, written, elements, cap, before)
    if len(parts) == 1:
        outcome = yield from _landed(adding, "append", elements)
    else:
        # With the time: what a call that crashed has staged under the same key has another one.
        outcome = yield from _staged(adding, f"{write.token}.{digest}.{at}", parts)
    return _time(outcome, digest)


def _time(outcome: Outcome, digest: str) -> int:
    """When the messages were made, as the token remembers it."""
    written, _, at = outcome.answer.decode().partition(":")
    if written != digest or not at.isdigit():
        raise mismatch()
    return int(at)


class _Adding(msgspec.Struct):
    """What is to be appended, and how.

    Attributes:
        write: the session, the token and the TTL.
        written: what the token remembers.
        elements: oldest first.
        cap: how many messages the session may hold.
        before: calls that travel ahead of the first attempt.
    """

    write: Write
    written: str
    elements: Sequence[bytes]
    cap: int | None
    before: Sequence[Call]


def _landed(
    adding: _Adding, name: str, tail: Sequence[Argument], staged: bytes | None = None
) -> Op[Outcome]:
    """Runs the script, and finds a cut for it where the log is at its cap."""
    write, log = adding.write, adding.write.keys.log
    head = [adding.written, TOKEN_TTL_MS, *write.ttl, write.owner, write.keys.member]
    cut = Cut(adding.cap)
    for _ in range(_CUTS):
        outcome = yield from mutate(
            name,
            write,
            [*head, cut.text, cut.edge, *tail],
            noted="always",
            stage=staged,
            before=adding.before,
        )
        if outcome.code != FULL:
            return outcome
        adding.before = ()
        cut = yield from find_cut(log, outcome, adding.elements, cut)
    # Others were faster each time. What is over the cap then goes with a later append.
    args = [*head, "", "", *tail]
    return (yield from mutate(name, write, args, noted="always", stage=staged))


def _staged(adding: _Adding, name: str, parts: Sequence[Sequence[bytes]]) -> Op[Outcome]:
    """Stages the elements and publishes them with one script."""
    keys = adding.write.keys
    key, op = keys.stage(name), keys.op(adding.write.token)
    for _ in range(RESTARTS):
        yield from stage.stage(key, op, keys.log, parts)
        outcome = yield from _landed(adding, "publish", [len(adding.elements), ""], key)
        if outcome.code != GONE:
            return outcome
    raise gone()


def gone() -> Conflict:
    """The error for a stage that was evicted or deleted again and again."""
    return Conflict(
        "what was staged on the server was deleted before it was published; nothing was stored. "
        "Is the server short of memory?",
        retryable=True,
    )
