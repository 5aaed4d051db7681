"""A counter, a summariser, and texts that are easy to count."""

from __future__ import annotations

from collections.abc import Sequence

from redialog import Message


def words(text: str) -> int:
    """Counts words, so that a message of n words costs n + 4."""
    return len(text.split())


class Recorder:
    """A summariser that says how many messages it was ever given, and notes each call.

    Args:
        fails: whether it raises.
    """

    def __init__(self, *, fails: bool = False) -> None:
        self.fails = fails
        self.calls: list[tuple[str | None, list[str]]] = []
        self.folded = 0

    def __call__(self, previous: str | None, messages: Sequence[Message]) -> str:
        self.calls.append((previous, [message.text for message in messages]))
        if self.fails:
            raise RuntimeError("the model is down")
        self.folded += len(messages)
        return f"{self.folded} messages"


class AwaitedRecorder(Recorder):
    """The same as an asynchronous callable."""

    async def __call__(  # type: ignore[override]
        self, previous: str | None, messages: Sequence[Message]
    ) -> str:
        return super().__call__(previous, messages)
