"""Where the slots of a Cluster are: what most nodes say, and when they are asked again."""

from __future__ import annotations

from typing import Any

import pytest

from redialog import AuthError, ConfigurationError, ConnectError, PermissionDenied, Unavailable
from redialog.effect import CommandError
from redialog.errors import NotRedis, TransportError
from redialog.transports.routing.routes import SILENT_S
from redialog.transports.routing.slots import slots_of
from redialog.transports.routing.topology import ASKED, QUESTION_S
from tests.routing.clusters import (
    ALL,
    NEW,
    P1,
    P2,
    P3,
    PRIMARIES,
    R1,
    R2,
    R3,
    RANGES,
    World,
    at,
    entry,
    get,
    key_of,
    moved,
    put,
    slots,
)
from tests.routing.scripted import DEAD, SILENT, error

K1, K2, K3 = map(key_of, PRIMARIES)
QUESTION = (b"CLUSTER", b"SLOTS")
REPLACED = slots((0, 5460, NEW, R1), *RANGES[1:])


def asked_for_slots(world: World) -> list[Any]:
    """Who was asked where the slots are."""
    return [
        hop.node
        for step in world.asked.steps
        for hop in step.hops
        if QUESTION in hop.batch.commands
    ]


# What a node says


def test_ranges_in_any_order_with_gaps_and_of_several_nodes() -> None:
    """A slot that nobody has is nobody's; replicas are known as such."""
    said = [
        [300, 399, entry(P2)],
        [0, 99, entry(P1), entry(R1), entry(R2)],
        [200, 200, entry(P1), entry(R1)],
        [16383, 16383, entry(P3)],
    ]
    found = slots_of(said, P1)
    assert found is not None
    owners = {0: P1, 99: P1, 100: None, 199: None, 200: P1, 201: None, 299: None, 300: P2}
    owners |= {399: P2, 400: None, 16382: None, 16383: P3}
    assert {number: found.primary(number) for number in owners} == owners
    assert found.replicas == {R1, R2}


@pytest.mark.parametrize("host", [None, b"", b"?"])
def test_a_node_without_a_host_is_where_it_was_asked(host: bytes | None) -> None:
    """It need not know its own; the others of the answer have theirs."""
    found = slots_of([[0, 16383, [host, 7000, b"id"], entry(R1)]], ("seed", 1))
    assert found is not None
    assert found.primary(5) == ("seed", 7000)
    assert found.replicas == {R1}


@pytest.mark.parametrize("said", [[], None, error("ERR"), b"OK", 5], ids=str)
def test_another_answer_is_none(said: Any) -> None:
    """A node that has just been made has no slots to tell of."""
    assert slots_of(said, P1) is None


# Who is asked, and who is believed


def test_all_hosts_of_the_url_are_asked_first() -> None:
    """At the same time and with a limit; later all that are known, replicas too."""
    world = World(hosts=(P2, P1, P2))
    world.run(get(K3))
    assert [hop.node for hop in world.asked.steps[0].hops] == [P2, P1]
    assert world.asked.steps[0].within == QUESTION_S
    assert world.asked.nodes()[-1] == P3
    world.does = at({P3: error("CLUSTERDOWN")})
    world.fail(Unavailable, put(K3))
    world.asked.clear()
    world.run(get(K1))
    assert set(asked_for_slots(world)) == set(ALL) - {P3}


def test_most_votes_win_and_replicas_do_not_split_them() -> None:
    """Those of one opinion differ in the replicas that they see; it is the same opinion."""
    world = World(hosts=ALL)
    world.views |= {
        P1: slots(*RANGES),
        R1: slots(*RANGES),
        P2: slots((0, 5460, NEW), *RANGES[1:]),
        P3: slots((0, 5460, NEW, R1), *RANGES[1:]),
        R2: slots((0, 5460, NEW, R1), (5461, 10922, P2), RANGES[2]),
    }
    world.views[R3] = DEAD
    world.run(get(K1))
    assert world.asked.nodes()[-1] == NEW
    # All that anybody of them has named belong to it.
    world.does = at({NEW: error("READONLY")})
    world.fail(Unavailable, put(K1))
    world.asked.clear()
    world.run(get(K2))
    assert {R1, R2} <= set(asked_for_slots(world))


@pytest.mark.parametrize("failure", [DEAD, SILENT, AuthError("no"), error("NOPERM"), []], ids=str)
def test_one_node_that_tells_is_enough(failure: Any) -> None:
    """Whatever is wrong with the others."""
    world = World(hosts=ALL)
    world.views |= dict.fromkeys((P1, P2, R1, R2, R3), failure)
    assert world.run(get(K1)) == [b"done"]


@pytest.mark.parametrize(
    ("views", "kind"),
    [
        ({P1: DEAD, P2: SILENT}, ConnectError),
        ({P1: DEAD, P2: AuthError("no")}, AuthError),
        ({P1: NotRedis("http"), P2: NotRedis("http")}, NotRedis),
        ({P1: [], P2: []}, Unavailable),
        ({P1: DEAD, P2: error("CLUSTERDOWN")}, Unavailable),
        ({P1: error("ERR", "This instance has cluster support disabled"), P2: DEAD},
         ConfigurationError),
        ({P1: error("NOPERM"), P2: error("NOPERM")}, PermissionDenied),
    ],
    ids=str,
)  # fmt: skip
def test_where_nobody_tells(views: dict[Any, Any], kind: type[Exception]) -> None:
    """The error says whether it helps to wait; nothing was sent."""
    world = World(hosts=(P1, P2))
    world.views |= views
    caught = world.fail(kind, put(K1))
    assert type(caught) is kind
    assert (b"SET", K1, b"v") not in world.asked.commands()


