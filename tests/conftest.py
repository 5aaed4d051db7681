"""Servers that the tests share."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.support.servers import Server


@pytest.fixture(scope="session")
def server_of() -> Iterator[Callable[[str], Server]]:
    """One server of each kind for the whole run, started when it is first asked for."""
    running: dict[str, Server] = {}

    def get(kind: str) -> Server:
        if kind not in running:
            running[kind] = Server(kind)
            running[kind].start()
        return running[kind]

    yield get
    for server in running.values():
        server.stop()


@pytest.fixture
def server(server_of: Callable[[str], Server]) -> Server:
    """Debian's Redis 7.0, empty: the oldest server that is supported."""
    found = server_of("redis")
    found.flush()
    return found
