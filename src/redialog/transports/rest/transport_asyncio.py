"""The asyncio transport over httpx, to a service that speaks the Upstash REST protocol."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar
from weakref import WeakKeyDictionary

from redialog.effect import Batch, CommandError, Patience, Replies, Reply
from redialog.errors import Closed, TransportError, WrongEventLoop
from redialog.transports._tasks import to_the_end
from redialog.transports.rest import _http as http
from redialog.transports.rest._answers import Rows
from redialog.transports.rest._common import Request, cut, rows
from redialog.transports.rest._lane import Lane
from redialog.transports.rest._needs import httpx
from redialog.transports.rest._options import Site, site
from redialog.transports.rest._timer import Timer, end_of
from redialog.transports.rest._upstash import of_client
from redialog.transports.rest._wire_asyncio import Wire

T = TypeVar("T")


def open_rest_asyncio(
    url: str, token: str, options: Mapping[str, object], *, coalesce: bool = True
) -> AsyncRestTransport:
    """An asyncio transport to a REST service; the rest is as in `open_rest`."""
    return AsyncRestTransport(site(url, token, options), coalesce=coalesce)


def adopt_upstash_asyncio(client: object, *, coalesce: bool = True) -> AsyncRestTransport:
    """An asyncio transport to where an application's client leads; the client is left alone."""
    return AsyncRestTransport(of_client(client), coalesce=coalesce)


class _Pool:
    """What the transports to one service share that run in one event loop.

    Attributes:
        users: how many transports.
        idle: the wires that no call is using.
        free: how many more calls can have one. Its count survives cancellations: see
            `redialog.transports.redis.transport_asyncio`.
    """

    def __init__(self, found: Site) -> None:
        self.users = 0
        self.idle: list[Wire] = []
        self.free = asyncio.Semaphore(found.options.max_connections)
        self._site = found
        self._context = found.context()

    def take(self) -> Wire:
        """An idle wire, or a new one."""
        return self.idle.pop() if self.idle else Wire(self._site, self._context)

    async def drop_idle(self) -> None:
        """Closes the wires that are idle."""
        while self.idle:
            await self.idle.pop().close()


_Pools = dict[tuple[object, ...], _Pool]


class _Process:
    """The pools of one process, by event loop; a forked child begins with none."""

    def __init__(self) -> None:
        self.by_loop: WeakKeyDictionary[asyncio.AbstractEventLoop, _Pools] = WeakKeyDictionary()
        self.lock = threading.Lock()


_by_process: dict[int, _Process] = {}


def _mine() -> _Process:
    pid = os.getpid()
    # Of two threads that come here at once, both get what the first one put there.
    return _by_process.get(pid) or _by_process.setdefault(pid, _Process())


def _pools(loop: asyncio.AbstractEventLoop) -> _Pools:
    mine = _mine()
    with mine.lock:
        return mine.by_loop.setdefault(loop, {})


