"""After a time of random faults everything acknowledged is there, once, and nothing is left behind.

``REDIALOG_SOAK_SECONDS`` is how long it takes, ``REDIALOG_SOAK_SEED`` repeats the choices of a run
that failed (not its timing). ``pytest -s`` shows the figures.
"""

from __future__ import annotations

import asyncio
import os
import random
import threading
import tracemalloc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Self

import pytest
import redis

from redialog import AsyncChatMemory, ChatMemory
from tests.races.calling import arun, run
from tests.soak.ledger import Ledger
from tests.soak.talkers import BRIEF_S, KEPT, LONG_S, Talker, kept
from tests.soak.traces import (
    Counting,
    Resources,
    allocated,
    check_keys,
    dangling,
    no_brief_ones,
    texts,
    users,
)
from tests.soak.weather import Weather
from tests.support.proxy import FaultProxy
from tests.support.servers import Server, wait_until

SECONDS = float(os.environ.get("REDIALOG_SOAK_SECONDS", "12"))
SEED = os.environ.get("REDIALOG_SOAK_SEED") or os.urandom(4).hex()
THREADS, TASKS = 6, 8
SYNC_CONNECTIONS, ASYNC_CONNECTIONS = 4, 5
# Both times nobody talks; some 4 kB are usual. A leak of 50 bytes a call makes more in the
# shortest run.
MOST_GROWTH = 30_000
OPTIONS: dict[str, Any] = {
    "namespace": "soak",
    "ttl": LONG_S,
    "socket_timeout": 0.5,
    "socket_connect_timeout": 0.5,
    "timeout": 0.5,
}


@pytest.fixture
def server() -> Iterator[Server]:
    """One that nobody else has connections to: they are counted."""
    with Server("redis") as own:
        yield own


@pytest.fixture
def traced() -> Iterator[None]:
    """Allocations are traced."""
    tracemalloc.start()
    yield
    tracemalloc.stop()


class Crowd:
    """Threads over one memory and tasks over another.

    Attributes:
        memory: of the threads.
        counts: what both memories' transports have passed on.
    """

    def __init__(self, url: str) -> None:
        self.memory = ChatMemory.from_url(url, max_connections=SYNC_CONNECTIONS, **OPTIONS)
        self._async = AsyncChatMemory.from_url(url, max_connections=ASYNC_CONNECTIONS, **OPTIONS)
        self.counts = [Counting(self.memory._transport), Counting(self._async._transport)]
        many: list[Any] = [self.memory, self._async]
        for memory, count in zip(many, self.counts, strict=True):
            memory._transport = count
        self._over = threading.Event()
        stop = self._over.is_set
        self._threads = [Talker(f"thread{i}", self.memory, SEED, stop) for i in range(THREADS)]
        self._tasks = [Talker(f"task{i}", self._async, SEED, stop) for i in range(TASKS)]
        self._runner = asyncio.Runner()
        self._pool = ThreadPoolExecutor(THREADS)
        # The event loop has a thread of its own, in which it runs from time to time.
        self._loop = ThreadPoolExecutor(1)

    def __enter__(self) -> Self:
        """Nobody talks yet."""
        return self

    def __exit__(self, *_: object) -> None:
        """Ends the talk, closes both memories and looks whether a task is left."""
        self._over.set()
        self.memory.close()
        self._pool.shutdown()
        self._loop.submit(self._leave).result()
        self._loop.shutdown()

    def _leave(self) -> None:
        async def leave() -> None:
            await self._async.close()
            assert asyncio.all_tasks() == {asyncio.current_task()}

        with self._runner:
            self._runner.run(leave())

    @contextmanager
    def talking(self) -> Iterator[None]:
        """All talk; at the end all have finished what they were saying, and errors are raised."""

        async def together() -> None:
            await asyncio.gather(*(arun(one.calls()) for one in self._tasks))

        self._over.clear()
        futures = [self._loop.submit(lambda: self._runner.run(together()))]
        futures += [self._pool.submit(run, one.calls()) for one in self._threads]
        try:
            yield
        finally:
            self._over.set()
            for future in futures:
                future.result()

    @property
    def ledger(self) -> Ledger:
        """What all have said and heard."""
        return Ledger.merged(one.ledger for one in (*self._threads, *self._tasks))


@pytest.mark.timeout(SECONDS + 120)
def test_what_random_faults_leave_behind(server: Server, traced: None) -> None:
    """No message is lost or doubled, no turn split; no connection, task, key or memory leaks."""
    print(f"REDIALOG_SOAK_SEED={SEED}")
    with server.client() as raw, FaultProxy(server.host, server.port) as proxy:
        raw.ping()
        before = Resources.now()
        weather = Weather(proxy, server, random.Random(SEED))
        with Crowd(proxy.url) as crowd:
            with crowd.talking():
                weather.blow(SECONDS / 2)
            halfway = allocated()
            with crowd.talking():
                weather.blow(SECONDS / 2)
            growth = allocated() - halfway
            connections = len(raw.client_list()) - 1
            assert connections <= SYNC_CONNECTIONS + ASYNC_CONNECTIONS
            assert proxy.open_connections <= SYNC_CONNECTIONS + ASYNC_CONNECTIONS
        ledger = crowd.ledger
        wait_until(lambda: not proxy.open_connections, what="the clients have closed all")
        wait_until(lambda: len(raw.client_list()) == 1, what="the server has closed all")
        wait_until(
            lambda: Resources.now().descriptors <= before.descriptors, what="no file is open"
        )
        assert Resources.now().threads <= before.threads
        assert growth < MOST_GROWTH
        kinds = check_stored(server, raw, ledger)
        print(f"faults: {dict(weather.faults)}; {weather.requests} requests, {growth} bytes more")
    failed = sum(one.failed for one in crowd.counts)
    print(
        f"batches: {sum(one.batches for one in crowd.counts)}, sent again: {failed - ledger.failed}"
    )
    print(f"calls: {dict(ledger.done)}, {ledger.failed} failed, {dict(ledger.refused)}")
    turns = [sum(map(len, found.values())) for found in (ledger.acknowledged, ledger.doubtful)]
    print(f"turns acknowledged and in doubt: {turns}; connections: {connections}; keys: {kinds}")
    # Who got nothing done proves nothing, and neither does a storm that none of them noticed.
    assert len(ledger.sent) == THREADS + TASKS
    assert {name for found in ledger.acknowledged.values() for name, *_ in found} == {*ledger.sent}
    assert ledger.failed


def check_stored(server: Server, raw: redis.Redis, ledger: Ledger) -> dict[str, int]:
    """What the server holds is what the talkers were told, and nothing lives too long."""
    wait_until(lambda: no_brief_ones(raw), what="short sessions expire", timeout=BRIEF_S + 10)
    kinds = check_keys(raw)
    with ChatMemory.from_url(server.url, namespace="soak") as memory:
        listed = {one.session_id: one for one in memory.sessions()}
        for number in range(KEPT):
            session_id, user = kept(number)
            found = texts(memory.session(session_id).messages())
            ledger.check_sent(found)
            ledger.check_kept(session_id, found)
            if found:
                assert listed[session_id].user_id == user
                assert listed[session_id].count == len(found)
        for session_id in listed:
            if not session_id.startswith("kept-"):
                ledger.check_sent(texts(memory.session(session_id).messages()))
        assert len(listed) == kinds["log"]
        for user in users():
            mine = {one.session_id for one in memory.sessions(user)}
            assert mine == {one.session_id for one in listed.values() if one.user_id == user}
    assert not dangling(raw), "a listing drops what leads to no session"
    return kinds
