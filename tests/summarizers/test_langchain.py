"""The summariser that asks a chat model of LangChain's."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from langchain_core.language_models.fake import FakeListLLM
from langchain_core.language_models.fake_chat_models import (
    FakeListChatModel,
    FakeMessagesListChatModel,
)
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult

import redialog
from redialog import ConfigurationError, Message, SummaryError
from redialog.callbacks import arun_flow
from redialog.models import ModelError
from redialog.summarizers import LangChainSummarizer
from redialog.summarizers.record import NO_TEXT
from tests.operations.flows import Driver, asking, blocking, both
from tests.operations.scripted import AsyncScripted, Scripted

SAID = [Message.user("My locker code is 4417."), Message.assistant("Noted.")]


class Recording(FakeListChatModel):
    """A chat model that notes what it is given."""

    seen: list[BaseMessage] = []  # noqa: RUF012 - pydantic copies it
    model_name: str = "fake-1"

    def _call(self, messages: list[BaseMessage], *args: Any, **options: Any) -> str:
        self.seen.extend(messages)
        return super()._call(messages, *args, **options)


class AsyncOnly(FakeListChatModel):
    """A chat model that can only be asked asynchronously, as some are."""

    loops: list[Any] = []  # noqa: RUF012

    def _generate(self, *_: Any, **__: Any) -> ChatResult:
        raise NotImplementedError

    async def _agenerate(self, *_: Any, **__: Any) -> ChatResult:
        self.loops.append(asyncio.get_running_loop())
        message = AIMessage("The user is Jim.")
        return ChatResult(generations=[ChatGeneration(message=message)])


@both
def test_a_chat_model_summarises(driver: Driver) -> None:
    """It gets the rules as a system message and the record as a human one."""
    model = Recording(responses=["<think>Hm.</think> The user is Jim.\n"])
    assert driver(asking(LangChainSummarizer(model, max_words=50))) == "The user is Jim."
    rules, record = model.seen
    assert (rules.type, record.type) == ("system", "human")
    assert "at most 50 words" in str(rules.content)
    assert "locker" not in str(rules.content)
    assert '{"notes_so_far":"before"}\n' in str(record.content)
    assert '{"role":"user","text":"My locker code is 4417."}\n' in str(record.content)


@both
def test_a_model_that_is_only_asynchronous_summarises(driver: Driver) -> None:
    """Also for a caller that blocks."""
    assert driver(asking(LangChainSummarizer(AsyncOnly(responses=[])))) == "The user is Jim."


def test_in_asyncio_it_is_awaited_in_the_callers_loop() -> None:
    """Its client belongs there."""

    async def main() -> None:
        model = AsyncOnly(responses=[])
        await arun_flow(asking(LangChainSummarizer(model)), AsyncScripted(Scripted()))
        assert model.loops == [asyncio.get_running_loop()]

    asyncio.run(main())


@both
def test_what_has_nothing_but_ainvoke_is_awaited(driver: Driver) -> None:
    """Duck typing: no class of LangChain is asked for."""

    class Bare:
        async def ainvoke(self, _: Any) -> Any:
            return AIMessage("The user is Jim.")

    model: Any = Bare()
    summarizer = LangChainSummarizer(model)
    assert driver(asking(summarizer)) == "The user is Jim."
    assert summarizer.name == "Bare"


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ([{"type": "text", "text": "The user "}, {"type": "text", "text": "is Jim."}], None),
        (
            [{"type": "reasoning", "text": "Hm."}, {"type": "text", "text": "The user is Jim."}],
            None,
        ),
        (["The user ", {"type": "image"}, {"type": "text", "text": 5}, "is Jim."], None),
        ([], ""),
        (None, ""),
        (5, ""),
    ],
)
def test_blocks_are_put_together(content: Any, text: str | None) -> None:
    """Their text, and neither thoughts nor pictures."""

    class Answer:
        def __init__(self) -> None:
            self.content = content

    class Model:
        def invoke(self, _: Any) -> Any:
            return Answer()

    summarizer = LangChainSummarizer(Model())
    assert summarizer(None, SAID) == ("The user is Jim." if text is None else text)


def test_an_answer_without_text_is_a_failure() -> None:
    """An empty summary takes the place of nothing."""
    with pytest.raises(SummaryError) as caught:
        blocking(asking(LangChainSummarizer(FakeMessagesListChatModel(responses=[AIMessage([])]))))
    assert caught.value.reason == "empty"


def test_a_plain_language_model_works_too() -> None:
    """Its answer is text."""
    assert blocking(asking(LangChainSummarizer(FakeListLLM(responses=["Jim."])))) == "Jim."


@both
def test_its_errors_are_the_cause(driver: Driver) -> None:
    """Whatever the model raises."""

    class Failing(FakeListChatModel):
        def _call(self, *_: Any, **__: Any) -> str:
            raise ValueError("quota")

    summarizer = LangChainSummarizer(Failing(responses=[]))
    with pytest.raises(SummaryError) as caught:
        driver(asking(summarizer))
    assert caught.value.reason == "failed"
    assert str(caught.value.__cause__) == "quota"


def test_a_method_that_is_not_there_is_an_error() -> None:
    """Where there is no other one either."""

    class Model:
        def invoke(self, _: Any) -> Any:
            raise NotImplementedError

    with pytest.raises(NotImplementedError):
        LangChainSummarizer(Model())(None, SAID)


def test_a_summary_names_the_model() -> None:
    """By the name that LangChain's models have, else by their class."""
    assert LangChainSummarizer(Recording(responses=[])).name == "fake-1"
    assert LangChainSummarizer(FakeListChatModel(responses=[])).name == "FakeListChatModel"
    assert repr(LangChainSummarizer(Recording(responses=[]))) == "LangChainSummarizer('fake-1')"


