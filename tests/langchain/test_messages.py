"""LangChain's messages: through a session and back, without loss."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    ChatMessage,
    ChatMessageChunk,
    FunctionMessage,
    FunctionMessageChunk,
    HumanMessage,
    HumanMessageChunk,
    RemoveMessage,
    SystemMessage,
    SystemMessageChunk,
    ToolMessage,
    ToolMessageChunk,
    message_chunk_to_message,
    message_to_dict,
)

from redialog import InvalidMessage, Message, ToolCall, stored
from redialog.integrations.langchain import from_langchain, to_langchain
from redialog.integrations.langchain.messages import presented
from redialog.memory import foreign
from tests.langchain.tools import stored_and_read

USAGE: Any = {
    "input_tokens": 7,
    "output_tokens": 2,
    "total_tokens": 9,
    "input_token_details": {"cache_read": 4},
}
CALLS: Any = [
    {"name": "weather", "args": {"city": "Zürich", "days": [1, 2.5, None]}, "id": "c1"},
    {"name": "time", "args": {}, "id": None},
]
INVALID: Any = [{"name": "bad", "args": '{"city": ', "id": "c2", "error": "no JSON"}]
BLOCKS: Any = [
    {"type": "text", "text": "what is this?"},
    "and this",
    {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA", "detail": "low"}},
    {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
]
MESSAGES: dict[str, BaseMessage] = {
    "human": HumanMessage("hi"),
    "human, all fields": HumanMessage(
        BLOCKS,
        name="ada",
        id="h-1",
        additional_kwargs={"k": {"n": 2**63}},
        response_metadata={"x": 1},
    ),
    "text that is hard": HumanMessage('\x00\u2028 "\\" 😀'),
    "half of an emoji": HumanMessage("a \ud83d b"),
    "ai": AIMessage("hello"),
    "ai, empty": AIMessage(""),
    "ai, all fields": AIMessage(
        [
            {"type": "text", "text": "x"},
            {"type": "tool_use", "id": "c1", "name": "weather", "input": {}},
        ],
        tool_calls=CALLS,
        invalid_tool_calls=INVALID,
        usage_metadata=USAGE,
        response_metadata={"model_name": "m", "finish_reason": "tool_calls", "logprobs": None},
        additional_kwargs={
            "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
            ],
            "refusal": None,
        },
        name="bot",
        id="run-1",
    ),
    "ai, function call": AIMessage(
        "", additional_kwargs={"function_call": {"name": "f", "arguments": '{"a": 1}'}}
    ),
    "system": SystemMessage("be brief", id="s-1"),
    "developer": SystemMessage("be brief", additional_kwargs={"__openai_role__": "developer"}),
    "tool": ToolMessage("21C", tool_call_id="c1", name="weather"),
    "tool, all fields": ToolMessage(
        [{"type": "text", "text": "21C"}],
        tool_call_id="c1",
        name="weather",
        artifact={"raw": [21.0, {"unit": "C"}]},
        status="error",
        id="t-1",
    ),
    "function": FunctionMessage(name="f", content="21C", id="f-1"),
    **{
        f"chat as {role}": ChatMessage(content="x", role=role, id="c-1")
        for role in ("critic", "user", "assistant", "system", "developer", "function", "tool")
    },
    "of a later version": AIMessage("x", something_new={"a": [1]}),
}
CHUNKS: list[Any] = [
    AIMessageChunk(
        content="",
        id="r-1",
        tool_call_chunks=[
            {"name": "f", "args": '{"a": 1}', "id": "c", "index": 0},
            {"name": "g", "args": '{"a":', "id": "d", "index": 1},
        ],
    )
    + AIMessageChunk(content="end", chunk_position="last"),
    HumanMessageChunk(content="x"),
    SystemMessageChunk(content="x", name="n"),
    ToolMessageChunk(content="x", tool_call_id="c", artifact={"a": 1}),
    FunctionMessageChunk(content="x", name="f"),
    ChatMessageChunk(content="x", role="critic"),
]


@pytest.mark.parametrize("name", MESSAGES)
def test_a_message_comes_back(name: str) -> None:
    """The same class with the same fields, by itself and through what is stored."""
    message = MESSAGES[name]
    for found in (to_langchain(from_langchain(message)), stored_and_read(message)):
        assert type(found) is type(message)
        assert found == message
        assert message_to_dict(found) == message_to_dict(message)


@pytest.mark.parametrize("chunk", CHUNKS, ids=lambda chunk: str(chunk.type))
def test_a_piece_of_a_stream_is_stored_as_a_message(chunk: Any) -> None:
    """As LangChain itself makes it one."""
    assert stored_and_read(chunk) == message_chunk_to_message(chunk)


def test_what_langchain_takes_for_a_message_is_taken() -> None:
    """Text, pairs and dicts."""
    assert to_langchain(from_langchain("hi")) == HumanMessage("hi")
    assert to_langchain(from_langchain(("ai", "hi"))) == AIMessage("hi")
    assert to_langchain(from_langchain({"role": "system", "content": "x"})) == SystemMessage("x")
    own = Message.user("x")
    assert from_langchain(own) is own


def test_who_appends_one_is_told_the_way() -> None:
    """A session takes none of LangChain's messages; the error names what makes one of it."""
    for message in HumanMessage("secret"), AIMessageChunk(content="secret"):
        with pytest.raises(InvalidMessage, match="from_langchain makes one of it") as refused:
            Message.parse(message)  # type: ignore[arg-type]
        assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    "value",
    [
        *(5, None, b"secret", ("secret", "secret"), {"secret": 1}, object()),
        [HumanMessage("secret")],
        {"role": "tool", "content": "secret"},
        {"role": "ai", "content": "", "tool_calls": [{"id": "c", "function": {"name": "secret"}}]},
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_none_is_refused(value: object) -> None:
    """Without its text."""
    with pytest.raises(InvalidMessage, match="no message that LangChain knows") as caught:
        from_langchain(value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "message",
    [
        ToolMessage("secret", tool_call_id="c", artifact=object()),
        ToolMessage("secret", tool_call_id="c", artifact={("secret", 1): 2}),
        ToolMessage("secret", tool_call_id="c", artifact={1: "secret", "1": 2}),
        ToolMessage("secret", tool_call_id="c", artifact={float("nan"): 2}),
        AIMessage("secret", response_metadata={"n": 1 << 1024}),
        HumanMessage("secret", additional_kwargs={"blob": b"secret"}),
    ],
    ids=["object", "tuple as key", "keys alike", "NaN as key", "number", "bytes"],
)
def test_what_json_cannot_hold_is_refused(message: BaseMessage) -> None:
    """It would not be what comes back."""
    with pytest.raises(InvalidMessage, match="JSON") as caught:
        from_langchain(message)
    assert "secret" not in str(caught.value)


def test_what_langchain_stores_all_the_same_is_stored() -> None:
    """Keys as its own histories write them; null, which JavaScript reads as well, for NaN."""
    artifact = {1: "a", "b": {2.5: [{None: 3, True: 4}]}, "c": [float("nan"), (float("-inf"),)]}
    told = ToolMessage("x", tool_call_id="c", artifact=artifact)
    expected = {"1": "a", "b": {"2.5": [{"null": 3, "true": 4}]}, "c": [None, [None]]}
    theirs = json.dumps(artifact).replace("NaN", "null").replace("-Infinity", "null")
    assert json.loads(theirs) == expected
    assert from_langchain(told).extra["artifact"] == expected
    read = stored_and_read(told)
    assert isinstance(read, ToolMessage)
    assert read.artifact == expected


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("id", 7), ("id", uuid.UUID(int=7)), ("name", 7), ("content", ["secret", 7])),
        *(("content", {"secret": 7}), ("tool_calls", "secret")),
    ],
    ids=str,
)
def test_what_was_set_later_is_checked(name: str, value: object) -> None:
    """LangChain's classes do not; what pydantic says of it, in warnings, quotes the message."""
    for message in (AIMessage("secret"), ToolMessage("secret", tool_call_id="c")):
        if name not in type(message).model_fields:
            continue
        setattr(message, name, value)
        for take in (from_langchain, foreign.whole):
            with pytest.raises(InvalidMessage) as caught:
                take(message)
            assert "secret" not in str(caught.value)


