"""The lane: what many tasks ask at the same moment goes over one connection, in one write.

Each call is a batch of its own and gets its own replies or its own error. What binds them is order:
a connection answers as it was asked, so a call that was sent keeps its place, whatever becomes of
its task. `redialog.transports.redis._lane_wire` has the connection; here is who waits for it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Coroutine
from typing import Any, Protocol

from redis.asyncio.connection import AbstractConnection

from redialog.effect import Batch, Replies
from redialog.errors import RedialogError
from redialog.errors._root import alike
from redialog.transports.redis._lane_calls import OPEN, Call, Unasked, handle, is_clean
from redialog.transports.redis._lane_wire import GONE, Wire
from redialog.transports.redis.common import failure
from redialog.transports.redis.waiting import Waiting, Watch

TOGETHER = 16
"""So many calls are written without waiting for more: the server works on them while the others
are put together."""
_TRIES = 3
_USUAL = Waiting(None, None)


class Source(Protocol):
    """Where connections come from: `redialog.transports.redis._connections.Connections`."""

    awaited: int
    """How many wait for one that is in use."""

    async def take(self, waiting: Waiting) -> AbstractConnection:
        """One that nobody uses."""

    def keep(self, connection: AbstractConnection) -> bool:
        """Takes one back, where it needs nothing for that."""

    async def part(self, connection: AbstractConnection, *, broken: bool) -> None:
        """Takes one back in any case."""


class Lane:
    """Carries the batches of many tasks over one connection at a time.

    What cannot be done in a callback is done by the tasks of calls: the first one that finds no
    connection takes one for all, and who leaves gives back what is to be given back. A task that is
    cancelled meanwhile passes that on.

    Args:
        source: of the connections.
        address: where they lead, without secrets.
        reply_timeout: seconds for a batch; None: the connection's own.
    """

    def __init__(self, source: Source, address: str, reply_timeout: float | None) -> None:
        self._source = source
        self._address = address
        self._loop = asyncio.get_running_loop()
        self._wire = Wire(self, address, reply_timeout)
        self._queue: deque[Call] = deque()
        self._opener: Call | None = None  # Whose task takes a connection.
        self._scheduled = False
        self._many = False  # Whether several were answered at once of late.
        self._parting: list[tuple[AbstractConnection, bool, list[Unasked]]] = []

    @property
    def abandoned(self) -> bool:
        """Whether a write is in flight that nobody waits for: what its task writes next must not
        overtake it."""
        return any(one.writes and not one.sent for one in self._wire.flying)

    def call(
        self, batch: Batch, packed: bytes, watch: Watch | None
    ) -> Coroutine[Any, Any, Replies]:
        """The replies to a batch.

        Args:
            batch: the same.
            packed: its bytes.
            watch: asked now and then, while the reply is outstanding, whether to go on waiting.

        Raises:
            TransportError: as `redialog.effect.Transport.execute`.
        """
        return self._replies(Call(packed, batch, watch, self._loop.create_future()))

    async def call_within(
        self, seconds: float, batch: Batch, packed: bytes, watch: Watch | None
    ) -> Replies:
        """The same, for so many seconds at most."""
        mine = Call(packed, batch, watch, self._loop.create_future())
        try:
            async with asyncio.timeout(seconds) as patience:
                return await self._replies(mine)
        except TimeoutError as error:
            if not patience.expired():
                raise
            sent = mine.since > 0
            raise failure(error, self._address, sent=sent, writes=batch.writes) from error

    # What the tasks of calls do

    async def _replies(self, mine: Call) -> Replies:
        self._queue.append(mine)
        try:
            if self._wire.connection is not None:
                self._due()
            elif self._opener is None:
                await self._open(mine)
            while True:
                if mine.word is not None:
                    await self._obey(mine)
                found = await mine.future
                if type(found) is list:
                    return found
                if found is not None:
                    raise found
        except BaseException:
            self._leave(mine)
            raise
        finally:
            if self._parting:
                await self._part()

    async def _obey(self, mine: Call) -> None:
        """Does what a call was told to."""
        while (word := mine.word) is not None:
            mine.word = None
            if word is OPEN:
                await self._open(mine)
            else:
                await self._ask(mine)

    async def _open(self, mine: Call) -> None:
        """Takes a connection for all who wait for one."""
        self._opener = mine
        try:
            connection = await self._taken()
        except RedialogError as error:
            self._opener = None
            # Each for itself would now wait as long again.
            for one in self._queue:
                if one is not mine:
                    one.end(alike(error))
            self._queue.clear()
            raise
        self._opener = None
        self._wire.attach(connection)
        if self._many:
            self._due()
        else:
            self._flush()

    async def _taken(self) -> AbstractConnection:
        if self._parting:
            # There may be no other than that one.
            await self._part()
        if self._source.awaited:
            # Redis-py's pool wakes who waits for one, and keeps it for nobody.
            await asyncio.sleep(0)
        for _ in range(_TRIES):
            connection = await self._source.take(_USUAL)
            if is_clean(connection):
                return connection
            await self._source.part(connection, broken=True)
        raise failure(GONE, self._address)

    async def _ask(self, mine: Call) -> None:
        if mine.watch is not None and not await mine.watch() and mine.sent:
            self._wire.fail(TimeoutError())
        mine.asked = False

    def _leave(self, mine: Call) -> None:
        """A task gives up its call: it was cancelled, or has its error."""
        mine.future.cancel()
        mine.packed = b""
        if self._opener is mine:
            self._opener = None
            self._pass_on()
        if mine.sent:
            self._wire.leave(mine)

    async def _part(self) -> None:
        """Gives back connections that are not kept."""
        while self._parting:
            connection, broken, unasked = self._parting.pop()
            try:
                await handle(connection, unasked)
            finally:
                await self._source.part(connection, broken=broken)

    # What waits

    def _due(self) -> None:
        """Something waits: it is written with all that comes until the loop turns."""
        if len(self._queue) >= TOGETHER and not self._wire.full:
            self._flush()
        elif not self._scheduled:
            self.writable()

    def _turned(self) -> None:
        self._scheduled = False
        self._flush()

    def _flush(self) -> None:
        """Writes what waits, as far as it may be written; rests where nothing does."""
        wire = self._wire
        if wire.connection is None:
            return
        # Where the connection is given up, that is when nothing is in flight. It was taken for
        # somebody, so something is written first.
        if self._queue and not (wire.flying and self._ending()):
            wire.write(self._queue)
        if not wire.flying and wire.connection is not None:
            self._rest()

    def _ending(self) -> bool:
        """Whether the connection is given up as soon as nothing is in flight."""
        return self._wire.worn or bool(self._wire.unasked) or self._source.awaited > 0

    def _rest(self) -> None:
        """Nothing is in flight: the connection is given back."""
        broken = self._wire.worn or self._wire.paused
        connection, unasked = self._wire.detach()
        if broken or unasked or not self._source.keep(connection):
            self._parting.append((connection, broken, unasked))
        self._pass_on()

    def _pass_on(self) -> None:
        """Makes it the turn of the first who waits, to take a connection."""
        while self._queue and self._opener is None and self._wire.connection is None:
            if self._queue[0].future.done():
                self._queue.popleft()
            else:
                self._opener = self._queue[0]
                self._opener.say(OPEN)

    # What the wire tells

    def answered(self, calls: int) -> None:
        """As `redialog.transports.redis._lane_wire.Owner.answered`."""
        self._many = calls > 1
        if not self._wire.flying and self._ending():
            self._rest()
        else:
            self._flush()

    def writable(self) -> None:
        """As `redialog.transports.redis._lane_wire.Owner.writable`."""
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._turned)

    def broken(self, connection: AbstractConnection, unasked: list[Unasked]) -> None:
        """As `redialog.transports.redis._lane_wire.Owner.broken`."""
        self._parting.append((connection, True, unasked))
        self._pass_on()
