"""Deployments of several nodes, and memories of both facades on them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from redialog import plan
from tests.routing.connecting import Connect, Group
from tests.support.servers import ClusterGroup, SentinelGroup


@pytest.fixture(autouse=True)
def _no_sweeps(monkeypatch: pytest.MonkeyPatch) -> None:
    """No append begins with a look at the catalogue, as about one in 64 does."""
    monkeypatch.setattr(plan, "_SWEEPS", 1 << 60)


@pytest.fixture(params=["sync", "async"])
def connect(request: pytest.FixtureRequest) -> Iterator[Connect]:
    """Memories of each facade in turn; the asyncio one answers as the blocking one does."""
    with contextlib.ExitStack() as closing:
        yield Connect(request.param, closing)


@pytest.fixture(params=["sentinel", "cluster"])
def group(request: pytest.FixtureRequest) -> Group:
    """Each kind in turn, whole and without keys."""
    found: Group = request.getfixturevalue(f"{request.param}_group")
    return found.emptied()


@pytest.fixture
def sentinels(sentinel_group: SentinelGroup) -> SentinelGroup:
    """Whole and without keys."""
    return sentinel_group.emptied()


@pytest.fixture
def cluster(cluster_group: ClusterGroup) -> ClusterGroup:
    """Whole and without keys."""
    return cluster_group.emptied()
