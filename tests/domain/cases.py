"""Contexts to be made: a conversation, a summary, limits; and what was made of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import takewhile

from hypothesis import strategies as st

from redialog import BudgetTooSmall, Message
from redialog.context import Context, Limits, View, fit
from redialog.summary import Summary, as_message
from redialog.tokens import Costs, TokenCounter
from tests.domain.conversations import TALKS, talk

BLOCK = 10

COUNTED = Costs(TokenCounter(len, block_tokens=BLOCK))
"""A token for each character, ten for an image."""

WHEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def cost(message: Message) -> int:
    """The tokens of a message by the rule: text, calls, name, other blocks, and 4."""
    calls = [call.to_openai() for call in message.tool_calls]
    written = json.dumps(calls, separators=(",", ":")) if calls else ""
    others = [block for block in message.content if not isinstance(block, str)]
    images = sum(block.get("type") != "text" for block in others)
    return len(message.text) + len(written) + len(message.name or "") + images * BLOCK + 4


def summary(covers: int, text: str = "They spoke.") -> Summary:
    """A summary of so many of the oldest messages."""
    return Summary(text, covers, None, WHEN, "a model", 3, "s-1")


@dataclass(frozen=True)
class Case:
    """What a context is made from."""

    messages: Sequence[Message]
    limits: Limits
    summary: Summary | None = None
    system: Message | None = None

    @property
    def leading(self) -> list[Message]:
        """The system messages that are always in."""
        return list(takewhile(lambda message: message.role == "system", self.messages[:16]))

    @property
    def head(self) -> list[Message]:
        """The same, after the system message of the call, unless one of them says as much."""
        if self.system is None or self.system.text in [one.text for one in self.leading]:
            return self.leading
        return [self.system, *self.leading]

    @property
    def covered(self) -> int:
        """How many messages stand before the history."""
        return max(len(self.leading), self.summary.covers if self.summary else 0)

    @property
    def history(self) -> Sequence[Message]:
        """What comes after the leading messages and the summary."""
        return self.messages[self.covered :]

    def view(self, read: int | None = None) -> View:
        """The conversation with only so many of the newest messages read; None for all."""
        total = len(self.messages)
        newest = self.messages if read is None else self.messages[total - read :]
        return View(total, self.leading, newest, self.summary)

    def made(self, read: int | None = None) -> Context | BudgetTooSmall | None:
        """The context, or that the budget is too small; None where more must be read."""
        try:
            return fit(self.view(read), self.limits, COUNTED, self.system)
        except BudgetTooSmall as error:
            return error

    def context(self) -> Context:
        """The context, from all of the conversation."""
        made = self.made()
        assert isinstance(made, Context)
        return made

    def kept(self) -> set[int]:
        """The indexes in the history of what is in the context."""
        messages = self.context().messages
        return {i for i, one in enumerate(self.history) if any(one is other for other in messages)}

    def has_summary(self) -> bool:
        """Whether the summary is in the context."""
        if self.summary is None:
            return False
        return as_message(self.summary) in self.context().messages


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Any conversation, as it may be met, under any limits."""
    words = ["s"] * draw(st.sampled_from([0, 0, 0, 1, 2, 20])) + draw(TALKS)
    messages = talk(words, draw(st.lists(st.integers(0, 30), min_size=3, max_size=3)))
    folded = draw(st.none() | st.integers(0, len(messages)))
    most = draw(st.none() | st.integers(0, 500) | st.integers(60, 250))
    return Case(
        messages,
        Limits(
            draw(st.none() | st.integers(0, 4)),
            most,
            draw(st.sampled_from([0, 0, 0, most // 5])) if most else 0,
        ),
        None if folded is None else summary(folded),
        draw(st.sampled_from([None, None, Message.system("Be brief."), Message.system("s#00")])),
    )


CASES = cases()
FITTING = CASES.filter(lambda case: isinstance(case.made(), Context))
