"""The suite in its short form: fails on a gross regression, and on no clock.

Ratios of one run, in turns, with limits far above what is measured; one that is over its limit is
measured once more before it counts. Round trips, bytes and memory are counted, so their limits are
what they are today: who makes one larger says so here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import msgspec
import redis

from benchmarks.bench import Bench, Scale
from benchmarks.contenders import opened
from benchmarks.contenders.base import Operation
from benchmarks.progress import Silent
from benchmarks.sections.concurrent import LENGTH, NAMES, crowds, in_one
from benchmarks.sections.contexts import contexts
from benchmarks.sections.gateway import gateway
from benchmarks.sections.imports import BARE, times
from benchmarks.sections.memory import besides, log_ratio
from benchmarks.sections.single import single
from benchmarks.sections.wire import Counts, counted
from benchmarks.timing import Pace
from redialog import ChatMemory

SHORT = Scale(
    # Many short rounds: fewer of them are struck by what else the machine does.
    pace=Pace(rounds=17, seconds=0.005, cap_s=2.0),
    lengths=(100, 1_000),
    concurrent=Pace(rounds=5, seconds=0.2),
    processes=1,
    listed=(0, 0),
    fresh=5,
    requests=150,
    appends=0,
)
SINGLE = [
    *("redis-py", "redialog", "redialog, LangChain", "langchain-community"),
    *("redis-py asyncio", "redialog asyncio"),
]
CONCURRENT = ["redis-py asyncio", "redialog asyncio"]

MOST: dict[str, float] = {
    "append at 1000: redialog: ratio": 2.0,
    "append at 1000: redialog: CPU ratio": 1.3,
    "append at 1000: redialog asyncio: ratio": 1.8,
    "window at 1000: redialog: ratio": 1.7,
    "window at 1000: redialog: CPU ratio": 1.7,
    "window at 1000: redialog asyncio: ratio": 1.8,
    "everything at 1000: redialog: ratio": 1.9,
    "growth: redialog: window": 2.2,
    "growth: redialog: append": 2.2,
    "growth: redialog asyncio: append": 2.2,
    "one process: redialog asyncio: p99": 2.5,
    "context: beside its window": 5.0,
    "context: growth, tokens": 2.2,
    "adapter: window at 100": 0.8,
    "adapter: everything at 1000": 0.6,
    "gateway: append": 3.0,
    "import: redialog beside redis-py": 0.5,
}
LEAST: dict[str, float] = {"one process: redialog asyncio: turns": 1.5}

COUNTED: dict[str, dict[Operation, Counts]] = {
    "redialog": {
        "append": Counts(1, 1_180, 47),
        "window": Counts(1, 66, 8_999),
        "everything": Counts(2, 141, 428_446),
    },
    "redialog asyncio": {
        "append": Counts(1, 1_212, 47),
        "window": Counts(1, 74, 8_999),
        "everything": Counts(2, 157, 428_446),
    },
    "redialog, LangChain": {
        "append": Counts(1, 1_186, 51),
        "window": Counts(1, 116, 8_467),
        "everything": Counts(2, 109, 384_402),
    },
}
"""What a turn, a window of 20 and 1,000 messages are on the wire, at most."""
LOG_BESIDE_JSON = 1.05
BESIDES: dict[str | None, dict[str, float]] = {
    "user": {"meta": 231, "user": 150, "sessions": 75},
    None: {"sessions": 75},
}
"""Bytes of a session besides its log, by kind of key, with an owner and a title and without."""
_SESSIONS = 1_000


def _single(bench: Bench) -> dict[str, float]:
    return single(msgspec.structs.replace(bench, names=SINGLE)).figures


def _concurrent(bench: Bench) -> dict[str, float]:
    with opened(CONCURRENT, bench.place) as contenders:
        for contender in contenders.values():
            for session in NAMES:
                contender.fill(session, LENGTH)
        works = {name: in_one(contender) for name, contender in contenders.items()}
        found = crowds(works, bench.scale.concurrent, lambda _: None, bench.progress.step)
    turns, p99 = found["redialog asyncio"].against(found["redis-py asyncio"])
    return {
        "one process: redialog asyncio: turns": turns,
        "one process: redialog asyncio: p99": p99,
    }


def _imports(bench: Bench) -> dict[str, float]:
    spent = times(bench, [BARE, "redialog", "redis-py"])
    bare = min(spent[BARE])
    return {
        "import: redialog beside redis-py": (min(spent["redialog"]) - bare)
        / (min(spent["redis-py"]) - bare)
    }


PARTS: tuple[Callable[[Bench], dict[str, float]], ...] = (
    _single,
    _concurrent,
    lambda bench: contexts(bench).figures,
    lambda bench: gateway(bench).figures,
    _imports,
)


def bench(place_url: str, runner: asyncio.Runner) -> Bench:
    """A short run."""
    return Bench(place_url, runner, SINGLE, SHORT, Silent())


def over(figures: Mapping[str, float]) -> list[str]:
    """The ratios that are beyond their limits."""
    found = [
        f"{name} is {figures[name]:.2f}, and may be {most} at most"
        for name, most in MOST.items()
        if name in figures and figures[name] > most
    ]
    return found + [
        f"{name} is {figures[name]:.2f}, and must be {least} at least"
        for name, least in LEAST.items()
        if name in figures and figures[name] < least
    ]


def ratios(bench: Bench) -> tuple[dict[str, float], list[str]]:
    """Measures all; a part in which something is over its limit, once more.

    Returns:
        The figures, and what was over its limit both times.
    """
    figures: dict[str, float] = {}
    wrong: list[str] = []
    for part in PARTS:
        found = part(bench)
        if over(found):
            again = part(bench)
            found = {name: better(name, value, again[name]) for name, value in found.items()}
        figures |= found
        wrong += over(found)
    return figures, wrong


def better(name: str, first: float, second: float) -> float:
    """Of two measurements the one that is in favour."""
    return max(first, second) if name in LEAST else min(first, second)


def counts(bench: Bench) -> list[str]:
    """What takes more round trips or bytes than it may."""
    wrong = []
    for name, limits in COUNTED.items():
        for operation, one in counted(bench.place, name).items():
            for field in one.__struct_fields__:
                value, most = getattr(one, field), getattr(limits[operation], field)
                if value > most:
                    wrong.append(f"{name}, {operation}: {value:,} {field}, and {most:,} at most")
    return wrong


def kept(bench: Bench) -> list[str]:
    """What takes more of the server's memory than it may."""
    wrong = []
    with redis.Redis.from_url(bench.url) as client:
        with ChatMemory.from_url(bench.url, namespace="logs", ttl=86_400) as memory:
            ratio = log_ratio(client, memory, 20)
        if ratio > LOG_BESIDE_JSON:
            wrong.append(f"a log is {ratio:.3f} of its JSON, and {LOG_BESIDE_JSON} at most")
        for owner, most in BESIDES.items():
            title = owner and "Lockers on the second floor"
            taken = besides(bench.url, client, owner, title, _SESSIONS).parts
            wrong += [
                f"a session takes {size:.1f} bytes of {kind!r}, and {most.get(kind, 0)} at most"
                for kind, size in taken.items()
                if size > most.get(kind, 0)
            ]
    return wrong
