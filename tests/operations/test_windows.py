"""Windows are read from the newest end: what one holds, and how many round trips it costs.

What happens to a log between two pages is in `test_window_races`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from redialog import CorruptElement, Message, ToolCall, WrongType, codec
from redialog.effect import Batch, CommandError, Replies
from redialog.keys import OwnLayout
from redialog.ops import read
from redialog.plan import SessionPlan
from redialog.settings import settings as memory_settings
from tests.operations.paging import LOG, Log, appended, assert_shape, texts, turns_of
from tests.operations.tools import answered, element, play


@pytest.mark.parametrize("history", [0, 1, 4, 5])
def test_a_window_of_a_short_session_is_one_round_trip(history: int) -> None:
    """1 round trip where the whole session fits into the first page."""
    log = turns_of(history, 1)
    batches, found = answered(read.window_of_turns(LOG, 5, strict=False), Log(log))
    assert batches == [Batch(((b"LRANGE", LOG, 0, 11),))]
    assert texts(found) == [f"m{i}" for i in range(2 * history)][-10:]


@pytest.mark.parametrize("limit", [1, 5, 49])
@pytest.mark.parametrize("history", [50, 51, 500])
def test_a_window_of_usual_turns_is_one_round_trip(limit: int, history: int) -> None:
    """Turns of a question and an answer, and the one before, fit into the first page."""
    log = turns_of(history, 1)
    batches, found = answered(read.window_of_turns(LOG, limit, strict=False), Log(log))
    assert batches == [Batch(((b"LRANGE", LOG, 0, 2 * limit + 1),))]
    assert texts(found) == [f"m{i}" for i in range(2 * history)][-2 * limit :]


@pytest.mark.parametrize("limit", [1, 7, 99, 100])
@pytest.mark.parametrize("history", [0, 1, 99, 100, 101, 5000])
def test_a_window_of_messages_is_one_round_trip(limit: int, history: int) -> None:
    """1 round trip for up to 100 messages, and no more elements than asked for."""
    log = [element(number) for number in range(history)][::-1]
    batches, found = answered(read.window_of_messages(LOG, limit, strict=False), Log(log))
    assert len(batches) == 1
    assert texts(found) == [f"m{i}" for i in range(history)][-limit:]
    # One more than wanted shows whether there is more; a page holds a hundred.
    assert batches[0].commands == ((b"LRANGE", LOG, 0, min(limit, read.FIRST_PAGE - 1)),)


@pytest.mark.parametrize("window", [read.window_of_turns, read.window_of_messages])
def test_a_window_of_nothing_asks_nothing(window: Callable[..., Any]) -> None:
    """0 turns or messages are no history."""
    assert play(window(LOG, 0, strict=False)) == ([], [])


@pytest.mark.parametrize("limit", [101, 102, 1000, 1001, 2001, 5000, 5999, 6000, 6001, 10**9])
def test_a_window_of_many_messages_is_read_in_pages(limit: int) -> None:
    """What is longer than the first page comes in pages of at most 1,000."""
    log = [element(number) for number in range(6000)][::-1]
    batches, found = answered(read.window_of_messages(LOG, limit, strict=False), Log(log))
    assert texts(found) == [f"m{i}" for i in range(6000)][-limit:]
    assert_shape(batches, limit + 1, 6000)
    assert len(batches) == 1 + -(-min(limit, 6000) // read.PAGE_ELEMENTS)


@settings(max_examples=80, deadline=None, derandomize=True)
@given(st.integers(1, 30), st.integers(1, 12), st.integers(1, 8))
def test_a_window_of_turns_does_not_depend_on_the_history(
    turns: int, answers: int, limit: int
) -> None:
    """As many round trips for the newest turns of a longer history, and pages of the same size."""
    guess = 2 * limit + 2
    most = [guess, 4 * guess, *[read.PAGE_ELEMENTS + 1] * 9]
    costs = set()
    for more in (0, 50):
        log = turns_of(turns + limit + more, answers)
        served: list[int] = []

        def answer(batch: Batch, log: list[bytes] = log, served: list[int] = served) -> Replies:
            replies = Log(log)(batch)
            served += [len(reply) for reply in replies if isinstance(reply, list)]
            return replies

        batches, found = answered(read.window_of_turns(LOG, limit, strict=False), answer)
        assert texts(found) == [f"m{i}" for i in range(len(log))][-limit * (answers + 1) :]
        assert found[0].role == "user"
        assert_shape(batches, guess, len(log))
        assert all(count <= bound for count, bound in zip(served, most, strict=False))
        costs.add(len(batches))
    assert len(costs) == 1


@pytest.mark.parametrize("refused", [0, 1])
def test_a_refused_command_of_a_long_window_is_an_error(refused: int) -> None:
    """An error among the three replies is no length and no list."""
    log = turns_of(4, 20)

    def answer(batch: Batch) -> Replies:
        replies = list(Log(log)(batch))
        if len(replies) == 3:
            replies[refused] = CommandError("WRONGTYPE", "x")
        return replies

    with pytest.raises(WrongType, match="'chat'"):
        answered(read.window_of_turns(LOG, 1, strict=False), answer)


ORPHANS = [element(2, "assistant"), element(1), element(0, "tool")]


@pytest.mark.parametrize(
    "limit",
    [
        2,
        3,
        4,
    ],
)
def test_a_whole_conversation_keeps_a_result_at_its_start(limit: int) -> None:
    """Where all of it fits, all of it is returned; only what is cut is cut between groups."""
    _, found = answered(read.window_of_messages(LOG, limit, strict=False), Log(list(ORPHANS)))
    assert texts(found) == (["m1", "m2"] if limit == 2 else ["m0", "m1", "m2"])


@pytest.mark.parametrize("limit", [1, 3, 100, 119, 120, 121])
@pytest.mark.parametrize("before", [0, 1, 500])
def test_newest_results_without_a_call_are_cut_at_the_limit(limit: int, before: int) -> None:
    """Results that no call stands before are no group that must be kept whole."""
    oldest_first = [element(i) for i in range(before)]
    oldest_first += [element(before + i, "tool") for i in range(120)]
    op = read.window_of_messages(LOG, limit, strict=False)
    batches, found = answered(op, Log(oldest_first[::-1]))
    # One more than the results would be the user's message, where there is one.
    assert texts(found) == [f"m{i}" for i in range(before + 120)][-limit:]
    assert_shape(batches, limit + 1, before + 120)


@pytest.mark.parametrize("limit", [1, 3, 100, 119, 120, 121])
def test_newest_results_with_their_call_are_kept_whole(limit: int) -> None:
    """The group is longer than the limit, so the window is just that."""
    call = Message.assistant("", tool_calls=[ToolCall("f", {}, "1")])
    group = [codec.element(codec.stored(call, "call", 1))]
    group += [element(i, "tool") for i in range(120)]
    log = [*(element(900 + i) for i in range(50)), *group]
    _, found = answered(read.window_of_messages(LOG, limit, strict=False), Log(log[::-1]))
    assert texts(found) == ["", *(f"m{i}" for i in range(120))]


DAMAGED = b'{"type":"human"}'


@pytest.mark.parametrize("strict", [False, True])
def test_a_damaged_element_outside_the_window_does_not_matter(strict: bool) -> None:
    """Only what is returned is looked at."""
    log = [element(2, "assistant"), element(1), DAMAGED, element(0)]
    _, found = answered(read.window_of_turns(LOG, 1, strict=strict), Log(log))
    assert texts(found) == ["m1", "m2"]


def test_a_damaged_element_inside_the_window() -> None:
    """It stands in its place with its position from the oldest; strict raises it."""
    log = [element(9, "assistant"), *turns_of(1, 4)[:-2], DAMAGED, element(1), element(0)]
    _, found = answered(read.window_of_turns(LOG, 1, strict=False), Log(list(log)))
    [damaged] = [message for message in found if message.role == "damaged"]
    assert damaged.damage is not None
    place = log.index(DAMAGED) - len(log)
    assert (damaged.damage.key, damaged.damage.position) == ("chat", place)
    for op in (
        read.window_of_turns(LOG, 1, strict=True),
        read.window_of_messages(LOG, 50, strict=True),
    ):
        with pytest.raises(CorruptElement) as caught:
            answered(op, Log(list(log)))
        assert caught.value.position == place


@pytest.mark.parametrize("count", [0, 3])
def test_a_damaged_element_on_a_later_page(count: int) -> None:
    """Its position is counted from the oldest, which appends in between do not change."""
    log = [*turns_of(1, 40)[:-1], element(0)]
    places = (2, 10, 30)
    for place in places:
        log[place] = DAMAGED
    op = read.window_of_turns(LOG, 1, strict=False)
    batches, found = answered(op, Log(list(log), appended(count, 2)))
    assert len(batches) == 3
    damages = [message.damage for message in found if message.damage is not None]
    assert [damage.position for damage in damages] == [30 - 41, 10 - 41, 2 - 41]
    with pytest.raises(CorruptElement) as caught:
        answered(read.window_of_turns(LOG, 1, strict=True), Log(list(log), appended(count, 2)))
    assert caught.value.position == 30 - 41


def test_a_reply_of_text_is_read_as_bytes_are() -> None:
    """A transport may decode replies."""
    _, found = play(read.window_of_messages(LOG, 3, strict=False), [[element(0).decode()]])
    assert texts(found) == ["m0"]


def test_the_plan_reads_the_sessions_log() -> None:
    """A window of a session reads its log with either kind of limit."""
    plan = SessionPlan(memory_settings(namespace="n"), "s", None)
    for op, last in (
        (plan.window(2, None, strict=False), 5),
        (plan.window(None, 5, strict=False), 5),
    ):
        [batch], found = play(op, [[]])
        assert found == []
        assert batch.commands == ((b"LRANGE", OwnLayout("n").session("s").log, 0, last),)
