"""Summaries over a chat history that has no place for one: they are kept in the memory object."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Sequence
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage

from redialog import ConfigurationError, Message, Session
from redialog.memory import ConversationSummaryBufferMemory, ConversationSummaryMemory, folds
from redialog.summary import LEAD, RollingSummary
from tests.memory.histories import Listed, langchain_history
from tests.memory.tools import AwaitedRecorder, Recorder, words


def talk(memory: ConversationSummaryBufferMemory, exchanges: int, count: int = 6) -> None:
    """Saves exchanges of 2 * (count + 4) tokens."""
    for number in range(exchanges):
        question = " ".join([f"q{number}"] * count)
        memory.save_context({"i": question}, {"o": question.replace("q", "a")})


def line(number: int, count: int = 6) -> str:
    """An exchange as it is shown."""
    return f"Human: {' '.join([f'q{number}'] * count)}\nAI: {' '.join([f'a{number}'] * count)}"


def over(history: Any, recorder: Any, limit: int = 50) -> ConversationSummaryBufferMemory:
    """A memory over a history."""
    return ConversationSummaryBufferMemory(
        limit, summarizer=recorder, counter=words, chat_memory=history
    )


@pytest.mark.parametrize("recorder", [Recorder(), AwaitedRecorder()])
def test_the_older_exchanges_are_folded(recorder: Recorder) -> None:
    """As over a session; the history keeps all, other than LangChain's, which prunes it."""
    history = langchain_history()
    memory = over(history, recorder)
    talk(memory, 2)
    assert memory.buffer == f"{line(0)}\n{line(1)}"
    assert recorder.calls == []
    talk(memory, 1)
    assert memory.buffer == f"System: {LEAD}4 messages\n{line(0)}"
    assert memory.moving_summary_buffer == "4 messages"
    assert len(history.messages) == 6
    talk(memory, 2)
    assert memory.buffer == f"System: {LEAD}8 messages\n{line(1)}"
    assert [previous for previous, _ in recorder.calls] == [None, "4 messages"]
    assert [text for _, texts in recorder.calls for text in texts] == [
        message.text for message in history.messages[:8]
    ]
    memory.return_messages = True
    shown = memory.load_memory_variables({})["history"]
    assert shown == [SystemMessage(f"{LEAD}8 messages"), *history.messages[8:]]


def test_it_is_awaited_as_well() -> None:
    """The summariser of an awaited method may be either."""

    async def scenario() -> None:
        for recorder in (Recorder(), AwaitedRecorder()):
            history = langchain_history()
            memory = over(history, recorder)
            for number in range(3):
                await memory.asave_context({"i": f"q{number} " * 6}, {"o": "a " * 6})
            found = await memory.aload_memory_variables()
            assert found["history"].startswith(f"System: {LEAD}4 messages\nHuman: q2")
            await memory.aclear()
            assert await memory.aload_memory_variables() == {"history": ""}

    asyncio.run(scenario())


def test_a_summary_memory_over_a_history() -> None:
    """Folds soon, and loses nothing in between."""
    recorder = Recorder()
    memory = ConversationSummaryMemory(recorder, counter=words, chat_memory=Listed())
    for number in range(3):
        memory.save_context({"i": f"q{number} " * 121}, {"o": f"a{number} " * 121})
    history = memory.buffer_as_str
    assert history.startswith(f"System: {LEAD}4 messages\nHuman: q2")
    assert len(recorder.calls) == 1


@pytest.mark.parametrize("change", ["cleared", "edited", "shorter", "other"])
def test_a_summary_does_not_speak_for_what_is_gone(change: str) -> None:
    """A history that was changed behind the memory has no summary, until it is folded again."""
    history = langchain_history()
    memory = over(history, Recorder())
    talk(memory, 3)
    assert "messages" in memory.buffer_as_str
    if change == "cleared":
        history.clear()
    elif change == "edited":
        history.messages[1] = AIMessage("Something else.")
        # Small enough that nothing is folded.
        del history.messages[2:]
    elif change == "shorter":
        del history.messages[0]
        del history.messages[2:]
    else:
        history.messages[:] = [HumanMessage("x"), AIMessage("y")] * 2
    assert memory.moving_summary_buffer == ""
    memory.return_messages = True
    assert memory.buffer == history.messages[-len(memory.buffer_as_messages) :]
    assert memory.moving_summary_buffer == ""


def test_clear_drops_the_summary_and_the_pause() -> None:
    """A new conversation begins with nothing of the old one."""
    recorder = Recorder(fails=True)
    memory = over(langchain_history(), recorder)
    talk(memory, 3)
    assert "messages" not in memory.buffer_as_str
    memory.clear()
    assert memory.buffer_as_str == ""
    recorder.fails = False
    talk(memory, 3)
    assert f"{LEAD}4 messages" in memory.buffer_as_str


def test_a_failing_summariser_is_left_alone_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    """The history is given up to the limit; afterwards it is asked again."""
    recorder = Recorder(fails=True)
    memory = over(langchain_history(), recorder)
    talk(memory, 3)
    for _ in range(3):
        assert memory.buffer_as_str == f"{line(1)}\n{line(2)}"
    assert len(recorder.calls) == 1
    later = time.monotonic() + folds.PAUSE_S
    monkeypatch.setattr("redialog.memory.folds.monotonic", lambda: later)
    recorder.fails = False
    assert memory.buffer_as_str == f"System: {LEAD}4 messages\n{line(2)}"


@pytest.mark.parametrize("said", ["", "w " * 600, None, 5])
def test_nothing_useless_is_kept(said: Any) -> None:
    """No text, or one that is longer than what it stands for."""
    memory = over(langchain_history(), lambda *_: said)
    talk(memory, 3)
    assert memory.buffer_as_str == f"{line(1)}\n{line(2)}"
    assert memory.moving_summary_buffer == ""


def test_an_exchange_that_is_too_large_is_not_given() -> None:
    """The summary and the rules are."""
    history = langchain_history()
    history.add_messages([SystemMessage("Be brief.")])
    memory = over(history, Recorder(), 40)
    talk(memory, 3)
    assert "q2" in memory.buffer_as_str
    talk(memory, 1, count=60)
    assert memory.buffer_as_str == f"System: Be brief.\nSystem: {LEAD}6 messages"


def test_one_thread_folds_at_a_time() -> None:
    """Another goes on with what there is, and the model is asked once."""
    entered, go_on = threading.Event(), threading.Event()
    calls: list[int] = []

    def slow(previous: str | None, messages: Sequence[Message]) -> str:
        calls.append(len(messages))
        entered.set()
        assert go_on.wait(10)
        return "short"

    memory = over(langchain_history(), slow)
    talk(memory, 3)
    found: list[str] = []
    thread = threading.Thread(target=lambda: found.append(memory.buffer_as_str))
    thread.start()
    try:
        assert entered.wait(10)
        assert memory.buffer_as_str == f"{line(1)}\n{line(2)}"
    finally:
        go_on.set()
        thread.join()
    assert found == [f"System: {LEAD}short\n{line(2)}"]
    assert memory.buffer_as_str == found[0]
    assert calls == [4]


def test_only_what_can_be_kept_is_promised(chat: Session) -> None:
    """A policy that takes messages out, or folds elsewhere, needs a session."""
    for options in ({"when": "background"}, {"when": "manual"}, {"retention": "drop"}):
        policy = RollingSummary(Recorder(), **options)  # type: ignore[arg-type]
        with pytest.raises(ConfigurationError, match="that is no session"):
            ConversationSummaryMemory(policy, chat_memory=Listed())
        ConversationSummaryMemory(policy, session=chat)