def test_a_slot_of_nobody_is_asked_for_anew() -> None:
    """It is not served now; the next batch may find an owner."""
    world = World()
    world.views = dict.fromkeys(world.views, slots(*RANGES[1:]))
    caught = world.fail(Unavailable, put(K1))
    assert (caught.retryable, caught.maybe_applied) == (True, False)
    world.views = dict.fromkeys(world.views, slots(*RANGES))
    assert world.run(put(K1)) == [b"done"]


def test_slots_are_asked_for_once() -> None:
    """As long as all goes well."""
    world = World().learnt()
    for key in (K1, K2, K3):
        world.run(put(key))
    assert asked_for_slots(world) == []


def test_a_failing_node_is_left_out_when_the_slots_are_asked_for() -> None:
    """Until it answers or a while has passed; where nobody else is left, all are asked."""
    world = World(hosts=ALL).learnt()
    world.does = at({P2: SILENT})
    assert world.fail(TransportError, put(K2)) is SILENT
    world.views[R3] = DEAD
    world.run(put(K1))
    assert set(asked_for_slots(world)) == set(ALL) - {P2}
    world.does = at({P3: DEAD})
    world.fail(ConnectError, put(K3))
    world.asked.clear()
    world.run(put(K1))
    assert set(asked_for_slots(world)) == set(ALL) - {P2, P3, R3}
    world.clock.now += SILENT_S * 1.1
    world.fail(ConnectError, put(K3))
    world.asked.clear()
    world.run(put(K1))
    assert set(asked_for_slots(world)) == set(ALL) - {P3}


def test_where_all_were_silent_all_are_asked() -> None:
    """They may be back, and then they count as before."""
    world = World(hosts=(P1, P2))
    world.views |= {P1: DEAD, P2: DEAD}
    world.fail(ConnectError)
    world.asked.clear()
    world.fail(ConnectError)
    assert asked_for_slots(world) == [P1, P2]
    world.views |= dict.fromkeys((P1, P2), slots((0, 16383, P1, P2)))
    world.does = at({P1: DEAD})
    world.fail(ConnectError, put(K1))
    world.asked.clear()
    world.fail(ConnectError, put(K1))
    assert asked_for_slots(world) == [P2]


def test_not_all_nodes_of_a_large_cluster_are_asked() -> None:
    """The primaries first."""
    many = [(f"p{number}", 1) for number in range(2 * ASKED)]
    world = World(hosts=(("seed", 1),))
    ranges = [(n * 100, n * 100 + 99, node) for n, node in enumerate(many)]
    everybody = [("seed", 1), *many]
    world.views = dict.fromkeys(everybody, slots(*ranges, (1800, 16383, many[0], ("r", 1))))
    world.run(get(K1))
    world.does = at({}, error("CLUSTERDOWN"))
    world.fail(Unavailable, get(K1))
    world.does = at({})
    world.asked.clear()
    world.run(get(K1))
    asked = asked_for_slots(world)
    assert len(asked) == ASKED
    assert set(asked) < set(many)


def test_connections_to_nodes_that_have_left_are_closed() -> None:
    """Not those to a primary that is a replica now."""
    world = World(hosts=ALL).learnt()
    world.does = at({P1: DEAD})
    world.fail(ConnectError, put(K1))
    world.asked.clear()
    world.views = dict.fromkeys(world.views, slots((0, 5460, R1), (5461, 16383, P3, P2, R2, R3)))
    world.run(put(K1))
    assert world.asked.dropped() == [P1]
    assert world.asked.nodes()[-1] == R1


@pytest.mark.parametrize(
    ("view", "worth"), [(slots(*RANGES), True), (REPLACED, False), (DEAD, True)], ids=str
)
def test_a_stalled_primary_is_waited_for_until_it_is_replaced(view: Any, worth: bool) -> None:
    """The others are asked, and not itself."""
    world = World(hosts=ALL).learnt()
    world.views = dict.fromkeys(world.views, view)
    assert world.asked.play(world.router.still(P1)) is worth
    assert set(asked_for_slots(world)) == set(ALL) - {P1}


def test_a_stalled_primary_is_waited_for_where_the_others_refuse_to_tell() -> None:
    """A write is on its way: what the others may not say is no reason to give it up."""
    world = World(hosts=ALL).learnt()
    world.views = dict.fromkeys(world.views, error("NOPERM"))
    assert world.asked.play(world.router.still(P1)) is True


def test_all_primaries_are_looked_up_where_a_slot_has_moved() -> None:
    """After a failover that the old primary has lived through, it is one no longer."""
    world = World(hosts=ALL).learnt()
    world.does = at({P1: moved(K1, R1)})
    world.run(put(K1))
    world.views = dict.fromkeys(world.views, slots((0, 5460, R1, P1), *RANGES[1:]))
    world.asked.clear()
    found = world.run(type(put(K1))(((b"PING",),), to="primaries"))
    assert [address for address, _ in found[0]] == [f"{n[0]}:6379" for n in (R1, P2, P3)]
    assert not any(isinstance(reply, CommandError) for _, reply in found[0])
