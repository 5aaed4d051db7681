"""Counting, asking, and reading everything page by page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from redialog import Conflict, CorruptElement
from redialog.effect import Batch
from redialog.ops import read, session
from redialog.ops.read import FIRST_PAGE, PAGE_BYTES, PAGE_ELEMENTS, Cursor
from tests.operations.tools import answered, bounds, element, lrange, play

LOG = b"chat"


def log_of(count: int) -> list[bytes]:
    """So many messages, newest first."""
    return [element(number) for number in range(count)][::-1]


def test_count_is_one_round_trip() -> None:
    """Constant: the length of the list."""
    assert play(read.count(LOG), [7]) == ([Batch(((b"LLEN", LOG),))], 7)
    assert play(read.count(LOG), [b"7"])[1] == 7


def test_ping_is_one_round_trip() -> None:
    """Any answer will do."""
    for answer in (b"PONG", "PONG", [b"pong", b""]):
        assert play(session.ping(), [answer]) == ([Batch(((b"PING",),))], None)


@pytest.mark.parametrize(
    ("count", "trips"), [(0, 1), (1, 1), (99, 1), (100, 2), (1099, 2), (1100, 3), (3500, 5)]
)
def test_everything_is_read_in_pages(count: int, trips: int) -> None:
    """1 round trip for up to 99 messages, then 1 for each 1,000, and no more."""
    log = log_of(count)
    batches, found = answered(read.everything(LOG, strict=False), lambda batch: lrange(log, batch))
    assert [message.text for message in found] == [f"m{i}" for i in range(count)]
    assert len(batches) == trips
    for batch in batches:
        [(_, _, start, stop)] = batch.commands
        assert isinstance(start, int)
        assert isinstance(stop, int)
        # One more than a page: the overlap with the one before.
        assert stop - start + 1 <= PAGE_ELEMENTS + 1


def test_appends_between_pages_do_not_shift_them() -> None:
    """Positions are counted from the oldest; what is appended meanwhile comes at the end."""
    log = log_of(1200)

    def answer(batch: Batch) -> Any:
        reply = lrange(log, batch)
        log[:0] = [element(len(log) + 1, content=f"m{len(log) + 1}"), element(len(log))]
        return reply

    _, found = answered(read.everything(LOG, strict=False), answer)
    numbers = [int(message.text[1:]) for message in found]
    assert numbers == list(range(len(numbers)))
    assert len(numbers) >= 1200


def test_a_page_says_where_the_next_one_starts() -> None:
    """The cursor counts from the oldest, and the last page has none."""
    log = log_of(FIRST_PAGE + 5)
    _, first = answered(read.page(LOG, Cursor(), strict=False), lambda batch: lrange(log, batch))
    assert first.next is not None
    assert (first.next.done, first.next.last) == (FIRST_PAGE, element(FIRST_PAGE - 1))
    op = read.page(LOG, first.next, strict=False)
    [batch], second = answered(op, lambda batch: lrange(log, batch))
    assert (batch.writes, batch.resend_key) == (False, None)
    assert second.next is None
    assert [m.text for m in second.messages] == [f"m{FIRST_PAGE + i}" for i in range(5)]


@pytest.mark.parametrize(
    "after", [[], log_of(10), log_of(150)[:-1], [element(1, "assistant")] * 200], ids=len
)
def test_a_session_that_was_cut_between_pages_is_a_conflict(after: list[bytes]) -> None:
    """A cursor is bound to what was read: another list under the key is noticed."""
    _, first = answered(
        read.page(LOG, Cursor(), strict=False), lambda batch: lrange(log_of(150), batch)
    )
    assert first.next is not None
    with pytest.raises(Conflict, match="'chat'"):
        answered(read.page(LOG, first.next, strict=False), lambda batch: lrange(after, batch))


def test_everything_starts_again_where_the_session_was_cut() -> None:
    """The whole conversation after the change is returned, and nothing of the one before."""
    logs = [log_of(150), [element(1, content="new")]]
    _, found = answered(
        read.everything(LOG, strict=False),
        lambda batch: lrange(logs.pop(0) if len(logs) > 1 else logs[0], batch),
    )
    assert [message.text for message in found] == ["new"]


def test_an_adapter_makes_its_own_of_the_elements() -> None:
    """Each page's once, oldest first; what was made of a session before its cut is dropped."""
    before, after = log_of(150), [element(number, content="new") for number in range(1200)]
    logs = [before]
    given: list[int] = []

    def make(elements: Sequence[bytes]) -> list[bytes]:
        given.append(len(elements))
        return list(elements)

    _, found = answered(
        read.everything_made(LOG, make),
        lambda batch: lrange(logs.pop() if logs else after, batch),
    )
    assert found == after[::-1]
    assert given == [FIRST_PAGE, FIRST_PAGE, PAGE_ELEMENTS, 100]


def test_everything_does_not_start_again_for_ever() -> None:
    """A list that is replaced all the time is a conflict after a bounded number of reads."""
    served = 0

    def answer(batch: Batch) -> Any:
        nonlocal served
        served += 1
        return lrange([element(served * 1000 + i) for i in range(150)], batch)

    with pytest.raises(Conflict):
        answered(read.everything(LOG, strict=False), answer, most=20)


@pytest.mark.parametrize("size", [100, 5_000, 50_000, 500_000, 5_000_000])
def test_pages_adapt_to_the_size_of_the_elements(size: int) -> None:
    """After the first page, a reply holds about 4 MB, and at least two elements."""
    page = [element(i, content="x" * size) for i in range(5)]
    _, first = play(read.page(LOG, Cursor(size=5), strict=False), [page])
    assert first.next is not None
    wanted = first.next.size
    assert 2 <= wanted <= PAGE_ELEMENTS
    assert wanted * size <= PAGE_BYTES or wanted == 2
    assert wanted == PAGE_ELEMENTS or (wanted + 1) * (size + 200) > PAGE_BYTES or wanted == 2


def test_pages_of_a_window_adapt_too() -> None:
    """A window over large elements is read in small pages."""
    large = [element(i, "assistant", "x" * 500_000) for i in range(60)]

    def answer(batch: Batch) -> Any:
        if len(batch.commands) == 1:
            return lrange(large, batch)
        if len(batch.commands) == 2:
            return [*lrange(large, Batch(batch.commands[:1])), large[-60]]
        return [60, *lrange(large, Batch(batch.commands[1:2])), 60]

    batches, found = answered(read.window_of_turns(LOG, 10, strict=False), answer)
    assert len(found) == 60
    sizes = [stop - start + 1 for start, stop in map(bounds, batches)]
    # One more than a page: the overlap with the one before.
    assert len(sizes) > 3
    assert sizes[1] * 500_000 <= PAGE_BYTES
    assert all((size - 1) * 500_000 <= PAGE_BYTES for size in sizes[2:])


def test_damage_in_a_page() -> None:
    """A damaged element stands in its place, with its index from the oldest; strict raises it."""
    log = [element(2), b"{", element(0)]
    _, found = answered(read.everything(LOG, strict=False), lambda batch: lrange(log, batch))
    assert [message.role for message in found] == ["user", "damaged", "user"]
    assert found[1].damage is not None
    assert (found[1].damage.key, found[1].damage.position) == ("chat", -2)
    with pytest.raises(CorruptElement):
        answered(read.everything(LOG, strict=True), lambda batch: lrange(log, batch))
