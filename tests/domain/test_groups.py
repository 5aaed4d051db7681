"""Units, groups and the places between turns, against a slow reference."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from redialog.groups import OUT, REACH_TURNS, WAITING, boundaries, cuts, turn_starts, units
from tests.domain.conversations import TALKS, cuts_of, starts_of, talk, units_of

LATE = ["c1", *["u", "a"] * REACH_TURNS, "t1"]
TOO_LATE = ["c1", *["u", "a"] * (REACH_TURNS + 1), "t1"]


def belongs(words: str, *, begins: bool = True) -> list[int]:
    """The units of a conversation."""
    return list(units(talk(words), begins=begins))


@settings(max_examples=400, deadline=None, derandomize=True)
@given(TALKS)
@example(LATE)
@example(TOO_LATE)
def test_the_units_of_a_whole_conversation(words: list[str]) -> None:
    """Each message is in one group, alone, or out, as the definitions say."""
    messages = talk(words)
    expected = [OUT] * len(messages)
    for unit in units_of(messages):
        for index in unit:
            expected[index] = min(unit)
    assert list(units(messages, begins=True)) == expected


@settings(max_examples=400, deadline=None, derandomize=True)
@given(TALKS, st.data())
@example(TOO_LATE, None)
@example(LATE, None)
def test_what_is_known_of_a_part_holds_for_the_whole(words: list[str], data: st.DataObject) -> None:
    """More of the conversation changes only units that wait; and a member of a group waits."""
    start = 1 if data is None else data.draw(st.integers(0, len(words)))
    messages = talk(words)
    part, whole = units(messages[start:], begins=False), units(messages, begins=True)
    for index, unit in enumerate(part):
        real = whole[start + index]
        if unit == WAITING:
            assert messages[start + index].role == "tool"
            assert real == OUT or real < start
        else:
            assert unit == (real if real == OUT else real - start)


@settings(max_examples=400, deadline=None, derandomize=True)
@given(TALKS, st.data())
def test_a_cut_that_is_known_holds_for_the_whole(words: list[str], data: st.DataObject) -> None:
    """What a part shows of the places between turns is so, and it shows those without doubts."""
    start = data.draw(st.integers(0, len(words)))
    messages = talk(words)
    part = messages[start:]
    found = boundaries(part, units(part, begins=False), begins=False)
    sound = cuts_of(messages)
    for index, free in found.items():
        waits = WAITING in units(part, begins=False)[index:]
        assert free == (start + index in sound) if free is not None else waits
    assert set(found) == {at - start for at in starts_of(messages) if at > start}
    assert cuts(part, begins=False) == sorted(index for index, free in found.items() if free)


@settings(max_examples=400, deadline=None, derandomize=True)
@given(TALKS)
def test_the_cuts_of_a_whole_conversation(words: list[str]) -> None:
    """Where a turn starts and no group has messages on both sides."""
    messages = talk(words)
    assert turn_starts(messages) == starts_of(messages)
    assert cuts(messages) == cuts_of(messages)
    assert None not in boundaries(messages, units(messages, begins=True)).values()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("", []),
        ("s u a u", [0, 1, 2, 3]),
        ("u c12 t2 t1 a", [0, 1, 1, 1, 4]),
        ("u c12 t1 a", [0, OUT, OUT, 3]),
        ("u c1 a u t1", [0, 1, 2, 3, 1]),
        ("c1 t1 t1", [0, 0, OUT]),
        ("c1 c1 t1", [OUT, 1, 1]),
        ("c1 c1 t1 t1", [0, 1, 1, 0]),
        ("c1 t1 c1 t1", [0, 0, 2, 2]),
        ("c11 t1 t1 t1", [0, 0, 0, OUT]),
        ("c11 t1", [OUT, OUT]),
        ("t1 c1", [OUT, OUT]),
        ("c- t- a", [0, 0, 2]),
        ("c- a t-", [OUT, 1, OUT]),
        ("c- d t-", [OUT, OUT, OUT]),
        ("c1- t- t1", [0, 0, 0]),
        ("c1- t1 u t-", [OUT, OUT, 2, OUT]),
        ("c- t- t-", [0, 0, OUT]),
        ("u d r a", [0, OUT, OUT, 3]),
    ],
)
def test_units_by_example(words: str, expected: list[int]) -> None:
    """A few that can be checked by eye."""
    assert belongs(words) == expected


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("t1 t- a", [WAITING, WAITING, 2]),
        ("a t1 t-", [0, WAITING, OUT]),
        ("t1 c1 t1 t1", [WAITING, 1, 1, WAITING]),
        ("c12 t1 t3", [OUT, OUT, WAITING]),
    ],
)
def test_a_result_waits_only_where_an_older_call_can_be_its_own(
    words: str, expected: list[int]
) -> None:
    """One without an id belongs to what stands right before; a call's answers come after it."""
    assert belongs(words, begins=False) == expected


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("a u t1 u a", {1: None, 3: True}),
        ("a u c1 u t1 t2", {1: None, 3: False}),
        ("u a u t1", {2: None}),
        ("t1 u a u", {1: True, 3: True}),
    ],
)
def test_a_cut_is_in_doubt_only_where_a_result_after_it_waits(
    words: str, expected: dict[int, bool | None]
) -> None:
    """And where no group that is known has messages on both sides."""
    messages = talk(words)
    assert boundaries(messages, units(messages, begins=False), begins=False) == expected


def test_a_result_does_not_wait_for_ever() -> None:
    """A call that so many turns lie behind is not looked for, and is none of its calls."""
    turns = "u a " * REACH_TURNS
    assert belongs(f"a {turns} t1", begins=False)[-1] == WAITING
    assert belongs(f"u u {turns} t1", begins=False)[-1] == WAITING
    assert belongs(f"u a {turns} t1", begins=False)[-1] == OUT
    assert belongs(f"c1 {turns} t1")[-1] == 0
    assert belongs(f"c1 u u {turns} t1")[-1] == 0
    assert belongs(f"c1 u a {turns} t1")[-1] == OUT


def test_messages_without_tools_are_told_at_a_glance() -> None:
    """Where nothing hangs together, no list of units is made, and each turn's start is a cut."""
    messages = talk("a u a u u a")
    assert units(messages, begins=False) == range(6)
    assert boundaries(messages, range(6)) == {1: True, 3: True}
    assert turn_starts(messages[4:], begins=False) == []
    assert turn_starts(messages[4:]) == [0]


@pytest.mark.parametrize("role", ["user", "system"])
def test_only_the_assistant_calls_tools(role: str) -> None:
    """A foreign message of another role that has calls is a plain one."""
    call = talk("c1")[0]
    messages = [call.replace(role=role), *talk("t1")]
    assert list(units(messages, begins=True)) == [0, OUT]
