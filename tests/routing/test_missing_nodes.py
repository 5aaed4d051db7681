"""Nodes that are dead, stalled or do not know: what goes on, what ends, and with which error."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from typing import Any

import pytest

from redialog import (
    ChatMemory,
    ConfigurationError,
    ConnectError,
    Message,
    ReplyTimeout,
    TransportError,
)
from redialog.effect import Batch
from redialog.transports.routing import sentinels as sentinels_module
from tests.routing.connecting import Connect
from tests.support.servers import ClusterGroup, SentinelGroup
from tests.support.servers.deployment import Node

DEADLINE = 1.0
TRIED = range(4, 10)
"""How often that allows, after pauses of up to 0.2 s; a busy machine makes it fewer."""


@pytest.fixture(scope="module")
def alone() -> Iterator[SentinelGroup]:
    """A primary that nobody can take over from, with five sentinels."""
    options: dict[str, Any] = {"password": "pw", "sentinel_password": "w", "appendonly": True}
    with SentinelGroup(sentinels=5, replicas=0, **options) as group:
        yield group


@pytest.fixture(scope="module")
def bare() -> Iterator[ClusterGroup]:
    """Primaries that nobody can take over from."""
    with ClusterGroup(replicas=0, password="pw", appendonly=True) as group:
        yield group


@pytest.fixture(params=["sentinel", "cluster"])
def lonely(request: pytest.FixtureRequest) -> SentinelGroup | ClusterGroup:
    """Each of the two in turn."""
    name = "alone" if request.param == "sentinel" else "bare"
    found: SentinelGroup | ClusterGroup = request.getfixturevalue(name)
    return found


@pytest.fixture
def _always_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """The word of the sentinels is good for no time at all: each call asks them."""
    monkeypatch.setattr(sentinels_module, "CHECK_S", 0.0)


asked = pytest.mark.usefixtures("_always_asked")


class Tried:
    """Counts how often a batch is sent.

    Args:
        memory: whose.
    """

    def __init__(self, memory: Any) -> None:
        self.count = 0
        transport = getattr(memory, "_transport", None) or memory._inner._transport
        self._execute = transport.execute
        transport.execute = self._counted

    def _counted(self, batch: Batch, within: float | None = None) -> Any:
        self.count += batch.writes
        return self._execute(batch, within)


def texts(memory: ChatMemory) -> list[str]:
    return [message.text for message in memory.session("s").messages()]


@asked
def test_one_of_three_sentinels_is_no_majority(connect: Connect, sentinels: SentinelGroup) -> None:
    """A memory that knows the primary goes on, a new one cannot."""
    knows = connect(sentinels.url)
    knows.session("s").append(Message.user("1"))
    dead, stalled, _ = sentinels.sentinels
    sentinels.kill(dead)
    sentinels.stall(stalled)
    for number in range(2, 6):
        knows.session("s").append(Message.user(str(number)))
    assert texts(knows) == ["1", "2", "3", "4", "5"]
    with pytest.raises(ConnectError, match="1 of 3 sentinels") as caught:
        connect(sentinels.url, deadline=DEADLINE).ping()
    assert not caught.value.maybe_applied


@asked
def test_three_of_five_sentinels_are_enough(connect: Connect, alone: SentinelGroup) -> None:
    """One is dead and one stalled: the first use works, and later ones."""
    alone.emptied()
    dead, _, stalled, *_ = alone.sentinels
    alone.kill(dead)
    alone.stall(stalled)
    memory = connect(alone.url, deadline=DEADLINE)
    for _ in range(50):
        memory.session("s").append(Message.user("x"))
    assert memory.session("s").count() == 50
    alone.emptied()


@asked
@pytest.mark.parametrize("fault", ["dead", "stalled"])
def test_two_of_three_sentinels_are_enough(
    connect: Connect, sentinels: SentinelGroup, fault: str
) -> None:
    """For the first use and for later ones, with the promise of `replicated` too."""
    (sentinels.kill if fault == "dead" else sentinels.stall)(sentinels.sentinels[0])
    for durability in ("acknowledged", "replicated"):
        memory = connect(sentinels.url, deadline=5, durability=durability)
        for _ in range(20):
            memory.session("s").append(Message.user(durability))
    assert texts(memory) == ["acknowledged"] * 20 + ["replicated"] * 20


@asked
def test_without_any_sentinel(connect: Connect, sentinels: SentinelGroup) -> None:
    """A primary that is known goes on being used; who knows none is told within the deadline."""
    knows = connect(sentinels.url)
    knows.session("s").append(Message.user("1"))
    for sentinel in sentinels.sentinels:
        sentinels.kill(sentinel)
    for number in range(2, 6):
        knows.session("s").append(Message.user(str(number)))
    assert texts(knows) == ["1", "2", "3", "4", "5"]
    fresh = connect(sentinels.url, deadline=DEADLINE)
    tried = Tried(fresh)
    with pytest.raises(ConnectError, match="0 of 3 sentinels") as caught:
        fresh.session("s").append(Message.user("6"))
    assert not caught.value.maybe_applied
    assert tried.count in TRIED
    assert texts(knows) == ["1", "2", "3", "4", "5"]


def test_a_write_without_sentinels_is_not_called_replicated(
    connect: Connect, sentinels: SentinelGroup
) -> None:
    """It is done, and nobody can say that it stays: in doubt, under its token."""
    memory = connect(sentinels.url, durability="replicated", deadline=DEADLINE)
    memory.session("s").append(Message.user("1"))
    for sentinel in sentinels.sentinels:
        sentinels.kill(sentinel)
    with pytest.raises(TransportError) as caught:
        memory.session("s").append(Message.user("2"))
    assert caught.value.maybe_applied
    for sentinel in sentinels.sentinels:
        sentinels.restart(sentinel)
    sentinels.wait_whole()
    memory.session("s").append(Message.user("2"), idempotency_key=caught.value.token)
    assert texts(memory) == ["1", "2"]


def test_a_service_that_the_sentinels_do_not_know(
    connect: Connect, sentinels: SentinelGroup
) -> None:
    """A wrong name is an error of the URL, and none to wait for."""
    memory = connect(sentinels.url.replace("/mymaster/", "/other/"))
    tried = Tried(memory)
    with pytest.raises(ConfigurationError, match="no primary of that name"):
        memory.session("s").append(Message.user("x"))
    assert tried.count == 1


def test_what_is_no_sentinel_and_no_cluster(connect: Connect, sentinels: SentinelGroup) -> None:
    """An error of the URL, too: a data node among the hosts, a single server."""
    login = f"redis+sentinel://:x@{sentinels.primary().address}/mymaster?sentinel_password="
    with pytest.raises(ConfigurationError, match="no sentinels"):
        connect(login, sentinel_password=sentinels.password).ping()
    options = {"password": sentinels.password}
    with pytest.raises(ConfigurationError, match="no Cluster"):
        connect(f"redis+cluster://{sentinels.primary().address}", **options).ping()


def holder(group: SentinelGroup | ClusterGroup) -> Node:
    """The node with the session of these tests."""
    if isinstance(group, SentinelGroup):
        return group.servers[0]
    return next(n for n in group.nodes if any(b":log:s" in k for k in n.ask("KEYS", "*")))


def mended(group: SentinelGroup | ClusterGroup) -> None:
    """All is up and whole again."""
    if isinstance(group, SentinelGroup):
        group.wait_whole()
    else:
        group.wait_ok()


def test_a_primary_that_nobody_replaces(
    connect: Connect, lonely: SentinelGroup | ClusterGroup
) -> None:
    """It is tried until the deadline; once nobody is there to connect to, nothing is in doubt."""
    memory = connect(lonely.url, deadline=DEADLINE)
    chat = memory.session("s")
    chat.clear()
    chat.append(Message.user("1"))
    tried = Tried(memory)
    node = holder(lonely)
    lonely.kill(node)
    with pytest.raises(TransportError) as caught:
        chat.append(Message.user("2"))
    assert caught.value.retryable
    assert tried.count in TRIED
    before = tried.count
    with pytest.raises(TransportError) as caught:
        chat.append(Message.user("3"))
    assert not caught.value.maybe_applied
    assert tried.count - before in TRIED
    copy = pickle.loads(pickle.dumps(caught.value))
    assert (type(copy), str(copy)) == (type(caught.value), str(caught.value))
    lonely.restart(node)
    mended(lonely)
    assert texts(memory) == ["1"]


def test_a_stalled_primary_that_nobody_replaces(
    connect: Connect, lonely: SentinelGroup | ClusterGroup
) -> None:
    """The write was sent and may be done when it wakes up: in doubt, and once with its token."""
    memory = connect(lonely.url, deadline=DEADLINE, socket_timeout=0.4)
    chat = memory.session("s")
    chat.clear()
    chat.append(Message.user("1"))
    tried = Tried(memory)
    node = holder(lonely)
    lonely.stall(node)
    with pytest.raises(ReplyTimeout) as caught:
        chat.append(Message.user("2"))
    assert caught.value.maybe_applied
    assert caught.value.token is not None
    assert tried.count in range(2, 10)
    lonely.resume(node)
    mended(lonely)
    chat.append(Message.user("2"), idempotency_key=caught.value.token)
    assert texts(memory) == ["1", "2"]


def test_a_stalled_primary_is_left_as_soon_as_it_is_replaced(
    connect: Connect, group: SentinelGroup | ClusterGroup
) -> None:
    """Whatever the limit of a reply is: its replacement is looked for while one waits.

    The limit here is longer than the deadline, so that to wait for it would be an error.
    """
    memory = connect(group.url, socket_timeout=100, deadline=45)
    chat = memory.session("s")
    chat.append(Message.user("1"))
    old = group.primary() if isinstance(group, SentinelGroup) else holder(group)
    group.stall(old)
    chat.append(Message.user("2"))
    assert texts(memory) == ["1", "2"]
    group.resume(old)
