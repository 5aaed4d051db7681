"""One Redis with every library on it, for the whole run."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import redis

from tests.interop import running
from tests.interop.libraries import Place
from tests.support.servers import Server


@pytest.fixture(scope="session")
def everything(server_of: Callable[[str], Server]) -> Iterator[Place]:
    """The oldest server, a gateway before it, and node with the packages of JavaScript."""
    with running.place(server_of("redis").url) as place:
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
