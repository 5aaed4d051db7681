"""Summarisers of a session on a real server: one may use the session itself."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from redialog import AsyncChatMemory, ChatMemory, Message
from redialog.callbacks import Flow, arun_flow, run_flow
from redialog.ops import read
from tests.operations.flows import asking
from tests.support.servers import Server

SAID = [Message.user("My locker code is 4417."), Message.assistant("Noted.")]


def counting(log: bytes, summarizer: Any) -> Flow[list[object]]:
    """A flow that reads, asks, and reads again."""
    before = yield read.count(log)
    text = yield from asking(summarizer)
    after = yield read.count(log)
    return [before, text, after]


def test_a_summariser_may_use_its_session(server: Server) -> None:
    """It reads and writes while it is asked, in its own thread, over the same connections."""
    with ChatMemory.from_url(server.url, max_connections=2) as memory:
        chat = memory.session("chat")
        chat.append(*SAID)

        def summarizer(_: str | None, __: Sequence[Message]) -> str:
            chat.append(Message.assistant("I take notes."))
            return f"{chat.count()} messages"

        async def asummarizer(*given: Any) -> str:
            return summarizer(*given)

        log = chat._plan.keys.log
        assert run_flow(counting(log, summarizer), chat._transport) == [2, "3 messages", 3]
        assert run_flow(counting(log, asummarizer), chat._transport) == [3, "4 messages", 4]


def test_a_summariser_may_use_its_asynchronous_session(server: Server) -> None:
    """An asynchronous one awaits it in the same loop, a blocking one hands its calls over."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        async with AsyncChatMemory.from_url(server.url, max_connections=1) as memory:
            chat = memory.session("chat")
            await chat.append(*SAID)

            async def asummarizer(*_: Any) -> str:
                await chat.append(Message.assistant("I take notes."))
                return f"{await chat.count()} messages"

            def summarizer(*given: Any) -> str:
                return asyncio.run_coroutine_threadsafe(asummarizer(*given), loop).result()

            log = chat._plan.keys.log
            flows = (counting(log, one) for one in (asummarizer, summarizer))
            got = [await arun_flow(flow, chat._transport) for flow in flows]
            assert got == [[2, "3 messages", 3], [3, "4 messages", 4]]

    asyncio.run(main())
