"""One lane for each server, however it is reached."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from redialog import AsyncChatMemory, Message, embedded
from tests.lanes.tools import run
from tests.support.servers import Certificates, ClusterGroup, SentinelGroup, TLSServer

CALLS = 60


async def _busy(url: str, **options: Any) -> AsyncChatMemory:
    """A memory after many calls at once."""
    memory = AsyncChatMemory.from_url(url, client_name="counted", **options)
    chats = [memory.session(str(number)) for number in range(CALLS)]
    for _ in range(3):
        await asyncio.gather(*(one.append(Message.user(one.id)) for one in chats))
        found = await asyncio.gather(*(one.window(messages=1) for one in chats))
        assert [[message.text for message in one] for one in found] == [[c.id] for c in chats]
    return memory


def _connections(*servers: Any) -> list[int]:
    """How many connections of the memory each server has."""
    found = []
    for server in servers:
        with server.client() as raw:
            names = Counter(one["name"] for one in raw.client_list())
        found.append(names["counted"])
    return found


def _primaries(group: ClusterGroup) -> list[Any]:
    found = []
    for node in group.nodes:
        with node.client() as raw:
            if raw.info("replication")["role"] == "master":
                found.append(node)
    return found


@pytest.fixture(scope="module")
def certificates() -> Iterator[Certificates]:
    """Of an authority of its own."""
    with Certificates() as found:
        yield found


def test_over_tls(certificates: Certificates) -> None:
    """The protocol of a TLS connection is replaced as well."""

    async def scenario(server: TLSServer) -> None:
        memory = await _busy(server.url, ssl_ca_certs=certificates.ca)
        assert _connections(server) == [1]
        await memory.close()

    with TLSServer(certificates, password="pw") as server:
        run(lambda: scenario(server))


def test_over_a_sockets_file(tmp_path: Path) -> None:
    """And that of the embedded server's."""
    url = f"embedded://{tmp_path}/chats"

    async def scenario() -> None:
        memory = await _busy(url)
        lease = await asyncio.to_thread(embedded.attach, f"{tmp_path}/chats")
        with redis.Redis.from_url(f"unix://{lease.socket_path}") as raw:
            assert [one["name"] for one in raw.client_list()].count("counted") == 1
        lease.close()
        await memory.close()

    run(scenario)


def test_one_for_the_primary(sentinel_group: SentinelGroup) -> None:
    """Behind Sentinel."""
    group = sentinel_group.emptied()

    async def scenario() -> None:
        memory = await _busy(group.url)
        assert _connections(group.primary()) == [1]
        await memory.close()

    run(scenario)


def test_one_for_each_primary_of_a_cluster(cluster_group: ClusterGroup) -> None:
    """The calls of each slot over that of its node."""
    group = cluster_group.emptied()

    async def scenario() -> None:
        memory = await _busy(group.url)
        counts = _connections(*_primaries(group))
        assert all(1 <= count <= 2 for count in counts), counts
        await memory.close()

    run(scenario)
