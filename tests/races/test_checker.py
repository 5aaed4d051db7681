"""The checker finds what is wrong with a history, and nothing wrong with a right one."""

from __future__ import annotations

from typing import Any

import pytest

from tests.races.checker import NotLinearizable, check
from tests.races.specification import NEVER, Event, State

U1, U2, U3, A1 = "u1", "u2", "u3", "a1"
TWO = State((U1, U2))


def call(
    begin: int, end: int, op: str, *args: Any, answer: Any = None, outcome: str = "ok"
) -> Event:
    """A call by a lane of its own."""
    return Event(f"lane{begin}", begin, end, op, args, outcome, answer)


def append(begin: int, end: int, *texts: str, cap: int | None = None) -> Event:
    """An append that was acknowledged, or may come at any time."""
    outcome = "doubt" if end == NEVER else "ok"
    answer = None if end == NEVER else list(texts)
    return call(begin, end, "append", texts, cap, answer=answer, outcome=outcome)


def read(begin: int, end: int, *texts: str) -> Event:
    """A full read."""
    return call(begin, end, "messages", answer=list(texts))


def clear(begin: int, end: int, dropped: int) -> Event:
    """A clear that was acknowledged."""
    return call(begin, end, "clear", answer=dropped)


RIGHT: dict[str, tuple[State, list[Event]]] = {
    "overlapping appends in either order": (
        State(),
        [append(1, 9, U1), append(2, 8, U2), read(10, 11, U2, U1)],
    ),
    "a read during an append sees it or not": (
        State(),
        [append(1, 9, U1), read(2, 3), read(4, 5, U1), read(6, 7, U1)],
    ),
    "a doubtful append that came late": (
        State(),
        [append(1, NEVER, U1), read(2, 3), append(4, 5, U2), read(6, 7, U2, U1)],
    ),
    "a doubtful append that never came": (
        State(),
        [append(1, NEVER, U1), append(4, 5, U2), read(6, 7, U2)],
    ),
    "a doubtful clear between two appends": (
        State(),
        [
            append(1, 2, U1),
            call(3, NEVER, "clear", outcome="doubt"),
            append(4, 5, U2),
            read(6, 7, U2),
        ],
    ),
    "a removal that met nothing, before the append": (
        State(),
        [append(1, 9, U1), call(2, 8, "remove", U1, answer=False), read(10, 11, U1)],
    ),
    "a conflict with a replacement at the same time": (
        TWO,
        [
            call(1, 5, "replace", U1, "u1/x", None, answer="u1/x"),
            call(2, 6, "remove", U1, outcome="Conflict"),
            read(7, 8, "u1/x", U2),
        ],
    ),
    "the oldest go at the cap, but no leading system message": (
        State(("s1", U1, U2)),
        [append(1, 2, U3, A1, cap=3), read(3, 4, "s1", U3, A1)],
    ),
    "a fork while the session changes": (
        TWO,
        [
            call(1, 9, "fork", None, False, answer=[[U1, U2, U3], "", 0]),
            append(2, 4, U3),
            call(5, 8, "rewind", U1, answer=2),
            read(10, 11, U1),
        ],
    ),
}

