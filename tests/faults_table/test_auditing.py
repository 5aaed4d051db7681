"""What a store holds that it should not, or not as it should, is found by reading it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import pytest
import redis

from faults.auditing import Audit
from faults.checking import Kind
from faults.crews import SHARED, names, owner
from faults.talking import Ledger
from faults.turns import Said, messages, turn
from redialog import ChatMemory, Message
from redialog.keys import OwnLayout, SessionKeys
from tests.support.servers import Server

IDS = {name: f"id {name}" for name in names(("sync",))}
TURNS = 6


def keys(name: str) -> SessionKeys:
    return OwnLayout("acknowledged").session(IDS[name], owner(name))


@pytest.fixture
def memory(server: Server) -> Iterator[ChatMemory]:
    with ChatMemory.from_url(server.url, namespace="acknowledged", ttl=3600) as memory:
        yield memory


@pytest.fixture
def client(server: Server) -> Iterator[redis.Redis]:
    with server.client() as client:
        yield client


@pytest.fixture
def audit(memory: ChatMemory, client: redis.Redis) -> Audit:
    """Of sessions with six turns each, all of which were acknowledged and are there."""
    ledger = Ledger({}, [])
    for name, session in IDS.items():
        chat = memory.session(session, user_id=owner(name))
        ledger.said[session] = []
        for number in range(1, TURNS + 1):
            one = turn(f"sync.{name}", number)
            chat.append(*messages(one))
            ledger.said[session].append(Said(*one, "stored", 0.0, 0.0))
    return Audit(memory, [client], "acknowledged", IDS, ledger)


def kinds(audit: Audit) -> set[Kind]:
    return {one.kind for one in audit.findings()}


def test_where_all_is_well_nothing_is_found(audit: Audit) -> None:
    """Logs, companions, tokens and the catalogue are as they should be."""
    assert audit.findings() == []


LOG = keys(SHARED).log
Plant: TypeAlias = Callable[[Any], object]
PLANTS: dict[str, tuple[Kind, Plant]] = {
    "the newest turn is gone": ("lost", lambda c: c.ltrim(LOG, 3, -1)),
    "the log is gone": ("lost", lambda c: c.delete(LOG)),
    "a turn is there twice": (
        "duplicated",
        lambda c: c.lpush(LOG, *reversed(c.lrange(LOG, 0, 2))),
    ),
    "a turn comes late": (
        "reordered",
        lambda c: c.lpush(LOG, *[c.rpop(LOG) for _ in range(2)]),
    ),
    "half a turn is gone": ("split", lambda c: c.lpop(LOG)),
    "the owner is gone": ("split", lambda c: c.delete(keys(SHARED).meta)),
    "it is not listed": ("split", lambda c: c.zrem(keys(SHARED).sessions, IDS[SHARED])),
    "its user does not have it": (
        "split",
        lambda c: c.zrem(keys(SHARED).catalogue()[1], IDS[SHARED]),
    ),
    "a tool's result lost its call": (
        "split",
        lambda c: c.lset(LOG, 0, c.lindex(LOG, 0).replace(b"call-", b"gone-")),
    ),
    "the log lives for ever": ("no ttl", lambda c: c.persist(LOG)),
    "the companions live for ever": ("no ttl", lambda c: c.persist(keys(SHARED).meta)),
    "a token lives for ever": (
        "no ttl",
        lambda c: c.persist(next(iter(c.scan_iter("redialog:*:op:*")))),
    ),
    "a token lives too long": (
        "no ttl",
        lambda c: c.expire(next(iter(c.scan_iter("redialog:*:op:*"))), 600),
    ),
    "a stage is left": (
        "stray",
        lambda c: c.lpush(LOG.partition(b":log:")[0] + b":stage:x", "e"),
    ),
    "another session is there": (
        "stray",
        lambda c: c.lpush(LOG.replace(b"shared", b"strange"), "e"),
    ),
    "another session is listed": ("stray", lambda c: c.zadd(keys(SHARED).sessions, {"x": 1})),
}


@pytest.mark.parametrize("plant", PLANTS)
def test_what_is_planted_is_found(audit: Audit, client: redis.Redis, plant: str) -> None:
    """Each by itself, and as what it is."""
    kind, act = PLANTS[plant]
    act(client)
    assert kind in kinds(audit)


def test_a_turn_that_was_never_sent_is_found(audit: Audit, memory: ChatMemory) -> None:
    """Also where it is whole, and where it looks like nobody's."""
    chat = memory.session(IDS["sync-0"])
    chat.append(*messages(turn("sync.sync-0", TURNS + 1)))
    assert [one.kind for one in audit.findings()] == ["stray"]
    chat.append(Message.user("hello"))
    assert [one.kind for one in audit.findings()] == ["stray", "stray"]
