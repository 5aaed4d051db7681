"""The blocking transport: redis-py's `Redis` on one server."""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Callable
from typing import Any, TypeAlias

import redis
import redis.exceptions as rex

from redialog.effect import Batch, Patience, Replies, Reply
from redialog.errors import Closed
from redialog.transports.redis._lean import reply, send
from redialog.transports.redis.common import (
    FAILURES,
    UNREACHED,
    WATCH_S,
    command_error,
    failure,
    nobody,
    pack,
    replaced,
)


class _Process:
    """What one process has of a transport; a forked child begins with one of its own.

    Attributes:
        idle: connections between two batches. Taking one from the pool costs as much as a small
            command: the pool looks each time whether it is still alive. Here a dead one is found
            by using it, since every batch can be sent again.
        waiting: how many threads want one of the pool.
        lock: guards the count, and the making of the client.
    """

    def __init__(self) -> None:
        self.idle: list[Any] = []
        self.waiting = 0
        self.lock = threading.Lock()


Watch: TypeAlias = Callable[[], bool]

SHORTEST_S = 0.001
"""A timeout of zero would mean not to wait at all."""


class Sent:
    """A batch on its way: the connection that its replies come on."""

    __slots__ = ("batch", "connection", "mine")

    def __init__(self, mine: _Process, connection: Any, batch: Batch) -> None:
        self.mine = mine
        self.connection = connection
        self.batch = batch


