"""Windows are read from the newest end, in chunks that fit together whatever happens in between."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from redialog import Conflict, CorruptElement, Message
from redialog.effect import Batch
from redialog.keys import OwnLayout
from redialog.ops import read
from redialog.plan import SessionPlan
from redialog.plan import settings as memory_settings
from tests.operations.tools import answered, element, lrange, play

LOG = b"chat"


def texts(messages: list[Message]) -> list[str]:
    """What the messages say."""
    return [message.text for message in messages]


def turns_of(count: int, answers: int) -> list[bytes]:
    """Newest first: so many turns of a question and so many answers."""
    roles = ["user", *["assistant"] * answers] * count
    return [element(number, role) for number, role in enumerate(roles)][::-1]


class Log:
    """A list that changes as a test says after each reply.

    Args:
        newest_first: what lies in it.
        after: what to do with it after the reply of a number, counted from 1.
    """

    def __init__(
        self, newest_first: list[bytes], after: Callable[[int, list[bytes]], None] | None = None
    ) -> None:
        self.elements = newest_first
        self._after = after
        self._replies = 0

    def __call__(self, batch: Batch) -> list[list[bytes]]:
        reply = lrange(self.elements, batch)
        self._replies += 1
        if self._after is not None:
            self._after(self._replies, self.elements)
        return reply


@pytest.mark.parametrize("history", [0, 1, 4, 5])
def test_a_window_of_a_short_session_is_one_round_trip(history: int) -> None:
    """1 round trip where the whole session fits into the first chunk."""
    log = turns_of(history, 1)
    batches, found = answered(read.window_of_turns(LOG, 5, strict=False), Log(log))
    assert len(batches) == 1
    assert batches[0].token is None
    assert texts(found) == [f"m{i}" for i in range(2 * history)][-10:]


@pytest.mark.parametrize("limit", [1, 7, 99, 100])
@pytest.mark.parametrize("history", [0, 1, 99, 100, 101, 5000])
def test_a_window_of_messages_is_one_round_trip(limit: int, history: int) -> None:
    """1 round trip for up to 100 messages, and no more elements than asked for."""
    log = [element(number) for number in range(history)][::-1]
    batches, found = answered(read.window_of_messages(LOG, limit, strict=False), Log(log))
    assert len(batches) == 1
    assert texts(found) == [f"m{i}" for i in range(history)][-limit:]
    assert batches[0].commands == ((b"LRANGE", LOG, 0, limit - 1),)


@pytest.mark.parametrize("window", [read.window_of_turns, read.window_of_messages])
def test_a_window_of_nothing_asks_nothing(window: Callable[..., Any]) -> None:
    """0 turns or messages are no history."""
    assert play(window(LOG, 0, strict=False)) == ([], [])


def test_a_window_of_many_messages_is_read_in_chunks() -> None:
    """What is longer than the first page comes in pieces of at most 1,000."""
    log = [element(number) for number in range(6000)][::-1]
    batches, found = answered(read.window_of_messages(LOG, 5000, strict=False), Log(log))
    assert texts(found) == [f"m{i}" for i in range(1000, 6000)]
    assert len(batches) <= 10
    for batch in batches:
        [(_, _, start, stop)] = batch.commands
        assert isinstance(start, int)
        assert isinstance(stop, int)
        assert stop - start < read.PAGE_ELEMENTS


@settings(max_examples=80, deadline=None, derandomize=True)
@given(st.integers(1, 30), st.integers(1, 12), st.integers(1, 8))
def test_a_window_of_turns_does_not_depend_on_the_history(
    turns: int, answers: int, limit: int
) -> None:
    """The same round trips and elements for the newest turns of a longer history."""
    costs = set()
    for more in (0, 50):
        log = turns_of(turns + limit + more, answers)
        batches, found = answered(read.window_of_turns(LOG, limit, strict=False), Log(log))
        assert len(found) == limit * (answers + 1)
        assert found[0].role == "user"
        costs.add(tuple(batch.commands for batch in batches))
    assert len(costs) == 1


def appended(count: int) -> Callable[[int, list[bytes]], None]:
    """Somebody appends so many messages after the first reply."""

    def after(replies: int, log: list[bytes]) -> None:
        if replies == 1:
            log[:0] = [element(9000 + number) for number in range(count)]

    return after


@pytest.mark.parametrize("count", [0, 1])
def test_appends_between_two_chunks_do_not_disturb(count: int) -> None:
    """The second chunk starts with the last element of the first, wherever that is by then."""
    log = turns_of(4, 20)
    op = read.window_of_turns(LOG, 1, strict=False)
    batches, found = answered(op, Log(log, appended(count)))
    assert texts(found) == [f"m{i}" for i in range(63, 84)]
    assert len(batches) > 1


def test_so_many_appends_that_the_chunks_do_not_meet() -> None:
    """Then the window is read anew, and is the one after the appends."""
    log = turns_of(4, 20)
    op = read.window_of_turns(LOG, 1, strict=False)
    _, found = answered(op, Log(log, appended(7)))
    assert texts(found)[-7:] == [f"m{9000 + i}" for i in range(7)][::-1]
    assert found[0].role == "user"


def test_a_session_that_is_cleared_in_between_is_read_anew() -> None:
    """A window never mixes two conversations."""
    log = turns_of(4, 20)

    def cleared(replies: int, found: list[bytes]) -> None:
        if replies == 1:
            found[:] = [element(7, "assistant"), element(6, "user")]

    _, found = answered(read.window_of_turns(LOG, 1, strict=False), Log(log, cleared))
    assert texts(found) == ["m6", "m7"]


def test_a_session_that_never_stands_still_is_a_conflict() -> None:
    """The number of new starts is bounded."""
    log = turns_of(4, 20)

    def replaced(replies: int, found: list[bytes]) -> None:
        found[:] = [element(1000 * replies + number, "assistant") for number in range(50)]

    op = read.window_of_turns(LOG, 1, strict=False)
    with pytest.raises(Conflict, match="'chat'"):
        answered(op, Log(log, replaced), most=20)


DAMAGED = b'{"type":"human"}'


@pytest.mark.parametrize("strict", [False, True])
def test_a_damaged_element_outside_the_window_does_not_matter(strict: bool) -> None:
    """Only what is returned is looked at."""
    log = [element(2, "assistant"), element(1), DAMAGED, element(0)]
    _, found = answered(read.window_of_turns(LOG, 1, strict=strict), Log(log))
    assert texts(found) == ["m1", "m2"]


def test_a_damaged_element_inside_the_window() -> None:
    """It stands in its place with its position from the newest; strict raises it."""
    log = [element(9, "assistant"), *turns_of(1, 4)[:-2], DAMAGED, element(1), element(0)]
    _, found = answered(read.window_of_turns(LOG, 1, strict=False), Log(list(log)))
    [damaged] = [message for message in found if message.role == "damaged"]
    assert damaged.damage is not None
    assert (damaged.damage.key, damaged.damage.position) == ("chat", log.index(DAMAGED))
    for op in (
        read.window_of_turns(LOG, 1, strict=True),
        read.window_of_messages(LOG, 50, strict=True),
    ):
        with pytest.raises(CorruptElement) as caught:
            answered(op, Log(list(log)))
        assert caught.value.position == log.index(DAMAGED)


def test_a_reply_of_text_is_read_as_bytes_are() -> None:
    """A transport may decode replies."""
    _, found = play(read.window_of_messages(LOG, 3, strict=False), [[element(0).decode()]])
    assert texts(found) == ["m0"]


def test_the_plan_reads_the_sessions_log() -> None:
    """A window of a session reads its log with either kind of limit."""
    config = memory_settings("n", None, None, 1)
    plan = SessionPlan(config, "s", None, None)
    for op in (plan.window(2, None, strict=False), plan.window(None, 5, strict=False)):
        [batch], found = play(op, [[]])
        assert found == []
        assert batch.commands[0][:3] == (b"LRANGE", OwnLayout("n").session("s").log, 0)
