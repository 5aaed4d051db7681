"""Messages that a node is given and hands over: forms, tools, images, what is no message."""

from __future__ import annotations

import re
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage

from redialog import Message, ToolCall
from redialog.nodes import NodeError
from tests.nodes.conftest import Palette
from tests.nodes.tools import api, exchange, texts, user
from tests.support.servers import Server

CALL = {"id": "c1", "type": "function", "function": {"name": "t", "arguments": '{"a":1}'}}


def test_a_message_is_taken_in_every_form(palette: Palette) -> None:
    """Of the builders, of OpenAI, of LangChain, and this library's."""
    node, ways = palette.node(), palette.ways
    given: list[Any] = [
        {"text": "0", "type": "userMessage", "message": "not this"},
        {"message": "1", "type": "apiMessage"},
        {"content": "2", "role": "userMessage"},
        {"role": "assistant", "content": "3"},
        HumanMessage("4"),
        {"type": "ai", "data": {"content": "5"}},
        Message.user("6"),
        {"type": "apiMessage", "role": "user", "content": "7"},
        {"role": "system", "content": "8"},
    ]
    ways.add(node, given)
    assert [(one["message"], one["type"]) for one in ways.get(node)] == [
        *[("0", "userMessage"), ("1", "apiMessage"), ("2", "userMessage"), ("3", "apiMessage")],
        *[("4", "userMessage"), ("5", "apiMessage"), ("6", "userMessage"), ("7", "apiMessage")],
        ("8", "apiMessage"),
    ]


