"""What is said of a call that failed: whether it was sent, and so may have happened."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
import redis.asyncio

from redialog import AsyncChatMemory, ConnectError, ReplyTimeout
from redialog.transports.redis import _lane_wire
from tests.lanes.tools import echo, execute, in_flight, outcomes, run, turned, until
from tests.support.proxy import FaultProxy
from tests.support.servers import Server


@pytest.mark.parametrize("writes", [True, False])
def test_the_only_call_in_flight_that_takes_longer_than_it_may(
    server: Server, writes: bool
) -> None:
    """It was sent, though its connection is given up before anybody asks."""

    async def scenario() -> None:
        with FaultProxy(server.host, server.port) as proxy:
            async with AsyncChatMemory.from_url(proxy.url) as memory:
                await memory.ping()
                proxy.stall()
                call = execute(memory, echo("a", writes=writes), within=0.1, again=False)
                [found] = await outcomes([call])
                assert type(found) is ReplyTimeout
                assert found.maybe_applied is writes

    run(scenario)


def test_a_call_that_was_not_sent_in_its_time(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waits behind another one, and nothing of it may have happened."""
    monkeypatch.setattr(_lane_wire, "IN_FLIGHT", 1)

    async def scenario() -> None:
        with FaultProxy(server.host, server.port) as proxy:
            async with AsyncChatMemory.from_url(proxy.url) as memory:
                await memory.ping()
                proxy.stall()
                first = execute(memory, echo("first"))
                await in_flight(memory, 1)
                late = execute(memory, echo("late", writes=True), within=0.1, again=False)
                [found] = await outcomes([late])
                assert type(found) is ConnectError
                assert found.maybe_applied is False
                proxy.unstall()
                assert await first == [b"first"]
                await turned()
                assert proxy.requests.count("ECHO") == 1

    run(scenario)


@contextlib.asynccontextmanager
async def memory_of(kind: str, url: str) -> AsyncIterator[AsyncChatMemory]:
    """One with connections of its own, or with those of an application."""
    if kind == "own":
        async with AsyncChatMemory.from_url(url) as memory:
            yield memory
    else:
        async with redis.asyncio.Redis.from_url(url) as client:
            yield AsyncChatMemory.from_client(client)


@pytest.mark.parametrize("kind", ["own", "application"])
@pytest.mark.parametrize("alone", [True, False])
def test_idle_connections_that_were_reset_are_not_written_to(
    server: Server, kind: str, alone: bool
) -> None:
    """The next calls go over new ones, and are not in doubt."""

    async def scenario() -> None:
        with FaultProxy(server.host, server.port) as proxy:
            async with memory_of(kind, proxy.url) as memory:
                proxy.stall()
                calls = [execute(memory, echo(word, alone=True)) for word in "abcd"]
                await until(lambda: proxy.open_connections == 4, "each has a connection")
                proxy.unstall()
                await outcomes(calls)
                transport: Any = memory._transport
                connections = transport._connections
                pool = connections.pool
                idle = [*connections._idle, *pool._available_connections]
                assert len(idle) == 4
                proxy.cut_all(reset=True)
                await until(
                    lambda: all(one._writer.transport.is_closing() for one in idle), "it is seen"
                )
                for word in "abcdef":
                    batch = echo(word, writes=True, alone=alone)
                    assert await transport.execute(batch) == [word.encode()]
                assert await asyncio.gather(
                    *(transport.execute(echo(word, writes=True, alone=alone)) for word in "abcdef")
                ) == [[word.encode()] for word in "abcdef"]

    run(scenario)
