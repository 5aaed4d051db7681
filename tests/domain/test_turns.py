"""Windows against a slow reference, written from the definitions in `redialog.turns`."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from redialog import Message, ToolCall
from redialog.turns import cut_at, newest_messages, newest_turns
from tests.domain.tools import read

KINDS: dict[str, Message] = {
    "u": Message.user("u"),
    "a": Message.assistant("a"),
    "c": Message.assistant("", tool_calls=[ToolCall("f", {}, "1")]),
    "t": Message.tool("t", tool_call_id="1"),
    "s": Message.system("s"),
    "d": read(b"{", strict=False),
    "r": read({"type": "remove", "data": {"content": "", "id": "1"}}),
}
CONVERSATIONS = st.lists(st.sampled_from([*"uuacctttsdr"]), max_size=14).map("".join)


def conversation(kinds: str) -> list[Message]:
    """Messages, oldest first, one for each letter."""
    return [KINDS[kind] for kind in kinds]


def turn_starts(kinds: str) -> list[int]:
    """Where turns start: at user messages that no user message stands right before."""
    return [i for i, kind in enumerate(kinds) if kind == "u" and kinds[i - 1 : i] != "u"]


def spanned(kinds: str, start: int, before: int) -> bool:
    """Whether a call of the turn from ``before`` to ``start`` is answered after it.

    All calls and results here have one id, so a result answers the nearest call before it.
    """
    after = [kind for kind in kinds[start:] if kind in "ct"]
    return after[:1] == ["t"] and "c" in kinds[before:start]


def expected_messages(kinds: str, count: int) -> int:
    """All of it where that fits, else the longest window that splits no group, else the newest one.

    No window begins at a tool message: it belongs to what stands before it. Where the newest
    messages are results without a call, though, they are no group, and are cut at ``count``.
    """
    if len(kinds) <= count:
        return 0
    starts = [i for i, kind in enumerate(kinds) if kind != "t"]
    fitting = [i for i in starts if len(kinds) - i <= count]
    if fitting:
        return min(fitting)
    if starts and kinds[starts[-1]] == "c":
        return starts[-1]
    return len(kinds) - count


@settings(max_examples=300, deadline=None, derandomize=True)
@given(CONVERSATIONS, st.integers(1, 6))
@example("uuu", 1)
@example("suaua", 2)
@example("ucuta", 1)
@example("ucucututa", 1)
@example("sss", 1)
def test_the_newest_turns_of_a_whole_conversation(kinds: str, turns: int) -> None:
    """The window starts where the k-th newest turn does, or is all of it where there are fewer."""
    starts, wanted = turn_starts(kinds), turns
    while len(starts) > wanted and spanned(kinds, starts[-wanted], starts[-wanted - 1]):
        wanted += 1
    expected = starts[-wanted] if len(starts) > wanted else 0
    assert newest_turns(conversation(kinds), turns, whole=True) == expected


@settings(max_examples=300, deadline=None, derandomize=True)
@given(CONVERSATIONS, CONVERSATIONS, st.integers(1, 6))
def test_the_newest_turns_of_a_part(before: str, kinds: str, turns: int) -> None:
    """From a part of the conversation the same window is found, or that more must be read."""
    found = newest_turns(conversation(kinds), turns, whole=False)
    whole = newest_turns(conversation(before + kinds), turns, whole=True)
    if found is not None:
        assert whole == len(before) + found
    else:
        # More is asked for only where the part does not show the end of one more turn.
        starts = turn_starts(kinds)
        pairs = pairwise(starts)
        assert len(starts) <= turns or any(spanned(kinds, new, old) for old, new in pairs)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(CONVERSATIONS, st.integers(1, 8))
@example("uct", 1)
@example("ucttt", 2)
@example("uttt", 1)
@example("ttt", 2)
@example("ttt", 3)
@example("tua", 3)
@example("tua", 4)
@example("utttt", 2)
@example("ttttuct", 1)
def test_the_newest_messages_of_a_whole_conversation(kinds: str, count: int) -> None:
    """The window is as long as it may be, or the newest group where that alone is longer."""
    assert newest_messages(conversation(kinds), count, whole=True) == expected_messages(
        kinds, count
    )


@settings(max_examples=300, deadline=None, derandomize=True)
@given(CONVERSATIONS, CONVERSATIONS, st.integers(1, 8))
@example("u", "ttt", 2)
@example("c", "ttt", 2)
@example("u", "ttt", 3)
@example("", "ttt", 3)
@example("a", "tua", 3)
def test_the_newest_messages_of_a_part(before: str, kinds: str, count: int) -> None:
    """From a part of the conversation the same window is found, or that more must be read."""
    found = newest_messages(conversation(kinds), count, whole=False)
    whole = newest_messages(conversation(before + kinds), count, whole=True)
    if found is not None:
        # A part of just that length, which may be all there is: operations read one more.
        assume((before, len(kinds), kinds[:1]) != ("", count, "t"))
        assert whole == len(before) + found
    else:
        # Too short; results whose call may stand before; or all of it, which would be kept whole.
        assert len(kinds) < count or set(kinds) == {"t"} or (len(kinds), kinds[0]) == (count, "t")


@settings(max_examples=300, deadline=None, derandomize=True)
@given(CONVERSATIONS, st.integers(1, 8))
def test_no_window_begins_inside_a_group(kinds: str, size: int) -> None:
    """A provider rejects results without their call, so neither window starts with them."""
    messages = conversation(kinds)
    for start in (
        newest_turns(messages, size, whole=True),
        newest_messages(messages, size, whole=True),
    ):
        assert start is not None
        first = kinds[start : start + 1]
        call = kinds[:start].rstrip("t")[-1:]
        assert first != "t" or call != "c"
        assert 0 <= start <= len(kinds)
        assert start < len(kinds) or not kinds


@pytest.mark.parametrize(
    ("kinds", "turns", "start"),
    [
        ("", 1, 0),
        ("ua", 1, 0),
        ("uaua", 1, 2),
        ("suaua", 2, 0),
        ("suaua", 1, 3),
        ("uauua", 1, 2),
        ("uausu", 1, 4),
        ("uacttaua", 1, 6),
        ("uactta", 1, 0),
        ("uadua", 1, 3),
    ],
)
def test_turns_by_example(kinds: str, turns: int, start: int) -> None:
    """A few windows that can be checked by eye."""
    assert newest_turns(conversation(kinds), turns, whole=True) == start


@pytest.mark.parametrize(
    ("kinds", "count", "start"),
    [
        ("", 3, 0),
        ("uaua", 2, 2),
        ("uaua", 9, 0),
        ("uacttaua", 3, 5),
        ("uacttaua", 4, 5),
        ("uacttaua", 6, 2),
        ("uactt", 1, 2),
        ("uactt", 3, 2),
        ("tua", 3, 0),
        ("tua", 2, 1),
        ("ttt", 3, 0),
        ("ttt", 2, 1),
        ("uttt", 2, 2),
        ("uttt", 3, 1),
        ("uttt", 4, 0),
        ("ttttua", 5, 4),
    ],
)
def test_messages_by_example(kinds: str, count: int, start: int) -> None:
    """A few windows that can be checked by eye: a call and its results stay together."""
    assert newest_messages(conversation(kinds), count, whole=True) == start


@pytest.mark.parametrize("function", [newest_turns, newest_messages])
def test_only_a_part_can_be_too_short(function: Any) -> None:
    """None means that more must be read, so it is never said of the whole conversation."""
    for kinds in ("", "u", "t", "tt", "ct", "sss", "ua", "ddd"):
        assert function(conversation(kinds), 2, whole=True) is not None
    assert function([], 2, whole=False) is None


@settings(max_examples=400, deadline=None, derandomize=True)
@given(CONVERSATIONS, st.text("ucatts", min_size=1, max_size=12), CONVERSATIONS, st.data())
@example("c", "tt", "", None)
@example("", "tt", "ua", None)
@example("u", "ctt", "t", None)
def test_a_cut_of_a_part_is_that_of_the_whole(
    before: str, kinds: str, after: str, data: Any
) -> None:
    """Where a part shows enough; else a larger one is asked for, and never the whole."""
    start = 0 if data is None else data.draw(st.integers(0, len(kinds) - 1))
    found = cut_at(conversation(kinds), start, begins=not before, ends=not after)
    text = before + kinds + after
    whole = cut_at(conversation(text), len(before) + start, begins=True, ends=True)
    assert whole is not None
    if found is not None:
        assert whole == len(before) + found
    else:
        # Results to the end of the part, or back to its beginning.
        assert set(kinds[start:]) == {"t"}
        assert after or set(kinds) == {"t"}


@settings(max_examples=400, deadline=None, derandomize=True)
@given(CONVERSATIONS.filter(bool), st.data())
def test_a_cut_leaves_no_result_without_its_call(kinds: str, data: Any) -> None:
    """At the place or after it, but for the newest group, which is left whole."""
    start = data.draw(st.integers(0, len(kinds) - 1))
    found = cut_at(conversation(kinds), start, begins=True, ends=True)
    assert found is not None
    assert found < len(kinds)
    if found >= start:
        assert set(kinds[start:found]) <= {"t"}
        assert kinds[found] != "t" or set(kinds[found:]) == {"t"}
        assert kinds[found] != "t" or kinds[:found].rstrip("t")[-1:] != "c"
    else:
        assert kinds[found] == "c"
        assert set(kinds[found + 1 :]) == {"t"}


@pytest.mark.parametrize(
    ("kinds", "start", "cut"),
    [
        ("uaua", 2, 2),
        ("ucttua", 2, 4),
        ("ucttua", 1, 1),
        ("ucttua", 3, 4),
        ("uctt", 2, 1),
        ("uctt", 3, 1),
        ("uatt", 2, 2),
        ("uatt", 3, 3),
        ("ttt", 1, 1),
        ("stt", 1, 1),
    ],
)
def test_cuts_by_example(kinds: str, start: int, cut: int) -> None:
    """A few that can be checked by eye."""
    assert cut_at(conversation(kinds), start, begins=True, ends=True) == cut


def test_a_cut_needs_more_where_results_reach_an_end_of_the_part() -> None:
    """More of the newer ones, or more of the older ones."""
    assert cut_at(conversation("uctt"), 2, begins=True, ends=False) is None
    assert cut_at(conversation("tt"), 1, begins=False, ends=True) is None
    assert cut_at(conversation("ctt"), 1, begins=False, ends=True) == 0
    assert cut_at(conversation("tta"), 1, begins=False, ends=False) == 2
