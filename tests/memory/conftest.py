"""A session, and the three ways in which a memory object uses one."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from redialog import AsyncChatMemory, AsyncSession, ChatMemory, Session
from redialog.memory import ConversationMemory
from tests.memory.histories import Ways
from tests.support.servers import Server


class Ground:
    """A session for a memory object, and how its methods are called.

    Attributes:
        chat: the session, to arrange and to look at it.
        session: the same, for the memory object.
        runner: where the twins are awaited; None for the blocking methods.
    """

    def __init__(
        self, chat: Session, session: Session | AsyncSession, runner: asyncio.Runner | None
    ) -> None:
        self.chat = chat
        self.session = session
        self.runner = runner

    def load(self, memory: ConversationMemory) -> Any:
        """What `load_memory_variables` gives, without its only name."""
        if self.runner is None:
            found = memory.load_memory_variables({})
        else:
            found = self.runner.run(memory.aload_memory_variables({}))
        assert list(found) == memory.memory_variables
        return found[memory.memory_key]

    def save(
        self, memory: ConversationMemory, inputs: Mapping[str, Any], outputs: Mapping[str, Any]
    ) -> None:
        """Calls `save_context`."""
        if self.runner is None:
            memory.save_context(inputs, outputs)
        else:
            self.runner.run(memory.asave_context(inputs, outputs))

    def talk(self, memory: ConversationMemory, exchanges: int, *, words: int = 1) -> None:
        """Saves exchanges of so many words each, numbered from 0."""
        for number in range(exchanges):
            question = " ".join([f"q{number}"] * words)
            self.save(memory, {"input": question}, {"output": question.replace("q", "a")})

    def clear(self, memory: ConversationMemory) -> None:
        """Calls `clear`."""
        if self.runner is None:
            memory.clear()
        else:
            self.runner.run(memory.aclear())


@pytest.fixture
def chats(server: Server) -> Iterator[ChatMemory]:
    """A memory on an empty server."""
    with ChatMemory.from_url(server.url) as opened:
        yield opened


@pytest.fixture
def chat(chats: ChatMemory) -> Session:
    """An empty session."""
    return chats.session("s")


@pytest.fixture(params=["blocking", "in threads", "asyncio"])
def ground(request: pytest.FixtureRequest, server: Server, chat: Session) -> Iterator[Ground]:
    """A blocking session, the same awaited, and one of the asyncio facade."""
    with contextlib.ExitStack() as closing:
        if request.param == "blocking":
            yield Ground(chat, chat, None)
            return
        runner = closing.enter_context(asyncio.Runner())
        if request.param == "in threads":
            yield Ground(chat, chat, runner)
            return
        awaited = AsyncChatMemory.from_url(server.url)
        closing.callback(lambda: runner.run(awaited.close()))
        yield Ground(chat, awaited.session("s"), runner)


@pytest.fixture(params=["called", "awaited"])
def ways(request: pytest.FixtureRequest) -> Iterator[Ways]:
    """The methods of a memory object over a chat history, and their twins."""
    if request.param == "called":
        yield Ways(None)
        return
    with asyncio.Runner() as runner:
        yield Ways(runner)
