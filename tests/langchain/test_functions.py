"""`with_history`: runnables that remember."""

from __future__ import annotations

import asyncio
import threading
import traceback
from functools import partial
from typing import Any

import pytest
from langchain.agents.middleware import AgentMiddleware
from langchain_core.chat_history import InMemoryChatMessageHistory
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate, MessagesPlaceholder
from langchain_core.runnables import RunnableLambda, RunnablePassthrough

from redialog import AsyncChatMemory, ChatMemory, ConfigurationError
from redialog.integrations.langchain import RedisChatMessageHistory, with_history
from tests.langchain.endpoint import Recalling
from tests.langchain.models import CALL, Recaller, deprecated
from tests.langchain.test_agents import JIM, NAME, RAIN, agent
from tests.langchain.ways import Way, said, session
from tests.support.servers import Server

PROMPT = ChatPromptTemplate.from_messages(
    [
        ("system", "You are good at {ability}."),
        MessagesPlaceholder("history"),
        ("human", "{question}"),
    ]
)


class _Nothing(AgentMiddleware[Any, Any]):
    """Leaves an agent as it is."""


def _tool_turn() -> list[Any]:
    call = {"name": "weather", "args": {"city": "Bern"}, "id": "call_1"}
    return [
        {"role": "user", "content": RAIN[0][1]},
        {"role": "assistant", "content": "", "tool_calls": [call]},
    ]


def _given(value: Any, _: object) -> Any:
    return value


@pytest.mark.parametrize(
    "form",
    [
        str,
        HumanMessage,
        lambda text: [HumanMessage(text)],
        lambda text: [("human", text)],
        lambda text: (HumanMessage(text),),
    ],
    ids=["text", "a message", "messages", "pairs", "a tuple"],
)
def test_a_model_remembers(way: Way, form: Any) -> None:
    """What is said is given to the next run, in another object, and stored once."""
    model = Recaller()
    for question, answer in ((JIM[0][1], JIM[1]), (NAME[0][1], NAME[1])):
        found = way.call(with_history(model, way.memory), form(question), session())
        assert said([found]) == [answer]
    assert way.stored() == JIM + NAME
    assert said(model.seen[1]) == JIM + NAME[:1]
    stored = way.chats.session("s").messages()[-1]
    assert stored.extra["usage_metadata"]


def test_an_answer_is_one_message_of_the_usual_kind(way: Way) -> None:
    """Also where it came in pieces; without pieces it is given as the model gives it."""
    made = with_history(Recaller(), way.memory)
    found = way.call(made, JIM[0][1], session())
    assert (type(found) is AIMessage) == ("stream" not in way.name)
    element = way.chats.session("s").messages()[-1]
    assert element.role == "assistant"
    assert element.original_role is None
    history = RedisChatMessageHistory("s", url=way.url)
    history.add_messages([found])
    assert type(history.messages[-1]) is AIMessage


def test_a_prompt_gets_the_history_under_its_name(way: Way) -> None:
    """The question stays as it was given, and text is an answer."""
    model = Recaller()
    chain = PROMPT | model | StrOutputParser()
    for question in (JIM[0][1], NAME[0][1]):
        made = with_history(
            chain, way.memory, input_messages_key="question", history_messages_key="history"
        )
        found = way.call(made, {"ability": "names", "question": question}, session())
    assert found.strip() == NAME[1][1]
    assert way.stored() == JIM + NAME
    assert said(model.seen[1]) == [("system", "You are good at names."), *JIM, NAME[0]]


def test_it_stands_in_a_chain(way: Way) -> None:
    """With ``|`` on both sides, in mappings, and around a graph, whose state begins with it."""
    ask: Any = RunnableLambda(lambda question: {"said": question, "lang": "en"})
    inner = with_history(
        RunnableLambda(lambda given: given["said"]) | Recaller(),
        way.memory,
        input_messages_key="said",
    )
    way.call(ask | inner | StrOutputParser(), JIM[0][1], session())
    outer = with_history(
        RunnablePassthrough.assign(answer=RunnableLambda(lambda given: given["said"]) | Recaller()),
        way.memory,
        input_messages_key="said",
        output_messages_key="answer",
    )
    if "stream" not in way.name:
        found = way.call(ask | outer, NAME[0][1], session())
        assert found["answer"].text.strip() == NAME[1][1]
        assert way.stored() == JIM + NAME


