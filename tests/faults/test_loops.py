"""Event loops: an asynchronous memory belongs to one, and closes there whatever happens."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import itertools
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import redis.asyncio
from redis.credentials import CredentialProvider

from redialog import AsyncChatMemory, Closed, ConnectionLost, Message, WrongEventLoop
from tests.embedded.tools import nothing_left
from tests.faults.cancelling import MOMENTS, CancelledAt, Moment, awaited
from tests.support.proxy import FaultProxy
from tests.support.servers import Server, wait_until


async def until(condition: Any, what: str) -> None:
    """Polls beside the loop, so that the loop goes on."""
    await asyncio.to_thread(wait_until, condition, what=what)


def test_a_second_event_loop_is_refused(server: Server) -> None:
    """An asynchronous memory belongs to the loop that it first ran in, also when that runs on."""
    with asyncio.Runner() as first, asyncio.Runner() as second:
        memory = AsyncChatMemory.from_url(server.url)
        chat = memory.session("s")
        first.run(chat.append(Message.user("x")))
        for call in (memory.ping, chat.messages, chat.clear, memory.close):
            with pytest.raises(WrongEventLoop):
                second.run(call())
        assert [message.text for message in first.run(chat.messages())] == ["x"]
        first.run(memory.close())


def test_a_ready_client_in_a_second_event_loop_is_told_so(server: Server) -> None:
    """What is sent on a connection of another loop is never answered in this one."""
    client = redis.asyncio.Redis(host=server.host, port=server.port)
    with asyncio.Runner() as first, asyncio.Runner() as second:
        memories = [AsyncChatMemory.from_client(client) for _ in range(2)]
        one, other = (memory.session("s") for memory in memories)
        first.run(one.append(Message.user("x")))
        first.run(memories[0].close())
        with pytest.raises(WrongEventLoop, match="one client for each"):
            second.run(asyncio.wait_for(other.count(), 10))
        second.run(memories[1].close())
        assert first.run(AsyncChatMemory.from_client(client).session("s").count()) == 1
        first.run(client.aclose())


def test_a_loop_in_another_thread_is_refused(server: Server) -> None:
    """Two loops that run at once cannot share a memory; its own loop is not disturbed."""

    async def scenario() -> None:
        async with AsyncChatMemory.from_url(server.url) as memory:
            chat = memory.session("s")
            await chat.append(Message.user("x"))

            def elsewhere() -> None:
                with pytest.raises(WrongEventLoop):
                    asyncio.run(chat.count())

            with ThreadPoolExecutor(4) as threads:
                loop = asyncio.get_running_loop()
                others = [loop.run_in_executor(threads, elsewhere) for _ in range(4)]
                counts = await asyncio.gather(*(chat.count() for _ in range(20)))
                await asyncio.gather(*others)
            assert counts == [1] * 20

    asyncio.run(scenario())


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_close_that_is_cancelled_has_closed(server: Server, moment: Moment) -> None:
    """At every await: the cancellation comes through, and no connection is left."""

    async def cancelled(nth: int) -> int:
        memory = AsyncChatMemory.from_url(server.url)
        await asyncio.gather(*(memory.session(name).count() for name in "abc"))
        running = CancelledAt(memory.close(), nth, moment)
        one = asyncio.create_task(awaited(running))
        await asyncio.wait({one})
        assert one.cancelled() == (running.waits >= nth)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        await until(lambda: len(raw.client_list()) == 1, "all connections are closed")
        with pytest.raises(Closed):
            await memory.ping()
        return running.waits

    with server.client() as raw:
        for nth in itertools.count(1):
            if asyncio.run(cancelled(nth)) < nth:
                break
    assert nth > 1
    gc.collect()


def test_closing_under_tasks_that_are_calling(server: Server) -> None:
    """Calls that are under way end as they would, and their connections are closed then."""

    async def scenario() -> None:
        with FaultProxy(server.host, server.port) as proxy, server.client() as raw:
            memory = AsyncChatMemory.from_url(proxy.url, max_connections=2)
            await asyncio.gather(*(memory.session(name).count() for name in "ab"))
            proxy.stall()
            before = proxy.bytes_up
            chat = memory.session("s")
            calls = [asyncio.create_task(chat.append(Message.user("x"))) for _ in range(2)]
            await until(lambda: proxy.bytes_up > before, "a request is on its way")
            late = asyncio.create_task(chat.append(Message.user("waits for a connection")))
            await asyncio.sleep(0)
            await memory.close()
            proxy.unstall()
            stored = await asyncio.gather(*calls)
            assert [[message.text for message in one] for one in stored] == [["x"], ["x"]]
            with contextlib.suppress(Closed):
                await late
            with pytest.raises(Closed):
                await chat.count()
            await until(lambda: len(raw.client_list()) == 1, "all connections are closed")

    asyncio.run(scenario())
    gc.collect()


def test_a_write_in_doubt_when_the_memory_is_closed(server: Server) -> None:
    """Its reply is lost and it cannot be sent again: the error says so, not just that it closed."""

    async def scenario() -> ConnectionLost:
        with FaultProxy(server.host, server.port) as proxy:
            memory = AsyncChatMemory.from_url(proxy.url)
            await memory.ping()
            proxy.stall()
            before = proxy.bytes_up
            call = asyncio.create_task(memory.session("s").append(Message.user("x")))
            await until(lambda: proxy.bytes_up > before, "the request is on its way")
            await memory.close()
            proxy.cut_all()
            proxy.clear()
            with pytest.raises(ConnectionLost) as caught:
                await call
            return caught.value

    error = asyncio.run(scenario())
    assert isinstance(error.__cause__, Closed)
    assert (error.maybe_applied, error.token is not None) == (True, True)


class SlowCredentials(CredentialProvider):
    """Credentials that must be awaited, between the connection and its greeting."""

    def get_credentials(self) -> tuple[str, str]:
        raise NotImplementedError

    async def get_credentials_async(self) -> tuple[str, str]:
        await asyncio.sleep(0)
        return ("someone", "pw")


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_connection_whose_greeting_was_cancelled_is_not_used(
    server: Server, moment: Moment
) -> None:
    """Otherwise the next call would speak to another database, as another user."""

    async def cancelled(nth: int) -> int:
        options: dict[str, Any] = {"credential_provider": SlowCredentials(), "max_connections": 1}
        async with AsyncChatMemory.from_url(f"redis://{address}/3", **options) as memory:
            running = CancelledAt(memory.ping(), nth, moment)
            await asyncio.wait({asyncio.create_task(awaited(running))})
            await memory.session("s").append(Message.user("x"))
            [one] = [one for one in raw.client_list() if one["cmd"].startswith("eval")]
            assert (one["db"], one["user"]) == ("3", "someone")
        await until(lambda: len(raw.client_list()) == 1, "all connections are closed")
        return running.waits

    address = f"{server.host}:{server.port}"
    with server.client() as raw:
        raw.execute_command("ACL", "SETUSER", "someone", "on", ">pw", "~*", "+@all")
        try:
            for nth in itertools.count(1):
                if asyncio.run(cancelled(nth)) < nth:
                    break
        finally:
            raw.execute_command("ACL", "DELUSER", "someone")
    assert nth > 3


def test_a_first_call_that_is_cancelled_leaves_no_server_behind(tmp_path: Path) -> None:
    """At every await of a call that starts the embedded server: `close` still stops it."""

    async def cancelled(nth: int) -> int:
        folder = tmp_path / str(nth)
        memory = AsyncChatMemory.from_url(f"embedded://{folder}")
        running = CancelledAt(memory.ping(), nth, "waits")
        await asyncio.wait({asyncio.create_task(awaited(running))})
        await memory.ping()
        await memory.close()
        await until(lambda: nothing_left(folder), "the server has stopped")
        return running.waits

    for nth in itertools.count(1):
        if asyncio.run(cancelled(nth)) < nth:
            break
    assert nth > 1