WRONG: dict[str, tuple[State, list[Event]]] = {
    "a lost append": (State(), [append(1, 2, U1), append(3, 4, U2), read(5, 6, U2)]),
    "an append that was never called": (State(), [append(1, 2, U1), read(3, 4, U1, U2)]),
    "a stale read": (State(), [append(1, 2, U1), append(3, 4, U2), read(5, 6, U1)]),
    "reads that go back in time": (
        State(),
        [append(1, 9, U1), read(2, 3, U1), read(4, 5)],
    ),
    "a duplicated append": (State(), [append(1, 2, U1), read(3, 4, U1, U1)]),
    "a doubtful append that came twice": (
        State(),
        [append(1, NEVER, U1), read(2, 3, U1), append(4, 5, U2), read(6, 7, U1, U2, U1)],
    ),
    "a split turn": (
        State(),
        [append(1, 9, U1, A1), append(2, 8, U2), read(10, 11, U1, U2, A1)],
    ),
    "half a turn": (State(), [append(1, 9, U1, A1), read(2, 3, U1)]),
    "a message that came back after a clear": (
        State(),
        [append(1, 2, U1), clear(3, 4, 1), append(5, 6, U2), read(7, 8, U1, U2)],
    ),
    "a clear that was done twice": (
        State((U1,)),
        [clear(1, 9, 1), append(10, 11, U2), read(12, 13)],
    ),
    "two clears that both counted the messages": (TWO, [clear(1, 9, 2), clear(2, 8, 2)]),
    "reordered appends of one caller": (
        State(),
        [append(1, 2, U1), append(3, 4, U2), read(5, 6, U2, U1)],
    ),
    "two readers who saw different orders": (
        State(),
        [append(1, 9, U1), append(2, 8, U2), read(10, 11, U1, U2), read(12, 13, U2, U1)],
    ),
    "two readers who saw different first messages": (
        State(),
        [append(1, 9, U1), append(2, 9, U2), read(3, 5, U1), read(4, 6, U2)],
    ),
    "a removed message that is replaced": (
        TWO,
        [
            call(1, 2, "remove", U1, answer=True),
            call(3, 4, "replace", U1, "u1/x", None, answer="u1/x"),
        ],
    ),
    "a replacement that hit another message": (
        TWO,
        [call(1, 2, "replace", U1, "u1/x", None, answer="u1/x"), read(3, 4, U1, "u1/x")],
    ),
    "a replacement of what it was not derived from": (
        State(("u1/x",)),
        [call(1, 2, "replace", U1, "u1/y", U1, answer="u1/y")],
    ),
    "two replacements that both win": (
        State((U1,)),
        [
            call(1, 9, "replace", U1, "u1/x", U1, answer="u1/x"),
            call(2, 8, "replace", U1, "u1/y", U1, answer="u1/y"),
        ],
    ),
    "a conflict with nobody": (TWO, [call(1, 2, "remove", U1, outcome="Conflict")]),
    "a message that is there and not found": (TWO, [call(1, 2, "rewind", U2, outcome="NotFound")]),
    "a rewind that dropped what came later": (
        TWO,
        [call(1, 2, "rewind", U1, answer=1), append(3, 4, U3), read(5, 6, U1)],
    ),
    "a title that outlives its session": (
        State((U1,), "old"),
        [clear(1, 2, 1), append(3, 4, U2), call(5, 6, "info", answer=[1, "old", 0])],
    ),
    "a log beyond its cap": (TWO, [append(1, 2, U3, cap=2), read(3, 4, U1, U2, U3)]),
    "a trim that nobody counted": (
        TWO,
        [append(1, 2, U3, cap=2), call(3, 4, "info", answer=[2, "", 0])],
    ),
    "a window that is not the newest": (
        State((U1, A1, U2)),
        [call(1, 2, "window", "turns", 1, answer=[U1, A1])],
    ),
    "a fork that mixes two moments": (
        TWO,
        [
            call(1, 2, "replace", U1, "u1/x", None, answer="u1/x"),
            append(3, 4, U3),
            call(5, 6, "fork", None, False, answer=[[U1, U2, U3], "", 0]),
        ],
    ),
    "another end than the calls lead to": (
        TWO,
        [append(1, 2, U3), Event("end", 3, 4, "state", answer=TWO)],
    ),
}


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_history_is_explained(name: str) -> None:
    """What a session may do under concurrency is not taken for a fault."""
    start, history = RIGHT[name]
    check(history, start)


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_history_is_found(name: str) -> None:
    """Each kind of fault is found, and shown with the whole history."""
    start, history = WRONG[name]
    with pytest.raises(NotLinearizable) as caught:
        check(history, start)
    assert "*" in str(caught.value)
    assert all(f" {event.op}(" in str(caught.value) for event in history)


def test_many_doubtful_calls_are_decided() -> None:
    """Appends whose fate nobody knows do not make the search endless."""
    doubtful = [append(number, NEVER, f"u{number}") for number in range(10)]
    texts = [f"u{number}" for number in (3, 2, 4)]
    assert check([*doubtful, read(20, 21, *texts)], State()) < 10_000
    with pytest.raises(NotLinearizable):
        check([*doubtful[:5], read(20, 21, *texts), read(22, 23, *texts[::-1])], State())
