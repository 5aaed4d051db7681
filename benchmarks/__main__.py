"""``python -m benchmarks``: this library beside plain redis-py, as ratios of one run.

The contenders take turns in short rounds, so that a machine that slows down slows all of them; a
figure is the median over the rounds of the ratio within each. Absolute times are printed only to
show in which regime the ratios were taken.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks import catalogue, contexts
from benchmarks.contenders import (
    Contender,
    PlainRedis,
    PlainRedisAsyncio,
    Redialog,
    RedialogAsyncio,
)
from tests.support.servers import Server

LENGTHS = (10, 1_000, 100_000)
FULL_READS = LENGTHS
ROUND_S = 0.05

# What a ratio may come to, by the beginning of an operation's name. Checked by hand and before a
# release (`--check`), never in CI: a shared machine would decide it.
LIMITS = {
    "window of 20 at": 1.2,
    "append of a turn at": 1.2,
    "full read of 1,000": 1.5,
    f"window of 20 at {LENGTHS[-1]:,} beside": 1.2,
    f"context of {contexts.BUDGET:,} tokens at {contexts.LONG:,}": 1.3,
    f"context of {contexts.BUDGET:,} tokens at {contexts.MIDDLE:,}": 2.0,
    "context of 10 turns": 1.3,
    "first page of": 1.5,
    "page 10 of": 1.5,
}

HEADS = {
    "contexts": "context | ratio | limit | beside, µs | context, µs",
    "listings": "page | ratio | limit | small, µs | large, µs",
}

Figures = dict[str, list[float]]


def measured(work: Callable[[], object], seconds: float) -> tuple[float, float]:
    """Wall and CPU microseconds of one call, over a round of at least ``seconds``."""
    calls, wall, cpu = 0, time.perf_counter(), time.process_time()
    while True:
        work()
        calls += 1
        now = time.perf_counter()
        if now - wall >= seconds:
            return (now - wall) / calls * 1e6, (time.process_time() - cpu) / calls * 1e6


def compare(
    baseline: Contender,
    ours: Contender,
    work: Callable[[Contender], Callable[[], object]],
    rounds: int,
) -> dict[str, float]:
    """The medians of one operation: wall and CPU of both, and the ratios round by round."""
    figures: Figures = {"wall": [], "cpu": [], "base_us": [], "ours_us": []}
    pair = (work(baseline), work(ours))
    for one in pair:
        measured(one, ROUND_S / 2)
    for _ in range(rounds):
        gc.collect()
        (base_wall, base_cpu), (our_wall, our_cpu) = (measured(one, ROUND_S) for one in pair)
        figures["wall"].append(our_wall / base_wall)
        figures["cpu"].append(our_cpu / base_cpu)
        figures["base_us"].append(base_wall)
        figures["ours_us"].append(our_wall)
    return {name: statistics.median(values) for name, values in figures.items()}


def sections(baseline: Contender, ours: Contender, rounds: int) -> dict[str, dict[str, float]]:
    """Each operation at each length of the session."""
    results: dict[str, dict[str, float]] = {}
    for length in LENGTHS:
        name = f"bench-{length}"
        baseline.fill("plain:" + name, length)
        ours.fill(name, length)

        def of(contender: Contender, name: str = name) -> str:
            return name if contender is ours else "plain:" + name

        results[f"window of 20 at {length:,}"] = compare(
            baseline, ours, lambda c: lambda: c.window(of(c)), rounds
        )
        if length in FULL_READS:
            results[f"full read of {length:,}"] = compare(
                baseline, ours, lambda c: lambda: c.everything(of(c)), rounds
            )
        # Last, since they make the session longer.
        results[f"append of a turn at {length:,}"] = compare(
            baseline, ours, lambda c: lambda: c.append(of(c)), rounds
        )
        results[f"the same beside commands that can be split, at {length:,}"] = compare(
            baseline, ours, lambda c: lambda: c.append_split(of(c)), rounds
        )
        if sys.stderr.isatty():
            print(f"  {ours.name}: {length:,} messages done", file=sys.stderr)
    return results


def growth(ours: Contender, rounds: int) -> dict[str, dict[str, float]]:
    """The window of a long session beside that of a short one."""
    short, long = LENGTHS[0], LENGTHS[-1]
    ours.fill("bench-short", 20)
    return {
        f"window of 20 at {long:,} beside the same at {short * 2}": compare(
            ours,
            ours,
            _alternating(lambda: ours.window("bench-short"), lambda: ours.window(f"bench-{long}")),
            rounds,
        )
    }


def _alternating(
    first: Callable[[], object], second: Callable[[], object]
) -> Callable[[Contender], Callable[[], object]]:
    order = iter((first, second))
    return lambda _: next(order)


def limit(name: str) -> float | None:
    """The limit of an operation's ratio; the most specific one."""
    return LIMITS.get(max((key for key in LIMITS if name.startswith(key)), key=len, default=""))


