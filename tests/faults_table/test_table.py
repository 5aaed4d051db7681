"""The short form of ``make faults``: under load and broken stores, every zero is zero."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from faults import __main__ as command
from faults.catalogue import FAULTS, Fault
from faults.clusters import Clusters
from faults.grounds import Ground, Scene
from faults.one_server import OneServer
from faults.running import DURABILITIES, FACADES, run
from faults.sentinels import Sentinels
from tests.support.proxy import FaultProxy
from tests.support.servers import Server

APART = ("kill -9, restart", "reply cut and SCRIPT FLUSH", "primary killed")
SHORT = [one for one in FAULTS if (one.name, one.topology) in command.SHORT]


@pytest.fixture
def ground(request: pytest.FixtureRequest, fault: Fault) -> Iterator[Ground]:
    """Where a fault is struck."""
    if fault.topology == "Sentinel":
        yield Sentinels(request.getfixturevalue("sentinel_group"))
    elif fault.topology == "Cluster":
        yield Clusters(request.getfixturevalue("cluster_group"))
    else:
        with (
            Server("redis", appendonly=True) as server,
            FaultProxy(server.host, server.port) as proxy,
        ):
            yield OneServer(server, proxy)


@pytest.mark.parametrize("fault", SHORT, ids=lambda one: f"{one.topology}: {one.name}")
def test_nothing_is_lost(ground: Ground, fault: Fault) -> None:
    """Nor doubled, split, reordered or without TTL; threads and tasks, both durabilities."""
    rows = run(fault, ground, short=True)
    one_server = fault.topology == "one server"
    durabilities = DURABILITIES[:1] if one_server else DURABILITIES
    assert {(row.facade, row.durability) for row in rows} == {
        (facade, durability) for facade in FACADES for durability in durabilities
    }
    assert {row.facade: row.examples for row in rows if row.wrong} == {}


@pytest.mark.parametrize(
    "fault",
    [one for one in SHORT if one.name in APART],
    ids=lambda one: f"{one.topology}: {one.name}",
)
def test_nothing_is_lost_where_each_call_goes_by_itself(ground: Ground, fault: Fault) -> None:
    """The same of tasks with ``coalesce=False``."""
    rows = run(fault, ground, ("async",), short=True, coalesce=False)
    assert rows
    assert {row.facade: row.examples for row in rows if row.wrong} == {}


def lossy(scene: Scene) -> None:
    """Takes a newest message away, as no fault may."""
    with scene.ground.server.client() as client:
        scene.strike()
        for log in client.scan_iter("redialog:*:log:*"):
            client.lpop(log)


LOSSY = Fault("messages vanish", "one server", lossy)


@pytest.mark.parametrize("fault", [LOSSY])
def test_a_zero_that_is_not_zero_is_told(ground: Ground, fault: Fault) -> None:
    """A whole run with a store that loses: the rows are wrong, and the command complains."""
    rows = run(fault, ground, short=True)
    assert all(row.counts["split"] + row.counts["lost"] > 0 for row in rows)
    assert all(row.wrong for row in rows)
    assert len(command.complaints(rows)) == len(rows) == len(FACADES)
