"""The chat histories: LangChain's methods and data, on sessions."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from typing import Any, TypeVar

import pytest
import redis
import redis.asyncio
from langchain_core.chat_history import BaseChatMessageHistory
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    ChatMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
    message_to_dict,
)

from redialog import (
    ChatMemory,
    ConfigurationError,
    InvalidMessage,
    Message,
    WrongType,
)
from redialog.integrations.langchain import RedisChatMessageHistory, UpstashRedisChatMessageHistory
from redialog.integrations.langchain.messages import read
from tests.support.gateways import Gateway
from tests.support.servers import Server

T = TypeVar("T")
KEY = "message_store:s"


class Way:
    """The methods of a history, called, or their awaited twins."""

    def __init__(self, make: Callable[..., Any], runner: asyncio.Runner | None) -> None:
        self.make = make
        self._runner = runner

    def _run(self, work: Awaitable[T]) -> T:
        async def run() -> T:
            return await work

        assert self._runner is not None
        return self._runner.run(run())

    def messages(self, history: Any) -> list[Any]:
        """All of them."""
        return self._run(history.aget_messages()) if self._runner else history.messages

    def add(self, history: Any, *messages: Any) -> None:
        """Adds some at once."""
        if self._runner:
            self._run(history.aadd_messages(list(messages)))
        else:
            history.add_messages(list(messages))

    def clear(self, history: Any) -> None:
        """Clears it."""
        if self._runner:
            self._run(history.aclear())
        else:
            history.clear()


@pytest.fixture(
    params=["called", "awaited", "awaited over a blocking client", "asyncio client", "upstash"]
)
def way(request: pytest.FixtureRequest, server: Server) -> Iterator[Way]:
    """Each way of using a history."""
    kind = request.param
    with asyncio.Runner() as runner:
        if kind == "called":
            yield Way(
                lambda session_id, **named: RedisChatMessageHistory(
                    session_id, url=server.url, **named
                ),
                None,
            )
        elif kind == "awaited":
            yield Way(
                lambda session_id, **named: RedisChatMessageHistory(
                    session_id, url=server.url, **named
                ),
                runner,
            )
        elif kind == "upstash":
            with Gateway(server.url) as gateway:
                yield Way(
                    lambda session_id, **named: UpstashRedisChatMessageHistory(
                        session_id, url=gateway.url, token=gateway.token, **named
                    ),
                    runner,
                )
        elif kind == "asyncio client":
            client: Any = redis.asyncio.Redis.from_url(server.url)
            yield Way(
                lambda session_id, **named: RedisChatMessageHistory(
                    session_id, client=client, **named
                ),
                runner,
            )
            runner.run(client.aclose())
        else:
            with redis.Redis.from_url(server.url) as ready:
                yield Way(
                    lambda session_id, **named: RedisChatMessageHistory(
                        session_id, client=ready, **named
                    ),
                    runner,
                )


def test_messages_are_kept(way: Way, server: Server) -> None:
    """Under LangChain's key, as LangChain's; another history goes on; clear takes all."""
    history = way.make("s")
    assert way.messages(history) == []
    way.add(history, HumanMessage("Hi! I'm Jim."), AIMessage("Hello, Jim.", id="r-1"))
    again = way.make("s")
    way.add(again, SystemMessage("x"))
    assert way.messages(history) == way.messages(again)
    assert way.messages(again) == [
        HumanMessage("Hi! I'm Jim."),
        AIMessage("Hello, Jim.", id="r-1"),
        SystemMessage("x"),
    ]
    assert history.key == KEY
    with server.client() as raw:
        assert raw.llen(KEY) == 3
        assert raw.ttl(KEY) == -1
        way.clear(history)
        assert raw.keys("message_store*") == []
    assert way.messages(again) == []


@pytest.mark.parametrize(
    "named", [{"ttl": 300}, {"session_ttl": 300}, {"ttl": timedelta(minutes=5)}]
)
def test_a_ttl_is_renewed_and_none_leaves_it_alone(
    way: Way, server: Server, named: dict[str, Any]
) -> None:
    """By each write, never by a read; under both of its names."""
    history = way.make("s", **named)
    way.add(history, HumanMessage("x"))
    with server.client() as raw:
        assert 0 < raw.ttl(KEY) <= 300
        raw.expire(KEY, 100)
        way.messages(history)
        way.add(way.make("s"), AIMessage("y"))
        assert 0 < raw.ttl(KEY) <= 100
        way.add(history, HumanMessage("z"))
        assert 100 < raw.ttl(KEY) <= 300


def test_a_memory_may_renew_its_ttl_by_reads(server: Server) -> None:
    """Whatever form they are in."""
    with ChatMemory.from_url(server.url, ttl=300, ttl_mode="on_read") as memory:
        chat = memory.session("s")
        [message] = chat.append(Message.user("x"))
        with server.client() as raw:
            raw.expire(chat._plan.keys.log, 100)
            assert chat._made(read) == [HumanMessage("x", id=message.id)]
            assert raw.ttl(chat._plan.keys.log) > 100


def test_a_window_is_of_turns(way: Way) -> None:
    """The newest, whole; 0 for none; what is stored is not touched."""
    history = way.make("s", window=2)
    for number in range(4):
        way.add(history, HumanMessage(f"q{number}"), AIMessage(f"a{number}"), AIMessage("and"))
    texts = [message.content for message in way.messages(history)]
    assert texts == ["q2", "a2", "and", "q3", "a3", "and"]
    assert way.messages(way.make("s", window=0)) == []
    assert len(way.messages(way.make("s"))) == 12


def test_all_or_nothing(way: Way) -> None:
    """One that cannot be stored keeps the others out."""
    history = way.make("s")
    with pytest.raises(InvalidMessage):
        way.add(history, HumanMessage("x"), AIMessage("y", response_metadata={"o": object()}))
    assert way.messages(history) == []


def test_a_damaged_element_is_left_out(way: Way, server: Server) -> None:
    """The rest is readable, and the session shows what is there; another type is an error."""
    history = way.make("s")
    way.add(history, HumanMessage("a"))
    with server.client() as raw:
        for element in (
            b"{",
            b'{"type":"alien","data":{}}',
            b'{"type":"remove","data":{"id":"x"}}',
        ):
            raw.lpush(KEY, element)
        way.add(history, AIMessage("b"))
        assert [message.content for message in way.messages(history)] == ["a", "b"]
        raw.set("message_store:other", "x")
    with pytest.raises(WrongType):
        way.messages(way.make("other"))
    with pytest.raises(WrongType):
        way.add(way.make("other"), HumanMessage("x"))


def test_a_long_conversation_of_all_kinds_comes_in_its_order(way: Way, server: Server) -> None:
    """Over pages, whoever wrote it; each message is one of its own."""
    kinds: list[Any] = [
        HumanMessage("q", name="ada"),
        AIMessage("", tool_calls=[{"name": "f", "args": {"a": [1]}, "id": "c"}]),
        ToolMessage("r", tool_call_id="c"),
        AIMessage("a", response_metadata={"model_name": "m"}),
        HumanMessage([{"type": "text", "text": "x"}]),
        SystemMessage("s"),
        ChatMessage(content="c", role="critic"),
    ]
    said = [kinds[n % 7].model_copy(update={"id": f"i-{n}"}, deep=True) for n in range(1300)]
    history = way.make("s")
    way.add(history, *said[:700])
    with server.client() as raw:
        raw.lpush(KEY, *(json.dumps(message_to_dict(one)) for one in said[700:]))
    found = way.messages(history)
    assert found == said
    assert [type(one) for one in found] == [type(one) for one in said]
    for one in found:
        one.additional_kwargs["seen"] = one.id
    assert [one.additional_kwargs for one in found] == [{"seen": one.id} for one in said]
    assert way.messages(history) == said
    assert way.messages(way.make("s", window=2)) == said[-6:]


def test_convenience_methods(server: Server) -> None:
    """As LangChain's: texts or messages; a piece of a stream; the prefix as JavaScript has it."""
    history = RedisChatMessageHistory("s", url=server.url, key_prefix="")
    assert isinstance(history, BaseChatMessageHistory)
    history.add_user_message("a")
    history.add_user_message(HumanMessage("b", name="ada"))
    history.add_ai_message("c")
    history.add_ai_message(AIMessageChunk(content="d"))
    history.add_message(SystemMessage("e"))
    history.add_messages([])
    assert history.messages == [
        *(HumanMessage("a"), HumanMessage("b", name="ada")),
        *(AIMessage("c"), AIMessage("d"), SystemMessage("e")),
    ]
    with server.client() as raw:
        assert raw.llen("s") == 5
    with pytest.raises(ConfigurationError, match="use add_messages"):
        history.messages = []
    assert "a" not in str(history).replace("RedisChatMessageHistory", "")


