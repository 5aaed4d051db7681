"""A Cluster: primaries that share the slots, each with its replicas."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Self

import redis
from redis.backoff import NoBackoff
from redis.cluster import ClusterNode as Address
from redis.retry import Retry

from tests.support.servers.bus import Bus
from tests.support.servers.cluster_node import ClusterNode
from tests.support.servers.deployment import REPLICATION, WHOLE_TIMEOUT_S, login
from tests.support.servers.logins import Partition, Peers, client_users
from tests.support.servers.resharding import Resharding
from tests.support.servers.shards import SLOTS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.support.servers.server import Server
    from tests.support.servers.settings import Setting

MANUAL_FAILOVER_S = 5.5
"""After which a replica that was told to take over has given up."""


class ClusterGroup(Resharding):
    """Three primaries and a replica of each, on free ports of 127.0.0.1.

        with ClusterGroup() as group, group.client() as client:
            old = group.primary_of(b"key")
            group.kill(old)
            new = group.wait_new_primary(old)

    With a password, the nodes log in at each other as users of their own, which is what `cut_off`
    takes away besides their bus; clients are another user and notice nothing.

    How long things take here (timeout 1.5 s): a failover 2 to 4 s; an old primary that is back is a
    replica at once; a primary that is cut off refuses writes after the timeout.
    """

    def __init__(
        self,
        kind: str = "redis",
        *,
        primaries: int = 3,
        replicas: int = 1,
        username: str | None = None,
        password: str | None = None,
        node_timeout_ms: int = 1500,
        full_coverage: bool = True,
        appendonly: bool = False,
        config: Mapping[str, Setting] | None = None,
    ) -> None:
        """Prepare a Cluster; `with` runs it and waits until it is whole.

        Args:
            kind: As for `find_server`.
            primaries: How many; three are needed for a failover.
            replicas: How many for each primary.
            username: Of clients; the default user is off then.
            password: Of clients.
            node_timeout_ms: After which silence a node counts as down.
            full_coverage: Refuse every command while a slot has no primary
                (`cluster-require-full-coverage`).
            appendonly: Keep the data in append-only files. Without, a primary that is restarted
                before it is replaced is empty, and soon its replicas too.
            config: More settings of the nodes.
        """
        super().__init__(username, password, shards=primaries)
        self.kind = kind
        self._replicas = replicas
        self._appendonly = appendonly
        self._bus: Bus | None = None
        self._peers = Peers(primaries * (1 + replicas), watched=False)
        self._partition = Partition(self._peers, self.nodes)
        self._config: dict[str, Setting] = {
            **REPLICATION,
            "cluster-node-timeout": node_timeout_ms,
            "cluster-require-full-coverage": "yes" if full_coverage else "no",
            # A replica may take over however long it has heard nothing from its primary.
            "cluster-replica-validity-factor": 0,
            "cluster-allow-replica-migration": "no",
            **(config or {}),
        }

    # How it is made

    def _form(self) -> None:
        primaries = self._shards
        self._bus = Bus()
        for number in range(primaries * (1 + self._replicas)):
            node = ClusterNode(
                self.kind,
                username=self.username,
                password=self.password,
                config=self._config | self._logins(number),
                appendonly=self._appendonly,
                announced=self._bus.listen(),
            )
            self._add(node)
            self.nodes.append(node)
            self._bus.lead(node.announced, node.bus_port, node.id)
        self._share()
        self._wait(self._unmet, what="all nodes known to all", timeout=WHOLE_TIMEOUT_S)
        for number, node in enumerate(self.nodes[primaries:]):
            node.ask("CLUSTER", "REPLICATE", self.nodes[number % primaries].id)
        self.wait_ok()

    def _logins(self, number: int) -> dict[str, Setting]:
        if self.password is None:
            return {}
        users = [*client_users(self.username, self.password), *self._peers.users()]
        return {"user": users, **self._peers.of_server(number)}

    def _share(self) -> None:
        """Give the slots to the first nodes, and introduce all to all."""
        primaries = self._shards
        bounds = [SLOTS * number // primaries for number in range(primaries + 1)]
        for number, node in enumerate(self.nodes):
            # Else all have the same, and settle one after the other who keeps it.
            node.ask("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
            if number < primaries:
                node.ask("CLUSTER", "ADDSLOTSRANGE", bounds[number], bounds[number + 1] - 1)
            for other in self.nodes[:number]:
                node.ask("CLUSTER", "MEET", other.host, other.port, other.announced)

    def close(self) -> None:
        """End every process and remove what it left; twice is fine."""
        super().close()
        if self._bus is not None:
            self._bus.close()

    # What it is now

    @property
    def url(self) -> str:
        """The address of all nodes, with the password if there is one."""
        hosts = ",".join(node.address for node in self.nodes)
        return f"redis+cluster://{login(self.username, self.password)}{hosts}"

    def client(self) -> redis.RedisCluster:
        """Return a client that answers in bytes and tries nothing again; close it after use.

        It does follow MOVED and ASK.
        """
        return redis.RedisCluster(
            startup_nodes=[Address(node.host, node.port) for node in self.nodes],  # type: ignore[no-untyped-call]
            username=self.username,
            password=self.password,
            retry=Retry(NoBackoff(), 0),
        )

    # What befalls it

    def _enforce(self) -> None:
        assert self._bus is not None
        self._bus.part(node.id for node in self.nodes if node in self._cut)
        self._partition.enforce(self._cut)

    def failover(self, primary: Server, timeout: float = WHOLE_TIMEOUT_S) -> ClusterNode:
        """Have a primary replaced by its replica although it is well, losing nothing.

        Returns:
            The replica, now the primary.

        Raises:
            TimeoutError: Not in time.
        """
        replica = self.replica_of(primary)
        asked = -MANUAL_FAILOVER_S

        def following() -> str:
            nonlocal asked
            if replica.info()["role"] == "master":
                return ""
            # Soon after another one in this shard, the others refuse their votes, and the replica
            # gives up.
            if time.monotonic() - asked > MANUAL_FAILOVER_S:
                asked = time.monotonic()
                replica.ask("CLUSTER", "FAILOVER")
            return "it still follows"

        self._wait(following, what=f"{replica!r} in place of {primary!r}", timeout=timeout)
        return replica

    # Use by several tests

    def emptied(self) -> Self:
        """Mend whatever has happened to the Cluster, remove all keys, and return it.

        Slots stay with whom they were moved to.
        """
        for node in self.nodes:
            self.resume(node)
            if not node.running:
                self.restart(node)
        for server in list(self._cut):
            self.heal(server)
        self.wait_ok()
        self.flush()
        for node in self.primaries():
            for slot in node.view()[node.id].moving:
                node.ask("CLUSTER", "SETSLOT", slot, "STABLE")
        self._moves.clear()
        return self
