"""A write that must be safe from a failover, over a Cluster: who is asked before it counts."""

from __future__ import annotations

from typing import Any

import pytest

from redialog import PermissionDenied, Unavailable
from redialog.effect import CommandError
from redialog.keys import slot
from redialog.transports.routing.confirming import WAIT_MS
from redialog.transports.routing.topology import QUESTION_S
from tests.routing.clusters import (
    ALL,
    NEW,
    P1,
    P2,
    P3,
    R1,
    RANGES,
    WELL,
    World,
    ask,
    at,
    get,
    key_of,
    line,
    moved,
    nodes,
    put,
    slots,
)
from tests.routing.scripted import DEAD, SILENT, error

K1, K2 = key_of(P1), key_of(P2)
WAIT = (b"WAIT", 1, WAIT_MS)
OTHERS = (line(P2), line(P3))


@pytest.fixture
def world() -> World:
    return World(replicated=True, hosts=ALL).learnt()


def test_a_write_waits_for_a_replica_and_asks_the_other_primaries(world: World) -> None:
    """On the connection that wrote; then they must call the node a primary that is well."""
    assert world.run(put(K1)) == [b"done"]
    doing, asking = world.asked.steps
    assert doing.hops[0].batch.commands == (*put(K1).commands, WAIT)
    assert [hop.node for hop in asking.hops] == [P2, P3]
    assert asking.hops[0].batch.commands == ((b"CLUSTER", b"NODES"),)
    assert not asking.hops[0].batch.writes
    assert asking.within == QUESTION_S


def test_a_read_is_not_confirmed(world: World) -> None:
    """Nothing is added to it, and nobody is asked after it."""
    world.run(get(K1, K2))
    [step] = world.asked.steps
    assert {hop.node: hop.batch for hop in step.hops} == {P1: get(K1), P2: get(K2)}


def test_each_node_that_was_written_to_is_confirmed(world: World) -> None:
    """One after the other, and the replies are those of the commands."""
    assert world.run(put(K1, K2)) == [b"done", b"done"]
    assert world.asked.commands().count(WAIT) == 2
    assert world.asked.nodes() == [P1, P2, P3, P2, P1, P3]


@pytest.mark.parametrize("replicas", [0, error("UNBLOCKED", "force unblock"), error("ERR", "x")])
def test_a_write_that_no_replica_has_is_in_doubt(world: World, replicas: Any) -> None:
    """Also where the primary became a replica while it waited for its own."""
    world.replicas = replicas
    caught = world.fail(Unavailable, put(K1))
    assert (caught.retryable, caught.maybe_applied) == (True, True)
    assert (b"CLUSTER", b"NODES") not in world.asked.commands()


@pytest.mark.parametrize(
    "said",
    [
        nodes(line(P1, flags), *OTHERS)
        for flags in ("master,fail?", "master,fail", "slave", "slave,fail?", "master,handshake")
    ]
    + [
        nodes(*OTHERS),
        nodes(line(P1, "slave", ""), line(R1), *OTHERS),
        # It was replaced and has not said yet that it follows.
        nodes(line(P1, "master", ""), line(R1), *OTHERS),
        nodes(line((P1[0], 7000)), *OTHERS),
        nodes(line(("10.0.0.11", 6379)), *OTHERS),
        error("ERR"),
        None,
        [],
    ],
    ids=str,
)
def test_a_node_that_is_about_to_be_replaced_cannot_confirm(world: World, said: Any) -> None:
    """One primary that says so is enough: in doubt, and the slots are asked for anew."""
    world.states[P3] = said
    caught = world.fail(Unavailable, put(K1))
    assert (caught.retryable, caught.maybe_applied) == (True, True)
    world.states[P3] = WELL
    world.asked.clear()
    world.run(put(K1))
    assert (b"CLUSTER", b"SLOTS") in world.asked.commands()


@pytest.mark.parametrize("flags", ["master", "myself,master"])
def test_what_a_node_that_is_well_looks_like(world: World, flags: str) -> None:
    """With the bus port and a host name behind its address, and without."""
    world.states[P2] = nodes(line(P1, flags), *OTHERS)
    world.states[P3] = nodes(line(P1).replace("@16379,host", ""), *OTHERS)
    assert world.run(put(K1)) == [b"done"]


