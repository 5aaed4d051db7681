"""Sessions that others wrote: read in full, appended to, and readable where a part is damaged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.nodes.conftest import Palette
from tests.nodes.tools import exchange, texts
from tests.support.servers import Server

FIXTURES = Path(__file__).parents[1] / "fixtures"
FLOWISE: list[dict[str, Any]] = json.loads(
    (FIXTURES / "flowise_redis.demo.json").read_text("utf-8")
)["steps"]
"""What Flowise's own node wrote and handed over, step by step."""

DAMAGED = [
    "no json",
    "5",
    "null",
    "[]",
    "{}",
    '{"type":"human"}',
    '{"type":"human","data":5}',
    '{"type":"human","data":{"content":5}}',
    '{"type":["human"],"data":{"content":"x"}}',
    '{"message":"x","type":"userMessage"}',
    '{"type":"ai","data":{"content":"x","tool_calls":5}}',
    b"\xff\xfe",
]


def lay(server: Server, key: str, elements: list[Any]) -> None:
    """Puts elements, newest first, under a key as another client does."""
    with server.client() as client:
        client.delete(key)
        client.rpush(key, *elements)


def steps(kind: str) -> list[dict[str, Any]]:
    """The recorded steps with a result of that name."""
    return [step for step in FLOWISE if step["step"].startswith(kind)]


def test_what_flowise_wrote_is_handed_over_as_flowise_does(
    palette: Palette, server: Server
) -> None:
    """Each of its recorded sessions, in the plain form."""
    (step,) = steps("get (IMessage)")
    lay(server, "demo", step["redis"][0]["elements"])
    assert palette.ways.get(palette.node("demo")) == step["result"]


def test_base_messages_are_those_of_flowise(palette: Palette, server: Server) -> None:
    """Type and content of each."""
    (step,) = steps("get (BaseMessage)")
    lay(server, "demo", step["redis"][0]["elements"])
    found = palette.ways.get(palette.node("demo"), return_base_messages="langchain")
    expected = [(one["type"], one["data"]["content"]) for one in step["result"]]
    assert [(one.type, one.content) for one in found] == expected


def test_what_is_prepended_is_handed_over_as_flowise_does(palette: Palette, server: Server) -> None:
    """With the images that have a URL."""
    (step,) = steps("get prependMessages")[:1]
    lay(server, "demo", step["redis"][0]["elements"])
    before = [
        {"role": "userMessage", "content": "prepended q"},
        {"role": "apiMessage", "content": "prepended a"},
    ]
    node, ways = palette.node("demo"), palette.ways
    assert ways.get(node, prepend_messages=before) == step["result"]
    upload = {"type": "url", "mime": "image/png", "data": "https://images.example.test/x.png"}
    look = {"role": "userMessage", "content": "look", "fileUploads": json.dumps([upload])}
    found = ways.get(palette.node("none"), "", "langchain", [look])
    (recorded,) = steps("get prependMessages with fileUploads")
    assert [one.content for one in found] == [one["data"]["content"] for one in recorded["result"]]


def test_the_window_has_the_newest_where_flowise_has_the_oldest(
    palette: Palette, server: Server
) -> None:
    """A defect that is not repeated."""
    (step,) = steps("get windowSize='2'")
    lay(server, "demo", step["redis"][0]["elements"])
    found = palette.ways.get(palette.node("demo", windowSize="2"))
    (whole,) = steps("get (IMessage)")
    assert found == whole["result"][-4:]
    assert step["result"] == whole["result"][:2]


@pytest.mark.parametrize("step", FLOWISE, ids=lambda step: step["step"])
def test_every_recorded_session_is_read_in_full(
    palette: Palette, server: Server, step: dict[str, Any]
) -> None:
    """Each element is a message, and none is rewritten by an append."""
    for number, recorded in enumerate(step["redis"]):
        key, elements = f"{recorded['key']}.{number}", recorded["elements"]
        lay(server, key, elements)
        node = palette.node(key)
        contents = [json.loads(element)["data"]["content"] for element in reversed(elements)]
        assert texts(palette.ways.get(node)) == contents
        palette.ways.add(node, exchange(0))
        with server.client() as client:
            found = client.lrange(key, 0, -1)
        assert [one.decode() for one in found[2:]] == elements


@pytest.mark.parametrize(
    "name",
    ["langchain_js_node_redis.main", "legacy_js_langchain_0.0.75", "langchain_py_redis.main"],
)
def test_what_langchain_wrote_is_handed_over(palette: Palette, server: Server, name: str) -> None:
    """What the user and the model said, of each of its versions."""
    recorded = json.loads((FIXTURES / f"{name}.json").read_text("utf-8"))
    elements = recorded["elements"]
    lay(server, "k", elements)
    node = palette.node("k")
    whole = node.session().messages(strict=True)
    assert len(whole) == len(elements)
    shown = [one for one in whole if one.role in ("user", "assistant", "system")]
    expected = [one.content for one in shown if one.content or not one.tool_calls]
    assert texts(palette.ways.get(node)) == expected
    assert expected


@pytest.mark.parametrize("element", DAMAGED, ids=repr)
def test_a_damaged_element_leaves_the_rest_readable(
    palette: Palette, server: Server, element: str | bytes
) -> None:
    """It is in no form of the messages; the session beneath shows it, and it stays."""
    good = json.dumps({"type": "human", "data": {"content": "good"}})
    lay(server, "k", [good, element, good])
    ways = palette.ways
    for inputs in ({}, {"windowSize": 5}, {"maxTokens": 500}, {"summarize": True}):
        node = palette.node("k", **inputs)
        for form in (False, True, "langchain"):
            assert len(ways.get(node, return_base_messages=form)) == 2
    assert [one.role for one in palette.node("k").session().messages()] == [
        *("user", "damaged", "user")
    ]
    ways.add(palette.node("k"), exchange(0))
    assert texts(ways.get(palette.node("k"))) == ["good", "good", "q0", "a0"]
    with server.client() as client:
        kept = client.lrange("k", 3, 3)[0]
    assert kept == (element if isinstance(element, bytes) else element.encode())


def test_a_request_to_remove_a_message_is_in_no_form(palette: Palette, server: Server) -> None:
    """It is no part of what was said."""
    lay(server, "k", ['{"type":"remove","data":{"content":"","id":"x"}}'])
    for form in (False, True, "langchain"):
        assert palette.ways.get(palette.node("k"), return_base_messages=form) == []


@pytest.mark.parametrize(
    "session_id",
    [
        *["support__Redis Chat Memory", "a:b:c", "{tag}rest", "a}b", "{}", "a b", "x" * 1000],
        *["é 東 👩‍👩‍👧", "e\u0301", "\u00e9", "*", "s?[a]", "%20", "a\nb", "a\x00b", " ", "42"],
    ],
)
def test_a_session_id_is_the_key_as_it_is(
    palette: Palette, server: Server, session_id: str
) -> None:
    """Nothing is escaped, cut or made equal: another library finds the session under it."""
    node, ways = palette.node(session_id), palette.ways
    ways.add(node, exchange(0))
    with server.client() as client:
        assert client.llen(session_id) == 2
    assert texts(ways.get(node)) == ["q0", "a0"]
    ways.clear(node)
    with server.client() as client:
        assert client.exists(session_id) == 0
