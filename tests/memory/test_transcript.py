"""A conversation as text: as LangChain writes it (langchain-core 1.7.2), which was recorded."""

from __future__ import annotations

from typing import Any

import pytest

from redialog import Message, Session, ToolCall
from redialog.memory import ConversationBufferMemory
from redialog.memory.transcript import transcript
from tests.support.servers import Server

CALL: dict[str, Any] = {"city": "Bern", "n": 1, "x": None, "ok": True}
BLOCKS: list[Any] = [
    {"type": "text", "text": "a"},
    {"type": "image_url", "image_url": {"url": "u"}},
    "b",
    {"type": "text", "text": "c"},
]
SHOWN_CALL = (
    "[{'name': 'get', 'args': {'city': 'Bern', 'n': 1, 'x': None, 'ok': True}, 'id': 'c1', "
    "'type': 'tool_call'}]"
)


@pytest.mark.parametrize(
    ("message", "line"),
    [
        (Message.system("Be brief."), "System: Be brief."),
        (Message.user("hi"), "Human: hi"),
        (Message.user("x", name="Ann"), "Human: x"),
        (Message.user("two\nlines"), "Human: two\nlines"),
        (Message.user(BLOCKS), "Human: abc"),
        (Message.assistant("It's 21."), "AI: It's 21."),
        (Message.assistant(""), "AI: "),
        (Message.assistant(tool_calls=[ToolCall("get", CALL, "c1")]), f"AI: {SHOWN_CALL}"),
        (Message.assistant("t", tool_calls=[ToolCall("get", CALL, "c1")]), f"AI: t{SHOWN_CALL}"),
        (
            Message.assistant("t", tool_calls=[ToolCall("g", {}, None)]),
            "AI: t[{'name': 'g', 'args': {}, 'id': None, 'type': 'tool_call'}]",
        ),
        (Message.assistant("t", tool_calls=[ToolCall("g", "{bad", "c")]), "AI: t"),
        (Message.tool("21°", tool_call_id="c1", name="get"), "Tool: 21°"),
        (Message("function", "r", name="f"), "Function: r"),  # type: ignore[arg-type]
        (Message("developer", "Be brief."), "System: Be brief."),  # type: ignore[arg-type]
    ],
)
def test_a_message_is_a_line(message: Message, line: str) -> None:
    """Who, a colon, the text; an assistant's valid tool calls follow it."""
    assert transcript([message], human_prefix="Human", ai_prefix="AI") == line


# As LangChain pushes them.
STORED = [
    '{"type":"human","data":{"content":"hi","additional_kwargs":{},"type":"human"}}',
    '{"type":"ai","data":{"content":"","additional_kwargs":{"function_call":{"name":"f"}}}}',
    '{"type":"function","data":{"content":"r","name":"f","type":"function"}}',
    '{"type":"chat","data":{"content":"yo","role":"Bob","type":"chat"}}',
    '{"type":"chat","data":{"content":"yo","role":"assistant","type":"chat"}}',
    '{"type":"remove","data":{"content":"","id":"1","type":"remove"}}',
    "{damaged",
    '{"type":"AIMessageChunk","data":{"content":"t","type":"AIMessageChunk"}}',
]


def test_what_langchain_has_stored_is_shown_as_it_shows_it(chat: Session, server: Server) -> None:
    """But for a chat message of the assistant, which is the assistant's; there it is not.

    A request to remove a message, on which it raises an error, and a damaged element are left out.
    """
    chat.append(Message.user("first"))
    with server.client() as client:
        client.lpush(chat._plan.keys.log, *STORED)
    assert ConversationBufferMemory(session=chat).buffer == (
        "Human: first\nHuman: hi\nAI: {'name': 'f'}\nBob: yo\nAI: yo\nAI: t"
    )


def test_the_prefixes_can_be_chosen(chat: Session) -> None:
    """Those of the user and of the assistant, also empty ones; the others are fixed."""
    chat.append(Message.system("S"), Message.user("a"), Message.assistant("b"))
    memory = ConversationBufferMemory(session=chat, human_prefix="Ann", ai_prefix="Bot")
    assert memory.buffer == "System: S\nAnn: a\nBot: b"
    memory.human_prefix = memory.ai_prefix = ""
    assert memory.buffer == "System: S\n: a\n: b"


def test_no_messages_are_an_empty_text(chat: Session) -> None:
    """As in LangChain."""
    assert ConversationBufferMemory(session=chat).load_memory_variables({}) == {"history": ""}
