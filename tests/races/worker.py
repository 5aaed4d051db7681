"""A process of its own with lanes of its own; started by `fleet`, told by lines of JSON.

The first line says what it is (`Crew`), each further one starts a round (`Round`) and is answered
with the lanes' records. The end of its input ends it.
"""

from __future__ import annotations

import asyncio
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec

from redialog import AsyncChatMemory, ChatMemory
from tests.races.calling import arun, run
from tests.races.lanes import Lane, Record, Round


class Crew(msgspec.Struct):
    """What a process is told at first.

    Attributes:
        url: of the server, or of a proxy before it.
        facade: ``sync`` with a thread for each lane, or ``async`` with a task.
        lanes: a letter for each.
        session: id of the session.
        options: of the memory.
        user: whom the handles of every other lane name.
    """

    url: str
    facade: str
    lanes: str
    session: str
    options: dict[str, Any]
    user: str | None


def _lanes(memory: Any, crew: Crew, told: Round) -> list[Lane]:
    cap = crew.options.get("max_messages")
    users = [crew.user if ord(name) % 2 else None for name in crew.lanes]
    return [
        Lane(name, memory.session(crew.session, user_id=user), told, cap)
        for name, user in zip(crew.lanes, users, strict=True)
    ]


def _answer(found: list[list[Record]]) -> None:
    sys.stdout.buffer.write(msgspec.json.encode([one for lane in found for one in lane]) + b"\n")
    sys.stdout.buffer.flush()


def _sync(crew: Crew) -> None:
    with (
        ChatMemory.from_url(crew.url, **crew.options) as memory,
        ThreadPoolExecutor(len(crew.lanes)) as threads,
    ):
        for line in sys.stdin.buffer:
            lanes = _lanes(memory, crew, msgspec.json.decode(line, type=Round))
            _answer(list(threads.map(lambda lane: run(lane.calls()), lanes)))


def _async(crew: Crew) -> None:
    async def play(line: bytes) -> None:
        lanes = _lanes(memory, crew, msgspec.json.decode(line, type=Round))
        _answer(await asyncio.gather(*(arun(lane.calls()) for lane in lanes)))

    with asyncio.Runner() as runner:
        memory = AsyncChatMemory.from_url(crew.url, **crew.options)
        for line in sys.stdin.buffer:
            runner.run(play(line))
        runner.run(memory.close())


if __name__ == "__main__":
    first = msgspec.json.decode(sys.stdin.buffer.readline(), type=Crew)
    (_sync if first.facade == "sync" else _async)(first)
