"""What ``durability="replicated"`` costs where nothing is wrong: ratios of one run."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, NamedTuple

from faults.crew import Facade, opened
from faults.crews import plan
from faults.grounds import Ground, Topology
from faults.running import DURABILITIES, FACADES
from faults.turns import messages, turn
from redialog import AsyncChatMemory, ChatMemory

ROUNDS = 15
APPENDS = 40


class Cost(NamedTuple):
    """What an append takes one writer.

    Attributes:
        topology: of the store.
        facade: that writes.
        acknowledged_ms: with that durability.
        replicated_ms: the same.
        ratio: of both; the median over the rounds, within which they take turns.
    """

    topology: Topology
    facade: Facade
    acknowledged_ms: float
    replicated_ms: float
    ratio: float


def costs(ground: Ground) -> list[Cost]:
    """Measures on a store to which nothing happens, and that syncs its file once a second."""
    ground.clear()
    ground.configure({"appendfsync": "everysec"})
    try:
        return [_cost(ground, facade) for facade in FACADES]
    finally:
        ground.configure({"appendfsync": "always"})


def _cost(ground: Ground, facade: Facade) -> Cost:
    with ExitStack() as stack:
        appends = [_appends(ground, facade, stack, one) for one in DURABILITIES]
        for append in appends:
            _ms(append)
        pairs = [[_ms(append) for append in appends] for _ in range(ROUNDS)]
    acknowledged, replicated = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratio = statistics.median(slow / fast for fast, slow in pairs)
    return Cost(ground.topology, facade, acknowledged, replicated, ratio)


def _appends(
    ground: Ground, facade: Facade, stack: ExitStack, durability: Any
) -> Callable[[], object]:
    """Makes as many appends as are measured at once."""
    made = plan(facade, durability, ground.url(proxied=False), {})
    said = messages(turn("cost", 1))
    if facade == "sync":
        memory: ChatMemory = stack.enter_context(opened(made, ChatMemory))
        chat = memory.session("cost")
        return lambda: [chat.append(*said) for _ in range(APPENDS)]
    runner = stack.enter_context(asyncio.Runner())
    awaited: AsyncChatMemory = opened(made, AsyncChatMemory)
    stack.callback(lambda: runner.run(awaited.close()))
    session = awaited.session("cost")

    async def append() -> None:
        for _ in range(APPENDS):
            await session.append(*said)

    return lambda: runner.run(append())


def _ms(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) / APPENDS * 1000
