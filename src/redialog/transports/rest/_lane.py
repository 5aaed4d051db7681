"""The lane of the REST transport: what many tasks ask at the same moment goes in one request.

Each call is a batch of its own and gets its own replies or its own error. Nobody waits for company:
what is asked while the loop turns once travels together, and more gathers only while as many
requests are under way as may be. A request of several calls has a task of its own, so that none of
those who wait for it can take it away from the others; a call that travels alone is carried by its
own task.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Sequence

from redialog.effect import Batch, CommandError, Reply
from redialog.errors import ConfigurationError, ConnectionLost, RedialogError
from redialog.errors._root import alike
from redialog.transports.rest._answers import Rows
from redialog.transports.rest._common import Request, one_request
from redialog.transports.rest._lane_calls import ALONE, Call, Carrier, blames_content, size_of

CALL_BYTES = 32 << 10
"""A batch with more travels alone, where others need not wait for it."""
IN_FLIGHT = 4
"""So many requests of the lane are under way at most, while calls need not wait for long. Of 64
tasks with pauses, 20 ms away from the service, half the turns took 98 ms with 1, 86 with 2, 70 with
4, 61 with 8, and 83 without a lane; of the client's CPU, 0.4, 0.5, 0.6, 0.8 and 1.5 ms."""
TOGETHER_BYTES = 256 << 10
"""About so much is joined to one request, and less where the service takes less."""
TOGETHER_COMMANDS = 64
"""So many commands are joined to one request; with 1,000, none of the figures was better."""
OVERDUE_S = 0.25
"""A call that has waited for so long sets off, however many requests are under way: they may be
stalled, and each call has had a connection of its own."""


