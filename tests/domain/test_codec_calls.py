"""Tool calls as every generation of writers stored them, and as they are stored."""

from __future__ import annotations

import json
from typing import Any

import pytest

from redialog import Message, ToolCall
from redialog.turns import newest_turns
from tests.domain.tools import data_of, read, reread, write

EARLY_CALL = {"id": "1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}
EARLY = {"content": "", "additional_kwargs": {"tool_calls": [EARLY_CALL], "refusal": None}}


def test_calls_that_only_the_keyword_arguments_hold() -> None:
    """Before LangChain had tool calls of its own, OpenAI's form was all that was stored."""
    message = read({"type": "ai", "data": EARLY})
    assert list(message.tool_calls) == [ToolCall("f", {"a": 1}, "1")]
    assert data_of(write(message)) == EARLY | {"id": "new-id"}


def test_changed_calls_replace_those_in_the_keyword_arguments() -> None:
    """A reader that prefers the provider's form must not see the calls of before."""
    written = data_of(write(read({"type": "ai", "data": EARLY}).replace(tool_calls=[])))
    assert written["tool_calls"] == []
    assert written["additional_kwargs"] == {"refusal": None}


@pytest.mark.parametrize("call_id", [{"a": 1}, ["1"], 5, True])
def test_an_id_that_is_no_text_is_none(call_id: object) -> None:
    """Results are looked up by it: one such call must not make a session unreadable."""
    invalid = {"name": "f", "args": "{", "id": call_id}
    element = {"type": "ai", "data": {"content": "x", "invalid_tool_calls": [invalid]}}
    message = read(element)
    assert list(message.tool_calls) == [ToolCall("f", "{", None)]
    assert newest_turns([message], 1, whole=True) == 0
    assert data_of(write(message))["invalid_tool_calls"] == [invalid]


def test_calls_of_a_wrong_form_are_read_and_kept() -> None:
    """Arguments that are no JSON stand under a name of their own in LangChain's messages."""
    invalid = {
        "type": "invalid_tool_call",
        "name": "f",
        "args": '{"a": ',
        "id": "2",
        "error": "Unexpected end",
    }
    data = {"content": "", "tool_calls": [{"name": "g", "args": {}, "id": "1"}]}
    message = read({"type": "ai", "data": data | {"invalid_tool_calls": [invalid]}})
    assert [(c.name, c.args, c.id) for c in message.tool_calls] == [
        ("g", {}, "1"),
        ("f", '{"a": ', "2"),
    ]
    # Setting them anew writes them from what was read.
    written = data_of(write(message.replace(tool_calls=list(message.tool_calls), content="y")))
    assert written["invalid_tool_calls"] == [invalid]
    # Others in their place are written with LangChain's own fields only.
    further = ToolCall("f", '{"a": ', "2", {"error": "Unexpected end", "index": 1})
    changed = message.replace(tool_calls=[further])
    written = json.loads(write(changed))
    assert (written["data"]["tool_calls"], written["data"]["invalid_tool_calls"]) == ([], [invalid])
    assert written["redialog"]["calls"] == [[1, {"index": 1}]]
    assert reread(changed).tool_calls == changed.tool_calls


@pytest.mark.parametrize(
    ("call", "beside"),
    [
        (ToolCall("f", "{", "1", {"error": None}), None),
        # No text: LangChain would not load it.
        (ToolCall("f", "{", "1", {"error": {"code": 1}}), [[1, {"error": {"code": 1}}]]),
        (ToolCall("f", {}, "1", {"error": "x"}), [[0, {"error": "x"}]]),
    ],
    ids=str,
)
def test_what_was_wrong_with_a_call_is_kept(call: ToolCall, beside: list[Any] | None) -> None:
    """In LangChain's field for it where that takes it, else beside."""
    message = Message.assistant(tool_calls=[call])
    written = json.loads(write(message))
    assert written.get("redialog", {}).get("calls") == beside
    assert reread(message).tool_calls == (call,)


PLAIN_CALL = ToolCall("f", {"a": 1}, "1")
BAD_CALL = ToolCall("g", "{", "2")
OPENAI_CALL = {"index": 0, "id": "3", "type": "function"}
ORDERED: list[tuple[list[Any], list[Any] | None]] = [
    ([PLAIN_CALL], None),
    ([PLAIN_CALL, PLAIN_CALL, BAD_CALL, BAD_CALL], None),
    ([BAD_CALL, PLAIN_CALL], [[1, {}], [0, {}]]),
    ([PLAIN_CALL, BAD_CALL, PLAIN_CALL], [[0, {}], [1, {}], [0, {}]]),
    ([ToolCall("f", {}, "1", {"x": [1]}), BAD_CALL], [[0, {"x": [1]}], [1, {}]]),
    (
        [OPENAI_CALL | {"function": {"name": "f", "arguments": "{}"}}, PLAIN_CALL],
        [[0, {"index": 0}], [0, {}]],
    ),
    (
        [{"id": "1", "type": "custom", "custom": {"name": "f", "input": "x"}}],
        [[0, {"type": "custom"}]],
    ),
]


@pytest.mark.parametrize(("calls", "kept"), ORDERED, ids=lambda value: str(value)[:40])
def test_calls_are_stored_as_langchain_has_them(calls: list[Any], kept: list[Any] | None) -> None:
    """Four fields each, valid and malformed ones apart; the rest and the order under our key."""
    message = Message.assistant("x", tool_calls=calls)
    written = json.loads(write(message))
    stored = {
        kind: [
            {"name": c.name, "args": c.args, "id": c.id, "type": kind.removesuffix("s")}
            for c in message.tool_calls
            if isinstance(c.args, str) is (kind == "invalid_tool_calls")
        ]
        for kind in ("tool_calls", "invalid_tool_calls")
    }
    for kind, expected in stored.items():
        assert written["data"].get(kind, []) == expected
    assert written["redialog"].get("calls") == kept
    assert reread(message).tool_calls == message.tool_calls
    # Also after another field was changed, and the same through a rewrite.
    changed = reread(message).replace(content="y")
    assert reread(changed).tool_calls == message.tool_calls
    again = reread(message).replace(tool_calls=[]).replace(tool_calls=message.tool_calls)
    assert reread(again).tool_calls == message.tool_calls
    gone = json.loads(write(reread(message).replace(tool_calls=[])))
    assert "calls" not in gone["redialog"]
    assert not any(gone["data"].get(kind) for kind in stored)


@pytest.mark.parametrize(
    "kept",
    [
        [],
        [5],
        ["ab"],
        [[0]],
        [[1, {}, {}]],
        [[2, {}], [0, {}]],
        [["0", {}], [1, {}]],
        [[[], {}], [1, {}]],
        [[1, 5], [0, {}]],
        [[1, {}]],
        [[1, {}], [0, {}], [0, {}]],
        [[0, {}], [0, {}]],
        None,
    ],
    ids=repr,
)
def test_what_was_kept_of_other_calls_is_not_used(kept: Any) -> None:
    """Where another writer changed the calls, theirs count, and nothing else is lost."""
    data = {
        "content": "x",
        "tool_calls": [{"name": "f", "args": {}, "id": "1", "type": "tool_call"}],
        "invalid_tool_calls": [
            {"name": "g", "args": "{", "id": "2", "type": "invalid_tool_call", "error": "cut"}
        ],
    }
    ours = {"at": 5, "metadata": {"a": 1}, "calls": kept}
    message = read({"type": "ai", "data": data, "redialog": ours})
    assert list(message.tool_calls) == [
        ToolCall("f", {}, "1"),
        ToolCall("g", "{", "2", {"error": "cut"}),
    ]
    assert (message.metadata, message.created_at is None) == ({"a": 1}, False)


PIECES: list[Any] = [
    [{"index": 0, "id": None, "function": {"name": None, "arguments": '{"a'}}],
    [{"index": 0, "function": {"arguments": "x"}}],
    [{"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}, {}],
    [5],
    ["text"],
    "text",
    5,
    None,
    {},
]


@pytest.mark.parametrize("pieces", PIECES, ids=repr)
def test_a_streamed_piece_of_a_call_does_not_cost_the_text(pieces: Any) -> None:
    """The provider's form may hold what is no call yet; the message beside it is readable."""
    data = {"content": "hello", "tool_calls": [], "additional_kwargs": {"tool_calls": pieces}}
    for kind in ("ai", "AIMessageChunk"):
        message = read({"type": kind, "data": data}, strict=True)
        assert (message.role, message.text, message.tool_calls) == ("assistant", "hello", ())
        assert message.extra["additional_kwargs"] == {"tool_calls": pieces}
        assert data_of(write(message))["additional_kwargs"] == {"tool_calls": pieces}


def test_emptied_fields_do_not_take_the_calls_along() -> None:
    """What a message shows is what is stored, also where an early writer left its calls there."""
    message = read({"type": "ai", "data": EARLY}).replace(extra={})
    assert list(message.tool_calls) == [ToolCall("f", {"a": 1}, "1")]
    assert reread(message).tool_calls == message.tool_calls
