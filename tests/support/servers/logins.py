"""Who logs in at whom in a deployment, so that a node can be parted from its peers alone.

Clients, sentinels and each data node are users of their own on every data node. What a node is cut
off from loses its user there; clients keep theirs.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from tests.support.servers.settings import Setting, quoted

if TYPE_CHECKING:
    from collections.abc import Sequence
    from collections.abc import Set as AbstractSet

    from tests.support.servers.deployment import Node
    from tests.support.servers.server import Server

# What the documentation names as needed by each.
_WATCH = (
    "allchannels +multi +slaveof +ping +exec +subscribe +config|rewrite +role +publish +info "
    "+client|setname +client|kill +script|kill"
)
_FOLLOW = "+psync +replconf +ping"
_WATCHER = "sentinel"


def client_users(username: str | None, password: str) -> list[str]:
    """Return the `user` lines of clients.

    Args:
        username: None for the default user; else that one is off.
        password: Of whoever it is.
    """
    everything = "~* &* +@all"
    mine = f"user {username or 'default'} on {quoted('>' + password)} {everything}"
    others = [] if username is None else [f"user default off {everything}"]
    return [line.removeprefix("user ") for line in (mine, *others)]


class Peers:
    """The users of the nodes themselves."""

    def __init__(self, count: int, *, watched: bool) -> None:
        """Name them.

        Args:
            count: How many data nodes there are.
            watched: Whether by sentinels.
        """
        self._password = secrets.token_hex(16)
        self._watched = watched
        self._names = [f"node-{number}" for number in range(count)]

    def of_server(self, number: int) -> dict[str, Setting]:
        """Return how a data node logs in at the one that it follows."""
        return {"masteruser": self._names[number], "masterauth": self._password}

    def users(self) -> list[str]:
        """Return the `user` lines of a data node."""
        peers = [f"{name} on >{self._password} {_FOLLOW}" for name in self._names]
        watcher = [f"{_WATCHER} on >{self._password} {_WATCH}"] if self._watched else []
        return [*watcher, *peers]

    def of_sentinel(self, name: str) -> list[str]:
        """Return a sentinel's settings for its connections to data nodes."""
        return [f"auth-user {name} {_WATCHER}", f"auth-pass {name} {self._password}"]

    def rules(self, number: int, cut: AbstractSet[int]) -> dict[str, str]:
        """Return the rules of the peers' users on one data node.

        Args:
            number: Of the node.
            cut: The numbers of all that are cut off.
        """
        # A sentinel logs in once and for all: where that fails, it goes on as nobody, and after
        # healing it would not try again. So it may log in, but do nothing.
        watcher = "resetchannels -@all" if number in cut else _WATCH
        return ({_WATCHER: watcher} if self._watched else {}) | {
            name: "off" if number in cut or peer in cut else "on"
            for peer, name in enumerate(self._names)
        }


class Partition:
    """Sees to it that peers do not log in at nodes that they are parted from."""

    def __init__(self, peers: Peers, servers: Sequence[Node]) -> None:
        """Watch over the servers.

        Args:
            peers: Their users.
            servers: All data nodes; a list that grows is fine.
        """
        self._peers = peers
        self._servers = servers
        self._rules: dict[Node, dict[str, str]] = {}

    def enforce(self, cut_off: AbstractSet[Server]) -> None:
        """Bring the users on all nodes that answer into the state that is asked for.

        Args:
            cut_off: Those that are.
        """
        cut = {number for number, server in enumerate(self._servers) if server in cut_off}
        for number, server in enumerate(self._servers):
            rules = self._peers.rules(number, cut)
            old = self._rules.get(server) or self._peers.rules(number, set())
            changed = {user: rule for user, rule in rules.items() if old[user] != rule}
            if not changed or not server.answers:
                continue
            for user, rule in changed.items():
                server.ask("ACL", "SETUSER", user, *rule.split())
                server.ask("CLIENT", "KILL", "USER", user)
            server.ask("CONFIG", "REWRITE")  # for a restart
            self._rules[server] = rules
