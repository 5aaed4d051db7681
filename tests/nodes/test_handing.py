"""How much a node hands over: budgets, and the summary of what it does not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from redialog import Message, RollingSummary
from redialog.nodes import Node
from redialog.summary import LEAD
from redialog.tokens import Costs
from tests.nodes.conftest import Palette
from tests.nodes.tools import exchange, texts, user
from tests.support.servers import Server


def tokens(messages: Sequence[Message]) -> int:
    """By the built-in estimate."""
    return sum(map(Costs(None).of, messages))


class Told:
    """A summariser that keeps what it was given, and writes little."""

    def __init__(self) -> None:
        self.calls: list[tuple[str | None, list[str]]] = []

    def __call__(self, previous: str | None, messages: Sequence[Message]) -> str:
        self.calls.append((previous, [message.text.split()[0] for message in messages]))
        return f"summary {len(self.calls)}"


class Model:
    """A chat model of LangChain's shape."""

    model_name = "small"

    def invoke(self, *_: Any, **__: Any) -> Message:
        """Always the same."""
        return Message.assistant("by the model")


def log(node: Node, server: Server) -> list[bytes]:
    """The elements as they lie in Redis."""
    with server.client() as client:
        return list(client.lrange(node.session_id, 0, -1))


def test_a_budget_bounds_what_is_handed_over(palette: Palette) -> None:
    """The newest that fits; what is prepended does not count."""
    ways = palette.ways
    ways.talk(palette.node(), 20, words=10)
    for most in (60, 100, 300):
        node = palette.node(maxTokens=str(most))
        found = ways.get(node, return_base_messages=True)
        assert found
        assert tokens(found) <= most
        assert found == node.session().messages()[-len(found) :]
    before = [user("word " * 500)]
    assert len(ways.get(palette.node(maxTokens=60), prepend_messages=before)) == 3
    assert len(ways.get(palette.node(maxTokens=10_000))) == 40


def test_of_a_budget_and_a_window_the_tighter_one_holds(palette: Palette) -> None:
    """Both are limits."""
    ways = palette.ways
    ways.talk(palette.node(), 20, words=10)
    assert len(ways.get(palette.node(maxTokens=10_000, windowSize=2))) == 4
    found = ways.get(palette.node(maxTokens=100, windowSize=19), return_base_messages=True)
    assert tokens(found) <= 100


def test_a_newest_exchange_beyond_the_budget_is_no_error(palette: Palette) -> None:
    """There is nothing, or the summary alone: a chat goes on."""
    ways = palette.ways
    ways.talk(palette.node(), 2, words=500)
    assert ways.get(palette.node(maxTokens=50)) == []
    found = ways.get(palette.node(maxTokens=50, summarize=True), return_base_messages=True)
    assert tokens(found) <= 50
    told = Told()
    node = palette.node("t", maxTokens=80, summarize=True, summarizer=told)
    ways.talk(node, 3, words=10)
    ways.get(node)
    assert told.calls
    ways.add(node, exchange(3, 500))
    ways.get(node)
    assert texts(ways.get(node)) == [f"{LEAD}summary {len(told.calls)}"]
    assert ways.get(palette.node("t", maxTokens=30, summarize=True)) == []


def test_exchanges_beyond_the_budget_are_in_the_summary(palette: Palette) -> None:
    """Each of them, one after the other, but for the newest; also those that the window holds."""
    ways = palette.ways
    for window in ("", 5):
        told = Told()
        node = palette.node(
            f"of {window}", maxTokens=100, windowSize=window, summarize=True, summarizer=told
        )
        for number in range(4):
            ways.add(node, exchange(number, 100))
            ways.get(node)
        assert texts(ways.get(node)) == [f"{LEAD}summary 3"]
        assert [call[1] for call in told.calls] == [["q0", "a0"], ["q1", "a1"], ["q2", "a2"]]


def test_a_budget_within_the_window_leaves_nothing_out(palette: Palette) -> None:
    """What it cuts off is in the summary, although the window would hold it."""
    told, ways = Told(), palette.ways
    node = palette.node(maxTokens=200, windowSize=8, summarize=True, summarizer=told)
    ways.talk(node, 8, words=20)
    found = ways.get(node, return_base_messages=True)
    assert tokens(found) <= 200
    assert found[0].text == f"{LEAD}summary 1"
    folded = sum(len(call[1]) for call in told.calls)
    assert found[1:] == node.session().messages()[folded:]


def test_a_summary_stands_for_what_is_older_than_the_window(palette: Palette) -> None:
    """What is in the window is word for word, and not in the summary."""
    told, ways = Told(), palette.ways
    node = palette.node(windowSize=2, summarize="true", summarizer=told)
    ways.talk(node, 6, words=20)
    found = ways.get(node)
    assert [one["type"] for one in found] == ["apiMessage"] + ["userMessage", "apiMessage"] * 2
    assert texts(found)[0] == f"{LEAD}summary 1"
    assert [text.split()[0] for text in texts(found)[1:]] == ["q4", "a4", "q5", "a5"]
    assert told.calls == [(None, ["q0", "a0", "q1", "a1", "q2", "a2", "q3", "a3"])]


