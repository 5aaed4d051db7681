"""Chatflows that cannot be read: a clear error, with node and field, and nothing of the file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from redialog.errors import ConfigurationError
from redialog.nodes import NodeError, flows
from tests.nodes.flowing import REDIS, UPSTASH, flow, memory_node, other_node

SECRET = "t0p-secret"


def refused(document: Any, node: str | None = None, field: str | None = None) -> str:
    """What is said of a flow that is not read; with a node also of which field."""
    with pytest.raises(ConfigurationError) as caught:
        flows.memory_nodes(document)
    assert SECRET not in str(caught.value)
    assert caught.value.__context__ is None or caught.value.__suppress_context__
    if node is None:
        assert type(caught.value) is ConfigurationError
    else:
        assert isinstance(caught.value, NodeError)
        assert (caught.value.node, caught.value.field) == (node, field)
    return str(caught.value)


WHOLE = json.dumps(flow(memory_node(inputs={"sessionId": SECRET})))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "it is empty"),
        (" \n", "it is empty"),
        (b"", "it is empty"),
        (WHOLE[:-1], "ends in the middle"),
        (WHOLE[: WHOLE.index(SECRET) + 4], "ends in the middle"),
        (WHOLE[: WHOLE.index(SECRET) - 3], "ends in the middle"),
        (WHOLE.replace("chat_history", "日").encode()[:-1], "ends in the middle"),
        ('{"nodes": ["日'.encode()[:-1], "ends in the middle"),
        (f'{{"a": 1,\n "b": {SECRET}}}', "not JSON from line 2, column 7 on"),
        (WHOLE + "}", "not JSON from line 1"),
        ("<html></html>", "not JSON from line 1, column 1 on"),
        (f'{{"a": "{SECRET} '.encode() + b'\xff"}', "is not UTF-8 (byte 19)"),
        (WHOLE.encode("utf-16"), "is not UTF-8 (byte 1)"),
        ("[" * 100_000, "nested too deeply"),
        ('{"nodes": ' + "[" * 300 + "]" * 300 + "}", "nested more than 200 levels deep"),
        ('{"nodes": [NaN]}', "NaN, infinity"),
        ('{"nodes": [-Infinity]}', "NaN, infinity"),
        ('{"nodes": [1e999]}', "NaN, infinity"),
        ('{"nodes": [' + "9" * 5000 + "]}", "a number that is too long"),
    ],
)
def test_a_damaged_text(text: str | bytes, said: str) -> None:
    """It says what is wrong and where, and shows nothing of the text."""
    assert said in refused(text)


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ([flow(memory_node())], "not a list"),
        ("text", "it is not JSON"),
        ('"text"', "not text"),
        ("null", "not null"),
        ("true", "not true or false"),
        ("3", "not a number"),
        ({}, "has no nodes"),
        ({"edges": []}, "has no nodes"),
        ({"nodes": None}, "has no list of nodes"),
        ({"nodes": {}}, "has no list of nodes"),
        ({"nodes": "[]"}, "has no list of nodes"),
        ({"flowData": None}, "has no list of nodes"),
        ({"flowData": "{}"}, "has no list of nodes"),
        ({"flowData": "[]"}, "has no list of nodes"),
        ({"flowData": '{"nodes": ['}, "flowData of the flow is damaged: it ends in the middle"),
        ({"ChatFlow": {"data": []}}, "ChatFlow must be a list of flows, not an object"),
        ({"ChatFlow": [3]}, "ChatFlow[0] must be a flow, not a number"),
        ({"ChatFlow": [{"name": "A"}]}, "the flow 'A' has no list of nodes"),
        ({"ChatFlow": [{"name": "A", "flowData": "{"}]}, "flowData of the flow 'A' is damaged"),
        ({"nodes": [3]}, "nodes[0] is no node"),
        ({"nodes": [{}]}, "nodes[0] is no node"),
        ({"nodes": [{"data": "x"}]}, "nodes[0] is no node"),
        ({"nodes": [{"data": {"name": 3}}]}, "nodes[0] is no node"),
        ({1: 2}, "a key that is no text"),
        ({"nodes": [{"data": {"name": b"x"}}]}, "type bytes"),
        ({"nodes": [{"data": {"x": float("nan")}}]}, "NaN"),
    ],
)
def test_no_flow(document: object, said: str) -> None:
    """JSON of another shape is no flow, and the error says what is missing where."""
    assert said in refused(document)


def test_a_flow_that_is_nested_without_end() -> None:
    """A mapping that holds itself is refused, and not followed."""
    endless: dict[str, Any] = {"nodes": []}
    endless["nodes"].append(endless)
    assert "nested more than 200 levels deep" in refused(endless)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """A missing file, a folder and a name that no file can have are told as such."""
    for path, said in (
        (tmp_path / "none.json", "No such file"),
        (tmp_path, "Is a directory"),
        ("a\0b", "no name of a file"),
    ):
        with pytest.raises(ConfigurationError, match=said):
            flows.read(path)


def test_no_memory_node() -> None:
    """It says which nodes there are, and which of them keep a memory elsewhere."""
    text = refused(flow(other_node("bufferMemory", "Memory"), other_node("zep", "Memory")))
    assert "only 'chatOpenAI', 'conversationChain', 'stickyNote', 'bufferMemory', 'zep'" in text
    assert "'bufferMemory', 'zep' would have to be replaced" in text
    assert f"{REDIS} and {UPSTASH}" in text
    assert "replaced" not in refused(flow())
    assert "no nodes at all" in refused({"nodes": []})


def test_many_and_long_names() -> None:
    """The names of nodes are somebody's text: few of them are shown, short and on one line."""
    nodes = [other_node(f"evil\n\x1b[2J{'x' * 100}{at}", "") for at in range(50)]
    text = refused({"nodes": nodes})
    assert text.count("evil") == 12
    assert "and 38 more" in text
    assert "x" * 60 not in text
    assert "\x1b" not in text
    assert "\n" not in text


