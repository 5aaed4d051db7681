"""A Cluster in a script: how each node sees it, and what it answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, TypeVar

import pytest

from redialog.effect import Batch, Command, CommandError, Reply
from redialog.errors import TransportError
from redialog.keys import slot
from redialog.transports.routing.cluster import ClusterRouter
from redialog.transports.routing.routes import Hop, Outcome
from redialog.transports.urls import Address
from tests.routing.scripted import READ, WRITE, Asked, Clock

E = TypeVar("E", bound=Exception)
Does: TypeAlias = Callable[[Address, Command], Any]

P1, P2, P3 = ("10.0.0.1", 6379), ("10.0.0.2", 6379), ("10.0.0.3", 6379)
R1, R2, R3 = ("10.0.1.1", 6379), ("10.0.1.2", 6379), ("10.0.1.3", 6379)
NEW = ("10.0.9.9", 6380)
PRIMARIES = (P1, P2, P3)
ALL = (P1, P2, P3, R1, R2, R3)
RANGES = ((0, 5460, P1, R1), (5461, 10922, P2, R2), (10923, 16383, P3, R3))


def entry(node: Address) -> list[Any]:
    """A node in the answer to ``CLUSTER SLOTS``."""
    return [node[0].encode(), node[1], b"id", []]


def slots(*ranges: tuple[Any, ...]) -> list[Any]:
    """The answer to ``CLUSTER SLOTS``: of ranges with their nodes, the primary first."""
    return [[start, end, *map(entry, nodes)] for start, end, *nodes in ranges]


def line(node: Address, flags: str = "master", owned: str = " 0-5460") -> str:
    """A node in the answer to ``CLUSTER NODES``."""
    return f"id {node[0]}:{node[1]}@16379,host {flags} - 0 0 1 connected{owned}"


def nodes(*lines: str) -> bytes:
    """The answer to ``CLUSTER NODES``."""
    return "\n".join([*lines, ""]).encode()


WELL = nodes(*(line(node) for node in PRIMARIES), *(line(n, "slave", "") for n in (R1, R2, R3)))


def key_of(node: Address, number: int = 0) -> bytes:
    """A key whose slot a primary has; with another number one of another slot."""
    [(low, high)] = [(low, high) for low, high, primary, _ in RANGES if primary == node]
    keys = (b"key%d" % count for count in range(10_000))
    found = [key for _, key in zip(range(60), keys, strict=False) if low <= slot(key) <= high]
    return found[number]


def at(nodes: Mapping[Address, Any], otherwise: Any = b"done") -> Does:
    """What some nodes answer to any command, and what the others do."""

    def does(node: Address, _: Command) -> Any:
        return nodes.get(node, otherwise)

    return does


class World:
    """Three primaries with a replica each, that agree, and do what they are asked.

    Attributes:
        views: what each node says where the slots are, or its failure.
        states: what each primary says of the others (``CLUSTER NODES``), or its failure.
        does: what a node answers to a command, where it is not ``done``; a failure is that of the
            whole hop.
        keys: what ``COMMAND GETKEYS`` answers.
        replicas: how many have what was written.
    """

    def __init__(self, *, replicated: bool = False, hosts: tuple[Address, ...] = (P1,)) -> None:
        self.clock = Clock()
        self.views: dict[Address, Any] = dict.fromkeys((*ALL, NEW), slots(*RANGES))
        self.states: dict[Address, Any] = dict.fromkeys((*ALL, NEW), WELL)
        self.does = at({})
        self.keys: Reply = [b"key"]
        self.replicas: Reply = 1
        self.asked = Asked(self.answer)
        self.router = ClusterRouter(
            hosts,
            address="redis+cluster://10.0.0.1:6379",
            replicated=replicated,
            clock=self.clock,
        )

    def run(self, batch: Batch = READ) -> Any:
        """Sends a batch, and gives its replies."""
        return self.asked.play(self.router.route(batch))

    def fail(self, kind: type[E], batch: Batch = WRITE) -> E:
        """Sends a batch, and gives its error."""
        with pytest.raises(kind) as caught:
            self.run(batch)
        return caught.value

    def learnt(self) -> World:
        """The same, when it has asked where the slots are."""
        self.run(Batch(((b"PING",),)))
        self.asked.clear()
        return self

    def answer(self, hop: Hop) -> Outcome:
        """What becomes of a hop."""
        replies = []
        for command in hop.batch.commands:
            said = self._answer(hop.node, command)
            if isinstance(said, TransportError):
                return said
            replies.append(said)
        return replies

    def _answer(self, node: Address, command: Command) -> Any:
        match command:
            case (b"CLUSTER", b"SLOTS"):
                return self.views[node]
            case (b"CLUSTER", b"NODES"):
                return self.states[node]
            case (b"COMMAND", b"GETKEYS", *_):
                return self.keys
            case (b"WAIT", *_):
                return self.replicas
            case (b"ASKING",):
                return b"OK"
        return self.does(node, command)


def moved(key: bytes, node: Address) -> CommandError:
    """A node's word that another one has the slot."""
    return CommandError("MOVED", f"{slot(key)} {node[0]}:{node[1]}")


def ask(key: bytes, node: Address) -> CommandError:
    """A node's word that another one may have the key already."""
    return CommandError("ASK", f"{slot(key)} {node[0]}:{node[1]}")


def get(*keys: bytes) -> Batch:
    """A batch that reads."""
    return Batch(tuple((b"GET", key) for key in keys))


def put(*keys: bytes) -> Batch:
    """A batch that writes."""
    return Batch(tuple((b"SET", key, b"v") for key in keys), writes=True)


def named(node: Address, command: Command) -> bytes:
    """An answer that tells who was asked for what."""
    argument = command[1]
    assert isinstance(argument, bytes)
    return b"%s:%s" % (node[0].encode(), argument)
