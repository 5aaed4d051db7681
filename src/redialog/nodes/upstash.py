"""`UpstashRedisBackedChatMemory`: over the REST API of an Upstash database."""

from __future__ import annotations

from redialog import sharing
from redialog.nodes.base import Node
from redialog.nodes.credentials import UpstashRedisMemoryApi
from redialog.nodes.describing import NODES


class UpstashRedisBackedChatMemory(Node):
    """The node *Upstash Redis-Backed Chat Memory*: a conversation in an Upstash database.

    It takes `UpstashRedisMemoryApi`, and the input ``baseURL``, which like the fields of a
    credential may name a variable of the environment. All else: `Node`.
    """

    descriptor = NODES["upstashRedisBackedChatMemory"]

    def _leased(self) -> sharing.Lease:
        url, credential = self._told.base_url, self._credential
        if not url:
            raise self._wrong("baseURL", "is not set; it is like https://NAME.upstash.io")
        if not isinstance(credential, UpstashRedisMemoryApi):
            raise self._wrong(
                "credential", f"is needed: {', '.join(self.descriptor.credential.credential_names)}"
            )
        token = credential.upstash_rest_token.reveal()
        if not token.isascii() or not token.isprintable():
            raise self._wrong("upstashRestToken", "has characters that no token has")
        return self._lease_of("baseURL", url, token)
