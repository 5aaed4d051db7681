"""Whatever somebody hands in as a chatflow, it is read or refused, and nothing else happens."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from redialog.errors import ConfigurationError
from redialog.nodes import flows
from tests.nodes.flowing import REDIS, UPSTASH, flow, memory_node

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters())
    | st.sampled_from([REDIS, UPSTASH, "2", "", "redis://x", "https://x.upstash.io", "$HOME"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["nodes", "data", "id", "name", "version", "inputs", "flowData"])
            | st.text(max_size=4),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)
DATA = ("id", "label", "name", "version", "inputs", "credential", "category")
INPUTS = (
    *("sessionId", "sessionTTL", "memoryKey", "windowSize", "maxTokens", "summarize", "keyPrefix"),
    *("userId", "ttlMode", "baseURL", "credential", "FLOWISE_CREDENTIAL_ID"),
)


def used(document: Any) -> None:
    """Reads a flow, and makes the nodes that are in it."""
    with suppress(ConfigurationError):
        for found in flows.memory_nodes(document):
            repr(found)
            for credential in (None, {"name": "redisCacheUrlApi", "redisUrl": "redis://x"}):
                with suppress(ConfigurationError):
                    found.node(credential).close()


@given(JSON)
def test_any_value(value: Any) -> None:
    """Any JSON value, as it is and as text."""
    if isinstance(value, dict):
        used(value)
    used(json.dumps(value))


@given(st.text(st.characters()) | st.binary(), st.integers(0, 1500))
def test_any_text(text: str | bytes, at: int) -> None:
    """Any text and any bytes, alone and inside of a flow."""
    used(text)
    whole = json.dumps(flow(memory_node()))
    if isinstance(text, str):
        used(whole[:at] + text + whole[at:])
    else:
        used(whole[:at].encode() + text + whole[at:].encode())


@given(st.sampled_from([REDIS, UPSTASH]), st.sampled_from(DATA), JSON)
def test_any_data(name: str, key: str, value: Any) -> None:
    """Any value in the place of something that a memory node has."""
    node = memory_node(name, {"baseURL": "https://x.upstash.io"})
    node["data"][key] = value
    used(flow(node))


@given(st.sampled_from([REDIS, UPSTASH]), st.dictionaries(st.sampled_from(INPUTS), JSON))
def test_any_inputs(name: str, inputs: dict[str, Any]) -> None:
    """Any values as inputs."""
    used(flow(memory_node(name, inputs)))


@given(JSON)
def test_any_credential(value: Any) -> None:
    """Any value as a credential, also one with the name of a kind."""
    used(flow(memory_node(credential=value)))
    for kind, field in (("redisCacheApi", "redisCacheHost"), ("redisCacheUrlApi", "redisUrl")):
        used(flow(memory_node(credential={"name": kind, field: value})))
