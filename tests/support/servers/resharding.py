"""How a slot of a Cluster moves from one primary to another, step by step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.servers.shards import Shards

if TYPE_CHECKING:
    from tests.support.servers.cluster_node import ClusterNode

MIGRATE_TIMEOUT_MS = 5000
_KEYS_AT_ONCE = 100


class Resharding(Shards):
    """Moves slots as a resharding tool does, and lets a test look between the steps.

    group.begin_move(slot, target)
    group.move_keys(slot, count=1)  # the source has some of the keys, the target the others
    group.move_keys(slot)
    group.end_move(slot)
    """

    def __init__(self, username: str | None, password: str | None, *, shards: int) -> None:
        """As for `Shards`."""
        super().__init__(username, password, shards=shards)
        self._moves: dict[int, tuple[ClusterNode, ClusterNode]] = {}

    def begin_move(self, slot: int, target: ClusterNode) -> None:
        """Open a slot: its owner answers ASK for keys that it has not, the target takes those.

        Args:
            slot: Which.
            target: Another primary.
        """
        source = self.owner(slot)
        target.ask("CLUSTER", "SETSLOT", slot, "IMPORTING", source.id)
        source.ask("CLUSTER", "SETSLOT", slot, "MIGRATING", target.id)
        self._moves[slot] = (source, target)

    def move_keys(self, slot: int, count: int | None = None) -> int:
        """Move keys of a slot that is open, whole key by whole key.

        Args:
            slot: Which.
            count: How many keys; None: all there are, until none is left.

        Returns:
            How many were moved.
        """
        source, target = self._moves[slot]
        login = (
            [] if self.password is None else ["AUTH2", self.username or "default", self.password]
        )
        moved = 0
        while count is None or moved < count:
            most = _KEYS_AT_ONCE if count is None else min(count - moved, _KEYS_AT_ONCE)
            keys = source.ask("CLUSTER", "GETKEYSINSLOT", slot, most)
            if not keys:
                break
            source.ask(
                *("MIGRATE", target.host, target.port, "", 0, MIGRATE_TIMEOUT_MS),
                *login,
                *("KEYS", *keys),
            )
            moved += len(keys)
        return moved

    def end_move(self, slot: int) -> None:
        """Give an open slot to its target, and tell the source and the other primaries.

        The source refuses while it has keys of the slot.
        """
        source, target = self._moves[slot]
        # The target first: were the source first and nobody else, the slot would be nobody's.
        nodes = [target, source, *(n for n in self.primaries() if n not in (source, target))]
        for node in nodes:
            node.ask("CLUSTER", "SETSLOT", slot, "NODE", target.id)
        del self._moves[slot]

    def move_slot(self, slot: int, target: ClusterNode) -> None:
        """Move a slot with all its keys; commands for them work all the time.

        Args:
            slot: Which.
            target: Another primary.
        """
        self.begin_move(slot, target)
        self.move_keys(slot)
        self.end_move(slot)
