"""Running operations: the two drivers, and the decision to send a batch again.

The drivers are the only place where time passes. A batch can always be sent again: a read changes
nothing, and a write carries its operation's token.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar

from redialog.effect import AsyncTransport, Batch, CommandError, Op, Replies, Reply, Transport
from redialog.errors import Closed, ConnectError, ServerError, TransportError

T = TypeVar("T")

ATTEMPTS = 3
PAUSES = (0.0, 0.1)
"""Seconds before the second attempt and the third; a restarting server needs some 50 ms."""

DEADLINE_S = 20.0
"""No batch is sent again later than this after its first attempt. Far below the 60 s that a token
lives, so that a late resend always meets the token of the first."""

CONNECT_DEADLINE_S = 1.0
"""The same where the server is not there at all: a caller learns that it is down within 2 s."""


def _is_error(reply: Reply) -> bool:
    return isinstance(reply, CommandError)


class Attempts:
    """What has been tried for the batches of one operation, and whether to try again.

    Args:
        clock: seconds, monotonic.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        # Kept from batch to batch: where the reply of a write was lost and its resend found the
        # server's scripts flushed, the first one may have been applied all the same.
        self._doubt: TransportError | None = None

    def begin(self, batch: Batch, replies: Replies = ()) -> Batch:
        """Starts counting anew for the next batch, and gives it back.

        Args:
            batch: the next one.
            replies: to the one before.
        """
        if self._doubt is not None and replies and not any(map(_is_error, replies)):
            self._doubt = None
        self._batch = batch
        self._started = self._clock()
        self._failed = 0
        return batch

    def settle(self, error: ServerError | Closed) -> None:
        """What an error of the server means after a reply was lost.

        A server that is full or that became a replica refuses the resend before it looks for the
        token, so its answer says nothing of the first attempt. Nor does it that the memory was
        closed before the resend.

        Raises:
            TransportError: the write is in doubt; returns where it is not.
        """
        if self._doubt is not None:
            raise self._doubt.in_doubt(self._batch.resend_key) from error

    def after(self, error: TransportError) -> tuple[float, TransportError | None]:
        """What to do after a failed attempt.

        Returns:
            How many seconds to wait before the batch is sent again, and None; or 0 and the error
            to give up with, which says whether any attempt may have been applied.
        """
        self._failed += 1
        if error.maybe_applied:
            self._doubt = error
        limit = CONNECT_DEADLINE_S if isinstance(error, ConnectError) else DEADLINE_S
        late = self._clock() - self._started > limit
        if error.retryable and self._failed < ATTEMPTS and not late:
            return PAUSES[self._failed - 1], None
        if self._doubt is not None:
            # Also where the last attempt did not reach the server: an earlier one may have.
            return 0.0, self._doubt.in_doubt(self._batch.resend_key)
        return 0.0, error


def run(op: Op[T], transport: Transport) -> T:
    """Runs an operation over a blocking transport.

    Args:
        op: a fresh generator.
        transport: where its batches go.

    Returns:
        What the operation returns.

    Raises:
        RedialogError: as the operation says; TransportError where the server did not answer.
    """
    attempts = Attempts(time.monotonic)
    try:
        batch = attempts.begin(next(op))
        while True:
            try:
                replies = transport.execute(batch)
            except TransportError as error:
                pause, final = attempts.after(error)
                if final is None:
                    time.sleep(pause)
                    continue
                batch = attempts.begin(op.throw(final))
            else:
                batch = attempts.begin(op.send(replies), replies)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]
    except (ServerError, Closed) as error:
        attempts.settle(error)
        raise


async def arun(op: Op[T], transport: AsyncTransport) -> T:
    """Runs an operation over an asyncio transport; the rest is as in `run`."""
    attempts = Attempts(time.monotonic)
    try:
        batch = attempts.begin(next(op))
        while True:
            try:
                replies = await transport.execute(batch)
            except TransportError as error:
                pause, final = attempts.after(error)
                if final is None:
                    await asyncio.sleep(pause)
                    continue
                batch = attempts.begin(op.throw(final))
            else:
                batch = attempts.begin(op.send(replies), replies)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]
    except (ServerError, Closed) as error:
        attempts.settle(error)
        raise
