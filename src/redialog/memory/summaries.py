"""Memory objects whose history is a summary, and what was said since."""

from __future__ import annotations

from typing import Unpack

from redialog.errors import ConfigurationError
from redialog.memory.base import ConversationMemory, Options
from redialog.memory.selecting import Wanted
from redialog.memory.steps import run
from redialog.summary import RollingSummary, Summarizer
from redialog.tokens import Costs, Counter

SOON = 500
"""A summary memory folds what was said as soon as it has more tokens than that."""

AT_WORST = 8
"""Where the summariser fails, a summary memory gives so many times what should be folded."""


class _Summarised(ConversationMemory):
    """What both have."""

    def __init__(
        self, policy: RollingSummary, counter: Counter | None, **options: Unpack[Options]
    ) -> None:
        Costs(counter)
        super().__init__(**options)
        self._source.keeps(policy)
        self.policy = policy
        self.counter = counter

    @property
    def moving_summary_buffer(self) -> str:
        """The text of the summary alone; empty where there is none. Read at each access."""
        return run(self._source.summarised(self._source.blocking()))


class ConversationSummaryMemory(_Summarised):
    """A summary of the conversation, and what was said since it was made.

    Args:
        summarizer: writes the summary: a function, see `redialog.summarizers`, or a
            `RollingSummary`, which says when. As a function it is called when there are more than
            500 tokens to fold, so that the newest exchange and little more is not in the summary.
        counter: counts the tokens of a text; None for the built-in estimate.
        **options: as for `ConversationMemory`.

    Raises:
        ConfigurationError: an argument is not usable.

    The summary is kept in Redis, so a restart or another process goes on with it. It is made when
    the history is loaded, not at each save, and nothing is missing in between: what is not folded
    yet follows it word for word. A failing summariser disturbs nobody; what it did not fold is
    given up to eight times the trigger.

    Cost: that of `Session.context`.
    """

    def __init__(
        self,
        summarizer: Summarizer | RollingSummary,
        *,
        counter: Counter | None = None,
        **options: Unpack[Options],
    ) -> None:
        if not isinstance(summarizer, RollingSummary):
            summarizer = RollingSummary(summarizer, trigger_tokens=SOON, keep_turns=1)
        super().__init__(summarizer, counter, **options)

    def _wanted(self) -> Wanted:
        most = AT_WORST * self.policy.trigger_tokens
        return Wanted(tokens=most, policy=self.policy, counter=self.counter)


class ConversationSummaryBufferMemory(_Summarised):
    """The newest exchanges word for word, and a summary of what is older.

    Args:
        max_token_limit: so many tokens may be word for word; beyond, the older of them are folded
            until half remains. Where the newest user message and what came last do not fit, there
            is the summary alone.
        summarizer: writes the summary: a function, see `redialog.summarizers`, or a
            `RollingSummary`, whose ``trigger_tokens`` are then the limit.
        counter: counts the tokens of a text; None for the built-in estimate.
        **options: as for `ConversationMemory`.

    Raises:
        ConfigurationError: an argument is not usable.

    The summary is kept in Redis, so a restart or another process goes on with it; it has a limit
    of its own, 500 tokens but for a policy that says otherwise. System messages at the beginning
    come beside both. The limit bounds what is given, never what is stored; it also holds where the
    summariser fails.

    Cost: that of `Session.context`.
    """

    def __init__(
        self,
        max_token_limit: int | None = None,
        *,
        summarizer: Summarizer | RollingSummary,
        counter: Counter | None = None,
        **options: Unpack[Options],
    ) -> None:
        if not isinstance(summarizer, RollingSummary):
            limit = 2000 if max_token_limit is None else max_token_limit
            if type(limit) is not int or limit < 1:
                raise ConfigurationError("max_token_limit must be a whole number of at least 1")
            summarizer = RollingSummary(summarizer, trigger_tokens=limit, keep_turns=1)
        elif max_token_limit not in (None, summarizer.trigger_tokens):
            raise ConfigurationError(
                "the RollingSummary has trigger_tokens: leave max_token_limit out"
            )
        super().__init__(summarizer, counter, **options)

    @property
    def max_token_limit(self) -> int:
        """So many tokens may be word for word."""
        return self.policy.trigger_tokens

    def _wanted(self) -> Wanted:
        tokens = self.policy.trigger_tokens
        return Wanted(tokens=tokens, policy=self.policy, counter=self.counter)
