"""How a task waits: for replies, for what must not stop half-way, and when it is cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeAlias

import redis.exceptions as rex
from redis.asyncio.connection import AbstractConnection

from redialog.effect import Reply
from redialog.transports.redis.common import WATCH_S, command_error

Watch: TypeAlias = Callable[[], Awaitable[bool]]


class Waiting:
    """How long a call waits for its replies.

    Args:
        within: seconds that it may take at most; None: no limit of its own.
        watch: asked now and then whether to go on.
    """

    def __init__(self, within: float | None, watch: Watch | None) -> None:
        self._within = within
        self._watch = watch

    def limit(self, usual: float | None) -> float | None:
        """The seconds for a call that usually has so many."""
        if self._within is None or usual is None:
            return usual if self._within is None else self._within
        return min(usual, self._within)

    async def reply(self, connection: AbstractConnection) -> Reply:
        """The next reply."""
        if self._watch is None:
            return await _reply(connection)
        while True:
            try:
                async with asyncio.timeout(WATCH_S) as patience:
                    return await _reply(connection, disconnect_on_error=False)
            except TimeoutError:
                # redis-py's own is another one.
                if not patience.expired() or not await self._watch():
                    raise


async def _reply(connection: AbstractConnection, **options: bool) -> Reply:
    try:
        return await connection.read_response(disable_decoding=True, **options)
    except rex.ResponseError as error:
        return command_error(error)


def cancellations() -> int:
    """How often the running task was cancelled.

    Where an application's client has a timeout, redis-py sends under `asyncio.wait_for`, which
    before Python 3.12 swallows a cancellation: the task would go on as if there had been none.
    """
    task = asyncio.current_task()
    return 0 if task is None else task.cancelling()


def at_end(connection: AbstractConnection) -> bool:
    """Whether a connection that nobody was using is closed, also where redis-py takes it for open:
    of one that was reset, its stream reads no end."""
    reader, writer = connection._reader, connection._writer
    return reader is None or writer is None or reader.at_eof() or writer.transport.is_closing()
