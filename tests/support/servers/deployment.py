"""What a Sentinel group and a Cluster have in common: nodes that start, suffer and end together."""

from __future__ import annotations

import random
import socket
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.support.servers.server import Server
from tests.support.servers.settings import Setting
from tests.support.servers.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


POLL_S = 0.03
"""Between two looks at a whole deployment, each of which asks every node."""
WHOLE_TIMEOUT_S = 60.0
REPLICATION: dict[str, Setting] = {
    "repl-diskless-load": "swapdb",  # as for `replica_of`
    "repl-ping-replica-period": 1,
    "repl-timeout": 10,
    # Else a node without persistence is not empty after a restart: it loads what it once sent to a
    # replica.
    "rdb-del-sync-files": "yes",
}
REPLY_TIMEOUT_S = 2.0

# Below the ports that systems give to outgoing connections: peers keep on connecting to a dead
# node's port, and one of them could be given that very port as its own and so occupy it.
_FIRST_PORT, _LAST_PORT = 11_000, 30_000


def free_port() -> int:
    """Return a port of 127.0.0.1 on which nobody listens now."""
    while True:
        port = random.randint(_FIRST_PORT, _LAST_PORT)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


class Node(Server):
    """A server of a deployment.

    It writes its configuration once: what it has rewritten itself since (whom it follows, what it
    knows about the others) holds after a restart too.

    Attributes:
        username: Whose password `password` is; None for the default user.
    """

    def __init__(
        self,
        kind: str,
        *,
        username: str | None = None,
        password: str | None = None,
        config: Mapping[str, Setting],
        appendonly: bool = False,
    ) -> None:
        """Prepare a node; `start` runs it.

        Args:
            kind: As for `find_server`.
            username: Who logs in with the password, if not the default user.
            password: For clients.
            config: As for `Server`; the users too.
            appendonly: Keep the data in an append-only file.
        """
        super().__init__(kind, password=password, config=config, appendonly=appendonly)
        self.username = username
        self._started = False
        self._asking: Any = None

    def _settings(self) -> dict[str, Setting]:
        settings = super()._settings()
        if self.username is not None:
            settings.pop("requirepass", None)  # that would be the default user's
        return settings

    def _write_settings(self) -> None:
        if not self._started:
            super()._write_settings()

    def _take_port(self) -> None:
        self.port = free_port()

    def start(self) -> Self:
        """Start the process and wait until it answers."""
        super().start()
        self._started = True
        return self

    @property
    def address(self) -> str:
        """Host and port."""
        return f"{self.host}:{self.port}"

    @property
    def answers(self) -> bool:
        """Whether the process is there and not stalled."""
        return self.running and not self._paused

    def client(self, **options: Any) -> redis.Redis:
        """Return a client that answers in bytes and never retries; close it after use."""
        options.setdefault("username", self.username)
        return super().client(**options)

    def close(self) -> None:
        """End the process and remove what it left."""
        if self._asking is not None:
            self._asking.close()
        super().close()

    # For the fixture itself, which asks often

    def ask(self, *command: str | int | bytes) -> Any:
        """Send one command and return its reply in bytes, as RESP2 has it.

        Raises:
            redis.RedisError: The node refused, or gave no answer within two seconds.
        """
        if self._asking is None:
            self._asking = self.client(
                protocol=2,
                socket_timeout=REPLY_TIMEOUT_S,
                socket_connect_timeout=REPLY_TIMEOUT_S,
                # Once more on a new connection: a sentinel that promotes a node kills its clients.
                retry=Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,)),
            )
            self._asking.response_callbacks.clear()
        return self._asking.execute_command(*command)

    def told(self, *command: str) -> dict[str, str]:
        """Return the reply to a command that tells one thing a line."""
        lines = self.ask(*command).decode().splitlines()
        return dict(line.split(":", 1) for line in lines if ":" in line)

    def info(self, section: str = "replication") -> dict[str, str]:
        """Return one section of INFO."""
        return self.told("INFO", section)


class Deployment:
    """Nodes that start, suffer and end together; a context manager."""

    def __init__(self, username: str | None, password: str | None) -> None:
        """Prepare an empty deployment.

        Args:
            username: Of clients; None for the default user.
            password: Of clients; None: none.
        """
        self.username = username
        self.password = password
        self._nodes: list[Node] = []
        self._cut: set[Server] = set()

    def __enter__(self) -> Self:
        """Start everything and wait until it is whole."""
        try:
            self._form()
        except BaseException:
            self.close()  # a failed __enter__ has no __exit__
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        """End every process and remove what it left."""
        self.close()

    def close(self) -> None:
        """End every process and remove what it left; twice is fine."""
        # The newest first: sentinels and replicas have nothing to mend any more then.
        for node in reversed(self._nodes):
            node.close()

    def _form(self) -> None:
        raise NotImplementedError

    def _add(self, node: Node) -> None:
        self._nodes.append(node)
        node.start()

    # What befalls a node

    def kill(self, server: Server) -> None:
        """End a node with SIGKILL; `restart` brings it back."""
        server.kill()

    def stall(self, server: Server) -> None:
        """Freeze a node (SIGSTOP): its connections stay open and nobody answers on them."""
        server.pause()

    def resume(self, server: Server) -> None:
        """Let a stalled node go on (SIGCONT), beginning with what was sent to it meanwhile."""
        server.resume()
        self._enforce()

    def restart(self, server: Server) -> None:
        """End a node with SIGKILL unless it is dead, and start it on the same port and data.

        One that is cut off still is.
        """
        server.kill()
        server.start()
        self._enforce()

    def cut_off(self, server: Server) -> None:
        """Part a data node from all nodes but itself, both ways.

        Clients reach it as before.

        Raises:
            ValueError: There is no password. Whoever fails to log in is the default user then, and
                that one must not be switched off.
        """
        if self.password is None:
            msg = "only a deployment with a password can be parted"
            raise ValueError(msg)
        self._cut.add(server)
        self._enforce()

    def heal(self, server: Server) -> None:
        """Let a node that was cut off have its peers again."""
        self._cut.discard(server)
        self._enforce()

    def _enforce(self) -> None:
        """Part who is cut off, and join the others, as far as they answer."""
        raise NotImplementedError

    def _wait(self, missing: Callable[[], str], *, what: str, timeout: float) -> None:
        """Poll until nothing is missing; the error names what was last."""
        last = "not asked yet"

        def complete() -> bool:
            nonlocal last
            try:
                last = missing()
            except (redis.RedisError, LookupError) as error:
                last = repr(error)
            return not last

        try:
            wait_until(complete, what=what, timeout=timeout, every=POLL_S)
        except TimeoutError as error:
            msg = f"{error}; {last}"
            raise TimeoutError(msg) from None


def fields(flat: Sequence[bytes]) -> dict[str, str]:
    """Return a reply of alternating names and values as a dict of text."""
    found = iter(flat)
    return {name.decode(): value.decode() for name, value in zip(found, found, strict=True)}


def login(username: str | None, password: str | None) -> str:
    """Return the part of a URL before the hosts."""
    if password is None:
        return ""
    return f"{quote(username or '', safe='')}:{quote(password, safe='')}@"