@pytest.mark.parametrize("failure", [DEAD, SILENT], ids=str)
def test_a_minority_may_be_away(world: World, failure: Any) -> None:
    """It counts for itself, so one of the two others is enough; and is asked alone after that."""
    world.states[P3] = failure
    assert world.run(put(K1)) == [b"done"]
    world.asked.clear()
    world.run(put(K1))
    assert world.asked.nodes() == [P1, P2]


def test_without_a_majority_it_cannot_confirm(world: World) -> None:
    """Those who are not heard could be about to replace it."""
    world.states |= {P2: DEAD, P3: SILENT}
    assert world.fail(Unavailable, put(K1)).maybe_applied


def test_half_of_an_even_number_is_no_majority() -> None:
    """Itself and one of three others."""
    four = [(n * 4096, n * 4096 + 4095, node) for n, node in enumerate((P1, P2, P3, NEW))]
    world = World(replicated=True, hosts=ALL)
    world.views = dict.fromkeys(world.views, slots(*four))
    world.states |= {P2: DEAD, P3: DEAD}
    key = next(key for number in range(20) if slot(key := key_of(P1, number)) < 4096)
    assert world.fail(Unavailable, put(key)).maybe_applied
    world.states[P2] = WELL
    assert world.run(put(key)) == [b"done"]


def test_the_primaries_are_looked_up_where_the_slot_has_moved(world: World) -> None:
    """Else the one that was replaced would have a say in whether its successor is well."""
    world.does = at({P1: moved(K1, R1)})
    world.views = dict.fromkeys(world.views, slots((0, 5460, R1, P1), *RANGES[1:]))
    well = nodes(line(P1, "slave", ""), line(R1), *OTHERS)
    world.states = dict.fromkeys(world.states, well)
    world.states[P1] = nodes(line(R1, "master,fail"), *OTHERS)
    assert world.run(put(K1)) == [b"done"]
    asked = [hop.node for hop in world.asked.steps[-1].hops]
    assert asked == [P2, P3]


def test_where_the_primaries_cannot_be_looked_up_it_is_in_doubt(world: World) -> None:
    """The write was done before."""
    world.does = at({P1: moved(K1, R1)})
    world.views = dict.fromkeys(world.views, DEAD)
    assert world.fail(Unavailable, put(K1)).maybe_applied


def test_a_key_on_its_way_to_a_node_that_has_no_slot_yet(world: World) -> None:
    """It is a primary like others; what it must not be is one that was replaced."""
    world.does = at({P1: ask(K1, NEW)})
    seen = nodes(line(NEW, "master", ""), line(P1), *OTHERS)
    world.states = dict.fromkeys(world.states, seen)
    assert world.run(put(K1)) == [b"done"]
    passed = world.asked.steps[1].hops[0]
    assert passed.batch.commands == ((b"ASKING",), *put(K1).commands, WAIT)
    assert [hop.node for hop in world.asked.steps[2].hops] == [P1, P2, P3]


@pytest.mark.parametrize("node", ["home", "away"])
def test_a_write_that_was_refused_needs_no_confirmation(world: World, node: str) -> None:
    """Nothing was written; that ASKING was answered does not make it a write."""
    world.replicas = 0
    full = error("OOM")
    world.does = at({NEW: full, P1: full if node == "home" else ask(K1, NEW)})
    assert world.run(put(K1)) == [CommandError("OOM")]
    assert (b"CLUSTER", b"NODES") not in world.asked.commands()


def test_a_user_who_may_not_ask_is_told_so(world: World) -> None:
    """WAIT, or the state of the Cluster: the rights stay what they are."""
    world.replicas = error("NOPERM")
    assert "WAIT" in str(world.fail(PermissionDenied, put(K1)))
    world.replicas, world.states[P2] = 1, error("NOPERM")
    caught = world.fail(PermissionDenied, put(K1))
    assert "CLUSTER NODES" in str(caught)
    assert not caught.retryable
