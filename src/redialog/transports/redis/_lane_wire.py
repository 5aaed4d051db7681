"""One connection of redis-py's, while a lane has batches in flight on it.

No task reads. The wire is itself the protocol of the connection's transport, in place of the stream
that redis-py made: asyncio hands it the bytes that arrive, redis-py's parser makes replies of them,
and those wake who waits for them. Afterwards the stream is put back.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any, Protocol

import redis.exceptions as rex
from redis._parsers.hiredis import NOT_ENOUGH_DATA
from redis.asyncio.connection import AbstractConnection

from redialog.transports.redis._lane_calls import PLAIN, Call, Unasked, is_readonly, value
from redialog.transports.redis.common import WATCH_S, failure

IN_FLIGHT = 1000
"""So many calls at most are sent and not answered; the others wait, in their order."""
WRITE_BYTES = 256 << 10
"""About so much is joined to one write."""

GONE = rex.ConnectionError("the connection broke")


class Owner(Protocol):
    """Who is told what happens on a wire: the lane."""

    def answered(self, calls: int) -> None:
        """So many calls have their replies, and the wire can take others."""

    def writable(self) -> None:
        """The wire can take others when the loop has turned."""

    def broken(self, connection: AbstractConnection, unasked: list[Unasked]) -> None:
        """The wire has failed all that was in flight, and has let go of its connection."""


class Wire(asyncio.Protocol):
    """Sends calls over a connection and matches the replies, strictly in order.

    Args:
        owner: is told what happens.
        address: where connections lead, without secrets.
        reply_timeout: seconds for a call; None: the connection's own.

    Attributes:
        connection: None where there is none.
        flying: calls that were sent and are not answered, also those that nobody waits for.
        paused: whether the peer does not read as fast as is written.
        worn: whether the connection is of no use for others: it leads to a replica by now.
        unasked: what the server said besides replies.
    """

    def __init__(self, owner: Owner, address: str, reply_timeout: float | None) -> None:
        self._owner = owner
        self._address = address
        self._reply_timeout = reply_timeout
        self._loop = asyncio.get_running_loop()
        self._live = 0  # How many of those in flight somebody waits for.
        self._transport: Any = None
        self._stream: Any = None
        self._reader: Any = None
        self._seconds: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._watched = False
        self.connection: AbstractConnection | None = None
        self.flying: deque[Call] = deque()
        self.paused = False
        self.worn = False
        self.unasked: list[Unasked] = []

    # The connection

    def attach(self, connection: AbstractConnection) -> None:
        """Takes a connection over, which is clean."""
        writer: Any = connection._writer
        parser: Any = connection._parser
        self.connection = connection
        self._transport = writer.transport
        self._stream = self._transport.get_protocol()
        self._reader = parser._reader
        self._seconds = self._reply_timeout or connection.socket_timeout
        self._transport.set_protocol(self)

    def detach(self) -> tuple[AbstractConnection, list[Unasked]]:
        """Lets go of it, as it was found; and what the server said besides replies."""
        connection, unasked = self.connection, self.unasked
        assert connection is not None  # noqa: S101 - attached
        self._transport.set_protocol(self._stream)
        self.connection = self._transport = self._stream = self._reader = None
        self.paused = self.worn = False
        self.unasked = []
        return connection, unasked

    def fail(self, error: Exception, *, of_first: bool = False) -> None:
        """Breaks the connection, and fails what is in flight on it.

        Args:
            error: why.
            of_first: whether it is the reply to the first of them; the others just lost theirs.
        """
        if self.connection is None:
            return
        lost, self.flying, self._live = self.flying, deque(), 0
        self._transport.abort()
        connection, unasked = self.detach()
        for one in lost:
            made = failure(error, self._address, sent=True, writes=one.writes)
            made.__cause__ = error
            one.end(made)
            if of_first:
                error = GONE
        self._owner.broken(connection, unasked)

    # Calls

    @property
    def full(self) -> bool:
        """Whether nothing more may be written for now."""
        return self.paused or len(self.flying) >= IN_FLIGHT

    def write(self, queue: deque[Call]) -> None:
        """Sends what waits, as far as may be; those that were cancelled are left out."""
        if self._transport.is_closing():
            self.fail(GONE)
            return
        flying, now = self.flying, self._loop.time()
        while queue and not self.full:
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
                if one.watch is not None and not self._watched:
                    self._watch()
                flying.append(one)
            if parts:
                self._live += len(parts)
                self._transport.write(b"".join(parts))
        if flying and self._timer is None:
            self._arm()

    def leave(self, one: Call) -> None:
        """Nobody waits any more for a call that is in flight; its reply will be dropped."""
        one.sent = False
        self._live -= 1
        if not self._live:
            # A new connection is better than one that is busy for nobody.
            self.fail(GONE)

    # What the transport calls

    def data_received(self, data: bytes) -> None:
        """Bytes have come."""
        reader, flying = self._reader, self.flying
        done = 0
        try:
            reader.feed(data)
            while (found := reader.gets(False)) is not NOT_ENOUGH_DATA:
                if type(found) not in PLAIN:
                    found = value(found)
                    if type(found) is Unasked:
                        self.unasked.append(found)
                        continue
                    self.worn = self.worn or is_readonly(found)
                if not flying:
                    # A reply to nothing: whose would the next one be?
                    self.worn = True
                    break
                one = flying[0]
                one.replies.append(found)
                if len(one.replies) == one.count:
                    flying.popleft()
                    self._live -= one.sent
                    one.end(one.replies)
                    done += 1
        except Exception as error:
            self.fail(error, of_first=True)
            return
        if done or not flying:
            self._owner.answered(done)

    def eof_received(self) -> None:
        """The server has closed the connection."""
        self.fail(GONE)

    def connection_lost(self, error: Exception | None) -> None:
        """It is closed; the stream should know, too."""
        stream = self._stream
        self.fail(error or GONE)
        if stream is not None:
            stream.connection_lost(error)

    def pause_writing(self) -> None:
        """The peer does not read as fast as is written."""
        self.paused = True

    def resume_writing(self) -> None:
        """It does again."""
        self.paused = False
        # Not written from here: asyncio is about to look at what its own write has left, and would
        # end a connection twice that fails meanwhile.
        self._owner.writable()

    # Time

    def _arm(self) -> None:
        """One timer for all that is in flight."""
        until = [] if self._seconds is None else [self.flying[0].since + self._seconds]
        if self._watched:
            until.append(self._loop.time() + WATCH_S)
        if until:
            self._timer = self._loop.call_at(min(until), self._look)

    def _watch(self) -> None:
        """From now on somebody may have to ask before a reply is late."""
        self._watched = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        self._timer = None
        if not self.flying:
            return
        now = self._loop.time()
        if self._seconds is not None and now >= self.flying[0].since + self._seconds:
            self.fail(TimeoutError())
            return
        first = next((one for one in self.flying if one.sent and not one.future.done()), None)
        if first is not None and first.watch is not None and now >= first.since + WATCH_S:
            first.ask()
        self._arm()
