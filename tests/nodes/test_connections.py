"""Connections: one pool for a credential in a process, closed with its last node."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from redialog import ConnectError
from redialog.nodes import Node, RedisBackedChatMemory, UpstashRedisBackedChatMemory
from tests.nodes.tools import Ways, exchange, texts
from tests.support.servers import Server, wait_until

MANY = 50


@pytest.fixture
def own() -> Iterator[Server]:
    """A server that nobody else is connected to."""
    with Server("redis", password="s:p@ce/#?%é") as server:
        yield server


@pytest.fixture
def connected(own: Server) -> Iterator[Callable[[], int]]:
    """How many clients the server has besides the one that asks."""
    with own.client() as client:
        yield lambda: len(client.client_list()) - 1


def by_port(server: Server) -> dict[str, object]:
    """A credential that leads there."""
    return {
        "name": "redisCacheApi",
        "redisCacheHost": server.host,
        "redisCachePort": str(server.port),
        "redisCachePwd": server.password,
    }


def test_many_nodes_share_their_connections(
    own: Server, connected: Callable[[], int], ways: Ways
) -> None:
    """One, where they are used one after the other; none is made before that."""
    nodes: list[Node] = [
        RedisBackedChatMemory({"sessionId": f"s{number}"}, by_port(own)) for number in range(MANY)
    ]
    assert connected() == 0
    for number, node in enumerate(nodes):
        ways.add(node, exchange(number))
    for number, node in enumerate(nodes):
        assert texts(ways.get(node)) == [f"q{number}", f"a{number}"]
    assert connected() == 1
    for node in nodes[1:]:
        ways.close(node)
    assert len(ways.get(nodes[0])) == 2
    assert connected() == 1
    ways.close(nodes[0])
    wait_until(lambda: connected() == 0, what="the connection is closed")


def test_forgotten_nodes_close_their_connections(
    own: Server, connected: Callable[[], int], ways: Ways
) -> None:
    """Of those that were never closed; as long as one is used, the others' are its own."""
    nodes: list[Node] = [RedisBackedChatMemory({}, by_port(own)) for _ in range(MANY)]
    for node in nodes:
        ways.add(node, exchange(0))
    last = nodes.pop()
    del nodes, node
    gc.collect()
    assert len(ways.get(last)) == 2
    assert connected() == 1
    del last
    gc.collect()

    def closed() -> bool:
        if ways.runner is not None:
            # They close in their loop, which must turn for that.
            ways.runner.run(asyncio.sleep(0))
        return connected() == 0

    wait_until(closed, what="the connection is closed")


def test_threads_share_one_pool(own: Server, connected: Callable[[], int]) -> None:
    """With so many connections as there are threads at most."""
    nodes = [RedisBackedChatMemory({"sessionId": "s"}, by_port(own)) for _ in range(MANY)]
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda node: node.add_chat_messages(exchange(0)), nodes))
    assert 1 <= connected() <= 4
    assert len(nodes[0].get_chat_messages()) == 2 * MANY
    for node in nodes:
        node.close()
    wait_until(lambda: connected() == 0, what="the connections are closed")


def test_another_credential_is_another_pool(own: Server, connected: Callable[[], int]) -> None:
    """Also where both lead to one place."""
    url = {"name": "redisCacheUrlApi", "redisUrl": own.url}
    with RedisBackedChatMemory({}, by_port(own)) as one, RedisBackedChatMemory({}, url) as other:
        one.add_chat_messages(exchange(0))
        other.add_chat_messages(exchange(0))
        assert connected() == 2
        assert one._lease.memory()._transport is not other._lease.memory()._transport


def test_nodes_of_one_token_share_a_pool() -> None:
    """Of one URL, too; another of either is another."""

    def node(url: str, token: str) -> Node:
        credential = {"name": "upstashRedisMemoryApi", "upstashRestToken": token}
        return UpstashRedisBackedChatMemory({"baseURL": url}, credential)

    def transport(found: Node) -> object:
        return found._lease.memory()._transport

    a, b = "https://a.upstash.io", "https://b.upstash.io"
    with node(a, "t") as one, node(a, "t") as same, node(b, "t") as two, node(a, "u") as three:
        assert transport(one) is transport(same)
        assert len({id(transport(found)) for found in (one, two, three)}) == 3


def test_without_a_credential_it_is_the_redis_of_this_machine() -> None:
    """At the port that everybody knows, as for the original."""
    with RedisBackedChatMemory({}) as node:
        assert repr(node.session()).endswith("on redis://127.0.0.1:6379/0>")


def test_a_server_that_is_not_there_is_told(ways: Ways, own: Server) -> None:
    """At the first use, not when a flow is built."""
    credential = by_port(own)
    own.stop()
    node = RedisBackedChatMemory({}, credential)
    with pytest.raises(ConnectError):
        ways.get(node)
    ways.close(node)


def test_nodes_are_context_managers(own: Server, connected: Callable[[], int]) -> None:
    """Of both kinds."""
    with RedisBackedChatMemory({}, by_port(own)) as node:
        node.add_chat_messages(exchange(0))
        assert connected() == 1
    wait_until(lambda: connected() == 0, what="the connection is closed")

    async def used() -> None:
        async with RedisBackedChatMemory({}, by_port(own)) as node:
            await node.aadd_chat_messages(exchange(0))
            assert len(await node.aget_chat_messages()) == 2
            await node.aclear_chat_messages()
            assert await node.asession().count() == 0

    asyncio.run(used())
    wait_until(lambda: connected() == 0, what="the connection is closed")


def test_many_chats_at_once_lose_nothing(own: Server) -> None:
    """In one event loop, on one session, by many nodes."""

    async def chats() -> int:
        nodes = [RedisBackedChatMemory({"sessionId": "s"}, by_port(own)) for _ in range(MANY)]
        await asyncio.gather(*(node.aadd_chat_messages(exchange(0)) for node in nodes))
        found = await nodes[0].aget_chat_messages()
        for node in nodes:
            await node.aclose()
        assert [one["type"] for one in found] == ["userMessage", "apiMessage"] * MANY
        return len(found)

    assert asyncio.run(chats()) == 2 * MANY
