"""The public surface as a user's type checker meets it; `make lint` checks it, nothing runs it.

A line with ``type: ignore`` is one that must be refused: mypy reports an ignore without an error.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import assert_type

import redis
import redis.asyncio

from redialog import (
    AsyncChatMemory,
    AsyncSession,
    ChatMemory,
    Conflict,
    CorruptElement,
    Message,
    Session,
    SessionInfo,
    SessionPage,
    Sessions,
    ToolCall,
    TransportError,
)


def making_messages() -> None:
    assert_type(Message("user", "hi"), Message)
    assert_type(Message.user("hi", name="ada", metadata={"n": 1}), Message)
    blocks = [{"type": "text", "text": "hi"}]
    assert_type(Message.user(blocks), Message)
    Message.assistant(tool_calls=[ToolCall("f", {"a": 1}), {"name": "g", "args": {}}])
    Message.tool("21", tool_call_id="c")
    Message("robot", "hi")  # type: ignore[arg-type]
    Message.user(5)  # type: ignore[arg-type]
    Message.user("hi", title="no such field")  # type: ignore[call-arg]


def reading_messages(message: Message) -> None:
    assert_type(message.text, str)
    assert_type(message.id, str | None)
    assert_type(message.created_at, datetime | None)
    assert_type(message.tool_calls, Sequence[ToolCall])
    assert_type(message.metadata, Mapping[str, object])
    assert_type(message.damage, CorruptElement | None)
    assert_type(message.to_openai(), dict[str, object])
    assert_type(Message.from_openai({"role": "user", "content": "hi"}), Message)
    message.role = "user"  # type: ignore[misc]


def blocking(client: redis.Redis) -> None:
    with ChatMemory.from_url(
        "redis://localhost", ttl=timedelta(hours=1), socket_timeout=2
    ) as memory:
        chat = memory.session("s", user_id="u", ttl=60.5)
        assert_type(chat, Session)
        assert_type(
            chat.append(Message.user("hi"), {"role": "user", "content": "x"}), list[Message]
        )
        assert_type(chat.messages(), list[Message])
        assert_type(chat.window(turns=3), list[Message])
        assert_type(chat.iter_messages(), Iterator[Message])
        assert_type(chat.count(), int)
        assert_type(chat.clear(), int)
        assert_type(chat.expire(timedelta(1)), bool)
        assert_type(chat.info(), SessionInfo)
        assert_type(chat.info().ttl, timedelta | None)
        assert_type(memory.latest_session_id(), str | None)
        assert_type(chat.get("id"), Message | None)
        assert_type(chat.replace("id", {"role": "user", "content": "x"}), Message)
        assert_type(chat.remove("id"), bool)
        assert_type(chat.rewind("id", idempotency_key="k"), int)
        assert_type(chat.fork(at="id"), Session)
        assert_type(chat.set_title("A title"), bool)
        assert_type(memory.sessions("u"), Sessions)
        assert_type(iter(memory.sessions()), Iterator[SessionInfo])
        assert_type(memory.sessions().page(limit=5), SessionPage)
        assert_type(memory.sessions().page().cursor, str | None)
        memory.session("s", ttl_mode="now and then")  # type: ignore[arg-type]
        chat.append("hi")  # type: ignore[arg-type]
        chat.expire("1h")  # type: ignore[arg-type]
    ChatMemory.from_client(client)
    AsyncChatMemory.from_client(client)  # type: ignore[arg-type]


async def awaiting(client: redis.asyncio.Redis) -> None:
    async with AsyncChatMemory.from_client(client) as memory:
        chat = memory.session()
        assert_type(chat, AsyncSession)
        assert_type(await chat.append(Message.user("hi")), list[Message])
        assert_type(await chat.window(messages=3), list[Message])
        assert_type(chat.iter_messages(), AsyncIterator[Message])
        assert_type(await chat.info(), SessionInfo)
        assert_type(await chat.fork(), AsyncSession)
        assert_type(await memory.sessions().page(), SessionPage)
        async for info in memory.sessions("u"):
            assert_type(info, SessionInfo)


def errors(error: TransportError, conflict: Conflict) -> None:
    assert_type(conflict.ids, tuple[str, ...])
    assert_type(error.retryable, bool)
    assert_type(error.maybe_applied, bool)
    assert_type(error.token, str | None)
