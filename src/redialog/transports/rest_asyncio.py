"""The asyncio transport over httpx, to a service that speaks the Upstash REST protocol."""

from __future__ import annotations

import asyncio
import os
import ssl
import threading
from collections.abc import Mapping, Sequence
from weakref import WeakKeyDictionary

from redialog.effect import Batch, Patience, Replies, Reply
from redialog.errors import Closed, TransportError, WrongEventLoop
from redialog.transports import _rest_http as http
from redialog.transports._rest_common import HEADERS, Request, requests
from redialog.transports._rest_needs import httpcore, httpx
from redialog.transports._rest_options import KEPT_S, Site, site
from redialog.transports._rest_stream_asyncio import AsyncBackend
from redialog.transports._rest_timer import Timer, end_of
from redialog.transports._rest_upstash import of_client
from redialog.transports._tasks import to_the_end


def open_rest_asyncio(url: str, token: str, options: Mapping[str, object]) -> AsyncRestTransport:
    """An asyncio transport to a REST service; see `redialog.transports.rest.open_rest`."""
    return AsyncRestTransport(site(url, token, options))


def adopt_upstash_asyncio(client: object) -> AsyncRestTransport:
    """An asyncio transport to where an application's client leads; the client is left alone."""
    return AsyncRestTransport(of_client(client))


class _Wire:
    """One connection, made when it is used and again when it has died; for one call at a time.

    Each has a client of its own, as in `redialog.transports.rest`. Here it is cancelled calls for
    which a shared pool of httpx's loses connections; a wire is closed after one.

    Attributes:
        broken: whether it cannot be used any more.
    """

    def __init__(self, found: Site, context: ssl.SSLContext) -> None:
        self.broken = False
        self._client = httpx.AsyncClient(
            transport=_Carrier(context),
            base_url=found.url,
            headers=HEADERS,
            auth=http.Login(found.token),
            follow_redirects=False,
            trust_env=False,
        )

    async def post(self, request: Request, headers: dict[str, str], timer: Timer) -> httpx.Response:
        """Sends a request and reads its whole response."""
        # A timer of our own, which ends also what trickles.
        async with timer.begin():
            return await self._client.post(
                request.path,
                content=request.body,
                headers=headers,
                timeout=httpx.Timeout(None, connect=timer.connect),
                extensions={"trace": timer.note},
            )

    async def close(self) -> None:
        """Closes the connection."""
        await self._client.aclose()


class _Carrier(httpx.AsyncHTTPTransport):
    """httpx's own transport, over a connection that a cancellation closes."""

    def __init__(self, context: ssl.SSLContext) -> None:
        super().__init__(verify=context, trust_env=False)
        # httpx takes no backend for it.
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=context,
            max_connections=1,
            keepalive_expiry=KEPT_S,
            retries=0,
            network_backend=AsyncBackend(),
        )


class _Pool:
    """What the transports to one service share that run in one event loop.

    Attributes:
        users: how many transports.
        idle: the wires that no call is using.
        free: how many more calls can have one. Its count survives cancellations: see
            `redialog.transports.redis_asyncio`.
    """

    def __init__(self, found: Site) -> None:
        self.users = 0
        self.idle: list[_Wire] = []
        self.free = asyncio.Semaphore(found.options.max_connections)
        self._site = found
        self._context = found.context()

    def take(self) -> _Wire:
        """An idle wire, or a new one."""
        return self.idle.pop() if self.idle else _Wire(self._site, self._context)

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
    """

    def __init__(self, found: Site) -> None:
        self.address = found.address
        self.patience = Patience()
        self._site = found
        self._talk = http.Talk(found)
        self._closed = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._pid = 0
        self._pool: _Pool | None = None

    async def execute(self, batch: Batch, within: float | None = None) -> Replies:
        """As `redialog.effect.AsyncTransport.execute`, and see `redialog.transports.rest`.

        Raises:
            WrongEventLoop: the connections belong to another event loop.
        """
        if self._closed:
            raise Closed("the memory is closed")
        until = None if within is None else asyncio.get_running_loop().time() + within
        if batch.to == "sentinels":
            return http.nobody(batch)
        parts = requests(batch, self._site.options.max_request_bytes)
        pool = self._joined_pool()
        await self._admitted(pool, until)
        try:
            found = await self._exchanged(pool, parts, batch, until)
        finally:
            pool.free.release()
        return [[(self.address, reply)] for reply in found] if batch.to else found

    async def _exchanged(
        self, pool: _Pool, parts: Sequence[Request], batch: Batch, until: float | None
    ) -> list[Reply]:
        wire = pool.take()
        found: list[Reply] = []
        try:
            for number, part in enumerate(parts):
                try:
                    response = await self._sent(wire, part, batch.writes, until)
                    found += self._talk.replies(response, part, writes=batch.writes)
                except TransportError as error:
                    if wire.broken:
                        # The others may have died with it.
                        await to_the_end(pool.drop_idle())
                    raise http.after(number, error, batch) from error.__cause__
        finally:
            if pool.users and not wire.broken:
                pool.idle.append(wire)
            else:
                await wire.close()
        return found

    async def _sent(
        self, wire: _Wire, request: Request, writes: bool, until: float | None
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

    def _joined_pool(self) -> _Pool:
        """The pool of this loop, of which the transport is a user."""
        loop = self._checked_loop()
        if self._pool is None:
            key, pools = self._site.key, _pools(loop)
            pool = pools.get(key)
            if pool is None:
                pool = pools[key] = _Pool(self._site)
            pool.users += 1
            self._pool = pool
        return self._pool

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
