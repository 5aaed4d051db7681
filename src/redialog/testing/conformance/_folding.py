"""What the tests of summaries share: a summariser whose work can be seen, and short sessions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from redialog.messages import Message
from redialog.summary import RollingSummary, Summary
from redialog.sync import Session
from redialog.testing.conformance._tools import texts


class Notes:
    """A summariser that notes what it was given.

    Args:
        meanwhile: what happens while it is at work, the first time.
        error: what it raises, until that is None.
    """

    name = "notes"

    def __init__(
        self, meanwhile: Callable[[], object] | None = None, error: Exception | None = None
    ) -> None:
        self.given: list[tuple[str | None, str]] = []
        self.error = error
        self._meanwhile = meanwhile

    def __call__(self, previous: str | None, messages: Sequence[Message]) -> str:
        self.given.append((previous, " ".join(texts(messages))))
        meanwhile, self._meanwhile = self._meanwhile, None
        if meanwhile is not None:
            meanwhile()
        if self.error is not None:
            raise self.error
        return f"summary {len(self.given)}"


def cost(text: str) -> int:
    """A counter by which each message has 40 tokens."""
    return 36 if text else 0


def policy(notes: Notes, **options: Any) -> RollingSummary:
    """From more than ten messages on the oldest are folded; five may stay.

    Who asks for it with `compact` needs more than five.
    """
    return RollingSummary(notes, **({"trigger_tokens": 400, "keep_turns": 1} | options))


def compact(chat: Session, notes: Notes | None = None, **options: Any) -> Summary | None:
    """Folds until four or five messages are left."""
    return chat.compact(policy(notes or Notes(), **options), counter=cost)


def compact_parts(chat: Session, notes: Notes | None = None, **options: Any) -> Summary | None:
    """The same with large messages: each call of the summariser gets ten of them at most."""
    rolling = policy(notes or Notes(), trigger_tokens=8000, **options)
    return chat.compact(rolling, counter=lambda text: 796 if text.isdigit() else cost(text))


def said(first: int, last: int, leading: int = 0) -> list[Message]:
    """Messages that say their number, which is their id: of the system, then of both sides."""
    roles = dict.fromkeys(range(1, leading + 1), Message.system)
    sides = (Message.assistant, Message.user)
    return [
        roles.get(number, sides[(number - leading) % 2])(str(number), id=str(number))
        for number in range(first, last + 1)
    ]


def covered(chat: Session) -> list[int]:
    """For how many messages each summary speaks, newest first."""
    return [one.covers for one in chat.summaries()]


def shown(chat: Session, **options: Any) -> list[str]:
    """What a context says, with the counter of these tests."""
    return texts(chat.context(counter=cost, **options).messages)
