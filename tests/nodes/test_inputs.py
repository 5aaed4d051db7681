"""The inputs of a node, as flow files have them, and what a node exports."""

from __future__ import annotations

import json
from typing import Any

import pytest

from redialog.nodes import (
    NODES,
    Node,
    NodeError,
    RedisBackedChatMemory,
    RedisCacheApi,
    made,
)

TOKEN = {"name": "upstashRedisMemoryApi", "upstashRestToken": "hunter2!"}
REST = {"baseURL": "https://name.upstash.io"}
LONG = (1 << 47) // 1000


def node_of(name: str, inputs: dict[str, Any]) -> Node:
    """A node that is not connected."""
    if name == "RedisBackedChatMemory":
        return made(name, inputs)
    return made(name, {**REST, **inputs}, TOKEN)


WRONG: list[tuple[str, object, str]] = [
    ("sessionId", ["x"], "text"),
    ("sessionId", {"a": 1}, "text"),
    ("sessionId", True, "text"),
    ("sessionId", 1.5, "text"),
    ("sessionId", "\ud800", "surrogate"),
    ("sessionId", "redialog:x", "redialog:"),
    ("sessionId", "x" * 20_000, "limit"),
    ("sessionId", "{{$flow.sessionId}}", "expression"),
    ("sessionTTL", "abc", "whole number"),
    ("sessionTTL", "-5", "from 1"),
    ("sessionTTL", -5, "from 1"),
    ("sessionTTL", 1.5, "whole number, not 1.5"),
    ("sessionTTL", "1.5", "whole number"),
    ("sessionTTL", "1e3", "whole number"),
    ("sessionTTL", "٣٠٠", "whole number"),
    ("sessionTTL", "9" * 5000, "whole number"),
    ("sessionTTL", float("nan"), "whole number"),
    ("sessionTTL", float("inf"), "whole number"),
    ("sessionTTL", True, "whole number"),
    ("sessionTTL", [300], "whole number"),
    ("sessionTTL", LONG + 1, "at|to"),
    ("sessionTTL", "{{$vars.ttl}}", "expression"),
    ("memoryKey", 1.5, "text"),
    ("memoryKey", ["chat_history"], "text"),
    ("windowSize", "two", "whole number"),
    ("windowSize", 1.5, "whole number"),
    ("windowSize", -1, "from 1"),
    ("windowSize", 2**31, "from 1"),
    ("maxTokens", "many", "whole number"),
    ("maxTokens", -1, "from 1"),
    ("summarize", "yes", "true or false"),
    ("summarize", 1, "true or false"),
    ("keyPrefix", 1.5, "text"),
    ("keyPrefix", "redialog:", "redialog:"),
    ("userId", ["x"], "text"),
    ("userId", "x" * 20_000, "limit"),
    ("ttlMode", "slide", "sliding, fixed, on_read"),
    ("ttlMode", ["fixed"], "sliding, fixed, on_read"),
]


@pytest.mark.parametrize("name", NODES)
@pytest.mark.parametrize(("field", "value", "told"), WRONG)
def test_an_input_that_is_wrong_is_told(name: str, field: str, value: object, told: str) -> None:
    """With the node and the field; what it holds is not, since it could be a secret."""
    with pytest.raises(NodeError, match=told) as caught:
        node_of(name, {field: value})
    assert (caught.value.node, caught.value.field) == (name, field)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("inputs", [None, [], "sessionId", 5])
def test_inputs_are_a_mapping(inputs: Any) -> None:
    """Whatever a damaged file holds in their place."""
    with pytest.raises(NodeError) as caught:
        made("RedisBackedChatMemory", inputs)
    assert caught.value.field == "inputs"


def test_a_summarizer_is_a_function_or_a_model() -> None:
    """Anything else is told before it is needed."""
    with pytest.raises(NodeError) as caught:
        made("RedisBackedChatMemory", {"summarize": True}, summarizer=5)
    assert caught.value.field == "summarizer"


@pytest.mark.parametrize("name", NODES)
def test_numbers_and_switches_come_also_as_text(name: str) -> None:
    """As the original's form sends them; and an id that is a number is the text of it."""
    texts = {"sessionId": 42, "sessionTTL": " 300 ", "windowSize": "2.0", "maxTokens": 100.0}
    told = node_of(name, {**texts, "summarize": "True", "memoryKey": "memory"})._told
    assert (told.session_id, told.session_ttl, told.window_size) == ("42", 300, 2)
    assert (told.max_tokens, told.summarize, told.memory_key) == (100, True, "memory")
    assert node_of(name, {"sessionTTL": LONG})._told.session_ttl == LONG


