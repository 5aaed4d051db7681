"""What a soak leaves behind: in this process, on the server, and among the keys."""

from __future__ import annotations

import gc
import threading
import tracemalloc
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import redis

import redialog
from redialog import Message, keys
from tests.soak.talkers import BRIEF_S, LONG_S, USERS

TOKEN_MS = 60_000
APART_MS = 1_000
READ_SIZE, PARSER = 2**14, "hiredis.py"
_SOURCES = tuple(
    tracemalloc.Filter(True, str(Path(str(module.__file__)).parent / "*"))
    for module in (redialog, redis)
)


@dataclass(frozen=True)
class Resources:
    """Threads and file descriptors of this process."""

    threads: frozenset[str]
    descriptors: int

    @classmethod
    def now(cls) -> Resources:
        """Those there are."""
        names = frozenset(thread.name for thread in threading.enumerate())
        return cls(names, sum(1 for _ in Path("/dev/fd").iterdir()))


def allocated() -> int:
    """Bytes that this library and its client library hold; `tracemalloc` must be running.

    Without what goes to and fro by itself: the keys of sessions that were named lately (up to
    150 kB), and 16 kB to read into for each connection, which are counted elsewhere.
    """
    for one in gc.get_objects():
        if isinstance(one, keys._Known):
            one._keys.clear()
    gc.collect()
    traces = tracemalloc.take_snapshot().filter_traces(_SOURCES).traces
    return sum(one.size for one in traces if not _to_read_into(one))


def _to_read_into(trace: Any) -> bool:
    return trace.size >= READ_SIZE and Path(trace.traceback[0].filename).name == PARSER


class Counting:
    """A transport that counts what it passes on.

    Attributes:
        batches: how many it passed on.
        failed: how many of them failed.
    """

    def __init__(self, inner: Any) -> None:
        self.inner = inner
        self.batches = 0
        self.failed = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def execute(self, batch: Any, within: float | None = None) -> Any:
        """As the transport's, blocking or not."""
        self.batches += 1
        try:
            answer = self.inner.execute(batch, within)
        except ConnectionError:
            self.failed += 1
            raise
        return self._awaited(answer) if hasattr(answer, "__await__") else answer

    async def _awaited(self, answer: Any) -> Any:
        try:
            return await answer
        except ConnectionError:
            self.failed += 1
            raise


def check_keys(raw: Any) -> dict[str, int]:
    """Every key is one that belongs there and lives as long as it should.

    Returns:
        How many there are of each kind.
    """
    kinds: dict[str, int] = {}
    logs = {}
    for key in sorted(raw.keys()):
        _, _, rest = key.partition(b"}:")
        kind, _, name = rest.partition(b":")
        kinds[kind.decode()] = kinds.get(kind.decode(), 0) + 1
        assert key.startswith(b"redialog:{soak.")
        if kind in (b"op", b"stage"):
            left = raw.pttl(key)
            # Gone by now is as well.
            assert left == -2 or 0 < left <= TOKEN_MS, f"{key!r} lives for {left} ms"
        elif kind == b"log":
            logs[name] = raw.pexpiretime(key)
            assert (logs[name] > 0) == (not name.startswith(b"kept-")), f"{key!r}: {logs[name]}"
            assert raw.pttl(key) <= LONG_S * 1000
        elif kind == b"meta":
            # After its log, in the order of the names. Before Redis 7.2 each command of a script
            # has its own time: up to some ms later, never earlier.
            apart = raw.pexpiretime(key) - logs[name]
            assert 0 <= apart < APART_MS, f"{key!r} expires {apart} ms after its log"
        else:
            assert kind in (b"sessions", b"user"), f"what is {key!r}?"
            assert raw.pttl(key) == -1
    return kinds


def no_brief_ones(raw: Any) -> bool:
    """Whether the sessions with a short TTL are gone, with all that belonged to them."""
    assert BRIEF_S < LONG_S
    return not any(raw.scan_iter(match="redialog:*:brief-*", count=1000))


def dangling(raw: Any) -> set[bytes]:
    """Entries of the catalogue that lead to no session."""
    listed = {
        (key.partition(b"}:")[0], member)
        for pattern in ("redialog:*:sessions", "redialog:*:user:*")
        for key in raw.scan_iter(match=pattern, count=1000)
        for member in raw.zrange(key, 0, -1)
    }
    return {member for root, member in listed if not raw.exists(root + b"}:log:" + member)}


def users() -> list[str]:
    """All who own sessions."""
    return [f"user-{number}" for number in range(USERS)]


def texts(messages: list[Message]) -> list[str]:
    """Of all messages, none of which is damaged."""
    assert not any(message.damage for message in messages)
    return [message.text for message in messages]
