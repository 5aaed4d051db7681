"""LangChain's messages: those of its histories, and those that are saved."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    RemoveMessage,
    SystemMessage,
    ToolMessage,
)

from redialog import InvalidMessage, Message, Session, ToolCall
from redialog.memory import ConversationBufferMemory
from tests.memory.histories import Ways, langchain_history


def test_langchain_gets_its_own_messages(ways: Ways) -> None:
    """Of texts, of this library's messages and of its own, which go through untouched."""
    history = langchain_history()
    memory = ConversationBufferMemory(chat_memory=history, return_messages=True)
    ways.save(memory, "q", "a")
    assert history.messages == [HumanMessage("q"), AIMessage("a")]
    answer = AIMessage("b", response_metadata={"model": "m"}, id="r-1")
    ways.save(memory, Message.user("hi", name="ada", id="m-1"), answer)
    assert history.messages[2] == HumanMessage("hi", name="ada", id="m-1")
    assert history.messages[3] is answer
    calls = [ToolCall("get", {"city": "Bern"}, "c1"), ToolCall("bad", "{x", "c2")]
    ways.save(
        memory,
        "q",
        [Message.assistant(tool_calls=calls), Message.tool("21", tool_call_id="c1")],
    )
    called, told = history.messages[5:]
    assert isinstance(called, AIMessage)
    assert called.tool_calls == [
        {"name": "get", "args": {"city": "Bern"}, "id": "c1", "type": "tool_call"}
    ]
    assert [call["args"] for call in called.invalid_tool_calls] == ["{x"]
    assert told == ToolMessage("21", tool_call_id="c1")
    further = {"response_metadata": {"model": "m"}}
    ways.save(memory, "q", Message.assistant("c").replace(extra=further))
    assert history.messages[-1] == AIMessage("c", response_metadata={"model": "m"})
    if ways.runner is not None:
        assert ways.runner.run(memory.abuffer_as_messages())[0] is history.messages[0]


def test_a_message_of_langchain_is_stored_in_a_session(chat: Session) -> None:
    """With its identity, its tool calls and its further fields, as LangChain itself stores them."""
    memory = ConversationBufferMemory(session=chat, return_messages=True)
    usage: Any = {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}
    answer = AIMessage(
        "b",
        id="r-1",
        tool_calls=[{"name": "get", "args": {"n": 1}, "id": "c1"}],
        invalid_tool_calls=[{"name": "bad", "args": "{x", "id": "c2", "error": None}],
        response_metadata={"model": "m"},
        usage_metadata=usage,
    )
    told = [ToolMessage("21", tool_call_id="c1"), ToolMessage("?", tool_call_id="c2")]
    others = [ChatMessage(content="x", role="Bob"), FunctionMessage(content="r", name="f")]
    memory.save_context(
        {"i": HumanMessage("a", name="ada")},
        {"o": [answer, *told, *others]},
    )
    found = chat.messages()
    assert memory.buffer == found[:5]
    assert (found[0].role, found[0].name) == ("user", "ada")
    assert (found[1].id, [call.args for call in found[1].tool_calls]) == ("r-1", [{"n": 1}, "{x"])
    assert (found[1].extra["response_metadata"], found[1].extra["usage_metadata"]) == (
        {"model": "m"},
        usage,
    )
    assert (found[2].role, found[2].tool_call_id) == ("tool", "c1")
    assert (found[4].role, found[4].original_role) == ("user", "Bob")
    # Kept, but no model gets it: there is no call that it answers.
    assert (found[5].role, found[5].original_role) == ("tool", "function")
    with pytest.raises(InvalidMessage):
        memory.save_context({"i": "a"}, {"o": RemoveMessage(id="r-1")})


SHOWN: list[BaseMessage] = [
    SystemMessage("Be brief."),
    HumanMessage("hi"),
    AIMessage("", tool_calls=[{"name": "get", "args": {}, "id": "c1"}]),
    ToolMessage("21", tool_call_id="c1"),
    AIMessage("", additional_kwargs={"function_call": {"name": "f", "arguments": "{}"}}),
    FunctionMessage(content="r", name="f"),
    ChatMessage(content="yo", role="Bob"),
    HumanMessage([{"type": "text", "text": "a"}, "b"]),
]
LINES = [
    "System: Be brief.",
    "Human: hi",
    "AI: [{'name': 'get', 'args': {}, 'id': 'c1', 'type': 'tool_call'}]",
    "Tool: 21",
    "AI: {'name': 'f', 'arguments': '{}'}",
    "Function: r",
    "Bob: yo",
    "Human: ab",
]


def test_every_message_of_langchain_is_shown_as_it_shows_it() -> None:
    """But for the function's result: it is answered by nothing that is a call here."""
    history = langchain_history()
    history.add_messages([*SHOWN, RemoveMessage(id="1")])
    memory = ConversationBufferMemory(chat_memory=history)
    assert memory.buffer == "\n".join(line for line in LINES if not line.startswith("Function"))
