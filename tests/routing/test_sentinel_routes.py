"""The way of a batch over Sentinel: the primary that a majority of all sentinels names."""

from __future__ import annotations

from typing import Any

import pytest

from redialog import AuthError, ConfigurationError, ConnectError, TLSError, Unavailable
from redialog.effect import Batch, CommandError
from redialog.errors import NotRedis, TransportError
from redialog.transports.routing.routes import SILENT_S
from redialog.transports.routing.sentinels import CHECK_S, QUESTION_S
from tests.routing.scripted import DEAD, READ, SILENT, WRITE, error
from tests.routing.sentinels import NEW, OLD, A, B, C, World, named


@pytest.fixture
def world() -> World:
    return World()


def test_the_first_batch_asks_all_sentinels_and_then_the_primary(world: World) -> None:
    """In two steps: all sentinels at the same time, with a limit; then the primary, watched."""
    assert world.run(WRITE) == [b"done"]
    asking, doing = world.asked.steps
    assert [hop.node for hop in asking.hops] == [A, B, C]
    assert {hop.role for hop in asking.hops} == {"sentinel"}
    assert asking.hops[0].batch.commands == (
        (b"SENTINEL", b"GET-MASTER-ADDR-BY-NAME", b"mymaster"),
    )
    assert (asking.within, asking.watched) == (QUESTION_S, False)
    assert (doing.hops[0].node, doing.hops[0].batch) == (OLD, WRITE)
    assert (doing.within, doing.watched) == (None, True)


def test_a_sentinel_that_is_named_twice_has_one_vote() -> None:
    """Two of three, and not two of four."""
    world = World(sentinels=(A, A, B, C))
    world.names |= {B: named(NEW), C: named(NEW)}
    world.run()
    assert world.asked.nodes("sentinel") == [A, B, C]
    assert world.asked.nodes() == [NEW]


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        ({C: named(NEW)}, OLD),
        ({B: named(NEW), C: named(NEW)}, NEW),
        ({A: None}, OLD),
        ({A: DEAD}, OLD),
        ({B: SILENT}, OLD),
        ({C: AuthError("wrong password")}, OLD),
        ({A: error("NOPERM")}, OLD),
        ({A: DEAD, B: named(NEW), C: named(NEW)}, NEW),
    ],
    ids=str,
)
def test_two_of_three_decide(world: World, names: dict[Any, Any], chosen: object) -> None:
    """Whatever the third one says, or why it says nothing."""
    world.names |= names
    world.run()
    assert world.asked.nodes() == [chosen]


@pytest.mark.parametrize(
    ("names", "kind"),
    [
        ({B: named(NEW), C: None}, Unavailable),
        ({A: DEAD, C: named(NEW)}, Unavailable),
        ({A: None, B: None}, Unavailable),
        ({A: DEAD, B: None}, Unavailable),
        ({A: None, B: None, C: None}, ConfigurationError),
        ({A: DEAD, B: None, C: None}, ConfigurationError),
        ({A: DEAD, B: DEAD}, ConnectError),
        ({A: SILENT, B: DEAD, C: SILENT}, ConnectError),
        ({A: DEAD, B: AuthError("wrong password")}, AuthError),
        ({A: AuthError("1"), B: AuthError("2"), C: AuthError("3")}, AuthError),
        ({A: TLSError("no"), B: TLSError("no")}, TLSError),
        ({A: NotRedis("http"), B: NotRedis("http")}, NotRedis),
        ({A: error("NOPERM"), B: error("NOPERM")}, AuthError),
        ({A: error("NOAUTH"), B: error("NOAUTH"), C: error("NOAUTH")}, AuthError),
        ({A: error("ERR", "unknown command"), B: error("ERR", "unknown")}, ConfigurationError),
    ],
    ids=str,
)
def test_without_a_majority_nobody_is_asked(
    world: World, names: dict[Any, Any], kind: type[Exception]
) -> None:
    """The error says whether it helps to wait: fewer than two of all three are no majority."""
    world.names |= names
    caught = world.fail(kind)
    assert type(caught) is kind
    assert not getattr(caught, "maybe_applied", False)
    assert world.asked.nodes() == []


def test_a_name_that_was_known_is_not_called_wrong(world: World) -> None:
    """Sentinels that are told about their primary anew know none for a moment."""
    world.run()
    world.names = dict.fromkeys(world.names)
    world.clock.now += CHECK_S
    assert world.run() == [b"done"]
    world.data = DEAD
    world.fail(ConnectError)
    world.fail(Unavailable)


def test_the_sentinels_are_asked_again_after_half_a_second(world: World) -> None:
    """Not before: until then their word stands."""
    world.run()
    world.asked.clear()
    world.clock.now += CHECK_S * 0.9
    world.run()
    assert world.asked.nodes("sentinel") == []
    world.clock.now += CHECK_S * 0.2
    world.run()
    assert world.asked.nodes("sentinel") == [A, B, C]
    assert world.asked.nodes() == [OLD, OLD]


def test_of_many_that_come_at_once_one_asks(world: World) -> None:
    """While it waits for an answer the others go to the primary that is known."""
    world.run()
    world.clock.now += CHECK_S
    asking, going_on = world.router.route(READ), world.router.route(READ)
    assert next(asking).hops[0].role == "sentinel"
    assert next(going_on).hops[0].node == OLD


