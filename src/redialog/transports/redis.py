"""The blocking transport: redis-py's `Redis` on one server."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any

import redis
import redis.exceptions as rex

from redialog.effect import Batch, Replies, Reply
from redialog.errors import Closed
from redialog.transports._redis_common import (
    FAILURES,
    UNREACHED,
    command_error,
    failure,
    pack,
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


class RedisTransport:
    """Sends batches over the connections of a `redis.Redis` client.

    Args:
        open_client: makes the client, at the first use.
        address: where it leads, without secrets.
        owned: whether `close` closes the client.
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
        before: Callable[[], None] | None = None,
        repair: Callable[[], None] | None = None,
        after: Callable[[], None] | None = None,
    ) -> None:
        self.address = address
        self._open_client = open_client
        self._client: redis.Redis | None = None
        self._by_process: dict[int, _Process] = {}
        self._owned = owned
        self._before = before
        self._repair = repair
        self._after = after
        self._closed = False

    def execute(self, batch: Batch) -> Replies:
        """As `redialog.effect.Transport.execute`."""
        if self._closed:
            raise Closed("the memory is closed")
        if self._before is not None:
            self._before()
        mine = self._mine()
        connection = _put_back(mine) or self._taken(mine)
        try:
            replies = self._exchange(connection, batch)
        except BaseException:
            # The others may have died with it: the pool checks what it hands out again.
            self._pool().release(connection)
            self._release_idle(mine)
            raise
        mine.idle.append(connection)
        if mine.waiting or not self._owned or self._closed:
            self._release_idle(mine)
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

    def _exchange(self, connection: Any, batch: Batch) -> Replies:
        sent = False
        replies: list[Reply] = []
        try:
            packed = pack(batch)
            sent = True
            connection.send_packed_command([packed], check_health=False)
            for _ in batch.commands:
                try:
                    replies.append(connection.read_response(disable_decoding=True))
                except rex.ResponseError as error:
                    replies.append(command_error(error))
        except FAILURES as error:
            connection.disconnect()
            raise failure(error, self.address, sent=sent, writes=batch.writes) from error
        except BaseException:
            # Ctrl-C between a request and its reply: the next user of the connection must not
            # read what was meant for this one.
            connection.disconnect()
            raise
        return replies

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


def _put_back(mine: _Process) -> Any:
    """An idle connection, or None."""
    try:
        return mine.idle.pop()
    except IndexError:
        return None