def test_the_calls_of_tools_are_stored(palette: Palette) -> None:
    """The original dropped them; as dicts only what has a text is handed over."""
    node, ways = palette.node(), palette.ways
    given: list[Any] = [
        user("q"),
        {"type": "apiMessage", "text": "Let me see.", "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "c1", "content": "1"},
        {"type": "apiMessage", "tool_calls": [{"name": "t", "args": {}, "id": "c2"}]},
        ToolMessage("2", tool_call_id="c2"),
        api("a"),
    ]
    ways.add(node, given)
    base = ways.get(node, return_base_messages=True)
    roles = ["user", "assistant", "tool", "assistant", "tool", "assistant"]
    assert [one.role for one in base] == roles
    assert base[1].tool_calls == (ToolCall("t", {"a": 1}, "c1"),)
    assert texts(ways.get(node)) == ["q", "Let me see.", "a"]
    theirs = ways.get(node, return_base_messages="langchain")
    assert isinstance(theirs[1], AIMessage)
    assert theirs[1].tool_calls[0]["args"] == {"a": 1}


def test_the_tools_that_a_builder_lists_become_calls_and_results(palette: Palette) -> None:
    """Before the answer, each call with its result."""
    node, ways = palette.node(), palette.ways
    used = [
        {"tool": "weather", "toolInput": {"city": "Paris"}, "toolOutput": "21C"},
        None,
        {"tool": "search", "toolInput": "x", "toolOutput": {"found": ["é"]}},
        {"tool": "broken", "toolOutput": "", "error": "no route"},
    ]
    ways.add(node, [user("q"), {"type": "apiMessage", "text": "a", "usedTools": used}])
    base = ways.get(node, return_base_messages=True)
    calls = [call for one in base for call in one.tool_calls]
    assert [(call.name, call.args) for call in calls] == [
        ("weather", {"city": "Paris"}),
        ("search", {"input": "x"}),
        ("broken", {}),
    ]
    results = [one for one in base if one.role == "tool"]
    assert [one.text for one in results] == ["21C", '{"found":["é"]}', "no route"]
    assert [one.tool_call_id for one in results] == [call.id for call in calls]
    assert len({call.id for call in calls}) == 3
    assert texts(ways.get(node)) == ["q", "a"]


def test_a_call_without_its_result_is_in_no_base_messages(palette: Palette) -> None:
    """No model may be given it; what was said beside it can be shown all the same."""
    node, ways = palette.node(), palette.ways
    ways.add(node, [user("q"), {"type": "apiMessage", "text": "Wait.", "tool_calls": [CALL]}])
    assert texts(ways.get(node)) == ["q", "Wait."]
    assert [one.text for one in ways.get(node, return_base_messages=True)] == ["q"]


def test_images_stay_with_what_was_said(palette: Palette) -> None:
    """Those that have a URL; what lies in the builder's own storage is not to be seen from here."""
    node, ways = palette.node(), palette.ways
    uploads = (
        '[{"type":"url","mime":"image/png","data":"https://h/x.png"},'
        '{"type":"stored-file","name":"y.png","mime":"image/png"},'
        '{"type":"url","mime":"text/plain","data":"https://h/x.txt"}, 5]'
    )
    blocks = [
        {"type": "text", "text": "look"},
        {"type": "image_url", "image_url": {"url": "https://h/x.png"}},
    ]
    ways.add(node, [{**user("look"), "fileUploads": uploads}])
    assert texts(ways.get(node)) == [blocks]
    before = [{"role": "userMessage", "content": "look", "fileUploads": uploads}]
    assert ways.get(node, "", True, before)[0].content == blocks
    damaged: list[object] = [
        "",
        "{",
        "[" * 100_000,
        "{}",
        None,
        [],
        5,
        [{"type": "stored-file", "name": "x"}],
    ]
    for broken in damaged:
        found = ways.get(node, "", False, [{**user("p"), "fileUploads": broken}])
        assert found[0]["message"] == "p"


def test_blocks_are_handed_over_as_they_are(palette: Palette) -> None:
    """As the original does."""
    blocks = [{"type": "text", "text": "a"}, {"type": "x", "y": [1]}]
    node, ways = palette.node(), palette.ways
    ways.add(node, [{"type": "userMessage", "content": blocks}])
    assert ways.get(node) == [{"message": blocks, "type": "userMessage"}]


def test_a_role_beside_the_text_of_a_builder(palette: Palette) -> None:
    """The text of a role of OpenAI's counts under each of its names; no empty message is made."""
    node, ways = palette.node(), palette.ways
    given: list[dict[str, object]] = [
        {"role": "user", "text": "q"},
        {"role": "assistant", "message": "a"},
        {"role": "user", "content": "", "text": "q2"},
        {"type": "apiMessage", "text": "", "message": "a2"},
    ]
    ways.add(node, given)
    assert [(one.role, one.content) for one in ways.get(node, "", True)] == [
        ("user", "q"),
        ("assistant", "a"),
        ("user", "q2"),
        ("assistant", "a2"),
    ]


ENDLESS: dict[str, object] = {}
ENDLESS["again"] = ENDLESS

NO_MESSAGES: list[object] = [
    "hi",
    None,
    5,
    {},
    {"text": "x"},
    {"text": "x", "type": "otherMessage"},
    {"text": "x", "type": ["userMessage"]},
    {"type": "userMessage"},
    {"type": "userMessage", "text": None},
    {"type": "userMessage", "text": 5},
    {"type": "apiMessage", "text": {"a": 1}},
    {"type": "apiMessage", "text": [5]},
    {"type": "apiMessage", "text": "x", "tool_calls": "t"},
    {"type": "apiMessage", "text": "x", "tool_calls": [{"no": "name"}]},
    {"type": "apiMessage", "text": "x", "tool_calls": 5},
    {"type": "apiMessage", "text": "x", "usedTools": "t"},
    {"type": "apiMessage", "text": "x", "usedTools": 5},
    {"type": "apiMessage", "text": "x", "usedTools": [{"toolInput": {}}]},
    {"type": "apiMessage", "text": "x", "usedTools": [{"tool": "t", "toolOutput": object()}]},
    {"type": "apiMessage", "text": "x", "usedTools": [{"tool": "t", "toolInput": object()}]},
    {"role": "narrator", "content": "x"},
    {"type": "ai", "data": 5},
    {"type": "nothing", "data": {"content": "x"}},
    {"type": "remove", "data": {"content": "", "id": "1"}},
    {"type": "apiMessage", "text": "x", "usedTools": [{"tool": "t", "toolOutput": ENDLESS}]},
]


def without_address(value: object) -> str:
    """A name that is the same in every process."""
    return re.sub(r" at 0x\w+", "", repr(value))


@pytest.mark.parametrize("value", NO_MESSAGES, ids=without_address)
def test_what_is_no_message_is_told_and_nothing_is_stored(palette: Palette, value: Any) -> None:
    """With its place in the list; as something to prepend, too."""
    node, ways = palette.node(), palette.ways
    with pytest.raises(NodeError) as caught:
        ways.add(node, [*exchange(0), value])
    assert (caught.value.node, caught.value.field) == (palette.name, "messages[2]")
    with pytest.raises(NodeError) as caught:
        ways.get(node, prepend_messages=[value])
    assert caught.value.field == "prepend_messages[0]"
    assert ways.get(node) == []


def test_what_utf_8_cannot_hold_is_told_and_nothing_is_stored(palette: Palette) -> None:
    """As a message that is none, and without its text."""
    node, ways = palette.node(), palette.ways
    with pytest.raises(NodeError, match=r"messages: .*surrogate") as caught:
        ways.add(node, [*exchange(0), user("hunter2 \ud83d")])
    assert "hunter2" not in str(caught.value)
    assert ways.get(node) == []


@pytest.mark.parametrize("value", ["hi", b"hi", user("hi"), 5, None, Message.user("hi")])
def test_messages_come_in_a_list(palette: Palette, value: Any) -> None:
    """One alone is easily given in its place."""
    with pytest.raises(NodeError, match="messages: must be a list"):
        palette.ways.add(palette.node(), value)


@pytest.mark.parametrize("form", ["base", 2, None, [True]])
def test_the_form_is_one_of_three(palette: Palette, form: Any) -> None:
    """True, false, or LangChain's."""
    with pytest.raises(NodeError) as caught:
        palette.ways.get(palette.node(), return_base_messages=form)
    assert caught.value.field == "return_base_messages"


def test_a_form_that_there_is_not_asks_nobody(palette: Palette, server: Server) -> None:
    """Not even for what reading alone would do: begin the TTL anew."""
    node, ways = palette.node(sessionTTL=300, ttlMode="on_read"), palette.ways
    ways.add(node, exchange(0))
    with server.client() as client:
        client.expire("s", 50)
        with pytest.raises(NodeError):
            ways.get(node, return_base_messages="base")
        assert client.ttl("s") <= 50
