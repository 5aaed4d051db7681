"""`RedisBackedChatMemory`: over a connection to Redis."""

from __future__ import annotations

from redialog import sharing
from redialog.nodes.base import Node
from redialog.nodes.credentials import RedisCacheApi, RedisCacheUrlApi
from redialog.nodes.describing import CREDENTIALS, NODES


class RedisBackedChatMemory(Node):
    """The node *Redis-Backed Chat Memory*: a conversation in the Redis of its credential.

    It takes `RedisCacheApi` or `RedisCacheUrlApi`; without one it connects to the Redis on this
    machine, ``redis://127.0.0.1:6379``, as the original does. All else: `Node`.
    """

    descriptor = NODES["RedisBackedChatMemory"]

    def _leased(self) -> sharing.Lease:
        credential = self._credential
        if not isinstance(credential, RedisCacheApi | RedisCacheUrlApi):
            credential = RedisCacheApi()
        field = CREDENTIALS[credential.name].inputs[0].name
        return self._lease_of(field, credential.url())
