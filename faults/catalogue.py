"""All faults."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import TypeAlias

import msgspec

from faults import clusters, one_server, sentinels
from faults.clusters import Clusters
from faults.grounds import Ground, Scene, Topology
from faults.one_server import OneServer
from faults.sentinels import Sentinels
from tests.support.proxy import FaultProxy
from tests.support.servers import ClusterGroup, SentinelGroup, Server


class Fault(msgspec.Struct, frozen=True):
    """Something that befalls a store.

    Attributes:
        name: for the table.
        topology: where.
        strike: does it; returns when the store is whole, or as whole as it must be to be read.
        window: whether an acknowledged write can be lost by it: the primary goes on taking writes
            that no replica will ever have, or ends before its replicas have what it took.
        proxied: whether writers reach the store through a proxy; with a reply timeout of 1 s, so
            that it does not take minutes.
        settings: of the servers while it lasts, and what they are set back to afterwards.
        only_acknowledged: whether it is about that durability alone.
    """

    name: str
    topology: Topology
    strike: Callable[[Scene], None]
    window: bool = False
    proxied: bool = False
    settings: Mapping[str, tuple[str | int, str | int]] = {}
    only_acknowledged: bool = False

    @property
    def watched(self) -> bool:
        """Whether somebody must look when the store is back."""
        return self.topology != "one server" and self.strike is not clusters.resharded


SHRUNK: dict[str, tuple[str | int, str | int]] = {
    "min-replicas-to-write": (1, 0),
    "min-replicas-max-lag": (1, 10),
}
SHRUNK_NAME = "min-replicas-to-write 1, min-replicas-max-lag 1"

FAULTS = (
    Fault("kill -9, restart", "one server", one_server.killed),
    Fault("SIGSTOP, SIGCONT", "one server", one_server.stalled),
    Fault("CLIENT KILL, again and again", "one server", one_server.connections_killed),
    Fault("SCRIPT FLUSH, again and again", "one server", one_server.scripts_flushed),
    Fault("OOM, again and again", "one server", one_server.memory_full),
    Fault("reply cut", "one server", one_server.replies_cut, proxied=True),
    Fault("all replies cut for 0.7 s", "one server", one_server.replies_cut_for_long, proxied=True),
    Fault(
        "reply cut and SCRIPT FLUSH",
        "one server",
        one_server.replies_cut_scripts_flushed,
        proxied=True,
    ),
    Fault("request dropped", "one server", one_server.requests_dropped, proxied=True),
    Fault("replies delayed beyond the timeout", "one server", one_server.delayed, proxied=True),
    Fault("half-open connections", "one server", one_server.half_open, proxied=True),
    Fault("primary killed", "Sentinel", sentinels.killed, window=True),
    Fault("killed while a replica lags", "Sentinel", sentinels.killed_while_one_lags, window=True),
    Fault("stalled, resumed after the failover", "Sentinel", sentinels.stalled, window=True),
    Fault(
        "stalled, resumed in mid-failover", "Sentinel", sentinels.stalled_for_a_moment, window=True
    ),
    Fault("cut off, healed after the failover", "Sentinel", sentinels.cut_off, window=True),
    Fault(
        "cut off, healed in mid-failover", "Sentinel", sentinels.cut_off_for_a_moment, window=True
    ),
    Fault("killed, back at once", "Sentinel", sentinels.restarted, window=True),
    Fault("killed, back when it is down", "Sentinel", sentinels.restarted_when_down, window=True),
    Fault("killed, back in mid-failover", "Sentinel", sentinels.restarted_in_failover, window=True),
    Fault(
        "killed, back when a replica was promoted",
        "Sentinel",
        sentinels.restarted_when_replaced,
        window=True,
    ),
    Fault("SENTINEL FAILOVER", "Sentinel", sentinels.asked, window=True),
    Fault(
        f"cut off, with {SHRUNK_NAME}",
        "Sentinel",
        sentinels.cut_off,
        window=True,
        settings=SHRUNK,
        only_acknowledged=True,
    ),
    Fault(
        f"stalled, resumed in mid-failover, with {SHRUNK_NAME}",
        "Sentinel",
        sentinels.stalled_for_a_moment,
        window=True,
        settings=SHRUNK,
        only_acknowledged=True,
    ),
    Fault("primary killed", "Cluster", clusters.killed, window=True),
    Fault("stalled, resumed after the failover", "Cluster", clusters.stalled, window=True),
    Fault(
        "stalled, resumed in mid-failover", "Cluster", clusters.stalled_for_a_moment, window=True
    ),
    Fault("cut off, healed after the failover", "Cluster", clusters.cut_off, window=True),
    Fault("cut off, healed in mid-failover", "Cluster", clusters.cut_off_for_a_moment, window=True),
    Fault("killed, back at once", "Cluster", clusters.restarted, window=True),
    Fault("killed, back in mid-failover", "Cluster", clusters.restarted_when_down, window=True),
    Fault("CLUSTER FAILOVER", "Cluster", clusters.asked),
    Fault("resharding under load", "Cluster", clusters.resharded),
    Fault(
        f"cut off, with {SHRUNK_NAME}",
        "Cluster",
        clusters.cut_off,
        window=True,
        settings=SHRUNK,
        only_acknowledged=True,
    ),
)

Grounds: TypeAlias = Callable[[Topology], Ground]


@contextmanager
def grounds() -> Iterator[Grounds]:
    """Stores that are started when they are first asked for; one at a time runs."""
    with ExitStack() as stack:
        running: dict[Topology, Ground] = {}

        def get(topology: Topology) -> Ground:
            if topology not in running:
                stack.pop_all().close()
                running.clear()
                running[topology] = _started(topology, stack)
            return running[topology]

        yield get


def _started(topology: Topology, stack: ExitStack) -> Ground:
    # Whoever is cut off must have had a password; a node that is restarted must have its data.
    if topology == "one server":
        server = stack.enter_context(Server("redis", appendonly=True))
        return OneServer(server, stack.enter_context(FaultProxy(server.host, server.port)))
    if topology == "Sentinel":
        return Sentinels(
            stack.enter_context(SentinelGroup(password="s:p@ce/#?%é", appendonly=True))
        )
    return Clusters(stack.enter_context(ClusterGroup(password="c:p@ce/#?%é", appendonly=True)))
