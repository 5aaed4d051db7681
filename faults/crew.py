"""``python -m faults.crew``: a process that writes until it is told to stop.

Its standard input gives a `Plan` as a line of JSON, and ends when it is to stop. Its standard
output says ``ready`` when every writer was acknowledged once, and at the end its ledger.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal, TypeAlias

import msgspec

from faults.talking import Call, Ledger, Surfaced, Talk, talk
from redialog import AsyncChatMemory, ChatMemory, RedialogError

Facade: TypeAlias = Literal["sync", "async"]
Durability: TypeAlias = Literal["acknowledged", "replicated"]
TTL_S = 3600
POLL_S = 0.01


class Writer(msgspec.Struct, frozen=True):
    """Who writes where.

    Attributes:
        name: of the writer.
        session: its id.
        user: whom the session belongs to.
    """

    name: str
    session: str
    user: str | None


class Plan(msgspec.Struct, frozen=True):
    """What a crew does.

    Attributes:
        facade: threads on a `ChatMemory`, or tasks on an `AsyncChatMemory`.
        durability: of the memory.
        url: of the store.
        namespace: of the memory.
        writers: a thread or a task each.
        options: more of the memory.
    """

    facade: Facade
    durability: Durability
    url: str
    namespace: str
    writers: tuple[Writer, ...]
    options: dict[str, Any] = {}


def opened(plan: Plan, kind: Any) -> Any:
    """The memory of a crew, of either facade."""
    return kind.from_url(
        plan.url,
        namespace=plan.namespace,
        ttl=TTL_S,
        durability=plan.durability,
        **plan.options,
    )


class _Crew:
    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.ledger = Ledger({writer.session: [] for writer in plan.writers}, [])
        self._over = threading.Event()
        threading.Thread(target=self._listen, daemon=True).start()
        threading.Thread(target=self._announce, daemon=True).start()

    def _listen(self) -> None:
        sys.stdin.read()
        self._over.set()

    def _announce(self) -> None:
        everybody = {writer.name for writer in self.plan.writers}
        while everybody - {one.writer for said in self.ledger.said.values() for one in said[:50]}:
            time.sleep(POLL_S)
        print("ready", flush=True)

    def talk(self, writer: Writer) -> Talk:
        said = self.ledger.said[writer.session]
        return talk(writer.name, said, self.ledger, self._over.is_set)

    def note(self, error: Exception) -> None:
        """An error that is none of the library's ends the writer, and the run fails by it."""
        self.ledger.errors.append(Surfaced(repr(error), doubt=True, typed=False))

    # With threads

    def run(self) -> None:
        memory: ChatMemory = opened(self.plan, ChatMemory)
        with memory, ThreadPoolExecutor(len(self.plan.writers)) as pool:
            list(pool.map(lambda writer: self._write(memory, writer), self.plan.writers))

    def _write(self, memory: ChatMemory, writer: Writer) -> None:
        chat = memory.session(writer.session, user_id=writer.user)
        steps = self.talk(writer)
        try:
            step = next(steps)
            while True:
                if isinstance(step, Call):
                    try:
                        chat.append(*step.messages, idempotency_key=step.key)
                    except RedialogError as error:
                        step = steps.throw(error)
                        continue
                else:
                    time.sleep(step)
                step = steps.send(None)
        except StopIteration:
            return
        except Exception as error:  # whatever it is, it belongs into the table
            self.note(error)

    # With tasks

    async def arun(self) -> None:
        memory: AsyncChatMemory = opened(self.plan, AsyncChatMemory)
        async with memory, asyncio.TaskGroup() as group:
            for writer in self.plan.writers:
                group.create_task(self._awrite(memory, writer))

    async def _awrite(self, memory: AsyncChatMemory, writer: Writer) -> None:
        chat = memory.session(writer.session, user_id=writer.user)
        steps = self.talk(writer)
        try:
            step = next(steps)
            while True:
                if isinstance(step, Call):
                    try:
                        await chat.append(*step.messages, idempotency_key=step.key)
                    except RedialogError as error:
                        step = steps.throw(error)
                        continue
                else:
                    await asyncio.sleep(step)
                step = steps.send(None)
        except StopIteration:
            return
        except Exception as error:  # whatever it is, it belongs into the table
            self.note(error)


def main() -> None:
    """Writes, and tells what was written."""
    crew = _Crew(msgspec.json.decode(sys.stdin.readline(), type=Plan))
    if crew.plan.facade == "sync":
        crew.run()
    else:
        asyncio.run(crew.arun())
    print(msgspec.json.encode(crew.ledger).decode(), flush=True)


if __name__ == "__main__":
    main()
