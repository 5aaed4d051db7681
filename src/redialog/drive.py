"""Running operations: the two drivers, and the decision to send a batch again.

The drivers are the only place where time passes. A batch can always be sent again: a read changes
nothing, and a write carries its operation's token.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar

from redialog.effect import (
    AsyncTransport,
    Batch,
    CommandError,
    Op,
    Patience,
    Replies,
    Reply,
    Transport,
)
from redialog.errors import Closed, ConnectError, RateLimited, ServerError, TransportError

T = TypeVar("T")

PAUSES = (0.0, 0.1, 0.2)
"""Seconds before the second attempt, the third and each one after it: a restarting server needs
some 50 ms, a failover some seconds."""

SHORTEST_S = 0.05
"""What an attempt is given at least: less than a connection takes is no attempt."""


def _is_error(reply: Reply) -> bool:
    return isinstance(reply, CommandError)


class Attempts:
    """What has been tried for one operation, and whether to try again.

    Most operations meet no failure and have none: 0.3 µs of their 12.

    Args:
        clock: seconds, monotonic.
        patience: of the transport.
    """

    def __init__(self, clock: Callable[[], float], patience: Patience) -> None:
        self._clock = clock
        self._patience = patience
        # Of the whole operation, not of a batch: what works takes the time that it takes, and what
        # fails is borne for so long and no longer.
        self._lost = 0.0
        # Kept from batch to batch: where the reply of a write was lost and its resend found the
        # server's scripts flushed, the first one may have been applied all the same.
        self._doubt: TransportError | None = None

    def begin(self, batch: Batch, replies: Replies = (), began: float | None = None) -> Batch:
        """Counts the attempts anew for the next batch, and gives it back.

        Args:
            batch: the next one.
            replies: to the one before.
            began: when it was sent; None: it will be now.
        """
        if self._doubt is not None and replies and not any(map(_is_error, replies)):
            self._doubt = None
        self._batch = batch
        self._began = self._clock() if began is None else began
        self._failed = 0
        return batch

    @property
    def within(self) -> float | None:
        """How many seconds the next attempt has; None: its own limits are enough."""
        if not self._lost:
            return None
        return max(self._patience.deadline_s - self._lost, SHORTEST_S)

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
        now = self._clock()
        self._lost += max(0.0, now - self._began)
        pause = self._pause(error)
        if pause is not None:
            self._lost += pause
            self._began = now + pause
            return pause, None
        if self._doubt is not None:
            # Also where the last attempt did not reach the server: an earlier one may have.
            return 0.0, self._doubt.in_doubt(self._batch.resend_key)
        return 0.0, error

    def _pause(self, error: TransportError) -> float | None:
        """How long to wait before another attempt; None: there is none."""
        patience = self._patience
        if not error.retryable or self._failed == patience.attempts:
            return None
        limit = patience.deadline_s
        if isinstance(error, ConnectError):
            limit = min(limit, patience.connect_s)
        pause = PAUSES[min(self._failed, len(PAUSES)) - 1]
        if isinstance(error, RateLimited) and error.retry_after is not None:
            pause = max(pause, error.retry_after)
        return pause if self._lost + pause <= limit else None


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
    attempts: Attempts | None = None
    try:
        batch = next(op)
        while True:
            began = time.monotonic()
            try:
                replies = transport.execute(batch, attempts.within if attempts else None)
            except TransportError as error:
                if attempts is None:
                    attempts = Attempts(time.monotonic, transport.patience)
                    attempts.begin(batch, began=began)
                pause, final = attempts.after(error)
                if final is None:
                    time.sleep(pause)
                    continue
                batch = attempts.begin(op.throw(final))
            else:
                batch = op.send(replies)
                if attempts is not None:
                    attempts.begin(batch, replies)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]
    except (ServerError, Closed) as error:
        if attempts is not None:
            attempts.settle(error)
        raise
    finally:
        # The traceback of what is raised leads here: a circle would keep all that the call has read
        # until the next garbage collection.
        attempts = final = None


async def arun(op: Op[T], transport: AsyncTransport) -> T:
    """Runs an operation over an asyncio transport; the rest is as in `run`."""
    attempts: Attempts | None = None
    try:
        batch = next(op)
        while True:
            began = time.monotonic()
            try:
                replies = await transport.execute(batch, attempts.within if attempts else None)
            except TransportError as error:
                if attempts is None:
                    attempts = Attempts(time.monotonic, transport.patience)
                    attempts.begin(batch, began=began)
                pause, final = attempts.after(error)
                if final is None:
                    await asyncio.sleep(pause)
                    continue
                batch = attempts.begin(op.throw(final))
            else:
                batch = op.send(replies)
                if attempts is not None:
                    attempts.begin(batch, replies)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]
    except (ServerError, Closed) as error:
        if attempts is not None:
            attempts.settle(error)
        raise
    finally:
        attempts = final = None
