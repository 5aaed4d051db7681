"""The connections of an asyncio transport: those of its client's pool, and who may have one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import redis.asyncio
import redis.exceptions as rex
from redis.asyncio.connection import AbstractConnection, ConnectionPool

from redialog.transports.redis.common import UNREACHED, failure
from redialog.transports.redis.waiting import Waiting, at_end, cancellations


class Connections:
    """Takes connections of a pool, and keeps those that are between two batches.

    Args:
        client: whose pool it is.
        owned: whether nobody else takes connections of it.
        address: where it leads, without secrets.
        reply_timeout: seconds to make one; None: as long as its own limits say.
        repair: awaited when none could be made; may bring the server back.

    Attributes:
        pool: of the client.
        closed: whether they are closed when they are given back.
        awaited: how many calls wait until another one gives one back.
    """

    def __init__(
        self,
        client: redis.asyncio.Redis,
        *,
        owned: bool,
        address: str,
        reply_timeout: float | None,
        repair: Callable[[], Awaitable[None]] | None,
    ) -> None:
        # Its stub knows one kind of pool.
        self.pool: Any = client.connection_pool
        self.closed = False
        self.awaited = 0
        self._owned = owned
        self._address = address
        self._reply_timeout = reply_timeout
        self._repair = repair
        # Between two batches: see `redialog.transports.redis.transport`.
        self._idle: list[AbstractConnection] = []
        # How many more can be taken of an own pool. The pool could count them too, but a task that
        # is cancelled when it has just been woken takes the next one's wakeup with it: asyncio's
        # Condition loses it, its Semaphore does not.
        self._free = asyncio.Semaphore(self.pool.max_connections) if owned else None

    @property
    def spare(self) -> bool:
        """Whether a call may have one that could do without: the last one is for all the others.

        Of an own pool it waits for it.
        """
        return self._owned or len(self.pool._in_use_connections) + 1 < self.pool.max_connections

    async def take(self, waiting: Waiting) -> AbstractConnection:
        """A connection for one user, who gives it back with `keep`, or else with `part`.

        Raises:
            TransportError: there is none.
        """
        if self._free is not None:
            if self._free.locked():
                await self._admitted(self._free)
            else:
                await self._free.acquire()
        try:
            if self._idle and at_end(self._idle[-1]):
                # Known without asking, so that what is sent next is not in doubt; the others died
                # too.
                await self._release_idle()
            return self._idle.pop() if self._idle else await self._taken(waiting)
        except BaseException:
            self._leave()
            raise

    def keep(self, connection: AbstractConnection) -> bool:
        """Keeps a connection that is as good as new for the next user, where that may be."""
        if not self._owned or self.closed:
            return False
        self._idle.append(connection)
        self._leave()
        return True

    async def part(self, connection: AbstractConnection, *, broken: bool) -> None:
        """Gives a connection back to the pool; where it is broken, with all that lie idle."""
        try:
            if broken:
                await connection.disconnect(nowait=True)
            elif self._owned:
                # `close` has closed all that were idle.
                await _close(connection)
            await self.pool.release(connection)
            if broken:
                # The others may have died with it: the pool checks what it hands out again.
                await self._release_idle()
        finally:
            self._leave()

    async def close(self) -> None:
        """Closes those that nobody uses."""
        self.closed = True
        await self._release_idle()
        if self._owned:
            await asyncio.gather(*map(_close, self.pool._available_connections))

    def _leave(self) -> None:
        if self._free is not None:
            self._free.release()

    async def _admitted(self, free: asyncio.Semaphore) -> None:
        """Waits for another call to end, as long as the pool would."""
        self.awaited += 1
        try:
            async with asyncio.timeout(self.pool.timeout):
                await free.acquire()
        except TimeoutError as error:
            raise failure(rex.MaxConnectionsError(), self._address) from error
        finally:
            self.awaited -= 1

    async def _taken(self, waiting: Waiting) -> AbstractConnection:
        """A connection of the pool."""
        try:
            async with asyncio.timeout(waiting.limit(self._reply_timeout)):
                return await (self._connected() if self._owned else self._borrowed())
        except UNREACHED as error:
            if self._repair is not None:
                await self._repair()
            raise failure(error, self._address) from error

    async def _connected(self) -> AbstractConnection:
        """A connection of an own pool, which has one."""
        connection: AbstractConnection = self.pool.get_available_connection()
        try:
            await self._ensure(connection)
        except BaseException:
            # A task that was cancelled in the middle of the greeting: the pool would take the
            # connection for one that has logged in and chosen its database.
            await connection.disconnect(nowait=True)
            await self.pool.release(connection)
            raise
        return connection

    async def _borrowed(self) -> AbstractConnection:
        """A connection of an application's pool, which may have to wait for one."""
        asked = cancellations()
        waits = isinstance(self.pool, ConnectionPool) and not self.pool.can_get_connection()
        self.awaited += waits
        try:
            connection: AbstractConnection = await self.pool.get_connection()
        finally:
            self.awaited -= waits
        try:
            if cancellations() > asked:
                raise asyncio.CancelledError
            if at_end(connection):
                await self._ensure(connection)
        except BaseException:
            await self.pool.release(connection)
            raise
        return connection

    async def _ensure(self, connection: AbstractConnection) -> None:
        """Makes sure that a connection of the pool is open."""
        if at_end(connection):
            await connection.disconnect(nowait=True)
        await self.pool.ensure_connection(connection)

    async def _release_idle(self) -> None:
        while self._idle:
            await self.pool.release(self._idle.pop())


async def _close(connection: AbstractConnection) -> None:
    """Closes a connection; at once, where its peer does not take part in the end of TLS."""
    writer = connection._writer
    try:
        await connection.disconnect()
    except rex.TimeoutError:
        if writer is not None:
            writer.transport.abort()
