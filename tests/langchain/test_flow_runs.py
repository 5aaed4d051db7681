"""``RunnableWithMessageHistory`` over Redis: called, awaited, streamed, and several at once."""

from __future__ import annotations

import asyncio
import itertools
import threading
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.prompts import ChatPromptTemplate, MessagesPlaceholder
from langchain_core.runnables.history import RunnableWithMessageHistory

from redialog.integrations.langchain import RedisChatMessageHistory
from tests.langchain.endpoint import Recalling
from tests.langchain.models import Recaller, deprecated
from tests.langchain.test_agents import JIM, NAME
from tests.langchain.ways import Way, said, session
from tests.support.servers import Server

PROMPT = ChatPromptTemplate.from_messages(
    [
        ("system", "You're an assistant who's good at {ability}."),
        MessagesPlaceholder("history"),
        ("human", "{question}"),
    ]
)
FORMS = pytest.mark.parametrize("form", ["keys", "lists", "texts", "key"])
OBJECTS = pytest.mark.parametrize("one_object", [False, True], ids=["new objects", "one object"])


class Talk:
    """A runnable with a history, in one of the forms that LangChain has for it.

    Args:
        form: ``keys``: the question and the history are values of a mapping; ``key``: the messages
            are; ``lists``: messages are all of the input, ``texts``: a text is.
        model: who answers.
        url: of the server.
        one_object: whether all runs are given the same history object.
    """

    def __init__(self, form: str, model: Any, url: str, one_object: bool = False) -> None:
        kept = RedisChatMessageHistory("s", url=url)

        def history(session_id: str) -> RedisChatMessageHistory:
            return kept if one_object else RedisChatMessageHistory(session_id, url=url)

        self._form = form
        keys: dict[str, Any] = {}
        runnable = model
        if form == "keys":
            runnable = PROMPT | model
            keys = {"input_messages_key": "question", "history_messages_key": "history"}
        elif form == "key":
            runnable = ChatPromptTemplate.from_messages([MessagesPlaceholder("question")]) | model
            keys = {"input_messages_key": "question"}
        with deprecated():
            self.runnable = RunnableWithMessageHistory(runnable, history, **keys)

    def given(self, text: str) -> Any:
        """The input for a question."""
        if self._form == "keys":
            return {"ability": "names", "question": text}
        if self._form == "key":
            return {"question": [HumanMessage(text)]}
        return text if self._form == "texts" else [HumanMessage(text)]

    def ask(self, text: str) -> Any:
        """The answer."""
        return self.runnable.invoke(self.given(text), session())

    async def aask(self, text: str, *, streamed: bool = False) -> None:
        """The same, awaited."""
        if streamed:
            assert [piece async for piece in self.runnable.astream(self.given(text), session())]
        else:
            await self.runnable.ainvoke(self.given(text), session())


def _stored(server: Server) -> list[Any]:
    return RedisChatMessageHistory("s", url=server.url).messages


@FORMS
def test_a_run_remembers(form: str, way: Way, server: Server) -> None:
    """In each form and way; what is stored is one message for each that was said."""
    model = Recaller()
    for (_, question), answer in ((JIM[0], JIM[1]), (NAME[0], NAME[1])):
        talk = Talk(form, model, server.url)
        found = way.call(talk.runnable, talk.given(question), session())
        assert said([found]) == [answer]
    assert said(_stored(server)) == JIM + NAME
    assert {type(message) for message in _stored(server)} == {HumanMessage, AIMessage}
    prompt = [("system", "You're an assistant who's good at names.")] if form == "keys" else []
    assert said(model.seen[-1]) == [*prompt, *JIM, NAME[0]]


@FORMS
def test_a_run_sends_its_history_to_openai(form: str, way: Way, endpoint: Recalling) -> None:
    """Through LangChain's client, whole and in pieces."""
    for question in (JIM[0][1], NAME[0][1]):
        talk = Talk(form, endpoint.model(), way.url)
        found = way.call(talk.runnable, talk.given(question), session())
    assert found.text.strip() == NAME[1][1]
    kept = RedisChatMessageHistory("s", url=way.url).messages
    assert said(kept) == JIM + NAME
    assert {type(message) for message in kept} == {HumanMessage, AIMessage}


@FORMS
@OBJECTS
def test_runs_at_once_lose_nothing_in_threads(form: str, one_object: bool, server: Server) -> None:
    """All have read before any of them ends."""
    at_once = threading.Barrier(3)
    talk = Talk(form, Recaller(before=lambda _: at_once.wait(20)), server.url, one_object)

    def ask(number: int) -> None:
        for turn in range(4):
            talk.ask(f"q{number}.{turn}")

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    _is_whole(server, [f"q{number}.{turn}" for number in range(3) for turn in range(4)])


@FORMS
@OBJECTS
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_runs_at_once_lose_nothing_in_asyncio(
    form: str, one_object: bool, streamed: bool, server: Server
) -> None:
    """Three runs that overlap, which end in every order; one such group after the other."""

    async def main() -> None:
        turns = {name: asyncio.Event() for name in "abc"}
        begun = {name: asyncio.Event() for name in "abc"}

        async def wait(given: Any) -> None:
            name = given[-1].text[0]
            begun[name].set()
            await turns[name].wait()

        talk = Talk(form, Recaller(abefore=wait), server.url, one_object)
        for number, order in enumerate(itertools.permutations("abc")):
            for event in (*turns.values(), *begun.values()):
                event.clear()
            running = {}
            for name in "abc":
                question = f"{name}{number}"
                asked.append(question)
                running[name] = asyncio.create_task(talk.aask(question, streamed=streamed))
                await begun[name].wait()
            for name in order:
                turns[name].set()
                await running[name]

    asked: list[str] = []
    asyncio.run(main())
    _is_whole(server, asked)


@FORMS
def test_a_run_within_another_loses_nothing(form: str, server: Server) -> None:
    """One that begins and ends while the other is under way, again and again."""
    inner = Talk(form, Recaller(), server.url)
    asked: list[str] = []

    def interrupt(given: Any) -> None:
        for _ in range(3):
            asked.append(f"inner {len(asked)}")
            inner.ask(asked[-1])

    outer = Talk(form, Recaller(before=interrupt), server.url)
    for number in range(5):
        asked.append(f"outer {number}")
        outer.ask(f"outer {number}")
    _is_whole(server, asked)


def _is_whole(server: Server, questions: list[str]) -> None:
    """Each question is stored once, with its answer right behind it."""
    stored = said(_stored(server))
    pairs = [tuple(text for _, text in stored[at : at + 2]) for at in range(0, len(stored), 2)]
    assert sorted(pairs) == sorted((question, f"You said: {question}") for question in questions)
