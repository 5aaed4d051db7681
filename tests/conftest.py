"""Servers and stores that the tests share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from redialog import ChatMemory
from tests.support.backends import BACKENDS, Backend, Store, opened
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


@pytest.fixture(params=BACKENDS, ids=str)
def store(
    request: pytest.FixtureRequest, server_of: Callable[[str], Server], tmp_path: Path
) -> Iterator[Store]:
    """Each backend of the table in turn."""
    backend: Backend = request.param
    with opened(backend, server_of, tmp_path / "chats") as found:
        yield found


@pytest.fixture
def memory(store: Store) -> ChatMemory:
    """A memory on each backend in turn."""
    return store.memory()
