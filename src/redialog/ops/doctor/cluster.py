"""The health of a Cluster, as its primaries see it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import msgspec

from redialog.diagnosis import Fact, Finding, counted, listed
from redialog.ops.doctor.facts import Node, Unknown

SLOTS = 16384
FEWEST_PRIMARIES = 3

_RANGE = re.compile(r"(\d+)(?:-(\d+))?")
_OPEN = re.compile(r"\[(\d+)-([<>])-\w+\]")
_BAD = ("fail", "fail?", "noaddr", "handshake")


class Member(msgspec.Struct, frozen=True):
    """A node, as one of them sees it.

    Attributes:
        name: its id.
        address: of its clients.
        flags: such as ``master`` and ``fail?``.
        primary: the id of its primary; ``-`` for a primary.
        linked: whether the two are connected.
        slots: how many it has.
        open: slots that are on their way to or from it; told only of itself.
    """

    name: str
    address: str
    flags: frozenset[str]
    primary: str
    linked: bool
    slots: int
    open: tuple[int, ...]

    @property
    def failing(self) -> bool:
        """Whether it is thought to be gone."""
        return not self.flags.isdisjoint(_BAD)


def member(line: str) -> Member:
    """A line of ``CLUSTER NODES``.

    Raises:
        ValueError: it is none.
    """
    name, address, flags, primary, _, _, _, link, *slots = line.split()
    ranges = [found for item in slots if (found := _RANGE.fullmatch(item))]
    return Member(
        name,
        address.partition("@")[0],
        frozenset(flags.split(",")),
        primary,
        link == "connected",
        sum(int(one[2] or one[1]) - int(one[1]) + 1 for one in ranges),
        tuple(int(found[1]) for item in slots if (found := _OPEN.fullmatch(item))),
    )


def health(nodes: Sequence[Node]) -> list[Finding]:
    """Whether all slots are served, and would be after the loss of a node.

    Args:
        nodes: what each primary answered.
    """
    views: list[list[Member]] = []
    for node in nodes:
        if not isinstance(node.nodes, Unknown):
            try:
                views.append([member(line) for line in node.nodes if line.strip()])
            except ValueError:
                continue
    if not views:
        refused = (node.nodes.why for node in nodes if isinstance(node.nodes, Unknown))
        why = next(refused, "the answer to CLUSTER NODES is not one of Redis")
        return [Finding("cluster", "not_checked", why)]
    # Most nodes see the same; whoever was cut off sees fewer.
    view = max(views, key=lambda members: sum(not one.failing for one in members))
    found = [*_states(nodes), *_slots(view), *_failing(view), *_copies(view), *_moving(views)]
    if not found:
        owners = sum(1 for one in view if one.slots)
        facts: dict[str, Fact] = {"nodes": len(view), "primaries": owners}
        text = f"{len(view)} nodes, {owners} of them primaries, serve all slots"
        found.append(Finding("cluster", "ok", text, facts=facts))
    return found


def _states(nodes: Sequence[Node]) -> Iterator[Finding]:
    down = tuple(
        node.address
        for node in nodes
        if not isinstance(node.cluster, Unknown) and node.cluster.get("cluster_state") == "fail"
    )
    if down:
        text = "the Cluster is down (cluster_state:fail): reads and writes are refused"
        all_of_them = len(down) == len(nodes)
        advice = "bring back the nodes that are missing, or assign their slots to others"
        yield Finding("cluster", "error", text, advice, nodes=() if all_of_them else down)


def _slots(view: Sequence[Member]) -> Iterator[Finding]:
    served = sum(one.slots for one in view if not one.flags & {"fail"})
    missing = SLOTS - sum(one.slots for one in view)
    facts: dict[str, Fact] = {"slots": served}
    if missing > 0:
        yield Finding(
            "cluster",
            "error",
            f"{missing:,} of {SLOTS:,} slots belong to no node: their sessions cannot be reached",
            "assign them: redis-cli --cluster fix HOST:PORT",
            facts=facts,
        )
    dead = SLOTS - served - max(missing, 0)
    if dead > 0:
        yield Finding(
            "cluster",
            "error",
            f"{dead:,} of {SLOTS:,} slots belong to nodes that have failed",
            "bring them back, or promote replicas of theirs",
            facts=facts,
        )


def _failing(view: Sequence[Member]) -> Iterator[Finding]:
    failing = tuple(one.address for one in view if one.failing)
    if failing:
        yield Finding(
            "cluster",
            "warning",
            f"{counted(len(failing), 'node')} of {len(view)} cannot be reached by the others",
            "bring back what is gone, or take it out with CLUSTER FORGET",
            nodes=failing,
        )


def _copies(view: Sequence[Member]) -> Iterator[Finding]:
    """Whether each primary has a replica, and a majority is left when one is lost."""
    copied = {one.primary for one in view if not one.failing and one.linked}
    owners = [one for one in view if one.slots and not one.failing]
    alone = tuple(one.address for one in owners if one.name not in copied)
    if alone:
        yield Finding(
            "cluster",
            "warning",
            "a primary without a replica: when it is lost, so are its conversations",
            "add one, on another machine",
            nodes=alone,
        )
    primaries = [one for one in view if one.slots]
    if len(primaries) < FEWEST_PRIMARIES:
        count = "1 primary" if len(primaries) == 1 else f"{len(primaries)} primaries"
        yield Finding(
            "cluster",
            "warning",
            f"there is no failover with {count}: no majority is left when one is lost",
            "run at least three",
        )


def _moving(views: Sequence[Sequence[Member]]) -> Iterator[Finding]:
    slots = sorted({slot for view in views for one in view for slot in one.open})
    if slots:
        yield Finding(
            "cluster",
            "warning",
            f"{counted(len(slots), 'slot')} on the way to another node: "
            f"{listed([str(slot) for slot in slots])}",
            "where nobody is resharding, finish it: redis-cli --cluster fix HOST:PORT",
            facts={"slots": tuple(map(str, slots[:100]))},
        )
