"""What a contender is: one way to keep a conversation, and how its calls are timed.

Each does the same work on the same server: append a turn of two messages of about 300 characters
with a TTL, read the newest 20, read everything. What a library cannot do in one call is done with
the calls that it has, as its users do.
"""

from __future__ import annotations

import asyncio
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias

import redis

TTL_S = 3600
WINDOW = 20
QUESTION = "Could you tell me how the lockers on the second floor work? " * 5
ANSWER = "You find the code in the letter that you got on the first day. " * 5

Operation: TypeAlias = Literal["append", "window", "everything"]
OPERATIONS: tuple[Operation, ...] = ("append", "window", "everything")
_AT_ONCE = 1_000


class Missing(Exception):
    """A contender cannot run here; the text says what is missing."""


class Place(NamedTuple):
    """Where contenders work.

    Attributes:
        url: what they connect to.
        runner: runs those of asyncio.
        direct: the server itself, where ``url`` leads through a proxy.
    """

    url: str
    runner: asyncio.Runner
    direct: str


class Spent(NamedTuple):
    """What one call took, in microseconds: by the wall clock, and of this process's CPU."""

    wall_us: float
    cpu_us: float


class Contender(ABC):
    """One way to keep a conversation.

    Attributes:
        name: in tables.
        beside: the name of what its figures are ratios to.
    """

    name: str
    beside = "redis-py"

    def __init__(self, place: Place) -> None:
        self.place = place
        self.admin = redis.Redis.from_url(place.direct)

    @abstractmethod
    def key(self, session: str) -> str:
        """The list in which a session's messages lie."""

    @abstractmethod
    def run(self, operation: Operation, session: str, calls: int) -> Spent:
        """Does an operation so many times, one after the other."""

    @abstractmethod
    def turns(self, sessions: Sequence[str], seconds: float) -> list[float]:
        """Reads a window and appends a turn in all sessions at once, again and again.

        Returns:
            The seconds that each of them took.
        """

    @abstractmethod
    def count(self, operation: Operation, session: str) -> int:
        """How many messages an operation returns."""

    def fill(self, session: str, length: int) -> None:
        """Makes a session of ``length`` messages: a turn by the contender, then copies of it."""
        key = self.key(session)
        self.admin.delete(key)
        self.run("append", session, 1)
        turn: list[bytes] = self.admin.lrange(key, 0, -1)  # type: ignore[assignment]
        copies = turn * (_AT_ONCE // len(turn))
        for start in range(len(turn), length, _AT_ONCE):
            self.admin.rpush(key, *copies[: length - start])

    def trim(self, session: str, length: int) -> None:
        """Takes away what appends have added, so that a session keeps its length."""
        self.admin.ltrim(self.key(session), 0, length - 1)

    def close(self) -> None:
        """Ends its connections."""
        self.admin.close()


class Blocking(Contender):
    """A contender with blocking calls."""

    @abstractmethod
    def append(self, session: str) -> object:
        """Appends a turn."""

    @abstractmethod
    def window(self, session: str) -> Sequence[object]:
        """The newest 20 messages."""

    @abstractmethod
    def everything(self, session: str) -> Sequence[object]:
        """All messages."""

    def run(self, operation: Operation, session: str, calls: int) -> Spent:
        work = getattr(self, operation)
        cpu, wall = time.process_time(), time.perf_counter()
        for _ in range(calls):
            work(session)
        return _each(wall, cpu, calls)

    def count(self, operation: Operation, session: str) -> int:
        return len(getattr(self, operation)(session))

    def turns(self, sessions: Sequence[str], seconds: float) -> list[float]:
        spent: list[float] = []
        together = threading.Barrier(len(sessions))

        def work(session: str) -> None:
            together.wait()
            end = time.perf_counter() + seconds
            while (began := time.perf_counter()) < end:
                self.window(session)
                self.append(session)
                spent.append(time.perf_counter() - began)

        threads = [threading.Thread(target=work, args=(session,)) for session in sessions]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return spent


class Awaited(Contender):
    """A contender with awaited calls; one task where they are timed one by one."""

    beside = "redis-py asyncio"

    @abstractmethod
    async def append(self, session: str) -> object:
        """Appends a turn."""

    @abstractmethod
    async def window(self, session: str) -> Sequence[object]:
        """The newest 20 messages."""

    @abstractmethod
    async def everything(self, session: str) -> Sequence[object]:
        """All messages."""

    def run(self, operation: Operation, session: str, calls: int) -> Spent:
        work: Callable[[str], Coroutine[Any, Any, object]] = getattr(self, operation)

        async def timed() -> Spent:
            cpu, wall = time.process_time(), time.perf_counter()
            for _ in range(calls):
                await work(session)
            return _each(wall, cpu, calls)

        return self.place.runner.run(timed())

    def count(self, operation: Operation, session: str) -> int:
        return len(self.place.runner.run(getattr(self, operation)(session)))

    def turns(self, sessions: Sequence[str], seconds: float) -> list[float]:
        spent: list[float] = []

        async def work(session: str, end: float) -> None:
            while (began := time.perf_counter()) < end:
                await self.window(session)
                await self.append(session)
                spent.append(time.perf_counter() - began)

        async def together() -> None:
            end = time.perf_counter() + seconds
            await asyncio.gather(*(work(session, end) for session in sessions))

        self.place.runner.run(together())
        return spent


def _each(wall: float, cpu: float, calls: int) -> Spent:
    return Spent(
        (time.perf_counter() - wall) / calls * 1e6, (time.process_time() - cpu) / calls * 1e6
    )