@pytest.mark.parametrize("name", NODES)
@pytest.mark.parametrize("unset", ["", None])
def test_empty_text_stands_for_nothing(name: str, unset: object) -> None:
    """For every field; and a field that is not there is the same."""
    names = [field.name for field in NODES[name].inputs if field.name != "baseURL"]
    assert node_of(name, dict.fromkeys(names, unset))._told == node_of(name, {})._told
    bare = node_of(name, {})
    assert bare.memory_key == "chat_history"
    assert bare._told.ttl_mode == "sliding"


@pytest.mark.parametrize("name", NODES)
def test_an_export_has_the_fields_of_the_original(name: str) -> None:
    """The unset ones as empty text, and none of ours; a random session id is not written down."""
    rest = {} if name == "RedisBackedChatMemory" else REST
    window = {"windowSize": ""} if name == "RedisBackedChatMemory" else {}
    assert node_of(name, {"maxTokens": "", "userId": None}).export() == {
        "name": name,
        "version": 2.0,
        "inputs": {
            **rest,
            "sessionId": "",
            "sessionTTL": "",
            "memoryKey": "chat_history",
            **window,
        },
        "credential": None
        if name == "RedisBackedChatMemory"
        else {"name": "upstashRedisMemoryApi", "upstashRestToken": "****"},
    }


@pytest.mark.parametrize("name", NODES)
def test_an_export_makes_the_same_node_again(name: str) -> None:
    """With ours where they are set, and with what is unknown as it was."""
    inputs = {
        "sessionId": "s",
        "sessionTTL": "300",
        "memoryKey": "k",
        "windowSize": "2",
        "maxTokens": "90",
        "summarize": "true",
        "keyPrefix": "p:",
        "userId": "u",
        "ttlMode": "fixed",
        "newInput": {"a": [1]},
        "": "x",
    }
    found = node_of(name, inputs).export()
    assert {key: found["inputs"][key] for key in inputs} == inputs
    assert node_of(name, found["inputs"]).export() == found
    assert json.loads(json.dumps(found)) == found


def test_an_exported_credential_makes_the_same_one_again() -> None:
    """What begins with a dollar sign itself does not become the name of a variable."""
    given = {"name": "redisCacheApi", "redisCacheHost": "h", "redisCacheUser": "$$HOME"}
    with RedisBackedChatMemory({}, given) as node:
        found = node.export()["credential"]
    assert found["redisCacheUser"] == "$$HOME"
    assert RedisCacheApi.parse(found).redis_cache_user == "$HOME"


def test_an_export_masks_secrets_among_the_inputs() -> None:
    """There a builder takes the fields of a credential, too."""
    inputs = {"redisUrl": "redis://u:hunter2!@h", "redisCachePwd": "hunter2!", "x": "y"}
    assert made("RedisBackedChatMemory", inputs).export()["inputs"] == {
        "sessionId": "",
        "sessionTTL": "",
        "memoryKey": "chat_history",
        "windowSize": "",
        "redisUrl": "redis://u:****@h",
        "redisCachePwd": "****",
        "x": "y",
    }


def test_the_inputs_that_were_given_stay_the_callers() -> None:
    """A node does not change with them."""
    inputs = {"sessionId": "a"}
    node = made("RedisBackedChatMemory", inputs)
    inputs["sessionId"] = "b"
    assert node.session_id == "a"
    assert node.export()["inputs"]["sessionId"] == "a"


@pytest.mark.parametrize("value", ["{{old}}", 5.5, "$OLD_URL", ["x"]], ids=str)
def test_a_field_of_another_node_is_kept_and_not_looked_at(value: object) -> None:
    """What is left of an earlier version."""
    with RedisBackedChatMemory({"sessionId": "s", "baseURL": value}) as node:
        assert node.export()["inputs"]["baseURL"] == value


@pytest.mark.parametrize(
    "credential",
    [{"redisUrl": "redis://:s3cret@h"}, {"plainDataObj": {"redisCachePwd": "s3cret"}}],
    ids=["flat", "nested"],
)
def test_a_credential_among_the_inputs_is_not_exported(credential: dict[str, Any]) -> None:
    """A flow file can hold one there."""
    with RedisBackedChatMemory({"sessionId": "s", "credential": credential}) as node:
        assert "s3cret" not in repr(node.export())
