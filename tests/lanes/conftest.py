"""A server of its own, whose connections are counted, and one call after another over a lane."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from redialog import plan
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


@pytest.fixture(autouse=True)
def _no_sweeps(monkeypatch: pytest.MonkeyPatch) -> None:
    """No append begins with a look at the catalogue, as about one in 64 does: calls are counted."""
    monkeypatch.setattr(plan, "_SWEEPS", 1 << 60)
