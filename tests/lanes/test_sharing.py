"""What goes over the lane and what beside it, in how many writes, and how much at a time."""

from __future__ import annotations

import asyncio
import asyncio.selector_events
import contextlib
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import redis.asyncio

from redialog import AsyncChatMemory, Message
from tests.lanes.tools import echo, execute, in_flight, outcomes, run, turned, until, wire_of
from tests.support.proxy import FaultProxy
from tests.support.servers import Server

SOCKET: Any = asyncio.selector_events._SelectorSocketTransport  # type: ignore[attr-defined]


@contextlib.contextmanager
def counted_writes() -> Iterator[list[int]]:
    """How many bytes each write has, of all sockets."""
    sizes: list[int] = []
    write = SOCKET.write

    def counted(transport: Any, data: bytes) -> None:
        sizes.append(len(data))
        write(transport, data)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SOCKET, "write", counted)
        yield sizes


def test_what_many_ask_at_once_is_a_few_writes_on_one_connection(server: Server) -> None:
    """Of 64 calls: the first, and the others in groups."""

    async def scenario() -> None:
        async with AsyncChatMemory.from_url(server.url) as memory:
            await memory.ping()
            with server.client() as raw:
                before = len(raw.client_list())
                with counted_writes() as sizes:
                    for _ in range(3):
                        calls = [execute(memory, echo(str(number))) for number in range(64)]
                        assert await outcomes(calls) == [[str(n).encode()] for n in range(64)]
                assert len(sizes) <= 3 * 6
                assert len(raw.client_list()) == before

    run(scenario)


def test_many_that_begin_at_once_make_one_connection(server: Server) -> None:
    """Also where there is none yet."""

    async def scenario() -> None:
        with server.client() as raw:
            before = len(raw.client_list())
            async with AsyncChatMemory.from_url(server.url) as memory:
                chats = [memory.session(str(number)) for number in range(64)]
                await asyncio.gather(*(one.append(Message.user("x")) for one in chats))
                assert len(raw.client_list()) == before + 1

    run(scenario)


def test_without_it_each_call_has_a_connection(server: Server) -> None:
    """`coalesce=False` turns it off."""

    async def scenario() -> None:
        with FaultProxy(server.host, server.port) as proxy:
            async with AsyncChatMemory.from_url(proxy.url, coalesce=False) as memory:
                await asyncio.gather(*(execute(memory, echo(str(number))) for number in range(8)))
                assert proxy.connections == 8

    run(scenario)


def test_a_single_task_needs_no_other_and_no_timer_for_each_call(server: Server) -> None:
    """One timer stands for all, and no task is made."""

    async def scenario() -> None:
        async with AsyncChatMemory.from_url(server.url) as memory:
            chat = memory.session("s")
            await chat.append(Message.user("x"))
            loop: Any = asyncio.get_running_loop()
            made: list[str] = []

            def task(loop: Any, work: Any, **options: Any) -> asyncio.Task[Any]:
                made.append("task")
                return asyncio.Task(work, loop=loop, **options)

            call_at = loop.call_at

            def timer(*given: Any, **options: Any) -> Any:
                made.append("timer")
                return call_at(*given, **options)

            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(loop, "call_at", timer)
                loop.set_task_factory(task)
                for _ in range(50):
                    await chat.append(Message.user("x"))
                    await chat.window(messages=20)
                loop.set_task_factory(None)
            assert made.count("task") == 0
            assert made.count("timer") <= 1

    run(scenario)


@pytest.mark.parametrize("what", ["page", "append", "listing"])
def test_large_calls_do_not_hold_up_small_ones(server: Server, what: str) -> None:
    """They have a connection of their own."""

    async def scenario() -> None:
        with FaultProxy(server.host, server.port) as proxy:
            async with AsyncChatMemory.from_url(proxy.url) as memory:
                chat = memory.session("s")
                await chat.append(*(Message.user("x") for _ in range(500)))
                large: Any = {
                    "page": chat.messages,
                    "append": lambda: memory.session("t").append(Message.user("y" * 40_000)),
                    "listing": lambda: memory.sessions().page(),
                }[what]
                # Of a read, the page after the first.
                mark = {"page": b"-1100", "append": b"yyyy", "listing": b"ZRANGE"}[what]
                proxy.delay(60, match=mark)
                late = asyncio.ensure_future(large())
                before = proxy.bytes_up
                await until(lambda: proxy.bytes_up > before + 30, "the large one is on its way")
                # Not sent again where it is late, as a count would be.
                for word in "abcde":
                    assert await execute(memory, echo(word)) == [word.encode()]
                assert not late.done()
                late.cancel()
                await outcomes([late])

    run(scenario)


@contextlib.asynccontextmanager
async def on_one_connection(kind: str, url: str) -> AsyncIterator[AsyncChatMemory]:
    """A memory that may have one, of its own or of an application's."""
    options: dict[str, Any] = {"max_connections": 1, "timeout": 2}
    if kind == "own":
        async with AsyncChatMemory.from_url(url, **options) as memory:
            yield memory
    else:
        pool = redis.asyncio.BlockingConnectionPool.from_url(url, **options)
        async with redis.asyncio.Redis.from_pool(pool) as client:
            yield AsyncChatMemory.from_client(client)


