"""One sentinel, and what it sees."""

from __future__ import annotations

from typing import TYPE_CHECKING

import redis

from tests.support.servers.deployment import Node, fields
from tests.support.servers.logins import client_users
from tests.support.servers.settings import Setting, quoted

if TYPE_CHECKING:
    from collections.abc import Sequence

NAME = "mymaster"
"""What the sentinels call the primary."""


class Sentinel(Node):
    """One sentinel; it keeps what it knows in its configuration."""

    def _command(self) -> list[str]:
        return [*super()._command(), "--sentinel"]

    @staticmethod
    def settings(
        lines: list[str], username: str | None, password: str | None
    ) -> dict[str, Setting]:
        """Return the configuration of a sentinel.

        Args:
            lines: What it watches and how.
            username: Of its clients and of the other sentinels; None for the default user.
            password: Of them; None: none.
        """
        if password is None:
            return {"sentinel": lines}
        mine = [f"sentinel-pass {quoted(password)}"]
        if username is not None:
            mine.append(f"sentinel-user {quoted(username)}")
        return {"user": client_users(username, password), "sentinel": [*lines, *mine]}

    def named(self) -> str | None:
        """Return the address that it gives to clients, None without an answer."""
        try:
            found = self.ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME)
        except redis.RedisError:
            return None
        return None if found is None else b":".join(found).decode()

    @property
    def sits_out(self) -> bool:
        """Whether it takes no decisions for 30 s, as its clock has jumped: it was stalled."""
        return self.info("sentinel")["sentinel_tilt"] == "1"

    def flags(self) -> str:
        """Return its opinion of the primary: `master`, and what goes on with it."""
        return fields(self.ask("SENTINEL", "MASTER", NAME))["flags"]

    def unaware(self, primary: Node, replicas: Sequence[Node], others: Sequence[Node]) -> str:
        """Return what it sees otherwise than it is, or nothing.

        Args:
            primary: The one that there is.
            replicas: All there are.
            others: The other sentinels.
        """
        named, flags = self.named(), self.flags()
        if (named, flags) != (primary.address, "master"):
            return f"{self!r} sees the primary as {named}, {flags}"
        for which, state, nodes in (
            ("REPLICAS", "slave", replicas),
            ("SENTINELS", "sentinel", others),
        ):
            seen = self._seen(which)
            if seen != dict.fromkeys((str(node.port) for node in nodes), state):
                return f"{self!r} sees of {which}: {seen}"
        self.ask("SENTINEL", "CKQUORUM", NAME)
        return ""

    def _seen(self, which: str) -> dict[str, str]:
        """Return port to state."""
        found = map(fields, self.ask("SENTINEL", which, NAME))
        # What another has said about a primary of the past stays on record with Valkey.
        return {one["port"]: one["flags"].removesuffix(",master_down") for one in found}
