"""The way of a batch over a Cluster: each command to the primary that has its key's slot."""

from __future__ import annotations

from typing import Any

import pytest

from redialog.effect import Batch, CommandError
from redialog.errors import TransportError
from redialog.keys import slot
from redialog.transports.urls import Address
from tests.routing.clusters import (
    P1,
    P2,
    P3,
    World,
    at,
    get,
    key_of,
    named,
    put,
)
from tests.routing.scripted import DEAD, SILENT, error

K1, K2, K3 = key_of(P1), key_of(P2), key_of(P3)
L1, L2 = key_of(P1, 1), key_of(P2, 1)


@pytest.fixture
def world() -> World:
    return World().learnt()


def test_the_keys_of_the_tests_lie_where_they_should() -> None:
    """Two slots on two primaries each."""
    assert len({slot(key) for key in (K1, K2, K3, L1, L2)}) == 5


@pytest.mark.parametrize(("key", "node"), [(K1, P1), (L1, P1), (K2, P2), (K3, P3)])
@pytest.mark.parametrize("form", [get, put])
def test_a_command_goes_to_whom_the_slot_belongs(
    world: World, key: bytes, node: Address, form: Any
) -> None:
    """In one step, without a limit, and watched."""
    assert world.run(form(key)) == [b"done"]
    [step] = world.asked.steps
    assert [hop.node for hop in step.hops] == [node]
    assert (step.within, step.watched) == (None, True)
    assert step.hops[0].batch == form(key)


def test_reads_ask_each_node_once_and_come_back_in_their_order(world: World) -> None:
    """However the keys are mixed, all at the same time."""
    world.does = named
    keys = [K1, K2, L1, K3, K1, L2, K3, K2]
    replies = world.run(get(*keys))
    owner = {K1: P1, L1: P1, K2: P2, L2: P2, K3: P3}
    assert replies == [named(owner[key], (b"GET", key)) for key in keys]
    [step] = world.asked.steps
    assert [(hop.node, len(hop.batch.commands)) for hop in step.hops] == [(P1, 3), (P2, 3), (P3, 2)]


def test_writes_keep_their_order(world: World) -> None:
    """One node after the other, as often as it takes; neighbours of one node together."""
    world.does = named
    keys = [K1, L1, K2, K1, K3]
    assert len(world.run(put(*keys))) == len(keys)
    asked = [[hop.node for hop in step.hops] for step in world.asked.steps]
    assert asked == [[P1], [P2], [P1], [P3]]
    assert [command[1] for command in world.asked.commands()] == keys
    assert all(hop.batch.writes for step in world.asked.steps for hop in step.hops)


def test_what_comes_before_a_write_that_fails_is_not_sent_twice(world: World) -> None:
    """The error is that of the node that failed; the others after it are not asked."""
    world.does = at({P2: DEAD})
    assert world.fail(TransportError, put(K1, K2, K3)) is DEAD
    assert world.asked.nodes() == [P1, P2]


@pytest.mark.parametrize("call", ["EVALSHA", "eval", b"FCALL"])
def test_a_script_goes_to_its_first_key(world: World, call: str | bytes) -> None:
    """It has it after the number of keys; numbers come as numbers or as text."""
    for count in (1, b"1", "1"):
        world.run(Batch(((call, b"digest", count, K3, b"arg"),), writes=True))
    assert world.asked.nodes() == [P3] * 3


@pytest.mark.parametrize(
    "command",
    [
        (b"PING",),
        ("time",),
        (b"EVALSHA", b"digest", 0, K3),
        (b"EVAL", b"text", b"0"),
        (b"GET",),
        (b"EVAL", b"text"),
    ],
    ids=str,
)
def test_a_command_without_a_key_goes_to_the_first_primary(world: World, command: Any) -> None:
    """Malformed ones too: the server says what is wrong."""
    assert world.run(Batch((command,))) == [b"done"]
    assert world.asked.nodes() == [P1]
    assert world.asked.commands() == [command]


