"""Contenders in turns, and the medians of the ratios within each round.

A machine that slows down slows all of them; so a ratio is one within a round, and a figure is the
median over the rounds.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping
from typing import TypeAlias

import msgspec

from benchmarks.contenders.base import Spent

Work: TypeAlias = Callable[[int], Spent]
"""Does something so many times."""

_MOST_CALLS = 20_000
_WARM_UP_US = 20_000
_SLOW_US = 500_000


class Series(msgspec.Struct):
    """What one contender took, round by round.

    Attributes:
        rounds: fewer than were asked for where there was no time for more.
        capped: whether that is so.
    """

    rounds: list[Spent] = []
    capped: bool = False

    @property
    def wall_us(self) -> float:
        """The median of a call."""
        return statistics.median(one.wall_us for one in self.rounds)

    @property
    def cpu_us(self) -> float:
        """The median CPU of a call."""
        return statistics.median(one.cpu_us for one in self.rounds)

    def ratio(self, base: Series) -> float:
        """The median of the ratios within each round, by the wall clock."""
        pairs = zip(self.rounds, base.rounds, strict=False)
        return statistics.median(ours.wall_us / theirs.wall_us for ours, theirs in pairs)

    def cpu_ratio(self, base: Series) -> float:
        """The same of the client's CPU."""
        pairs = zip(self.rounds, base.rounds, strict=False)
        return statistics.median(ours.cpu_us / (theirs.cpu_us or 1) for ours, theirs in pairs)


class Pace(msgspec.Struct, frozen=True):
    """How long to measure.

    Attributes:
        rounds: how many.
        seconds: of a contender in each; one call at least.
        cap_s: what one contender may take for all rounds; then it has fewer.
    """

    rounds: int
    seconds: float
    cap_s: float = 20.0


def interleaved(
    works: Mapping[str, Work], pace: Pace, tidy: Callable[[str], None] = lambda _: None
) -> dict[str, Series]:
    """Measures in turns, and begins each round with another one.

    Args:
        works: by name.
        pace: how long.
        tidy: called with a name before each of its rounds, outside of what is measured.
    """
    series = {name: Series() for name in works}
    calls, rounds = {}, {}
    # What neighbours' packages hold by the hundred thousand would be looked through each time.
    gc.collect()
    gc.freeze()
    for name, work in works.items():
        calls[name], rounds[name] = _sized(work, pace)
        series[name].capped = rounds[name] < pace.rounds
    order = list(works)
    for number in range(pace.rounds):
        for name in order:
            if number < rounds[name]:
                tidy(name)
                gc.collect()
                series[name].rounds.append(works[name](calls[name]))
        order.append(order.pop(0))
    gc.unfreeze()
    return series


def _sized(work: Work, pace: Pace) -> tuple[int, int]:
    """How many calls make a round, and for how many rounds there is time; warms up."""
    wall_us = work(1).wall_us
    if wall_us < _SLOW_US:
        wall_us = min(wall_us, work(1).wall_us)
    # The first call connects and imports, any one can be interrupted, and what is fast is slower at
    # first than later on.
    for calls in (1, 5, 50, 500):
        if wall_us * calls < _WARM_UP_US:
            wall_us = min(wall_us, work(calls).wall_us)
    calls = max(1, min(_MOST_CALLS, int(pace.seconds * 1e6 / wall_us)))
    return calls, max(1, min(pace.rounds, int(pace.cap_s * 1e6 / (wall_us * calls))))


def timed(work: Callable[[], object]) -> Work:
    """A call that is timed in a loop."""

    def run(calls: int) -> Spent:
        cpu, wall = time.process_time(), time.perf_counter()
        for _ in range(calls):
            work()
        spent, used = time.perf_counter() - wall, time.process_time() - cpu
        return Spent(spent / calls * 1e6, used / calls * 1e6)

    return run
