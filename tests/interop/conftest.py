"""One Redis with every library on it, for the whole run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis

from tests.interop import running
from tests.interop.libraries import Place
from tests.support.servers import Server


@pytest.fixture(scope="session")
def own_server() -> Iterator[Server]:
    """Debian's Redis 7.0 for these tests alone.

    Other tests close every connection of the server they share (``CLIENT KILL``); node-redis
    without a listener for errors, as LangChain makes it, ends its whole process at that.
    """
    with Server("redis") as server:
        yield server


@pytest.fixture
def server(own_server: Server) -> Server:
    """The same, empty."""
    own_server.flush()
    return own_server


@pytest.fixture(scope="session")
def everything(own_server: Server) -> Iterator[Place]:
    """The oldest server, a gateway before it, and node with the packages of JavaScript."""
    with running.place(own_server.url) as place:
        yield place


@pytest.fixture
def place(everything: Place, server: Server) -> Place:
    """The same, with an empty server."""
    return everything


@pytest.fixture
def raw(server: Server) -> Iterator[redis.Redis]:
    """A client on the server itself: bytes in and out."""
    with server.client() as client:
        yield client
