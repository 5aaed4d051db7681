"""Conversations of both facades on one server."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Any, Protocol, cast

import pytest

from redialog import AsyncChatMemory, ChatMemory
from redialog.conversation import AsyncConversation, Conversation
from redialog.testing.conformance import Blocking
from tests.support.servers import Server


@pytest.fixture
def memory(server: Server) -> Iterator[ChatMemory]:
    """A memory beside the one that conversations use."""
    with ChatMemory.from_url(server.url) as opened:
        yield opened


class Talks(Protocol):
    """Makes a conversation in the session ``s``."""

    def __call__(self, model: Any, **options: Any) -> Conversation: ...


@pytest.fixture(params=["sync", "async"])
def talks(request: pytest.FixtureRequest, server: Server) -> Iterator[Talks]:
    """Conversations of each facade in turn; the asyncio one answers as the blocking one does."""
    with contextlib.ExitStack() as closing:
        if request.param == "sync":
            memory = closing.enter_context(ChatMemory.from_url(server.url))
            yield lambda model, **options: Conversation(memory.session("s"), model, **options)
            return
        runner = closing.enter_context(asyncio.Runner())
        awaited = AsyncChatMemory.from_url(server.url)
        closing.callback(lambda: runner.run(awaited.close()))

        def talk(model: Any, **options: Any) -> Conversation:
            made = AsyncConversation(awaited.session("s"), model, **options)
            return cast(Conversation, Blocking(made, runner))

        yield talk
