"""The lane of the REST transport: what many tasks ask at the same moment goes in one request.

Each call is a batch of its own and gets its own replies or its own error. Nobody waits for company:
what is asked while the loop turns once travels together, and more gathers only while as many
requests are under way as may be. A request of several calls has a task of its own, so that none of
those who wait for it can take it away from the others; a call that travels alone is carried by its
own task.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Any, Final, Protocol

from redialog.effect import Batch, CommandError, Reply
from redialog.errors import AuthError, ConfigurationError, ConnectionLost, NotRedis, RedialogError
from redialog.errors._root import alike
from redialog.transports._rest_answers import Rows
from redialog.transports._rest_common import Request, one_request

CALL_BYTES = 32 << 10
"""A batch with more travels alone, where others need not wait for it."""
IN_FLIGHT = 4
"""So many requests of the lane are under way at most, while calls need not wait for long."""
TOGETHER_BYTES = 256 << 10
"""About so much is joined to one request, and less where the service takes less."""
TOGETHER_COMMANDS = 64
"""So many commands are joined to one request: the service works on them while the others are put
together."""
OVERDUE_S = 0.25
"""A call that has waited for so long sets off, however many requests are under way: they may be
stalled, and each call has had a connection of its own."""

ALONE: Final = "alone"
"""Told to a call: it is its turn, and it travels alone."""


class Carrier(Protocol):
    """Who sends requests: `redialog.transports.rest_asyncio.AsyncRestTransport`."""

    address: str

    async def alone(self, batch: Batch, rows: Sequence[bytes]) -> list[Reply]:
        """The replies to a batch that is made of these rows."""

    async def together(self, request: Request, *, writes: bool) -> Rows | CommandError:
        """What the service says of each command of a request, or of all of them as one."""

    def read(self, rows: Rows) -> list[Reply]:
        """The replies in that."""


class Call:
    """A batch on its way.

    Args:
        batch: the same.
        rows: its commands, as they stand in a request.
        size: bytes of them there.
        future: what its task waits for: the replies, an error, or `ALONE`.
        since: when that began.

    Attributes:
        trip: the request that it is in, with others.
    """

    __slots__ = ("batch", "future", "rows", "since", "size", "trip")

    def __init__(
        self,
        batch: Batch,
        rows: Sequence[bytes],
        size: int,
        future: asyncio.Future[Any],
        since: float,
    ) -> None:
        self.batch = batch
        self.rows = rows
        self.size = size
        self.future = future
        self.since = since
        self.trip: asyncio.Task[None] | None = None

    def end(self, found: list[Reply] | Exception | str) -> None:
        """Gives its task what it waits for, where it still does."""
        if not self.future.done():
            self.future.set_result(found)


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
        self._limit = limit
        self._together = min(TOGETHER_BYTES, limit)
        self._loop = asyncio.get_running_loop()
        # Reads and writes travel apart: a service can answer reads where it likes, and what is
        # lost of them is never in doubt.
        self._queues: tuple[deque[Call], deque[Call]] = (deque(), deque())
        self._under_way = 0
        self._trips: dict[asyncio.Task[None], list[Call]] = {}
        self._scheduled = False
        self._timer: asyncio.TimerHandle | None = None

    def takes(self, batch: Batch, rows: Sequence[bytes]) -> bool:
        """Whether a batch may travel with others."""
        return not batch.alone and _size(rows) < min(CALL_BYTES, self._limit)

    async def call(self, batch: Batch, rows: Sequence[bytes]) -> list[Reply]:
        """The replies to a batch.

        Raises:
            RedialogError: as `redialog.effect.Transport.execute`.
        """
        now = self._loop.time()
        mine = Call(batch, rows, _size(rows), self._loop.create_future(), now)
        self._queues[batch.writes].append(mine)
        self._due()
        try:
            found = await mine.future
        except asyncio.CancelledError:
            if (trip := self._leave(mine)) is not None:
                await _over(trip)
            raise
        if found is ALONE:
            try:
                return await self._carrier.alone(batch, rows)
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
        return None

    # What waits

    def _due(self) -> None:
        """Something waits: it sets off with all that comes until the loop turns."""
        if self._under_way >= self._most:
            self._watch()
        elif not self._scheduled:
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
            self._timer = self._loop.call_at(first[0].since + OVERDUE_S, self._overdue)

    def _overdue(self) -> None:
        self._timer = None
        first = self._first()
        if first is not None and first[0].since + OVERDUE_S <= self._loop.time():
            self._set_off(self._next())
        self._watch()

    def _first(self) -> deque[Call] | None:
        """The queue whose first call has waited longest."""
        for queue in self._queues:
            while queue and queue[0].future.done():
                queue.popleft()
        return min(filter(None, self._queues), key=lambda queue: queue[0].since, default=None)

    def _next(self) -> list[Call]:
        """What sets off together, without those that were cancelled."""
        queue = self._first()
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
        address = self._carrier.address
        for one in calls:
            if not one.future.done():
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
        request = one_request([row for one in calls for row in one.rows])
        try:
            rows = await self._carrier.together(request, writes=calls[0].batch.writes)
        except Exception as error:
            if isinstance(error, ConfigurationError):
                # It is too large, which no call alone was.
                self._together = len(request.body) // 2
            if _blames_content(error):
                self._part(calls)
                return
            for one in calls:
                one.end(alike(error) if isinstance(error, RedialogError) else error)
            return
        if isinstance(rows, CommandError):
            self._part(calls)
            return
        begin = 0
        for one in calls:
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
        """Nothing of a request was carried out: each call goes for itself, to see whose fault it
        was."""
        for one in calls:
            if not one.future.done():
                self._under_way += 1
                one.end(ALONE)


def _size(rows: Sequence[bytes]) -> int:
    """Bytes of commands in a request, with the comma or bracket behind each."""
    return sum(map(len, rows)) + len(rows)


def _blames_content(error: Exception) -> bool:
    """Whether a service has refused a request for what is in it, and has carried nothing out."""
    if isinstance(error, AuthError | NotRedis):
        # Also what stands before a service looks into requests.
        return not error.maybe_applied
    return isinstance(error, ConfigurationError)


async def _over(trip: asyncio.Task[None]) -> None:
    """Returns when a trip that was cancelled has closed its connection."""
    while not trip.done():
        try:
            await asyncio.wait({trip})
        except asyncio.CancelledError:
            # It is about to come through.
            continue