def test_without_words_the_model_is_not_asked() -> None:
    """What was known stays."""
    summarizer = LangChainSummarizer(Recording(responses=[]))
    assert summarizer("before", [Message.user("")]) == "before"
    assert summarizer(None, []) == NO_TEXT


def test_what_cannot_be_invoked_is_refused() -> None:
    """At once."""
    model: Any
    for model in (None, "gpt-4o", object(), lambda: None):
        with pytest.raises(ConfigurationError, match="invoke"):
            LangChainSummarizer(model)
    with pytest.raises(ConfigurationError, match="max_words"):
        LangChainSummarizer(FakeListChatModel(responses=[]), max_words=0)


def test_importing_the_summarisers_loads_no_library() -> None:
    """Neither a client nor a framework; only what is used is loaded at all."""
    code = (
        "import sys, redialog.summarizers\n"
        "assert not [name for name in sys.modules if name.startswith('redialog.summarizers.')]\n"
        "assert dir(redialog.summarizers) == sorted(redialog.summarizers.__all__)\n"
        "for name in redialog.summarizers.__all__: getattr(redialog.summarizers, name)\n"
        "assert not {'openai', 'redis', 'langchain_core', 'pydantic'} & set(sys.modules)\n"
        "try: redialog.summarizers.Nothing\n"
        "except AttributeError as error: assert 'Nothing' in str(error)\n"
        "else: raise AssertionError\n"
    )
    source = str(Path(redialog.__file__).parents[1])
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": source})


@pytest.mark.parametrize(
    "told", [{"finish_reason": "length"}, {"stop_reason": "max_tokens"}, {"done_reason": "length"}]
)
def test_an_answer_that_was_cut_off_is_none(told: dict[str, str]) -> None:
    """What it would leave out would be forgotten."""
    answer = AIMessage("Jim's locker code is 44", response_metadata=told)
    model = FakeMessagesListChatModel(responses=[answer])
    with pytest.raises(ModelError):
        LangChainSummarizer(model)(None, SAID)
