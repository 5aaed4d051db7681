"""`redialog.nodes.flows`: what is read from a chatflow that is as it should be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from redialog.nodes import NodeError, RedisBackedChatMemory, UpstashRedisBackedChatMemory, flows
from tests.nodes.flowing import (
    CREDENTIAL_ID,
    REDIS,
    UPSTASH,
    flow,
    memory_node,
    other_node,
    written,
)

TOKEN = {"name": "upstashRedisMemoryApi", "upstashRestToken": "t0p-secret"}
URL = {"name": "redisCacheUrlApi", "redisUrl": "redis://:t0p-secret@127.0.0.1:6379"}


def test_the_memory_nodes_of_an_export() -> None:
    """Each is found where it stands, with all that it is set to; other nodes are not looked at."""
    first = memory_node(REDIS, {"sessionId": "a", "windowSize": "3", "mine": [1]}, label="Ours")
    second = memory_node(UPSTASH, {"baseURL": "https://x.upstash.io"})
    one, two = flows.memory_nodes(flow(first, other_node("calculator", "Tools"), second))
    assert (one.id, one.name, one.label, one.version) == (f"{REDIS}_0", REDIS, "Ours", 2)
    assert one.inputs == {
        "sessionId": "a",
        "sessionTTL": "",
        "memoryKey": "chat_history",
        "windowSize": "3",
        "mine": [1],
    }
    assert (one.flow, one.place, two.place) == (None, "nodes[3]", "nodes[5]")
    assert (one.credential_id, one.credential, one.needs_credential) == (None, None, False)
    assert (two.id, two.name, two.needs_credential) == (f"{UPSTASH}_0", UPSTASH, True)


def test_they_become_nodes() -> None:
    """A node is made with the inputs of the flow and the credential beside it."""
    redis, upstash = flows.memory_nodes(
        flow(
            memory_node(REDIS, {"sessionId": "a", "memoryKey": "past"}),
            memory_node(UPSTASH, {"baseURL": "https://x.upstash.io", "sessionId": "b"}),
        )
    )
    with redis.node(URL) as one, upstash.node(TOKEN) as two:
        assert isinstance(one, RedisBackedChatMemory)
        assert isinstance(two, UpstashRedisBackedChatMemory)
        assert (one.session_id, one.memory_key, two.session_id) == ("a", "past", "b")


@pytest.mark.parametrize("form", ["text", "bytes", "mark", "mapping", "file"])
def test_each_form_of_the_same_flow(form: str, tmp_path: Path) -> None:
    """It can be text, UTF-8 with and without a mark, parsed, or a file."""
    document = flow(memory_node(inputs={"sessionId": "Zoë 日本"}))
    text = json.dumps(document, ensure_ascii=False)
    forms: dict[str, Any] = {
        "text": text,
        "bytes": text.encode(),
        "mark": b"\xef\xbb\xbf" + text.encode(),
        "mapping": document,
    }
    if form == "file":
        [found] = flows.read(Path(written(tmp_path, document)))
    else:
        [found] = flows.memory_nodes(forms[form])
    assert found.inputs["sessionId"] == "Zoë 日本"


def test_what_the_api_answers() -> None:
    """A flow whose nodes stand as JSON in a text is read like an export."""
    document = flow(memory_node())
    for inner in (json.dumps(document), document):
        [found] = flows.memory_nodes({"id": "x", "name": "Support", "flowData": inner})
        assert (found.id, found.flow) == (f"{REDIS}_0", None)


def test_all_flows_of_a_workspace() -> None:
    """Of the file with all flows each memory node is found, under the name of its flow."""
    chat = {"name": "Support", "flowData": json.dumps(flow(memory_node()))}
    agent = {"flowData": json.dumps(flow(memory_node(), memory_node(at=1)))}
    empty = {"name": "None", "flowData": json.dumps(flow())}
    found = flows.memory_nodes({"Tool": [], "ChatFlow": [empty, chat], "AgentFlowV2": [agent]})
    assert [(one.flow, one.id, one.place) for one in found] == [
        ("Support", f"{REDIS}_0", "flow 'Support', nodes[3]"),
        ("AgentFlowV2[0]", f"{REDIS}_0", "flow 'AgentFlowV2[0]', nodes[3]"),
        ("AgentFlowV2[0]", f"{REDIS}_1", "flow 'AgentFlowV2[0]', nodes[4]"),
    ]


def test_a_name_in_another_case() -> None:
    """A node is found also where its name is written differently, as an early version did."""
    node = memory_node(UPSTASH)
    node["data"]["name"] = "UpstashRedisBackedChatMemory"
    [found] = flows.memory_nodes(flow(node))
    assert found.name == UPSTASH


def test_a_node_with_the_least() -> None:
    """Name and id are enough: what is not there is not set, and the label is the usual one."""
    node = {"data": {"id": "m", "name": REDIS, "version": 2}}
    [found] = flows.memory_nodes({"nodes": [node]})
    assert (found.id, found.label, found.inputs) == ("m", "Redis-Backed Chat Memory", {})


@pytest.mark.parametrize("version", [2, 2.0, 2.1, "2", "2.0"])
def test_versions(version: object) -> None:
    """Version 2 is read, as a number or as text, and so is what comes after the point."""
    [found] = flows.memory_nodes(flow(memory_node(version=version)))
    assert found.version in (2, 2.1)


@pytest.mark.parametrize("version", [1, 1.0, ...])
def test_the_first_version_of_the_upstash_node(version: object) -> None:
    """It had the same fields, but for the memory key, which was what its chain called it."""
    node = memory_node(UPSTASH, version=version)
    del node["data"]["inputs"]["memoryKey"]
    [found] = flows.memory_nodes(flow(node))
    assert (found.version, found.inputs["memoryKey"]) == (1, "history")
    [later] = flows.memory_nodes(flow(memory_node(UPSTASH, {"memoryKey": "x"}, version=1)))
    assert later.inputs["memoryKey"] == "x"


@pytest.mark.parametrize(
    ("data", "inputs"),
    [
        ({"credential": CREDENTIAL_ID}, {}),
        ({"credential": ""}, {"credential": CREDENTIAL_ID}),
        ({}, {"FLOWISE_CREDENTIAL_ID": CREDENTIAL_ID}),
    ],
)
def test_a_credential_that_is_named(data: dict[str, Any], inputs: dict[str, Any]) -> None:
    """The flow says what the builder calls it, and a node is made only with what is in it."""
    [found] = flows.memory_nodes(flow(memory_node(inputs=inputs, **data)))
    assert (found.credential_id, found.needs_credential) == (CREDENTIAL_ID, True)
    with pytest.raises(NodeError, match=CREDENTIAL_ID) as caught:
        found.node()
    assert (caught.value.node, caught.value.field) == (f"{REDIS}_0", "credential")
    assert f"--credential {REDIS}_0=FILE.json" in str(caught.value)
    found.node(URL).close()


@pytest.mark.parametrize("empty", ["", None, {}])
def test_no_credential(empty: object) -> None:
    """Empty stands for none, with which the Redis node works, as in the builder."""
    [found] = flows.memory_nodes(flow(memory_node(credential=empty)))
    assert not found.needs_credential
    found.node().close()
    found.node({}).close()


def test_a_credential_inside_the_flow() -> None:
    """It is used where there is no other one, is no input, and shows in nothing."""
    for node in (memory_node(credential=URL), memory_node(inputs={"credential": URL})):
        [found] = flows.memory_nodes(flow(node))
        assert found.credential == URL
        assert "t0p-secret" not in repr(found)
        with found.node() as made:
            assert "credential" not in made.export()["inputs"]
            assert "t0p-secret" not in repr(made.export())
        other = {"name": "redisCacheApi", "redisCacheHost": "other.example"}
        with found.node(other) as made:
            assert made.export()["credential"]["redisCacheHost"] == "other.example"


def test_what_is_not_shown() -> None:
    """A node of a flow shows where it stands, and not what is in it."""
    [found] = flows.memory_nodes(flow(memory_node(inputs={"redisCachePwd": "t0p-secret"})))
    assert f"{REDIS}_0" in repr(found)
    assert "t0p-secret" not in repr(found)
