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

    Cost: 1 round trip for up to 100 messages; grows with ``limit``, not with the session.
    """
    if limit == 0:
        return []
    cut = _Cut(lambda found, whole: turns.newest_messages(found, limit, whole=whole), limit)
    return (yield from _window(log, cut, strict=strict))


def window_of_turns(log: bytes, limit: int, *, strict: bool) -> Op[list[Message]]:
    """The newest ``limit`` turns, whole; oldest first.

    Where the session has no more turns than that, its preamble comes with them.

    Cost: 1 round trip for turns of a few messages; grows with the window and the turn before it,
    not with the session.
    """
    if limit == 0:
        return []
    # A turn of a question and an answer, and the message that shows where the first one starts.
    cut = _Cut(lambda found, whole: turns.newest_turns(found, limit, whole=whole), 2 * limit + 1)
    return (yield from _window(log, cut, strict=strict))


class _Cut(msgspec.Struct):
    """Where a window starts, and how many elements that will probably take."""

    start: Callable[[Sequence[Message], bool], int | None]
    guess: int


def _window(log: bytes, cut: _Cut, *, strict: bool) -> Op[list[Message]]:
    for _ in range(_RESTARTS):
        found = yield from _try_window(log, cut, strict=strict)
        if found is not None:
            return found
    raise _changed(log)


def _try_window(log: bytes, cut: _Cut, *, strict: bool) -> Op[list[Message] | None]:
    """One pass over the newest chunks; None where they did not fit together."""
    found: list[Message] = []
    last: bytes | None = None
    size = min(cut.guess, FIRST_PAGE)
    while True:
        # Each chunk starts with the last element of the one before. Appends in between have moved
        # it towards the tail; where it is gone, the session was cleared or cut.
        start = max(len(found) - 1, 0)
        [reply] = yield Batch(((b"LRANGE", log, start, start + size - 1),))
        chunk = replies.texts(replies.checked(reply, log))
        whole = len(chunk) < size
        if last is not None:
            if last not in chunk:
                return None
            chunk = chunk[chunk.index(last) + 1 :]
        positions = range(len(found), len(found) + len(chunk))
        older = codec.decode_many(chunk[::-1], key=_shown(log), positions=positions[::-1])
        found = older + found
        first = cut.start(found, whole)
        if first is not None:
            found = found[first:]
            _raise_where_damaged(found, strict)
            return found
        last = chunk[-1] if chunk else last
        size = _next_size(chunk, len(found))


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
