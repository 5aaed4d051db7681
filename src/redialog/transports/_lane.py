"""The lane: what many tasks ask at the same moment goes over one connection, in one write.

Each call is a batch of its own and gets its own replies or its own error. What binds them is order:
a connection answers as it was asked, so a call that was sent keeps its place, whatever becomes of
its task.

No task reads. While anything is in flight, the lane is itself the protocol of the connection's
transport, in place of the stream that redis-py made: asyncio hands it the bytes that arrive,
redis-py's parser makes replies of them, and those wake who waits for them. When nothing is in
flight the stream is put back, and the connection lies among the others.
"""

from __future__ import annotations

import asyncio
import copy
from collections import deque
from typing import Any, Protocol

import redis.exceptions as rex
from redis._parsers.hiredis import NOT_ENOUGH_DATA
from redis.asyncio.connection import AbstractConnection

from redialog.effect import Batch, Replies
from redialog.errors import RedialogError
from redialog.transports._lane_calls import (
    ASK,
    OPEN,
    PLAIN,
    Call,
    Unasked,
    is_clean,
    is_readonly,
    value,
)
from redialog.transports._redis_common import WATCH_S, failure
from redialog.transports._redis_waiting import Waiting, Watch

IN_FLIGHT = 1000
"""So many calls at most are sent and not answered; the others wait, in their order."""
WRITE_BYTES = 256 << 10
"""About so much is joined to one write."""
_TRIES = 3
import os
TOGETHER = int(os.environ.get("TOGETHER", "16"))

_GONE = rex.ConnectionError("the connection broke")


class Source(Protocol):
    """Where connections come from: `redialog.transports._redis_connections.Connections`."""

    awaited: int

    async def take(self, waiting: Waiting) -> AbstractConnection: ...

    def keep(self, connection: AbstractConnection) -> bool: ...

    async def part(self, connection: AbstractConnection, *, broken: bool) -> None: ...


