"""The asyncio transport: `redis.asyncio.Redis` on one server."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import redis.asyncio
import redis.exceptions as rex
from redis.asyncio.connection import AbstractConnection

from redialog.effect import Batch, Replies, Reply
from redialog.errors import Closed, WrongEventLoop
from redialog.transports._redis_common import (
    FAILURES,
    command_error,
    failure,
    in_doubt_only_for_writes,
    pack,
)

_BROKEN = (*FAILURES, asyncio.IncompleteReadError)


class AsyncRedisTransport:
    """Sends batches over the connections of a `redis.asyncio.Redis` client.

    Args:
        open_client: makes the client, at the first use.
        address: where it leads, without secrets.
        owned: whether `close` closes the client.
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
        before: Callable[[], None] | None = None,
        repair: Callable[[], Awaitable[None]] | None = None,
        after: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self.address = address
        self._open_client = open_client
        self._client: redis.asyncio.Redis | None = None
        self._owned = owned
        self._before = before
        self._repair = repair
        self._after = after
        self._closed = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._opening: asyncio.Lock | None = None

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
        pool = await self._pool()
        try:
            connection = await pool.get_connection()  # type: ignore[no-untyped-call]
        except _BROKEN as error:
            if self._repair is not None:
                await self._repair()
            raise failure(error, self.address, sent=False) from error
        try:
            return await self._exchange(connection, batch)
        finally:
            await pool.release(connection)

    async def _exchange(self, connection: AbstractConnection, batch: Batch) -> Replies:
        sent = False
        replies: list[Reply] = []
        try:
            packed = pack(batch)
            sent = True
            await connection.send_packed_command([packed])
            for _ in batch.commands:
                try:
                    replies.append(await connection.read_response(disable_decoding=True))
                except rex.ResponseError as error:
                    replies.append(command_error(error))
        except _BROKEN as error:
            await connection.disconnect(nowait=True)
            raise in_doubt_only_for_writes(
                failure(error, self.address, sent=sent), batch
            ) from error
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
        self._closed = True
        if self._owned and self._client is not None:
            await self._client.connection_pool.disconnect()
        if self._after is not None:
            await self._after()
