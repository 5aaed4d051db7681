"""Contexts with a summariser: nothing falls between the summary and the messages; it ends well."""

from __future__ import annotations

import _thread
import asyncio
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
import redis

from redialog import (
    AsyncChatMemory,
    ChatMemory,
    Conflict,
    Message,
    PermissionDenied,
    RollingSummary,
    SummaryError,
    callbacks,
)
from redialog.memory import ConversationSummaryBufferMemory
from tests.support.servers import Server


@pytest.fixture
def memory(server: Server) -> Iterator[ChatMemory]:
    """A memory on a server."""
    with ChatMemory.from_url(server.url) as memory:
        yield memory


class Counting:
    """A summariser that notes what it is given, and writes the labels of it."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []

    def __call__(self, previous: str | None, messages: Sequence[Message]) -> str:
        self.calls.append([message.text.split()[0] for message in messages])
        return " ".join([*(previous or "").split(), *self.calls[-1]])


def words(text: str) -> int:
    """Tokens, counted as words."""
    return len(text.split())


def exchange(number: int) -> tuple[Message, Message]:
    """A question and an answer, 26 tokens with what a message costs."""
    rest = " some words that say what it is about"
    return Message.user(f"q{number}{rest}"), Message.assistant(f"a{number}{rest}")


def labels(messages: Sequence[Message]) -> list[str]:
    """The labels in a context, those of the summary first."""
    found: list[str] = []
    for message in messages:
        text = message.text.partition("\n")[2] if message.role == "system" else message.text
        found += text.split() if message.role == "system" else text.split()[:1]
    return found


def everything(count: int) -> list[str]:
    """The labels of so many exchanges."""
    return [label for number in range(count) for label in (f"q{number}", f"a{number}")]


@pytest.mark.parametrize(
    ("limits", "most"), [({"max_tokens": 700}, 25), ({"window_turns": 6}, 60), ({}, 0)]
)
def test_what_a_limit_leaves_out_is_in_the_summary(
    memory: ChatMemory, limits: dict[str, Any], most: int
) -> None:
    """Though the trigger is far beyond the limit; and it is not called at each save for that."""
    chat, summarizer = memory.session(), Counting()
    rolling = RollingSummary(summarizer, trigger_tokens=6_000, summary_max_tokens=450)
    for number in range(200):
        chat.append(*exchange(number))
        found = chat.context(summarizer=rolling, counter=words, **limits)
        assert labels(found.messages) == everything(number + 1)
    folded = [label for call in summarizer.calls for label in call]
    assert folded == everything(200)[: len(folded)]
    assert len(summarizer.calls) <= most


def test_a_long_conversation_takes_as_many_calls_as_the_trigger_says(memory: ChatMemory) -> None:
    """200 turns of 26 tokens with a trigger of 480: each fold takes half of that."""
    chat, summarizer = memory.session(), Counting()
    rolling = RollingSummary(summarizer, trigger_tokens=480, summary_max_tokens=1_000)
    for number in range(200):
        chat.append(*exchange(number))
        chat.context(summarizer=rolling, counter=words)
    assert 200 * 26 // 240 - 3 <= len(summarizer.calls) <= 200 * 26 // 240 + 1


def test_what_was_stored_before_is_summarised_with_few_calls(memory: ChatMemory) -> None:
    """A buffer over a conversation of 60 exchanges has all of it at its first load."""
    chat, summarizer = memory.session(), Counting()
    for number in range(60):
        chat.append(*exchange(number))
    buffer = ConversationSummaryBufferMemory(
        summarizer=RollingSummary(summarizer, trigger_tokens=200, summary_max_tokens=1_000),
        session=chat,
        counter=words,
        return_messages=True,
    )
    assert labels(buffer.load_memory_variables({})["history"]) == everything(60)
    assert len(summarizer.calls) == 1


def test_a_conversation_that_is_changed_each_time_ends_the_attempts(memory: ChatMemory) -> None:
    """`compact` says so, and does not pay for a model for ever."""
    chat = memory.session()
    for number in range(20):
        chat.append(*exchange(number))
    first = chat.messages()[0].id
    assert first is not None
    calls: list[int] = []

    def meddling(previous: str | None, messages: Sequence[Message]) -> str:
        calls.append(len(messages))
        chat.replace(first, Message.user(f"another {len(calls)}"))
        return "short"

    with pytest.raises(Conflict):
        chat.compact(RollingSummary(meddling, trigger_tokens=100), counter=words)
    assert len(calls) == 5
    assert chat.summary() is None


def test_an_interrupted_fold_gives_its_lease_back(memory: ChatMemory) -> None:
    """Ctrl-C in one call: the next one folds at once, and nothing counts as a failure."""
    chat = memory.session()
    for number in range(20):
        chat.append(*exchange(number))

    def interrupted(previous: str | None, messages: Sequence[Message]) -> str:
        _thread.interrupt_main()
        threading.Event().wait(5)
        return "too late"

    with pytest.raises(KeyboardInterrupt):
        chat.context(summarizer=RollingSummary(interrupted, trigger_tokens=100), counter=words)
    assert chat.info().summary_failure is None
    assert chat.compact(RollingSummary(Counting(), trigger_tokens=100), counter=words) is not None


def test_a_cancelled_fold_gives_its_lease_back(server: Server) -> None:
    """The same for a task that is cancelled."""

    async def cancelled() -> None:
        async with AsyncChatMemory.from_url(server.url) as memory:
            chat = memory.session()
            for number in range(20):
                await chat.append(*exchange(number))
            begun = asyncio.Event()

            async def endless(previous: str | None, messages: Sequence[Message]) -> str:
                begun.set()
                await asyncio.Event().wait()
                return ""

            rolling = RollingSummary(endless, trigger_tokens=100)
            task = asyncio.create_task(chat.context(summarizer=rolling, counter=words))
            await begun.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            quick = RollingSummary(Counting(), trigger_tokens=100)
            assert await chat.compact(quick, counter=words) is not None

    asyncio.run(cancelled())


def test_a_failure_names_the_class_of_its_cause(memory: ChatMemory) -> None:
    """And nothing of its text, which can hold a message or a key."""
    chat = memory.session()
    for number in range(20):
        chat.append(*exchange(number))

    def broken(previous: str | None, messages: Sequence[Message]) -> str:
        raise LookupError(messages[0].text)

    found = chat.context(summarizer=RollingSummary(broken, trigger_tokens=100), counter=words)
    failure = chat.info().summary_failure
    assert failure is not None
    assert (failure.reason, failure.cause, failure.times) == ("failed", "LookupError", 1)
    assert "failed (LookupError)" in str(found.explain())
    assert "some words" not in str(found.explain())
    with pytest.raises(SummaryError):
        chat.compact(RollingSummary(broken, trigger_tokens=100), counter=words)


@pytest.mark.parametrize("denied", ["hset", "hdel", "rpush", "ltrim", "pexpire"])
def test_a_user_who_may_not_do_all_of_a_fold_loses_nothing(
    memory: ChatMemory, server: Server, denied: str
) -> None:
    """It is refused before the first change, also where it would remove what it folds."""
    chat = memory.session()
    chat.append(Message.system("rules"))
    for number in range(20):
        chat.append(*exchange(number))
    before = chat.messages()
    with redis.Redis.from_url(server.url) as raw:
        raw.execute_command("ACL", "SETUSER", denied, "on", ">pw", "~*", "+@all", f"-{denied}")
        url = server.url.replace("redis://", f"redis://{denied}:pw@")
        tokens = set(raw.scan_iter("redialog:*op:*"))
        with ChatMemory.from_url(url) as limited:
            other = limited.session(chat.id)
            rolling = RollingSummary(Counting(), trigger_tokens=100, retention="drop")
            with pytest.raises(PermissionDenied):
                other.compact(rolling, counter=words)
            assert len(other.context(summarizer=rolling, counter=words).messages) == len(before)
        assert set(raw.scan_iter("redialog:*op:*")) == tokens
    assert chat.messages() == before
    assert chat.summary() is None


def test_a_fold_in_the_background_is_not_waited_for(memory: ChatMemory) -> None:
    """The context comes while the summariser is at work, and the next one has its summary."""
    chat, begun, go = memory.session(), threading.Event(), threading.Event()
    for number in range(20):
        chat.append(*exchange(number))
    summarizer = Counting()

    def slow(previous: str | None, messages: Sequence[Message]) -> str:
        begun.set()
        assert go.wait(20)
        return summarizer(previous, messages)

    rolling = RollingSummary(slow, trigger_tokens=100, when="background")
    assert len(chat.context(summarizer=rolling, counter=words).messages) == 40
    assert begun.wait(20)
    assert chat.summary() is None
    go.set()
    assert callbacks.settled(20)
    found = chat.context(summarizer=rolling, counter=words)
    assert labels(found.messages) == everything(20)
    assert chat.summary() is not None
    assert len(summarizer.calls) == 1


def test_a_fold_in_the_background_of_an_event_loop(server: Server) -> None:
    """The same with asyncio."""

    async def talked() -> None:
        async with AsyncChatMemory.from_url(server.url) as memory:
            chat = memory.session()
            for number in range(20):
                await chat.append(*exchange(number))
            go, summarizer = asyncio.Event(), Counting()

            async def slow(previous: str | None, messages: Sequence[Message]) -> str:
                await go.wait()
                return summarizer(previous, messages)

            rolling = RollingSummary(slow, trigger_tokens=100, when="background")
            assert len((await chat.context(summarizer=rolling, counter=words)).messages) == 40
            assert await chat.summary() is None
            go.set()
            assert await callbacks.asettled(20)
            found = await chat.context(summarizer=rolling, counter=words)
            assert labels(found.messages) == everything(20)

    asyncio.run(talked())