class Lane(asyncio.Protocol):
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
        self._reply_timeout = reply_timeout
        self._loop = asyncio.get_running_loop()
        self._queue: deque[Call] = deque()
        self._flying: deque[Call] = deque()
        self._live = 0  # How many of those in flight somebody waits for.
        self._opener: Call | None = None  # Whose task takes a connection.
        self._connection: AbstractConnection | None = None
        self._transport: Any = None
        self._stream: Any = None
        self._reader: Any = None
        self._seconds: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._watched = False
        self._scheduled = False
        self._paused = False
        self._worn = False  # It leads to a replica by now.
        self._many = False  # Whether several were answered at once of late.
        self._unasked: list[Unasked] = []
        self._parting: list[tuple[AbstractConnection, bool, list[Unasked]]] = []

    async def call(self, batch: Batch, packed: bytes, watch: Watch | None) -> Replies:
        """The replies to a batch.

        Args:
            batch: the same.
            packed: its bytes.
            watch: asked now and then, while the reply is outstanding, whether to go on waiting.

        Raises:
            TransportError: as `redialog.effect.Transport.execute`.
        """
        loop = self._loop
        mine = Call(packed, batch, watch, loop.create_future(), loop.time())
        self._queue.append(mine)
        try:
            if self._connection is not None:
                self._due()
            elif self._opener is None:
                await self._open(mine)
            while True:
                found = await mine.future
                if type(found) is list:
                    return found
                if found is OPEN:
                    await self._open(mine)
                elif found is ASK:
                    await self._ask(mine)
                else:
                    raise found
        except BaseException:
            self._leave(mine)
            raise
        finally:
            if self._parting:
                await self._part()

    # What the tasks of calls do

    async def _open(self, mine: Call) -> None:
        """Takes a connection for all who wait for one."""
        self._opener = mine
        try:
            if self._parting:
                # There may be no more than that one.
                await self._part()
            connection = await self._source.take(Waiting(None, None))
            for _ in range(_TRIES):
                if is_clean(connection):
                    break
                await self._source.part(connection, broken=True)
                connection = await self._source.take(Waiting(None, None))
        except RedialogError as error:
            self._opener = None
            # Each for itself would now wait as long again.
            for one in self._queue:
                if one is not mine:
                    one.end(copy.copy(error))
            self._queue.clear()
            raise
        self._opener = None
        self._attach(connection)
        if self._many:
            self._due()
        else:
            self._flush()

    async def _ask(self, mine: Call) -> None:
        assert mine.watch is not None  # noqa: S101 - why it was asked
        if not await mine.watch() and mine.sent:
            self._break(TimeoutError())
        mine.asked = False

    def _leave(self, mine: Call) -> None:
        """A task gives up its call: it was cancelled, or has its error."""
        mine.future.cancel()
        mine.packed = b""
        if self._opener is mine:
            self._opener = None
            self._pass_on()
        if mine.sent:
            mine.sent = False
            self._live -= 1
            if not self._live:
                # Nobody waits for any of it: a new connection is better than a busy one.
                self._break(_GONE)

    async def _part(self) -> None:
        """Gives back connections that are not kept."""
        while self._parting:
            connection, broken, unasked = self._parting.pop()
            parser: Any = connection._parser
            try:
                for one in unasked:
                    await parser.handle_push_response(*one.args)
            finally:
                await self._source.part(connection, broken=broken)

    def _pass_on(self) -> None:
        """Makes it the turn of the first who waits, to take a connection."""
        while self._queue and self._opener is None and self._connection is None:
            if self._queue[0].future.done():
                self._queue.popleft()
            else:
                self._opener = self._queue[0]
                self._opener.say(OPEN)

    # The connection

    def _attach(self, connection: AbstractConnection) -> None:
        writer: Any = connection._writer
        parser: Any = connection._parser
        self._connection = connection
        self._transport = writer.transport
        self._stream = self._transport.get_protocol()
        self._reader = parser._reader
        self._seconds = self._reply_timeout or connection.socket_timeout
        self._transport.set_protocol(self)

    def _detach(self, *, broken: bool) -> None:
        connection, unasked = self._connection, self._unasked
        assert connection is not None  # noqa: S101 - attached
        self._transport.set_protocol(self._stream)
        if broken:
            self._transport.abort()
        self._connection = self._transport = self._stream = self._reader = None
        if broken or unasked or not self._source.keep(connection):
            self._parting.append((connection, broken, unasked))
        self._paused = self._worn = False
        self._unasked = []

    def _due(self) -> None:
        """Something waits: it is written with all that comes until the loop turns."""
        if len(self._queue) >= TOGETHER and not self._full():
            self._flush()
        elif not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._flush)

    def _full(self) -> bool:
        return self._paused or len(self._flying) >= IN_FLIGHT

    def _flush(self) -> None:
        """Writes what waits, as far as it may be written."""
        self._scheduled = False
        flying, queue = self._flying, self._queue
        if self._connection is None or (flying and self._ending()):
            return
        if self._transport.is_closing():
            self._break(_GONE)
            return
        now = self._loop.time()
        while queue and not self._full():
            parts: list[bytes] = []
            size = 0
            while queue and size < WRITE_BYTES and len(flying) < IN_FLIGHT:
                one = queue.popleft()
                if one.future.done():
                    continue
                parts.append(one.packed)
                size += len(one.packed)
                one.packed = b""
                one.since = now
                one.sent = True
                self._live += 1
                self._watched = self._watched or one.watch is not None
                flying.append(one)
            if parts:
                self._transport.write(b"".join(parts))
        if not flying:
            self._rest()
        elif self._timer is None:
            self._arm()

    def _ending(self) -> bool:
        """Whether the connection is given up as soon as nothing is in flight."""
        return self._worn or bool(self._unasked) or self._source.awaited > 0

    def _rest(self) -> None:
        """Nothing is in flight."""
        self._detach(broken=self._worn or self._paused)
        self._pass_on()

    def _break(self, error: Exception, *, of_first: bool = False) -> None:
        """Fails what is in flight, and nothing else.

        Args:
            error: why.
            of_first: whether it is the reply to the first of them; the others just lost theirs.
        """
        if self._connection is None:
            return
        lost, self._flying, self._live = self._flying, deque(), 0
        self._detach(broken=True)
        for one in lost:
            made = failure(error, self._address, sent=True, writes=one.writes)
            made.__cause__ = error
            one.end(made)
            if of_first:
                error = _GONE
        self._pass_on()

    # What the transport calls

    def data_received(self, data: bytes) -> None:
        """Bytes have come."""
        reader, flying = self._reader, self._flying
        done = 0
        try:
            reader.feed(data)
            while (found := reader.gets(False)) is not NOT_ENOUGH_DATA:
                if type(found) not in PLAIN:
                    found = value(found)
                    if type(found) is Unasked:
                        self._unasked.append(found)
                        continue
                    self._worn = self._worn or is_readonly(found)
                if not flying:
                    # A reply to nothing: whose would the next one be?
                    self._worn = True
                    break
                one = flying[0]
                one.replies.append(found)
                if len(one.replies) == one.count:
                    flying.popleft()
                    self._live -= one.sent
                    one.end(one.replies)
                    done += 1
        except Exception as error:
            self._break(error, of_first=True)
            return
        self._many = done > 1
        if not flying and self._ending():
            self._rest()
        elif self._queue or not flying:
            self._flush()

    def eof_received(self) -> None:
        """The server has closed the connection."""
        self._break(_GONE)

    def connection_lost(self, error: Exception | None) -> None:
        """It is closed; the stream should know, too."""
        stream = self._stream
        self._break(error or _GONE)
        if stream is not None:
            stream.connection_lost(error)

    def pause_writing(self) -> None:
        """The peer does not read as fast as is written."""
        self._paused = True

    def resume_writing(self) -> None:
        """It does again."""
        self._paused = False
        self._due()

    # Time

    def _arm(self) -> None:
        """One timer for all that is in flight."""
        until = [] if self._seconds is None else [self._flying[0].since + self._seconds]
        if self._watched:
            until.append(self._loop.time() + WATCH_S)
        if until:
            self._timer = self._loop.call_at(min(until), self._look)

    def _look(self) -> None:
        self._timer = None
        if not self._flying:
            return
        now = self._loop.time()
        if self._seconds is not None and now >= self._flying[0].since + self._seconds:
            self._late(now - self._seconds)
            return
        if self._watched:
            first = next((one for one in self._flying if one.sent and not one.future.done()), None)
            if first and first.watch and not first.asked and now >= first.since + WATCH_S:
                first.asked = True
                first.say(ASK)
        self._arm()

    def _late(self, when: float) -> None:
        """The oldest reply is late: so is all behind it, and what could not be written for it."""
        for one in self._queue:
            if one.since <= when:
                one.end(failure(TimeoutError(), self._address))
        self._break(TimeoutError())
