"""A primary, its replicas and the sentinels that watch over them."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

import redis

from tests.support.servers.deployment import REPLICATION, WHOLE_TIMEOUT_S, Deployment, Node, login
from tests.support.servers.logins import Partition, Peers, client_users
from tests.support.servers.replicas import wait_in_sync
from tests.support.servers.watching import NAME, Sentinel

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.support.servers.server import Server
    from tests.support.servers.settings import Setting


class SentinelGroup(Deployment):
    """Three sentinels over one primary and two replicas, on free ports of 127.0.0.1.

        with SentinelGroup(password="secret") as group:
            old = group.primary()
            group.kill(old)
            new = group.wait_new_primary(old)

    With a password, the sentinels and each data node log in as users of their own, which is what
    `cut_off` takes away; clients are another user and notice nothing.

    How long things take here (down-after 1.5 s): a failover 2 to 5 s; an old primary that is back
    is made a replica 8 to 12 s later, as sentinels wait for four of their periods; a sentinel that
    was stalled takes no decisions for 30 s (`emptied` restarts it).

    Attributes:
        name: What the sentinels call the primary.
        sentinels: Their processes.
        servers: The data nodes, the first primary first.
    """

    def __init__(
        self,
        kind: str = "redis",
        *,
        sentinels: int = 3,
        replicas: int = 2,
        username: str | None = None,
        password: str | None = None,
        sentinel_username: str | None = None,
        sentinel_password: str | None = None,
        appendonly: bool = False,
        down_after_ms: int = 1500,
        failover_timeout_ms: int = 3000,
        config: Mapping[str, Setting] | None = None,
    ) -> None:
        """Prepare a group; `with` runs it and waits until it is whole.

        Args:
            kind: As for `find_server`; the sentinels are the same binary.
            sentinels: How many.
            replicas: How many.
            username: Of clients; the default user is off then.
            password: Of clients.
            sentinel_username: Of clients and other sentinels at a sentinel; the default user is
                off then.
            sentinel_password: Of clients and other sentinels at a sentinel.
            appendonly: Data nodes keep their data in an append-only file. Without, a primary that
                is restarted before it is replaced is empty, and soon its replicas too.
            down_after_ms: After which silence a node counts as down. Sentinels ping and connect
                once a second: with 1000, one connection lost at the wrong moment, as in every
                failover, is a failover more.
            failover_timeout_ms: Half the time between two attempts at a failover.
            config: More settings of the data nodes.
        """
        super().__init__(username, password)
        self.kind = kind
        self.name = NAME
        self.sentinel_username = sentinel_username
        self.sentinel_password = sentinel_password
        self.sentinels: list[Sentinel] = []
        self.servers: list[Node] = []
        self._counts = (1 + replicas, sentinels)
        self._appendonly = appendonly
        self._watching = {
            "down-after-milliseconds": down_after_ms,
            "failover-timeout": failover_timeout_ms,
        }
        self._config = dict(config or {})
        self._peers = Peers(1 + replicas, watched=True)
        self._partition = Partition(self._peers, self.servers)

    # How it is made

    def _form(self) -> None:
        servers, sentinels = self._counts
        for number in range(servers):
            node = Node(
                self.kind,
                username=self.username,
                password=self.password,
                config=self._of_server(number) | self._config,
                appendonly=self._appendonly,
            )
            self._add(node)
            self.servers.append(node)
        for _ in range(sentinels):
            sentinel = Sentinel(
                self.kind,
                username=self.sentinel_username,
                password=self.sentinel_password,
                config=self._of_sentinel(),
            )
            self._add(sentinel)
            self.sentinels.append(sentinel)
        self.wait_whole()

    def _of_server(self, number: int) -> dict[str, Setting]:
        settings = dict(REPLICATION)
        if self.servers:
            settings["replicaof"] = f"{self.servers[0].host} {self.servers[0].port}"
        if self.password is not None:
            settings |= self._peers.of_server(number)
            settings["user"] = [*client_users(self.username, self.password), *self._peers.users()]
        return settings

    def _of_sentinel(self) -> dict[str, Setting]:
        servers, sentinels = self._counts
        lines = [
            f"monitor {NAME} {self.servers[0].host} {self.servers[0].port} {sentinels // 2 + 1}",
            *(f"{name} {NAME} {value}" for name, value in self._watching.items()),
            f"parallel-syncs {NAME} {max(1, servers - 1)}",
        ]
        if self.password is not None:
            lines += self._peers.of_sentinel(NAME)
        return Sentinel.settings(lines, self.sentinel_username, self.sentinel_password)

    # What it is now

    @property
    def url(self) -> str:
        """The address of all sentinels, with the passwords there are."""
        hosts = ",".join(node.address for node in self.sentinels)
        logins = {
            "sentinel_username": self.sentinel_username,
            "sentinel_password": self.sentinel_password,
        }
        query = urlencode({k: v for k, v in logins.items() if v is not None}, quote_via=quote)
        tail = f"?{query}" if query else ""
        return f"redis+sentinel://{login(self.username, self.password)}{hosts}/{NAME}/0{tail}"

    def primary(self) -> Node:
        """The data node that the majority of all sentinels names.

        Raises:
            LookupError: There is none at the moment.
        """
        named = [sentinel.named() for sentinel in self.sentinels if sentinel.answers]
        for server in self.servers:
            if 2 * named.count(server.address) > len(self.sentinels):
                return server
        msg = f"no majority for a primary: {named}"
        raise LookupError(msg)

    def replicas(self) -> list[Node]:
        """The other data nodes, in whatever state."""
        primary = self.primary()
        return [server for server in self.servers if server is not primary]

    # What befalls a node

    def _enforce(self) -> None:
        self._partition.enforce(self._cut)

    def failover(self, timeout: float = WHOLE_TIMEOUT_S) -> None:
        """Have the primary replaced although it is well; returns once a sentinel has begun.

        Raises:
            TimeoutError: None accepted it: another failover is going on, or no replica is fit.
        """

        def refusal() -> str:
            said = ""
            for sentinel in filter(lambda one: one.answers, self.sentinels):
                try:
                    sentinel.ask("SENTINEL", "FAILOVER", NAME)
                except redis.RedisError as error:
                    said = f"{sentinel!r}: {error!r}"
                else:
                    return ""
            return said or "no sentinel is up"

        self._wait(refusal, what="a failover accepted", timeout=timeout)

    # Waiting

    def wait_new_primary(self, old: Server, timeout: float = WHOLE_TIMEOUT_S) -> Node:
        """Wait until the sentinels name another primary than `old`, and it takes writes.

        Returns:
            The new primary.

        Raises:
            TimeoutError: Not in time.
        """

        def replaced() -> str:
            new = self.primary()
            if new is old:
                return "it is still named"
            return "" if new.info()["role"] == "master" else f"{new!r} is no primary yet"

        self._wait(replaced, what=f"{old!r} replaced", timeout=timeout)
        return self.primary()

    def wait_whole(self, timeout: float = WHOLE_TIMEOUT_S) -> None:
        """Wait until all nodes are up, all sentinels agree about all of them, and all is in sync.

        Raises:
            TimeoutError: Not in time; it names what was missing.
        """
        self._wait(self._missing, what="the group whole", timeout=timeout)
        primary = self.primary()
        for replica in self.replicas():
            wait_in_sync(primary, replica, timeout=timeout)

    def _missing(self) -> str:
        silent = [node for node in self._nodes if not node.answers]
        if silent or self._cut:
            return f"down: {silent}, cut off: {self._cut}"
        primary = self.primary()
        for server in self.servers:
            found = server.info()
            if server is primary:
                if found["role"] != "master":
                    return f"{server!r} is named as primary and is none"
            elif found.get("master_port") != str(primary.port):
                return f"{server!r} does not follow {primary!r}"
            elif found["master_link_status"] != "up":
                return f"{server!r} is not in sync"
        replicas = self.replicas()
        for sentinel in self.sentinels:
            others = [one for one in self.sentinels if one is not sentinel]
            unaware = sentinel.unaware(primary, replicas, others)
            if unaware:
                return unaware
        return ""

    # Use by several tests

    def flush(self) -> None:
        """Remove all keys from the primary and from those that follow it."""
        primary = self.primary()
        primary.flush()
        for replica in self.replicas():
            wait_in_sync(primary, replica)

    def emptied(self) -> SentinelGroup:
        """Mend whatever has happened to the group, remove all keys, and return it.

        It is quicker than waiting for the sentinels: an old primary is told at once whom to follow,
        and a sentinel that sits out 30 s because it was stalled is restarted.
        """
        for node in self._nodes:
            if not node.running or (node in self.sentinels and not node.answers):
                self.restart(node)
            self.resume(node)
        for server in list(self._cut):
            self.heal(server)
        for sentinel in self.sentinels:
            if sentinel.sits_out:
                self.restart(sentinel)
        self._wait(self._unmended, what="the group mended", timeout=WHOLE_TIMEOUT_S)
        self.wait_whole()
        self.flush()
        return self

    def _unmended(self) -> str:
        primary = self.primary()
        for sentinel in self.sentinels:
            flags = sentinel.flags()
            if flags != "master" or sentinel.named() != primary.address:
                return f"{sentinel!r} has not settled: {flags}"
        if primary.info()["role"] != "master":
            return f"{primary!r} is no primary yet"
        for server in self.servers:
            if server is not primary and server.info().get("master_port") != str(primary.port):
                server.ask("REPLICAOF", primary.host, primary.port)
                server.ask("CONFIG", "REWRITE")  # as a sentinel does, for a restart
        return ""
