"""The two chat memory nodes of the visual builders Flowise and Ardor, on the same data.

::

    from redialog.nodes import RedisBackedChatMemory

    node = RedisBackedChatMemory(
        {"sessionId": "support-42", "sessionTTL": "86400", "windowSize": "3"},
        {"name": "redisCacheUrlApi", "redisUrl": "redis://localhost:6379/0"},
    )
    node.add_chat_messages([
        {"type": "userMessage", "text": "My locker code is 4417."},
        {"type": "apiMessage", "text": "Noted."},
    ])
    node.get_chat_messages()

`NODES` and `CREDENTIALS` say what they look like, under the names that flow files have.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from redialog.nodes.base import Node
from redialog.nodes.credentials import (
    Credential,
    RedisCacheApi,
    RedisCacheUrlApi,
    UpstashRedisMemoryApi,
)
from redialog.nodes.describing import (
    CREDENTIALS,
    NODES,
    CredentialDescriptor,
    CredentialField,
    Descriptor,
    Field,
    Option,
)
from redialog.nodes.errors import NodeError
from redialog.nodes.redis import RedisBackedChatMemory
from redialog.nodes.secret import Secret
from redialog.nodes.upstash import UpstashRedisBackedChatMemory

__all__ = [
    "CREDENTIALS",
    "NODES",
    "Credential",
    "CredentialDescriptor",
    "CredentialField",
    "Descriptor",
    "Field",
    "Node",
    "NodeError",
    "Option",
    "RedisBackedChatMemory",
    "RedisCacheApi",
    "RedisCacheUrlApi",
    "Secret",
    "UpstashRedisBackedChatMemory",
    "UpstashRedisMemoryApi",
    "made",
]

_CLASSES: dict[str, type[Node]] = {
    kind.descriptor.name: kind for kind in (RedisBackedChatMemory, UpstashRedisBackedChatMemory)
}


def made(
    name: str,
    inputs: Mapping[str, object],
    credential: Mapping[str, object] | Credential | None = None,
    **options: Any,
) -> Node:
    """The node of a name.

    Args:
        name: as in `NODES`; mind the case.
        inputs: as for `Node`.
        credential: the same.
        **options: the same.

    Raises:
        NodeError: there is no node of that name, an input or the credential is wrong.

    Cost: no I/O.
    """
    kind = _CLASSES.get(name) if isinstance(name, str) else None
    if kind is None:
        raise NodeError(
            node=str(name)[:60], field=None, reason=f"is no node; there are {', '.join(NODES)}"
        )
    return kind(inputs, credential, **options)