def test_it_is_described_as_what_it_is_made_of(chats: ChatMemory) -> None:
    """For those who ask a runnable for its schemas."""
    made = with_history(PROMPT | Recaller() | StrOutputParser(), chats)
    assert made.OutputType is str
    assert made.get_output_jsonschema()["type"] == "string"
    assert made.get_input_jsonschema()
    assert made.get_graph().nodes


def test_a_graph_gives_back_what_it_was_given(chats: ChatMemory) -> None:
    """An agent's state begins with the history: that is not stored again."""
    made: Any = with_history(
        agent(Recaller(), _Nothing()),
        chats,
        input_messages_key="messages",
        output_messages_key="messages",
    )
    for question in (JIM[0][1], RAIN[0][1], NAME[0][1]):
        made.invoke({"messages": [HumanMessage(question)]}, session())
    assert said(chats.session("s").messages()) == JIM + RAIN + NAME


def test_a_prompt_may_come_before_it(chats: ChatMemory) -> None:
    """What it makes is the input: all of it is stored."""
    prompt = ChatPromptTemplate.from_messages([("system", "Be brief."), ("human", "{q}")])
    chain: Any = prompt | with_history(Recaller(), chats)
    chain.invoke({"q": JIM[0][1]}, session())
    assert said(chats.session("s").messages()) == [("system", "Be brief."), *JIM]


def test_a_batch_goes_to_its_sessions(chats: ChatMemory) -> None:
    """Each run to its own; several of one session lose nothing."""
    made = with_history(Recaller(), chats)
    names = ["a", "b", "a", "b", "a"]
    made.batch([f"q{n}" for n in range(5)], [session(name) for name in names])
    for name in ("a", "b"):
        asked = [text for role, text in said(chats.session(name).messages()) if role == "user"]
        assert sorted(asked) == [f"q{n}" for n in range(5) if names[n] == name]


def test_the_history_is_limited_and_whole(chats: ChatMemory) -> None:
    """By the same options as an agent's, and a call that waits for its result is left out."""
    model = Recaller()
    chats.session("s").append(*_tool_turn())
    made = with_history(model, chats, window=2, session_id="s")
    made.invoke("hi")
    assert said(model.seen[0]) == [RAIN[0], ("user", "hi")]
    made.invoke("you")
    assert said(model.seen[1])[0] == RAIN[0]
    made.invoke("there")
    assert said(model.seen[2])[0] == ("user", "hi")
    with_history(model, chats, max_tokens=30, session_id="s").invoke("again")
    assert len(model.seen[3]) < 4


@pytest.mark.parametrize("keyed", [True, False])
def test_results_find_the_call_that_is_stored(way: Way, keyed: bool) -> None:
    """The loop of those who run their tools themselves."""
    model = Recaller()
    bound = model.bind_tools([object()])
    last = MessagesPlaceholder("question")
    prompt = ChatPromptTemplate.from_messages([MessagesPlaceholder("history"), last])
    keys: Any = {"input_messages_key": "question", "history_messages_key": "history"}
    made = with_history(prompt | bound, way.memory, **keys) if keyed else None
    made = made or with_history(bound, way.memory)
    for message in (HumanMessage(RAIN[0][1]), ToolMessage(RAIN[2][1], tool_call_id="call_1")):
        way.call(made, {"question": [message]} if keyed else [message], session())
    assert way.stored() == RAIN
    assert said(model.seen[-1]) == RAIN[:3]


