"""Both nodes on a Redis, called and awaited."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from redialog.nodes import NODES, Node, made
from tests.nodes.tools import Ways
from tests.support.gateways import Gateway
from tests.support.servers import Server


@pytest.fixture(scope="session")
def running_gateway(server_of: Callable[[str], Server]) -> Iterator[Gateway]:
    """One gateway for all tests."""
    with Gateway(server_of("redis").url) as found:
        yield found


class Palette:
    """Makes nodes of one kind on the test's server; they close with the test.

    Attributes:
        name: of the kind.
        credential: that leads there.
        inputs: that each of them needs.
        ways: how their methods are called.
    """

    def __init__(
        self,
        name: str,
        inputs: Mapping[str, object],
        credential: Mapping[str, object],
        ways: Ways,
    ) -> None:
        self.name = name
        self.inputs = inputs
        self.credential = credential
        self.ways = ways
        self._closing = contextlib.ExitStack()

    def node(
        self, session_id: object = "s", /, *, summarizer: Any = None, **inputs: object
    ) -> Node:
        """A node of a session, with more inputs."""
        told = {**self.inputs, "sessionId": session_id, **inputs}
        node = made(self.name, told, self.credential, summarizer=summarizer)
        self._closing.callback(self.ways.close, node)
        return node

    def close(self) -> None:
        """Closes all of them."""
        self._closing.close()


@pytest.fixture(params=["called", "awaited"])
def ways(request: pytest.FixtureRequest) -> Iterator[Ways]:
    """The methods of a node, and their twins."""
    if request.param == "called":
        yield Ways(None)
        return
    with asyncio.Runner() as runner:
        yield Ways(runner)


@pytest.fixture(params=list(NODES))
def palette(request: pytest.FixtureRequest, server: Server, ways: Ways) -> Iterator[Palette]:
    """Each kind of node, on an empty server."""
    inputs: dict[str, object] = {}
    credential = {"name": "redisCacheUrlApi", "redisUrl": server.url}
    if request.param == "upstashRedisBackedChatMemory":
        gateway: Gateway = request.getfixturevalue("running_gateway")
        inputs = {"baseURL": gateway.url}
        credential = {"name": "upstashRedisMemoryApi", "upstashRestToken": gateway.token}
    made = Palette(request.param, inputs, credential, ways)
    yield made
    made.close()
