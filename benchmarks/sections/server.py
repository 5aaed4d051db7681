"""What an append makes the server work, as the server counts it."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

import redis

from benchmarks.bench import Bench
from benchmarks.contenders import FASTEST, opened
from benchmarks.contenders.base import Contender
from benchmarks.report import Section, Table, number

SESSION = "server"
LENGTH = 1_000
NAMES = ["redis-py", *FASTEST, "redialog"]
BASE = next(iter(FASTEST))
INNER = ("lpush", "expire")
"""What the plain ones ask for; the queueing and MULTI and EXEC around it are not counted, and the
calls that a script makes are counted with the script."""


def server(bench: Bench) -> Section:
    """Microseconds of an append in the server: of its commands, and of the whole process."""
    rounds, appends = bench.scale.pace.rounds, bench.scale.appends
    bench.progress.begin("CPU of the server", rounds)
    commands: dict[str, list[float]] = {name: [] for name in NAMES}
    whole: dict[str, list[float]] = {name: [] for name in NAMES}
    with (
        redis.Redis.from_url(bench.url) as client,
        opened(NAMES, bench.place) as contenders,
    ):
        for contender in contenders.values():
            contender.fill(SESSION, LENGTH)
            contender.run("append", SESSION, 100)
        for round_ in range(rounds):
            bench.progress.step(f"round {round_ + 1}")
            for name, contender in contenders.items():
                contender.trim(SESSION, LENGTH)
                one, all_ = _appends(client, contender, appends)
                commands[name].append(one)
                whole[name].append(all_)
    return _told(commands, whole)


def _appends(client: redis.Redis, contender: Contender, calls: int) -> tuple[float, float]:
    """Microseconds for each append: of the commands themselves, and of everything."""
    client.config_resetstat()
    before = _cpu_s(client)
    contender.run("append", SESSION, calls)
    used = (_cpu_s(client) - before) / calls * 1e6
    stats = client.info("commandstats")
    counted = ("evalsha",) if "cmdstat_evalsha" in stats else INNER
    return sum(stats[f"cmdstat_{name}"]["usec"] for name in counted) / calls, used


def _cpu_s(client: redis.Redis) -> float:
    """Seconds of the server's main thread."""
    found = client.info("cpu")
    return float(found["used_cpu_sys_main_thread"] + found["used_cpu_user_main_thread"])


def _told(commands: dict[str, list[float]], whole: dict[str, list[float]]) -> Section:
    section = Section()
    rows = []
    for name, each in commands.items():
        figures = {
            "us": statistics.median(each),
            "least us": min(each),
            "ratio": _ratio(each, commands[BASE]),
            "whole us": statistics.median(whole[name]),
            "whole ratio": _ratio(whole[name], whole[BASE]),
        }
        section.figures |= {f"server: {name}: {what}": value for what, value in figures.items()}
        rows.append([name, *map(number, figures.values())])
    note = (
        "The commands as `INFO commandstats` has them: EVALSHA with all that it calls, or LPUSH "
        "and EXPIRE. The process with reading, parsing and answering, by `INFO cpu`."
    )
    head = ["append by", "commands, µs", "least, µs", "ratio", "whole process, µs", "ratio"]
    section.tables.append(Table("CPU of the server for an append", head, rows, note))
    return section


def _ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    return statistics.median(a / b for a, b in zip(ours, theirs, strict=True))
