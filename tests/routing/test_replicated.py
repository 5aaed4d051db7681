"""``durability="replicated"`` on real servers: what is acknowledged, a replica has."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from redialog import ChatMemory, Message
from redialog.errors import TransportError
from redialog.transports.routing import confirming
from tests.routing.connecting import Connect, Group, keys
from tests.support.servers import SentinelGroup, wait_until
from tests.support.servers.deployment import Node


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replicas that are stalled are waited for, but not for a second each time."""
    monkeypatch.setattr(confirming, "WAIT_MS", 50)


@pytest.fixture(scope="module")
def newer_group() -> Iterator[SentinelGroup]:
    """Of servers whose WAIT looks at the connection's own last write; Redis 7.0 looks at any."""
    with SentinelGroup("valkey", password="pw", sentinel_password="w") as group:
        yield group


@pytest.fixture
def newer(newer_group: SentinelGroup) -> SentinelGroup:
    """Whole and without keys."""
    return newer_group.emptied()


def texts(memory: ChatMemory) -> list[str]:
    return [message.text for message in memory.session("s").messages()]


def copies(group: Group) -> tuple[Node, list[Node]]:
    """The primary of the session of these tests, and its replicas."""
    if isinstance(group, SentinelGroup):
        return group.primary(), group.replicas()
    primary = next(node for key, node in keys(group).items() if b":log:s" in key)
    return primary, [node for node in group.shard(primary) if node is not primary]


def begun(group: Group, memory: ChatMemory) -> list[Node]:
    """Writes a first message, stalls the replicas, and returns those."""
    memory.session("s").append(Message.user("1"))
    _, replicas = copies(group)
    for node in replicas:
        group.stall(node)
    return replicas


@pytest.mark.parametrize("kind", ["newer", "cluster"])
def test_a_resend_is_not_answered_from_its_token_alone(
    connect: Connect, request: pytest.FixtureRequest, kind: str
) -> None:
    """It must be confirmed like the first one, over a connection on which nothing was written."""
    group: Group = request.getfixturevalue(kind)
    memory = connect(group.url, durability="replicated", deadline=0.5)
    replicas = begun(group, memory)
    chat = memory.session("s")
    with pytest.raises(TransportError) as caught:
        chat.append(Message.user("2"))
    assert caught.value.maybe_applied
    token = caught.value.token
    assert token is not None
    chat = connect(group.url, durability="replicated", deadline=0.5).session("s")
    with pytest.raises(TransportError) as caught:
        chat.append(Message.user("2"), idempotency_key=token)
    assert caught.value.maybe_applied
    for node in replicas:
        group.resume(node)
    chat.append(Message.user("2"), idempotency_key=token)
    assert texts(memory) == ["1", "2"]


@pytest.mark.parametrize("call", ["clear", "set_title", "touch", "expire", "remove", "fork"])
def test_every_write_is_confirmed(connect: Connect, newer: SentinelGroup, call: str) -> None:
    """And every resend of one that is answered from its token."""
    memory = connect(newer.url, durability="replicated")
    replicas = begun(newer, memory)
    [only] = memory.session("s").messages()
    arguments: dict[str, list[Any]] = {"set_title": ["t"], "expire": [600], "remove": [only.id]}

    def work(**options: Any) -> None:
        chat = connect(newer.url, durability="replicated", **options).session("s")
        getattr(chat, call)(*arguments.get(call, []), idempotency_key="key")

    for _ in range(2):
        with pytest.raises(TransportError) as caught:
            work(deadline=0.3)
        assert caught.value.maybe_applied
    for node in replicas:
        newer.resume(node)
    work()


def test_a_primary_that_is_made_a_replica_while_it_waits(
    connect: Connect, sentinels: SentinelGroup, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It breaks the waiting off: the write is in doubt, and is sent again."""
    monkeypatch.setattr(confirming, "WAIT_MS", 20_000)
    memory = connect(sentinels.url, durability="replicated", socket_timeout=30)
    replicas = begun(sentinels, memory)
    primary, _ = copies(sentinels)
    with ThreadPoolExecutor(1) as threads, primary.client() as raw:
        writing = threads.submit(memory.session("s").append, Message.user("2"))
        wait_until(lambda: raw.info("clients")["blocked_clients"] > 0, what="it waits")
        primary.ask("REPLICAOF", replicas[0].host, replicas[0].port)
        primary.ask("REPLICAOF", "NO", "ONE")
        for node in replicas:
            sentinels.resume(node)
        [stored] = writing.result()
    assert stored.text == "2"
    assert texts(memory) == ["1", "2"]