class Lane:
    """Joins the batches of many tasks to requests.

    Args:
        carrier: sends them.
        most: how many requests may be under way at all.
        limit: bytes of a request.
    """

    def __init__(self, carrier: Carrier, most: int, limit: int) -> None:
        self._carrier = carrier
        self._most = min(IN_FLIGHT, most)
        self._together = min(TOGETHER_BYTES, limit)
        self._loop = asyncio.get_running_loop()
        # Reads and writes travel apart: a service can answer reads where it likes, and what is
        # lost of them is never in doubt.
        self._reads: deque[Call] = deque()
        self._writes: deque[Call] = deque()
        self._single: deque[Call] = deque()
        self._queues = (self._reads, self._writes, self._single)
        self._under_way = 0
        self._trips: dict[asyncio.Task[None], list[Call]] = {}
        # Those with a write that nobody waits for: what its task writes next must not overtake it.
        self._abandoned: set[asyncio.Task[None]] = set()
        self._scheduled = False
        self._timer: asyncio.TimerHandle | None = None

    def takes(self, batch: Batch, rows: Sequence[bytes]) -> bool:
        """Whether a batch may travel with others."""
        return not batch.alone and size_of(rows) <= CALL_BYTES

    async def call(
        self, batch: Batch, rows: Sequence[bytes], until: float | None = None
    ) -> list[Reply]:
        """The replies to a batch.

        Args:
            batch: the same.
            rows: its commands, as they stand in a request.
            until: when it must be over; then it is a second attempt and travels alone, since what
                failed the first must not fail it, too. Where there are many of those, they go a
                few at a time: after one request that was lost, not each needs a new connection.

        Raises:
            RedialogError: as `redialog.effect.Transport.execute`.
        """
        overdue = self._loop.time() + OVERDUE_S
        if until is not None:
            queue, overdue = self._single, min(overdue, until)
        else:
            queue = self._writes if batch.writes else self._reads
        mine = Call(batch, rows, size_of(rows), self._loop.create_future(), overdue)
        queue.append(mine)
        self._due()
        try:
            found = await mine.future
        except BaseException as error:
            trip = self._leave(mine)
            if trip is not None and isinstance(error, asyncio.CancelledError):
                # It ends when it has closed its connection, or is cancelled once more.
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.wait({trip})
            raise
        if found is ALONE:
            try:
                return await self._carrier.alone(batch, rows, until)
            finally:
                self._landed()
        if isinstance(found, Exception):
            raise found
        return found  # type: ignore[no-any-return]

    def _leave(self, mine: Call) -> asyncio.Task[None] | None:
        """A task gives up its call; returns the trip that nobody waits for any more."""
        mine.future.cancel()
        trip = mine.trip
        if not mine.future.cancelled() and mine.future.result() is ALONE:
            self._landed()
        elif trip in self._trips and all(one.future.done() for one in self._trips[trip]):
            trip.cancel()
            return trip
        elif trip in self._trips and mine.batch.writes:
            self._abandoned.add(trip)
        return None

    # What waits

    def _due(self) -> None:
        """Something waits: it sets off with all that comes until the loop turns."""
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._turned)

    def _turned(self) -> None:
        self._scheduled = False
        while self._under_way < self._most and (calls := self._next()):
            self._set_off(calls)
        self._watch()

    def _watch(self) -> None:
        """Sees to it that nothing waits for too long."""
        if self._timer is None and (first := self._first()) is not None:
            self._timer = self._loop.call_at(first[0].overdue, self._late)

    def _late(self) -> None:
        self._timer = None
        first = self._first()
        if first is not None and first[0].overdue <= self._loop.time():
            self._set_off(self._next())
        self._watch()

    def _first(self, *, ready: bool = False) -> deque[Call] | None:
        """The queue whose first call has waited longest; ``ready``: of those that may set off."""
        found: deque[Call] | None = None
        for queue in self._queues:
            while queue and queue[0].future.done():
                queue.popleft()
            if queue and not (ready and self._held(queue[0])):
                found = queue if found is None or queue[0].overdue < found[0].overdue else found
        return found

    def _held(self, one: Call) -> bool:
        """Whether a call could overtake what its task has written before."""
        behind = bool(self._abandoned) and one.batch.writes
        return behind and self._loop.time() < one.overdue

    def _next(self) -> list[Call]:
        """What sets off together, without those that were cancelled."""
        queue = self._first(ready=True)
        if queue is self._single:
            return [queue.popleft()]
        found: list[Call] = []
        size = commands = 0
        while queue:
            one = queue[0]
            if not one.future.done():
                size += one.size
                commands += len(one.rows)
                if found and (size >= self._together or commands > TOGETHER_COMMANDS):
                    break
                found.append(one)
            queue.popleft()
        return found

    # What is under way

    def _set_off(self, calls: list[Call]) -> None:
        self._under_way += 1
        if len(calls) == 1:
            calls[0].end(ALONE)
            return
        trip = self._loop.create_task(self._carry(calls))
        self._trips[trip] = calls
        for one in calls:
            one.trip = trip
        trip.add_done_callback(self._arrived)

    def _arrived(self, trip: asyncio.Task[None]) -> None:
        calls = self._trips.pop(trip)
        self._abandoned.discard(trip)
        address = self._carrier.address
        for one in calls:
            if one.trip is trip and not one.future.done():
                # Somebody has cancelled all tasks that there are.
                one.end(
                    ConnectionLost(
                        f"the request to {address} was cancelled",
                        address=address,
                        maybe_applied=one.batch.writes,
                    )
                )
        self._landed()

    def _landed(self) -> None:
        self._under_way -= 1
        if self._first() is not None:
            self._due()

    async def _carry(self, calls: list[Call]) -> None:
        """Sends the request of several calls, and gives each what is its own."""
        aboard: list[Call] = []
        size = 0

        def request() -> Request:
            nonlocal size
            aboard.extend(one for one in calls if not one.future.done())
            found = one_request([row for one in aboard for row in one.rows])
            size = len(found.body)
            return found

        try:
            rows = await self._carrier.together(request, writes=calls[0].batch.writes)
        except Exception as error:
            if isinstance(error, ConfigurationError):
                # It is too large, which no call alone was.
                self._together = min(self._together, size // 2)
            if blames_content(error):
                self._part(calls)
                return
            for one in calls:
                one.end(alike(error) if isinstance(error, RedialogError) else error)
            return
        if isinstance(rows, CommandError):
            self._part(calls)
            return
        begin = 0
        for one in aboard:
            end = begin + len(one.rows)
            if not one.future.done():
                one.end(self._own(rows.part(begin, end)))
            begin = end

    def _own(self, rows: Rows) -> list[Reply] | Exception:
        try:
            return self._carrier.read(rows)
        except RedialogError as error:
            return error

    def _part(self, calls: list[Call]) -> None:
        """Nothing of a request was carried out: each half goes for itself, to see whose fault it
        was."""
        waiting = [one for one in calls if not one.future.done()]
        middle = len(waiting) // 2
        for half in (waiting[:middle], waiting[middle:]):
            if half:
                self._set_off(half)
