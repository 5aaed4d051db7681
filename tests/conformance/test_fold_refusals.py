"""A server that is full or read-only: a fold is refused whole, and works when it can."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import redis

from redialog import ChatMemory, OutOfMemory, ReadOnly, drive
from redialog.ops import fold
from redialog.ops._scripts import Write
from redialog.testing.conformance._folding import Notes, compact, covered, policy, said, shown
from redialog.testing.conformance._tools import everything, expire_now, keys_of, texts
from redialog.testing.conformance.summaries import begun
from redialog.tokens import Costs
from tests.support.servers import Server, replica_of, wait_in_sync

COSTS = Costs(lambda _: 36)


@pytest.fixture(params=["redis", "valkey"])
def alone(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server that nobody else uses."""
    with Server(request.param) as server:
        yield server


@pytest.mark.parametrize("retention", ["keep", "drop"])
def test_a_full_server_keeps_no_summary(alone: Server, retention: Any) -> None:
    """The session is as it was, but for a lease that runs out; later all goes on."""
    with alone.client() as raw, ChatMemory.from_url(alone.url, ttl=300) as memory:
        chat, keys = begun(memory.session("s")), keys_of("s")
        chat.append(*said(19, 24, leading=2))
        before, notes = everything(raw), Notes(lambda: raw.config_set("maxmemory", 1))
        with pytest.raises(OutOfMemory):
            compact(chat, notes, retention=retention)
        after = everything(raw)
        assert after.pop(keys.lease) is not None
        assert after == before
        # Nobody is asked for a summary that could not be kept.
        expire_now(raw, keys.lease)
        with pytest.raises(OutOfMemory):
            compact(chat, notes, retention=retention)
        assert len(notes.given) == 1
        assert len(shown(chat, summarizer=policy(notes))) == 2 + 1 + 10
        raw.config_set("maxmemory", 0)
        assert compact(chat, notes, retention=retention) is not None
        assert covered(chat)[1:] == ([2, 2] if retention == "drop" else [14, 8])


def test_a_failure_is_noted_on_a_full_server(alone: Server) -> None:
    """Giving the lease back frees memory; so the next ones know that they have to wait."""
    with alone.client() as raw, ChatMemory.from_url(alone.url) as memory:
        chat = memory.session("s")
        chat.append(*said(1, 12))
        notes = Notes(lambda: raw.config_set("maxmemory", 1), RuntimeError("down"))
        shown(chat, summarizer=policy(notes))
        assert raw.exists(keys_of("s").lease) == 0
        failure = chat.info().summary_failure
        assert failure is not None
        assert failure.times == 1


def test_a_replica_keeps_no_summary(alone: Server) -> None:
    """It can be read there; neither a lease nor a summary nor a failure is written."""
    with alone.client() as raw, ChatMemory.from_url(alone.url) as memory:
        chat = begun(memory.session("s"))
        chat.append(*said(19, 25, leading=2))
        write, rolling = Write(keys_of("s"), "t1"), policy(Notes())
        begins = drive.run(fold.plan(write, rolling, COSTS, manual=False), memory._transport)
        assert begins is not None
        with replica_of(alone) as replica, replica.client() as other:
            wait_in_sync(alone, replica)
            before = everything(other)
            _check_replica(replica, other, write, begins)
            assert everything(other) == before
        done = drive.run(fold.commit(write, begins, "x", 1, rolling), memory._transport)
        assert done is True
        assert covered(chat) == [20, 14, 8]
        assert raw.exists(keys_of("s").lease) == 0


def _check_replica(replica: Server, raw: redis.Redis, write: Write, begun: Any) -> None:
    rolling = policy(Notes())
    with ChatMemory.from_url(replica.url) as memory:
        chat = memory.session("s")
        assert covered(chat) == [14, 8]
        assert len(shown(chat, summarizer=rolling)) == 2 + 1 + 11
        assert len(texts(chat.messages())) == 25
        with pytest.raises(ReadOnly):
            compact(chat)
        for op in (
            fold.commit(write, begun, "x", 1, rolling),
            fold.give_up(write, "failed"),
            fold.give_up(write, ""),
        ):
            with pytest.raises(ReadOnly):
                drive.run(op, memory._transport)
    assert raw.exists(write.keys.op("t1")) == 0
