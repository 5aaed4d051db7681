"""A connection that breaks, stalls or leads to a replica: what was in flight on it, and no more."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from redialog import (
    AsyncChatMemory,
    ConnectError,
    ConnectionLost,
    Message,
    ReadOnly,
    ReplyTimeout,
    Unavailable,
)
from redialog.transports.redis import _lane, _lane_wire
from tests.lanes.tools import echo, execute, outcomes, run, turned, until, wire_of
from tests.support.proxy import FaultProxy
from tests.support.servers import Server, replica_of


@pytest.mark.parametrize("after_bytes", [0, 1, 9])
@pytest.mark.parametrize("nth", [1, 7, 40])
def test_a_burst_of_appends_whose_reply_is_lost_is_stored_once(
    server: Server, nth: int, after_bytes: int
) -> None:
    """All are sent again but those that were answered, and nothing is stored twice."""

    async def scenario() -> None:
        with FaultProxy(server.host, server.port) as proxy:
            async with AsyncChatMemory.from_url(proxy.url) as memory:
                await memory.session("first").append(Message.user("x"))
                fault = proxy.cut_reply(after_bytes, nth, match=b"EVAL")
                chats = [memory.session(str(number)) for number in range(40)]
                stored = await asyncio.gather(*(one.append(Message.user(one.id)) for one in chats))
                assert fault.hits == 1
                for chat, messages in zip(chats, stored, strict=True):
                    assert await chat.messages() == messages
                    assert [message.text for message in messages] == [chat.id]

    run(scenario)


@pytest.mark.parametrize("writes", [True, False])
def test_what_was_answered_has_its_replies_and_the_rest_an_error_each(
    server: Server, writes: bool
) -> None:
    """Of what was in flight; it says whether it may have happened."""

    async def scenario() -> None:
        with FaultProxy(server.host, server.port) as proxy:
            async with AsyncChatMemory.from_url(proxy.url) as memory:
                await memory.ping()
                proxy.cut_reply(0, 4, match=b"ECHO")
                calls = [execute(memory, echo(word, writes=writes)) for word in "abcdefgh"]
                found = await outcomes(calls)
                assert found[:3] == [[b"a"], [b"b"], [b"c"]]
                assert all(type(one) is ConnectionLost for one in found[3:])
                assert {one.maybe_applied for one in found[3:]} == {writes}
                assert len(set(map(id, found[3:]))) == 5
                assert await execute(memory, echo("i")) == [b"i"]

    run(scenario)


def test_what_was_not_written_yet_goes_over_the_next_connection(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not failed with what was in flight."""
    monkeypatch.setattr(_lane_wire, "IN_FLIGHT", 3)

    async def scenario() -> None:
        with FaultProxy(server.host, server.port) as proxy:
            async with AsyncChatMemory.from_url(proxy.url, max_connections=1) as memory:
                await memory.ping()
                proxy.stall()
                calls = [execute(memory, echo(word)) for word in "abcdefgh"]
                await until(lambda: len(wire_of(memory).flying) == 3, "three are in flight")
                proxy.cut_all(reset=True)
                proxy.unstall()
                found = await outcomes(calls)
                assert all(type(one) is ConnectionLost for one in found[:3])
                assert found[3:] == [[word.encode()] for word in "defgh"]

    run(scenario)


