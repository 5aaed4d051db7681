"""Servers that the tests share."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator

import pytest

from tests.support.servers import ClusterGroup, SentinelGroup, Server

# Whoever runs the tests in the background may ignore SIGINT; what happens at Ctrl-C is tested all
# the same.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuses names that hold an object's address: each process of a run would have others."""
    for item in items:
        if " object at 0x" in item.nodeid:
            raise pytest.UsageError(f"give its parameters ids: {item.nodeid}")


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


@pytest.fixture(scope="session")
def sentinel_group() -> Iterator[SentinelGroup]:
    """Three sentinels, a primary and two replicas of Redis 7.0, for the whole run.

    Call `emptied` before a test that needs it whole and without keys.
    """
    with SentinelGroup(password="s:p@ce/#?%é", sentinel_password="w@tch:er") as group:
        yield group


@pytest.fixture(scope="session")
def cluster_group() -> Iterator[ClusterGroup]:
    """Three primaries with a replica each of Redis 7.0, for the whole run.

    Call `emptied` before a test that needs it whole and without keys.
    """
    with ClusterGroup(password="c:p@ce/#?%é") as group:
        yield group
