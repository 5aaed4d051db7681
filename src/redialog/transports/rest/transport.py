"""The blocking transport over httpx, to a service that speaks the Upstash REST protocol.

It sends nothing twice: httpx retries nothing here and follows no redirect, so that an error says
exactly whether a write may have happened.
"""

from __future__ import annotations

import contextlib
import os
import ssl
import threading
import time
from collections.abc import Mapping, Sequence

from redialog.effect import Batch, Patience, Replies, Reply
from redialog.errors import Closed, TransportError
from redialog.transports.rest import _http as http
from redialog.transports.rest._common import HEADERS, Request, requests
from redialog.transports.rest._needs import httpcore, httpx
from redialog.transports.rest._options import KEPT_S, Site, site
from redialog.transports.rest._stream import Backend
from redialog.transports.rest._upstash import of_client


def open_rest(url: str, token: str, options: Mapping[str, object]) -> RestTransport:
    """A blocking transport to a REST service; it connects at its first use.

    Args:
        url: of the service.
        token: what opens it.
        options: those of `redialog.transports.rest._options.Options`.

    Raises:
        ConfigurationError: an argument is wrong.
    """
    return RestTransport(site(url, token, options))


def adopt_upstash(client: object) -> RestTransport:
    """A blocking transport to where an application's client leads; the client is left alone.

    Args:
        client: an `upstash_redis.Redis`.

    Raises:
        ConfigurationError: it is one of a version that is not known.
    """
    return RestTransport(of_client(client))


class _Wire:
    """One connection, made when it is used and again when it has died; for one thread at a time.

    Each has a client of its own: threads that share a pool of httpx's close connections under one
    another. (One looks whether an idle one has ended, and another one's reply arrives there.)
    """

    def __init__(self, found: Site, context: ssl.SSLContext) -> None:
        self.broken = False
        self._backend = Backend()
        options = found.options
        self._client = httpx.Client(
            transport=_Carrier(context, self._backend),
            base_url=found.url,
            headers=HEADERS,
            auth=http.Login(found.token),
            timeout=httpx.Timeout(
                options.socket_timeout, connect=options.socket_connect_timeout, pool=None
            ),
            follow_redirects=False,
            trust_env=False,
        )

    def post(
        self, request: Request, headers: dict[str, str], until: float | None
    ) -> httpx.Response:
        """Sends a request and reads its whole response."""
        self._backend.begin(until)
        return self._client.post(request.path, content=request.body, headers=headers)

    def close(self) -> None:
        """Closes the connection."""
        self._client.close()

    def hang_up(self) -> None:
        """Closes a parent's connection, in this process only; nothing is said over it."""
        for stream in list(self._backend.open):
            stream.close()


class _Carrier(httpx.HTTPTransport):
    """httpx's own transport, over a connection that keeps to a deadline."""

    def __init__(self, context: ssl.SSLContext, backend: Backend) -> None:
        super().__init__(verify=context, trust_env=False)
        # httpx takes no backend for it.
        self._pool = httpcore.ConnectionPool(
            ssl_context=context,
            max_connections=1,
            keepalive_expiry=KEPT_S,
            retries=0,
            network_backend=backend,
        )


class _Pool:
    """What the transports to one service share.

    Attributes:
        users: how many transports.
        wires: all there are, at most as many as there may be.
        idle: those of them that nobody is using.
        free: how many more calls can have one.
    """

    def __init__(self, found: Site) -> None:
        self.users = 0
        self.wires: set[_Wire] = set()
        self.idle: list[_Wire] = []
        self.free = threading.Semaphore(found.options.max_connections)
        self._site = found
        self._context = found.context()

    def take(self) -> _Wire:
        """An idle wire, or a new one."""
        try:
            return self.idle.pop()
        except IndexError:
            wire = _Wire(self._site, self._context)
            self.wires.add(wire)
            return wire

    def drop(self, wire: _Wire) -> None:
        """Closes a wire for good."""
        self.wires.discard(wire)
        wire.close()

    def drop_idle(self) -> None:
        """The same for all that are idle."""
        while self.idle:
            with contextlib.suppress(IndexError):
                self.drop(self.idle.pop())


