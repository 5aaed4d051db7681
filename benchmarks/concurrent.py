"""``python -m benchmarks.concurrent``: many conversations in one event loop, beside redis-py.

Each of N tasks has a session of its own and loops: read the newest 20 messages, append a turn of
two. The contenders take turns in short rounds; a figure is the median over the rounds, a ratio the
median of the ratios within each. One more row has a single task, whose two calls are timed apart.

redis-py asyncio is used as an application would by hand: its pool, LPUSH and EXPIRE in one pipeline
(with MULTI, as it is made by default, and in one more row without), LRANGE into dicts with orjson.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import math
import statistics
import time
from collections.abc import Awaitable, Callable
from typing import Any

import redis.asyncio

from benchmarks.contenders import ANSWER, QUESTION, TTL_S, PlainRedisAsyncio
from redialog import AsyncChatMemory, Message
from tests.support.servers import Server

SESSIONS = 64
ROUND_S = 0.5
LENGTH = 40

Step = Callable[[str], Awaitable[object]]
Steps = tuple[Step, Step]
"""A window, and an append of a turn, of a session."""


def plain(url: str, *, transaction: bool) -> Steps:
    """redis-py asyncio, with its pool."""
    one: Any = PlainRedisAsyncio.__new__(PlainRedisAsyncio)
    one._client = redis.asyncio.Redis.from_url(url)
    return (
        (lambda name: one._range(name, 19)),
        (lambda name: one._append(name, transaction=transaction)),
    )


def ours(url: str, **options: Any) -> Steps:
    """This library."""
    memory = AsyncChatMemory.from_url(url, ttl=TTL_S, **options)

    def append(name: str) -> Awaitable[object]:
        chat = memory.session(name)
        return chat.append(Message.user(QUESTION), Message.assistant(ANSWER))

    return (lambda name: memory.session(name).window(messages=20)), append


async def filled(steps: Steps, prefix: str, sessions: int) -> None:
    """Makes sessions that a window of 20 fits in."""
    for number in range(sessions):
        for _ in range(LENGTH // 2):
            await steps[1](f"{prefix}{number}")


async def talking(steps: Steps, prefix: str, sessions: int, seconds: float) -> list[float]:
    """Lets many talk at once, and gives what each turn took, in seconds."""
    window, append = steps
    turns: list[float] = []
    clock = time.perf_counter
    until = clock() + seconds

    async def talk(name: str) -> None:
        while (began := clock()) < until:
            await window(name)
            await append(name)
            turns.append(clock() - began)

    await asyncio.gather(*(talk(f"{prefix}{number}") for number in range(sessions)))
    return turns


async def alone(step: Step, name: str, seconds: float) -> tuple[float, float]:
    """Wall and CPU microseconds of one call, with nothing beside it."""
    calls = 0
    began, cpu = time.perf_counter(), time.process_time()
    while (wall := time.perf_counter() - began) < seconds:
        await step(name)
        calls += 1
    return wall / calls * 1e6, (time.process_time() - cpu) / calls * 1e6


def p99(turns: list[float]) -> float:
    """The time that one turn in a hundred takes, or more; milliseconds."""
    return sorted(turns)[min(len(turns) - 1, math.ceil(0.99 * len(turns)))] * 1e3


async def measured(url: str, rounds: int, sessions: int) -> str:
    """A markdown table."""
    contenders = {
        "redis-py asyncio": plain(url, transaction=True),
        "the same without MULTI": plain(url, transaction=False),
        "redialog": ours(url),
        "redialog, coalesce=False": ours(url, coalesce=False),
    }
    prefixes = {name: f"bench-{index}-" for index, name in enumerate(contenders)}
    found: dict[str, list[list[float]]] = {name: [] for name in contenders}
    for name, steps in contenders.items():
        await filled(steps, prefixes[name], sessions)
        await talking(steps, prefixes[name], sessions, ROUND_S / 2)
    for _ in range(rounds):
        for name, steps in contenders.items():
            gc.collect()
            began = time.process_time()
            turns = await talking(steps, prefixes[name], sessions, ROUND_S)
            cpu = (time.process_time() - began) / len(turns) * 1e6
            row = [len(turns) / ROUND_S, p99(turns), cpu]
            for step in steps:
                row += await alone(step, prefixes[name] + "0", ROUND_S / 5)
            found[name].append(row)
    return table(found, sessions)


def table(found: dict[str, list[list[float]]], sessions: int) -> str:
    """The medians, and those of the ratios to the first contender."""
    heads = (
        *(f"turns/s of {sessions}", "p99, ms", "CPU of a turn, µs"),
        *("window of one task, µs", "its CPU", "append of one task, µs", "its CPU"),
    )
    lines = [f"| | {' | '.join(heads)} |", "|---" * (len(heads) + 1) + "|"]
    [base, *_] = found.values()
    for name, rows in found.items():
        cells = []
        for index in range(len(heads)):
            middle = statistics.median(row[index] for row in rows)
            ratio = statistics.median(
                row[index] / other[index] for row, other in zip(rows, base, strict=True)
            )
            cells.append(f"{middle:,.{2 if middle < 100 else 0}f} ({ratio:.2f})")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.concurrent", description=__doc__)
    parser.add_argument("--rounds", type=int, default=9, help="rounds of each figure")
    parser.add_argument("--sessions", type=int, default=SESSIONS)
    parser.add_argument("--server", choices=("redis", "valkey"), default="redis")
    options = parser.parse_args()
    with Server(options.server) as server:
        print(asyncio.run(measured(server.url, options.rounds, options.sessions)))


if __name__ == "__main__":
    main()