def too_slow(everything: dict[str, dict[str, dict[str, float]]]) -> list[str]:
    """The operations over their limit."""
    return [
        f"{title}: {name}: {row['wall']:.2f}, the limit is {most:.2f}"
        for title, results in everything.items()
        for name, row in results.items()
        if (most := limit(name)) is not None and row["wall"] > most
    ]


def table(title: str, results: dict[str, dict[str, float]]) -> str:
    """A markdown table of one pair of contenders."""
    lines = [
        f"### {title}",
        "",
        "| operation | ratio (wall) | limit | ratio (client CPU) | baseline, µs | redialog, µs |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {name} | {row['wall']:.2f} | {limit(name) or ''} | {row['cpu']:.2f} "
        f"| {row['base_us']:.0f} | {row['ours_us']:.0f} |"
        for name, row in results.items()
    ]
    return "\n".join([*lines, ""])


def pairs_table(title: str, head: str, results: dict[str, dict[str, float]]) -> str:
    """A markdown table of what is compared with itself elsewhere."""
    lines = [f"### {title}", "", f"| {head} |", "|---|---|---|---|---|"]
    lines += [
        f"| {name} | {row['wall']:.2f} | {limit(name)} "
        f"| {row['base_us']:.0f} | {row['ours_us']:.0f} |"
        for name, row in results.items()
    ]
    return "\n".join([*lines, ""])


def memory_table(bytes_: dict[str, float]) -> str:
    """A markdown table of what Redis keeps."""
    lines = ["### memory in Redis", "", "| what | bytes, or ratio |", "|---|---|"]
    lines += [f"| {name} | {value:.{2 if value < 10 else 0}f} |" for name, value in bytes_.items()]
    return "\n".join([*lines, ""])


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench ARGS=", description=__doc__)
    parser.add_argument("--rounds", type=int, default=15, help="rounds of each figure")
    parser.add_argument("--server", choices=("redis", "valkey"), default="redis")
    parser.add_argument("--check", action="store_true", help="fail where a ratio is over its limit")
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    options = parser.parse_args()
    with Server(options.server) as server, asyncio.Runner() as runner:
        pairs: list[tuple[Contender, Contender]] = [
            (PlainRedis(server.url), Redialog(server.url)),
            (PlainRedisAsyncio(server.url, runner), RedialogAsyncio(server.url, runner)),
        ]
        everything = {}
        for baseline, ours in pairs:
            title = f"{ours.name}, as a ratio to {baseline.name}"
            results = sections(baseline, ours, options.rounds) | growth(ours, options.rounds)
            everything[title] = results
            print(table(title, results))
        kept = catalogue.memory_use(server.url)
        everything["contexts"] = contexts.contexts(server.url, options.rounds)
        everything["listings"] = catalogue.listing(server.url, options.rounds)
        for title, head in HEADS.items():
            print(pairs_table(title, head, everything[title]))
        print(memory_table(kept))
        if options.json:
            options.json.parent.mkdir(parents=True, exist_ok=True)
            options.json.write_text(json.dumps(everything, indent=1))
    slow = too_slow(everything)
    print("\n".join(slow) or "every ratio is within its limit", file=sys.stderr)
    if options.check and slow:
        sys.exit(1)


if __name__ == "__main__":
    main()
