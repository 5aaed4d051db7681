"""A write that must be safe from a failover, over Sentinel: who is asked before it counts."""

from __future__ import annotations

from typing import Any

import pytest

from redialog import PermissionDenied, ReplyTimeout, Unavailable
from redialog.effect import Batch, CommandError
from redialog.transports.routing.confirming import WAIT_MS
from redialog.transports.routing.routes import Schedule
from redialog.transports.routing.sentinels import QUESTION_S
from tests.routing.scripted import DEAD, READ, SILENT, WRITE, error
from tests.routing.sentinels import NEW, OLD, A, B, C, World, state

WAIT = (b"WAIT", 1, WAIT_MS)


@pytest.fixture
def world() -> World:
    return World(replicated=True)


def asked_again(world: World) -> bool:
    """Whether the next batch begins with the question who the primary is."""
    world.asked.clear()
    world.data, world.replicas = b"done", 1
    world.run(READ)
    return bool(world.asked.nodes("sentinel"))


def test_a_write_waits_for_a_replica_and_asks_all_sentinels(world: World) -> None:
    """On the connection that wrote; then each of them must call the node healthy."""
    assert world.run(WRITE) == [b"done"]
    _, doing, asking = world.asked.steps
    assert doing.hops[0].batch.commands == (*WRITE.commands, WAIT)
    assert doing.hops[0].batch.writes
    assert [hop.node for hop in asking.hops] == [A, B, C]
    assert asking.hops[0].batch.commands == ((b"SENTINEL", b"MASTER", b"mymaster"),)
    assert asking.within == QUESTION_S


def test_a_read_is_not_confirmed(world: World) -> None:
    """Nothing is added to it, and nobody is asked after it."""
    assert world.run(READ) == [b"done"]
    assert [step.hops[0].batch for step in world.asked.steps[1:]] == [READ]


def test_without_the_promise_a_write_is_not_confirmed() -> None:
    """The default: the primary's word is enough."""
    world = World(replicated=False)
    world.run(WRITE)
    assert [step.hops[0].batch for step in world.asked.steps[1:]] == [WRITE]


def test_a_write_to_every_primary_is_confirmed_too(world: World) -> None:
    """The reply to WAIT is not among the replies."""
    found = world.run(Batch(WRITE.commands, writes=True, to="primaries"))
    assert found == [[("p1:6379", b"done")]]
    assert WAIT in world.asked.commands()


@pytest.mark.parametrize("replicas", [0, error("UNBLOCKED", "force unblock"), error("ERR", "x")])
def test_a_write_that_no_replica_has_is_in_doubt(world: World, replicas: Any) -> None:
    """Also where the primary became a replica while it waited for its own."""
    world.replicas = replicas
    caught = world.fail(Unavailable)
    assert caught.maybe_applied
    assert caught.retryable
    assert "SENTINEL MASTER" not in str(world.asked.commands("sentinel"))


@pytest.mark.parametrize(
    "states",
    [
        {A: state(OLD, flags)}
        for flags in (
            "s_down,master",
            "master,o_down",
            "s_down,o_down,master",
            "master,failover_in_progress",
            "master,disconnected",
            "master,master_down",
            "master,force_failover",
            "slave",
            "",
        )
    ]
    + [
        {B: state(NEW)},
        {B: state(("p1", 6380))},
        {C: None},
        {C: error("ERR", "No such master with that name")},
        {C: []},
        {A: DEAD, B: DEAD},
        {A: SILENT, C: DEAD},
    ],
    ids=str,
)
def test_a_node_that_is_about_to_be_replaced_cannot_confirm(
    world: World, states: dict[Any, Any]
) -> None:
    """One that says so is enough, and so are too few that say anything: in doubt, and dropped."""
    world.states |= states
    caught = world.fail(Unavailable)
    assert caught.maybe_applied
    assert caught.retryable
    assert world.asked.dropped() == [OLD]
    assert asked_again(world)


@pytest.mark.parametrize("failure", [DEAD, SILENT], ids=str)
def test_one_sentinel_may_be_away(world: World, failure: Any) -> None:
    """Two of three are a majority."""
    world.states[B] = failure
    assert world.run(WRITE) == [b"done"]


def test_a_stalled_sentinel_does_not_hold_up_each_write(world: World) -> None:
    """It is left out of the next one's confirmation."""
    world.states[B], world.slow = SILENT, {B}
    world.run(WRITE)
    world.asked.clear()
    world.run(WRITE)
    assert world.asked.nodes("sentinel") == [A, C]


def test_a_sentinel_that_is_down_is_asked_each_time(world: World) -> None:
    """It may be back, and begin with the replacing of the primary."""
    world.names[B] = world.states[B] = DEAD
    world.run(WRITE)
    world.states[B] = state(OLD, "master,failover_in_progress")
    caught = world.fail(Unavailable)
    assert caught.maybe_applied


@pytest.mark.parametrize("reply", [error("NOPERM"), error("ERR", "unknown command 'WAIT'")])
def test_a_user_who_may_not_wait_is_told_so(world: World, reply: CommandError) -> None:
    """It is not sent again: the rights stay what they are."""
    world.replicas = reply
    caught = world.fail(PermissionDenied)
    assert not caught.retryable
    assert "may have happened" in str(caught)


def test_a_user_who_may_not_ask_a_sentinel_is_told_so(world: World) -> None:
    """Instead of a write in doubt after all attempts."""
    world.states[B] = error("NOPERM")
    caught = world.fail(PermissionDenied)
    assert "SENTINEL MASTER" in str(caught)


@pytest.mark.parametrize("replicas", [0, 1])
def test_a_write_that_was_refused_needs_no_confirmation(world: World, replicas: int) -> None:
    """Nothing was written: the error is the answer, however many replicas there are."""
    world.data, world.replicas = error("OOM"), replicas
    assert world.run(WRITE) == [CommandError("OOM")]
    assert world.asked.commands("sentinel") == [
        (b"SENTINEL", b"GET-MASTER-ADDR-BY-NAME", b"mymaster")
    ] * len((A, B, C))


def test_a_write_of_which_a_part_was_refused_needs_it(world: World) -> None:
    """The other part is there."""
    world.asked.answer = lambda hop: (
        [error("ERR"), b"done", 0] if hop.role == "data" else world.answer(hop)
    )
    caught = world.fail(Unavailable, Batch((*WRITE.commands, *WRITE.commands), writes=True))
    assert caught.maybe_applied


def test_a_resend_that_has_no_time_left_to_be_confirmed_is_in_doubt() -> None:
    """The step that wrote is behind it."""
    world = World(replicated=True)
    schedule = Schedule(1.0, world.clock, "here")
    route = world.router.route(WRITE)
    step = next(route)
    for _ in range(2):
        assert schedule.left(step)
        step = route.send([world.answer(hop) for hop in step.hops])
    world.clock.now += 1
    with pytest.raises(ReplyTimeout) as caught:
        schedule.left(step)
    assert caught.value.maybe_applied
