"""Which messages are folded into a rolling summary, and which results are accepted.

Pure: what was read goes in, places come out. A place is counted from the oldest message of the
log, from 1.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

import msgspec

from redialog import groups
from redialog.context import View
from redialog.errors import SummaryError
from redialog.messages import Message
from redialog.summary import RollingSummary
from redialog.tokens import Costs

MAX_TOKENS, MAX_BYTES = 8_000, 4 << 20
"""A summariser gets no more than that at once, or than triggers a fold, but always a whole turn: a
long history that no summary covers yet takes few calls, and fits into every model."""

_FAR = 8
"""How many times the trigger is looked back for something to fold."""

UNSEEN = ("damaged", "remove")
"""What a summariser does not get to see."""


def start(view: View) -> int:
    """The place of the oldest message that no summary covers and that can be folded."""
    covers = 0 if view.summary is None else view.summary.covers
    return max(covers, len(view.leading)) + 1


def due(view: View, policy: RollingSummary, costs: Costs, over: int) -> int | None:
    """Up to which place messages should be folded.

    Args:
        view: of the session.
        policy: of the summary.
        costs: of messages.
        over: more tokens than that must be unfolded.

    Returns:
        A place between two turns: so that no more than half of the trigger is left, or no more
        than the turns to keep. 0 where there is nothing to fold that is worth it, None where more
        must be read to know.
    """
    offset = view.total - len(view.newest)
    first = max(start(view) - 1 - offset, 0)
    whole = start(view) > offset
    raw = view.newest[first:]
    left = _sums_from(raw, costs)
    if not raw or left[0] <= over:
        return 0 if whole else None
    # Turns after a cut: as many as there are starts of turns from it on.
    starts = groups.turn_starts(raw, begins=whole)
    last = starts[-policy.keep_turns] if len(starts) >= policy.keep_turns else 0
    kept = [cut for cut in groups.cuts(raw, begins=whole) if 0 < cut <= last]
    half = policy.trigger_tokens // 2
    fitting = [cut for cut in kept if left[cut] <= half] or kept[-1:]
    worth = [cut for cut in fitting if left[0] - left[cut] >= least(policy)]
    if not worth or (not whole and worth[0] != fitting[0]):
        # Turns that are so long are not folded before newer ones follow, so reading on for what
        # stands before them would have to be done each time.
        return 0 if whole or left[0] > _FAR * policy.trigger_tokens else None
    return offset + first + worth[0]


def least(policy: RollingSummary) -> int:
    """The tokens that are worth a call of the summariser.

    What a summary is made of must be longer than it: a greeting alone is not, however often the
    summariser is asked.
    """
    return max(1, min(policy.summary_max_tokens, policy.trigger_tokens // 2))


def part(
    messages: Sequence[Message], most: int, policy: RollingSummary, costs: Costs
) -> int | None:
    """How many of the oldest unfolded messages go to the summariser at once.

    Args:
        messages: the oldest that no summary covers.
        most: how many may be folded, up to a cut between turns.
        policy: of the summary: so many tokens go at once as trigger it, or `MAX_TOKENS` where
            that is more, and `least` more where they would be left.
        costs: of messages.

    Returns:
        A number of whole turns' messages, at least one turn and `least` tokens; None where more
        messages are needed to know.
    """
    last = most - 1
    if len(messages) < most:
        last = min(last, _settled(messages))
    cuts = {cut for cut in groups.cuts(messages) if 0 < cut <= last}
    tokens, size, chosen, enough = 0, 0, 0, least(policy)
    limit = max(policy.trigger_tokens, MAX_TOKENS)
    for index, message in enumerate(messages[:most]):
        if index in cuts and tokens >= enough and (not chosen or tokens <= limit):
            chosen = index
        tokens += cost(message, costs)
        size += len(message._raw or b"")
        if chosen and (tokens > limit + enough or size > MAX_BYTES):
            return chosen
    return most if len(messages) >= most else None


def _settled(messages: Sequence[Message]) -> int:
    """Up to which index no call waits for a result that may come after the messages."""
    starts = groups.turn_starts(messages)
    belongs = groups.units(messages, begins=False)
    for index, message in enumerate(messages):
        if message.tool_calls and belongs[index] == groups.OUT:
            begun = len(starts) - bisect_right(starts, index)
            if begun <= groups.REACH_TURNS:
                return index
    return len(messages)


def cost(message: Message, costs: Costs) -> int:
    """Tokens of a message; none where a model cannot see it."""
    return 0 if message.role in UNSEEN else costs.of(message)


def accepted(text: str, given: int, policy: RollingSummary, costs: Costs) -> int:
    """The tokens of what a summariser returned.

    Args:
        text: of the new summary.
        given: tokens of the previous summary and the messages.
        policy: of the summary.
        costs: of texts.

    Raises:
        SummaryError: it is empty, too long, or no shorter than what it was made of.
    """
    if not text.strip():
        raise SummaryError(reason="empty")
    tokens = costs.text(text)
    if tokens > policy.summary_max_tokens:
        raise SummaryError(reason="too_long")
    if tokens >= given:
        raise SummaryError(reason="not_shorter")
    return tokens


class Fold(msgspec.Struct, frozen=True):
    """Messages that go to the summariser, and what must be the same when its answer is kept.

    Attributes:
        id: of the summary to be; the lease's value.
        base: id of the summary that it continues, or empty.
        previous: its text.
        messages: what the summariser sees.
        first: place of the oldest message, with the shift of the log.
        last: of the newest.
        digest: of the messages between.
        spare: how many messages at the beginning are never folded.
        last_id: id of the newest message.
        tokens: of the previous summary and the messages.
    """

    id: str
    base: bytes
    previous: str | None
    messages: Sequence[Message]
    first: int
    last: int
    digest: str
    spare: int
    last_id: str | None
    tokens: int


def _sums_from(messages: Sequence[Message], costs: Costs) -> list[int]:
    """Of each message the tokens of it and all that follow."""
    sums, total = [0] * len(messages), 0
    for index in range(len(messages) - 1, -1, -1):
        total += cost(messages[index], costs)
        sums[index] = total
    return sums
