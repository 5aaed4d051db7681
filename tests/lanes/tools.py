"""What the tests of the lane say and look at."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from redialog import AsyncChatMemory
from redialog.effect import Batch
from redialog.transports.redis._lane import Lane
from redialog.transports.redis._lane_wire import Wire
from redialog.transports.rest._lane import Lane as RestLane
from tests.rest.front import Front
from tests.support.servers import wait_until


def echo(*words: str, writes: bool = False, alone: bool = False) -> Batch:
    """A batch whose replies are its own words."""
    commands = tuple((b"ECHO", word.encode()) for word in words)
    return Batch(commands, writes=writes, alone=alone)


def lane_of(memory: AsyncChatMemory) -> Lane:
    """The lane of a memory that has been used."""
    transport: Any = memory._transport
    found = transport._lane
    assert isinstance(found, Lane)
    return found


def wire_of(memory: AsyncChatMemory) -> Wire:
    """Its connection."""
    return lane_of(memory)._wire


def rest_lane_of(memory: AsyncChatMemory) -> RestLane:
    """The lane of a memory on a REST service that has been used."""
    transport: Any = memory._transport
    found = transport._lane
    assert isinstance(found, RestLane)
    return found


def rest_words(front: Front) -> list[list[str]]:
    """What each request asks to be echoed."""
    found = []
    for one in front.seen:
        document = json.loads(one.body)
        rows = document if one.path == "/pipeline" else [document]
        found.append([row[1] for row in rows if row[0] == "ECHO"])
    return found


def execute(memory: AsyncChatMemory, batch: Batch, **options: Any) -> asyncio.Task[Any]:
    """A batch in a task of its own."""
    transport: Any = memory._transport
    return asyncio.ensure_future(transport.execute(batch, **options))


async def until(condition: Callable[[], bool], what: str) -> None:
    """Polls beside the loop, so that the loop goes on."""
    await asyncio.to_thread(wait_until, condition, what=what)


async def in_flight(memory: AsyncChatMemory, calls: int) -> None:
    """Returns when at least so many calls are sent and not answered."""
    await until(lambda: len(wire_of(memory).flying) >= calls, f"{calls} are in flight")


async def turned(times: int = 3) -> None:
    """Lets the loop turn: tasks that were made have begun, and what they hand over is written."""
    for _ in range(times):
        await asyncio.sleep(0)


def run(scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Runs a scenario; what asyncio complains of beside it counts."""
    problems: list[object] = []

    async def watched() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, found: problems.append(found))
        await scenario()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(watched())
    assert problems == []


async def outcomes(calls: list[Awaitable[Any]] | list[asyncio.Task[Any]]) -> list[Any]:
    """What each call came to: its result or its error."""
    return await asyncio.gather(*calls, return_exceptions=True)
