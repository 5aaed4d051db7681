"""Each call gets its own replies, whoever else asks, is cancelled or makes a mistake."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
from collections import Counter
from typing import Any

import pytest
import redis.asyncio

from redialog import AsyncChatMemory, AsyncSession, Message
from redialog.effect import Batch, CommandError
from redialog.transports.redis import _lane_wire
from redialog.transports.redis.transport_asyncio import LANE_BYTES
from tests.lanes.tools import echo, execute, in_flight, outcomes, run, turned, until, wire_of
from tests.support.proxy import FaultProxy
from tests.support.servers import Server

SEED = int(os.environ.get("REDIALOG_RACE_SEED", "0"))
TASKS, STEPS = 60, 60


class Talker:
    """A session's only user, whose calls are cancelled now and then.

    Attributes:
        kept: texts whose append has returned.
        tried: texts of all appends.
    """

    def __init__(self, chat: AsyncSession, seed: int) -> None:
        self._chat = chat
        self._random = random.Random(seed)
        self.kept: list[str] = []
        self.tried: list[str] = []

    async def talk(self) -> None:
        for number in range(STEPS):
            one = asyncio.ensure_future(self._call(number))
            if self._random.random() < 0.3:
                await turned(self._random.randrange(6))
                one.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await one

    async def _call(self, number: int) -> None:
        name = self._chat.id
        if self._random.random() < 0.5:
            text = f"{name} {number}"
            self.tried.append(text)
            [stored] = await self._chat.append(Message.user(text))
            assert stored.text == text
            self.kept.append(text)
        elif self._random.random() < 0.5:
            found = await self._chat.window(messages=7)
            assert all(message.text.startswith(f"{name} ") for message in found)
        else:
            assert len(self.kept) <= await self._chat.count() <= len(self.tried)


def test_each_reply_belongs_to_its_request(server: Server) -> None:
    """Thousands of calls of many sessions, of which a third is cancelled at any moment."""

    async def scenario() -> None:
        async with AsyncChatMemory.from_url(server.url) as memory:
            talkers = [Talker(memory.session(f"<{n}>"), SEED + n) for n in range(TASKS)]
            await asyncio.gather(*(one.talk() for one in talkers))
            for one in talkers:
                found = [message.text for message in await one._chat.messages()]
                assert max(Counter(found).values(), default=1) == 1
                assert set(one.kept) <= set(found) <= set(one.tried)
                assert found == sorted(found, key=one.tried.index)

    run(scenario)


def test_replies_of_batches_of_any_size_are_told_apart(server: Server) -> None:
    """Several commands in one batch, beside others, some cancelled while they are in flight."""

    async def scenario() -> None:
        chance = random.Random(SEED)
        async with AsyncChatMemory.from_url(server.url) as memory:
            for _ in range(60):
                said = [[f"{n}.{m}" for m in range(chance.randrange(1, 5))] for n in range(60)]
                calls = [execute(memory, echo(*words)) for words in said]
                await turned(chance.randrange(5))
                for one in chance.sample(calls, 20):
                    one.cancel()
                for words, found in zip(said, await outcomes(calls), strict=True):
                    if not isinstance(found, asyncio.CancelledError):
                        assert found == [word.encode() for word in words]

    run(scenario)


def test_a_call_that_was_cancelled_before_it_was_written_is_never_sent(server: Server) -> None:
    """It waits behind another one when it is cancelled."""

    async def scenario() -> None:
        with FaultProxy(server.host, server.port) as proxy:
            async with AsyncChatMemory.from_url(proxy.url) as memory:
                await memory.ping()
                proxy.stall()
                first = execute(memory, echo("first"))
                await turned(1)
                second, third = execute(memory, echo("second")), execute(memory, echo("third"))
                await turned(1)
                second.cancel()
                proxy.unstall()
                assert await first == [b"first"]
                assert await third == [b"third"]
                assert proxy.requests[-2:] == ["ECHO", "ECHO"]
                assert proxy.requests.count("ECHO") == 2

    run(scenario)


def test_a_call_that_was_cancelled_in_flight_keeps_its_place(server: Server) -> None:
    """Its reply comes and is dropped, the one behind it is not mistaken for it."""

    async def scenario() -> None:
        with FaultProxy(server.host, server.port) as proxy:
            async with AsyncChatMemory.from_url(proxy.url) as memory:
                await memory.ping()
                proxy.stall()
                calls = [execute(memory, echo(word)) for word in "abcd"]
                await until(lambda: len(wire_of(memory).flying) == 4, "all are in flight")
                before = proxy.connections
                calls[0].cancel()
                calls[2].cancel()
                await turned()
                proxy.unstall()
                assert [await calls[1], await calls[3]] == [[b"b"], [b"d"]]
                assert await execute(memory, echo("e")) == [b"e"]
                assert proxy.connections == before

    run(scenario)


def test_where_nobody_waits_any_more_the_connection_is_given_up(server: Server) -> None:
    """The next call does not wait for replies that nobody wants."""

    async def scenario() -> None:
        with FaultProxy(server.host, server.port) as proxy:
            async with AsyncChatMemory.from_url(proxy.url, max_connections=1) as memory:
                await memory.ping()
                proxy.delay(60, match=b"late")
                calls = [execute(memory, echo("late", word)) for word in "abc"]
                await until(lambda: len(wire_of(memory).flying) == 3, "all are in flight")
                for one in calls:
                    one.cancel()
                assert await execute(memory, echo("next")) == [b"next"]

    run(scenario)


@pytest.mark.parametrize("size", [10, 2 * LANE_BYTES])
def test_what_follows_a_cancelled_write_does_not_overtake_it(server: Server, size: int) -> None:
    """Also where it is so large that it would have a connection of its own. What must have one,
    has."""

    async def scenario() -> None:
        async with AsyncChatMemory.from_url(server.url) as memory:
            chat = memory.session("s")
            await chat.count()
            slow = execute(memory, Batch(((b"BLPOP", b"gate", 0),)))
            await in_flight(memory, 1)
            first = asyncio.ensure_future(chat.append(Message.user("first")))
            await in_flight(memory, 2)
            first.cancel()
            await turned()
            second = asyncio.ensure_future(chat.append(Message.user("x" * size)))
            await in_flight(memory, 3)
            assert await execute(memory, echo("x", writes=True, alone=True)) == [b"x"]
            async with redis.asyncio.Redis(host=server.host, port=server.port) as client:
                await client.rpush("gate", "open")
            await asyncio.gather(slow, second)
            assert [len(message.text) for message in await chat.messages()] == [5, size]

    run(scenario)


def test_what_is_large_waits_for_no_live_write_and_no_large_read_for_any(server: Server) -> None:
    """Only what a task has written before can be overtaken, and only by a write."""

    async def scenario() -> None:
        async with AsyncChatMemory.from_url(server.url) as memory:
            await memory.ping()
            slow = execute(memory, Batch(((b"BLPOP", b"gate", 0),)))
            await in_flight(memory, 1)
            small = asyncio.ensure_future(memory.session("a").append(Message.user("small")))
            await in_flight(memory, 2)
            large = memory.session("b").append(Message.user("x" * 40_000))
            assert len(await asyncio.wait_for(large, 10)) == 1
            small.cancel()
            await turned()
            text = "x" * 40_000
            assert await asyncio.wait_for(execute(memory, echo(text)), 10) == [text.encode()]
            async with redis.asyncio.Redis(host=server.host, port=server.port) as client:
                await client.rpush("gate", "open")
            await slow

    run(scenario)


@pytest.mark.parametrize("coalesce", [True, False])
def test_an_own_client_has_a_lane_unless_it_is_told_not_to(server: Server, coalesce: bool) -> None:
    """Without one a call waits for no other."""

    async def scenario() -> None:
        client = redis.asyncio.Redis(host=server.host, port=server.port)
        async with client, AsyncChatMemory.from_client(client, coalesce=coalesce) as memory:
            await memory.ping()
            slow = execute(memory, Batch(((b"BLPOP", b"gate", 0),)))
            other = execute(memory, echo("a"))
            if coalesce:
                await in_flight(memory, 2)
                assert not other.done()
            else:
                assert await asyncio.wait_for(other, 10) == [b"a"]
            await client.rpush("gate", "open")
            await asyncio.gather(slow, other)

    run(scenario)


def test_the_error_of_one_command_is_its_own(server: Server) -> None:
    """Those before and behind it have their replies."""

    async def scenario() -> None:
        async with AsyncChatMemory.from_url(server.url) as memory:
            await memory.ping()
            wrong = Batch(((b"ECHO", b"1"), (b"LPUSH", b"only-a-name"), (b"ECHO", b"3")))
            calls = [execute(memory, one) for one in (echo("a"), wrong, echo("b"))]
            found = await outcomes(calls)
            assert (found[0], found[2]) == ([b"a"], [b"b"])
            first, error, last = found[1]
            assert (first, last) == (b"1", b"3")
            assert isinstance(error, CommandError)

    run(scenario)


@pytest.mark.parametrize("protocol", [2, 3])
def test_what_the_server_says_besides_is_no_reply(server: Server, protocol: int) -> None:
    """Messages that a connection of RESP3 gets in between shift nothing; the client is told."""

    async def scenario() -> None:
        options: dict[str, Any] = {"protocol": protocol, "decode_responses": True}
        async with redis.asyncio.Redis(host=server.host, port=server.port, **options) as client:
            memory = AsyncChatMemory.from_client(client)
            await memory.ping()
            commands = [(b"GET", b"k"), (b"SET", b"k", b"v"), (b"ECHO", b"x")]
            if protocol == 3:
                commands.insert(0, (b"CLIENT", b"TRACKING", b"ON"))
            batch = Batch(tuple(commands))
            calls = [execute(memory, one) for one in (echo("a"), batch, echo("b"), echo("c", "d"))]
            found = await outcomes(calls)
            assert found[0] == [b"a"]
            assert found[1][-3:] == [None, b"OK", b"x"]
            assert found[2:] == [[b"b"], [b"c", b"d"]]
            await memory.session("s").append(Message.user("x"))
            assert await client.get("k") == "v"

    run(scenario)


def test_only_so_many_are_in_flight(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """The others wait in their order, and all get what is theirs."""
    monkeypatch.setattr(_lane_wire, "IN_FLIGHT", 5)

    async def scenario() -> None:
        with FaultProxy(server.host, server.port) as proxy:
            async with AsyncChatMemory.from_url(proxy.url) as memory:
                await memory.ping()
                proxy.reset_counters()
                proxy.stall()
                calls = [execute(memory, echo(str(n))) for n in range(23)]
                await until(lambda: len(wire_of(memory).flying) == 5, "five are in flight")
                await turned(10)
                assert len(wire_of(memory).flying) == 5
                proxy.unstall()
                assert await outcomes(calls) == [[str(n).encode()] for n in range(23)]
                assert proxy.requests == ["ECHO"] * 23

    run(scenario)
