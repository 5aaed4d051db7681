"""The asyncio transport over httpx, to a service that speaks the Upstash REST protocol."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Coroutine, Mapping
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from redialog.effect import Batch, Patience, Replies, Reply
from redialog.errors import Closed, ConnectError, ReplyTimeout, TransportError, WrongEventLoop
from redialog.transports import _rest_http as http
from redialog.transports._rest_common import Request, requests
from redialog.transports._rest_needs import httpcore, httpx
from redialog.transports._rest_options import KEPT_S, Options, Site, site
from redialog.transports._rest_stream_asyncio import AsyncBackend
from redialog.transports._rest_upstash import of_client

T = TypeVar("T")


def open_rest_asyncio(url: str, token: str, options: Mapping[str, object]) -> AsyncRestTransport:
    """An asyncio transport to a REST service; see `redialog.transports.rest.open_rest`."""
    return AsyncRestTransport(site(url, token, options))


def adopt_upstash_asyncio(client: object) -> AsyncRestTransport:
    """An asyncio transport to where an application's client leads; the client is left alone."""
    return AsyncRestTransport(of_client(client))


class _Pool:
    """What the transports to one service share that run in one event loop.

    Attributes:
        users: how many transports.
        line: the connections; None: the next call makes new ones.
    """

    def __init__(self) -> None:
        self.users = 0
        self.line: _Line | None = None


class _Line:
    """Connections, and how many calls are using them; as in `redialog.transports.rest`."""

    def __init__(self, found: Site, pool: _Pool) -> None:
        self.pool = pool
        self.calls = 0
        self.retired = False
        self.client = httpx.AsyncClient(
            transport=_Carrier(found),
            base_url=found.url,
            headers=http.common_headers(found),
            # The transport's own timer is the better one: it ends also what trickles.
            timeout=httpx.Timeout(None, connect=found.options.socket_connect_timeout),
            follow_redirects=False,
            trust_env=False,
        )

    def retire(self) -> None:
        """Takes no more calls."""
        self.retired = True
        if self.pool.line is self:
            self.pool.line = None

    async def close_if_over(self) -> None:
        """Closes the connections, unless a call is still using them."""
        if self.retired and not self.calls:
            await to_the_end(self.client.aclose())


class _Carrier(httpx.AsyncHTTPTransport):
    """httpx's own transport, over connections that a cancellation closes."""

    def __init__(self, found: Site) -> None:
        context = found.context()
        super().__init__(verify=context, trust_env=False)
        # httpx takes no backend for it.
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=context,
            max_connections=found.options.max_connections,
            keepalive_expiry=KEPT_S,
            retries=0,
            network_backend=AsyncBackend(),
        )


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
        until = None if within is None else self._checked_loop().time() + within
        if batch.to == "sentinels":
            return http.nobody(batch)
        parts = requests(batch, self._site.options.max_request_bytes)
        found: list[Reply] = []
        line = self._lease()
        try:
            for number, part in enumerate(parts):
                try:
                    found += await self._exchange(line, part, batch.writes, until)
                except TransportError as error:
                    raise http.after(number, error, batch) from error.__cause__
        finally:
            line.calls -= 1
            await line.close_if_over()
        return [[(self.address, reply)] for reply in found] if batch.to else found

    async def _exchange(
        self, line: _Line, request: Request, writes: bool, until: float | None
    ) -> Replies:
        timer = _Timer(self._site.options, until, self._checked_loop())
        try:
            # In a task of its own, which is cancelled once: httpx would leave a connection behind
            # that is cancelled again while it clears up.
            response = await to_the_end(self._sent(line, request, timer), cancel=True)
        except TimeoutError as error:
            if not timer.waits:
                line.retire()
            raise timer.failure(self.address, writes) from http.bare(error)
        except http.FAILURES as error:
            line.retire()
            raise http.failure(error, self.address, writes=writes) from http.bare(error)
        return self._talk.replies(response, request, writes=writes)

    async def _sent(self, line: _Line, request: Request, timer: _Timer) -> httpx.Response:
        async with timer.begin():
            return await line.client.post(
                request.path,
                content=request.body,
                headers=self._talk.headers(),
                extensions={"trace": timer.note},
            )

    def _lease(self) -> _Line:
        if self._closed:
            raise Closed("the memory is closed")
        loop = self._checked_loop()
        if self._pool is None:
            self._pool = _pools(loop).setdefault(self._site.key, _Pool())
            self._pool.users += 1
        if self._pool.line is None:
            self._pool.line = _Line(self._site, self._pool)
        self._pool.line.calls += 1
        return self._pool.line

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
        line = self._pool.line
        if line is not None:
            line.retire()
            await line.close_if_over()


class _Timer:
    """How long a request may take: to wait for a connection, to make one, and to be answered.

    Args:
        options: say how long each may take.
        until: when all of it must be over, by the loop's clock; None: those alone count.
        loop: the running one.
    """

    def __init__(
        self, options: Options, until: float | None, loop: asyncio.AbstractEventLoop
    ) -> None:
        self._options = options
        self._until = until
        self._loop = loop
        self._doing = "waiting"
        self._timeout = asyncio.timeout(None)

    def begin(self) -> asyncio.Timeout:
        """What to do it in."""
        self._timeout = asyncio.timeout_at(self._end(self._options.timeout))
        return self._timeout

    async def note(self, event: str, _: Any) -> None:
        """Told by httpx what it is doing."""
        if event == "connection.connect_tcp.started":
            self._doing = "connecting"
            self._timeout.reschedule(self._end(self._options.socket_connect_timeout))
        elif event == "http11.send_request_headers.started":
            self._doing = "sending"
            self._timeout.reschedule(self._end(self._options.socket_timeout))

    @property
    def waits(self) -> bool:
        """Whether it has not even got a connection."""
        return self._doing == "waiting"

    def _end(self, seconds: float | None) -> float | None:
        if seconds is None:
            return self._until
        end = self._loop.time() + seconds
        return end if self._until is None else min(end, self._until)

    def failure(self, address: str, writes: bool) -> TransportError:
        """The error where it took too long."""
        if self._doing == "sending":
            return ReplyTimeout(
                f"no reply from {address} in time", address=address, maybe_applied=writes
            )
        if self._doing == "connecting":
            return ConnectError(f"cannot connect to {address}: no answer in time", address=address)
        return http.all_in_use(address)


async def to_the_end(work: Coroutine[Any, Any, T], *, cancel: bool = False) -> T:
    """Awaits what must not stop half-way; a cancellation takes effect when it is done.

    Args:
        work: what is to be done.
        cancel: whether it is told of the first cancellation, to come to an end.
    """
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:
            if cancel and not task.cancelling():
                task.cancel()
            cancelled = error
    if cancelled is None:
        return task.result()
    if not task.cancelled():
        # What it says does not matter any more; asyncio complains of errors that nobody has seen.
        task.exception()
    raise cancelled
