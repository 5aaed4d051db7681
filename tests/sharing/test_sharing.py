"""Leases: one pool for each store in a process, which closes with its last one."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import redis
import redis.asyncio

from redialog import Closed, ConfigurationError, InvalidSessionId, InvalidTTL, Message, sharing
from redialog.sharing.registry import REGISTRY
from tests.support.servers import Server, wait_until


@pytest.fixture
def alone() -> Iterator[Server]:
    """A server that nobody else has connections to."""
    with Server("redis") as server:
        yield server


class Connections:
    """Counts the connections of a server beside its own."""

    def __init__(self, server: Server) -> None:
        self._client = server.client()
        self._client.ping()

    def now(self) -> int:
        """How many there are."""
        return len(self._client.client_list()) - 1

    def become(self, number: int) -> None:
        """Waits until there are so many."""
        wait_until(lambda: self.now() == number, what=f"{number} connections")


@pytest.fixture
def connections(alone: Server) -> Iterator[Connections]:
    """Those of the server."""
    counted = Connections(alone)
    yield counted
    counted._client.close()


def said(lease: sharing.Lease, text: str = "x") -> None:
    """Uses a lease."""
    lease.memory().session("s").append(Message.user(text))


def test_leases_of_one_store_share_its_connections(alone: Server, connections: Connections) -> None:
    """Whatever their prefix; the last one closes, and one that was closed is closed."""
    prefixes = ["", "message_store:", None] * 10
    leases = [sharing.lease(alone.url, key_prefix=prefix) for prefix in prefixes]
    for lease in leases:
        said(lease)
    assert connections.now() == 1
    for lease in leases[1:]:
        lease.close()
        lease.close()
    assert connections.now() == 1
    said(leases[0])
    leases[0].close()
    connections.become(0)
    for use in (leases[0].memory, leases[0].amemory):
        with pytest.raises(Closed):
            use()


def test_a_forgotten_lease_is_given_back(alone: Server, connections: Connections) -> None:
    """By the garbage collection."""
    lease = sharing.lease(alone.url, key_prefix=None)
    said(lease)
    del lease
    gc.collect()
    connections.become(0)


def test_what_came_of_a_lease_keeps_it(alone: Server, connections: Connections) -> None:
    """Nobody needs to hold it besides; closing a memory closes it for nobody else."""
    other = sharing.lease(alone.url, key_prefix="")
    memory = sharing.lease(alone.url, key_prefix="").memory()
    chat, listing = memory.session("s"), memory.sessions()
    memory.ping()
    del memory
    other.close()
    gc.collect()
    assert chat.count() == 0
    del chat
    gc.collect()
    assert list(listing) == []
    with sharing.lease(alone.url, key_prefix="").memory() as another:
        another.ping()
    assert list(listing) == []
    del listing
    gc.collect()
    connections.become(0)

    async def scenario() -> None:
        first = sharing.lease(alone.url, key_prefix="").amemory()
        async with sharing.lease(alone.url, key_prefix="").amemory() as second:
            await second.ping()
        assert await first.session("s").count() == 0
        assert connections.now() == 1
        await first.close()
        connections.become(0)

    asyncio.run(scenario())


def test_other_options_are_another_store(alone: Server, connections: Connections) -> None:
    """Also an option that cannot be compared; equal ones are the same."""
    shared = object()
    variants: list[dict[str, Any]] = [
        {},
        {"client_name": "a"},
        {"client_name": "b"},
        {"redis_connect_func": lambda connection: connection.on_connect()},
        {"redis_connect_func": lambda connection: connection.on_connect()},
    ]
    assert shared
    leases = [sharing.lease(alone.url, key_prefix="", options=one) for one in variants * 2]
    for lease in leases:
        said(lease)
    assert connections.now() == len(variants)
    for lease in leases:
        lease.close()
    connections.become(0)


def test_a_store_lingers_for_the_next(alone: Server, connections: Connections) -> None:
    """Where that is asked for: the next lease has the same connection; and not for ever."""
    names = [sharing.lease(alone.url, key_prefix="", linger=True) for _ in range(3)]
    for lease in names:
        said(lease)
        lease.close()
    assert connections.now() == 1
    ids = {int(one["id"]) for one in connections._client.client_list()}
    again = sharing.lease(alone.url, key_prefix="", linger=True)
    said(again)
    assert {int(one["id"]) for one in connections._client.client_list()} == ids
    again.close()
    for number in range(sharing.IDLE):
        other = sharing.lease(
            alone.url, key_prefix="", linger=True, options={"client_name": f"n{number}"}
        )
        said(other)
        other.close()
    connections.become(sharing.IDLE)
    with sharing.lease(alone.url, key_prefix="").memory() as memory:
        memory.ping()
    for number in range(sharing.IDLE):
        sharing.lease(alone.url, key_prefix="", options={"client_name": f"n{number}"}).close()
    connections.become(0)


def test_an_event_loop_has_its_own(alone: Server, connections: Connections) -> None:
    """They close with the loop, whoever forgets them; the blocking one is not touched."""
    lease = sharing.lease(alone.url, key_prefix=None)
    said(lease, "blocking")

    async def talk(text: str) -> list[str]:
        chats = [lease.amemory().session("s") for _ in range(3)]
        await chats[0].append(Message.user(text))
        assert connections.now() == 2
        return [message.text for message in await chats[2].messages()]

    assert asyncio.run(talk("one")) == ["blocking", "one"]
    connections.become(1)
    assert asyncio.run(talk("two")) == ["blocking", "one", "two"]
    connections.become(1)
    lease.close()
    connections.become(0)


def test_the_last_lease_closes_in_its_event_loop(alone: Server, connections: Connections) -> None:
    """Awaited it has closed; forgotten, or closed in another thread, it will have soon."""

    async def scenario() -> None:
        lease = sharing.lease(alone.url, key_prefix=None)
        await lease.amemory().ping()
        assert connections.now() == 1
        await lease.aclose()
        connections.become(0)
        for end in (lambda lease: lease.close(), in_a_thread):
            lease = sharing.lease(alone.url, key_prefix=None)
            await lease.amemory().ping()
            end(lease)
            await asyncio.to_thread(connections.become, 0)
        lease = sharing.lease(alone.url, key_prefix=None)
        await lease.amemory().ping()
        del lease
        gc.collect()
        await asyncio.to_thread(connections.become, 0)

    def in_a_thread(lease: sharing.Lease) -> None:
        thread = threading.Thread(target=lease.close)
        thread.start()
        thread.join()

    asyncio.run(scenario())


def test_a_ready_client_is_shared_and_never_closed(alone: Server, connections: Connections) -> None:
    """A blocking one cannot be awaited, nor the other way round; what is none is refused."""
    with redis.Redis.from_url(alone.url) as client:
        leases = [sharing.lease(None, key_prefix="", client=client) for _ in range(3)]
        assert all(lease.blocking_only and not lease.awaited_only for lease in leases)
        for lease in leases:
            said(lease)
            lease.close()
        assert client.ping()
        assert connections.now() == 1
        with pytest.raises(Closed):
            leases[0].memory()

    async def awaited() -> None:
        async with redis.asyncio.Redis.from_url(alone.url) as client:
            lease = sharing.lease(None, key_prefix="", client=client)
            assert lease.awaited_only
            assert not lease.blocking_only
            assert await lease.amemory().session("s").count() == 3
            with pytest.raises(ConfigurationError, match="awaited methods"):
                lease.memory()
            await lease.aclose()
            assert await client.ping()

    asyncio.run(awaited())
    with pytest.raises(ConfigurationError, match="takes a client of redis-py"):
        sharing.lease(None, key_prefix="", client="redis://localhost")


def test_a_blocking_client_is_not_awaited(server: Server) -> None:
    """The error says what to use."""

    async def scenario() -> None:
        with redis.Redis.from_url(server.url) as client:
            lease = sharing.lease(None, key_prefix="", client=client)
            with pytest.raises(ConfigurationError, match="blocking methods"):
                lease.amemory()

    asyncio.run(scenario())


def test_what_is_wrong_is_told_at_once() -> None:
    """Before anything is sent, and without leaving a store."""
    for wrong in ("no-scheme", "redis://h:x/0", "https://name.upstash.io"):
        with pytest.raises(ConfigurationError):
            sharing.lease(wrong, key_prefix="")
    with pytest.raises(ConfigurationError):
        sharing.lease("redis://localhost", key_prefix="", options={"no_such": 1})
    lease = sharing.lease("redis://localhost", key_prefix="")
    lease.check("s", 5)
    with pytest.raises(InvalidSessionId):
        lease.check("", None)
    with pytest.raises(InvalidTTL):
        lease.check("s", 0)


def test_many_threads_take_and_give_back(alone: Server, connections: Connections) -> None:
    """Also while garbage is collected: no lease is lost, none is counted twice."""

    def work() -> None:
        for number in range(40):
            lease = sharing.lease(alone.url, key_prefix="", linger=number % 2 == 0)
            said(lease)
            if number % 3:
                lease.close()
            del lease

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    last = sharing.lease(alone.url, key_prefix="")
    assert last.memory().session("s").count() == 240
    last.close()
    connections.become(0)


def test_a_forked_child_has_leases_of_its_own(alone: Server) -> None:
    """Also where the parent's thread held the lock at that moment."""
    lease = sharing.lease(alone.url, key_prefix="")
    said(lease, "parent")
    with REGISTRY._lock:
        child = os.fork()
        if child == 0:
            code = 1
            try:
                said(lease, "child")
                said(sharing.lease(alone.url, key_prefix=""), "child again")
                code = 0
            finally:
                os._exit(code)
    assert os.waitpid(child, 0)[1] == 0
    texts = [message.text for message in lease.memory().session("s").messages()]
    assert texts == ["parent", "child", "child again"]
    lease.close()


