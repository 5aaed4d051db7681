"""LangChain's chains and memories over Redis, in several processes and on all kinds of clients."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import redis
import redis.asyncio
from langchain_classic.memory import (
    ConversationBufferMemory,
    ConversationBufferWindowMemory,
    ConversationSummaryBufferMemory,
    ConversationSummaryMemory,
    ConversationTokenBufferMemory,
)
from langchain_core.language_models.fake_chat_models import FakeListChatModel

from redialog import memory
from redialog.integrations.langchain import RedisChatMessageHistory
from tests.langchain.endpoint import Recalling
from tests.langchain.models import Recaller, deprecated
from tests.langchain.talker import MEMORIES, chain, in_a_new_process
from tests.langchain.ways import said
from tests.support.servers import SentinelGroup, Server

HI, QUESTION = "Hi! I'm Jim.", "What did I just say my name was?"
ANSWER = "Your name is Jim."
KINDS = pytest.mark.parametrize("kind", MEMORIES)


@KINDS
def test_a_chain_remembers_in_a_new_process(kind: str, server: Server, endpoint: Recalling) -> None:
    """What Jim said in one process, the model is given in the next; the session has its TTL."""
    in_a_new_process(kind, server.url, endpoint.url, HI)
    with server.client() as client:
        assert 0 < client.ttl("message_store:s") <= 300
        client.expire("message_store:s", 9)
    assert in_a_new_process(kind, server.url, endpoint.url, QUESTION) == ANSWER
    first, second = (request["messages"][0]["content"] for request in endpoint.requests)
    assert f"Human: {HI}" not in first.split("Human: ")[0]
    assert f"Human: {HI}\nAI: You said: " in second
    with server.client() as client:
        assert 9 < client.ttl("message_store:s") <= 300
        assert client.llen("message_store:s") == 4


@KINDS
def test_a_chain_has_a_ready_client(kind: str, server: Server) -> None:
    """A blocking one, called and awaited; it stays the application's."""
    with redis.Redis.from_url(server.url) as client:
        for text in (HI, QUESTION):
            history = RedisChatMessageHistory("s", client=client, session_ttl=300)
            answer = chain(kind, Recaller(), history).invoke({"input": text})
        assert answer["response"] == ANSWER
        history = RedisChatMessageHistory("s", client=client, session_ttl=300)
        found = asyncio.run(chain(kind, Recaller(), history).ainvoke({"input": QUESTION}))
        assert found["response"] == ANSWER
        assert client.ping()
        assert 0 < client.ttl("message_store:s") <= 300
        assert client.llen("message_store:s") == 6


@KINDS
def test_a_chain_has_a_ready_asyncio_client(kind: str, server: Server) -> None:
    """It is awaited, and nothing blocks."""

    async def main() -> Any:
        async with redis.asyncio.Redis.from_url(server.url) as client:
            for text in (HI, QUESTION):
                history = RedisChatMessageHistory("s", client=client, ttl=300)
                answer = await chain(kind, Recaller(), history).ainvoke({"input": text})
            assert 0 < await client.ttl("message_store:s") <= 300
            return answer["response"]

    assert asyncio.run(main()) == ANSWER


@pytest.fixture(params=["url", "client"])
def watched(request: pytest.FixtureRequest, sentinel_group: SentinelGroup) -> Iterator[Any]:
    """What makes a history on the primary that sentinels name: by URL, and with their client."""
    group = sentinel_group.emptied()
    if request.param == "url":
        yield lambda: RedisChatMessageHistory("s", url=group.url, ttl=300)
        return
    with ExitStack() as closing:
        sentinel: Any = redis.sentinel.Sentinel
        manager = sentinel(
            [(one.host, one.port) for one in group.sentinels],
            sentinel_kwargs={"password": group.sentinel_password},
            password=group.password,
        )
        for one in manager.sentinels:
            closing.callback(one.close)
        client = closing.enter_context(manager.master_for(group.name))
        yield lambda: RedisChatMessageHistory("s", client=client, ttl=300)


@KINDS
def test_a_chain_remembers_through_sentinel(kind: str, watched: Any) -> None:
    """On whatever node is the primary."""
    for text in (HI, QUESTION):
        answer = chain(kind, Recaller(), watched()).predict(input=text)
    assert answer == ANSWER
    assert watched().session.info().count == 4


class _Counting(FakeListChatModel):
    """A model that counts words, without a tokenizer from the network."""

    def get_num_tokens_from_messages(self, messages: Any, *_: Any, **__: Any) -> int:
        return sum(len(message.text.split()) for message in messages)


TURNS = [("user", HI), ("assistant", "Hello."), ("user", QUESTION), ("assistant", ANSWER)]
SUMMARY = ("system", "Jim spoke.")
MODEL = _Counting(responses=["Jim spoke."])
# What it gives, given the same two turns. Its limits on tokens do nothing on any history but the
# one in the process: it prunes the list that it was given. Nothing is pruned in Redis.
OWN: dict[Any, tuple[dict[str, Any], list[tuple[str, str]]]] = {
    ConversationBufferMemory: ({}, TURNS),
    ConversationBufferWindowMemory: ({"k": 1}, TURNS[2:]),
    ConversationTokenBufferMemory: ({"llm": MODEL, "max_token_limit": 8}, TURNS),
    ConversationSummaryMemory: ({"llm": MODEL}, [SUMMARY]),
    ConversationSummaryBufferMemory: ({"llm": MODEL, "max_token_limit": 8}, [SUMMARY, *TURNS]),
}


@pytest.mark.parametrize("kind", OWN, ids=lambda kind: kind.__name__)
def test_langchains_own_memories_take_the_history(kind: Any, server: Server) -> None:
    """All of them; what they do with what they are given is theirs."""
    options, expected = OWN[kind]
    history = RedisChatMessageHistory("s", url=server.url)
    with deprecated():
        kept = kind(chat_memory=history, return_messages=True, **options)
    kept.save_context({"input": HI}, {"output": "Hello."})
    kept.save_context({"input": QUESTION}, {"output": ANSWER})
    assert said(kept.load_memory_variables({})["history"]) == expected
    assert said(history.messages) == TURNS
    kept.clear()
    assert history.messages == []


def test_our_memories_take_the_history(server: Server) -> None:
    """Those of `redialog.memory`, which give this library's messages as text."""
    for kind, options in {
        memory.ConversationBufferMemory: {},
        memory.ConversationBufferWindowMemory: {"k": 1},
        memory.ConversationTokenBufferMemory: {"max_token_limit": 100},
    }.items():
        history = RedisChatMessageHistory("s", url=server.url)
        made: Any = kind
        kept = made(chat_memory=history, **options)
        kept.save_context({"input": HI}, {"output": "Hello."})
        assert kept.load_memory_variables({})["history"] == f"Human: {HI}\nAI: Hello."
        assert len(history.messages) == 2
        kept.clear()
        assert history.messages == []
