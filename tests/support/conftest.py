"""A server of each kind in turn, and a proxy before it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.proxy import FaultProxy
from tests.support.servers import KINDS, Server

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module", params=KINDS)
def shared_server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with Server(request.param) as server:
        yield server


@pytest.fixture
def server(shared_server: Server) -> Server:
    shared_server.flush()
    return shared_server


@pytest.fixture
def proxy(server: Server) -> Iterator[FaultProxy]:
    with FaultProxy(server.host, server.port) as proxy:
        yield proxy