def test_a_new_address_drops_the_connections_to_the_old_one(world: World) -> None:
    """And the batch goes to the new one."""
    world.run()
    world.clock.now += CHECK_S
    world.names |= {A: named(NEW), C: named(NEW)}
    world.asked.clear()
    world.run(WRITE)
    assert world.asked.dropped() == [OLD]
    assert world.asked.nodes() == [NEW]


@pytest.mark.parametrize("failure", [DEAD, SILENT, None, named(NEW)], ids=str)
def test_a_known_primary_goes_on_without_its_sentinels(world: World, failure: Any) -> None:
    """They are who would replace it; they are asked again a while later, and not by each call."""
    world.run()
    world.names |= {A: failure, B: DEAD}
    world.clock.now += CHECK_S
    assert world.run() == [b"done"]
    world.asked.clear()
    world.clock.now += SILENT_S * 0.9
    world.run()
    assert world.asked.nodes("sentinel") == []
    world.names = dict.fromkeys(world.names, named(NEW))
    world.clock.now += SILENT_S * 0.2
    world.run()
    assert world.asked.nodes() == [OLD, NEW]


def test_a_stalled_sentinel_is_left_out_for_a_while(world: World) -> None:
    """The two others are enough; later it is asked again."""
    world.names[B], world.slow = SILENT, {B}
    world.run()
    world.asked.clear()
    world.clock.now += CHECK_S
    world.run()
    assert world.asked.nodes("sentinel") == [A, C]
    world.names[B], world.slow = named(OLD), set()
    world.asked.clear()
    world.clock.now += SILENT_S
    world.run()
    assert world.asked.nodes("sentinel") == [A, B, C]


def test_a_stalled_sentinel_is_asked_where_the_others_do_not_agree(world: World) -> None:
    """It may be back, and then it decides."""
    world.names[B], world.slow = SILENT, {B}
    world.run()
    world.names |= {B: named(NEW), C: named(NEW)}
    world.slow = set()
    world.asked.clear()
    world.clock.now += CHECK_S
    world.run()
    assert world.asked.nodes("sentinel") == [A, C, B]
    assert world.asked.nodes() == [NEW]
    world.asked.clear()
    world.clock.now += CHECK_S
    world.run()
    assert world.asked.nodes("sentinel") == [A, B, C]


def test_a_sentinel_that_is_down_costs_nothing_and_is_always_asked(world: World) -> None:
    """A connection that is refused at once is no loss, and it may be back."""
    world.names[B] = DEAD
    world.run()
    world.asked.clear()
    world.clock.now += CHECK_S
    world.run()
    assert world.asked.nodes("sentinel") == [A, B, C]


@pytest.mark.parametrize("failure", [DEAD, SILENT, AuthError("no"), TLSError("no")], ids=str)
def test_a_failing_primary_is_forgotten(world: World, failure: TransportError) -> None:
    """The error passes as it is; the next batch asks who the primary is."""
    world.data = failure
    assert world.fail(type(failure)) is failure
    world.data = b"done"
    world.asked.clear()
    world.run()
    assert world.asked.nodes("sentinel") == [A, B, C]


@pytest.mark.parametrize("code", ["READONLY", "NOREPLICAS", "MASTERDOWN", "LOADING"])
@pytest.mark.parametrize("batch", [READ, WRITE], ids=["read", "write"])
def test_a_node_that_refuses_to_serve_is_dropped(world: World, code: str, batch: Batch) -> None:
    """The write was not done; the next one asks anew, over connections that are new."""
    world.run()
    world.data = error(code)
    caught = world.fail(Unavailable, batch)
    assert code in str(caught)
    assert not caught.maybe_applied
    assert world.asked.dropped() == [OLD]
    world.data = b"done"
    world.asked.clear()
    world.run()
    assert world.asked.nodes("sentinel") == [A, B, C]


@pytest.mark.parametrize("code", ["OOM", "NOSCRIPT", "ERR", "NOPERM", "WRONGTYPE"])
def test_other_errors_of_a_command_are_replies(world: World, code: str) -> None:
    """They are for the operation to judge, and no reason to look for another primary."""
    world.data = error(code)
    assert world.run(WRITE) == [CommandError(code)]
    world.asked.clear()
    world.run()
    assert world.asked.nodes("sentinel") == []


@pytest.mark.parametrize(
    ("names", "worth"),
    [
        ({}, True),
        ({A: named(NEW)}, True),
        ({A: named(NEW), B: named(NEW)}, False),
        ({A: DEAD, B: DEAD, C: SILENT}, True),
        ({A: None, B: None, C: None}, True),
    ],
    ids=str,
)
def test_a_stalled_primary_is_waited_for_until_it_is_replaced(
    world: World, names: dict[Any, Any], worth: bool
) -> None:
    """Where nobody says who replaced it, its own limit is what ends the waiting."""
    world.run()
    world.names |= names
    assert world.asked.play(world.router.still(OLD)) is worth


def test_batches_to_all_primaries_and_to_all_sentinels(world: World) -> None:
    """Pairs of an address and a reply; who cannot be reached has an error as its reply."""
    two = ((b"PING",), (b"TIME",))
    found = world.run(Batch(two, to="primaries"))
    assert found == [[("p1:6379", b"done")], [("p1:6379", b"done")]]
    world.names |= {A: b"x", B: DEAD, C: b"z"}
    [replies] = world.run(Batch(((b"PING",),), to="sentinels"))
    assert replies == [
        ("s1:26379", b"x"),
        ("s2:26379", CommandError("UNREACHABLE")),
        ("s3:26379", b"z"),
    ]
    assert all(hop.batch.to == "" for step in world.asked.steps for hop in step.hops)
