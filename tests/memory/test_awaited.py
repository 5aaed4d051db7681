"""Sessions of either facade: which methods they can be used with, and on which thread."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Sequence
from typing import Any

import pytest

from redialog import AsyncChatMemory, ConfigurationError, Message, Session
from redialog.memory import (
    ConversationBufferMemory,
    ConversationSummaryBufferMemory,
    ConversationTokenBufferMemory,
)
from redialog.memory.steps import Steps, arun, run
from tests.memory.tools import words
from tests.support.servers import Server


def test_a_blocking_method_over_an_asyncio_session_says_what_to_call(server: Server) -> None:
    """Nothing is sent, and no coroutine is left that nobody awaited."""

    async def scenario() -> None:
        async with AsyncChatMemory.from_url(server.url) as opened:
            chat = opened.session("s")
            memory = ConversationSummaryBufferMemory(summarizer=len, session=chat)  # type: ignore[arg-type]
            for call in (
                lambda: memory.load_memory_variables({}),
                lambda: memory.save_context({"i": "a"}, {"o": "b"}),
                memory.clear,
                lambda: memory.buffer,
                lambda: memory.buffer_as_str,
                lambda: memory.buffer_as_messages,
                lambda: memory.moving_summary_buffer,
            ):
                with pytest.raises(ConfigurationError, match="use aload_memory_variables"):
                    call()
            assert await chat.count() == 0

    asyncio.run(scenario())


def test_the_awaited_twins_of_the_buffer(server: Server) -> None:
    """As text, as messages, and as the memory is set."""

    async def scenario() -> None:
        async with AsyncChatMemory.from_url(server.url) as opened:
            chat = opened.session("s")
            memory = ConversationBufferMemory(session=chat)
            await memory.asave_context({"i": "a"}, {"o": "b"})
            stored = await chat.messages()
            assert await memory.abuffer_as_str() == "Human: a\nAI: b"
            assert await memory.abuffer_as_messages() == stored
            assert await memory.abuffer() == "Human: a\nAI: b"
            memory.return_messages = True
            assert await memory.abuffer() == stored

    asyncio.run(scenario())


def test_a_blocking_session_holds_up_no_event_loop(chat: Session) -> None:
    """Its twins run in threads, where the caller's context is seen."""
    who = contextvars.ContextVar("who", default="nobody")
    seen: list[tuple[bool, str]] = []

    def counter(text: str) -> int:
        seen.append((threading.current_thread() is threading.main_thread(), who.get()))
        return words(text)

    async def scenario() -> None:
        who.set("ada")
        memory = ConversationTokenBufferMemory(session=chat, counter=counter)
        await memory.asave_context({"i": "a"}, {"o": "b"})
        assert await memory.aload_memory_variables() == {"history": "Human: a\nAI: b"}
        await memory.aclear()

    asyncio.run(scenario())
    assert set(seen) == {(False, "ada")}
    assert chat.count() == 0


def test_one_loop_serves_many_memories_at_once(server: Server) -> None:
    """Their summarisers are awaited in it, beside one another."""
    waiting: list[str] = []

    async def scenario() -> None:
        both = asyncio.Event()

        async def together(previous: str | None, messages: Sequence[Message]) -> str:
            waiting.append(messages[0].text)
            if len(waiting) == 2:
                both.set()
            await both.wait()
            return "short"

        async with AsyncChatMemory.from_url(server.url) as opened:
            memories = [
                ConversationSummaryBufferMemory(
                    20, summarizer=together, counter=words, session=opened.session(name)
                )
                for name in "ab"
            ]
            for memory in memories:
                for _ in range(2):
                    await memory.asave_context({"i": "q " * 5}, {"o": "a " * 5})
            found = await asyncio.gather(*(one.aload_memory_variables() for one in memories))
            assert all("short" in one["history"] for one in found)

    asyncio.run(scenario())


def steps(source: Any, log: list[str]) -> Steps[str]:
    """Two steps, of which the second may fail."""
    try:
        first = yield source("first")
        try:
            return f"{first} {(yield source('fails'))}"
        except ValueError as error:
            return f"{first}, {error}"
    finally:
        log.append("closed")


def test_steps_run_over_both_kinds_of_sources() -> None:
    """The result of a step comes back, and so does its error."""

    def blocking(name: str) -> str:
        if name == "fails":
            raise ValueError("no second")
        return name

    async def awaited(name: str) -> str:
        await asyncio.sleep(0)
        return blocking(name)

    log: list[str] = []
    assert run(steps(blocking, log)) == "first, no second"
    assert asyncio.run(arun(steps(awaited, log))) == "first, no second"
    assert log == ["closed"] * 2


def test_cancelled_steps_are_closed() -> None:
    """What they hold is given back before the cancellation goes on."""
    log: list[str] = []

    async def endless(name: str) -> str:
        return name if name == "first" else await asyncio.Event().wait()  # type: ignore[return-value]

    async def scenario() -> None:
        task = asyncio.create_task(arun(steps(endless, log)))
        for _ in range(5):
            await asyncio.sleep(0)
        assert log == []
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert log == ["closed"]

    asyncio.run(scenario())
