"""Between a `Message` and the messages of OpenAI's chat completions."""

from __future__ import annotations

import json
from typing import Any

import pytest

from redialog import InvalidMessage, Message, ToolCall
from tests.domain.tools import read, reread

WEATHER = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "get_weather", "arguments": '{"city":"Zürich","days":3}'},
}
BROKEN = {
    "id": "call_2",
    "type": "function",
    "function": {"name": "get_weather", "arguments": '{"city": "Zür'},
}
CUSTOM = {"id": "call_3", "type": "custom", "custom": {"name": "sql", "input": "select 1"}}

SAME: list[dict[str, Any]] = [
    {"role": "user", "content": "Hello"},
    {"role": "user", "content": "Hello", "name": "ada"},
    {"role": "system", "content": "Be brief."},
    {"role": "developer", "content": "Be brief."},
    {"role": "user", "content": [{"type": "text", "text": "x"}, {"type": "file", "file": {}}]},
    {"role": "assistant", "content": "Hi"},
    {"role": "assistant", "content": None, "tool_calls": [WEATHER]},
    {"role": "assistant", "content": "Let me see.", "tool_calls": [WEATHER, BROKEN]},
    {"role": "assistant", "content": None, "tool_calls": [CUSTOM]},
    {"role": "assistant", "content": "", "refusal": "I cannot do that."},
    {"role": "assistant", "content": "x", "refusal": None, "annotations": [], "audio": None},
    {"role": "assistant", "content": "", "audio": {"id": "audio_1"}},
    {"role": "assistant", "content": "", "function_call": {"name": "f", "arguments": "{}"}},
    {"role": "assistant", "content": "x", "reasoning_content": "hm", "metadata": {"a": 1}},
    {"role": "tool", "content": "21C", "tool_call_id": "call_1"},
    {"role": "function", "content": "21C", "name": "get_weather"},
]


@pytest.mark.parametrize("value", SAME, ids=str)
def test_a_message_comes_back_as_it_was_given(value: dict[str, Any]) -> None:
    """OpenAI's form is given back unchanged, also after the message was stored and read."""
    given = json.loads(json.dumps(value))
    message = Message.from_openai(given)
    assert given == value, "the caller's dict was changed"
    assert message.to_openai() == value
    assert reread(message).to_openai() == value
    assert reread(message.replace(id="7")).to_openai() == value


def test_the_fields_of_a_call_can_be_read() -> None:
    """Arguments are a mapping; those that are no JSON object stay the text that the model wrote."""
    message = Message.from_openai(
        {"role": "assistant", "content": None, "tool_calls": [WEATHER, BROKEN]}
    )
    assert message.content == ""
    assert list(message.tool_calls) == [
        ToolCall("get_weather", {"city": "Zürich", "days": 3}, "call_1"),
        ToolCall("get_weather", '{"city": "Zür', "call_2"),
    ]


@pytest.mark.parametrize(
    "arguments", ["[1]", "5", "null", '"text"', "{", "{'a': 1}", "NaN", "[" * 5000, '{"a": \ud83d']
)
def test_arguments_that_are_no_object_are_kept_to_the_letter(arguments: str) -> None:
    """What a model writes wrongly is not repaired, lost or refused."""
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": arguments}}
    message = Message.from_openai({"role": "assistant", "tool_calls": [call]})
    assert message.tool_calls[0].args == arguments
    assert message.to_openai()["tool_calls"] == [call]


def test_no_arguments_are_an_empty_mapping() -> None:
    """Models leave the text of arguments empty for a tool without any."""
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": ""}}
    assert ToolCall.parse(call) == ToolCall("f", {}, "1")


@pytest.mark.parametrize(
    "value",
    [
        {"name": "f", "args": {"a": 1}, "id": "1", "type": "tool_call"},
        {"name": "f", "args": {"a": 1}, "id": "1"},
        {"id": "1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}},
        {"id": "1", "function": {"name": "f", "arguments": {"a": 1}}},
        ToolCall("f", {"a": 1}, "1"),
    ],
    ids=repr,
)
def test_a_call_is_the_same_in_every_form(value: Any) -> None:
    """OpenAI's form, LangChain's and a `ToolCall` of the same call are equal."""
    assert ToolCall.parse(value) == ToolCall("f", {"a": 1}, "1")


def test_further_fields_of_a_call_are_kept() -> None:
    """A provider's own fields of a call come back, also from the store."""
    call = WEATHER | {"extra_content": {"google": {"thought_signature": "abc"}}}
    message = Message.from_openai({"role": "assistant", "content": None, "tool_calls": [call]})
    assert reread(message).to_openai()["tool_calls"] == [call]


def test_null_where_openai_has_null_is_taken() -> None:
    """Fields that the client library leaves as null are the same as absent ones."""
    value = {"role": "assistant", "content": None, "tool_calls": None, "name": None}
    assert Message.from_openai(value) == Message.assistant("")


def test_parse_takes_both() -> None:
    """A message is given back itself, a dict becomes one."""
    message = Message.user("Hi")
    assert Message.parse(message) is message
    assert Message.parse({"role": "user", "content": "Hi"}) == message


@pytest.mark.parametrize(
    "message",
    [read(b"{", strict=False), read({"type": "remove", "data": {"content": "", "id": "1"}})],
    ids=lambda message: str(message.role),
)
def test_what_has_no_openai_form_says_so(message: Message) -> None:
    """A damaged element and a request to remove are no messages for a model."""
    with pytest.raises(InvalidMessage, match=message.role):
        message.to_openai()


def test_a_free_role_is_sent_as_the_core_one() -> None:
    """OpenAI knows no free roles, so a foreign one goes out as the role that it was taken for."""
    message = read({"type": "chat", "data": {"content": "x", "role": "critic"}})
    assert message.to_openai() == {"role": "user", "content": "x"}


def test_half_of_an_emoji_in_the_arguments_of_a_call_can_be_sent() -> None:
    """A writer has cut it; as an escape it is JSON that every provider reads."""
    call = ToolCall("f", {"text": "\ud83d", "n": 1}, "c1")
    function = call.to_openai()["function"]
    assert function == {"name": "f", "arguments": '{"text":"\\ud83d","n":1}'}
