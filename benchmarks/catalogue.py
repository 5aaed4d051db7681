"""What a listing costs in a small and in a large namespace, and what Redis keeps for a session.

The large namespace is filled by plain pipelines with what the library's own writes leave: a million
appends one by one would take minutes. The newest sessions of each are written by the library.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Sequence

import redis

from benchmarks.contenders import ANSWER, QUESTION
from redialog import ChatMemory, Message
from redialog.keys import OwnLayout

SMALL, LARGE = 1_000, 1_000_000
PAGE = 50
# Sessions of LARGE that have a log; a listing's page looks at the newest few.
WITH_LOG = 20_000
TURNS = 10


def listing(url: str, rounds: int) -> dict[str, dict[str, float]]:
    """A page of a namespace with many sessions beside one with few."""
    client = redis.Redis.from_url(url)
    small = _filled(client, url, "small", SMALL)
    large = _filled(client, url, "large", LARGE)
    results = {}
    begin: list[str | None] = [None, None]
    for what, cursors in ("first page", begin), ("page 10", _cursors((small, large))):
        pairs = [_pair((small, large), cursors) for _ in range(rounds + 1)][1:]
        results[f"{what} of {LARGE:,} sessions beside one of {SMALL:,}"] = {
            "wall": statistics.median(big / little for little, big in pairs),
            "base_us": statistics.median(little for little, _ in pairs),
            "ours_us": statistics.median(big for _, big in pairs),
        }
    client.close()
    return results


def _pair(memories: Sequence[ChatMemory], cursors: Sequence[str | None]) -> list[float]:
    """Microseconds of one page in each."""
    spent = []
    for memory, cursor in zip(memories, cursors, strict=True):
        started = time.perf_counter()
        page = memory.sessions().page(limit=PAGE, cursor=cursor)
        spent.append((time.perf_counter() - started) * 1e6)
        assert len(page.sessions) == PAGE
    return spent


def _cursors(memories: Sequence[ChatMemory]) -> list[str | None]:
    found = []
    for memory in memories:
        cursor: str | None = None
        for _ in range(9):
            cursor = memory.sessions().page(limit=PAGE, cursor=cursor).cursor
        found.append(cursor)
    return found


def _filled(client: redis.Redis, url: str, namespace: str, sessions: int) -> ChatMemory:
    """A namespace with so many sessions, the last ones by the library itself."""
    memory = ChatMemory.from_url(url, namespace=namespace)
    layout = OwnLayout(namespace)
    first = int(time.time() * 1000) - sessions - 1000
    element = memory.session("pattern").append(Message.user("Hello there."))[0]._raw
    assert element is not None
    for start in range(0, sessions, 10_000):
        with client.pipeline(transaction=False) as pipeline:
            for number in range(start, min(start + 10_000, sessions)):
                keys = layout.session(f"0190163d-8694-739b-aea5-{number:012x}")
                pipeline.zadd(keys.sessions, {keys.member: first + number})
                if number >= sessions - WITH_LOG:
                    pipeline.lpush(keys.log, element)
            pipeline.execute()
        if sys.stderr.isatty():
            print(f"\r  {namespace}: {start:,} of {sessions:,} sessions", end="", file=sys.stderr)
    for number in range(PAGE):
        memory.session(f"own-{number}").append(Message.user("Hello there."))
    return memory


def memory_use(url: str) -> dict[str, float]:
    """Bytes that Redis keeps, averaged over a thousand sessions of ten turns."""
    client = redis.Redis.from_url(url)
    sessions = 2_000
    figures: dict[str, float] = {}
    for name, user_id, title in (("plain", None, None), ("owned", "user", "A title")):
        client.flushall()
        memory = ChatMemory.from_url(url, namespace=name, ttl=86_400)
        before = _used(client)
        json = 0
        for number in range(sessions):
            owner = None if user_id is None else f"user-{number % 100}"
            session = memory.session(f"0190163d-8694-739b-aea5-{number:012x}", user_id=owner)
            turns = [m for _ in range(TURNS) for m in (QUESTION, ANSWER)]
            stored = session.append(*map(Message.user, turns))
            json += sum(len(message._raw or b"") for message in stored)
            if title is not None:
                session.set_title(title)
        _forget_tokens(client)
        logs = sum(
            client.memory_usage(key, samples=0) or 0 for key in client.scan_iter("*:log:*", 1000)
        )
        total = _used(client) - before
        figures[f"{name}: log, per message"] = logs / sessions / 2 / TURNS
        figures[f"{name}: log, beside its JSON"] = logs / json
        figures[f"{name}: all besides the log, per session"] = (total - logs) / sessions
        memory.close()
    client.flushall()
    client.close()
    return figures


def _used(client: redis.Redis) -> int:
    return int(client.info("memory")["used_memory_dataset"])


def _forget_tokens(client: redis.Redis) -> None:
    """Deletes what would expire within a minute."""
    for key in client.scan_iter("*:op:*", 1000):
        client.delete(key)
