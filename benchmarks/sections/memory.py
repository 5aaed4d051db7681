"""What Redis keeps: a log beside its JSON, and what a session takes besides."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

import msgspec
import redis

from benchmarks.bench import Bench
from benchmarks.contenders import opened
from benchmarks.contenders.base import ANSWER, QUESTION
from benchmarks.report import Section, Table, number
from redialog import ChatMemory, Message

LENGTHS = (20, 200, 1_000)
SESSIONS = 2_000
KINDS: dict[str, tuple[str | None, str | None]] = {
    "without owner or title": (None, None),
    "with an owner": ("user", None),
    "with an owner and a title": ("user", "Lockers on the second floor"),
}
TURN = (QUESTION, ANSWER)
PARTS = {"meta": "companions", "user": "the user's catalogue", "sessions": "the catalogue"}
"""What lies beside a log, by the third part of its key's name."""


class Besides(msgspec.Struct, frozen=True):
    """Bytes that a session takes besides its log, averaged.

    Attributes:
        parts: by what `MEMORY USAGE` says of the keys of each kind.
        dataset: by all that the server keeps.
    """

    parts: Mapping[str, float]
    dataset: float

    @property
    def keys(self) -> float:
        """By all its keys."""
        return sum(self.parts.values())


def memory(bench: Bench) -> Section:
    """Logs, what is beside them, and the logs of the others."""
    bench.progress.begin("memory in Redis", len(LENGTHS) + len(KINDS) + len(bench.names))
    with redis.Redis.from_url(bench.url) as client:
        parts = [_logs(bench, client), _besides(bench, client), _others(bench, client)]
    return Section(
        {name: value for part in parts for name, value in part.figures.items()},
        [table for part in parts for table in part.tables],
    )


def _logs(bench: Bench, client: redis.Redis) -> Section:
    figures, rows = {}, []
    with ChatMemory.from_url(bench.url, namespace="logs", ttl=86_400) as memory:
        for length in LENGTHS:
            bench.progress.step(f"a log of {length:,}")
            ratio = log_ratio(client, memory, length)
            figures[f"memory: log at {length}"] = ratio
            rows.append([f"{length:,}", number(ratio)])
    return Section(figures, [Table("A log beside its JSON", ["messages", "ratio"], rows)])


def log_ratio(client: redis.Redis, memory: ChatMemory, length: int) -> float:
    """What Redis takes for a log, as a ratio to the bytes of its messages' JSON."""
    stored = memory.session(f"of-{length}").append(
        *(Message.user(TURN[place % 2]) for place in range(length))
    )
    [log] = client.scan_iter(f"*:log:of-{length}", 1_000)
    taken = client.memory_usage(log, samples=0) or 0
    return taken / sum(len(message._raw or b"") for message in stored)


def _besides(bench: Bench, client: redis.Redis) -> Section:
    figures, rows = {}, []
    for kind, (owner, title) in KINDS.items():
        bench.progress.step(f"{SESSIONS:,} sessions {kind}")
        taken = besides(bench.url, client, owner, title)
        figures[f"memory: besides, {kind}"] = taken.keys
        figures[f"memory: besides, {kind}, dataset"] = taken.dataset
        each = [taken.parts.get(part, 0) for part in PARTS]
        rows.append([kind, *(f"{size:.0f}" for size in (*each, taken.keys, taken.dataset))])
    note = (
        "At rest. By what `MEMORY USAGE` says of the keys; and by how `used_memory_dataset` grows "
        "but for the logs, which depends on when Redis last resized its tables."
    )
    head = ["session", *PARTS.values(), "all keys", "dataset"]
    return Section(figures, [Table("Bytes of a session besides its log", head, rows, note)])


def besides(
    url: str, client: redis.Redis, owner: str | None, title: str | None, sessions: int = SESSIONS
) -> Besides:
    """Bytes that a session takes besides its log, averaged; a hundred users have them all."""
    client.flushall()
    with ChatMemory.from_url(url, namespace="besides", ttl=86_400) as memory:
        before = _used(client)
        for number_ in range(sessions):
            user = None if owner is None else f"{owner}-{number_ % 100}"
            chat = memory.session(f"0190163d-8694-739b-aea5-{number_:012x}", user_id=user)
            chat.append(*(Message.user(text) for text in TURN))
            if title is not None:
                chat.set_title(title)
    _forget_tokens(client)
    sizes: Counter[str] = Counter()
    for key in set(client.scan_iter("*", 1_000)):
        sizes[key.split(b":")[2].decode()] += _sizes(client, [key])
    dataset = _used(client) - before - sizes.pop("log")
    client.flushall()
    return Besides({kind: size / sessions for kind, size in sizes.items()}, dataset / sessions)


def _forget_tokens(client: redis.Redis) -> None:
    """Deletes what would expire within a minute."""
    for key in list(client.scan_iter("*:op:*", 1_000)):
        client.delete(key)


def _others(bench: Bench, client: redis.Redis) -> Section:
    """All keys of one session by each contender, besides the message's text."""
    figures, rows = {}, []
    length = LENGTHS[0]
    text = sum(len(one) for one in TURN) * length / 2
    with opened(bench.names, bench.place) as contenders:
        for name, contender in contenders.items():
            bench.progress.step(name)
            client.flushall()
            contender.run("append", "session", length // 2)
            _forget_tokens(client)
            ratio = _sizes(client, list(client.scan_iter("*", 1_000))) / text
            figures[f"memory: {name}: beside its text"] = ratio
            rows.append([name, number(ratio)])
    note = "All keys of a session of 20 messages, its entry in a catalogue among them."
    head = ["contender", "ratio"]
    return Section(figures, [Table("A session beside the text in it", head, rows, note)])


def _sizes(client: redis.Redis, keys: Iterable[bytes]) -> int:
    return sum(client.memory_usage(key, samples=0) or 0 for key in keys)


def _used(client: redis.Redis) -> int:
    return int(client.info("memory")["used_memory_dataset"])