class RedisTransport:
    """Sends batches over the connections of a `redis.Redis` client.

    Args:
        open_client: makes the client, at the first use.
        address: where it leads, without secrets.
        owned: whether `close` closes the client.
        patience: of its operations.
        reply_timeout: seconds for the replies to a batch, where the client's connections have a
            limit for their greeting alone; None: theirs.
        before: called before each batch; cheap.
        repair: called when no connection could be made; may bring the server back.
        after: called once, by `close`.
    """

    def __init__(
        self,
        open_client: Callable[[], redis.Redis],
        *,
        address: str,
        owned: bool,
        patience: Patience = Patience(),  # noqa: B008 - it is frozen
        reply_timeout: float | None = None,
        before: Callable[[], None] | None = None,
        repair: Callable[[], None] | None = None,
        after: Callable[[], None] | None = None,
    ) -> None:
        self.address = address
        self.patience = patience
        self._open_client = open_client
        self._client: redis.Redis | None = None
        self._by_process: dict[int, _Process] = {}
        self._owned = owned
        self._reply_timeout = reply_timeout
        self._before = before
        self._repair = repair
        self._after = after
        self._closed = False

    def execute(
        self, batch: Batch, within: float | None = None, watch: Watch | None = None
    ) -> Replies:
        """As `redialog.effect.Transport.execute`.

        Args:
            batch: the same.
            within: the same.
            watch: asked now and then while a reply is outstanding, whether to go on waiting.
        """
        if batch.to == "sentinels":
            return nobody(batch)
        replies = self.finish(self.start(batch, within), within, watch)
        return [[(self.address, one)] for one in replies] if batch.to else replies

    def start(self, batch: Batch, within: float | None = None) -> Sent:
        """Sends a batch; its replies are read by `finish`, which must follow."""
        if self._closed:
            raise Closed("the memory is closed")
        if self._before is not None:
            self._before()
        mine = self._by_process.get(os.getpid()) or self._mine()
        sent = Sent(mine, _put_back(mine) or self._taken(mine), batch)
        try:
            packed = pack(batch)
            try:
                if within is not None:
                    limit(sent.connection, within)
                send(sent.connection, packed)
            except FAILURES as error:
                raise failure(error, self.address, sent=True, writes=batch.writes) from error
        except BaseException:
            self.abandon(sent)
            raise
        return sent

    def finish(
        self, sent: Sent, within: float | None = None, watch: Watch | None = None
    ) -> Replies:
        """The replies to a batch that was sent."""
        mine, connection = sent.mine, sent.connection
        try:
            if within is None and watch is None and self._reply_timeout is None:
                replies = [reply(connection) for _ in sent.batch.commands]
            else:
                replies = self._watched(sent, within, watch)
        except FAILURES as error:
            self.abandon(sent)
            raise failure(error, self.address, sent=True, writes=sent.batch.writes) from error
        except BaseException:
            self.abandon(sent)
            raise
        if replaced(replies):
            self.abandon(sent)
            return replies
        mine.idle.append(connection)
        if mine.waiting or not self._owned or self._closed:
            self._release_idle(mine)
        return replies

    def abandon(self, sent: Sent) -> None:
        """Gives up a connection on which a reply is outstanding.

        Also after Ctrl-C between a request and its reply: the next user of the connection must not
        read what was meant for this one.
        """
        sent.connection.disconnect()
        # The others may have died with it: the pool checks what it hands out again.
        self._pool().release(sent.connection)
        self._release_idle(sent.mine)

    def _watched(self, sent: Sent, within: float | None, watch: Watch | None) -> list[Reply]:
        connection = sent.connection
        own: float | None = self._reply_timeout or connection.socket_timeout
        limits = [seconds for seconds in (own, within) if seconds is not None]
        until = time.monotonic() + min(limits) if limits else math.inf
        replies: list[Reply] = []
        while len(replies) < len(sent.batch.commands):
            left = until - time.monotonic()
            limit(connection, min(left, WATCH_S))
            try:
                replies.append(_reply(connection, disconnect_on_error=False))
            except rex.TimeoutError:
                if time.monotonic() >= until or not (watch is None or watch()):
                    raise
        limit(connection, own)
        return replies

    def _mine(self) -> _Process:
        """What this process has; after a fork, nothing: the sockets are the parent's."""
        pid = os.getpid()
        mine = self._by_process.get(pid)
        if mine is None:
            # Of two threads that come here at once, both get what the first one put there.
            mine = self._by_process.setdefault(pid, _Process())
            for other in list(self._by_process):
                if other != pid:
                    self._by_process.pop(other, None)
        return mine

    def _taken(self, mine: _Process) -> Any:
        """A connection of the pool."""
        pool = self._pool()
        # Counted before the second look: either we see what another thread puts back, or it sees
        # that somebody waits for it in the pool.
        with mine.lock:
            mine.waiting += 1
        try:
            return _put_back(mine) or pool.get_connection()
        except UNREACHED as error:
            if self._repair is not None:
                self._repair()
            raise failure(error, self.address) from error
        finally:
            with mine.lock:
                mine.waiting -= 1

    def _release_idle(self, mine: _Process) -> None:
        """Gives idle connections back to the pool, where its other users find them."""
        while (connection := _put_back(mine)) is not None:
            if self._owned and self._closed:
                # Here, and not by the pool: it would also close those that a call is using.
                connection.disconnect()
            self._pool().release(connection)

    def _pool(self) -> redis.ConnectionPool:
        if self._client is None:
            with self._mine().lock:
                if self._client is None:
                    self._client = self._open_client()
        return self._client.connection_pool

    def close(self) -> None:
        """As `redialog.effect.Transport.close`. Calls that are under way end as they would."""
        if self._closed:
            return
        self._closed = True
        self._release_idle(self._mine())
        if self._owned and self._client is not None:
            self._client.connection_pool.disconnect(inuse_connections=False)
        if self._after is not None:
            self._after()


def limit(connection: Any, seconds: float | None) -> None:
    """Sets how long a connection waits for its peer; None or infinite: for ever."""
    if connection._sock is not None:
        seconds = math.inf if seconds is None else max(seconds, SHORTEST_S)
        connection._sock.settimeout(None if math.isinf(seconds) else seconds)


def _reply(connection: Any, **options: bool) -> Reply:
    try:
        return connection.read_response(disable_decoding=True, **options)
    except rex.ResponseError as error:
        return command_error(error)


def _put_back(mine: _Process) -> Any:
    """An idle connection, or None."""
    try:
        return mine.idle.pop()
    except IndexError:
        return None
