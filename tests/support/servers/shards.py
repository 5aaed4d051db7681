"""Which node of a Cluster is the primary of what, in the opinion of most nodes."""

from __future__ import annotations

import contextlib
from collections import Counter
from typing import TYPE_CHECKING

import redis
from redis.crc import key_slot

from tests.support.servers.cluster_node import ClusterNode, View
from tests.support.servers.deployment import WHOLE_TIMEOUT_S, Deployment
from tests.support.servers.replicas import wait_in_sync

if TYPE_CHECKING:
    from tests.support.servers.server import Server

SLOTS = 16384


class Shards(Deployment):
    """The shards of a Cluster: a primary and its replicas each.

    Who in a shard is the primary changes, who belongs to it does not (replicas do not migrate to
    other shards).

    Attributes:
        nodes: All processes, the first primaries first.
    """

    def __init__(self, username: str | None, password: str | None, *, shards: int) -> None:
        """Prepare without nodes.

        Args:
            username: Of clients.
            password: Of clients.
            shards: How many.
        """
        super().__init__(username, password)
        self.nodes: list[ClusterNode] = []
        self._shards = shards

    def shard(self, server: Server) -> list[ClusterNode]:
        """A node and those that share its slots, in whatever state and role."""
        assert isinstance(server, ClusterNode)
        number = self.nodes.index(server) % self._shards
        return self.nodes[number :: self._shards]

    def primaries(self) -> list[ClusterNode]:
        """The primary of each shard in the opinion of most nodes."""
        views = self._views()
        return [self._primary(self.shard(node), views) for node in self.nodes[: self._shards]]

    def primary_of(self, key: bytes) -> ClusterNode:
        """The node that owns a key's slot in the opinion of most nodes."""
        return self.owner(key_slot(key))

    def owner(self, slot: int) -> ClusterNode:
        """The node that owns a slot in the opinion of most nodes.

        Raises:
            LookupError: Nobody does.
        """
        return _most([n for view in self._views() for n in self.nodes if slot in view[n.id].slots])

    def replica_of(self, server: Server) -> ClusterNode:
        """Another node of its shard; the only replica, unless there are more."""
        return next(node for node in self.shard(server) if node is not server)

    def _primary(self, shard: list[ClusterNode], views: list[View]) -> ClusterNode:
        return _most([node for view in views for node in shard if view[node.id].slots])

    def _views(self) -> list[View]:
        """How the nodes that answer see the Cluster."""
        views = []
        for node in self.nodes:
            if node.answers:
                with contextlib.suppress(redis.ConnectionError, redis.TimeoutError):
                    views.append(node.view())
        return views

    # Waiting

    def _unmet(self) -> str:
        everybody = {node.id for node in self.nodes}
        for node in self.nodes:
            known = node.view()
            if set(known) != everybody or not all(seen.well for seen in known.values()):
                return f"{node!r} knows {len(known)} nodes"
        return ""

    def wait_new_primary(self, old: Server, timeout: float = WHOLE_TIMEOUT_S) -> ClusterNode:
        """Wait until most nodes know another primary of the shard than `old`, and it takes writes.

        Returns:
            The new primary.

        Raises:
            TimeoutError: Not in time.
        """
        shard = self.shard(old)

        def replaced() -> str:
            new = self._primary(shard, self._views())
            if new is old:
                return "it still owns its slots"
            return "" if new.state() == "ok" else f"{new!r} does not take over yet"

        self._wait(replaced, what=f"{old!r} replaced", timeout=timeout)
        return self._primary(shard, self._views())

    def wait_ok(self, timeout: float = WHOLE_TIMEOUT_S) -> None:
        """Wait until all nodes are up and agree about all of them, and all replicas are in sync.

        Raises:
            TimeoutError: Not in time; it names what was missing.
        """
        self._wait(self._missing, what="the Cluster ok", timeout=timeout)
        for primary in self.primaries():
            for node in self.shard(primary):
                if node is not primary:
                    wait_in_sync(primary, node, timeout=timeout)

    def _missing(self) -> str:
        silent = [node for node in self.nodes if not node.answers]
        if silent:
            return f"down: {silent}"
        if self._cut:
            return f"cut off: {self._cut}"
        primaries = self.primaries()
        follows = {node.id: primary.id for primary in primaries for node in self.shard(primary)}
        first = _owned(self.nodes[0].view())
        if sum(map(len, first.values())) != SLOTS:
            return "not all slots have an owner"
        for node in self.nodes:
            unaware = self._unaware(node, follows)
            if unaware or _owned(node.view()) != first:
                return f"{node!r}: {unaware or 'it sees other owners of slots'}"
            if node not in primaries and node.info()["master_link_status"] != "up":
                return f"{node!r} is not in sync"
        return ""

    def _unaware(self, node: ClusterNode, follows: dict[str, str]) -> str:
        """Return what a node sees otherwise than it is, or nothing."""
        view = node.view()
        if set(view) != set(follows) or not all(seen.well for seen in view.values()):
            return str({name: sorted(seen.flags) for name, seen in view.items()})
        if {name: seen.follows or name for name, seen in view.items()} != follows:
            return "it sees other roles"
        return "" if node.state() == "ok" else "to it the Cluster has failed"

    # Use by several tests

    def flush(self) -> None:
        """Remove all keys from all primaries and from those that follow them."""
        for primary in self.primaries():
            primary.flush()
            for node in self.shard(primary):
                if node is not primary:
                    wait_in_sync(primary, node)


def _most(named: list[ClusterNode]) -> ClusterNode:
    if not named:
        msg = "no node that answers knows an owner"
        raise LookupError(msg)
    return Counter(named).most_common(1)[0][0]


def _owned(view: View) -> dict[str, frozenset[int]]:
    return {name: seen.slots for name, seen in view.items()}
