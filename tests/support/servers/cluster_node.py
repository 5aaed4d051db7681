"""One node of a Cluster, and how it sees the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self, TypeAlias

import msgspec

from tests.support.servers.deployment import Node, free_port

if TYPE_CHECKING:
    from tests.support.servers.settings import Setting


class Seen(msgspec.Struct, frozen=True):
    """One node as another one sees it.

    Attributes:
        flags: Such as `master`, `slave`, `myself`, `fail?`, `fail`, `handshake`.
        follows: The id of the primary that it replicates, or nothing.
        slots: The slots that it owns.
        moving: Slots that it gives away or takes over; only it says so itself.
    """

    flags: frozenset[str]
    follows: str
    slots: frozenset[int]
    moving: frozenset[int]

    @property
    def well(self) -> bool:
        """Whether it is met and nobody doubts that it is there."""
        return not self.flags & {"fail", "fail?", "handshake", "noaddr"}


View: TypeAlias = dict[str, Seen]
"""One node's opinion: the ids of the nodes it knows, and how it sees them."""


class ClusterNode(Node):
    """A node of a Cluster.

    Attributes:
        bus_port: Where it listens for the other nodes.
        announced: Where the other nodes reach its bus.
        id: What the Cluster calls it.
    """

    bus_port = 0
    id = ""

    def __init__(self, kind: str, *, announced: int, **options: Any) -> None:
        """Prepare a node.

        Args:
            kind: As for `find_server`.
            announced: Which bus port it tells the others.
            options: As for `Node`.
        """
        super().__init__(kind, **options)
        self.announced = announced

    def _take_port(self) -> None:
        super()._take_port()
        self.bus_port = free_port()

    def _settings(self) -> dict[str, Setting]:
        return super()._settings() | {
            "cluster-enabled": "yes",
            "cluster-port": self.bus_port,
            "cluster-announce-bus-port": self.announced,
        }

    def start(self) -> Self:
        """Start the process and wait until it answers."""
        super().start()
        self.id = self.ask("CLUSTER", "MYID").decode()
        return self

    def view(self) -> View:
        """Return how it sees the Cluster."""
        return dict(map(_seen, self.ask("CLUSTER", "NODES").decode().splitlines()))

    def state(self) -> str:
        """Return `ok` where it serves its slots, else `fail`."""
        return self.told("CLUSTER", "INFO")["cluster_state"]


def _seen(line: str) -> tuple[str, Seen]:
    """Return the id and the state in one line of CLUSTER NODES."""
    name, _, flags, follows, _, _, _, _, *owned = line.split()
    slots: set[int] = set()
    moving: set[int] = set()
    for one in owned:
        if one.startswith("["):
            moving.add(int(one[1:].split("-", 1)[0]))
        else:
            first, _, last = one.partition("-")
            slots.update(range(int(first), int(last or first) + 1))
    return name, Seen(
        flags=frozenset(flags.split(",")),
        follows="" if follows == "-" else follows,
        slots=frozenset(slots),
        moving=frozenset(moving),
    )
