"""The thread of a proxy: one asyncio loop, to which other threads hand their work."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

T = TypeVar("T")

CALL_TIMEOUT_S = 10.0


class LoopThread:
    """An asyncio loop in a thread of its own.

    Args:
        errors: Takes what goes wrong in the loop and would be nobody's error otherwise.
    """

    def __init__(self, errors: list[str]) -> None:
        self._errors = errors
        self._thread: threading.Thread | None = None

    @property
    def running(self) -> bool:
        """Whether it takes calls."""
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        """Start the thread."""
        self._loop = asyncio.new_event_loop()
        self._loop.set_exception_handler(self._unexpected)
        self._thread = threading.Thread(target=self._run, name="fault-proxy", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread; not running is fine."""
        if self._thread is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(CALL_TIMEOUT_S)

    def call(self, function: Callable[[], T]) -> T:
        """Run `function` in the thread and wait for its result."""

        async def run() -> T:
            return function()

        return self.call_async(run)

    def call_async(self, function: Callable[[], Coroutine[object, object, T]]) -> T:
        """Run the coroutine that `function` returns in the thread and wait for its result.

        Raises:
            RuntimeError: The thread is not running.
        """
        if not self.running:
            msg = "the FaultProxy is not running"
            raise RuntimeError(msg)
        return asyncio.run_coroutine_threadsafe(function(), self._loop).result(CALL_TIMEOUT_S)

    def _run(self) -> None:
        try:
            self._loop.run_forever()
        finally:
            self._loop.close()

    def _unexpected(self, _: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
        self._errors.append(f"{context.get('message')}: {context.get('exception')!r}")
