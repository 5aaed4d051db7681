"""What the sections share: a server, who takes part, how much is measured, and the progress."""

from __future__ import annotations

import asyncio

import msgspec

from benchmarks.contenders.base import Place
from benchmarks.progress import Progress
from benchmarks.timing import Pace


class Scale(msgspec.Struct, frozen=True):
    """How much is measured.

    Attributes:
        pace: of what is compared call by call.
        lengths: of sessions, messages.
        concurrent: of what many sessions do at once; its calls are turns.
        processes: as many as that side by side.
        listed: sessions of the small and of the large namespace.
        fresh: how many processes import each package.
        requests: through the gateway in each round.
        appends: in each round of the server's own statistics.
    """

    pace: Pace
    lengths: tuple[int, ...]
    concurrent: Pace
    processes: int
    listed: tuple[int, int]
    fresh: int
    requests: int
    appends: int


GLANCE = Scale(
    pace=Pace(rounds=15, seconds=0.01, cap_s=1.5),
    lengths=(10, 100, 1_000, 10_000),
    concurrent=Pace(rounds=5, seconds=0.3),
    processes=4,
    listed=(1_000, 100_000),
    fresh=5,
    requests=300,
    appends=1_000,
)
FULL = Scale(
    pace=Pace(rounds=31, seconds=0.02),
    lengths=(10, 100, 1_000, 10_000, 100_000),
    concurrent=Pace(rounds=9, seconds=1.0),
    processes=4,
    listed=(10_000, 1_000_000),
    fresh=21,
    requests=2_000,
    appends=5_000,
)


class Bench(msgspec.Struct):
    """One run.

    Attributes:
        url: of the server, which is empty at the beginning of each section.
        runner: for asyncio.
        names: of the contenders that can run here.
        scale: how much is measured.
        progress: says how far it is.
    """

    url: str
    runner: asyncio.Runner
    names: list[str]
    scale: Scale
    progress: Progress

    @property
    def place(self) -> Place:
        """Where contenders work."""
        return Place(self.url, self.runner, self.url)