def test_messages_without_an_id_stay_so(server: Server) -> None:
    """Where that is asked for; others keep theirs, and a resend finds what it has written."""
    lease = sharing.lease(server.url, key_prefix="", ids=False)
    chat = lease.memory().session("s", ttl=60)
    for _ in range(2):
        chat.append(Message.user("a"), Message.user("b", id="own"), idempotency_key="k")
    with server.client() as raw:
        elements = raw.lrange("s", 0, -1)
    assert [b'"id"' in element for element in elements] == [True, False]
    found = chat.messages()
    assert [message.text for message in found] == ["a", "b"]
    assert found[0].id is not None
    assert found[0].id.startswith("x-")
    chat.replace(found[0].id, Message.user("c"))
    assert [message.text for message in chat.messages()] == ["c", "b"]
    lease.close()


@pytest.mark.parametrize("end", ["closed", "forgotten", "kept"])
def test_an_event_loop_that_ends_at_once(alone: Server, connections: Connections, end: str) -> None:
    """It cancels its tasks, also the one that was to close; all is closed all the same."""

    async def scenario() -> sharing.Lease | None:
        lease = sharing.lease(alone.url, key_prefix=None)
        await lease.amemory().ping()
        if end == "closed":
            lease.close()
        return lease if end == "kept" else None

    kept = asyncio.run(scenario())
    connections.become(0)
    del kept