class _Process:
    """The pools of one process; a forked child begins with none.

    Attributes:
        lock: guards them, and the counts of their users. It is never held while something is sent.
    """

    def __init__(self) -> None:
        self.pools: dict[tuple[object, ...], _Pool] = {}
        self.lock = threading.Lock()


_by_process: dict[int, _Process] = {}


def _mine() -> _Process:
    pid = os.getpid()
    mine = _by_process.get(pid)
    if mine is None:
        # Of two threads that come here at once, both get what the first one put there.
        mine = _by_process.setdefault(pid, _Process())
        for other in [one for one in _by_process if one != pid]:
            parents = _by_process.pop(other, None)
            for pool in parents.pools.values() if parents is not None else ():
                for wire in list(pool.wires):
                    wire.hang_up()
    return mine


class RestTransport:
    """Sends batches to a service that speaks the Upstash REST protocol.

    It is thread-safe. Transports to one service share their connections.

    Args:
        found: the service.
    """

    def __init__(self, found: Site) -> None:
        self.address = found.address
        self.patience = Patience()
        self._site = found
        self._talk = http.Talk(found)
        self._closed = False
        # The process in which this transport counts as a user of its pool, and the pool.
        self._joined: tuple[_Process, _Pool] | None = None

    def execute(self, batch: Batch, within: float | None = None) -> Replies:
        """As `redialog.effect.Transport.execute`; one HTTP request, unless it is too large for one.

        Raises:
            MessageTooLarge: a command is too large for any.
            DataError: an argument cannot be sent over REST.
        """
        until = None if within is None else time.monotonic() + within
        if batch.to == "sentinels":
            self._check_open()
            return http.nobody(batch)
        parts = requests(batch, self._site.options.max_request_bytes)
        pool = self._pool()
        self._wait(pool, until)
        try:
            found = self._exchanged(pool, parts, batch, until)
        finally:
            pool.free.release()
        return [[(self.address, reply)] for reply in found] if batch.to else found

    def _exchanged(
        self, pool: _Pool, parts: Sequence[Request], batch: Batch, until: float | None
    ) -> list[Reply]:
        wire = pool.take()
        found: list[Reply] = []
        try:
            for number, part in enumerate(parts):
                try:
                    response = self._sent(wire, part, batch.writes, until)
                    found += self._talk.replies(response, part, writes=batch.writes)
                except TransportError as error:
                    if wire.broken:
                        # The others may have died with it.
                        pool.drop_idle()
                    raise http.after(number, error, writes=batch.writes) from error.__cause__
        finally:
            with _mine().lock:
                kept = pool.users > 0 and not wire.broken
                if kept:
                    pool.idle.append(wire)
            if not kept:
                pool.drop(wire)
        return found

    def _sent(
        self, wire: _Wire, request: Request, writes: bool, until: float | None
    ) -> httpx.Response:
        # Also after Ctrl-C between a request and its reply.
        wire.broken = True
        try:
            response = wire.post(request, self._talk.headers(), until)
        except http.FAILURES as error:
            raise http.failure(error, self.address, writes=writes) from http.bare(error)
        wire.broken = False
        return response

    def _wait(self, pool: _Pool, until: float | None) -> None:
        """Waits until a call may use a connection."""
        seconds = self._site.options.timeout
        if until is not None:
            left = max(0.0, until - time.monotonic())
            seconds = left if seconds is None else min(left, seconds)
        if not pool.free.acquire(timeout=seconds):
            raise http.all_in_use(self.address)

    def _check_open(self) -> None:
        if self._closed:
            raise Closed("the memory is closed")

    def _pool(self) -> _Pool:
        """The pool of this process, of which the transport is a user."""
        mine = _mine()
        with mine.lock:
            self._check_open()
            if self._joined is None or self._joined[0] is not mine:
                key = self._site.key
                pool = mine.pools.get(key)
                if pool is None:
                    pool = mine.pools[key] = _Pool(self._site)
                pool.users += 1
                self._joined = (mine, pool)
            return self._joined[1]

    def close(self) -> None:
        """As `redialog.effect.Transport.close`. Calls that are under way end as they would."""
        mine = _mine()
        with mine.lock:
            if self._closed:
                return
            self._closed = True
            if self._joined is None or self._joined[0] is not mine:
                return
            pool = self._joined[1]
            pool.users -= 1
            if pool.users:
                return
            del mine.pools[self._site.key]
        pool.drop_idle()
