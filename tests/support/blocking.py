"""The asyncio facade behind blocking calls, so that one test speaks to both facades."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from typing import Any

from redialog import AsyncSession


class Blocking:
    """Runs what an asynchronous object's methods return on one event loop.

    Args:
        inner: an `AsyncChatMemory` or `AsyncSession`.
        runner: owns the loop; one for all that share connections.
    """

    def __init__(self, inner: object, runner: asyncio.Runner) -> None:
        self.inner = inner
        self.runner = runner

    def __getattr__(self, name: str) -> Any:
        value = getattr(self.inner, name)
        return self._wrapped(value) if callable(value) else value

    def _wrapped(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            result = method(*args, **kwargs)
            if inspect.iscoroutine(result):
                return self.runner.run(result)
            if inspect.isasyncgen(result):
                return self._iterated(result)
            if isinstance(result, AsyncSession):
                return Blocking(result, self.runner)
            return result

        return call

    def _iterated(self, generator: Any) -> Any:
        while True:
            try:
                yield self.runner.run(_next(generator))
            except StopAsyncIteration:
                return


async def _next(generator: Any) -> Any:
    return await generator.__anext__()
