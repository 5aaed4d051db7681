"""Contexts: what a model should see, read from the newest end within a window and a budget."""

from __future__ import annotations

from typing import Any

import pytest

from redialog.context import Context
from redialog.errors import BudgetTooSmall, ConfigurationError, CounterError
from redialog.messages import Message
from redialog.sync import ChatMemory, Session
from redialog.testing.conformance._tools import LAYOUTS, Part, Store, element, keys_of, texts
from redialog.toolcalls import ToolCall


def characters(text: str) -> int:
    """A counter whose sums can be seen at a glance: a message costs its characters and 4."""
    return len(text)


def context(chat: Session, **limits: Any) -> Context:
    """A context whose tokens are characters."""
    return chat.context(counter=characters, **limits)


def exchanges(count: int) -> list[Message]:
    """So many questions and answers of 16 characters: 20 tokens each."""
    return [
        message
        for number in range(count)
        for message in (
            Message.user(f"question {number:07}"),
            Message.assistant(f"answer to {number:06}"),
        )
    ]


class Contexts(Part):
    """What `Session.context` returns."""

    def test_a_context_without_limits_is_the_conversation(self, memory: ChatMemory) -> None:
        """All of it, also where it takes several pages; of nothing there is nothing."""
        chat = memory.session()
        assert context(chat).messages == []
        assert texts(context(chat, system="Be brief.").messages) == ["Be brief."]
        chat.append(*exchanges(700))
        assert context(chat).messages == chat.messages()

    def test_a_window_and_a_budget_hold_together(self, memory: ChatMemory) -> None:
        """Whole turns, the newest; the tighter limit decides."""
        chat = memory.session()
        chat.append(Message.system("sys"), *exchanges(400))
        stored = texts(chat.messages())
        for window in (0, 1, 3, 200, 400, 500, None):
            for budget in (47, 86, 87, 127, 5000, 16_007, None):
                found = context(chat, window_turns=window, max_tokens=budget)
                fitting = 400 if budget is None else (budget - 7) // 40
                turns = min(fitting, 400 if window is None else window)
                expected = ["sys", *stored[len(stored) - 2 * turns :]]
                assert texts(found.messages) == expected, (window, budget)
                assert found.tokens.total == 7 + 40 * turns

    def test_the_beginning_is_always_there(self, memory: ChatMemory) -> None:
        """Up to 16 leading system messages, however large and however far from the window."""
        chat = memory.session()
        leading = [Message.system(f"{number} " + "x" * 20_000) for number in range(17)]
        chat.append(*leading, *exchanges(200))
        found = context(chat, window_turns=2)
        assert found.messages[:16] == chat.messages()[:16]
        assert texts(found.messages[16:]) == texts(chat.window(turns=2))
        assert found.tokens.system == sum(len(one.text) + 4 for one in leading[:16])

    def test_a_system_message_of_the_call_comes_first(self, memory: ChatMemory) -> None:
        """It is counted and not stored; one that is stored already is not there twice."""
        chat = memory.session()
        chat.append(Message.system("sys"), *exchanges(2))
        found = context(chat, system="Answer in French.", max_tokens=80)
        assert [one.text for one in found.messages[:2]] == ["Answer in French.", "sys"]
        assert len(found.messages) == 4
        assert found.tokens.system == 21 + 7
        assert texts(context(chat, system="sys").messages).count("sys") == 1
        assert chat.count() == 5
        with pytest.raises(ConfigurationError):
            context(chat, system=Message.user("I am the system"))

    def test_a_budget_that_is_too_small_says_what_it_takes(self, memory: ChatMemory) -> None:
        """The system messages, the newest user message and what came last must fit."""
        chat = memory.session()
        chat.append(Message.system("sys"), *exchanges(300))
        with pytest.raises(BudgetTooSmall) as error:
            context(chat, max_tokens=50, reserve=4)
        assert (error.value.needed, error.value.limit) == (47, 46)
        assert len(context(chat, max_tokens=51, reserve=4).messages) == 3

    def test_a_turn_that_is_too_long_loses_its_oldest_part(self, memory: ChatMemory) -> None:
        """The question and the newest steps stay, however many steps lie between."""
        chat = memory.session()
        chat.append(*exchanges(3), Message.user("go"))
        for number in range(300):
            call = ToolCall("f", {}, f"c{number}")
            chat.append(
                Message.assistant(f"step {number:03}", tool_calls=[call]),
                Message.tool(f"result {number:03}", tool_call_id=f"c{number}"),
            )
        found = context(chat, max_tokens=1000)
        kept = texts(found.messages)
        steps = (len(kept) - 1) // 2
        assert 3 <= steps < 30
        expected = [
            text
            for number in range(300 - steps, 300)
            for text in (f"step {number:03}", f"result {number:03}")
        ]
        assert kept == ["go", *expected]
        assert found.tokens.total <= 1000

    def test_half_of_a_tool_call_is_left_out(self, memory: ChatMemory) -> None:
        """A call without its result, a result without its call; both stay stored."""
        chat = memory.session()
        chat.append(
            Message.user("q1"),
            Message.assistant("calls", tool_calls=[ToolCall("f", {}, "c1")]),
            Message.user("q2"),
            Message.tool("nobody asked", tool_call_id="c9"),
            Message.assistant("a2"),
        )
        found = context(chat)
        assert texts(found.messages) == ["q1", "q2", "a2"]
        reasons = [(entry.status, entry.reason) for entry in found.explain().entries]
        inside, orphan = ("in", None), ("dropped", "orphan")
        assert reasons == [inside, orphan, inside, orphan, inside]
        assert chat.count() == 5

    @LAYOUTS
    def test_what_others_left_does_no_harm(self, store: Store, prefix: str | None) -> None:
        """Damaged elements and requests to remove are named and left out; the rest is in."""
        chat = store.memory(key_prefix=prefix).session("s1")
        log = keys_of("s1", prefix=prefix).log
        damaged = [element(f"q{number}") for number in range(150)] + [b"{", element("q150")]
        store.raw.lpush(log, *damaged, element("gone", "remove"), element("answer", "ai"))
        found = context(chat, window_turns=200)
        assert texts(found.messages) == [*(f"q{number}" for number in range(151)), "answer"]
        assert [one.id for one in found.messages] == [
            one.id for one in chat.messages() if one.role in ("user", "assistant")
        ]
        status = {entry.first: (entry.status, entry.reason) for entry in found.explain().entries}
        assert status[151] == ("damaged", None)
        assert status[153] == ("dropped", "remove")

    def test_an_explanation_speaks_of_every_message(self, memory: ChatMemory) -> None:
        """In order and without a gap, what was never read as one range; JSON can hold it."""
        chat = memory.session()
        chat.append(Message.system("sys"), *exchanges(3_000))
        found = context(chat, max_tokens=500).explain()
        place = 0
        for entry in found.entries:
            assert entry.first == place + 1
            place = entry.last
        assert place == 6_001
        assert len(found.entries) < 100
        counted = sum(entry.tokens or 0 for entry in found.entries if entry.status == "in")
        assert counted == found.tokens.total <= 500

    def test_wrong_arguments_are_refused(self, memory: ChatMemory) -> None:
        """Limits that are none, and counters that fail, get an error that says so."""
        chat = memory.session()
        chat.append(*exchanges(2))
        for wrong in (
            {"window_turns": -1},
            {"window_turns": 1.5},
            {"window_turns": True},
            {"max_tokens": -1},
            {"max_tokens": "4000"},
            {"max_tokens": 10, "reserve": -1},
            {"reserve": 10},
            {"max_tokens": 100, "counter": "o200k"},
            {"summarizer": "gpt"},
            {"system": 3},
        ):
            with pytest.raises(ConfigurationError):
                chat.context(**wrong)

        def raising(text: str) -> int:
            raise RuntimeError(text)

        counters: tuple[Any, ...] = (raising, lambda _: -1, lambda _: 1.5, lambda _: None)
        for counter in counters:
            with pytest.raises(CounterError) as error:
                chat.context(max_tokens=1000, counter=counter)
            assert "question" not in str(error.value)
