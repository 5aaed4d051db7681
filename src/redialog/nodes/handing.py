"""Which messages a node hands over, and the summary of what it does not."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from typing import Any

import msgspec

from redialog.errors import BudgetTooSmall, ConfigurationError
from redialog.memory import selecting
from redialog.memory.steps import Steps
from redialog.messages import Message
from redialog.nodes.errors import NodeError
from redialog.nodes.inputs import Inputs
from redialog.summarizers import KeySentences, LangChainSummarizer
from redialog.summary import LEAD, RollingSummary, as_message
from redialog.tokens import Costs

SUMMARY_TOKENS = 500
"""A summary has no more tokens than that; with what stands before it no more than half of all that
may be handed over, so that there is room for what was said last."""

BETWEEN = 2000
"""So many tokens may stand between a summary and a window, where the summariser fails."""

WORDS = 200
WORD_TOKENS = 3
"""So many words a summariser is told to write at most: fewer where these could be too many tokens,
at so many for a word."""


class Handing(msgspec.Struct, frozen=True):
    """What is handed over: everything, but for the limits.

    Attributes:
        turns: so many of the newest exchanges at most.
        tokens: so many tokens at most, of all.
        policy: of the summary that stands for what is older; None for none.
    """

    turns: int | None
    tokens: int | None
    policy: RollingSummary | None


def handing_of(inputs: Inputs, summarizer: Any, node: str) -> Handing:
    """What the inputs ask for.

    Args:
        inputs: of the node.
        summarizer: a function, a chat model of LangChain's, a `RollingSummary`, or None for the
            built-in one.
        node: whom an error names.

    Raises:
        NodeError: the summariser is none of these.
    """
    try:
        policy = _policy(summarizer, inputs.max_tokens)
    except ConfigurationError as error:
        raise NodeError(node=node, field="summarizer", reason=str(error)) from None
    return Handing(inputs.window_size, inputs.max_tokens, policy if inputs.summarize else None)


def _policy(summarizer: Any, tokens: int | None) -> RollingSummary:
    if isinstance(summarizer, RollingSummary):
        return summarizer
    longest, words = SUMMARY_TOKENS, WORDS
    if tokens is not None:
        longest = max(1, min(longest, tokens // 2 - Costs(None).of(Message.system(LEAD))))
        words = max(1, min(words, longest // WORD_TOKENS))
    if summarizer is None:
        summarizer = KeySentences(max_words=words)
    elif not callable(summarizer):
        summarizer = LangChainSummarizer(summarizer, max_words=words)
    return RollingSummary(
        summarizer,
        trigger_tokens=2000 if tokens is None else tokens,
        summary_max_tokens=longest,
        keep_turns=1,
    )


def read(session: Any, handing: Handing) -> Steps[Sequence[Message]]:
    """Reads what is handed over.

    Cost: the round trips of `Session.messages`, `Session.window` or `Session.context`; with a
    window and a summary one more `Session.context`, where something stands between the two.
    """
    turns, tokens, policy = handing.turns, handing.tokens, handing.policy
    if policy is not None:
        return (yield from _summarised(session, handing, policy))
    found: Sequence[Message]
    if tokens is not None:
        try:
            made = yield session.context(window_turns=turns, max_tokens=tokens)
            found = made.messages
        except BudgetTooSmall:
            # The newest exchange alone has more: rather nothing than an error in every chat.
            found = []
    elif turns is not None:
        found = yield session.window(turns=turns)
    else:
        found = yield session.messages()
    return found


def _summarised(session: Any, handing: Handing, policy: RollingSummary) -> Steps[Sequence[Message]]:
    turns, tokens = handing.turns, handing.tokens
    if turns is None and tokens is None:
        wanted = selecting.Wanted(tokens=policy.trigger_tokens, policy=policy)
        return (yield from selecting.of_session(session, wanted))
    try:
        # What the window holds is not folded.
        made = yield session.context(
            window_turns=turns, max_tokens=tokens, summarizer=_keeping(policy, turns)
        )
        if turns is not None and made.left_beside():
            # Nothing may be missing between the summary and what follows it: neither what has left
            # the window and is not worth a fold yet, nor what is too long for the budget.
            if tokens is None:
                made = yield session.context(max_tokens=made.tokens.total + BETWEEN)
            else:
                made = yield session.context(max_tokens=tokens, summarizer=policy)
        return made.messages  # type: ignore[no-any-return]
    except BudgetTooSmall:
        # The newest exchange alone has more: what stands before it is folded and handed over.
        yield session.context(window_turns=0, summarizer=policy)
        found = yield session.summary()
    message = None if found is None else as_message(found)
    return [] if message is None or Costs(None).of(message) > (tokens or 0) else [message]


def _keeping(policy: RollingSummary, turns: int | None) -> RollingSummary:
    made = copy(policy)
    made.keep_turns = max(policy.keep_turns, turns or 1)
    return made