@pytest.mark.parametrize("kind", ["own", "application"])
def test_large_and_small_ones_take_turns_on_a_single_connection(server: Server, kind: str) -> None:
    """None waits for a moment when nothing of the other kind is under way: there is none."""

    async def scenario() -> None:
        with FaultProxy(server.host, server.port) as proxy:
            async with on_one_connection(kind, proxy.url) as memory:
                await memory.ping()
                proxy.delay(0.1)
                done = False

                async def small() -> None:
                    while not done:
                        assert await execute(memory, echo("small")) == [b"small"]

                others = []
                for number in range(4):
                    others.append(asyncio.ensure_future(small()))
                    # Each at another time, so that one or the other is always in flight.
                    await in_flight(memory, number + 1)
                for _ in range(3):
                    assert await execute(memory, echo("large", alone=True)) == [b"large"]
                done = True
                await asyncio.gather(*others)

    run(scenario)


def test_a_peer_that_does_not_read_stops_the_writing(server: Server) -> None:
    """What cannot be sent waits here, in its order, and not in the buffer of the socket."""

    async def scenario() -> None:
        async with AsyncChatMemory.from_url(server.url) as memory:
            await memory.ping()
            server.pause()
            try:
                said = [f"{number} ".ljust(30_000, "x") for number in range(1000)]
                calls = [execute(memory, echo(words)) for words in said]
                await until(lambda: wire_of(memory).paused, "the socket takes no more")
                await turned()
                waiting = len(calls) - len(wire_of(memory).flying)
                assert waiting > 100
                assert wire_of(memory)._transport.get_write_buffer_size() < 1 << 20
            finally:
                server.resume()
            assert await outcomes(calls) == [[words.encode()] for words in said]

    run(scenario)


def test_nothing_is_written_while_asyncio_says_that_it_may_be(server: Server) -> None:
    """It is in the middle of a write of its own; when the loop turns, what waits is written."""

    async def scenario() -> None:
        async with AsyncChatMemory.from_url(server.url) as memory:
            await memory.ping()
            server.pause()
            try:
                said = [f"{number} ".ljust(30_000, "x") for number in range(1000)]
                calls = [execute(memory, echo(words)) for words in said]
                await until(lambda: wire_of(memory).paused, "the socket takes no more")
                await turned()
                with counted_writes() as sizes:
                    wire_of(memory).resume_writing()
                    assert sizes == []
                    await turned(1)
                    assert len(sizes) > 0
            finally:
                server.resume()
            assert await outcomes(calls) == [[words.encode()] for words in said]

    run(scenario)


def test_writing_goes_on_when_the_peer_reads_again(server: Server) -> None:
    """Before it has answered anything."""

    async def scenario() -> None:
        with FaultProxy(server.host, server.port) as proxy:
            async with AsyncChatMemory.from_url(proxy.url) as memory:
                await memory.ping()
                proxy.stall()
                said = [f"{number} ".ljust(30_000, "x") for number in range(400)]
                calls = [execute(memory, echo(words)) for words in said]
                await in_flight(memory, 400)
                proxy.unstall()
                assert await outcomes(calls) == [[words.encode()] for words in said]

    run(scenario)


def test_a_connection_that_is_not_redis_pys_own_goes_its_way(server: Server) -> None:
    """What an application has made of its connections is used as it was made."""
    sent: list[bytes] = []

    class Recorded(redis.asyncio.Connection):
        async def send_packed_command(self, command: Any, check_health: bool = True) -> None:
            sent.append(b"".join(command))
            await super().send_packed_command(command, check_health)

    async def scenario() -> None:
        pool = redis.asyncio.ConnectionPool(
            connection_class=Recorded, host=server.host, port=server.port
        )
        async with redis.asyncio.Redis.from_pool(pool) as client:
            memory = AsyncChatMemory.from_client(client)
            calls = [execute(memory, echo(word)) for word in "abc"]
            assert await outcomes(calls) == [[b"a"], [b"b"], [b"c"]]
        assert len([one for one in sent if b"ECHO" in one]) == 3

    run(scenario)


def test_an_applications_client_has_its_connection_back(server: Server) -> None:
    """When nothing is in flight, also where there is only one."""

    async def scenario() -> None:
        pool = redis.asyncio.BlockingConnectionPool.from_url(
            server.url, max_connections=1, timeout=5
        )
        async with redis.asyncio.Redis.from_pool(pool) as client:
            memory = AsyncChatMemory.from_client(client)
            chat = memory.session("s")
            for number in range(5):
                await asyncio.gather(*(chat.append(Message.user("x")) for _ in range(10)))
                assert await client.ping()
                assert await chat.count() == 10 * (number + 1)
            assert await client.echo("x") == b"x"

    run(scenario)


@pytest.mark.parametrize("most", [1, 2, 5])
def test_a_small_pool_of_an_application_is_enough_when_a_connection_breaks(
    server: Server, most: int
) -> None:
    """What was in flight is sent again, and has no connection of its own where there is none."""

    async def scenario() -> None:
        with FaultProxy(server.host, server.port) as proxy:
            pool = redis.asyncio.ConnectionPool.from_url(proxy.url, max_connections=most)
            async with redis.asyncio.Redis.from_pool(pool) as client:
                memory = AsyncChatMemory.from_client(client)
                await memory.session("first").append(Message.user("x"))
                # Longer than the pauses before attempts.
                proxy.delay(0.25)
                fault = proxy.cut_reply(match=b"EVAL")
                chats = [memory.session(str(number)) for number in range(30)]
                await asyncio.gather(*(one.append(Message.user(one.id)) for one in chats))
                assert fault.hits == 1
                proxy.delay(0)
                for chat in chats:
                    assert [message.text for message in await chat.messages()] == [chat.id]

    run(scenario)