def test_a_stalled_server_is_an_error_for_all_and_then_goes_on(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was sent may have happened; what waited behind it was not sent."""
    monkeypatch.setattr(_lane_wire, "IN_FLIGHT", 6)

    async def scenario() -> None:
        with FaultProxy(server.host, server.port) as proxy:
            async with AsyncChatMemory.from_url(proxy.url, socket_timeout=0.3) as memory:
                await memory.ping()
                proxy.stall()
                calls = [execute(memory, echo(word, writes=True)) for word in "abcdefgh"]
                found = await outcomes(calls)
                assert [type(one) for one in found] == [ReplyTimeout] * 6 + [ConnectError] * 2
                assert [one.maybe_applied for one in found] == [True] * 6 + [False] * 2
                proxy.unstall()
                calls = [execute(memory, echo(word)) for word in "abcdefgh"]
                assert await outcomes(calls) == [[word.encode()] for word in "abcdefgh"]

    run(scenario)


def test_a_reply_that_is_late_is_not_held_against_those_that_come_after(server: Server) -> None:
    """One that was asked later has its time from then on."""

    async def scenario() -> None:
        with FaultProxy(server.host, server.port) as proxy:
            async with AsyncChatMemory.from_url(proxy.url, socket_timeout=1) as memory:
                await memory.ping()
                proxy.delay(0.7)
                first = execute(memory, echo("first"))
                await asyncio.sleep(0.5)
                second = execute(memory, echo("second"))
                assert await outcomes([first, second]) == [[b"first"], [b"second"]]

    run(scenario)


def test_who_waits_asks_whether_to_go_on(server: Server) -> None:
    """The oldest asks for all, while the reply is outstanding; where it is in vain, all end."""
    asked: list[str] = []

    async def scenario() -> None:
        with FaultProxy(server.host, server.port) as proxy:
            async with AsyncChatMemory.from_url(proxy.url) as memory:
                await memory.ping()
                proxy.stall()

                def watched(word: str) -> Any:
                    async def watch() -> bool:
                        asked.append(word)
                        await asyncio.sleep(0)
                        return len(asked) < 2

                    return execute(memory, echo(word, writes=True), watch=watch)

                calls = [watched(word) for word in "abc"]
                found = await outcomes(calls)
                assert asked == ["a", "a"]
                assert [type(one) for one in found] == [ReplyTimeout] * 3
                assert all(one.maybe_applied for one in found)

    run(scenario)


def test_a_reply_that_comes_while_somebody_asks_is_not_lost(server: Server) -> None:
    """Neither that of the one who asks nor those behind it."""

    async def scenario() -> None:
        with FaultProxy(server.host, server.port) as proxy:
            async with AsyncChatMemory.from_url(proxy.url) as memory:
                await memory.ping()
                proxy.stall()

                proxy.delay(2, match=b"late")

                async def watch() -> bool:
                    proxy.unstall()
                    await until(lambda: len(wire_of(memory).flying) < 2, "the replies are there")
                    return False

                calls = [execute(memory, echo(word), watch=watch) for word in "ab"]
                calls.append(execute(memory, echo("late")))
                assert await outcomes(calls) == [[b"a"], [b"b"], [b"late"]]

    run(scenario)


def test_where_nobody_is_there_each_has_its_own_error(server: Server) -> None:
    """One of them tries for all."""

    async def scenario() -> None:
        with FaultProxy(server.host, server.port) as proxy:
            async with AsyncChatMemory.from_url(proxy.url) as memory:
                proxy.refuse()
                found = await outcomes([execute(memory, echo(word)) for word in "abcdef"])
                assert [type(one) for one in found] == [ConnectError] * 6
                assert len(set(map(id, found))) == 6
                proxy.accept()
                assert await execute(memory, echo("g")) == [b"g"]

    run(scenario)


def test_a_connection_that_leads_to_a_replica_by_now_is_given_up(server: Server) -> None:
    """After what is in flight on it has its replies: behind its name there may be another one."""

    async def scenario() -> None:
        with replica_of(server) as replica, FaultProxy(replica.host, replica.port) as proxy:
            async with AsyncChatMemory.from_url(proxy.url) as memory:
                await memory.ping()
                before = proxy.connections
                calls = [execute(memory, echo(word)) for word in "ab"]
                refused = asyncio.ensure_future(memory.session("s").append(Message.user("x")))
                calls += [execute(memory, echo(word)) for word in "cd"]
                assert await outcomes(calls) == [[word.encode()] for word in "abcd"]
                with pytest.raises(ReadOnly):
                    await refused
                assert await execute(memory, echo("e")) == [b"e"]
                assert proxy.connections == before + 1

    run(scenario)


def test_closing_in_the_middle_of_a_burst(server: Server) -> None:
    """Calls that are under way end as they would, and no connection is left."""

    async def scenario() -> None:
        with FaultProxy(server.host, server.port) as proxy, server.client() as raw:
            memory = AsyncChatMemory.from_url(proxy.url)
            await memory.ping()
            proxy.stall()
            chats = [memory.session(str(number)) for number in range(50)]
            calls = [asyncio.ensure_future(one.append(Message.user(one.id))) for one in chats]
            await turned()
            await memory.close()
            proxy.unstall()
            for chat, [stored] in zip(chats, await asyncio.gather(*calls), strict=True):
                assert stored.text == chat.id
            await until(lambda: len(raw.client_list()) == 1, "all connections are closed")

    run(scenario)


@pytest.mark.parametrize("calls", [1, 3, 40])
@pytest.mark.parametrize("together", [1, 16])
@pytest.mark.parametrize("when", ["before they are handed over", "before they are written"])
def test_a_connection_that_is_about_to_close_is_not_written_to(
    server: Server, monkeypatch: pytest.MonkeyPatch, calls: int, together: int, when: str
) -> None:
    """Found when a call is handed over, or when the loop turns: it goes over the next one."""
    monkeypatch.setattr(_lane, "TOGETHER", together)

    async def scenario() -> None:
        with FaultProxy(server.host, server.port) as proxy:
            async with AsyncChatMemory.from_url(proxy.url, max_connections=1) as memory:
                await memory.ping()
                proxy.stall()
                lost = execute(memory, echo("lost"))
                await until(lambda: len(wire_of(memory).flying) == 1, "it is in flight")
                proxy.unstall()
                transport = wire_of(memory)._transport
                if when == "before they are handed over":
                    asyncio.get_running_loop().call_soon(transport.close)
                others = [execute(memory, echo(str(number))) for number in range(calls)]
                if when == "before they are written":
                    asyncio.get_running_loop().call_soon(transport.close)
                found = await outcomes([lost, *others])
                assert type(found[0]) is ConnectionLost
                # Where there are many, some were written before.
                handed_over = when == "before they are written"
                written = calls // together * together if handed_over else 0
                kept = [[str(number).encode()] for number in range(calls)]
                assert found[1 + written :] == kept[written:]

    run(scenario)


def test_what_came_on_an_idle_connection_is_nobodys_reply(server: Server) -> None:
    """It is not used again."""

    async def scenario() -> None:
        with FaultProxy(server.host, server.port) as proxy:
            async with AsyncChatMemory.from_url(proxy.url, max_connections=1) as memory:
                await memory.ping()
                transport: Any = memory._transport
                [idle] = transport._connections._idle
                idle._reader.feed_data(b"+stray\r\n")
                before = proxy.connections
                assert await execute(memory, echo("a")) == [b"a"]
                assert proxy.connections == before + 1

    run(scenario)


def test_an_error_that_ends_the_connection_is_that_of_the_first(server: Server) -> None:
    """It refused one of them; what became of those behind it is not known."""

    async def scenario() -> None:
        with FaultProxy(server.host, server.port) as proxy:
            async with AsyncChatMemory.from_url(proxy.url) as memory:
                await memory.ping()
                proxy.stall()
                calls = [execute(memory, echo(word, writes=True)) for word in "abc"]
                await until(lambda: len(wire_of(memory).flying) == 3, "all are in flight")
                wire_of(memory).data_received(b"-LOADING Redis is loading the dataset\r\n")
                found = await outcomes(calls)
                assert [type(one) for one in found] == [Unavailable] + [ConnectionLost] * 2
                assert [one.maybe_applied for one in found] == [False, True, True]

    run(scenario)


@pytest.mark.parametrize("calls", [1, 5])
def test_a_task_that_is_cancelled_while_it_connects_for_all(server: Server, calls: int) -> None:
    """Another one takes over."""

    async def scenario() -> None:
        with FaultProxy(server.host, server.port) as proxy:
            async with AsyncChatMemory.from_url(proxy.url, max_connections=1) as memory:
                proxy.stall()
                first, *others = [execute(memory, echo(str(n))) for n in range(1 + calls)]
                await until(lambda: proxy.bytes_up > 0, "the greeting is on its way")
                first.cancel()
                await turned()
                proxy.unstall()
                found = await outcomes([first, *others])
                assert isinstance(found[0], asyncio.CancelledError)
                assert found[1:] == [[str(n).encode()] for n in range(1, 1 + calls)]

    run(scenario)


def test_a_connection_that_closes_before_anything_is_written(server: Server) -> None:
    """It is given back by the one who takes the next one: there is only one at a time."""

    async def scenario() -> None:
        options: dict[str, Any] = {"max_connections": 1, "timeout": 2}
        async with AsyncChatMemory.from_url(server.url, **options) as memory:
            await memory.ping()
            await outcomes([execute(memory, echo(word)) for word in "abc"])
            # Several were answered at once, so the next one waits for others until the loop turns.
            call = execute(memory, echo("d"))
            await asyncio.sleep(0)
            assert wire_of(memory).connection is not None
            assert not wire_of(memory).flying
            wire_of(memory).eof_received()
            assert await call == [b"d"]

    run(scenario)
