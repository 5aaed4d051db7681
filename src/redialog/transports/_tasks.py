"""Where asyncio connections belong, and what must not stop half-way."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine
from typing import Any

from redialog.errors import WrongEventLoop


class Home:
    """The event loop and the process that connections belong to: where it is made."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._pid = os.getpid()

    def check(self) -> None:
        """Makes sure that it is here.

        Raises:
            WrongEventLoop: it is another one.
        """
        if self._loop is not asyncio.get_running_loop() or self._pid != os.getpid():
            raise WrongEventLoop(
                "this memory was first used in another event loop, where its connections live; "
                "make one AsyncChatMemory for each event loop, in each process"
            )


async def to_the_end(work: Coroutine[Any, Any, None]) -> None:
    """Awaits what must not stop half-way; a cancellation takes effect when it is done."""
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None and (task.cancelled() or task.exception() is None):
        raise cancelled
    task.result()
