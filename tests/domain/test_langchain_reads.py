"""LangChain (Python) itself loads every element that is written, and what it writes is read.

Its `messages_from_dict` fails as a whole on one element that it does not take, so a single bad one
would cost its users the session.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
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
    message_to_dict,
    messages_from_dict,
)

from redialog import Message, ToolCall
from tests.domain.test_codec_property import messages
from tests.domain.test_codec_shapes import KINDS
from tests.domain.tools import read, recorded, recorded_by_flowise, write


def loaded(raw: bytes) -> BaseMessage:
    """The message that LangChain makes of an element."""
    [message] = messages_from_dict([json.loads(raw)])
    return message


def left(message: BaseMessage) -> bytes:
    """What LangChain's history classes push to Redis for a message."""
    return json.dumps(message_to_dict(message)).encode()


BLOCKS: list[str | dict[str, Any]] = [
    {"type": "text", "text": "What is this?"},
    {"type": "image_url", "image_url": {"url": "https://x.test/cat.png"}},
]
WRITTEN: list[tuple[Message, type[BaseMessage]]] = [
    (Message.user("Grüezi 🌦"), HumanMessage),
    (Message.user(BLOCKS, name="ada", id="m-1"), HumanMessage),  # type: ignore[arg-type]
    (Message.system("Be brief."), SystemMessage),
    (Message("developer", "Be brief."), SystemMessage),  # type: ignore[arg-type]
    (Message.assistant("Hi", metadata={"a": [1]}), AIMessage),
    (Message.assistant(tool_calls=[ToolCall("f", {"a": 1}, "1")]), AIMessage),
    (Message.assistant(tool_calls=[ToolCall("f", {"a": 1})]), AIMessage),
    (Message.assistant(tool_calls=[ToolCall("f", '{"a": ', "1")]), AIMessage),
    (Message.assistant(tool_calls=[ToolCall("f", "{"), ToolCall("g", extra={"a": 1})]), AIMessage),
    (Message.tool("21C", tool_call_id="1", name="f"), ToolMessage),
    (Message.tool(BLOCKS), ToolMessage),  # type: ignore[arg-type]
    (Message("function", "21C", name="f"), ToolMessage),  # type: ignore[arg-type]
    (Message.from_openai({"role": "assistant", "content": None, "refusal": "no"}), AIMessage),
    (
        Message.assistant("x").replace(
            extra={
                "usage_metadata": {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3},
                "response_metadata": {"model_name": "m"},
            }
        ),
        AIMessage,
    ),
]


@pytest.mark.parametrize(("message", "kind"), WRITTEN, ids=repr)
def test_langchain_loads_what_is_written(message: Message, kind: type[BaseMessage]) -> None:
    """Content, id and name arrive in a message of LangChain's class for the role."""
    found = loaded(write(message))
    assert type(found) is kind
    assert found.content == message.content
    assert found.id == (message.id or "new-id")
    assert found.name == message.name


