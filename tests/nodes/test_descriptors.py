"""What the nodes and credentials look like: the data files beside a table written by hand."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import msgspec
import pytest

from redialog import nodes
from redialog.nodes import CREDENTIALS, NODES, RedisBackedChatMemory, UpstashRedisBackedChatMemory

# name, label, type, version, category, credentials, whether they are optional
ABOUT = {
    "RedisBackedChatMemory": (
        *("Redis-Backed Chat Memory", "RedisBackedChatMemory", 2.0, "Memory"),
        *(("redisCacheApi", "redisCacheUrlApi"), True),
    ),
    "upstashRedisBackedChatMemory": (
        *("Upstash Redis-Backed Chat Memory", "UpstashRedisBackedChatMemory", 2.0, "Memory"),
        *(("upstashRedisMemoryApi",), False),
    ),
}
# node, field, label, type, default, optional, whether it is an additional parameter
FIELDS = [
    ("RedisBackedChatMemory", "sessionId", "Session Id", "string", "", True, True),
    ("RedisBackedChatMemory", "sessionTTL", "Session Timeouts", "number", None, True, True),
    ("RedisBackedChatMemory", "memoryKey", "Memory Key", "string", "chat_history", False, True),
    ("RedisBackedChatMemory", "windowSize", "Window Size", "number", None, True, True),
    *[
        ("upstashRedisBackedChatMemory", *rest)
        for rest in [
            ("baseURL", "Upstash Redis REST URL", "string", None, False, False),
            ("sessionId", "Session Id", "string", "", True, True),
            ("sessionTTL", "Session Timeouts", "number", None, True, True),
            ("memoryKey", "Memory Key", "string", "chat_history", False, True),
        ]
    ],
]
# credential, label, field, label, type, default
CREDENTIAL_FIELDS = [
    ("redisCacheApi", "Redis API", "redisCacheHost", "Redis Host", "string", "127.0.0.1"),
    ("redisCacheApi", "Redis API", "redisCachePort", "Port", "number", 6379),
    ("redisCacheApi", "Redis API", "redisCacheUser", "User", "string", None),
    ("redisCacheApi", "Redis API", "redisCachePwd", "Password", "password", None),
    ("redisCacheApi", "Redis API", "redisCacheSslEnabled", "Use SSL", "boolean", None),
    (
        *("redisCacheUrlApi", "Redis URL", "redisUrl", "Redis URL", "url"),
        "redis://localhost:6379",
    ),
    (
        *("upstashRedisMemoryApi", "Upstash Redis Memory API", "upstashRestToken"),
        *("Upstash Redis REST Token", "password", None),
    ),
]
# What this library adds: to each node, and to the one that has no window.
OURS = {
    "maxTokens": "number",
    "summarize": "boolean",
    "keyPrefix": "string",
    "userId": "string",
    "ttlMode": "options",
}


def test_the_nodes_are_those_of_the_table() -> None:
    """Name and case, label, type, version, category and credentials."""
    found = {
        name: (
            *(node.label, node.type, node.version, node.category),
            *(node.credential.credential_names, node.credential.optional),
        )
        for name, node in NODES.items()
    }
    assert found == ABOUT
    assert [node.name for node in NODES.values()] == list(NODES)
    assert {(node.credential.name, node.credential.type) for node in NODES.values()} == {
        ("credential", "credential")
    }


def test_the_fields_of_the_original_are_those_of_the_table() -> None:
    """In its order, and none is missing or made up."""
    found = [
        (
            *(node.name, field.name, field.label, field.type, field.default),
            *(field.optional, field.additional_params),
        )
        for node in NODES.values()
        for field in node.inputs
        if not field.redialog
    ]
    assert found == FIELDS


def test_the_credentials_are_those_of_the_table() -> None:
    """With their fields, in order."""
    found = [
        (kind.name, kind.label, field.name, field.label, field.type, field.default)
        for kind in CREDENTIALS.values()
        for field in kind.inputs
    ]
    assert found == CREDENTIAL_FIELDS
    assert [kind.name for kind in CREDENTIALS.values()] == list(CREDENTIALS)
    assert {kind.version for kind in CREDENTIALS.values()} == {1.0}


@pytest.mark.parametrize("name", NODES)
def test_what_is_ours_is_marked_and_can_be_left_out(name: str) -> None:
    """A form for the original's users can hide it, and a flow of the original runs."""
    found = {field.name: field for field in NODES[name].inputs if field.redialog}
    window = {} if name == "RedisBackedChatMemory" else {"windowSize": "number"}
    assert {field.name: field.type for field in found.values()} == window | OURS
    assert all(field.optional and field.additional_params for field in found.values())
    modes = [option.name for option in found["ttlMode"].options]
    assert modes == ["sliding", "fixed", "on_read"]


def test_every_field_says_what_it_is() -> None:
    """A form and the docs are made of it."""
    found: list[Any] = [*NODES.values(), *CREDENTIALS.values()]
    for described in found:
        assert described.description
        for field in described.inputs:
            assert field.description
            assert all(option.label and option.description for option in field.options)


@pytest.mark.parametrize(
    "described", [*NODES.values(), *CREDENTIALS.values()], ids=lambda d: d.name
)
def test_a_data_file_is_what_its_value_encodes_to(described: Any) -> None:
    """Nothing in a file is misspelt and lost, and what is served is the file."""
    path = files("redialog.nodes") / "descriptors" / f"{described.name}.json"
    stored = msgspec.json.decode(path.read_bytes())
    assert msgspec.json.decode(msgspec.json.encode(described)) == stored


def test_each_node_has_its_class() -> None:
    """Under the name of its descriptor."""
    given: dict[str, Any] = {"baseURL": "https://name.upstash.io"}
    token = {"name": "upstashRedisMemoryApi", "upstashRestToken": "t"}
    with nodes.made("RedisBackedChatMemory", {}) as one:
        assert type(one) is RedisBackedChatMemory
        assert one.label == "Redis-Backed Chat Memory"
    with nodes.made("upstashRedisBackedChatMemory", given, token) as other:
        assert type(other) is UpstashRedisBackedChatMemory


@pytest.mark.parametrize("name", ["redisBackedChatMemory", "", None, ["x"]])
def test_a_node_that_there_is_not_is_told(name: Any) -> None:
    """With the names that there are: their case is easily mistaken."""
    with pytest.raises(nodes.NodeError, match="RedisBackedChatMemory, upstashRedisBacked"):
        nodes.made(name, {})
