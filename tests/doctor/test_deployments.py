"""Sentinel groups and Clusters: sound ones, and with nodes, slots and replicas missing."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from redialog import ChatMemory, Message
from redialog.diagnosis import Diagnosis, Finding
from tests.doctor.tools import keys_of, levels, one
from tests.support.servers import ClusterGroup, SentinelGroup, wait_until

Diagnose = Callable[..., Diagnosis]
# Nothing is saved there, on purpose.
EXPECTED = {"persistence"}


def of(found: Diagnosis, check: str) -> list[Finding]:
    """The findings of a check."""
    return [finding for finding in found.findings if finding.check == check]


@pytest.fixture
def sentinels(sentinel_group: SentinelGroup) -> SentinelGroup:
    """A whole group without keys."""
    return sentinel_group.emptied()


@pytest.fixture
def cluster(cluster_group: ClusterGroup) -> Iterator[ClusterGroup]:
    """A whole Cluster without keys."""
    yield cluster_group.emptied()
    cluster_group.emptied()


def chats(url: str) -> None:
    """Some sessions, all over the slots."""
    with ChatMemory.from_url(url) as memory:
        for number in range(20):
            memory.session(f"s{number}", ttl=600).append(Message.user("x"))


def test_a_sound_sentinel_group(diagnose: Diagnose, sentinels: SentinelGroup) -> None:
    """The primary is looked at, its replicas, and what the sentinels say of it."""
    chats(sentinels.url)
    found = diagnose(sentinels.url)
    assert {finding.check for finding in found.of("warning", "error", "not_checked")} == EXPECTED
    assert one(found, "role").level == "ok"
    assert one(found, "replication").text == "2 replicas"
    assert one(found, "sentinel").facts == {"sentinels": 3, "quorum": 2}
    assert one(found, "elements").text == "20 messages can be read"


def test_one_sentinel_dead(diagnose: Diagnose, sentinels: SentinelGroup) -> None:
    """A warning, with its address; two are an error, since nobody can fail over."""
    first, second, _ = sentinels.sentinels
    sentinels.kill(first)
    found = one(diagnose(sentinels.url), "sentinel")
    assert (found.level, found.nodes) == ("warning", (first.address,))
    assert "1 of 3 sentinels cannot be asked" in found.text
    with ChatMemory.from_url(sentinels.url) as memory:
        memory.ping()
        sentinels.kill(second)
        worse = of(memory.diagnose(), "sentinel")
    assert [finding.level for finding in worse] == ["warning", "error"]
    assert worse[0].nodes == (first.address, second.address)
    assert "1 of 3 sentinels answer, and 2 must agree" in worse[1].text


def test_a_replica_dead(diagnose: Diagnose, sentinels: SentinelGroup) -> None:
    """The primary has one less, or one that is not in step."""
    primary = sentinels.primary()
    sentinels.kill(sentinels.replicas()[0])
    wait_until(lambda: primary.info()["connected_slaves"] == "1", what="the primary noticed")
    assert one(diagnose(sentinels.url), "replication").text == "1 replica"


def test_a_sound_cluster(diagnose: Diagnose, cluster: ClusterGroup) -> None:
    """Three primaries say as one what they have in common."""
    chats(cluster.url)
    before = [keys_of(node) for node in cluster.primaries()]
    found = diagnose(cluster.url)
    assert {finding.check for finding in found.of("warning", "error", "not_checked")} == EXPECTED
    assert not [finding for finding in found.findings if finding.nodes]
    assert one(found, "cluster").facts == {"nodes": 6, "primaries": 3}
    assert one(found, "elements").text == "20 messages can be read"
    assert "replication" not in levels(found)
    assert [keys_of(node) for node in cluster.primaries()] == before


def test_one_primary_that_is_configured_badly(diagnose: Diagnose, cluster: ClusterGroup) -> None:
    """It is named."""
    bad = cluster.primary_of(b"x")
    bad.ask("CONFIG", "SET", "maxmemory", "200mb")
    bad.ask("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    try:
        policies = of(diagnose(cluster.url), "eviction")
    finally:
        bad.ask("CONFIG", "SET", "maxmemory-policy", "noeviction")
        bad.ask("CONFIG", "SET", "maxmemory", "0")
    others = {node.address for node in cluster.primaries() if node is not bad}
    assert {finding.level: set(finding.nodes) for finding in policies} == {
        "ok": others,
        "warning": {bad.address},
    }


def test_a_missing_slot(diagnose: Diagnose, cluster: ClusterGroup) -> None:
    """The Cluster is down for it, and says how many are missing."""
    slot = 7
    owner = cluster.owner(slot)
    nodes = [node for node in cluster.nodes if node is not owner]
    for node in (owner, *nodes):
        node.ask("CLUSTER", "DELSLOTS", slot)
    try:
        wait_until(
            lambda: all(b"cluster_state:fail" in n.ask("CLUSTER", "INFO") for n in cluster.nodes),
            what="the Cluster noticed",
        )
        found = diagnose(cluster.url)
    finally:
        owner.ask("CLUSTER", "ADDSLOTS", slot)
        cluster.wait_ok()
    errors = [finding.text for finding in of(found, "cluster")]
    assert errors[0].startswith("the Cluster is down")
    assert errors[1].startswith("1 of 16,384 slots belong to no node")
    assert one(found, "elements").level == "not_checked"
    assert found.level == "error"


def test_a_replica_of_a_cluster_dead(diagnose: Diagnose, cluster: ClusterGroup) -> None:
    """It is named, and so is the primary that is alone now."""
    primary = cluster.primary_of(b"x")
    replica = cluster.replica_of(primary)
    cluster.kill(replica)
    wait_until(
        lambda: all(
            b"fail" in line
            for node in cluster.primaries()
            for line in node.ask("CLUSTER", "NODES").splitlines()
            if line.startswith(replica.id.encode())
        ),
        what="the others noticed",
        timeout=20,
    )
    found = of(diagnose(cluster.url), "cluster")
    assert [(finding.level, finding.nodes) for finding in found] == [
        ("warning", (replica.address,)),
        ("warning", (primary.address,)),
    ]


def test_a_primary_of_a_cluster_dead(diagnose: Diagnose, cluster: ClusterGroup) -> None:
    """With its replica, so that nobody takes over: its slots are lost, the others are looked at."""
    primary = cluster.primary_of(b"x")
    replica = cluster.replica_of(primary)
    others = [node for node in cluster.primaries() if node is not primary]
    cluster.kill(replica)
    cluster.kill(primary)
    wait_until(
        lambda: all(b"cluster_state:fail" in node.ask("CLUSTER", "INFO") for node in others),
        what="the others noticed",
        timeout=20,
    )
    found = diagnose(cluster.url)
    assert {finding.level: set(finding.nodes) for finding in of(found, "reach")} == {
        "ok": {node.address for node in others},
        "error": {primary.address},
    }
    assert "slots belong to nodes that have failed" in " ".join(
        finding.text for finding in of(found, "cluster")
    )
    assert one(found, "server").nodes == ()


def test_slots_that_are_moving(diagnose: Diagnose, cluster: ClusterGroup) -> None:
    """Both ends tell of it."""
    slot = 7
    source = cluster.owner(slot)
    target = next(node for node in cluster.primaries() if node is not source)
    target.ask("CLUSTER", "SETSLOT", slot, "IMPORTING", source.id)
    source.ask("CLUSTER", "SETSLOT", slot, "MIGRATING", target.id)
    try:
        found = one(diagnose(cluster.url), "cluster")
    finally:
        for node in (source, target):
            node.ask("CLUSTER", "SETSLOT", slot, "STABLE")
    assert (found.level, found.facts) == ("warning", {"slots": ("7",)})
