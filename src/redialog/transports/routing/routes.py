"""How a batch finds its node, said without I/O.

A route is a generator, as an operation is: it yields a `Step` (batches for some nodes) and is sent
one outcome for each, the replies or the error. So the same routes serve the blocking and the
asyncio transport (`routed`, `routed_asyncio`), and a test drives them with scripted outcomes.

`sentinels` and `cluster` have the two routers.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import Literal, Protocol, TypeAlias, TypeVar

import msgspec

from redialog.effect import Batch, CommandError, Replies, Reply
from redialog.errors import ConnectError, ReplyTimeout, TransportError, Unavailable
from redialog.transports.urls import Address, shown

Role: TypeAlias = Literal["data", "sentinel"]


class Hop(msgspec.Struct, frozen=True):
    """A batch for one node.

    Attributes:
        node: its address.
        batch: what it is asked.
        role: how it is connected to: sentinels have a login and limits of their own.
    """

    node: Address
    batch: Batch
    role: Role = "data"


class Step(msgspec.Struct, frozen=True):
    """Hops that are made at the same time.

    Attributes:
        hops: for as many nodes.
        within: seconds that they have; None: the usual.
        watched: whether `Router.still` is asked while a reply is outstanding.
        drop: nodes whose connections are closed first.
    """

    hops: tuple[Hop, ...]
    within: float | None = None
    watched: bool = False
    drop: tuple[Address, ...] = ()


SILENT_S = 5.0
"""For how long a node that did not answer is left out, where others can be asked."""

T = TypeVar("T")
Outcome: TypeAlias = "Replies | TransportError"
Route: TypeAlias = Generator[Step, Sequence[Outcome], T]


class Router(Protocol):
    """Knows a deployment, and finds the nodes of a batch."""

    def route(self, batch: Batch) -> Route[Replies]:
        """The way of a batch.

        Raises:
            TransportError: it found no node, or the node did not answer. It sends nothing twice but
                what a node passed on.
        """

    def still(self, node: Address) -> Route[bool]:
        """Whether a node is still worth waiting for."""


UNREACHABLE = CommandError("UNREACHABLE")

# A node's word that another one should be asked, or the same one later. Nothing was done: a script
# that may not run is refused as a whole.
ASK_AGAIN = frozenset(
    ("READONLY", "NOREPLICAS", "MASTERDOWN", "LOADING", "TRYAGAIN", "CLUSTERDOWN")
)


def refused(replies: Replies) -> str | None:
    """The code with which a node refused to serve for now, if it did."""
    for reply in replies:
        if isinstance(reply, CommandError) and reply.code in ASK_AGAIN:
            return reply.code
    return None


def unavailable(code: str, address: str) -> Unavailable:
    """The error where a node refused to serve for now."""
    return Unavailable(
        f"{address} cannot serve this now ({code}): a failover, a resharding or a restart goes on",
        address=address,
    )


def by_command(
    nodes: Sequence[Address], outcomes: Sequence[Outcome], commands: int
) -> list[list[tuple[str, Reply]]]:
    """For each command the pairs of a node's address and its reply."""
    return [
        [
            (shown(node), UNREACHABLE if isinstance(outcome, TransportError) else outcome[index])
            for node, outcome in zip(nodes, outcomes, strict=True)
        ]
        for index in range(commands)
    ]


class Silence:
    """Who did not answer of late, and is left out where the others are enough.

    Args:
        clock: seconds, monotonic.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._until: dict[Address, float] = {}

    def note(self, node: Address) -> None:
        """It did not answer."""
        self._until[node] = self._clock() + SILENT_S

    def forget(self, node: Address) -> None:
        """It answered."""
        self._until.pop(node, None)

    def heard(self, nodes: tuple[Address, ...], needed: int) -> tuple[Address, ...]:
        """Those that answered of late, where they are as many as needed; else all."""
        now = self._clock()
        found = tuple(node for node in nodes if self._until.get(node, now) <= now)
        return found if len(found) >= needed else nodes


class Schedule:
    """How long the steps of a route have.

    Args:
        within: seconds for all of them; None: no limit.
        clock: seconds, monotonic.
        address: for the error.
    """

    def __init__(self, within: float | None, clock: Callable[[], float], address: str) -> None:
        self._until = None if within is None else clock() + within
        self._clock = clock
        self._address = address
        self._written = False

    def left(self, step: Step) -> float | None:
        """The seconds for the next step; None: no limit.

        Raises:
            ReplyTimeout: none is left.
        """
        if self._until is None:
            return step.within
        left = self._until - self._clock()
        if left <= 0 and step.hops:
            raise ReplyTimeout(
                f"no answer from {self._address} in time",
                address=self._address,
                maybe_applied=self._written,
            )
        self._written = self._written or any(hop.batch.writes for hop in step.hops)
        return left if step.within is None else min(left, step.within)


def gone(node: Address) -> ConnectError:
    """The error where a node's connections were closed before a batch was sent."""
    where = f"redis://{shown(node)}"
    return ConnectError(f"the connections to {where} were given up", address=where)
