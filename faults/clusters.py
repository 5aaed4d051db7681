"""A Cluster, and what befalls the primary that has most of the sessions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import count, cycle

import redis

from faults.crews import SHARED
from faults.grounds import NOBODY, Scene, Sight, Topology
from faults.sentinels import LONG_S, MOMENT_S, sight
from redialog.keys import OwnLayout, slot
from tests.support.servers import ClusterGroup, wait_until
from tests.support.servers.cluster_node import ClusterNode


class Clusters:
    """Three primaries with a replica each.

    Attributes:
        group: the processes.
        used: the slots of the sessions.
    """

    topology: Topology = "Cluster"

    def __init__(self, group: ClusterGroup) -> None:
        self.group = group
        self.used: list[int] = []

    def url(self, *, proxied: bool) -> str:
        """As `faults.grounds.Ground.url`."""
        assert not proxied
        return self.group.url

    def ids(self, namespace: str, names: Sequence[str]) -> dict[str, str]:
        """As `faults.grounds.Ground.ids`: all but each third lie at one primary."""
        group, layout = self.group, OwnLayout(namespace)
        victim = self.victim() if self.used else group.primaries()[0]
        owned = victim.view()[victim.id].slots
        found = {}
        for name in names:
            near = not name.endswith("0")
            found[name] = next(
                session
                for session in (f"{namespace} {name} {number}" for number in count())
                if (slot(layout.session(session).log) in owned) == near
            )
            number = slot(layout.session(found[name]).log)
            if name == SHARED:
                self.used.insert(0, number)
            else:
                self.used.append(number)
        return found

    def victim(self) -> ClusterNode:
        """The primary of most sessions."""
        return self.group.owner(self.used[0])

    def primaries(self) -> list[redis.Redis]:
        """As `faults.grounds.Ground.primaries`."""
        return [node.client() for node in self.group.primaries()]

    def look(self) -> Sight:
        """As `faults.grounds.Ground.look`."""
        try:
            primary = self.victim()
            if primary.answers and primary.state() == "ok":
                return sight(primary, settled=self._agreed(primary))
        except (LookupError, redis.RedisError):
            pass
        return NOBODY

    def _agreed(self, primary: ClusterNode) -> bool:
        """Whether all nodes that answer see it as a primary that is well."""
        seen = [node.view()[primary.id].flags for node in self.group.nodes if node.answers]
        return all(flags - {"myself"} == {"master"} for flags in seen)

    def configure(self, settings: Mapping[str, str | int]) -> None:
        """As `faults.grounds.Ground.configure`."""
        for node in self.group.nodes:
            for name, value in settings.items():
                node.ask("CONFIG", "SET", name, value)

    def clear(self) -> None:
        """As `faults.grounds.Ground.clear`."""
        self.group.emptied()
        self.used.clear()


def _settle(scene: Scene) -> None:
    scene.ground.group.wait_ok()
    scene.stay(1.0)


def killed(scene: Scene) -> None:
    """A primary ends with SIGKILL, and is back after the failover."""
    group, old = scene.ground.group, scene.ground.victim()
    scene.strike()
    group.kill(old)
    group.wait_new_primary(old)
    scene.stay(1.0)
    group.restart(old)
    _settle(scene)


def stalled(scene: Scene) -> None:
    """A primary is frozen, and goes on after the failover with what it was sent before."""
    group, old = scene.ground.group, scene.ground.victim()
    scene.strike()
    group.stall(old)
    group.wait_new_primary(old)
    scene.stay(1.0)
    group.resume(old)
    _settle(scene)


def cut_off(scene: Scene) -> None:
    """A primary loses the other nodes but not its clients, until after the failover."""
    group, old = scene.ground.group, scene.ground.victim()
    scene.strike()
    group.cut_off(old)
    group.wait_new_primary(old)
    scene.stay(1.0)
    group.heal(old)
    _settle(scene)


def _held_for_dead(group: ClusterGroup, old: ClusterNode) -> None:
    """Waits until the nodes have agreed that one of them is down."""
    others = [node for node in group.nodes if node is not old]
    wait_until(
        lambda: any("fail" in node.view()[old.id].flags for node in others),
        what="the moment of the failover",
        timeout=LONG_S,
        every=MOMENT_S,
    )


def stalled_for_a_moment(scene: Scene) -> None:
    """A primary is frozen, and goes on when its failover begins."""
    group, old = scene.ground.group, scene.ground.victim()
    scene.strike()
    group.stall(old)
    _held_for_dead(group, old)
    group.resume(old)
    _settle(scene)


def cut_off_for_a_moment(scene: Scene) -> None:
    """A primary loses the other nodes, until its failover begins."""
    group, old = scene.ground.group, scene.ground.victim()
    scene.strike()
    group.cut_off(old)
    _held_for_dead(group, old)
    group.heal(old)
    _settle(scene)


def restarted_when_down(scene: Scene) -> None:
    """A primary ends with SIGKILL, and is back when its failover begins."""
    group, old = scene.ground.group, scene.ground.victim()
    scene.strike()
    group.kill(old)
    _held_for_dead(group, old)
    group.restart(old)
    _settle(scene)


def restarted(scene: Scene) -> None:
    """A primary ends with SIGKILL and is back at once."""
    group, old = scene.ground.group, scene.ground.victim()
    scene.strike()
    group.restart(old)
    _settle(scene)


def asked(scene: Scene) -> None:
    """CLUSTER FAILOVER: the primary is well, and waits until its replica has everything."""
    group, old = scene.ground.group, scene.ground.victim()
    scene.strike()
    group.failover(old)
    _settle(scene)


def resharded(scene: Scene) -> None:
    """The slots of all sessions move from primary to primary, with their keys."""
    group = scene.ground.group
    primaries = cycle(group.primaries())
    scene.strike()
    for _ in range(1 if scene.short else 2):
        for number in dict.fromkeys(scene.ground.used):
            target = next(primaries)
            if group.owner(number) is target:
                target = next(primaries)
            group.move_slot(number, target)
    scene.stay(1.0)
