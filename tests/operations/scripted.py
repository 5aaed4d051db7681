"""Transports that follow a script: each step is an error to raise or replies to give."""

from __future__ import annotations

import asyncio
from typing import TypeAlias

from redialog.effect import Batch, Patience, Replies

Step: TypeAlias = BaseException | Replies


class Scripted:
    """A transport that follows a script, and notes the batches."""

    address = "scripted:"

    def __init__(self, *steps: Step, patience: Patience = Patience()) -> None:  # noqa: B008
        self.patience = patience
        self.steps = list(steps)
        self.sent: list[Batch] = []
        self.within: list[float | None] = []

    def execute(self, batch: Batch, within: float | None = None) -> Replies:
        """The next step."""
        self.sent.append(batch)
        self.within.append(within)
        step = self.steps.pop(0)
        if isinstance(step, BaseException):
            raise step
        return step

    def close(self) -> None:
        """Nothing is open."""


class AsyncScripted:
    """The same for asyncio."""

    address = "scripted:"

    def __init__(self, inner: Scripted) -> None:
        self.patience = inner.patience
        self._inner = inner

    async def execute(self, batch: Batch, within: float | None = None) -> Replies:
        """The next step, after a turn of the loop."""
        await asyncio.sleep(0)
        return self._inner.execute(batch, within)

    async def close(self) -> None:
        """Nothing is open."""
