"""A log that changes while its pages are read, and the shape that the batches must have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from redialog import Message
from redialog.effect import Batch, Replies
from redialog.ops import read
from tests.operations.tools import bounds, element, lrange

LOG = b"chat"


def texts(messages: list[Message]) -> list[str]:
    """What the messages say."""
    return [message.text for message in messages]


def turns_of(count: int, answers: int) -> list[bytes]:
    """Newest first: so many turns of a question and so many answers."""
    roles = ["user", *["assistant"] * answers] * count
    return [element(number, role) for number, role in enumerate(roles)][::-1]


class Log:
    """A list that changes as a test says.

    Args:
        newest_first: what lies in it.
        after: what to do with it after the batch of a number, counted from 1.
        within: the same, after each command of a batch but its last.
    """

    def __init__(
        self,
        newest_first: list[bytes],
        after: Callable[[int, list[bytes]], None] | None = None,
        within: Callable[[int, list[bytes]], None] | None = None,
    ) -> None:
        self.elements = newest_first
        self._after = after
        self._within = within
        self._batches = 0

    def __call__(self, batch: Batch) -> Replies:
        assert (batch.writes, batch.resend_key) == (False, None)
        self._batches += 1
        replies: list[Any] = []
        for command in batch.commands:
            if replies and self._within is not None:
                self._within(self._batches, self.elements)
            if command == (b"LLEN", LOG):
                replies.append(len(self.elements))
            elif command[0] == b"LINDEX":
                place = command[2]
                assert isinstance(place, int)
                assert place < 0
                there = -place <= len(self.elements)
                replies.append(self.elements[place] if there else None)
            else:
                assert command[:2] == (b"LRANGE", LOG)
                replies += lrange(self.elements, Batch((command,)))
        if self._after is not None:
            self._after(self._batches, self.elements)
        return replies


def appended(count: int, batch: int) -> Callable[[int, list[bytes]], None]:
    """Somebody appends so many answers after the batch of a number."""

    def after(batches: int, log: list[bytes]) -> None:
        if batches == batch:
            log[:0] = [element(9000 + number, "assistant") for number in range(count)][::-1]

    return after


def names(batch: Batch) -> list[object]:
    """Which commands a batch has."""
    return [command[0] for command in batch.commands]


def assert_shape(batches: list[Batch], guess: int, total: int) -> None:
    """One plain page from the newest; one between two lengths; then pages from the oldest."""
    assert batches[0].commands == ((b"LRANGE", LOG, 0, min(guess, read.FIRST_PAGE) - 1),)
    if len(batches) == 1:
        return
    assert names(batches[1]) == [b"LLEN", b"LRANGE", b"LLEN"]
    newest, last = bounds(batches[1])
    assert newest == 0
    assert min(guess, read.FIRST_PAGE) <= last < read.PAGE_ELEMENTS
    seen = last + 1
    for batch in batches[2:]:
        assert names(batch) == [b"LRANGE", b"LINDEX"]
        # The newest that was read must still be there, too.
        assert batch.commands[1] == (b"LINDEX", LOG, -total)
        start, stop = bounds(batch)
        # It begins with the last element of the page before.
        assert start == seen - 1 - total
        assert start < stop <= -1
        # One more than a page: the overlap.
        assert stop - start <= read.PAGE_ELEMENTS
        seen += stop - start
