"""A primary, its replicas and their sentinels, and what befalls them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import redis

from faults.grounds import NOBODY, Scene, Sight, Topology
from tests.support.servers import SentinelGroup, wait_until
from tests.support.servers.deployment import Node

MOMENT_S = 0.01
LONG_S = 60.0


class Sentinels:
    """Three sentinels, a primary and two replicas.

    Attributes:
        group: the processes.
    """

    topology: Topology = "Sentinel"

    def __init__(self, group: SentinelGroup) -> None:
        self.group = group

    def url(self, *, proxied: bool) -> str:
        """As `faults.grounds.Ground.url`."""
        assert not proxied
        return self.group.url

    def ids(self, namespace: str, names: Sequence[str]) -> dict[str, str]:
        """As `faults.grounds.Ground.ids`."""
        return {name: f"{namespace} {name}" for name in names}

    def primaries(self) -> list[redis.Redis]:
        """As `faults.grounds.Ground.primaries`."""
        return [self.group.primary().client()]

    def look(self) -> Sight:
        """As `faults.grounds.Ground.look`."""
        try:
            primary = self.group.primary()
        except LookupError:
            return NOBODY
        return sight(primary, settled=self._agreed(primary))

    def _agreed(self, primary: Node) -> bool:
        """Whether all sentinels name it, and have nothing against it nor a failover under way."""
        sentinels = self.group.sentinels
        return all((one.named(), one.flags()) == (primary.address, "master") for one in sentinels)

    def configure(self, settings: Mapping[str, str | int]) -> None:
        """As `faults.grounds.Ground.configure`."""
        for server in self.group.servers:
            for name, value in settings.items():
                server.ask("CONFIG", "SET", name, value)

    def clear(self) -> None:
        """As `faults.grounds.Ground.clear`."""
        self.group.emptied()


def sight(primary: Node, *, settled: bool) -> Sight:
    """Who is named as the primary, if it is one.

    Args:
        primary: who.
        settled: whether all agree about it.
    """
    try:
        info = primary.info() if primary.answers else {}
    except redis.RedisError:
        info = {}
    if info.get("role") != "master":
        return NOBODY
    copies = [value for name, value in info.items() if name.startswith("slave")]
    return Sight(primary.address, settled and any("state=online" in one for one in copies))


def _settle(scene: Scene) -> None:
    """Lets the writers write until everybody has found his place again, or for a while."""
    if scene.short:
        scene.stay(2.0)
    else:
        scene.ground.group.wait_whole()
        scene.stay(1.0)


def _agreed(group: SentinelGroup, flag: str) -> Callable[[], bool]:
    """Whether a sentinel says so of the primary."""
    return lambda: any(flag in sentinel.flags() for sentinel in group.sentinels)


def _promoted(group: SentinelGroup, old: Node) -> Callable[[], bool]:
    """Whether a replica was promoted, of which the sentinels need not have told anybody yet."""
    others = [server for server in group.servers if server is not old]
    return lambda: any(server.info()["role"] == "master" for server in others)


def _wait(condition: Callable[[], bool], what: str) -> None:
    wait_until(condition, what=what, timeout=LONG_S, every=MOMENT_S)


def killed(scene: Scene) -> None:
    """The primary ends with SIGKILL, and is back after the failover."""
    group = scene.ground.group
    old = group.primary()
    scene.strike()
    group.kill(old)
    group.wait_new_primary(old)
    scene.stay(1.0)
    if not scene.short:
        group.restart(old)
    _settle(scene)


def killed_while_one_lags(scene: Scene) -> None:
    """The primary ends with SIGKILL while one of its replicas has not had the last second."""
    group = scene.ground.group
    old, lagging = group.primary(), group.replicas()[0]
    [_, password] = lagging.ask("CONFIG", "GET", "masterauth")
    lagging.ask("CONFIG", "SET", "masterauth", "wrong")
    lagging.ask("CLIENT", "KILL", "TYPE", "master")
    scene.stay(1.0)
    scene.strike()
    group.kill(old)
    group.wait_new_primary(old)
    lagging.ask("CONFIG", "SET", "masterauth", password)
    scene.stay(1.0)
    group.restart(old)
    _settle(scene)


def stalled(scene: Scene) -> None:
    """The primary is frozen, and goes on after the failover with what it was sent before."""
    group = scene.ground.group
    old = group.primary()
    scene.strike()
    group.stall(old)
    group.wait_new_primary(old)
    scene.stay(1.0)
    group.resume(old)
    _settle(scene)


def stalled_for_a_moment(scene: Scene) -> None:
    """The primary is frozen, and goes on when the failover has begun."""
    group = scene.ground.group
    old = group.primary()
    scene.strike()
    group.stall(old)
    _wait(_agreed(group, "failover_in_progress"), "a failover")
    group.resume(old)
    # Or it stays the primary: a failover that has no leader yet is given up.
    _settle(scene)


def cut_off(scene: Scene) -> None:
    """The primary loses sentinels and replicas but not its clients, until after the failover."""
    group = scene.ground.group
    old = group.primary()
    scene.strike()
    group.cut_off(old)
    group.wait_new_primary(old)
    scene.stay(1.0)
    group.heal(old)
    _settle(scene)


def cut_off_for_a_moment(scene: Scene) -> None:
    """The same, until the failover has begun."""
    group = scene.ground.group
    old = group.primary()
    scene.strike()
    group.cut_off(old)
    _wait(_agreed(group, "failover_in_progress"), "a failover")
    group.heal(old)
    # Or it stays the primary: a failover that has no leader yet is given up.
    _settle(scene)


def restarted(scene: Scene) -> None:
    """The primary ends with SIGKILL and is back at once."""
    group = scene.ground.group
    old = group.primary()
    scene.strike()
    group.restart(old)
    _settle(scene)


def restarted_when_down(scene: Scene) -> None:
    """The primary ends with SIGKILL and is back when the sentinels have agreed that it is down."""
    _restarted_at(scene, lambda group, _: _agreed(group, "o_down"))


def restarted_in_failover(scene: Scene) -> None:
    """The primary ends with SIGKILL and is back when its failover has begun."""
    _restarted_at(scene, lambda group, _: _agreed(group, "failover_in_progress"))


def restarted_when_replaced(scene: Scene) -> None:
    """The primary ends with SIGKILL and is back just when a replica was promoted."""
    _restarted_at(scene, _promoted)


def _restarted_at(
    scene: Scene, moment: Callable[[SentinelGroup, Node], Callable[[], bool]]
) -> None:
    group = scene.ground.group
    old = group.primary()
    scene.strike()
    group.kill(old)
    _wait(moment(group, old), "the moment for a restart")
    group.restart(old)
    _settle(scene)


def asked(scene: Scene) -> None:
    """SENTINEL FAILOVER: the primary is well and is told nothing before it is replaced."""
    group = scene.ground.group
    old = group.primary()
    scene.strike()
    group.failover()
    group.wait_new_primary(old)
    _settle(scene)