@pytest.mark.parametrize("version", [3, 3.0, 17, "3", 10**300])
def test_a_newer_version(version: object) -> None:
    """What a newer version means nobody knows here."""
    text = refused(flow(memory_node(version=version)), f"{REDIS}_0", "version")
    assert "this redialog knows 2; update" in text
    assert len(text) < 200


@pytest.mark.parametrize(
    "version", [0, 0.5, -1, True, "", "two", "nan", "inf", "-inf", [], {"a": SECRET}, SECRET]
)
def test_no_version(version: object) -> None:
    """What is no number, or less than 1, is no version."""
    node = memory_node(version=version)
    assert "must be a number such as 2" in refused(flow(node), f"{REDIS}_0", "version")


@pytest.mark.parametrize("version", [1, ..., None])
def test_the_first_version_of_the_redis_node(version: object) -> None:
    """It had its address among its inputs, with the password: the error says what to do."""
    url = f"redis://:{SECRET}@x"
    node = memory_node(inputs={"baseURL": url}, version=version)
    text = refused(flow(node), f"{REDIS}_0", "version")
    assert "baseURL" in text
    assert "replace the node" in text


@pytest.mark.parametrize(
    ("value", "kind"), [([], "a list"), ("x", "text"), (3, "a number"), (True, "true or false")]
)
def test_inputs_that_are_none(value: object, kind: str) -> None:
    """The inputs are an object."""
    node = memory_node()
    node["data"]["inputs"] = value
    assert f"not {kind}" in refused(flow(node), f"{REDIS}_0", "inputs")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sessionTTL", "soon"),
        ("sessionTTL", "-1"),
        ("windowSize", "{{size}}"),
        ("windowSize", [3]),
        ("sessionId", {"a": 1}),
        ("sessionId", "x" * 20_000),
        ("sessionId", "redialog:x"),
        ("sessionId", "{{$vars.session}}"),
        ("memoryKey", 1.5),
        ("summarize", "perhaps"),
        ("ttlMode", "never"),
    ],
)
def test_an_input_of_a_wrong_type(name: str, value: object) -> None:
    """It names the node by its id in the flow, of which several can be of one kind."""
    [_, found] = flows.memory_nodes(flow(memory_node(), memory_node(REDIS, {name: value}, at=1)))
    with pytest.raises(NodeError) as caught:
        found.node()
    assert (caught.value.node, caught.value.field) == (f"{REDIS}_1", name)
    assert str(caught.value).startswith(f"{REDIS}_1: {name}: ")


@pytest.mark.parametrize("value", [3, True, [], [SECRET]])
def test_a_credential_of_a_wrong_type(value: object) -> None:
    """It is an id or an object."""
    node = memory_node(credential=value)
    assert "must be an id or an object" in refused(flow(node), f"{REDIS}_0", "credential")


def test_a_credential_that_is_missing() -> None:
    """The Upstash node needs one, whether the flow names it or not."""
    named: list[dict[str, Any]] = [{}, {"credential": ""}, {"credential": SECRET}]
    for data in named:
        [found] = flows.memory_nodes(flow(memory_node(UPSTASH, {"baseURL": "https://x"}, **data)))
        with pytest.raises(NodeError) as caught:
            found.node()
        assert (caught.value.node, caught.value.field) == (f"{UPSTASH}_0", "credential")
        assert f"--credential {UPSTASH}_0=FILE.json" in str(caught.value)
        assert SECRET not in str(caught.value) + repr(found)


@pytest.mark.parametrize(
    "credential", [{"name": "other"}, {"redisUrl": SECRET}, {"name": [SECRET]}]
)
def test_a_credential_of_another_kind(credential: dict[str, object]) -> None:
    """It names the node by its id and shows nothing of the credential."""
    [found] = flows.memory_nodes(flow(memory_node(credential=credential)))
    with pytest.raises(NodeError) as caught:
        found.node()
    assert (caught.value.node, caught.value.field) == (f"{REDIS}_0", "credential")
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"version": 3}, "version"),
        ({"credential": 5}, "credential"),
        ({"credential": "id"}, "credential"),
        ({"inputs": {"windowSize": "x"}}, "windowSize"),
    ],
)
def test_which_of_several_flows_it_is(data: dict[str, Any], field: str) -> None:
    """In a file with all of a workspace, where the nodes of different flows have the same ids."""
    several = [
        {"name": name, "flowData": json.dumps(flow(memory_node(**given)))}
        for name, given in (("Sales", {}), ("Support", data))
    ]

    def opened() -> None:
        for found in flows.memory_nodes({"ChatFlow": several}):
            found.node().close()

    with pytest.raises(NodeError) as caught:
        opened()
    assert (caught.value.node, caught.value.field) == (f"{REDIS}_0 of the flow 'Support'", field)


def test_ids() -> None:
    """Each node has an id, and no two memory nodes of a flow the same."""
    refused(flow(memory_node(), memory_node()), f"{REDIS}_0", "id")
    values: list[object] = ["", None, 3, []]
    for value in values:
        node = memory_node()
        node["id"] = node["data"]["id"] = value
        assert "must be text" in refused(flow(node), "nodes[3]", "id")
    node = memory_node()
    node["id"] = node["data"]["id"] = "evil\n\x1b[2J"
    node["data"]["version"] = 3
    refused(flow(node), r"'evil\n\x1b[2J'", "version")
