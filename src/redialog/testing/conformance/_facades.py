"""The asyncio facade behind blocking calls, so that one test speaks to both facades."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any, Self, cast

from redialog.aio import AsyncChatMemory, AsyncSession, AsyncSessions
from redialog.messages import Message
from redialog.sync import ChatMemory


class Blocking:
    """Runs what an asynchronous object's methods return on one event loop.

    Args:
        inner: an `AsyncChatMemory`, `AsyncSession` or `AsyncSessions`.
        runner: owns the loop; one for all that share connections.
    """

    def __init__(self, inner: object, runner: asyncio.Runner) -> None:
        self.inner = inner
        self.runner = runner

    def __getattr__(self, name: str) -> Any:
        value = getattr(self.inner, name)
        return self._wrapped(value) if callable(value) else value

    def __iter__(self) -> Iterator[Any]:
        return self._iterated(cast(AsyncSessions, self.inner).__aiter__())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.runner.run(cast(AsyncChatMemory, self.inner).close())

    def __repr__(self) -> str:
        return repr(self.inner)

    def _wrapped(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            result = method(*args, **kwargs)
            if inspect.iscoroutine(result):
                result = self.runner.run(result)
            if inspect.isasyncgen(result):
                return self._iterated(result)
            if isinstance(result, AsyncSession | AsyncSessions):
                return Blocking(result, self.runner)
            return result

        return call

    def _iterated(self, iterator: AsyncIterator[Any]) -> Iterator[Any]:
        while True:
            try:
                item = self.runner.run(_next(iterator))
            except StopAsyncIteration:
                return
            yield item


async def _next(iterator: AsyncIterator[Any]) -> Any:
    return await anext(iterator)


def blocking(memory: AsyncChatMemory, runner: asyncio.Runner) -> ChatMemory:
    """An asyncio memory that answers as the blocking one does, for `Store.memory` to return.

    Args:
        memory: the asyncio one.
        runner: owns the event loop; it must outlive the memory.
    """
    return cast(ChatMemory, Blocking(memory, runner))


def append_at_once(
    memory: ChatMemory, session_id: str, writers: Sequence[Sequence[Sequence[Message]]]
) -> None:
    """Appends in the name of several writers at once: in threads, or in tasks of the loop.

    Args:
        memory: of either facade.
        session_id: of the one session that they write to.
        writers: what each of them appends, call by call.
    """
    if isinstance(memory, Blocking):
        memory.runner.run(_tasks(cast(AsyncChatMemory, memory.inner), session_id, writers))
        return

    def write(calls: Sequence[Sequence[Message]]) -> None:
        for messages in calls:
            memory.session(session_id).append(*messages)

    threads = [threading.Thread(target=write, args=(calls,)) for calls in writers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


async def _tasks(
    memory: AsyncChatMemory, session_id: str, writers: Sequence[Sequence[Sequence[Message]]]
) -> None:
    async def write(calls: Sequence[Sequence[Message]]) -> None:
        for messages in calls:
            await memory.session(session_id).append(*messages)

    await asyncio.gather(*map(write, writers))