def test_of_a_command_that_is_not_known_a_node_tells_the_key(world: World) -> None:
    """It is asked with the command as it is."""
    world.keys = [K2, K3]
    command = (b"XADD", b"any", b"*", b"f", b"v")
    world.run(Batch((command,), writes=True))
    asking, doing = world.asked.steps
    assert asking.hops[0].batch.commands == ((b"COMMAND", b"GETKEYS", *command),)
    assert not asking.hops[0].batch.writes
    assert doing.hops[0].node == P2


def test_what_has_no_key_is_remembered_and_what_is_malformed_is_not(world: World) -> None:
    """One wrong call must not take a command's key from it for ever."""
    world.keys = error("ERR", "Invalid number of arguments specified for command")
    world.run(Batch(((b"XADD", b"s"),), writes=True))
    world.asked.clear()
    world.keys = [K3]
    world.run(Batch(((b"XADD", b"s", b"*", b"f", b"v"),), writes=True))
    assert world.asked.nodes()[-1] == P3
    world.keys = error("ERR", "The command has no key arguments")
    world.run(Batch(((b"LOLWUT",),)))
    world.asked.clear()
    world.run(Batch(((b"lolwut", b"version", b"5"),)))
    assert world.asked.commands() == [(b"lolwut", b"version", b"5")]


def test_a_transaction_is_one_piece(world: World) -> None:
    """With commands that have no key, it goes where the others' slot is."""
    commands = ((b"MULTI",), (b"PING",), (b"SET", K3, b"v"), (b"GET", K3), (b"EXEC",))
    world.run(Batch(commands, writes=True))
    [step] = world.asked.steps
    assert (step.hops[0].node, step.hops[0].batch.commands) == (P3, commands)


def test_a_transaction_over_several_slots_is_refused_as_a_whole(world: World) -> None:
    """As a server does, and before any of it is sent."""
    commands = ((b"MULTI",), (b"SET", K1, b"v"), (b"SET", L1, b"v"), (b"EXEC",))
    replies = world.run(Batch(commands, writes=True))
    assert [reply.code for reply in replies] == ["CROSSSLOT"] * 4
    assert world.asked.steps == []


@pytest.mark.parametrize("name", [b"SCRIPT", b"FLUSHALL", "flushdb"])
def test_what_each_primary_keeps_for_itself_is_told_to_all(world: World, name: Any) -> None:
    """Once each; the reply is the first one's. Neighbours are not repeated."""
    world.does = named
    told = (name, b"LOAD", b"return 1")
    replies = world.run(Batch(((b"ECHO", b"x"), told, (b"ECHO", b"y")), writes=True))
    assert replies == [named(P1, (name, part)) for part in (b"x", b"LOAD", b"y")]
    first, others = world.asked.steps
    assert (len(first.hops), first.hops[0].node) == (1, P1)
    assert [(hop.node, hop.batch.commands) for hop in others.hops] == [(P2, (told,)), (P3, (told,))]


def test_all_primaries_are_asked_and_there_are_no_sentinels(world: World) -> None:
    """Who fails has an error as its reply, and is asked no more where it was replaced."""
    world.does = lambda node, command: SILENT if node == P2 else named(node, command)
    both = ((b"ECHO", b"x"), (b"ECHO", b"y"))
    found = world.run(Batch(both, to="primaries"))
    assert found == [
        [
            (f"{P1[0]}:6379", b"10.0.0.1:%s" % name),
            (f"{P2[0]}:6379", CommandError("UNREACHABLE")),
            (f"{P3[0]}:6379", b"10.0.0.3:%s" % name),
        ]
        for name in (b"x", b"y")
    ]
    assert all(hop.batch.to == "" for step in world.asked.steps for hop in step.hops)
    assert world.run(Batch(both, to="sentinels")) == [[], []]
    world.asked.clear()
    world.run(get(K1))
    assert (b"CLUSTER", b"SLOTS") in world.asked.commands()
