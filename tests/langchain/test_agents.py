"""`RedisMemoryMiddleware`: agents that remember."""

from __future__ import annotations

import asyncio
import itertools
import threading
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.chat_history import InMemoryChatMessageHistory
from langchain_core.messages import AIMessage, HumanMessage

from redialog import AsyncChatMemory, ChatMemory, ConfigurationError, Message, TransportError
from redialog.integrations.langchain import (
    RedisChatMessageHistory,
    RedisMemoryMiddleware,
    from_langchain,
)
from redialog.tokens import Costs
from tests.langchain.endpoint import Recalling
from tests.langchain.models import Recaller, deprecated
from tests.langchain.ways import Way, said, session
from tests.support.servers import Server


def weather(city: str) -> str:
    """The weather in a city."""
    return f"21 degrees in {city}"


def agent(model: Any, middleware: Any, **options: Any) -> Any:
    """An agent with a tool."""
    return create_agent(model, [weather], middleware=[middleware], **options)


def asked(*texts: str) -> Any:
    """An agent's input."""
    return {"messages": [{"role": "user", "content": text} for text in texts]}


JIM = [("user", "Hi, I'm Jim."), ("assistant", "You said: Hi, I'm Jim.")]
NAME = [("user", "What is my name?"), ("assistant", "Your name is Jim.")]
RAIN = [
    ("user", "And the weather?"),
    ("assistant", ""),
    ("tool", "21 degrees in Bern"),
    ("assistant", "The tool says 21 degrees in Bern."),
]


def test_an_agent_remembers(way: Way) -> None:
    """What is said is given to the model of the next run, each message once, tools too."""
    model = Recaller()
    for question, _ in (JIM[0][::-1], NAME[0][::-1], RAIN[0][::-1]):
        made = agent(model, RedisMemoryMiddleware(way.memory))
        way.call(made, asked(question), session())
    assert way.stored() == JIM + NAME + RAIN
    assert said(model.seen[1]) == JIM + NAME[:1]
    assert said(model.seen[3]) == JIM + NAME + RAIN[:3]
    stored = way.chats.session("s").messages()
    assert [call.id for call in stored[5].tool_calls] == ["call_1"] == [stored[6].tool_call_id]
    assert len({message.id for message in stored}) == len(stored)
    assert stored[7].extra["usage_metadata"]


def test_a_run_shows_its_own_messages_alone(chats: ChatMemory) -> None:
    """The history is in no result and in no stream: nobody shows it to a user again."""
    made = agent(Recaller(), RedisMemoryMiddleware(chats))
    made.invoke(asked(JIM[0][1]), session())
    assert said(made.invoke(asked(NAME[0][1]), session())["messages"]) == NAME
    modes: Any = ["messages", "values", "updates"]
    pieces = list(made.stream(asked(RAIN[0][1]), session(), stream_mode=modes))
    assert {mode for mode, _ in pieces} == set(modes)
    assert "Jim" not in repr(pieces)


def test_the_history_is_limited(chats: ChatMemory) -> None:
    """By turns, by tokens with all that the request has, and by none of the run's own messages."""
    chat = chats.session("s")
    for number in range(50):
        chat.append(Message.user(f"question {number}"), Message.assistant(f"answer {number}"))
    model = Recaller()
    agent(model, RedisMemoryMiddleware(chats, window=1)).invoke(asked("weather?"), session())
    turn = [("user", "question 49"), ("assistant", "answer 49")]
    assert said(model.seen[0]) == [*turn, ("user", "weather?")]
    assert said(model.seen[1])[:3] == said(model.seen[0])
    limited = RedisMemoryMiddleware(chats, max_tokens=200, reserve=20)
    prompt = "Be brief. " * 8
    agent(model, limited, system_prompt=prompt).invoke(asked("And the weather?"), session())
    for given in model.seen[2:]:
        assert 140 < sum(map(Costs().of, map(from_langchain, given))) <= 180
        assert said(given)[0] == ("system", prompt.strip())
    assert said(model.seen[2])[1][0] == "user"
    long = "A question. " * 100
    agent(model, limited).invoke(asked(long), session())
    assert said(model.seen[-1]) == [("user", long.strip())]


def test_what_is_older_is_summarised(way: Way) -> None:
    """In Redis; the summary is given before what it does not cover."""
    chat = way.chats.session("s")
    for number in range(50):
        chat.append(Message.user(f"question {number}"), Message.assistant("answer " * 50))
    model = Recaller()
    remembering = RedisMemoryMiddleware(way.memory, summarizer=lambda *_: "Fifty questions.")
    way.call(agent(model, remembering), asked("And?"), session())
    assert "Fifty questions." in said(model.seen[0])[0][1]
    assert len(model.seen[0]) < 60
    assert chat.count() == 102
    summary = chat.summary()
    assert summary is not None
    assert summary.text == "Fifty questions."


