"""A Sentinel deployment in a script: what each sentinel says, and what the primary answers."""

from __future__ import annotations

from typing import Any, TypeVar

import pytest

from redialog.effect import Batch, Reply
from redialog.errors import TransportError
from redialog.transports.routing.routes import Hop, Outcome
from redialog.transports.routing.sentinels import SentinelRouter
from redialog.transports.urls import Address
from tests.routing.scripted import READ, WRITE, Asked, Clock

E = TypeVar("E", bound=Exception)

A, B, C = ("s1", 26379), ("s2", 26379), ("s3", 26379)
OLD, NEW = ("p1", 6379), ("p2", 6379)


def named(node: Address) -> list[bytes]:
    """The answer to ``SENTINEL GET-MASTER-ADDR-BY-NAME``."""
    return [node[0].encode(), b"%d" % node[1]]


def state(node: Address, flags: str = "master") -> list[bytes]:
    """The answer to ``SENTINEL MASTER``."""
    host, port = named(node)
    return [b"name", b"mymaster", b"ip", host, b"port", port, b"flags", flags.encode()]


class World:
    """Three sentinels that name the same primary, and a primary that does what it is asked.

    Attributes:
        names: what each sentinel says who the primary is, or its failure.
        states: what each says of its state, or its failure.
        slow: sentinels that fail only when their time is over.
        data: what the data nodes answer to a command; their failure; or what gives it.
        replicas: how many have what was written.
    """

    def __init__(self, *, replicated: bool = False, sentinels: tuple[Address, ...] = (A, B, C)):
        self.clock = Clock()
        self.names: dict[Address, Any] = dict.fromkeys(sentinels, named(OLD))
        self.states: dict[Address, Any] = dict.fromkeys(sentinels, state(OLD))
        self.slow: set[Address] = set()
        self.data: Any = b"done"
        self.replicas: Reply = 1
        self.asked = Asked(self.answer)
        self.router = SentinelRouter(
            sentinels,
            "mymaster",
            address="redis+sentinel://s1,s2,s3/mymaster/0",
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

    def answer(self, hop: Hop) -> Outcome:
        """What becomes of a hop."""
        if hop.role == "data":
            said = self.data(hop) if callable(self.data) else self.data
            if isinstance(said, TransportError):
                return said
            return [self.replicas if c[0] == b"WAIT" else said for c in hop.batch.commands]
        if hop.node in self.slow:
            self.clock.now += 0.3
        by = self.states if b"MASTER" in hop.batch.commands[0] else self.names
        said = by[hop.node]
        return said if isinstance(said, TransportError) else [said]
