"""What the model of a conversation sees: system messages, budgets, summaries."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import pytest

from redialog import (
    BudgetTooSmall,
    ChatMemory,
    ConnectError,
    CounterError,
    Message,
    RollingSummary,
)
from redialog.conversation import Conversation
from redialog.tokens import Costs
from tests.conversation.conftest import Talks
from tests.conversation.models import ANSWER, Asked, Speaker, said

SYSTEM = "Be short."


def test_a_system_message_begins_a_session(talks: Talks, memory: ChatMemory) -> None:
    """It is stored with the first turn, seen in each, and never twice."""
    model = Asked()
    talk = talks(model, system=SYSTEM)
    talk.ask("one")
    talk.ask("two")
    talks(model, system=Message.system(SYSTEM)).ask("three")
    assert [role for role, _ in said(memory)] == ["system", *["user", "assistant"] * 3]
    for seen in model.seen:
        assert [m["content"] for m in seen if m["role"] == "system"] == [SYSTEM]
        assert seen[0]["role"] == "system"


def test_a_system_message_for_a_session_that_has_begun(talks: Talks, memory: ChatMemory) -> None:
    """It is seen before the stored ones, and not stored."""
    memory.session("s").append(Message.system("Be long."))
    speaker = Speaker()
    talks(speaker, system=SYSTEM).ask("one")
    assert [message.text for message in speaker.seen[0]] == [SYSTEM, "Be long.", "one"]
    assert said(memory) == [("system", "Be long."), ("user", "one"), ("assistant", ANSWER)]


def test_a_session_that_was_cleared_begins_anew(talks: Talks, memory: ChatMemory) -> None:
    """The same conversation stores its system message again."""
    talk = talks(Asked(), system=SYSTEM)
    talk.ask("one")
    memory.session("s").clear()
    talk.ask("two")
    assert said(memory)[0] == ("system", SYSTEM)
    assert len(said(memory)) == 3


def test_a_system_message_without_history(talks: Talks, memory: ChatMemory) -> None:
    """With a window of no turns a session that has begun is still seen as one."""
    memory.session("s").append(Message.user("x"), Message.assistant("y"))
    model = Asked()
    talks(model, system=SYSTEM, window_turns=0).ask("one")
    assert model.texts == [SYSTEM, "one"]
    assert ("system", SYSTEM) not in said(memory)


def test_the_question_counts(talks: Talks, memory: ChatMemory) -> None:
    """Of a budget the question's cost and the reserve are kept free: exact to the token."""
    session = memory.session("s")
    session.append(Message.user("a" * 10), Message.assistant("b" * 10))
    session.append(Message.user("c" * 10), Message.assistant("d" * 10))
    question = "q" * 20
    both = 4 * 14 + 24
    for budget, seen in [(both, 5), (both - 1, 3), (both - 28, 3)]:
        for reserve in (0, 7):
            speaker = Speaker()
            limits = {"max_tokens": budget + reserve, "reserve": reserve}
            talks(speaker, **limits, counter=len).ask(question)
            [shown] = speaker.seen
            assert len(shown) == seen
            assert sum(map(Costs(len).of, shown)) <= budget
            session.rewind(str(session.messages()[3].id))


def test_a_question_that_does_not_fit(talks: Talks, memory: ChatMemory) -> None:
    """It is an error that counts the question; nobody is asked, nothing is stored."""
    model = Asked()
    for question, system, needed in [("q" * 50, None, 54), ("q" * 30, "s" * 20, 58)]:
        talk = talks(model, max_tokens=60, reserve=10, counter=len, system=system)
        with pytest.raises(BudgetTooSmall) as caught:
            talk.ask(question)
        assert (caught.value.needed, caught.value.limit) == (needed, 50)
    assert model.seen == []
    assert said(memory) == []


def test_a_turn_before_that_does_not_fit(talks: Talks, memory: ChatMemory) -> None:
    """A context always holds the newest turn; here that is the question, so the chat goes on."""
    memory.session("s").append(
        Message.system(SYSTEM), Message.user("a" * 100), Message.assistant("b" * 100)
    )
    model = Asked()
    talk = talks(model, max_tokens=60, counter=len)
    talk.ask("now")
    assert model.texts == [SYSTEM, "now"]
    talk.ask("then")
    assert model.texts == [SYSTEM, "now", ANSWER, "then"]


def test_a_counter_that_fails(talks: Talks, memory: ChatMemory) -> None:
    """The error is the counter's; nobody is asked, nothing is stored."""
    model = Asked()
    with pytest.raises(CounterError):
        talks(model, max_tokens=60, counter=lambda _: -1).ask("now")
    assert model.seen == []
    assert said(memory) == []


def test_a_store_that_is_gone() -> None:
    """Where the session cannot be read, the model is not asked."""
    model = Asked()
    with (
        ChatMemory.from_url("redis://127.0.0.1:1") as memory,
        pytest.raises(ConnectError),
    ):
        Conversation(memory.session("s"), model).ask("now")
    assert model.seen == []


class Folding:
    """A summariser that remembers how often it was called."""

    def __init__(self, answer: Any = "They greeted.") -> None:
        self.answer = answer
        self.calls = 0

    def __call__(self, _previous: str | None, messages: Sequence[Message]) -> str:
        assert messages
        self.calls += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        if isinstance(self.answer, threading.Event):
            self.answer.wait()
        return str(self.answer)


def talk_of(talks: Talks, model: Any, folding: Folding, timeout: float = 20.0) -> Any:
    """A conversation that soon has something to fold."""
    rolling = RollingSummary(folding, trigger_tokens=100, keep_turns=1, timeout=timeout)
    return talks(model, summarizer=rolling, counter=len)


def test_a_rolling_summary(talks: Talks, memory: ChatMemory) -> None:
    """What is older is folded, and what the model sees stays small."""
    model, folding = Asked("a" * 30), Folding()
    talk = talk_of(talks, model, folding)
    for _ in range(10):
        talk.ask("q" * 30)
    assert 1 <= folding.calls <= 9
    assert len(model.seen[-1]) < 10
    assert "They greeted." in model.seen[-1][0]["content"]
    assert memory.session("s").count() == 20


@pytest.mark.parametrize("fault", ["raises", "empty", "hangs"])
def test_a_summariser_that_fails(talks: Talks, memory: ChatMemory, fault: str) -> None:
    """The conversation goes on with the messages themselves; the failure is on record."""
    hangs = threading.Event()
    answer: Any = {"raises": RuntimeError("secret"), "empty": "", "hangs": hangs}[fault]
    model = Asked("a" * 30)
    talk = talk_of(talks, model, Folding(answer), timeout=0.05 if fault == "hangs" else 20.0)
    for _ in range(4):
        assert talk.ask("q" * 30).text == "a" * 30
    hangs.set()
    assert len(model.seen[-1]) == 7
    failure = memory.session("s").info().summary_failure
    assert failure is not None
    assert failure.reason == {"raises": "failed", "empty": "empty", "hangs": "timeout"}[fault]
