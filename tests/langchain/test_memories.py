"""The memory objects that hand over LangChain's messages, and memory objects over the histories."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage

from redialog import AsyncChatMemory, ChatMemory, memory
from redialog.integrations import langchain
from redialog.integrations.langchain import RedisChatMessageHistory, memories
from redialog.memory import ConversationMemory
from tests.support.servers import Server

Q, A = HumanMessage("q"), AIMessage("a")


def first_words(previous: str | None, messages: Any) -> str:
    """A summary that tells what it was made of."""
    return " ".join(filter(None, [previous, *(message.text for message in messages)]))


KINDS: dict[str, Callable[..., ConversationMemory]] = {
    "ConversationBufferMemory": langchain.ConversationBufferMemory,
    "ConversationBufferWindowMemory": langchain.ConversationBufferWindowMemory,
    "ConversationTokenBufferMemory": langchain.ConversationTokenBufferMemory,
    "ConversationSummaryMemory": lambda **named: langchain.ConversationSummaryMemory(
        first_words, **named
    ),
    "ConversationSummaryBufferMemory": lambda **named: langchain.ConversationSummaryBufferMemory(
        2000, summarizer=first_words, **named
    ),
}


@pytest.fixture
def chats(server: Server) -> Iterator[ChatMemory]:
    """A memory on the server."""
    with ChatMemory.from_url(server.url) as opened:
        yield opened


@pytest.mark.parametrize("name", KINDS)
def test_a_session_gives_langchains_messages(name: str, chats: ChatMemory) -> None:
    """As a MessagesPlaceholder takes them: with their fields; and as text, the same as ever."""
    chat = chats.session("s")
    called = AIMessage("", tool_calls=[{"name": "f", "args": {"x": 1}, "id": "c"}])
    told = ToolMessage("21", tool_call_id="c", artifact={"raw": 21})
    kept = KINDS[name](session=chat, return_messages=True)
    kept.save_context({"input": "q"}, {"output": [called, told, A]})
    history = kept.load_memory_variables({})["history"]
    assert [type(message) for message in history] == [
        HumanMessage,
        AIMessage,
        ToolMessage,
        AIMessage,
    ]
    assert [message.content for message in history] == ["q", "", "21", "a"]
    assert (history[1].tool_calls, history[2].artifact) == (called.tool_calls, {"raw": 21})
    text = KINDS[name](session=chat).load_memory_variables({})["history"]
    assert text.startswith("Human: q\nAI: ")
    kept.clear()
    assert kept.buffer == []


@pytest.mark.parametrize("name", KINDS)
def test_a_history_gives_its_session(name: str, server: Server) -> None:
    """Which is read no further than needed; in asyncio it is awaited and not run in a thread."""
    history = RedisChatMessageHistory("s", url=server.url)
    for kind in (KINDS[name], of_the_core(name)):
        history.clear()
        kept = kind(chat_memory=history, return_messages=True)
        kept.save_context({"input": "q"}, {"output": "a"})
        assert kept.buffer == [Q, A]
        assert history.messages == [Q, A]

        async def scenario(kept: ConversationMemory = kept) -> Any:
            await kept.asave_context({"input": "q"}, {"output": "a"})
            loaded = await kept.aload_memory_variables({})
            await kept.aclear()
            return loaded["history"]

        with no_threads():
            assert asyncio.run(scenario()) == [Q, A, Q, A]
        assert history.messages == []


def of_the_core(name: str) -> Callable[..., ConversationMemory]:
    """The class of that name that knows nothing of LangChain."""
    made = getattr(memory, name)
    if "Summary" not in name:
        return made  # type: ignore[no-any-return]
    limit = {} if name == "ConversationSummaryMemory" else {"max_token_limit": 2000}
    return lambda **named: made(summarizer=first_words, **limit, **named)


class no_threads:  # noqa: N801 - reads as a statement
    """Within, nothing can be given to a thread."""

    def __enter__(self) -> None:
        self._patch = pytest.MonkeyPatch()

        async def refused(*_: object, **__: object) -> None:
            raise AssertionError("a thread was used")

        self._patch.setattr(asyncio, "to_thread", refused)

    def __exit__(self, *_: object) -> None:
        self._patch.undo()


def test_a_historys_window_is_its_memorys(server: Server) -> None:
    """Where the memory has no limit of its own."""
    history = RedisChatMessageHistory("s", url=server.url, window=1)
    whole = langchain.ConversationBufferMemory(chat_memory=history, return_messages=True)
    two = langchain.ConversationBufferWindowMemory(2, chat_memory=history, return_messages=True)
    for number in range(3):
        whole.save_context({"input": f"q{number}"}, {"output": f"a{number}"})
    assert [message.content for message in whole.buffer] == ["q2", "a2"]  # type: ignore[union-attr]
    assert [message.content for message in two.buffer] == ["q1", "a1", "q2", "a2"]  # type: ignore[union-attr]


def test_a_summary_is_a_system_message_and_stays_in_redis(chats: ChatMemory) -> None:
    """Another object of the same session goes on with it."""
    options: dict[str, Any] = {"session": chats.session("s"), "return_messages": True}
    kept = langchain.ConversationSummaryBufferMemory(30, summarizer=first_words, **options)
    for number in range(8):
        kept.save_context({"input": f"question {number}"}, {"output": f"answer {number}"})
    found = kept.buffer
    assert isinstance(found[0], SystemMessage)
    assert "question 0" in found[0].content
    again = langchain.ConversationSummaryBufferMemory(30, summarizer=first_words, **options)
    assert again.buffer == found
    assert chats.session("s").count() == 16


def test_an_asyncio_session(server: Server) -> None:
    """Handed over as LangChain's, too."""

    async def scenario() -> Any:
        async with AsyncChatMemory.from_url(server.url) as opened:
            kept = langchain.ConversationBufferMemory(
                session=opened.session("s"), return_messages=True
            )
            await kept.asave_context({"input": Q}, {"output": A})
            return (await kept.aload_memory_variables({}))["history"]

    found = asyncio.run(scenario())
    assert [(type(message), message.content) for message in found] == [
        *((HumanMessage, "q"), (AIMessage, "a"))
    ]


@pytest.mark.parametrize("name", KINDS)
def test_a_chain_takes_them_for_its_memory(name: str, chats: ChatMemory) -> None:
    """LangChain asks for its own class; they remain what they are."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from langchain_classic.base_memory import BaseMemory

    kept = KINDS[name](session=chats.session("s"))
    assert isinstance(kept, BaseMemory)
    assert isinstance(kept, ConversationMemory)
    assert isinstance(kept, getattr(memories, name))
    assert not isinstance(of_the_core(name)(session=chats.session("s")), BaseMemory)
