"""The ways in which a runnable is called, and the memory that each of them has."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine, Iterator
from typing import Any

from langchain_core.messages import BaseMessage

from redialog import AsyncChatMemory, ChatMemory, Message

WAYS = ("invoke", "stream", "ainvoke", "astream", "ainvoke in threads")


class Way:
    """One of them.

    Attributes:
        name: one of `WAYS`.
        url: of the server.
        memory: for what is called.
        chats: the same conversations, to arrange them and to look at them.
        is_awaited: whether the runnable runs in asyncio.
    """

    def __init__(self, name: str, url: str, chats: ChatMemory, runner: asyncio.Runner) -> None:
        self.name = name
        self.url = url
        self._runner = runner
        self.chats = chats
        self.is_awaited = name.startswith("a")
        self.memory: Any = chats
        if name in ("ainvoke", "astream"):
            self.memory = AsyncChatMemory.from_url(url)

    def call(self, runnable: Any, given: Any, config: Any = None) -> Any:
        """The output; of a stream its pieces, put together."""
        if self.name == "invoke":
            return runnable.invoke(given, config)
        if self.name == "stream":
            return _sum(list(runnable.stream(given, config)))
        return self._runner.run(self._acall(runnable, given, config))

    async def _acall(self, runnable: Any, given: Any, config: Any) -> Any:
        if self.name == "astream":
            return _sum([piece async for piece in runnable.astream(given, config)])
        return await runnable.ainvoke(given, config)

    def run(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Runs something else in the event loop of this way."""
        self._runner.run(coroutine)

    def stored(self, session_id: str = "s") -> list[tuple[str, str]]:
        """Roles and texts of what is stored."""
        return said(self.chats.session(session_id).messages())

    def close(self) -> None:
        """Closes the memory that is this way's alone."""
        if self.memory is not self.chats:
            self._runner.run(self.memory.close())


@contextlib.contextmanager
def opened(name: str, url: str, chats: ChatMemory) -> Iterator[Way]:
    """A way, until the end of the test."""
    with asyncio.Runner() as runner:
        way = Way(name, url, chats, runner)
        yield way
        way.close()


def said(messages: list[Any]) -> list[tuple[str, str]]:
    """Roles and texts of messages, LangChain's or this library's."""
    return [(_role(message), message.text.strip()) for message in messages]


def _role(message: Message | BaseMessage) -> str:
    if isinstance(message, Message):
        return message.role
    kind = message.type
    return {"human": "user", "ai": "assistant", "AIMessageChunk": "assistant"}.get(kind, kind)


def _sum(pieces: list[Any]) -> Any:
    if len(pieces) == 1 or isinstance(pieces[0], dict):
        return pieces[-1]
    whole = pieces[0]
    for piece in pieces[1:]:
        whole = whole + piece
    return whole


def session(session_id: str = "s", key: str = "session_id") -> Any:
    """A run's configuration."""
    return {"configurable": {key: session_id}}