class AsyncRestTransport:
    """Sends batches to a service that speaks the Upstash REST protocol.

    Transports to one service share their connections, where they run in one event loop.

    Args:
        found: the service.
        coalesce: whether what is asked at the same moment goes in one request.
    """

    def __init__(self, found: Site, *, coalesce: bool = True) -> None:
        self.address = found.address
        self.patience = Patience()
        self._site = found
        self._coalesce = coalesce
        self._lane: Lane | None = None
        self._talk = http.Talk(found)
        self._closed = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._pid = 0
        self._pool: _Pool | None = None

    async def execute(self, batch: Batch, within: float | None = None) -> Replies:
        """As `redialog.effect.AsyncTransport.execute`, and as `RestTransport.execute`.

        Raises:
            WrongEventLoop: the connections belong to another event loop.
        """
        if self._closed:
            raise Closed("the memory is closed")
        until = None if within is None else asyncio.get_running_loop().time() + within
        if batch.to == "sentinels":
            return http.nobody(batch)
        made = rows(batch, self._site.options.max_request_bytes)
        self._join()
        if self._lane is not None and self._lane.takes(batch, made):
            found = await self._lane.call(batch, made, until)
        else:
            found = await self.alone(batch, made, until)
        return [[(self.address, reply)] for reply in found] if batch.to else found

    async def alone(
        self, batch: Batch, made: Sequence[bytes], until: float | None = None
    ) -> list[Reply]:
        """The replies to a batch that travels alone.

        Args:
            batch: the same.
            made: its commands, as `rows` makes them.
            until: when it must be over; None: the usual limits are enough.
        """
        parts = cut(made, self._site.options.max_request_bytes)
        found = await self._served(lambda: parts, batch.writes, until, self._talk.replies)
        return [reply for part in found for reply in part]

    async def together(
        self, request: Callable[[], Request], *, writes: bool
    ) -> Rows | CommandError:
        """As `redialog.transports.rest._lane_calls.Carrier.together`."""
        [found] = await self._served(lambda: [request()], writes, None, self._talk.rows)
        return found

    def read(self, found: Rows) -> list[Reply]:
        """The replies in what the service says of some commands."""
        return self._talk.reader.replies_in(found)

    async def _served(
        self,
        parts: Callable[[], Sequence[Request]],
        writes: bool,
        until: float | None,
        read: Callable[..., T],
    ) -> list[T]:
        """What is read from the answers to requests, which follow each other on one connection."""
        pool = self._pool
        assert pool is not None  # noqa: S101 - joined
        await self._admitted(pool, until)
        try:
            return await self._exchanged(pool, parts(), writes, until, read)
        finally:
            pool.free.release()

    async def _exchanged(
        self,
        pool: _Pool,
        parts: Sequence[Request],
        writes: bool,
        until: float | None,
        read: Callable[..., T],
    ) -> list[T]:
        wire = pool.take()
        found: list[T] = []
        try:
            for number, part in enumerate(parts):
                try:
                    response = await self._sent(wire, part, writes, until)
                    found.append(read(response, part, writes=writes))
                except TransportError as error:
                    if wire.broken:
                        # The others may have died with it.
                        await to_the_end(pool.drop_idle())
                    raise http.after(number, error, writes=writes) from error.__cause__
        finally:
            if pool.users and not wire.broken:
                pool.idle.append(wire)
            else:
                await wire.close()
        return found

    async def _sent(
        self, wire: Wire, request: Request, writes: bool, until: float | None
    ) -> httpx.Response:
        timer = Timer(self._site.options, until)
        # Also after a cancellation between a request and its reply.
        wire.broken = True
        try:
            response = await wire.post(request, self._talk.headers(), timer)
        except TimeoutError as error:
            raise timer.failure(self.address, writes) from http.bare(error)
        except http.FAILURES as error:
            raise http.failure(error, self.address, writes=writes) from http.bare(error)
        wire.broken = False
        return response

    async def _admitted(self, pool: _Pool, until: float | None) -> None:
        """Waits until a call may use a connection."""
        end = end_of(self._site.options.timeout, until)
        if not pool.free.locked():
            await pool.free.acquire()
            return
        try:
            async with asyncio.timeout_at(end):
                await pool.free.acquire()
        except TimeoutError as error:
            raise http.all_in_use(self.address) from error

    def _join(self) -> None:
        """Makes the transport a user of the pool of this loop."""
        loop = self._checked_loop()
        if self._pool is None:
            key, pools = self._site.key, _pools(loop)
            pool = pools.get(key)
            if pool is None:
                pool = pools[key] = _Pool(self._site)
            pool.users += 1
            self._pool = pool
            if self._coalesce:
                options = self._site.options
                self._lane = Lane(self, options.max_connections, options.max_request_bytes)

    def _checked_loop(self) -> asyncio.AbstractEventLoop:
        loop = asyncio.get_running_loop()
        if self._loop is None:
            self._loop = loop
            self._pid = os.getpid()
        elif self._loop is not loop or self._pid != os.getpid():
            raise WrongEventLoop(
                "this memory was first used in another event loop, where its connections live; "
                "make one AsyncChatMemory for each event loop, in each process"
            )
        return loop

    async def close(self) -> None:
        """As `redialog.effect.AsyncTransport.close`, and to its end also where it is cancelled.

        Calls that are under way end as they would.
        """
        if self._closed:
            return
        loop = self._checked_loop()
        self._closed = True
        if self._pool is None:
            return
        self._pool.users -= 1
        if self._pool.users:
            return
        del _pools(loop)[self._site.key]
        await to_the_end(self._pool.drop_idle())
