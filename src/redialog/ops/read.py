"""Operations that read the messages of a session.

A window is read from the newest end, so its cost does not depend on the history. Everything is
read in pages from the oldest end, whose positions appends do not shift.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from redialog import codec, replies, turns
from redialog.effect import Batch, Op, T
from redialog.errors import Conflict
from redialog.messages import Message
from redialog.ops._scripts import RESTARTS

PAGE_ELEMENTS = 1000
PAGE_BYTES = 4 << 20
FIRST_PAGE = 100
"""The first page of a read is smaller: how large the elements are is known only after it."""


def count(log: bytes) -> Op[int]:
    """The number of messages in a session; 0 where there is none.

    Cost: 1 round trip, constant.
    """
    [reply] = yield Batch(((b"LLEN", log),))
    return replies.integer(replies.checked(reply, log))


def window_of_messages(
    log: bytes, limit: int, *, strict: bool, foreign: bool = False
) -> Op[list[Message]]:
    """The newest messages, at most ``limit``, cut between groups; oldest first.

    Args:
        log: of the session.
        limit: how many.
        strict: raise where one of them is damaged.
        foreign: whether messages without an id are likely there; the id that they get tells their
            place from the oldest, which must be asked for.

    Cost: 1 round trip for up to 99 messages; grows with ``limit``, not with the session.
    """
    if limit == 0:
        return []
    # One more than wanted: a conversation that is no longer than the window is not cut at all.
    cut = _Cut(lambda found, whole: turns.newest_messages(found, limit, whole=whole), limit + 1)
    return (yield from _window(log, cut, strict, foreign))


def window_of_turns(
    log: bytes, limit: int, *, strict: bool, foreign: bool = False
) -> Op[list[Message]]:
    """The newest ``limit`` turns, whole; oldest first.

    Where the session has no more turns than that, its preamble comes with them.

    Cost: 1 round trip for turns of a few messages; grows with the window and the turn before it,
    not with the session.
    """
    if limit == 0:
        return []
    # Turns of a question and an answer, and the turn before, which shows where the first starts.
    cut = _Cut(lambda found, whole: turns.newest_turns(found, limit, whole=whole), 2 * limit + 2)
    return (yield from _window(log, cut, strict, foreign))


class _Cut(msgspec.Struct):
    """Where a window starts, and how many elements it will probably take."""

    start: Callable[[Sequence[Message], bool], int | None]
    guess: int


def _window(log: bytes, cut: _Cut, strict: bool, foreign: bool) -> Op[list[Message]]:
    size = min(cut.guess, FIRST_PAGE)
    if foreign:
        found, first = yield from _numbered_window(log, cut, size)
    else:
        [reply] = yield Batch(((b"LRANGE", log, 0, size - 1),))
        page = replies.texts(replies.checked(reply, log))
        found = decoded(log, page)
        first = cut.start(found, len(page) < size)
        if first is None:
            size = next_size(page, max(4 * size, cut.guess))
    for _ in range(RESTARTS):
        if first is not None and _all_have_ids(found[first:]):
            break
        found, first = yield from _numbered_window(log, cut, size)
    if first is None:
        raise changed(log)
    window = found[first:]
    _raise_where_damaged(window, strict)
    return window


def _all_have_ids(messages: Sequence[Message]) -> bool:
    for message in messages:  # noqa: SIM110 - of each window; all() takes nearly twice as long
        if message.id is None:
            return False
    return True


def _numbered_window(log: bytes, cut: _Cut, size: int) -> Op[tuple[list[Message], int | None]]:
    """A window whose places from the oldest are known: where it starts, or None for another try.

    The first page comes with the length before and after it: where they agree, the places are
    known, and appends do not change those. They are needed for a window of more than one page, and
    for the ids of messages that have none.
    """
    length = (b"LLEN", log)
    commands = (length, (b"LRANGE", log, 0, size - 1), length)
    before, reply, after = yield Batch(commands, alone=size > FIRST_PAGE)
    if replies.integer(replies.checked(before, log)) != replies.integer(after):
        return [], None
    total = replies.integer(after)
    page = replies.texts(replies.checked(reply, log))
    found, start = decoded(log, page, total), page[0] if page else b""
    while (first := cut.start(found, len(found) == total)) is None:
        size = next_size(page, PAGE_ELEMENTS)
        page = yield from older(log, Seen(total, len(found), page[-1], start), size)
        if not page:
            return [], None
        found = decoded(log, page, total - len(found)) + found
    return found, first


class Seen(msgspec.Struct, frozen=True):
    """What was read of a log from its newest end.

    Attributes:
        total: number of elements that it had.
        done: how many of the newest were read.
        oldest: the oldest of them; it must still be there when more is read.
        newest: the newest of all: where a rewind has dropped that, what was read is no more.
    """

    total: int
    done: int
    oldest: bytes
    newest: bytes


def older(log: bytes, seen: Seen, size: int) -> Op[list[bytes]]:
    """The elements before those that were read, newest first; none where those are no more.

    Cost: 1 round trip.
    """
    first = -(seen.total - seen.done) - 1
    top = (b"LINDEX", log, -seen.total)
    more = (b"LRANGE", log, first, min(first + size, -1))
    reply, newest = yield Batch((more, top), alone=size > FIRST_PAGE)
    overlap, *chunk = replies.texts(replies.checked(reply, log)) or [b""]
    gone = newest is None or replies.text(replies.checked(newest, log)) != seen.newest
    return [] if gone or overlap != seen.oldest else chunk


def decoded(log: bytes, newest_first: Sequence[bytes], total: int | None = None) -> list[Message]:
    """The messages of a page, oldest first; ``total`` counts its newest and all that are older."""
    size = len(newest_first)
    positions = range(size - 1, -1, -1)
    if total is not None:
        positions = range(-(total - size) - 1, -total - 1, -1)
    return codec.decode_many(newest_first[::-1], key=replies.shown(log), positions=positions)


class Cursor(msgspec.Struct, frozen=True):
    """Where a full read stands: how many elements it has, counted from the oldest.

    Attributes:
        done: number of elements read.
        last: the newest of them; it must still be there when the next page is read.
        size: how many the next page takes.
    """

    done: int = 0
    last: bytes = b""
    size: int = FIRST_PAGE


class Page(msgspec.Struct, frozen=True):
    """A part of a session, oldest first, and the cursor of the next; None where it was the last."""

    messages: list[Message]
    next: Cursor | None


class RawPage(msgspec.Struct, frozen=True):
    """The same, undecoded.

    Attributes:
        elements: oldest first.
        start: how many older ones there are.
        next: the cursor of the next page.
    """

    elements: list[bytes]
    start: int
    next: Cursor | None


def raw_page(log: bytes, cursor: Cursor) -> Op[RawPage]:
    """The next elements of a log, oldest first.

    Raises:
        Conflict: the session was cleared or cut since the page before.

    Cost: 1 round trip; at most 1,000 elements, about 4 MB.
    """
    overlap = 1 if cursor.done else 0
    newest, oldest = -(cursor.done + cursor.size), -(cursor.done + 1 - overlap)
    [reply] = yield Batch(((b"LRANGE", log, newest, oldest),), alone=cursor.size > FIRST_PAGE)
    oldest_first = replies.texts(replies.checked(reply, log))[::-1]
    if overlap:
        if not oldest_first or oldest_first[0] != cursor.last:
            raise changed(log)
        del oldest_first[0]
    if len(oldest_first) < cursor.size:
        return RawPage(oldest_first, cursor.done, None)
    size = next_size(oldest_first, PAGE_ELEMENTS)
    following = Cursor(cursor.done + len(oldest_first), oldest_first[-1], size)
    return RawPage(oldest_first, cursor.done, following)


def page(log: bytes, cursor: Cursor, *, strict: bool) -> Op[Page]:
    """The next page of a full read; as `raw_page`, decoded."""
    found = yield from raw_page(log, cursor)
    return Page(_decoded(log, found, strict), found.next)


def everything(log: bytes, *, strict: bool) -> Op[list[Message]]:
    """All messages of a session, oldest first.

    Raises:
        Conflict: it was cleared or cut again and again while it was read.

    Cost: 1 round trip for up to 99 messages, then 1 for each 1,000 or 4 MB.
    """
    return (yield from _everything(log, lambda page: _decoded(log, page, strict)))


def everything_made(log: bytes, make: Callable[[Sequence[bytes]], list[T]]) -> Op[list[T]]:
    """As `everything`, in the form that the caller makes of a page's elements.

    Cost: 1 round trip for up to 99 messages, then 1 for each 1,000 or 4 MB.
    """
    return (yield from _everything(log, lambda page: make(page.elements)))


def _everything(log: bytes, make: Callable[[RawPage], list[T]]) -> Op[list[T]]:
    for _ in range(RESTARTS):
        made: list[T] = []
        cursor: Cursor | None = Cursor()
        try:
            while cursor is not None:
                found = yield from raw_page(log, cursor)
                made += make(found)
                cursor = found.next
        except Conflict:
            continue
        return made
    raise changed(log)


def _decoded(log: bytes, page: RawPage, strict: bool) -> list[Message]:
    # Counted from the oldest, as LINDEX takes it: appends do not change it.
    first = -(page.start + 1)
    positions = range(first, first - len(page.elements), -1)
    messages = codec.decode_many(page.elements, key=replies.shown(log), positions=positions)
    _raise_where_damaged(messages, strict)
    return messages


def next_size(elements: Sequence[bytes], wanted: int) -> int:
    """How many elements to ask for, so that the reply stays near `PAGE_BYTES`."""
    average = max(1, sum(map(len, elements)) // max(1, len(elements)))
    return max(2, min(wanted, PAGE_ELEMENTS, PAGE_BYTES // average))


def _raise_where_damaged(messages: Sequence[Message], strict: bool) -> None:
    if strict:
        for message in messages:
            if message.damage is not None:
                raise message.damage


def changed(log: bytes) -> Conflict:
    """The error for a session that shrank while it was read."""
    return Conflict(
        f"the session under {replies.shown(log)!r} was cleared or cut while it was read; "
        "read it again"
    )
