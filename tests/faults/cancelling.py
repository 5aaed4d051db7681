"""Cancellation at every await: a coroutine that is cancelled where it waits for the nth time, and
what a server holds before and after.
"""

from __future__ import annotations

import asyncio
import functools
import json
from collections.abc import Callable, Coroutine, Generator
from typing import Any, Literal, TypeAlias, TypeVar

T = TypeVar("T")

# A `redis.Redis` that answers in bytes; redis-py's own types leave that open.
Client: TypeAlias = Any

Moment = Literal["waits", "woken", "again"]
MOMENTS: tuple[Moment, ...] = ("waits", "woken", "again")


class CancelledAt:
    """Awaits a coroutine in the current task, and cancels the task at the nth of its waits.

    It is the task's own cancellation, so timers and locks see what they see in an application.

    Args:
        inner: the coroutine, which waits for real sockets.
        nth: which wait, from 1.
        moment: ``waits``: as soon as it waits; ``woken``: when what it waits for has happened and
            it has not gone on yet; ``again``: as soon as it waits, and at every later wait too,
            where it clears up.

    Attributes:
        waits: how often it has waited.
    """

    def __init__(self, inner: Coroutine[Any, Any, T], nth: int, moment: Moment) -> None:
        self.waits = 0
        self._inner = inner
        self._nth = nth
        self._moment = moment

    def __await__(self) -> Generator[Any, Any, Any]:
        step: Callable[[], Any] = functools.partial(self._inner.send, None)
        while True:
            try:
                awaited = step()
            except StopIteration as stop:
                return stop.value
            self.waits += 1
            self._strike(awaited)
            try:
                yield awaited
            except BaseException as error:
                step = functools.partial(self._inner.throw, error)
            else:
                step = functools.partial(self._inner.send, None)

    def _strike(self, awaited: asyncio.Future[Any] | None) -> None:
        task = asyncio.current_task()
        assert task is not None
        if self.waits == self._nth and self._moment == "woken" and awaited is not None:
            # Called before the task's own callback, which is added when it gets what we yield.
            awaited.add_done_callback(lambda _: task.cancel())
        elif self.waits == self._nth or (self._moment == "again" and self.waits > self._nth):
            task.cancel()


async def awaited(one: CancelledAt) -> Any:
    """The same as a coroutine, of which a task can be made."""
    return await one


class Snapshot:
    """What a database holds, to be brought back.

    Args:
        client: on the database.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._kept = {
            key: (client.pttl(key), client.dump(key))
            for key in client.scan_iter()
            if not is_passing(key)
        }

    def restore(self) -> None:
        """Makes the database what it was."""
        pipeline = self._client.pipeline(transaction=False)
        pipeline.flushdb()
        for key, (ttl, value) in self._kept.items():
            pipeline.restore(key, max(ttl, 0), value)
        pipeline.execute()


def is_passing(key: bytes) -> bool:
    """Whether a key is an operation's token, or what it has staged."""
    return b":op:" in key or b":stage:" in key


def view(client: Client, *, without: frozenset[str], catalogue: bool) -> dict[bytes, Any]:
    """What a database holds, without what differs from one run of an operation to the next.

    Args:
        client: on the database.
        without: sessions that do not count.
        catalogue: whether the catalogue counts.
    """
    found: dict[bytes, Any] = {}
    others = {name.encode() for name in without}
    for key in client.scan_iter():
        if is_passing(key):
            assert client.pttl(key) <= PASSING_MS, key
            continue
        if key.rpartition(b":")[2] in others:
            continue
        content = _READ[client.type(key)](client, key)
        if isinstance(content, set):
            # The catalogue: who is in it, and whether an activity was noted.
            content = {member for member in content if member[0] not in others}
            if not (catalogue and content):
                continue
        found[key] = (round(client.pttl(key) / 100_000), content)
    return found


OLD_SCORE = 1000.0
PASSING_MS = 60_000


def _elements(client: Client, key: bytes) -> list[tuple[str, str]]:
    parsed = (json.loads(element) for element in client.lrange(key, 0, -1))
    return [(element["type"], element["data"].get("content", "")) for element in parsed]


_READ: dict[bytes, Callable[[Client, bytes], Any]] = {
    b"list": _elements,
    b"hash": lambda client, key: client.hgetall(key),
    b"string": lambda client, key: client.get(key),
    b"zset": lambda client, key: {
        (member, score == OLD_SCORE) for member, score in client.zrange(key, 0, -1, withscores=True)
    },
}


def age(client: Client) -> None:
    """Dates every activity back, so that a new one shows."""
    for key in client.scan_iter():
        if client.type(key) == b"zset":
            for member in client.zrange(key, 0, -1):
                client.zadd(key, {member: OLD_SCORE})
