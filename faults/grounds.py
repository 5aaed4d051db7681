"""Where faults are struck: what all grounds have in common, and how long a store was away."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any, Literal, NamedTuple, Protocol, Self, TypeAlias

import msgspec
import redis

Topology: TypeAlias = Literal["one server", "Sentinel", "Cluster"]

SAMPLE_S = 0.03


class Sight(NamedTuple):
    """A store at one moment.

    Attributes:
        primary: who takes writes; None: nobody.
        settled: whether it has a replica, and all who watch over it call it the primary and well.
    """

    primary: str | None
    settled: bool


NOBODY = Sight(None, settled=False)


class Away(NamedTuple):
    """For how many seconds a store could not take writes.

    Attributes:
        store: until the primary that stayed took them.
        settled: until that one had a replica too, and whoever replaced the old one had ended.
    """

    store: float
    settled: float


class Ground(Protocol):
    """A running store."""

    topology: Topology

    def url(self, *, proxied: bool) -> str:
        """Its address."""

    def ids(self, namespace: str, names: Sequence[str]) -> dict[str, str]:
        """Ids for sessions, so that what befalls the store befalls most of them."""

    def primaries(self) -> list[redis.Redis]:
        """A plain client of every primary; to be closed."""

    def look(self) -> Sight:
        """What it is now."""

    def configure(self, settings: Mapping[str, str | int]) -> None:
        """CONFIG SET on all nodes that hold data."""

    def clear(self) -> None:
        """Mends what has happened to it, and removes all keys."""


class Scene(msgspec.Struct):
    """One run, as the fault sees it.

    Attributes:
        ground: where.
        short: whether it has to be short.
        struck: when it began, by the monotonic clock.
        gaps: for one server, how long it was away, each time.
    """

    ground: Any
    short: bool
    struck: float = 0.0
    gaps: list[float] = []

    def strike(self) -> None:
        """The fault begins now."""
        self.struck = time.monotonic()

    def stay(self, seconds: float) -> None:
        """Lets the writers write."""
        time.sleep(seconds)

    def again(self, action: Callable[[], object], *, every: float, seconds: float) -> None:
        """Does something again and again.

        Args:
            action: what.
            every: seconds between two times.
            seconds: for how long.
        """
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            action()
            time.sleep(every)


class Watch:
    """Looks at a ground again and again, in a thread; a context manager.

    Args:
        ground: which.
    """

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._over = threading.Event()
        self._seen: list[tuple[float, Sight]] = []
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        while not self._over.is_set():
            sight = self._ground.look()
            self._seen.append((time.monotonic(), sight))
            self._over.wait(SAMPLE_S)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def away(self, struck: float) -> Away:
        """For how long after a fault the store was not yet what it is in the end."""
        return away(self._seen, struck)


def away(seen: Sequence[tuple[float, Sight]], struck: float) -> Away:
    """For how long after a fault a store was not yet what it is in the end.

    Args:
        seen: moments and what was seen.
        struck: when the fault began.
    """
    after = [(when, sight) for when, sight in seen if when >= struck]
    if not after:
        return Away(0.0, 0.0)
    final = after[-1][1].primary
    store = settled = struck
    # What was seen wrong lasted until the next look.
    for (_, sight), (following, _) in pairwise(after):
        if sight.primary != final:
            store = following
        if sight.primary != final or not sight.settled:
            settled = following
    return Away(store - struck, settled - struck)
