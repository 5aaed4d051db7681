"""A store that several share, and the memories that are open on it."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncGenerator, Callable, Hashable
from functools import partial
from typing import Any

from redialog.aio import AsyncChatMemory
from redialog.errors import ConfigurationError
from redialog.sync import ChatMemory


class Store:
    """A store and the memories that are open on it.

    Args:
        key: what identifies it.
        open: gives the blocking memory, each time the same; None: it has none.
        aopen: makes one for asyncio.
    """

    def __init__(
        self,
        key: Hashable,
        open: Callable[[], ChatMemory] | None,  # noqa: A002 - what it does
        aopen: Callable[[], AsyncChatMemory] | None,
    ) -> None:
        self.key = key
        self.leases = 0
        self.open = open
        self.aopen = aopen
        self._lock = threading.Lock()
        self._of_loops: dict[asyncio.AbstractEventLoop, _OfLoop] = {}
        self._closing: list[_OfLoop] = []

    def blocking(self) -> ChatMemory:
        """The blocking memory, or a `ConfigurationError` where there is none."""
        if self.open is None:
            raise ConfigurationError("this has an asyncio client: use the awaited methods")
        return self.open()

    def awaited(self) -> AsyncChatMemory:
        """The running event loop's memory, or a `ConfigurationError` where there is none."""
        if self.aopen is None:
            raise ConfigurationError("this has a blocking client: use the blocking methods")
        loop = asyncio.get_running_loop()
        found = self._of_loops.get(loop)
        if found is None or found.ended:
            # No other thread has this loop; but others add theirs.
            found = _OfLoop(self.aopen(), loop)
            with self._lock:
                ended = [one for one, of in self._of_loops.items() if of.ended or one.is_closed()]
                for one in ended:
                    del self._of_loops[one]
                self._of_loops[loop] = found
        return found.memory

    def close(self) -> None:
        """Closes what is open, in the event loops where it is."""
        if self.open is not None:
            self.open().close()
        with self._lock:
            self._closing = list(self._of_loops.values())
            self._of_loops.clear()
        for one in self._closing:
            one.close_soon()

    async def closed(self) -> None:
        """Waits for what is being closed in the running loop."""
        loop = asyncio.get_running_loop()
        for one in self._closing:
            if one.loop is loop:
                await one.close()


class _OfLoop:
    """The memory of one event loop; it closes before the loop does."""

    def __init__(self, memory: AsyncChatMemory, loop: asyncio.AbstractEventLoop) -> None:
        self.memory = memory
        self.loop = loop
        self._task: asyncio.Task[None] | None = None
        # An event loop that is shut down ends the asynchronous generators that run in it, and
        # nothing else that it is told of; so there is one.
        self._guard = self._until_shutdown()
        with contextlib.suppress(StopIteration):
            # Up to its yield.
            self._guard.__anext__().send(None)

    async def _until_shutdown(self) -> AsyncGenerator[None]:
        try:
            yield
        finally:
            await self.close()

    @property
    def ended(self) -> bool:
        """Whether it is closed, or about to be."""
        return self._task is not None

    async def close(self) -> None:
        """Closes it; has closed when it returns."""
        if self._task is None or self._task.cancelled():
            # The end of a loop cancels its tasks, this one also before its first step.
            self._task = asyncio.ensure_future(self.memory.close())
        await asyncio.shield(self._task)

    def close_soon(self) -> None:
        """Closes it, from whichever thread."""
        if not self.loop.is_closed():
            self.loop.call_soon_threadsafe(self._begin_to_close)

    def _begin_to_close(self) -> None:
        if self._task is None:
            self._task = self.loop.create_task(self.memory.close())


def of_url(url: str | None, named: dict[str, Any], key: Hashable) -> Store:
    """The store that a URL names; the arguments are those of `ChatMemory.from_url`."""
    # Made at once, so that a wrong URL or option is told; it connects at its first use.
    memory = ChatMemory.from_url(url, **named)
    return Store(key, lambda: memory, partial(AsyncChatMemory.from_url, url, **named))


def of_client(client: Any, deadline: float, key: Hashable) -> Store:
    """The store of an application's client, of either kind."""
    try:
        memory = ChatMemory.from_client(client, deadline=deadline)
    except ConfigurationError:
        # Where it is none for asyncio either, that one says which clients there are.
        AsyncChatMemory.from_client(client, deadline=deadline)
        return Store(key, None, partial(AsyncChatMemory.from_client, client, deadline=deadline))
    return Store(key, lambda: memory, None)
