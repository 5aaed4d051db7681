"""The asyncio transport: `redis.asyncio.Redis` on one server."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import redis.asyncio
from redis.asyncio.connection import AbstractConnection

from redialog.effect import Batch, Patience, Replies, Reply
from redialog.errors import Closed
from redialog.transports._tasks import Home, to_the_end
from redialog.transports.redis._connections import Connections
from redialog.transports.redis._lane import Lane
from redialog.transports.redis._lane_calls import can_have_lane
from redialog.transports.redis.common import FAILURES, failure, nobody, pack, replaced
from redialog.transports.redis.waiting import Waiting, Watch, cancellations

_BROKEN = (*FAILURES, asyncio.IncompleteReadError)
LANE_BYTES = 32 << 10
"""A batch with more is sent over a connection of its own, where others need not wait for it."""


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
        coalesce: whether what is asked at the same moment goes over one connection.
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
        coalesce: bool = True,
    ) -> None:
        self.address = address
        self.patience = patience
        self._open_client = open_client
        self._connections: Connections | None = None
        self._lane: Lane | None = None
        self._owned = owned
        self._reply_timeout = reply_timeout
        self._before = before
        self._repair = repair
        self._after = after
        self._coalesce = coalesce
        self._closed = False
        self._home: Home | None = None
        self._opening: asyncio.Lock | None = None

    async def execute(
        self,
        batch: Batch,
        within: float | None = None,
        watch: Watch | None = None,
        *,
        again: bool | None = None,
    ) -> Replies:
        """As `redialog.effect.AsyncTransport.execute`.

        Args:
            batch: the same.
            within: the same.
            watch: asked now and then while a reply is outstanding, whether to go on waiting.
            again: whether it is sent again; None: where ``within`` is given.

        Raises:
            WrongEventLoop: the connections belong to another event loop.
        """
        if batch.to == "sentinels":
            return nobody(batch)
        if self._closed:
            raise Closed("the memory is closed")
        self._check_loop()
        if self._before is not None:
            self._before()
        connections = self._connections or await self._opened()
        packed = pack(batch)
        lane = self._lane
        alone = batch.alone
        if not alone and len(packed) > LANE_BYTES:
            alone = lane is None or not (batch.writes and lane.abandoned)
        if within is not None if again is None else again:
            # A second attempt is made for itself: what failed the first must not fail it, too.
            alone = alone or connections.spare
        if lane is None or alone:
            replies = await self._served(connections, batch, packed, Waiting(within, watch))
        elif within is None:
            replies = await lane.call(batch, packed, watch)
        else:
            replies = await lane.call_within(within, batch, packed, watch)
        return [[(self.address, reply)] for reply in replies] if batch.to else replies

    async def _served(
        self, connections: Connections, batch: Batch, packed: bytes, waiting: Waiting
    ) -> Replies:
        """The replies to a batch that has a connection of its own."""
        connection = await connections.take(waiting)
        try:
            replies = await self._exchange(connection, batch, packed, waiting)
        except BaseException:
            await connections.part(connection, broken=True)
            raise
        if replaced(replies):
            await connections.part(connection, broken=True)
        elif not connections.keep(connection):
            await connections.part(connection, broken=False)
        return replies

    async def _exchange(
        self, connection: AbstractConnection, batch: Batch, packed: bytes, waiting: Waiting
    ) -> Replies:
        sent = False
        replies: list[Reply] = []
        try:
            asked = cancellations()
            sent = True
            async with asyncio.timeout(waiting.limit(self._reply_timeout)):
                await connection.send_packed_command([packed], check_health=False)
                if cancellations() > asked:
                    raise asyncio.CancelledError
                for _ in batch.commands:
                    replies.append(await waiting.reply(connection))  # noqa: PERF401 - plainer
        except _BROKEN as error:
            raise failure(error, self.address, sent=sent, writes=batch.writes) from error
        return replies

    def _check_loop(self) -> None:
        if self._home is None:
            self._home = Home()
            self._opening = asyncio.Lock()
        else:
            self._home.check()

    async def _opened(self) -> Connections:
        # To the end: a server that was started for it must be known, to be stopped again.
        await to_the_end(self._open())
        assert self._connections is not None  # noqa: S101 - opened
        return self._connections

    async def _open(self) -> None:
        assert self._opening is not None  # noqa: S101 - set with the loop
        async with self._opening:
            if self._closed:
                raise Closed("the memory is closed")
            if self._connections is not None:
                return
            found = Connections(
                await self._open_client(),
                owned=self._owned,
                address=self.address,
                reply_timeout=self._reply_timeout,
                repair=self._repair,
            )
            if self._coalesce and can_have_lane(found.pool):
                self._lane = Lane(found, self.address, self._reply_timeout)
            self._connections = found

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
            if self._connections is not None:
                await self._connections.close()
            if self._after is not None:
                await self._after()
