"""The asyncio transport: `redis.asyncio.Redis` on one server."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import Any

import redis.asyncio
import redis.exceptions as rex
from redis.asyncio.connection import AbstractConnection

from redialog.effect import Batch, Replies, Reply
from redialog.errors import Closed, WrongEventLoop
from redialog.transports._redis_common import (
    FAILURES,
    UNREACHED,
    command_error,
    failure,
    pack,
)

_BROKEN = (*FAILURES, asyncio.IncompleteReadError)


class AsyncRedisTransport:
    """Sends batches over the connections of a `redis.asyncio.Redis` client.

    Args:
        open_client: makes the client, at the first use.
        address: where it leads, without secrets.
        owned: whether `close` closes the client.
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
        reply_timeout: float | None = None,
        before: Callable[[], None] | None = None,
        repair: Callable[[], Awaitable[None]] | None = None,
        after: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self.address = address
        self._open_client = open_client
        self._client: redis.asyncio.Redis | None = None
        self._owned = owned
        self._reply_timeout = reply_timeout
        self._before = before
        self._repair = repair
        self._after = after
        self._closed = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._opening: asyncio.Lock | None = None
        # Connections between two batches: see `redialog.transports.redis`.
        self._idle: list[AbstractConnection] = []
        self._waiting = 0
        self._pid = os.getpid()

    async def execute(self, batch: Batch) -> Replies:
        """As `redialog.effect.AsyncTransport.execute`.

        Raises:
            WrongEventLoop: the connections belong to another event loop.
        """
        if self._closed:
            raise Closed("the memory is closed")
        self._check_loop()
        if self._before is not None:
            self._before()
        if os.getpid() != self._pid:
            self._idle, self._waiting, self._pid = [], 0, os.getpid()
        connection = self._idle.pop() if self._idle else await self._taken()
        try:
            replies = await self._exchange(connection, batch)
        except BaseException:
            # The others may have died with it: the pool checks what it hands out again.
            await (await self._pool()).release(connection)
            await self._release_idle()
            raise
        self._idle.append(connection)
        if self._waiting or not self._owned or self._closed:
            await self._release_idle()
        return replies

    async def _taken(self) -> AbstractConnection:
        """A connection of the pool."""
        pool = await self._pool()
        self._waiting += 1
        try:
            async with asyncio.timeout(self._connection_timeout(pool)):
                return await pool.get_connection()  # type: ignore[no-any-return,no-untyped-call]
        except UNREACHED as error:
            if self._repair is not None:
                await self._repair()
            raise failure(error, self.address) from error
        finally:
            self._waiting -= 1

    def _connection_timeout(self, pool: Any) -> float | None:
        """Seconds for a connection: to make one, and to wait for one where all are in use."""
        if self._reply_timeout is None or pool.can_get_connection():
            return self._reply_timeout
        return None if pool.timeout is None else pool.timeout + self._reply_timeout

    async def _release_idle(self) -> None:
        """Gives idle connections back to the pool, where its other users find them."""
        pool = await self._pool()
        while self._idle:
            await pool.release(self._idle.pop())

    async def _exchange(self, connection: AbstractConnection, batch: Batch) -> Replies:
        sent = False
        replies: list[Reply] = []
        try:
            packed = pack(batch)
            sent = True
            async with asyncio.timeout(self._reply_timeout):
                await connection.send_packed_command([packed], check_health=False)
                for _ in batch.commands:
                    try:
                        replies.append(await connection.read_response(disable_decoding=True))
                    except rex.ResponseError as error:
                        replies.append(command_error(error))
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
        loop = asyncio.get_running_loop()
        if self._loop is None:
            self._loop = loop
            self._opening = asyncio.Lock()
        elif self._loop is not loop:
            raise WrongEventLoop(
                "this memory was first used in another event loop, where its connections live; "
                "make one AsyncChatMemory for each event loop"
            )

    async def _pool(self) -> redis.asyncio.ConnectionPool:
        if self._client is None:
            assert self._opening is not None  # noqa: S101 - set with the loop
            async with self._opening:
                if self._client is None:
                    self._client = await self._open_client()
        return self._client.connection_pool

    async def close(self) -> None:
        """As `redialog.effect.AsyncTransport.close`."""
        if self._closed:
            return
        self._check_loop()
        self._closed = True
        if self._client is not None:
            await self._release_idle()
        if self._owned and self._client is not None:
            await self._client.connection_pool.disconnect()
        if self._after is not None:
            await self._after()