FURTHER: list[dict[str, Any]] = [
    {"index": 0, "id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}},
    {"index": 0, "id": "1", "type": "function", "function": {"name": "f", "arguments": "{"}},
    {"id": "1", "type": "custom", "custom": {"name": "f", "input": ""}},
    {"name": "f", "args": {}, "id": "1", "type": "tool_call", "error": None, "extras": {"a": [1]}},
    {"name": "f", "args": "{", "id": "1", "type": "invalid_tool_call", "error": "x", "index": 1},
]


@pytest.mark.parametrize("call", FURTHER, ids=str)
def test_langchain_loads_calls_with_further_fields(call: dict[str, Any]) -> None:
    """Its messages take no other fields in a call, so those stand where it does not look."""
    message = Message.assistant("x", tool_calls=[call])
    assert message.tool_calls[0].extra
    for raw in (write(message), write(read(write(message)).replace(tool_calls=[call, call]))):
        found = loaded(raw)
        assert isinstance(found, AIMessage)
        assert {c["name"] for c in [*found.tool_calls, *found.invalid_tool_calls]} == {"f"}
        assert {c.extra == message.tool_calls[0].extra for c in read(raw).tool_calls} == {True}


def test_langchain_gets_the_calls() -> None:
    """Calls and those with arguments that are no JSON arrive in LangChain's two lists."""
    calls = [ToolCall("f", {"a": 1}, "1"), ToolCall("g", '{"a": ', "2")]
    found = loaded(write(Message.assistant("x", tool_calls=calls)))
    assert isinstance(found, AIMessage)
    assert [(c["name"], c["args"], c["id"]) for c in found.tool_calls] == [("f", {"a": 1}, "1")]
    assert [(c["name"], c["args"], c["id"]) for c in found.invalid_tool_calls] == [
        ("g", '{"a": ', "2")
    ]


@settings(
    max_examples=120,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(messages())
def test_langchain_loads_any_message(message: Message) -> None:
    """There is no message of ours that makes LangChain fail."""
    found = loaded(write(message))
    assert found.content == message.content


FOREIGN = [
    *recorded("langchain_py_redis.main"),
    *recorded("langchain_js_node_redis.main"),
    *recorded("legacy_js_langchain_0.0.75"),
    *recorded_by_flowise(),
    *(
        json.dumps({"type": kind, "data": {"content": "x", "type": kind, **fields}}).encode()
        for kind, fields, role, _ in KINDS
        if role != "remove"
    ),
]


@pytest.mark.parametrize("raw", FOREIGN)
def test_langchain_loads_what_is_written_again(raw: bytes) -> None:
    """Another library's message that went through this one is still one for LangChain."""
    message = read(raw)
    assert loaded(write(message)).content == message.content
    assert loaded(write(message.replace(content="y"))).content == "y"


CALL: Any = {"name": "f", "args": {"a": 1, "big": 2**60}, "id": "1", "type": "tool_call"}
INVALID: Any = {
    "name": "g",
    "args": '{"a": ',
    "id": "2",
    "error": "cut off",
    "type": "invalid_tool_call",
}
USAGE: Any = {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}
LEFT: list[tuple[BaseMessage, Message]] = [
    (HumanMessage("Grüezi", id="m-1", name="ada"), Message.user("Grüezi", id="m-1", name="ada")),
    (HumanMessage(BLOCKS), Message.user(BLOCKS)),  # type: ignore[arg-type]
    (HumanMessageChunk(content="x"), Message.user("x")),
    (SystemMessage("x"), Message.system("x")),
    (SystemMessageChunk(content="x"), Message.system("x")),
    (
        AIMessage("x", tool_calls=[CALL], invalid_tool_calls=[INVALID], usage_metadata=USAGE),
        Message.assistant(
            "x", tool_calls=[CALL, ToolCall("g", '{"a": ', "2", {"error": "cut off"})]
        ),
    ),
    (
        AIMessageChunk(
            content="x",
            tool_call_chunks=[
                {"name": "f", "args": '{"a": 1}', "id": "1", "index": 0, "type": "tool_call_chunk"}
            ],
            usage_metadata=USAGE,
        ),
        Message.assistant("x", tool_calls=[ToolCall("f", {"a": 1}, "1")]),
    ),
    (
        ToolMessage("21C", tool_call_id="1", name="f", artifact={"a": [1]}, status="error"),
        Message.tool("21C", tool_call_id="1", name="f"),
    ),
    (ToolMessageChunk(content="21C", tool_call_id="1"), Message.tool("21C", tool_call_id="1")),
    (FunctionMessage(content="21C", name="f"), Message("function", "21C", name="f")),  # type: ignore[arg-type]
    (FunctionMessageChunk(content="21C", name="f"), Message("function", "21C", name="f")),  # type: ignore[arg-type]
]


@pytest.mark.parametrize(("theirs", "ours"), LEFT, ids=lambda value: type(value).__name__)
def test_what_langchain_writes_is_read(theirs: BaseMessage, ours: Message) -> None:
    """Each of LangChain's classes has a message that says the same."""
    found = read(left(theirs))
    assert found == ours.replace(id=found.id)
    assert found.id == theirs.id


@pytest.mark.parametrize(("theirs", "ours"), LEFT, ids=lambda value: type(value).__name__)
def test_what_langchain_wrote_goes_back_to_it(theirs: BaseMessage, ours: Message) -> None:
    """Through this library and back, a message keeps its usage, artifact, status and the like."""
    back = message_to_dict(loaded(write(read(left(theirs)))))["data"]
    sent = message_to_dict(theirs)["data"]
    for name in ("usage_metadata", "artifact", "status", "additional_kwargs", "response_metadata"):
        assert name not in sent or back[name] == sent[name]


def test_a_developer_message_is_one_for_langchain() -> None:
    """It stores it as a system message with a mark, which is gone with the role."""
    raw = write(Message("developer", "Be brief."))  # type: ignore[arg-type]
    assert loaded(raw).additional_kwargs == {"__openai_role__": "developer"}
    again = read(write(read(raw).replace(name="rules")))
    assert (again.role, again.original_role) == ("system", "developer")
    changed = read(write(read(raw).replace(role="user")))
    assert (changed.role, changed.original_role) == ("user", None)


@pytest.mark.parametrize("kind", [ChatMessage, ChatMessageChunk])
def test_a_free_role_of_langchain_is_kept(kind: type[ChatMessage]) -> None:
    """A free role is read as the user's, with the original beside it."""
    found = read(left(kind(content="x", role="critic")))
    assert (found.role, found.original_role, found.text) == ("user", "critic", "x")


def test_a_request_to_remove_is_shown() -> None:
    """LangChain's request to remove a message is neither hidden nor applied."""
    found = read(left(RemoveMessage(id="m-1")))
    assert (found.role, found.id, found.damage) == ("remove", "m-1", None)


def test_our_own_key_does_not_disturb_langchain() -> None:
    """Time and metadata stand where LangChain does not look."""
    at = datetime(2025, 1, 1, tzinfo=UTC)
    raw = write(Message.user("x", created_at=at, metadata={"type": "ai", "data": {}}))
    assert b'"redialog"' in raw
    assert message_to_dict(loaded(raw))["data"]["content"] == "x"
