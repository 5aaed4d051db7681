"""A conversation in an event loop: cancelled, left early, with a model that blocks."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Generator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import pytest

from redialog import AsyncChatMemory, AsyncSession, ChatMemory, Message
from redialog.conversation import AsyncConversation
from redialog.conversation.answers import AHEAD
from tests.conversation.models import ANSWER, PIECES, ayielding, metadata, said, yielding
from tests.support.servers import Server, wait_until

QUESTION = "What is my locker code?"
CUT = [{}, {"interrupted": True}]
PATIENCE_S = 20.0


@asynccontextmanager
async def session(server: Server) -> AsyncIterator[AsyncSession]:
    """The session ``s``."""
    async with AsyncChatMemory.from_url(server.url) as memory:
        yield memory.session("s")


def test_a_task_that_is_cancelled(server: Server, memory: ChatMemory) -> None:
    """What came is stored and marked, and the cancellation goes on."""

    async def model(_: Any) -> AsyncGenerator[str, None]:
        yield PIECES[0]
        reached.set()
        await asyncio.Event().wait()

    async def main() -> None:
        async with session(server) as chat:
            task = asyncio.create_task(AsyncConversation(chat, model).ask(QUESTION))
            await reached.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    reached = asyncio.Event()
    asyncio.run(main())
    assert said(memory) == [("user", QUESTION), ("assistant", PIECES[0])]
    assert metadata(memory) == CUT


def test_a_timeout_before_the_first_piece(server: Server, memory: ChatMemory) -> None:
    """The question alone is stored; a coroutine of the model is cancelled."""
    cancelled = []

    async def model(_: Any) -> str:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(True)
            raise
        return ANSWER

    async def main() -> None:
        async with session(server) as chat:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(AsyncConversation(chat, model).ask(QUESTION), 0.05)

    asyncio.run(main())
    assert cancelled == [True]
    assert said(memory) == [("user", QUESTION)]


@pytest.mark.parametrize("after", [False, True])
def test_a_cancellation_while_it_is_stored(server: Server, memory: ChatMemory, after: bool) -> None:
    """Before the write or after it, the turn is stored once, and whole."""

    class Cancelled(AsyncSession):
        presses = 1

        async def append(self, *messages: Any, idempotency_key: str | None = None) -> list[Message]:
            if not self.presses:
                return await super().append(*messages, idempotency_key=idempotency_key)
            self.presses -= 1
            if after:
                await super().append(*messages, idempotency_key=idempotency_key)
            raise asyncio.CancelledError

    async def main() -> None:
        async with session(server) as chat:
            made = Cancelled(chat._transport, chat._plan)
            with pytest.raises(asyncio.CancelledError):
                await AsyncConversation(made, ayielding).ask(QUESTION)

    asyncio.run(main())
    assert said(memory) == [("user", QUESTION), ("assistant", ANSWER)]
    assert metadata(memory) == [{}, {}]


@pytest.mark.parametrize("closes", [True, False])
@pytest.mark.parametrize("model", [ayielding, yielding])
def test_nobody_reads_on(server: Server, memory: ChatMemory, model: Any, closes: bool) -> None:
    """A stream that is left stores what was read: when it is closed, or soon after."""

    async def main() -> None:
        async with session(server) as chat:
            stream = AsyncConversation(chat, model).stream(QUESTION)
            if closes:
                async with aclosing(stream):
                    assert await anext(stream) == PIECES[0]
            else:
                assert await anext(stream) == PIECES[0]
                del stream
                await asyncio.to_thread(
                    wait_until, memory.session("s").count, what="the turn is stored"
                )

    asyncio.run(main())
    assert said(memory) == [("user", QUESTION), ("assistant", PIECES[0])]
    assert metadata(memory) == CUT


who: contextvars.ContextVar[str] = contextvars.ContextVar("who")


def test_a_model_that_blocks(server: Server, memory: ChatMemory) -> None:
    """It answers in a thread of its own, in the caller's context, while the loop goes on."""
    ticked = threading.Event()
    names: list[str] = []

    def model(_: Any) -> Generator[str, None, None]:
        names.append(f"{threading.current_thread().name} for {who.get()}")
        assert ticked.wait(PATIENCE_S)
        yield from PIECES

    async def main() -> None:
        who.set("jim")
        async with session(server) as chat:
            asking = asyncio.create_task(AsyncConversation(chat, model).ask(QUESTION))
            # Where the model held the loop, this would come too late.
            asyncio.get_running_loop().call_later(0.01, ticked.set)
            assert (await asking).text == ANSWER

    asyncio.run(main())
    assert names == ["redialog-model for jim"]
    assert said(memory)[1:] == [("assistant", ANSWER)]


def test_a_model_that_hangs(server: Server, memory: ChatMemory) -> None:
    """A cancelled call leaves its thread behind: neither the loop nor its end waits for it."""
    forever = threading.Event()

    def model(_: Any) -> Generator[str, None, None]:
        yield PIECES[0]
        forever.wait()

    async def main() -> None:
        async with session(server) as chat:
            stream = AsyncConversation(chat, model).stream(QUESTION)
            async with aclosing(stream):
                await anext(stream)
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(anext(stream), 0.05)

    asyncio.run(main())
    [thread] = [t for t in threading.enumerate() if t.name == "redialog-model"]
    assert thread.daemon
    assert said(memory) == [("user", QUESTION), ("assistant", PIECES[0])]
    forever.set()
    thread.join(PATIENCE_S)
    assert not thread.is_alive()


def test_a_model_without_end(server: Server, memory: ChatMemory) -> None:
    """It is not far ahead of its reader, and it is closed when that goes."""
    given: list[int] = []
    closed = threading.Event()

    def model(_: Any) -> Generator[str, None, None]:
        try:
            while True:
                given.append(1)
                yield "x"
        finally:
            closed.set()

    async def main() -> int:
        async with session(server) as chat:
            stream = AsyncConversation(chat, model).stream(QUESTION)
            async with aclosing(stream):
                for _ in range(3):
                    assert await anext(stream) == "x"
            assert await asyncio.to_thread(closed.wait, PATIENCE_S)
        return len(given)

    assert asyncio.run(main()) <= AHEAD + 5
    assert said(memory)[1:] == [("assistant", "xxx")]


def test_what_a_model_raises_in_its_thread(server: Server, memory: ChatMemory) -> None:
    """It is raised where the answer is awaited."""

    def model(_: Any) -> Generator[str, None, None]:
        yield PIECES[0]
        raise LookupError("no such model")

    async def main() -> None:
        async with session(server) as chat:
            await AsyncConversation(chat, model).ask(QUESTION)

    with pytest.raises(LookupError, match="no such model"):
        asyncio.run(main())
    assert metadata(memory) == CUT


def test_two_turns_at_once(server: Server, memory: ChatMemory) -> None:
    """One conversation can answer several questions; each turn is stored whole."""

    async def model(messages: Any) -> AsyncGenerator[str, None]:
        for piece in ("re: ", messages[-1]["content"].split()[-1]):
            await asyncio.sleep(0)
            yield piece

    async def main() -> None:
        async with session(server) as chat:
            talk = AsyncConversation(chat, model)
            await asyncio.gather(*(talk.ask(f"q{number}") for number in range(20)))

    asyncio.run(main())
    turns = said(memory)
    assert len(turns) == 40
    for question, answer in zip(turns[::2], turns[1::2], strict=True):
        assert answer == ("assistant", f"re: {question[1]}")
