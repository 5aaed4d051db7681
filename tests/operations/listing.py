"""A catalogue and the sessions that it lists, answering as a server does; some of them are gone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from redialog.effect import Batch, Replies
from redialog.keys import Layout, OwnLayout, SharedLayout, bucket
from tests.operations.tools import arguments_of, element, keys_of, script_name

LAYOUTS: list[Layout] = [OwnLayout("n"), SharedLayout("n", ""), SharedLayout("n", "p:")]


def ids_of(number: int, count: int) -> list[str]:
    """So many session ids of one bucket."""
    found = (f"s{i}" for i in range(1_000_000))
    matching = (name for name in found if bucket(name.encode()) == number)
    return [next(matching) for _ in range(count)]


def in_order(scores: Mapping[str, int]) -> list[str]:
    """The ids as a listing gives them: newest activity first, then by id from the last."""
    return sorted(scores, key=lambda name: (scores[name], name.encode()), reverse=True)


class Listing:
    """The catalogue and the sessions of a layout.

    Args:
        layout: where they lie.
        scores: the sessions in the catalogue, with their activity.
        there: those of them that still have messages.
        user: whose catalogue it is.
        shape: how a protocol gives members with scores.
        owners: whose a session is, where that is not ``user``.
    """

    def __init__(
        self,
        layout: Layout,
        scores: Mapping[str, int],
        there: Iterable[str],
        user: str | None = None,
        *,
        shape: str = "flat",
        owners: Mapping[str, str] | None = None,
    ) -> None:
        self.dropped: list[tuple[Any, ...]] = []
        self.batches: list[str] = []
        self._sets: dict[bytes, list[tuple[int, bytes]]] = {}
        for name, score in scores.items():
            keys = layout.session(name, user)
            key = keys.sessions if user is None else keys.user
            assert key is not None
            self._sets.setdefault(key, []).append((score, name.encode()))
        for entries in self._sets.values():
            entries.sort(reverse=True)
        owner = {name: (owners or {}).get(name, user or "") for name in there}
        self._logs = {layout.session(name).log: owner[name].encode() for name in owner}
        self._shape = shape

    def __call__(self, batch: Batch) -> Replies:
        kinds = {self._kind(command) for command in batch.commands}
        [kind] = kinds
        self.batches.append(kind)
        # Only what drops entries changes anything.
        assert (batch.writes, batch.resend_key) == (kind == "drop", None)
        return [self._reply(kind, command) for command in batch.commands]

    def _kind(self, command: Any) -> str:
        return "read" if command[0] == b"ZRANGE" else script_name(command)

    def _reply(self, kind: str, command: Any) -> Any:
        if kind == "read":
            return self._shaped(self._below(*command[1:]))
        log, *_ = keys_of(command)
        if kind == "info":
            if log not in self._logs:
                return [0]
            return [1, -1, element(0), b"", self._logs[log], b"", b"", b"", b""]
        assert kind == "drop"
        self.dropped.append((keys_of(command), arguments_of(command)))
        return 1

    def _below(self, key: bytes, top: Any, low: bytes, *flags: Any) -> list[tuple[int, bytes]]:
        *named, offset, count, with_scores = flags
        assert (low, named, offset) == (b"-inf", [b"BYSCORE", b"REV", b"LIMIT"], 0)
        assert with_scores == b"WITHSCORES"
        found = [e for e in self._sets.get(key, []) if top == b"+inf" or e[0] <= top]
        assert 0 < count <= 4096, "a short read"
        return found[:count]

    def _shaped(self, some: list[tuple[int, bytes]]) -> Any:
        if self._shape == "flat":
            return [part for score, member in some for part in (member, b"%d" % score)]
        if self._shape == "text":
            return [part for score, member in some for part in (member.decode(), str(score))]
        return [[member, float(score)] for score, member in some]