def test_a_message_of_this_library_becomes_one() -> None:
    """With all that LangChain has a place for."""
    calls = [ToolCall("f", {"a": 1}, "c1"), ToolCall("g", "{bad", "c2")]
    found = to_langchain(Message.assistant("x", tool_calls=calls, id="m-1", metadata={"mine": 1}))
    assert found == AIMessage(
        "x",
        id="m-1",
        tool_calls=[{"name": "f", "args": {"a": 1}, "id": "c1"}],
        invalid_tool_calls=[{"name": "g", "args": "{bad", "id": "c2", "error": None}],
    )
    developer = Message.from_openai({"role": "developer", "content": "x"})
    assert to_langchain(developer) == MESSAGES["developer"].model_copy(update={"content": "x"})


def test_a_field_that_langchain_refuses_does_not_cost_the_message() -> None:
    """Another library's idea of it."""
    odd = {"type": "ai", "data": {"content": "x", "id": "i", "usage_metadata": {"tokens": "many"}}}
    assert to_langchain(stored.loaded(odd)) == AIMessage("x", id="i")


@pytest.mark.parametrize(
    "extra", [{"index": 1}, {"extras": {"k": 1}}, {"error": 5}, {"error": {"a": 1}}], ids=str
)
@pytest.mark.parametrize("args", [{"a": 1}, "{bad"], ids=["valid", "malformed"])
def test_further_fields_of_a_call_do_not_cost_the_message(extra: Any, args: Any) -> None:
    """LangChain refuses calls with fields that it does not know."""
    found = to_langchain(Message.assistant("x", tool_calls=[ToolCall("f", args, "c", extra)]))
    assert isinstance(found, AIMessage)
    calls: list[Any] = [*found.tool_calls, *found.invalid_tool_calls]
    [call] = calls
    assert (found.content, call["name"], call["args"], call["id"]) == ("x", "f", args, "c")


def test_a_message_that_has_no_class_there_is_shown() -> None:
    """A function's result without a name."""
    unnamed = stored.loaded({"type": "function", "data": {"content": "r"}})
    assert to_langchain(unnamed) == ChatMessage(content="r", role="tool")


@pytest.mark.parametrize(
    "data", [{"content": "r"}, {"content": "r", "tool_call_id": None}], ids=str
)
def test_a_result_of_no_call_is_shown(data: dict[str, Any]) -> None:
    """LangChain's class needs an id of one."""
    found = to_langchain(stored.loaded({"type": "tool", "data": data}))
    assert found == ToolMessage("r", tool_call_id="")


def test_what_no_model_takes_is_not_presented() -> None:
    """A request to remove a message is one of LangChain's messages all the same."""
    remove = from_langchain(RemoveMessage(id="m-1"))
    assert to_langchain(remove) == RemoveMessage(id="m-1")
    assert presented([remove, Message.user("x")]) == [HumanMessage("x")]
