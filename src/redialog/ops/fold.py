"""Folding the oldest messages into a summary: what to fold, keeping the result, giving up.

The summariser itself is called between two operations, never in one: `plan` takes a lease, so that
one process works at a time, and `commit` keeps the result only where the summary before it and
every message that was folded are as they were read. A lease is a courtesy that saves calls; that
nothing is folded twice rests on the comparison.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from redialog import folding, replies, summary
from redialog.effect import Argument, Batch, Op
from redialog.errors import Conflict
from redialog.folding import Fold
from redialog.keys import SessionKeys
from redialog.messages import Message
from redialog.ops import read
from redialog.ops._scripts import TOKEN_TTL_MS, Call, Write, call, mutate
from redialog.ops.context import Look, seen
from redialog.summary import RollingSummary, Summary
from redialog.tokens import Costs

KEPT = 16
"""How many summaries of a session are kept, with the newest."""

LEASE_MARGIN_MS = 10_000
"""A lease outlives the summariser's time by that."""

PAUSE_MS, LONGEST_PAUSE_MS = 30_000, 600_000
"""After a failure nobody tries again for that long, and twice as long after each further one."""


def plan(write: Write, policy: RollingSummary, costs: Costs, *, manual: bool) -> Op[Fold | None]:
    """Finds what should be folded, and takes the lease.

    Args:
        write: the session and the token, which becomes the summary's id.
        policy: of the summary.
        costs: of messages.
        manual: whether somebody asked for it: then half of the trigger is enough, and a pause
            after a failure does not count.

    Returns:
        What to give to the summariser; None where there is nothing to fold, or another process
        is at it.

    Cost: 1 round trip where there is nothing to fold, else 2; 1 more for each further page.
    """
    keys = write.keys
    over = policy.trigger_tokens // 2 if manual else policy.trigger_tokens

    def wanted(look: Look) -> tuple[Look, int] | None:
        if not manual and paused(look):
            return look, 0
        place = folding.due(look.view, policy, costs, over)
        return None if place is None else (look, place)

    look, until = yield from seen(keys, guess(over), wanted)
    first = folding.start(look.view)
    if until < first:
        return None
    messages = yield from _chosen(keys.log, look, (first, until), policy, costs)
    lease_ms = int(policy.timeout * 1000) + LEASE_MARGIN_MS
    if not messages or not (yield from _leased(write, look, lease_ms)):
        return None
    return _fold(write.token, look, first, messages, costs)


def paused(look: Look) -> bool:
    """Whether the last attempt failed a short while ago."""
    failure = look.view.failure
    if failure is None or failure.retry_at is None:
        return False
    left = failure.retry_at.timestamp() * 1000 - look.now
    # A longer one was noted by a clock that has been set back since.
    return 0 < left <= LONGEST_PAUSE_MS


def guess(tokens: int) -> int:
    """How many messages have so many tokens, probably: short ones."""
    return tokens // 72 + 8


def _chosen(
    log: bytes, look: Look, places: tuple[int, int], policy: RollingSummary, costs: Costs
) -> Op[Sequence[Message]]:
    """The messages for one call of the summariser, from the first of the places on."""
    first, until = places
    most, view = until - first + 1, look.view
    offset = view.total - len(view.newest)
    messages: Sequence[Message] = view.newest[first - 1 - offset :] if first > offset else []
    size = min(read.FIRST_PAGE, most)
    while (number := folding.part(messages, most, policy, costs)) is None:
        # The older part of a long history: it was not read to find what should be folded.
        start = first + len(messages)
        more = (b"LRANGE", log, -(start + size - 1), -start)
        [reply] = yield Batch((more,), alone=size > read.FIRST_PAGE)
        page = replies.texts(replies.checked(reply, log))
        if not page:
            return []
        messages = [*messages, *read.decoded(log, page, start - 1 + len(page))]
        size = read.next_size(page, read.PAGE_ELEMENTS)
    return messages[:number]


def _leased(write: Write, look: Look, lease_ms: int) -> Op[bool]:
    """Takes the lease, where nobody holds it and there is no new summary meanwhile."""
    keys = write.keys
    take = (b"SET", keys.lease, write.token, b"NX", b"GET", b"PX", lease_ms)
    holder, ids = yield Batch((take, (b"HGET", keys.meta, b"summaries")), writes=True)
    holder = replies.checked(holder, keys.lease)
    if holder is not None and replies.text(holder) != write.token.encode():
        return False
    found = replies.checked(ids, keys.meta)
    if (b"" if found is None else replies.text(found)) == look.ids:
        return True
    yield from give_up(write, "")
    return False


def _fold(token: str, look: Look, first: int, messages: Sequence[Message], costs: Costs) -> Fold:
    known = look.view.summary
    digest = hashlib.sha1(usedforsecurity=False)
    for message in messages:
        element = hashlib.sha1(message._raw or b"", usedforsecurity=False)
        digest.update(element.hexdigest().encode())
    tokens = sum(folding.cost(message, costs) for message in messages)
    return Fold(
        id=token,
        base=look.base,
        previous=None if known is None else known.text,
        messages=[message for message in messages if message.role not in folding.UNSEEN],
        first=first + look.shift,
        last=first + len(messages) - 1 + look.shift,
        digest=digest.hexdigest(),
        spare=len(look.view.leading),
        last_id=messages[-1].id,
        tokens=tokens + (0 if known is None else costs.text(known.text)),
    )


def commit(write: Write, fold: Fold, text: str, tokens: int, policy: RollingSummary) -> Op[bool]:
    """Keeps what the summariser returned.

    Args:
        write: as for `plan`.
        fold: what it was given.
        text: what it returned.
        tokens: of that.
        policy: of the summary.

    Returns:
        Whether it was kept: not where a message or the summary was changed meanwhile, or the
        session is gone.

    Raises:
        RedialogError: the server refused it; nothing was changed.

    Cost: 1 round trip; grows with the messages that were folded. 1 more where it was not kept.
    """
    kept = summary.stored(text, by=policy.name, tokens=tokens, last_id=fold.last_id)
    args: list[Argument] = [TOKEN_TTL_MS, write.owner, fold.id, fold.base, fold.first, fold.last]
    args += [fold.digest, fold.spare, kept, KEPT, "1" if policy.retention == "drop" else ""]
    try:
        yield from mutate("fold", write, args, listed=False, stage=write.keys.lease)
    except Conflict as error:
        yield from give_up(write, "")
        if type(error) is not Conflict:
            raise
        return False
    return True


def give_up(write: Write, reason: str) -> Op[None]:
    """Gives the lease back and keeps why the fold failed.

    Args:
        write: as for `plan`.
        reason: as `SummaryError.reason`, with the class of its cause after a dot; empty where it
            did not fail.

    Cost: 1 round trip.
    """
    keys = write.keys
    args: list[Argument] = [write.token, write.owner, reason, PAUSE_MS, LONGEST_PAUSE_MS]
    [reply] = yield from call(Call("unfold", [keys.log, keys.meta, keys.lease], args))
    replies.checked(reply, keys.log)


def summaries(keys: SessionKeys) -> Op[list[Summary]]:
    """The summaries of a session that still speak for it, newest first.

    Cost: 1 round trip.
    """
    [reply] = yield from call(Call("summaries", [keys.log, keys.meta], []), writes=False)
    found: list[Summary] = []
    for one, covers, time, text in replies.checked(reply, keys.log):
        known = summary.read(
            replies.text(one), replies.integer(covers), replies.text(time), replies.text(text)
        )
        found += [] if known is None else [known]
    return found[::-1]
