"""A write and a read of what it left, in one round trip where that is enough for both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from redialog.effect import Batch, Op, Replies, T
from redialog.errors import TransportError


def then(write: Op[Any], read: Op[T]) -> Op[T]:
    """Runs a write, and a read that sees what it wrote.

    The first batches of both travel as one, the write's commands first. Where the write needs
    another one (its script was missing, the log is at its cap), what came with the first was read
    too early: it is asked for again when the write is done.

    Args:
        write: a fresh operation; what it returns is dropped.
        read: another.

    Raises:
        RedialogError: as either; where the write fails, nothing is returned of the read. A
            TransportError of the read says that the write may have happened, under its key.

    Cost: 1 round trip less than both.
    """
    try:
        first = next(write)
    except StopIteration:
        return (yield from read)
    try:
        second = next(read)
    except StopIteration as stop:
        yield from _rest(write, first)
        return stop.value  # type: ignore[no-any-return]
    sent, more = [first], None
    replies: Replies = ()
    try:
        try:
            replies = yield _joined(first, second)
        except TransportError as error:
            more = write.throw(error)
        else:
            more = write.send(replies[: len(first.commands)])
    except StopIteration:
        pass
    if more is not None:
        yield from _rest(write, more, sent)
    if more is None and replies:
        try:
            second = read.send(replies[len(first.commands) :])
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]
    try:
        return (yield from _rest(read, second))
    except TransportError as error:
        # Of the call as a whole it would be wrong to say that nothing was done.
        raise error.in_doubt(_key(sent)) from error.__cause__


def _joined(first: Batch, second: Batch) -> Batch:
    return Batch(
        (*first.commands, *second.commands),
        writes=first.writes,
        resend_key=first.resend_key,
        alone=first.alone or second.alone,
    )


def _key(sent: Sequence[Batch]) -> str | None:
    """The key of a write; what only prepares it has none."""
    return next((one.resend_key for one in sent if one.resend_key is not None), None)


def _rest(op: Op[T], batch: Batch, sent: list[Batch] | None = None) -> Op[T]:
    """What is left of an operation that has yielded a batch and waits for the replies.

    Args:
        op: the operation.
        batch: the same.
        sent: takes note of its batches.
    """
    try:
        while True:
            if sent is not None:
                sent.append(batch)
            try:
                replies = yield batch
            except TransportError as error:
                batch = op.throw(error)
            else:
                batch = op.send(replies)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]
