"""Memories on deployments, by URL and by an application's own client; what the nodes hold."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Any, TypeAlias, cast

import redis
import redis.asyncio
from redis.crc import key_slot

from redialog import AsyncChatMemory, ChatMemory
from tests.support.blocking import Blocking
from tests.support.servers import ClusterGroup, SentinelGroup, wait_until
from tests.support.servers.deployment import Node

Group: TypeAlias = SentinelGroup | ClusterGroup

NAME = "redialog-under-test"
"""What connections of memories are called where they are counted."""


class Connect:
    """Makes memories of one facade; closed after the test.

    Args:
        facade: ``sync`` or ``async``.
        closing: ends with the test.
    """

    def __init__(self, facade: str, closing: contextlib.ExitStack) -> None:
        self.facade = facade
        self._closing = closing
        self._runner: asyncio.Runner | None = None

    def __call__(self, url: str, **options: Any) -> ChatMemory:
        """A memory on a URL."""
        if self.facade == "sync":
            return self._made(ChatMemory.from_url(url, **options))
        return self._made(AsyncChatMemory.from_url(url, **options))

    def adopt(self, client: Any, **options: Any) -> ChatMemory:
        """A memory on an application's client of the facade."""
        if self.facade == "sync":
            return self._made(ChatMemory.from_client(client, **options))
        return self._made(AsyncChatMemory.from_client(client, **options))

    def client(self, group: Group) -> Any:
        """An application's client of the facade."""
        module: Any = redis if self.facade == "sync" else redis.asyncio
        if isinstance(group, ClusterGroup):
            first = group.nodes[0]
            made = module.RedisCluster(host=first.host, port=first.port, password=group.password)
            return self._closed_after(made)
        manager = module.sentinel.Sentinel(
            [(one.host, one.port) for one in group.sentinels],
            sentinel_kwargs={"password": group.sentinel_password},
            password=group.password,
        )
        # Closing the client leaves its connections to the sentinels open.
        for one in manager.sentinels:
            self._closed_after(one)
        return self._closed_after(manager.master_for(group.name))

    def _closed_after(self, client: Any) -> Any:
        if self.facade == "sync":
            self._closing.callback(client.close)
        else:
            runner = self.runner
            self._closing.callback(lambda: runner.run(client.aclose()))
        return client

    @property
    def runner(self) -> asyncio.Runner:
        """The event loop of the asyncio memories."""
        if self._runner is None:
            self._runner = self._closing.enter_context(asyncio.Runner())
        return self._runner

    def _made(self, memory: Any) -> ChatMemory:
        if self.facade == "async":
            memory = Blocking(memory, self.runner)
        self._closing.callback(memory.close)
        return cast(ChatMemory, memory)


def primaries(group: Group) -> list[Node]:
    """The nodes that hold data and take writes."""
    return list(group.primaries()) if isinstance(group, ClusterGroup) else [group.primary()]


def keys(group: Group) -> dict[bytes, Node]:
    """All keys, and the primary that holds each."""
    return {key: node for node in primaries(group) for key in node.ask("KEYS", "*")}


def slots(group: Group) -> set[int]:
    """The slots of all keys that last; also where there is no Cluster."""
    return {key_slot(key) for key in keys(group)}


@contextlib.contextmanager
def watched(node: Node, name: str) -> Iterator[list[str]]:
    """Notes what clients of a name send to a node.

    Args:
        node: which.
        name: the clients' (``client_name``).
    """
    found: list[str] = []
    with node.client(socket_timeout=2) as raw, raw.monitor() as monitor:
        yield found
        mark = "end of the watch"
        node.ask("ECHO", mark)
        with node.client() as other:
            mine = {one["addr"] for one in other.client_list() if one["name"] == name}
        for said in monitor.listen():
            if mark in said["command"]:
                break
            if f"{said['client_address']}:{said['client_port']}" in mine:
                found.append(said["command"].partition(" ")[0].upper())


def processes(group: Group) -> list[Node]:
    """All nodes that a memory may have connections to."""
    if isinstance(group, ClusterGroup):
        return list(group.nodes)
    return [*group.servers, *group.sentinels]


def connections(group: Group) -> int:
    """How many connections memories have to it."""
    found = 0
    for node in processes(group):
        with node.client() as raw:
            found += sum(one["name"] == NAME for one in raw.client_list())
    return found


def options(group: Group) -> dict[str, Any]:
    """Options under which connections are known, also those to sentinels."""
    found: dict[str, Any] = {"client_name": NAME}
    if isinstance(group, SentinelGroup):
        found["sentinel_kwargs"] = {"client_name": NAME, "password": group.sentinel_password}
    return found


def left_alone(group: Group) -> None:
    """Returns when no memory has a connection; servers notice closed ones in their own time."""
    wait_until(lambda: connections(group) == 0, what="all connections are closed")
