"""Operations that read the messages of a session.

A window is read from the newest end, so its cost does not depend on the history. Everything is
read in pages from the oldest end, whose positions appends do not shift.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from redialog import codec, replies, turns
from redialog.effect import Batch, Op
from redialog.errors import Conflict
from redialog.messages import Message

PAGE_ELEMENTS = 1000
PAGE_BYTES = 4 << 20
FIRST_PAGE = 100
"""The first page of a read is smaller: how large the elements are is known only after it."""

_RESTARTS = 5


def count(log: bytes) -> Op[int]:
    """The number of messages in a session; 0 where there is none.

    Cost: 1 round trip, constant.
    """
    [reply] = yield Batch(((b"LLEN", log),))
    return replies.integer(replies.checked(reply, log))


def window_of_messages(log: bytes, limit: int, *, strict: bool) -> Op[list[Message]]:
    """The newest messages, at most ``limit``, cut between groups; oldest first.

    Cost: 1 round trip for up to 99 messages; grows with ``limit``, not with the session.
    """
    if limit == 0:
        return []
    # One more than wanted: a conversation that is no longer than the window is not cut at all.
    cut = _Cut(lambda found, whole: turns.newest_messages(found, limit, whole=whole), limit + 1)
    return (yield from _window(log, cut, strict=strict))


def window_of_turns(log: bytes, limit: int, *, strict: bool) -> Op[list[Message]]:
    """The newest ``limit`` turns, whole; oldest first.

    Where the session has no more turns than that, its preamble comes with them.

    Cost: 1 round trip for turns of a few messages; grows with the window and the turn before it,
    not with the session.
    """
    if limit == 0:
        return []
    # Turns of a question and an answer, and the turn before, which shows where the first starts.
    cut = _Cut(lambda found, whole: turns.newest_turns(found, limit, whole=whole), 2 * limit + 2)
    return (yield from _window(log, cut, strict=strict))


class _Cut(msgspec.Struct):
    """Where a window starts, and how many elements it will probably take."""

    start: Callable[[Sequence[Message], bool], int | None]
    guess: int


def _window(log: bytes, cut: _Cut, *, strict: bool) -> Op[list[Message]]:
    size = min(cut.guess, FIRST_PAGE)
    [reply] = yield Batch(((b"LRANGE", log, 0, size - 1),))
    newest_first = replies.texts(replies.checked(reply, log))
    found = _decoded(log, newest_first)
    first = cut.start(found, len(newest_first) < size)
    for _ in range(_RESTARTS):
        if first is not None:
            break
        size = _next_size(newest_first, max(4 * size, cut.guess))
        found, first = yield from _long_window(log, cut, size)
    if first is None:
        raise _changed(log)
    window = found[first:]
    _raise_where_damaged(window, strict)
    return window


def _long_window(log: bytes, cut: _Cut, size: int) -> Op[tuple[list[Message], int | None]]:
    """A window that takes more than one page: where it starts, or None where it has to be redone.

    The first page comes with the length before and after it: where they agree, the positions from
    the oldest are known, and appends do not change those.
    """
    length = (b"LLEN", log)
    before, reply, after = yield Batch((length, (b"LRANGE", log, 0, size - 1), length))
    if replies.integer(replies.checked(before, log)) != replies.integer(after):
        return [], None
    total = replies.integer(after)
    page = replies.texts(replies.checked(reply, log))
    found = _decoded(log, page)
    while (first := cut.start(found, len(found) == total)) is None:
        # With the last element of the page before, which must still be there.
        oldest = -(total - len(found)) - 1
        size = _next_size(page, PAGE_ELEMENTS)
        [reply] = yield Batch(((b"LRANGE", log, oldest, min(oldest + size, -1)),))
        chunk = replies.texts(replies.checked(reply, log))
        if len(chunk) < 2 or chunk[0] != page[-1]:  # noqa: PLR2004
            return [], None
        page = chunk[1:]
        found = _decoded(log, page, len(found)) + found
    return found, first


def _decoded(log: bytes, newest_first: Sequence[bytes], start: int = 0) -> list[Message]:
    """The messages of a page, oldest first; ``start`` is the index of its newest."""
    positions = range(start, start + len(newest_first))
    return codec.decode_many(newest_first[::-1], key=_shown(log), positions=positions[::-1])


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


def page(log: bytes, cursor: Cursor, *, strict: bool) -> Op[Page]:
    """The next page of a full read.

    Raises:
        Conflict: the session was cleared or cut since the page before.

    Cost: 1 round trip; at most 1,000 elements, about 4 MB.
    """
    overlap = 1 if cursor.done else 0
    newest, oldest = -(cursor.done + cursor.size), -(cursor.done + 1 - overlap)
    [reply] = yield Batch(((b"LRANGE", log, newest, oldest),))
    oldest_first = replies.texts(replies.checked(reply, log))[::-1]
    if overlap:
        if not oldest_first or oldest_first[0] != cursor.last:
            raise _changed(log)
        del oldest_first[0]
    # Counted from the oldest, as LINDEX takes it: appends do not change it.
    first = -(cursor.done + 1)
    positions = range(first, first - len(oldest_first), -1)
    messages = codec.decode_many(oldest_first, key=_shown(log), positions=positions)
    _raise_where_damaged(messages, strict)
    if len(oldest_first) < cursor.size:
        return Page(messages, None)
    done = cursor.done + len(oldest_first)
    return Page(messages, Cursor(done, oldest_first[-1], _next_size(oldest_first, PAGE_ELEMENTS)))


def everything(log: bytes, *, strict: bool) -> Op[list[Message]]:
    """All messages of a session, oldest first.

    Raises:
        Conflict: it was cleared or cut again and again while it was read.

    Cost: 1 round trip for up to 99 messages, then 1 for each 1,000 or 4 MB.
    """
    for _ in range(_RESTARTS):
        messages: list[Message] = []
        cursor: Cursor | None = Cursor()
        try:
            while cursor is not None:
                found = yield from page(log, cursor, strict=strict)
                messages += found.messages
                cursor = found.next
        except Conflict:
            continue
        return messages
    raise _changed(log)


def _next_size(elements: Sequence[bytes], wanted: int) -> int:
    """How many elements to ask for, so that the reply stays near `PAGE_BYTES`."""
    average = max(1, sum(map(len, elements)) // max(1, len(elements)))
    return max(2, min(wanted, PAGE_ELEMENTS, PAGE_BYTES // average))


def _raise_where_damaged(messages: Sequence[Message], strict: bool) -> None:
    if strict:
        for message in messages:
            if message.damage is not None:
                raise message.damage


def _changed(log: bytes) -> Conflict:
    return Conflict(
        f"the session under {_shown(log)!r} was cleared or cut while it was read; read it again"
    )


def _shown(log: bytes) -> str:
    return log.decode("utf-8", "backslashreplace")