def test_runs_at_once_lose_nothing_in_threads(chats: ChatMemory) -> None:
    """Nothing is lost or doubled where runs of one session overlap; a run stays in one piece."""
    at_once = threading.Barrier(4)
    model = Recaller(before=lambda given: at_once.wait(20) if len(given) % 2 else None)
    made = agent(model, RedisMemoryMiddleware(chats))

    def talk(number: int) -> None:
        for turn in range(5):
            made.invoke(asked(f"q{number}.{turn}"), session())

    threads = [threading.Thread(target=talk, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    _is_whole(chats, [f"q{number}.{turn}" for number in range(4) for turn in range(5)])


def test_runs_at_once_lose_nothing_in_asyncio(server: Server, chats: ChatMemory) -> None:
    """The same, whichever of two runs begins and ends first."""

    async def pair(memory: AsyncChatMemory, names: tuple[str, ...], first: str) -> None:
        other_has_ended, both_read = asyncio.Event(), asyncio.Barrier(len(names))

        async def wait(given: Any) -> None:
            await both_read.wait()
            if given[-1].text != first:
                await other_has_ended.wait()

        made = agent(Recaller(abefore=wait), RedisMemoryMiddleware(memory))

        async def ask(name: str) -> None:
            await made.ainvoke(asked(name), session())
            other_has_ended.set()

        await asyncio.gather(*map(ask, names))

    async def main() -> list[str]:
        every: list[str] = []
        async with AsyncChatMemory.from_url(server.url) as memory:
            for number in range(5):
                names = (f"a{number}", f"b{number}")
                for order, first in itertools.product((names, names[::-1]), names):
                    marked = tuple(f"{name}/{order[0]}/{first}" for name in order)
                    every += marked
                    await pair(memory, marked, f"{first}/{order[0]}/{first}")
        return every

    _is_whole(chats, asyncio.run(main()))


def _is_whole(chats: ChatMemory, questions: list[str]) -> None:
    """Each question is stored once, with its answer right behind it."""
    stored = said(chats.session("s").messages())
    pairs = [tuple(text for _, text in stored[at : at + 2]) for at in range(0, len(stored), 2)]
    assert sorted(pairs) == sorted((question, f"You said: {question}") for question in questions)


def test_a_run_that_fails_leaves_nothing(way: Way) -> None:
    """So that trying again stores the question once."""

    def fail(given: Any) -> None:
        if given[-1].type == "tool":
            raise RuntimeError("no model")

    async def afail(given: Any) -> None:
        fail(given)

    model = Recaller(before=fail, abefore=afail)
    with pytest.raises(RuntimeError):
        way.call(agent(model, RedisMemoryMiddleware(way.memory)), asked("weather?"), session())
    assert way.stored() == []


def test_a_store_that_fails_is_no_empty_history(chats: ChatMemory) -> None:
    """The run fails, too, before its model is asked."""
    model = Recaller()
    with ChatMemory.from_url("redis://127.0.0.1:1/0", deadline=0.1) as gone:
        made = agent(model, RedisMemoryMiddleware(gone))
        with pytest.raises(TransportError):
            made.invoke(asked("hi"), session())
    assert model.seen == []


def test_messages_that_are_handed_back_are_known(chats: ChatMemory) -> None:
    """By the ids of the user's messages: not given and not stored twice."""
    model = Recaller()
    made = agent(model, RedisMemoryMiddleware(chats))
    result = made.invoke(asked(JIM[0][1]), session())["messages"]
    result = made.invoke({"messages": [*result, *asked(NAME[0][1])["messages"]]}, session())
    assert said(model.seen[-1]) == JIM + NAME[:1]
    made.invoke({"messages": [*result["messages"], HumanMessage(RAIN[0][1])]}, session())
    assert said(model.seen[-1]) == JIM + NAME + RAIN[:3]
    assert said(chats.session("s").messages()) == JIM + NAME + RAIN


def test_a_model_that_repeats_ids_loses_no_answer(chats: ChatMemory) -> None:
    """Some providers do: such an id says nothing."""

    class Repeating(Recaller):
        def _reply(self, messages: Any) -> AIMessage:
            return super()._reply(messages).model_copy(update={"id": "the-same"})

    made = agent(Repeating(), RedisMemoryMiddleware(chats))
    for _ in range(3):
        made.invoke(asked(JIM[0][1]), session())
    assert said(chats.session("s").messages()) == JIM * 3


@pytest.mark.parametrize(
    ("given", "configurable", "expected"),
    [
        (None, {"session_id": "a", "thread_id": "b"}, "a"),
        (None, {"thread_id": "b"}, "b"),
        (None, {"thread_id": 17}, "17"),
        ("c", {"session_id": "a", "thread_id": "b"}, "c"),
        (lambda runtime: runtime.context["user"], {"thread_id": "b"}, "ada"),
    ],
)
def test_the_session_is_named(
    chats: ChatMemory, given: Any, configurable: dict[str, Any], expected: str
) -> None:
    """By the argument, by the run's configuration, or by its context."""
    remembering = RedisMemoryMiddleware(chats, session_id=given)
    made = agent(Recaller(), remembering, context_schema=dict)
    made.invoke(asked("hi"), {"configurable": configurable}, context={"user": "ada"})
    assert [info.session_id for info in chats.sessions()] == [expected]


def test_a_run_without_a_session_is_refused(chats: ChatMemory) -> None:
    """Before the model is asked, saying what to do."""
    model = Recaller()
    made = agent(model, RedisMemoryMiddleware(chats))
    for config in (None, session("")):
        with pytest.raises(ConfigurationError, match=r'"session_id": "..."'):
            made.invoke(asked("hi"), config)
    assert model.seen == []


@pytest.mark.parametrize("window", [None, 1])
def test_a_chat_history_serves_as_well(server: Server, way: Way, window: int | None) -> None:
    """This library's, with its own window."""
    model = Recaller()

    def history(session_id: str) -> RedisChatMessageHistory:
        return RedisChatMessageHistory(session_id, url=server.url, window=window)

    for question in (JIM[0][1], NAME[0][1], "And?"):
        way.call(agent(model, RedisMemoryMiddleware(history)), asked(question), session())
    assert said(history("s").session.messages())[:4] == JIM + NAME
    assert said(model.seen[-1])[:-1] == (NAME if window else JIM + NAME)


def test_any_chat_history_of_langchain_serves(way: Way) -> None:
    """Without limits, which it has not."""
    with deprecated():
        kept = InMemoryChatMessageHistory()
    for question in (JIM[0][1], NAME[0][1]):
        made = agent(Recaller(), RedisMemoryMiddleware(lambda _: kept))
        way.call(made, asked(question), session())
    assert said(kept.messages) == JIM + NAME
    made = agent(Recaller(), RedisMemoryMiddleware(lambda _: kept, window=2))
    with pytest.raises(ConfigurationError, match="windows"):
        way.call(made, asked("hi"), session())


def test_what_is_awaited_must_be(server: Server) -> None:
    """A run that is not is told so, and no argument that is none is taken."""
    made = agent(Recaller(), RedisMemoryMiddleware(AsyncChatMemory.from_url(server.url)))
    with pytest.raises(ConfigurationError, match="ainvoke"):
        made.invoke(asked("hi"), session())
    wrong: list[dict[str, Any]] = [
        {"memory": "redis://localhost"},
        {"memory": print, "window": -1},
        {"memory": print, "reserve": 1},
        {"memory": print, "session_id": 3},
    ]
    for arguments in wrong:
        with pytest.raises(ConfigurationError):
            RedisMemoryMiddleware(**arguments)


def test_a_provider_takes_what_it_is_given(way: Way, endpoint: Recalling) -> None:
    """Through LangChain's client of OpenAI, which is refused a call without its results."""
    for question in (JIM[0][1], RAIN[0][1], NAME[0][1]):
        made = agent(endpoint.model(), RedisMemoryMiddleware(way.memory, window=2))
        way.call(made, asked(question), session())
    assert way.stored() == JIM + RAIN + NAME
    roles = [message["role"] for message in endpoint.requests[-1]["messages"]]
    assert roles == [role for role, _ in JIM + RAIN + NAME[:1]]


def test_ids_that_are_counted_anew_lose_nothing(way: Way) -> None:
    """A message that says something else is another one, whatever its id."""
    model = Recaller()
    for _, question in (JIM[0], NAME[0]):
        made = agent(model, RedisMemoryMiddleware(way.memory))
        way.call(made, {"messages": [HumanMessage(question, id="1")]}, session())
    assert way.stored() == JIM + NAME
    assert said(model.seen[1]) == JIM + NAME[:1]
