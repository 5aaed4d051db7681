"""Servers that are full, read-only or forbid something, and few connections: nothing is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from redialog import AsyncChatMemory, ConnectError, Message, OutOfMemory, PermissionDenied, ReadOnly
from tests.faults.conftest import Connect
from tests.support.proxy import FaultProxy
from tests.support.servers import Server, replica_of, wait_until


def test_a_full_server_refuses_the_whole_write(connect: Connect) -> None:
    """At maxmemory nothing is stored, and no token stays behind that would hide the next try."""
    with Server("redis") as server, server.client() as raw:
        memory = connect(server.url, ttl=60)
        chat = memory.session("s", user_id="u")
        chat.append(Message.user("before"))
        before = raw.keys("*")
        raw.config_set("maxmemory", 1)
        with pytest.raises(OutOfMemory) as caught:
            chat.append(Message.user("SECRET"), idempotency_key="again")
        assert "SECRET" not in str(caught.value)
        assert caught.value.retryable is True
        assert sorted(raw.keys("*")) == sorted(before)
        assert chat.count() == 1
        raw.config_set("maxmemory", 0)
        chat.append(Message.user("after"), idempotency_key="again")
        assert [message.text for message in chat.messages()] == ["before", "after"]


@pytest.mark.parametrize("kind", ["redis", "valkey"])
def test_on_a_full_server_what_frees_memory_works(connect: Connect, kind: str) -> None:
    """Taking out, rewinding, expiring and clearing are how a user makes space."""
    with Server(kind) as server, server.client() as raw:
        chat = connect(server.url).session("s", user_id="u")
        first, second, _, _ = chat.append(*(Message.user(text) for text in "abcd"))
        raw.config_set("maxmemory", 1)
        with pytest.raises(OutOfMemory):
            chat.replace(first.id or "", Message.user("SECRET"))
        assert chat.rewind(second.id or "") == 2
        assert chat.remove(first.id or "") is True
        assert [message.text for message in chat.messages()] == ["b"]
        assert chat.expire(60) is True
        assert chat.clear() == 1
        assert [key for key in raw.keys("*") if b":op:" not in key] == []


def test_a_replica_refuses_writes_and_serves_reads(connect: Connect) -> None:
    """A write to a replica is a typed error; the history can be read there."""
    with Server("redis") as primary:
        connect(primary.url).session("s").append(Message.user("x"))
        with replica_of(primary) as replica:
            chat = connect(replica.url).session("s", ttl=60)
            wait_until(lambda: chat.count() == 1, what="the replica has the message")
            [only] = chat.messages()
            writes: list[Callable[[], object]] = [
                lambda: chat.append(Message.user("y")),
                lambda: chat.replace(only.id or "", Message.user("y")),
                lambda: chat.remove(only.id or ""),
                lambda: chat.rewind(only.id or ""),
                chat.fork,
                lambda: chat.set_title("y"),
                *(chat.clear, chat.touch, chat.persist),
            ]
            for write in writes:
                with pytest.raises(ReadOnly):
                    write()
            assert chat.count() == 1


def test_missing_permissions_are_named(connect: Connect) -> None:
    """An ACL user that may not push, or not touch the keys, gets a typed error."""
    with Server("redis") as server, server.client() as raw:
        raw.execute_command("ACL", "SETUSER", "reader", "on", ">pw", "~*", "+@all", "-lpush")
        raw.execute_command("ACL", "SETUSER", "other", "on", ">pw", "~mine:*", "+@all")
        for user in ("reader", "other"):
            url = server.url.replace("redis://", f"redis://{user}:pw@")
            with pytest.raises(PermissionDenied) as caught:
                connect(url).session("s").append(Message.user("SECRET"))
            assert "SECRET" not in str(caught.value)
        assert raw.keys("*:log:*") == []
        assert raw.keys("*:op:*") == []


def test_all_connections_in_use_is_an_error_not_a_hang(server: Server) -> None:
    """More tasks than connections wait for one, and for no longer than they are told to."""

    async def scenario() -> list[object]:
        with FaultProxy(server.host, server.port) as proxy:
            options: dict[str, Any] = {"max_connections": 1, "timeout": 0.2, "coalesce": False}
            async with AsyncChatMemory.from_url(proxy.url, **options) as memory:
                await memory.ping()
                proxy.delay(2.5, match=b"LLEN")
                calls = (memory.session("s").count() for _ in range(2))
                return await asyncio.gather(*calls, return_exceptions=True)

    results = asyncio.run(scenario())
    failed = [result for result in results if isinstance(result, ConnectError)]
    assert 0 in results
    assert len(failed) == 1
    assert "max_connections" in str(failed[0])


@pytest.mark.parametrize("coalesce", [True, False])
def test_many_tasks_share_few_connections(server: Server, coalesce: bool) -> None:
    """A hundred tasks on four connections all get what is theirs."""

    async def scenario() -> None:
        async with AsyncChatMemory.from_url(
            server.url, max_connections=4, coalesce=coalesce
        ) as memory:

            async def turn(number: int) -> None:
                chat = memory.session(str(number % 10))
                await chat.append(Message.user(f"{number}.q"), Message.assistant(f"{number}.a"))

            await asyncio.gather(*(turn(number) for number in range(100)))
            for name in range(10):
                found = [message.text for message in await memory.session(str(name)).messages()]
                assert len(found) == 20
                for question, answer in zip(found[::2], found[1::2], strict=True):
                    assert answer == question.replace(".q", ".a")

    asyncio.run(scenario())


def test_a_task_waits_for_a_connection_as_long_as_it_is_told(server: Server) -> None:
    """The time to wait for a connection is not the time to wait for a reply."""

    async def scenario() -> None:
        with FaultProxy(server.host, server.port) as proxy:
            options: dict[str, Any] = {"max_connections": 1, "timeout": 20, "socket_timeout": 2}
            options["coalesce"] = False
            async with AsyncChatMemory.from_url(proxy.url, **options) as memory:
                await memory.ping()
                proxy.delay(1.2, match=b"LLEN")
                chat = memory.session("s")
                # The third waits longer than a reply may take.
                assert await asyncio.gather(*(chat.count() for _ in range(3))) == [0, 0, 0]

    asyncio.run(scenario())
