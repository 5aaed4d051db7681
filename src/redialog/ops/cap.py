"""Where a log that is at its cap can be cut: between groups, which no script can see."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from redialog import codec, replies, turns
from redialog.effect import Batch, Op
from redialog.messages import Message
from redialog.ops._scripts import Outcome
from redialog.ops.read import FIRST_PAGE, PAGE_BYTES

AROUND = 8
"""How far around the likely place the first reading goes (include/cap.lua has the same number);
four times that with each further one."""

LEADING = 16
"""So many system messages at the beginning are instructions to the model, and stay."""


class Cut(msgspec.Struct, frozen=True):
    """How a log is cut before more is added.

    Attributes:
        cap: how many elements it may hold; None for any number.
        place: the oldest that stay, those after them that go, and the log's length; None where
            that is not known yet.
        edge: the oldest element after the cut; where that is among the added ones, the newest that
            stays before it, and empty where none does.
    """

    cap: int | None
    place: tuple[int, int, int] | None = None
    edge: bytes = b""

    @property
    def text(self) -> str:
        """As the scripts take it (include/cap.lua)."""
        if self.cap is None:
            return ""
        return ":".join(map(str, (self.cap, *(self.place or ()))))


def find_cut(log: bytes, full: Outcome, new: Sequence[bytes], tried: Cut) -> Op[Cut]:
    """The cut that leaves as many messages as the cap allows; more where the newest group has more.

    Args:
        log: the session's.
        full: the answer of the script that found it full, with the oldest elements.
        new: the elements to be added, oldest first.
        tried: the cut that the script was given.

    Cost: no round trip where the cut lies near the place that was expected, else 1 or more.
    """
    cap = tried.cap or 1
    length = replies.integer(full.answer)
    page = full.oldest[::-1]
    low, span = 0, AROUND
    average = sum(map(len, page)) // max(1, len(page))
    if average * 8 * AROUND > PAGE_BYTES:
        # Large ones: few at first, since the reply must stay bounded.
        span = 0
    whole = [*page, *new] if len(page) == length else page
    if (
        len(whole) < LEADING
        and len(page) < length
        and average * LEADING < PAGE_BYTES
        and _leading(log, whole) == len(whole)
    ):
        [reply] = yield Batch(((b"LRANGE", log, -LEADING, -1),))
        page = whole = replies.texts(replies.checked(reply, log))[::-1][:length]
    spare = min(_leading(log, whole), cap - 1)
    # At most 16, so all of them are in the page.
    before = min(spare, length)
    spared = page[before - 1] if before else b""
    start = length + len(new) - (cap - spare)
    if start <= spare:
        # Somebody cleared or cut it since it was found full: there is room.
        return Cut(cap)
    while True:
        high = low + len(page)
        known = _decoded(log, page, low)
        if high >= length:
            known += _decoded(log, new, 0)
        first = None
        if low <= start < low + len(known):
            begins, ends = low <= spare, high >= length
            first = turns.cut_at(known, start - low, begins=begins, ends=ends)
        if first is not None:
            kept = max(first + low, spare)
            edge = page[kept - low] if low <= kept < high else spared
            return Cut(cap, (spare, kept - spare, length), edge)
        span = 4 * span or 1
        low = max(spare, min(start, length) - span)
        more = (b"LRANGE", log, -min(length, start + span), -(low + 1))
        [reply] = yield Batch((more,), alone=2 * span > FIRST_PAGE)
        page = replies.texts(replies.checked(reply, log))[::-1]
        if low + len(page) < min(length, start + span):
            # Cut by somebody else; the script will tell, and all begins anew.
            return Cut(cap)


def _leading(log: bytes, oldest_first: Sequence[bytes]) -> int:
    """How many system messages a log begins with."""
    count = 0
    for message in _decoded(log, oldest_first[:LEADING], 0):
        if message.role != "system":
            break
        count += 1
    return count


def _decoded(log: bytes, oldest_first: Sequence[bytes], start: int) -> list[Message]:
    positions = range(-(start + 1), -(start + 1) - len(oldest_first), -1)
    return codec.decode_many(oldest_first, key=replies.shown(log), positions=positions)
