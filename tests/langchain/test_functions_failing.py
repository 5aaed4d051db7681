"""`with_history` where a run fails, where its store does, and where nobody reads its stream on."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from langchain_core.runnables import Runnable, RunnableLambda

from redialog import AsyncChatMemory, ChatMemory, TransportError
from redialog.integrations.langchain import with_history
from tests.langchain.models import Recaller
from tests.langchain.test_agents import JIM
from tests.langchain.ways import Way, said, session
from tests.support.servers import Server


class _Plain(Runnable[Any, Any]):
    """Streams as it is told, where LangChain's own runnables do more."""

    def __init__(self, pieces: Any, apieces: Any) -> None:
        self._pieces, self._apieces = pieces, apieces

    def stream(self, input: Any, *_: Any, **__: Any) -> Any:  # noqa: A002
        return self._pieces(input)

    def astream(self, input: Any, *_: Any, **__: Any) -> Any:  # noqa: A002
        return self._apieces(input)

    def invoke(self, *_: Any, **__: Any) -> Any:
        raise NotImplementedError


def _fails_once() -> Any:
    fails = [True]

    def answer(messages: Any) -> str:
        if fails and fails.pop():
            raise RuntimeError("once")
        return f"You said: {messages[-1].text}"

    return RunnableLambda(answer)


def test_pieces_that_are_no_parts_are_the_whole(way: Way) -> None:
    """Of what cannot be added up the newest counts, and of one value its name does not matter."""

    def pieces(_: Any) -> Any:
        yield {"said": "You "}
        yield {"said": "You said it."}

    async def apieces(_: Any) -> Any:
        for piece in pieces(_):
            yield piece

    if "stream" in way.name:
        way.call(with_history(_Plain(pieces, apieces), way.memory), "hi", session())
        assert way.stored() == [("user", "hi"), ("assistant", "You said it.")]


def test_a_run_that_fails_leaves_nothing(way: Way) -> None:
    """Also where pieces had come."""

    def fail(given: Any) -> Any:
        raise RuntimeError("no model")

    def late(given: Any) -> Any:
        yield "a piece"
        raise RuntimeError("no more")

    async def alate(given: Any) -> Any:
        for piece in late(given):
            yield piece

    for broken in (RunnableLambda(fail), RunnableLambda(late, alate)):
        with pytest.raises(RuntimeError):
            way.call(with_history(broken, way.memory), "hi", session())
    assert way.stored() == []
    retried = with_history(_fails_once(), way.memory).with_retry(stop_after_attempt=2)
    if "stream" not in way.name:
        way.call(retried, JIM[0][1], session())
        assert way.stored() == JIM


def test_a_store_that_fails_is_no_empty_history(chats: ChatMemory) -> None:
    """The run fails: LangChain's own class tells nobody but its log that nothing was stored."""
    model = Recaller()
    with ChatMemory.from_url("redis://127.0.0.1:1/0", deadline=0.1) as gone:
        made = with_history(model, gone, session_id="s")
        with pytest.raises(TransportError):
            made.invoke("hi")
    assert model.seen == []


def test_a_stream_that_is_left_is_stored_as_far_as_it_came(server: Server, way: Way) -> None:
    """With the mark that it is not whole; where nothing came, nothing is."""
    noted: list[int] = []

    def answer(messages: Any) -> Any:
        try:
            yield from Recaller().stream(messages)
        finally:
            noted.append(way.chats.session("s").count())

    async def aanswer(messages: Any) -> Any:
        try:
            async for piece in Recaller().astream(messages):
                yield piece
        finally:
            noted.append(way.chats.session("s").count())

    made = with_history(_Plain(answer, aanswer), way.memory)

    async def leave() -> None:
        pieces: Any = made.astream(JIM[0][1], session())
        await anext(pieces)
        await anext(pieces)
        await pieces.aclose()

    if way.is_awaited:
        way.run(leave())
    else:
        pieces: Any = made.stream(JIM[0][1], session())
        next(pieces)
        next(pieces)
        pieces.close()
    assert way.stored() == [JIM[0], ("assistant", "You said:")]
    assert way.chats.session("s").messages()[-1].metadata == {"interrupted": True}
    # The model is told to stop before that.
    assert noted == [0]


def test_a_stream_that_is_cancelled_is_stored_as_far_as_it_came(
    server: Server, chats: ChatMemory
) -> None:
    """As a server does it whose client has gone."""

    async def pieces(_: Any) -> Any:
        yield "You "
        yield "said"
        await asyncio.Event().wait()

    async def main() -> None:
        async with AsyncChatMemory.from_url(server.url) as memory:
            made = with_history(RunnableLambda(pieces), memory)
            came: list[Any] = []
            heard = asyncio.Event()

            async def listen() -> None:
                async for piece in made.astream("hi", session()):
                    came.append(piece)
                    if len(came) == 2:
                        heard.set()

            task = asyncio.create_task(listen())
            await heard.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(main())
    assert said(chats.session("s").messages()) == [("user", "hi"), ("assistant", "You said")]
