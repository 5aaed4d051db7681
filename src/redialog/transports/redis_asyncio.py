"""The asyncio transport: `redis.asyncio.Redis` on one server."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import redis.asyncio
import redis.exceptions as rex
from redis.asyncio.connection import AbstractConnection

from redialog.effect import Batch, Patience, Replies, Reply
from redialog.errors import Closed
from redialog.transports._redis_common import (
    FAILURES,
    UNREACHED,
    failure,
    nobody,
    pack,
    replaced,
)
from redialog.transports._redis_waiting import (
    Waiting,
    Watch,
    at_end,
    cancellations,
)
from redialog.transports._tasks import Home, to_the_end

_BROKEN = (*FAILURES, asyncio.IncompleteReadError)


class AsyncRedisTransport:
    """Sends batches over the connections of a `redis.asyncio.Redis` client.

    Args:
        open_client: makes the client, at the first use.
        address: where it leads, without secrets.
        owned: whether `close` closes the client.
        patience: of its operations.
        reply_timeout: seconds for a batch, where the client's connections have no timeout of their
            own. Theirs costs a task for each request and a timer for each reply: 60 µs of an
            append's 230.
        before: called before each batch; cheap.
        repair: awaited when no connection could be made; may bring the server back.
        after: awaited once, by `close`.
    """

    def __init__(
        self,
        open_client: Callable[[], Awaitable[redis.asyncio.Redis]],
        *,
        address: str,
        owned: bool,
        patience: Patience = Patience(),  # noqa: B008 - it is frozen
        reply_timeout: float | None = None,
        before: Callable[[], None] | None = None,
        repair: Callable[[], Awaitable[None]] | None = None,
        after: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self.address = address
        self.patience = patience
        self._open_client = open_client
        self._client: redis.asyncio.Redis | None = None
        self._owned = owned
        self._reply_timeout = reply_timeout
        self._before = before
        self._repair = repair
        self._after = after
        self._closed = False
        self._home: Home | None = None
        self._opening: asyncio.Lock | None = None
        # Connections between two batches: see `redialog.transports.redis`.
        self._idle: list[AbstractConnection] = []
        # How many more calls can have a connection of an own pool. The pool could count them too,
        # but a task that is cancelled when it has just been woken takes the next one's wakeup with
        # it: asyncio's Condition loses it, its Semaphore does not.
        self._free: asyncio.Semaphore | None = None

    async def execute(
        self, batch: Batch, within: float | None = None, watch: Watch | None = None
    ) -> Replies:
        """As `redialog.effect.AsyncTransport.execute`.

        Args:
            batch: the same.
            within: the same.
            watch: asked now and then while a reply is outstanding, whether to go on waiting.

        Raises:
            WrongEventLoop: the connections belong to another event loop.
        """
        if batch.to == "sentinels":
            return nobody(batch)
        replies = await self._execute(batch, Waiting(within, watch))
        return [[(self.address, reply)] for reply in replies] if batch.to else replies

    async def _execute(self, batch: Batch, waiting: Waiting) -> Replies:
        if self._closed:
            raise Closed("the memory is closed")
        self._check_loop()
        if self._before is not None:
            self._before()
        pool = (self._client or await self._opened()).connection_pool
        if self._free is None:
            return await self._served(pool, batch, waiting)
        if self._free.locked():
            await self._admitted(self._free, pool)
        else:
            await self._free.acquire()
        try:
            return await self._served(pool, batch, waiting)
        finally:
            self._free.release()

    async def _admitted(self, free: asyncio.Semaphore, pool: Any) -> None:
        """Waits for another call to end, as long as the pool would."""
        try:
            async with asyncio.timeout(pool.timeout):
                await free.acquire()
        except TimeoutError as error:
            raise failure(rex.MaxConnectionsError(), self.address) from error

    async def _served(self, pool: Any, batch: Batch, waiting: Waiting) -> Replies:
        if self._idle and at_end(self._idle[-1]):
            # Known without asking, so that what is sent next is not in doubt; the others died too.
            await self._release_idle(pool)
        connection = self._idle.pop() if self._idle else await self._taken(pool, waiting)
        try:
            replies = await self._exchange(connection, batch, waiting)
        except BaseException:
            # The others may have died with it: the pool checks what it hands out again.
            await pool.release(connection)
            await self._release_idle(pool)
            raise
        if replaced(replies):
            await connection.disconnect(nowait=True)
        elif self._owned and not self._closed:
            self._idle.append(connection)
            return replies
        if self._owned:
            # `close` has closed all that were idle.
            await connection.disconnect()
        await pool.release(connection)
        return replies

    async def _taken(self, pool: Any, waiting: Waiting) -> AbstractConnection:
        """A connection of the pool."""
        try:
            async with asyncio.timeout(waiting.limit(self._reply_timeout)):
                return await (self._connected(pool) if self._owned else self._borrowed(pool))
        except UNREACHED as error:
            if self._repair is not None:
                await self._repair()
            raise failure(error, self.address) from error

    async def _connected(self, pool: Any) -> AbstractConnection:
        """A connection of an own pool, which has one."""
        connection: AbstractConnection = pool.get_available_connection()
        try:
            await pool.ensure_connection(connection)
        except BaseException:
            # A task that was cancelled in the middle of the greeting: the pool would take the
            # connection for one that has logged in and chosen its database.
            await connection.disconnect(nowait=True)
            await pool.release(connection)
            raise
        return connection

    async def _borrowed(self, pool: Any) -> AbstractConnection:
        """A connection of an application's pool, which may have to wait for one."""
        asked = cancellations()
        connection: AbstractConnection = await pool.get_connection()
        if cancellations() > asked:
            await pool.release(connection)
            raise asyncio.CancelledError
        return connection

    async def _release_idle(self, pool: Any) -> None:
        """Gives idle connections back to the pool."""
        while self._idle:
            await pool.release(self._idle.pop())

    async def _exchange(
        self, connection: AbstractConnection, batch: Batch, waiting: Waiting
    ) -> Replies:
        sent = False
        replies: list[Reply] = []
        try:
            packed = pack(batch)
            asked = cancellations()
            sent = True
            async with asyncio.timeout(waiting.limit(self._reply_timeout)):
                await connection.send_packed_command([packed], check_health=False)
                if cancellations() > asked:
                    raise asyncio.CancelledError
                for _ in batch.commands:
                    replies.append(await waiting.reply(connection))  # noqa: PERF401 - plainer
        except _BROKEN as error:
            await connection.disconnect(nowait=True)
            raise failure(error, self.address, sent=sent, writes=batch.writes) from error
        except BaseException:
            # A task that was cancelled between a request and its reply: the next user of the
            # connection must not read what was meant for this one.
            await connection.disconnect(nowait=True)
            raise
        return replies

    def _check_loop(self) -> None:
        if self._home is None:
            self._home = Home()
            self._opening = asyncio.Lock()
        else:
            self._home.check()

    async def _opened(self) -> redis.asyncio.Redis:
        # To the end: a server that was started for it must be known, to be stopped again.
        await to_the_end(self._open())
        assert self._client is not None  # noqa: S101 - opened
        return self._client

    async def _open(self) -> None:
        assert self._opening is not None  # noqa: S101 - set with the loop
        async with self._opening:
            if self._closed:
                raise Closed("the memory is closed")
            if self._client is None:
                client = await self._open_client()
                if self._owned:
                    self._free = asyncio.Semaphore(client.connection_pool.max_connections)
                self._client = client

    async def close(self) -> None:
        """As `redialog.effect.AsyncTransport.close`, and to its end also where it is cancelled.

        Calls that are under way end as they would.
        """
        if self._closed:
            return
        self._check_loop()
        self._closed = True
        await to_the_end(self._shut())

    async def _shut(self) -> None:
        assert self._opening is not None  # noqa: S101 - set with the loop
        async with self._opening:
            if self._client is not None:
                pool = self._client.connection_pool
                await self._release_idle(pool)
                if self._owned:
                    await pool.disconnect(inuse_connections=False)
            if self._after is not None:
                await self._after()
