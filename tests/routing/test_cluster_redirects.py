"""Slots of a Cluster that move: a command is passed on until somebody serves it, and done once."""

from __future__ import annotations

from typing import Any

import pytest

from redialog import Unavailable
from redialog.effect import Batch, Command, CommandError
from redialog.errors import TransportError
from redialog.keys import slot
from redialog.transports.routing.cluster import REDIRECTS
from redialog.transports.urls import Address
from tests.routing.clusters import (
    NEW,
    P1,
    P2,
    P3,
    World,
    ask,
    at,
    get,
    key_of,
    moved,
    named,
    put,
)
from tests.routing.scripted import SILENT, error

K1, K2 = key_of(P1), key_of(P2)
L1 = key_of(P1, 1)
ASKING = (b"ASKING",)


@pytest.fixture
def world() -> World:
    return World().learnt()


def test_a_slot_that_has_moved_is_found_and_remembered(world: World) -> None:
    """The command is passed on once; the next one of the slot goes there at once."""
    world.does = lambda node, command: moved(K1, NEW) if node == P1 else named(node, command)
    assert world.run(put(K1)) == [named(NEW, (b"SET", K1))]
    assert world.asked.nodes() == [P1, NEW]
    world.asked.clear()
    world.run(get(K1))
    assert world.asked.nodes() == [NEW]


def test_of_a_batch_only_what_was_passed_on_is_sent_again(world: World) -> None:
    """The rest was done."""

    def does(node: Address, command: Command) -> Any:
        return moved(K1, P2) if node == P1 and command[1] == K1 else named(node, command)

    world.does = does
    replies = world.run(get(L1, K1, K2))
    assert replies == [named(P1, (b"G", L1)), named(P2, (b"G", K1)), named(P2, (b"G", K2))]
    assert world.asked.steps[-1].hops[0].batch.commands == ((b"GET", K1),)


def test_a_key_that_is_on_its_way_is_asked_for_once(world: World) -> None:
    """With ASKING before each command; the slot's home stays where it was."""
    gone = {K1}

    def does(node: Address, command: Command) -> Any:
        return ask(K1, P3) if node == P1 and command[1] in gone else named(node, command)

    world.does = does
    twice = Batch(((b"SET", K1, b"a"), (b"APPEND", K1, b"b")), writes=True)
    assert world.run(twice) == [named(P3, (b"S", K1)), named(P3, (b"A", K1))]
    passed = world.asked.steps[-1].hops[0]
    assert passed.node == P3
    assert passed.batch.commands == (ASKING, twice.commands[0], ASKING, twice.commands[1])
    gone.clear()
    world.asked.clear()
    world.run(get(K1))
    assert world.asked.nodes() == [P1]


@pytest.mark.parametrize("host", ["", "?"])
def test_a_node_that_does_not_know_its_host_means_its_own(world: World, host: str) -> None:
    """Another port of the same one."""
    away = CommandError("MOVED", f"{slot(K1)} {host}:7000")
    world.does = at({P1: away}, b"there")
    assert world.run(get(K1)) == [b"there"]
    assert world.asked.nodes() == [P1, (P1[0], 7000)]


def test_an_address_of_ipv6(world: World) -> None:
    """It is not in brackets there."""
    away = CommandError("MOVED", f"{slot(K1)} fe80::1:7000")
    world.does = at({P1: away}, b"there")
    world.run(get(K1))
    assert world.asked.nodes() == [P1, ("fe80::1", 7000)]


def test_a_chain_of_nodes_is_followed_to_its_end_and_not_for_ever(world: World) -> None:
    """First it moved, then it is on its way; two that name each other are an error."""
    world.does = at({P1: moved(K1, P2), P2: ask(K1, P3)}, b"there")
    assert world.run(put(K1)) == [b"there"]
    assert world.asked.nodes() == [P1, P2, P3]
    world.asked.clear()
    world.does = at({P1: moved(K1, P2), P2: moved(K1, P1)})
    caught = world.fail(Unavailable, put(K1))
    assert (caught.retryable, caught.maybe_applied) == (True, False)
    assert len(world.asked.nodes()) == 1 + REDIRECTS


def test_a_transaction_is_passed_on_as_a_whole_or_not_at_all(world: World) -> None:
    """Where its slot has moved, all of it; where it is moving, it must wait."""
    commands = ((b"MULTI",), (b"SET", K1, b"v"), (b"EXEC",))

    def does(node: Address, command: Command) -> Any:
        if node == P1 and command[0] == b"SET":
            return away
        return error("EXECABORT") if node == P1 and command[0] == b"EXEC" else b"done"

    world.does = does
    away = moved(K1, P2)
    assert world.run(Batch(commands, writes=True)) == [b"done"] * 3
    assert world.asked.steps[-1].hops[0].batch.commands == commands
    world = World().learnt()
    world.does, away = does, ask(K1, P2)
    caught = world.fail(Unavailable, Batch(commands, writes=True))
    assert (caught.retryable, caught.maybe_applied) == (True, False)
    assert world.asked.nodes() == [P1]


@pytest.mark.parametrize("code", ["TRYAGAIN", "CLUSTERDOWN", "READONLY", "LOADING", "MASTERDOWN"])
def test_who_cannot_serve_now_says_so(world: World, code: str) -> None:
    """Nothing was done. In a failover somebody else tells more, of a slot that moves nobody."""
    world.does = at({}, error(code))
    caught = world.fail(Unavailable, put(K1))
    assert code in str(caught)
    assert (caught.retryable, caught.maybe_applied) == (True, False)
    world.does = at({})
    world.asked.clear()
    world.run(get(K1))
    assert ((b"CLUSTER", b"SLOTS") in world.asked.commands()) is (code != "TRYAGAIN")


@pytest.mark.parametrize("asking", [False, True])
def test_a_node_that_was_named_and_fails_is_forgotten(world: World, asking: bool) -> None:
    """The error is its own; the next batch asks where the slots are."""
    away = (ask if asking else moved)(K1, NEW)
    world.does = at({NEW: SILENT}, away)
    assert world.fail(TransportError, put(K1)) is SILENT
    world.does = at({})
    world.asked.clear()
    world.run(put(K1))
    assert world.asked.nodes()[-1] == P1
    assert NEW not in world.asked.nodes()
