"""Many sessions at once: each reads its window and appends a turn, again and again.

In one process by tasks or threads, whichever a contender is for; and the same sessions dealt out to
several processes.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import statistics
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import TypeAlias

import msgspec

from benchmarks.bench import Bench
from benchmarks.contenders import open_one, opened
from benchmarks.contenders.base import Contender, Place
from benchmarks.report import Section, Table, number
from benchmarks.timing import Pace

SESSIONS = 64
LENGTH = 100
NAMES = [f"concurrent-{number}" for number in range(SESSIONS)]
ONE_PROCESS = ["LangChain JS"]
"""What stays out of several: it is a child process already."""

Turns: TypeAlias = Callable[[float], list[float]]
"""Lets all sessions talk for so many seconds, and returns the seconds of each turn."""


class Crowd(msgspec.Struct):
    """What one contender did, round by round.

    Attributes:
        per_second: turns.
        p50_ms: the median of a turn.
        p99_ms: what one in a hundred took at least.
    """

    per_second: list[float] = []
    p50_ms: list[float] = []
    p99_ms: list[float] = []

    def add(self, spent: list[float], seconds: float) -> None:
        """Takes in a round."""
        spent.sort()
        self.per_second.append(len(spent) / seconds)
        self.p50_ms.append(spent[len(spent) // 2] * 1e3)
        self.p99_ms.append(spent[len(spent) * 99 // 100] * 1e3)

    def against(self, base: Crowd) -> tuple[float, float]:
        """Turns per second and p99, as ratios to another one's in the same rounds."""
        speed = zip(self.per_second, base.per_second, strict=True)
        late = zip(self.p99_ms, base.p99_ms, strict=True)
        return (
            statistics.median(ours / theirs for ours, theirs in speed),
            statistics.median(ours / theirs for ours, theirs in late),
        )


def crowds(
    turns: dict[str, Turns], pace: Pace, tidy: Callable[[str], None], step: Callable[[str], None]
) -> dict[str, Crowd]:
    """Lets contenders take turns."""
    found = {name: Crowd() for name in turns}
    order = list(turns)
    for name in order:
        turns[name](pace.seconds / 2)
    for round_ in range(pace.rounds):
        step(f"round {round_ + 1}")
        for name in order:
            tidy(name)
            found[name].add(turns[name](pace.seconds), pace.seconds)
        order.append(order.pop(0))
    return found


def concurrent(bench: Bench) -> Section:
    """One process, then several."""
    pace, many = bench.scale.concurrent, bench.scale.processes
    section = Section()
    with opened(bench.names, bench.place) as contenders:
        for contender in contenders.values():
            for session in NAMES:
                contender.fill(session, LENGTH)

        def tidy(name: str) -> None:
            for session in NAMES:
                contenders[name].trim(session, LENGTH)

        bench.progress.begin(f"{SESSIONS} sessions in one process", pace.rounds)
        works = {name: in_one(contender) for name, contender in contenders.items()}
        found = crowds(works, pace, tidy, bench.progress.step)
        _tell(section, "one process", found, contenders)

        some = {name: one for name, one in contenders.items() if name not in ONE_PROCESS}
        bench.progress.begin(f"{SESSIONS} sessions in {many} processes", pace.rounds)
        with Workers(bench.url, many) as workers:
            spread = {name: workers.turns(name) for name in some}
            found = crowds(spread, pace, tidy, bench.progress.step)
        _tell(section, f"{many} processes", found, some)
    return section


def in_one(contender: Contender) -> Turns:
    """All sessions in this process."""
    return lambda seconds: contender.turns(NAMES, seconds)


def _tell(
    section: Section, where: str, found: dict[str, Crowd], contenders: dict[str, Contender]
) -> None:
    rows = []
    for name, one in found.items():
        beside = contenders[name].beside
        speed, late = one.against(found[beside])
        section.figures[f"{where}: {name}: turns"] = speed
        section.figures[f"{where}: {name}: p99"] = late
        section.figures[f"{where}: {name}: turns per second"] = statistics.median(one.per_second)
        times = (statistics.median(one.p50_ms), statistics.median(one.p99_ms))
        rows.append(
            [
                *(name, beside, number(speed), number(late)),
                *(f"{statistics.median(one.per_second):,.0f}", *map(number, times)),
            ]
        )
    head = [
        "contender",
        "beside",
        "turns, ratio",
        "p99, ratio",
        "turns per s",
        "p50, ms",
        "p99, ms",
    ]
    section.tables.append(
        Table(
            f"{SESSIONS} sessions in {where}",
            head,
            rows,
            "More turns are better; a lower p99 is. A turn reads the window and appends two "
            "messages; blocking contenders have a thread for each session, the others a task.",
        )
    )


class Workers:
    """Processes that each have a part of the sessions; ended with the ``with``."""

    def __init__(self, url: str, count: int) -> None:
        spawning = multiprocessing.get_context("spawn")
        self._pipes: list[Connection] = []
        self._processes = []
        for number_ in range(count):
            ours, theirs = spawning.Pipe()
            process = spawning.Process(
                target=_work, args=(url, NAMES[number_::count], theirs), daemon=True
            )
            self._pipes.append(ours)
            self._processes.append(process)

    def __enter__(self) -> Workers:
        for process in self._processes:
            process.start()
        return self

    def __exit__(self, *_: object) -> None:
        for pipe in self._pipes:
            pipe.send(None)
        for process in self._processes:
            process.join(10)
            process.kill()
            process.join()

    def turns(self, name: str) -> Turns:
        """What a contender does in all of them at once."""

        def together(seconds: float) -> list[float]:
            for request in ((name, 0.0), (name, seconds)):
                # First everybody gets ready, then all begin.
                for pipe in self._pipes:
                    pipe.send(request)
                answers = [pipe.recv() for pipe in self._pipes]
            return [spent for answer in answers for spent in answer]

        return together


def _work(url: str, sessions: list[str], pipe: Connection) -> None:
    with asyncio.Runner() as runner:
        contenders: dict[str, Contender] = {}
        while (request := pipe.recv()) is not None:
            name, seconds = request
            if name not in contenders:
                contenders[name] = open_one(name, Place(url, runner, url))
                contenders[name].turns(sessions, 0.05)
            pipe.send(contenders[name].turns(sessions, seconds) if seconds else [])
        for contender in contenders.values():
            contender.close()
