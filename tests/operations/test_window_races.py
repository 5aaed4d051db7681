"""Pages of a window fit together whatever is appended, cleared or replaced between them.

Where a log never stands still, the reader is told of a conflict after a bounded number of starts.
"""

from __future__ import annotations

import pytest

from redialog import Conflict
from redialog.ops import read
from tests.operations.paging import LOG, Log, appended, assert_shape, texts, turns_of
from tests.operations.tools import answered, element


@pytest.mark.parametrize("count", [0, 1, 2, 7, 16, 5000])
@pytest.mark.parametrize("batch", [1, 2, 3])
def test_appends_between_two_pages_do_not_disturb(count: int, batch: int) -> None:
    """The window is the one of the moment when the length was read, whatever is appended since."""
    log = turns_of(4, 20)
    op = read.window_of_turns(LOG, 1, strict=False)
    batches, found = answered(op, Log(log, appended(count, batch)))
    new = [f"m{9000 + i}" for i in range(count)] if batch == 1 else []
    assert texts(found) == [*(f"m{i}" for i in range(63, 84)), *new]
    assert len(batches) == (8 if len(new) == 5000 else 3)
    assert_shape(batches, 4, 84 + len(new))


def test_a_new_turn_between_two_pages_is_the_newest_one() -> None:
    """After the first page, which showed nothing yet, the window is read as it is then."""
    log = turns_of(4, 20)

    def asked(batches: int, found: list[bytes]) -> None:
        if batches == 1:
            found[:0] = [element(9000)]

    _, found = answered(read.window_of_turns(LOG, 1, strict=False), Log(log, asked))
    assert texts(found) == ["m9000"]


def test_an_append_of_two_does_not_hold_up_a_window() -> None:
    """An append as long as the overlap of pages is no reason to start anew, again and again."""
    log = [*(element(number, "assistant") for number in range(9, 0, -1)), element(0)]
    op = read.window_of_turns(LOG, 1, strict=False)
    batches, found = answered(op, Log(log, appended(2, 1)))
    assert texts(found) == [*(f"m{i}" for i in range(10)), "m9000", "m9001"]
    assert len(batches) == 2


@pytest.mark.parametrize("batch", [1, 2])
def test_equal_elements_are_counted_by_their_places(batch: int) -> None:
    """Elements without ids can be equal; with appends in between none is lost or read twice."""
    same = [b'{"type":"ai","data":{"content":"ok"}}', b'{"type":"ai","data":{"content":"so"}}']
    log = [*same * 40, element(0)]

    def twins(batches: int, found: list[bytes]) -> None:
        if batches == batch:
            found[:0] = [same[0]] * 2

    op = read.window_of_turns(LOG, 1, strict=False)
    batches, found = answered(op, Log(log, twins))
    new = ["ok", "ok"] if batch == 1 else []
    assert texts(found) == ["m0", *["so", "ok"] * 40, *new]
    assert_shape(batches, 4, 81 + len(new))


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("times", [0, 1, 4])
def test_an_append_between_the_two_lengths_is_asked_again(count: int, times: int) -> None:
    """The positions are known only where both lengths agree."""
    log = turns_of(4, 20)

    def within(batches: int, found: list[bytes]) -> None:
        if batches <= times + 1:
            found[:0] = [element(10 * len(found) + i, "assistant") for i in range(count)]

    batches, found = answered(read.window_of_turns(LOG, 1, strict=False), Log(log, None, within))
    assert texts(found)[:21] == [f"m{i}" for i in range(63, 84)]
    # Twice in each of the batches that were disturbed.
    assert len(found) == 21 + 2 * times * count
    assert [len(batch.commands) for batch in batches[: times + 3]] == (
        [1, *[3] * (times + 1), 2] if len(batches) > times + 2 else [1, *[3] * (times + 1)]
    )
    assert_shape([batches[0], *batches[times + 1 :]], 4, len(log))


def test_a_rewind_between_two_pages_is_noticed() -> None:
    """Also where the page before still ends as it did: its newest messages are gone."""
    log = turns_of(4, 20)
    rewound = log[10:]

    def after(batches: int, found: list[bytes]) -> None:
        if batches == 2:
            found[:] = rewound

    batches, found = answered(read.window_of_turns(LOG, 2, strict=False), Log(log, after))
    assert texts(found) == [f"m{i}" for i in range(42, 74)]
    assert len(batches) > 3


def test_lengths_that_never_agree_are_a_conflict() -> None:
    """The number of new starts is bounded: five."""
    log = turns_of(4, 20)
    sent = []

    def within(batches: int, found: list[bytes]) -> None:
        sent.append(batches)
        found[:0] = [element(9000 + len(sent), "assistant")]

    op = read.window_of_turns(LOG, 1, strict=False)
    with pytest.raises(Conflict, match="'chat'"):
        answered(op, Log(log, None, within), most=20)
    assert sorted(set(sent)) == [2, 3, 4, 5, 6]


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize(
    ("left", "window"),
    [
        ([], []),
        ([element(7, "assistant"), element(6, "user")], ["m6", "m7"]),
        (
            [*(element(500 - i, "assistant") for i in range(200)), element(300)],
            ["m300", *(f"m{i}" for i in range(301, 501))],
        ),
    ],
    ids=len,
)
def test_a_session_that_is_cleared_in_between_is_read_anew(
    batch: int, left: list[bytes], window: list[str]
) -> None:
    """A window never mixes two conversations."""
    log = turns_of(4, 20)

    def cleared(batches: int, found: list[bytes]) -> None:
        if batches == batch:
            found[:] = left

    _, found = answered(read.window_of_turns(LOG, 1, strict=False), Log(log, cleared))
    assert texts(found) == window


def test_a_session_that_never_stands_still_is_a_conflict() -> None:
    """The number of new starts is bounded."""
    log = turns_of(4, 20)
    seen = 0

    def replaced(batches: int, found: list[bytes]) -> None:
        nonlocal seen
        seen = batches
        found[:] = [element(9000 * batches + number, "assistant") for number in range(1500)]

    op = read.window_of_turns(LOG, 1, strict=False)
    with pytest.raises(Conflict, match="'chat'"):
        answered(op, Log(log, replaced), most=20)
    assert seen == 11, "one page, and five times two"