def test_what_is_said_can_be_blocks(server: Server) -> None:
    """As LangChain's own methods take it; what is no content is told, and not quoted."""
    history = RedisChatMessageHistory("s", url=server.url)
    adding: list[Any] = [history.add_user_message, history.add_ai_message]
    content: list[Any] = ["see", {"type": "image_url", "image_url": {"url": "https://x/y.png"}}]
    history.add_user_message(content)
    history.add_ai_message(content)
    for wrong in ([{"type": "text", "text": "private"}, 1], [["private"]]):
        for add in adding:
            with pytest.raises(InvalidMessage, match="text, or a list") as caught:
                add(wrong)
            assert "private" not in str(caught.value)
            assert caught.value.__cause__ is None
    assert history.messages == [HumanMessage(content), AIMessage(content)]


def test_the_session_beneath_has_all_else(server: Server) -> None:
    """Windows, edits, forks; for asyncio, too."""
    history = RedisChatMessageHistory("s", url=server.url)
    history.add_messages([HumanMessage("q"), AIMessage("a")])
    assert [message.text for message in history.session.window(messages=1)] == ["a"]
    history.session.append(Message.user("more", metadata={"mine": 1}))
    assert history.messages[-1].content == "more"

    async def scenario() -> int:
        return await history.asession().count()

    assert asyncio.run(scenario()) == 3


def test_what_is_of_one_kind_says_so(server: Server) -> None:
    """A ready client is blocking or asyncio."""
    with redis.Redis.from_url(server.url) as client:
        history = RedisChatMessageHistory("s", client=client)

        async def scenario() -> None:
            with pytest.raises(ConfigurationError, match="blocking methods"):
                history.asession()

        asyncio.run(scenario())
    other = RedisChatMessageHistory("s", client=redis.asyncio.Redis.from_url(server.url))
    for use in (lambda: other.messages, lambda: other.session, other.clear):
        with pytest.raises(ConfigurationError, match="awaited methods"):
            use()
    with pytest.raises(ConfigurationError, match="awaited methods"):
        other.add_user_message("x")
