"""A server of its own, whose connections are counted, and one call after another over a lane."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from redialog import AsyncChatMemory, plan
from tests.rest.front import Front
from tests.support.gateways import Gateway
from tests.support.servers import Server


@pytest.fixture(scope="module")
def own_server() -> Iterator[Server]:
    """A server that nobody else has connections to."""
    with Server("redis") as server:
        yield server


@pytest.fixture
def server(own_server: Server) -> Server:
    """The same, empty."""
    own_server.flush()
    return own_server


@pytest.fixture(scope="module")
def gateway(own_server: Server) -> Iterator[Gateway]:
    """The REST protocol before that server."""
    with Gateway(own_server.url) as found:
        yield found


@pytest.fixture
def front(gateway: Gateway, server: Server) -> Iterator[Front]:
    """What sees each request before the gateway."""
    with Front(gateway.url) as found:
        yield found


@pytest.fixture
def connected(front: Front, gateway: Gateway) -> Callable[..., AsyncChatMemory]:
    """Makes memories that go there."""

    def make(**options: Any) -> AsyncChatMemory:
        return AsyncChatMemory.from_url(front.url, token=gateway.token, **options)

    return make


@pytest.fixture(autouse=True)
def _no_sweeps(monkeypatch: pytest.MonkeyPatch) -> None:
    """No append begins with a look at the catalogue, as about one in 64 does: calls are counted."""
    monkeypatch.setattr(plan, "_SWEEPS", 1 << 60)