def test_a_summary_is_kept_and_goes_on(palette: Palette, server: Server) -> None:
    """In Redis, for every node of the session; and no element is rewritten for it."""
    first, second, ways = Told(), Told(), palette.ways
    node = palette.node(windowSize=1, summarize=True, summarizer=first)
    ways.talk(node, 3, words=20)
    before = log(node, server)
    ways.get(node)
    assert log(node, server) == before
    ways.add(node, exchange(3, 20))
    other = palette.node(windowSize=1, summarize=True, summarizer=second)
    assert texts(ways.get(other))[0] == f"{LEAD}summary 1"
    assert second.calls == [("summary 1", ["q2", "a2"])]
    ways.clear(other)
    assert ways.get(node) == []


def test_without_limits_a_summary_is_made_of_long_conversations(palette: Palette) -> None:
    """And a short one is handed over whole."""
    told, ways = Told(), palette.ways
    node = palette.node(summarize=True, summarizer=told)
    ways.talk(node, 3, words=20)
    assert len(ways.get(node)) == 6
    assert told.calls == []
    ways.talk(node, 40, words=40)
    found = ways.get(node, return_base_messages=True)
    assert found[0].text == f"{LEAD}summary 1"
    assert tokens(found[1:]) <= 2000


def test_a_summary_counts_for_the_budget(palette: Palette) -> None:
    """All that is handed over is in it."""
    ways = palette.ways
    for most in (120, 400):
        node = palette.node(f"of {most}", maxTokens=most, summarize=True)
        for number in range(30):
            words = f"My friend number {number} lives in town {number} of Peru."
            ways.add(node, [user(words), {"type": "apiMessage", "text": f"Town {number}, I see."}])
            assert tokens(ways.get(node, return_base_messages=True)) <= most
        found = ways.get(node, return_base_messages=True)
        assert found[0].text.startswith(LEAD)
        assert "friend number" in found[0].text
        assert tokens(found[:1]) <= most // 2


def test_the_built_in_summariser_is_the_default(palette: Palette) -> None:
    """It needs no model."""
    node, ways = palette.node(windowSize=1, summarize=True), palette.ways
    ways.talk(node, 4, words=20)
    assert texts(ways.get(node))[0].startswith(LEAD)
    found = node.session().summary()
    assert found is not None
    assert found.by == "key sentences"


def test_a_chat_model_or_a_policy_can_summarise(palette: Palette) -> None:
    """A policy says when; what the window holds stays word for word all the same."""
    ways = palette.ways
    node = palette.node(windowSize=1, summarize=True, summarizer=Model())
    ways.talk(node, 4, words=20)
    assert texts(ways.get(node))[0] == f"{LEAD}by the model"
    policy = RollingSummary(Told(), trigger_tokens=10, keep_turns=1)
    other = palette.node("other", windowSize=2, summarize=True, summarizer=policy)
    ways.talk(other, 4, words=20)
    assert len(ways.get(other)) == 5
    assert policy.keep_turns == 1


def test_a_failing_summariser_disturbs_nobody(palette: Palette) -> None:
    """What would be folded is handed over as far as the limits allow."""

    def broken(previous: str | None, messages: Sequence[Message]) -> str:
        raise RuntimeError("no model")

    ways = palette.ways
    node = palette.node(windowSize=2, summarize=True, summarizer=broken)
    ways.talk(node, 5, words=20)
    assert len(ways.get(node)) == 10
    ways.add(node, [message for number in range(100) for message in exchange(number, 20)])
    found = ways.get(node, return_base_messages=True)
    assert 1900 <= tokens(found[:-4]) <= 2000
    whole = palette.node(summarize=True, summarizer=broken)
    assert 1900 <= tokens(ways.get(whole, return_base_messages=True)) <= 2000
    bounded = palette.node(windowSize=2, maxTokens=300, summarize=True, summarizer=broken)
    assert tokens(ways.get(bounded, return_base_messages=True)) <= 300


def test_nothing_is_missing_between_the_summary_and_the_window(palette: Palette) -> None:
    """What has just left the window stays word for word until a summary of it is worth it."""
    told, ways = Told(), palette.ways
    node = palette.node(windowSize=2, summarize=True, summarizer=told)
    ways.add(node, exchange(0, 5))
    ways.add(node, exchange(1, 100))
    ways.add(node, exchange(2, 100))
    assert [text.split()[0] for text in texts(ways.get(node))] == [
        *("q0", "a0", "q1", "a1", "q2", "a2")
    ]
    assert told.calls == []
    ways.add(node, exchange(3, 100))
    assert [text.split()[0] for text in texts(ways.get(node))[1:]] == ["q2", "a2", "q3", "a3"]
    assert told.calls == [(None, ["q0", "a0", "q1", "a1"])]


@pytest.mark.parametrize("off", [False, "false", "", None])
def test_no_summary_is_made_unasked(palette: Palette, off: object) -> None:
    """The text ``false`` is false."""
    told, ways = Told(), palette.ways
    node = palette.node(windowSize=1, summarize=off, summarizer=told)
    ways.talk(node, 4, words=20)
    assert len(ways.get(node)) == 2
    assert told.calls == []
