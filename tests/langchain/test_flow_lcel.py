"""LangChain's expression language with a memory object over Redis."""

from __future__ import annotations

import asyncio
from operator import itemgetter
from typing import Any

import pytest
from langchain_core.language_models.fake_chat_models import FakeListChatModel, GenericFakeChatModel
from langchain_core.messages import AIMessage
from langchain_core.prompts import ChatPromptTemplate, MessagesPlaceholder
from langchain_core.runnables import RunnableLambda, RunnablePassthrough

from redialog.integrations.langchain import (
    ConversationBufferMemory,
    ConversationBufferWindowMemory,
    RedisChatMessageHistory,
)
from tests.langchain.endpoint import Recalling
from tests.langchain.models import Recaller
from tests.langchain.ways import said
from tests.support.servers import Server

PROMPT = ChatPromptTemplate.from_messages(
    [("system", "You are brief."), MessagesPlaceholder("history"), ("human", "{input}")]
)
HI, QUESTION, ANSWER = "Hi! I'm Jim.", "What is my name?", "Your name is Jim."


def chain(memory: Any, model: Any) -> Any:
    """As LangChain's documentation has it."""
    load: Any = RunnableLambda(memory.load_memory_variables, memory.aload_memory_variables)
    return RunnablePassthrough.assign(history=load | itemgetter("history")) | PROMPT | model


def memory(server: Server, kind: Any = ConversationBufferMemory, **options: Any) -> Any:
    """A new memory object over a new history of one session."""
    history = RedisChatMessageHistory("s", url=server.url, ttl=300)
    return kind(chat_memory=history, return_messages=True, **options)


def test_a_chain_loads_and_saves(server: Server) -> None:
    """Its placeholder takes the messages as they are, and the answer is saved as it is."""
    model = Recaller()
    for text in (HI, QUESTION):
        kept = memory(server)
        answer = chain(kept, model).invoke({"input": text})
        kept.save_context({"input": text}, {"output": answer})
    assert answer.text == ANSWER
    turn = [("system", "You are brief."), ("user", HI), ("assistant", f"You said: {HI}")]
    assert said(model.seen[1]) == [*turn, ("user", QUESTION)]
    newest = kept.chat_memory.messages[-1]
    assert isinstance(newest, AIMessage)
    assert newest.usage_metadata == answer.usage_metadata
    assert newest.id == answer.id


def test_a_chain_is_awaited_and_streamed(server: Server) -> None:
    """The pieces of an answer, put together, are saved as one message."""

    async def main() -> Any:
        for text in (HI, QUESTION):
            kept = memory(server)
            pieces = [piece async for piece in chain(kept, Recaller()).astream({"input": text})]
            answer = sum(pieces[1:], pieces[0])
            await kept.asave_context({"input": text}, {"output": answer})
        assert len(pieces) > 3
        return await memory(server).abuffer()

    found = asyncio.run(main())
    assert said(found)[2:] == [("user", QUESTION), ("assistant", ANSWER)]
    assert {type(message).__name__ for message in found} == {"HumanMessage", "AIMessage"}


def test_a_window_gives_whole_turns(server: Server) -> None:
    """Of what is kept in full."""
    model = Recaller()
    for number in range(4):
        kept = memory(server, ConversationBufferWindowMemory, k=1)
        answer = chain(kept, model).invoke({"input": f"q{number}"})
        kept.save_context({"input": f"q{number}"}, {"output": answer})
    assert [text for role, text in said(model.seen[-1]) if role == "user"] == ["q2", "q3"]
    assert len(kept.chat_memory.messages) == 8


@pytest.mark.parametrize(
    "model",
    [
        GenericFakeChatModel(messages=iter([AIMessage("one"), AIMessage("two")])),
        FakeListChatModel(responses=["one", "two"]),
    ],
    ids=lambda model: type(model).__name__,
)
def test_langchains_fake_models_talk(model: Any, server: Server) -> None:
    """Those that its own documentation has."""
    for text in (HI, QUESTION):
        kept = memory(server)
        kept.save_context({"input": text}, {"output": chain(kept, model).invoke({"input": text})})
    assert [text for _, text in said(kept.buffer)] == [HI, "one", QUESTION, "two"]


def test_a_client_of_openai_sends_the_history(server: Server, endpoint: Recalling) -> None:
    """As the messages of its request."""
    for text in (HI, QUESTION):
        kept = memory(server)
        answer = chain(kept, endpoint.model()).invoke({"input": text})
        kept.save_context({"input": text}, {"output": answer})
    assert answer.text == ANSWER
    roles = [message["role"] for message in endpoint.requests[1]["messages"]]
    assert roles == ["system", "user", "assistant", "user"]