def test_runs_at_once_lose_nothing_in_threads(chats: ChatMemory) -> None:
    """In the form with keys and in the one without, where all are under way before any ends."""
    at_once = threading.Barrier(4)
    model = Recaller(before=lambda _: at_once.wait(20))
    plain = with_history(model, chats)
    keyed = with_history(
        PROMPT | model, chats, input_messages_key="question", history_messages_key="history"
    )

    def talk(number: int) -> None:
        for turn in range(5):
            question = f"q{number}.{turn}"
            if number % 2:
                plain.invoke(question, session())
            else:
                keyed.invoke({"ability": "x", "question": question}, session())

    threads = [threading.Thread(target=talk, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    _is_whole(chats, [f"q{number}.{turn}" for number in range(4) for turn in range(5)])


def test_runs_at_once_lose_nothing_in_asyncio(server: Server, chats: ChatMemory) -> None:
    """Also streamed, and where the one that began last ends first."""

    async def main() -> None:
        async with AsyncChatMemory.from_url(server.url) as memory:
            for number in range(10):
                ended, begun = asyncio.Event(), asyncio.Event()

                async def wait(given: Any, ended: Any = ended, begun: Any = begun) -> None:
                    begun.set()
                    if given[-1].text.startswith("slow"):
                        await ended.wait()

                made = with_history(Recaller(abefore=wait), memory)

                async def slow(made: Any = made, number: int = number) -> None:
                    if number % 2:
                        await made.ainvoke(f"slow{number}", session())
                    else:
                        assert [piece async for piece in made.astream(f"slow{number}", session())]

                running = asyncio.create_task(slow())
                await begun.wait()
                await made.ainvoke(f"fast{number}", session())
                ended.set()
                await running

    asyncio.run(main())
    _is_whole(chats, [f"{kind}{number}" for number in range(10) for kind in ("slow", "fast")])


def _is_whole(chats: ChatMemory, questions: list[str]) -> None:
    stored = said(chats.session("s").messages())
    pairs = [tuple(text for _, text in stored[at : at + 2]) for at in range(0, len(stored), 2)]
    assert sorted(pairs) == sorted((question, f"You said: {question}") for question in questions)


def test_any_chat_history_serves(server: Server, way: Way) -> None:
    """This library's and LangChain's, which takes pieces of an answer as one message."""
    with deprecated():
        kept = InMemoryChatMessageHistory()
    # Nothing else keeps a call that was never answered from the model.
    kept.add_messages([AIMessage("", tool_calls=[CALL])])
    own = RedisChatMessageHistory("s", url=server.url)
    for history in (own, kept):
        for question in (JIM[0][1], NAME[0][1]):
            made = with_history(
                PROMPT | Recaller(),
                partial(_given, history),
                input_messages_key="question",
                history_messages_key="history",
            )
            way.call(made, {"ability": "names", "question": question}, session())
        assert said(history.messages)[-4:] == JIM + NAME
        assert type(history.messages[-1]) is AIMessage


def test_what_cannot_be_understood_is_refused(chats: ChatMemory) -> None:
    """Before anything is asked or, of an output, stored; without a word of what was said."""
    secret: Any = {"q": "secret", "r": "secret"}
    model, plain = Recaller(), with_history(Recaller(), chats, session_id="s")
    keyed = with_history(model, chats, session_id="s", input_messages_key="question")
    odd: list[Any] = [3, [3], [{"secret": 1}], [("secret", "secret", "secret")], None]
    for given in odd:
        with pytest.raises(ConfigurationError) as caught:
            plain.invoke(given)
        assert "secret" not in "".join(traceback.format_exception_only(caught.value))
        assert caught.value.__suppress_context__
    with pytest.raises(ConfigurationError, match="input_messages_key="):
        plain.invoke(secret)
    for given in ("secret", secret):
        with pytest.raises(ConfigurationError, match="'question'"):
            keyed.invoke(given)
    answers: list[Any] = [secret, 3, None]
    for answer in answers:
        made = with_history(RunnableLambda(partial(_given, answer)), chats, session_id="s")
        with pytest.raises(ConfigurationError, match=r"output|neither"):
            made.invoke("hi")
    with pytest.raises(ConfigurationError, match="session_id"):
        with_history(model, chats).invoke("hi")
    with pytest.raises(ConfigurationError, match="input_messages_key"):
        with_history(model, chats, history_messages_key="history")
    with pytest.raises(ConfigurationError, match="memory must be"):
        with_history(model, "redis://localhost")  # type: ignore[arg-type]
    assert chats.session("s").count() == 0


def test_through_a_client_of_openai(way: Way, endpoint: Recalling) -> None:
    """A real client, blocking and awaited, whole and in pieces."""
    for question in (JIM[0][1], NAME[0][1]):
        made = with_history(endpoint.model(), way.memory)
        way.call(made, [SystemMessage("Be brief."), HumanMessage(question)], session())
    brief = ("system", "Be brief.")
    assert way.stored() == [brief, *JIM, brief, *NAME]
