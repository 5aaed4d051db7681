"""Clusters do what tests rely on: they fail over, reshard step by step, and can be parted."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import redis
from redis.crc import key_slot

from tests.support.servers import ClusterGroup, Server, wait_in_sync, wait_until
from tests.support.servers import cluster as cluster_module
from tests.support.servers.cluster_node import ClusterNode
from tests.support.tools import is_gone

SLOT = key_slot(b"{chat}")


@pytest.fixture
def group(cluster_group: ClusterGroup) -> ClusterGroup:
    return cluster_group.emptied()


@pytest.fixture
def client(group: ClusterGroup) -> Iterator[redis.RedisCluster]:
    with group.client() as client:
        yield client


def other(group: ClusterGroup, primary: ClusterNode) -> ClusterNode:
    return next(node for node in group.primaries() if node is not primary)


def written(client: redis.RedisCluster, count: int) -> list[bytes]:
    """Keys of one slot, each with itself as value."""
    keys = [b"{chat}%d" % number for number in range(count)]
    for key in keys:
        client.set(key, key)
    return keys


def test_all_slots_are_served_and_every_node_is_in_the_url(
    group: ClusterGroup, client: redis.RedisCluster
) -> None:
    """A plain client reaches each primary, the replicas have it too, and strangers are refused."""
    login, _, hosts = urlsplit(group.url).netloc.rpartition("@")
    assert hosts.split(",") == [node.address for node in group.nodes]
    assert unquote(login) == f":{group.password}"
    reached = set()
    for number in range(50):
        key = b"key%d" % number
        client.set(key, "value")
        primary = group.primary_of(key)
        reached.add(primary)
        with primary.client() as one:
            assert one.get(key) == b"value"
    assert reached == set(group.primaries())
    assert len(reached) == 3
    for primary in reached:
        replica = group.replica_of(primary)
        wait_in_sync(primary, replica)
        assert replica.info("keyspace") == primary.info("keyspace")
    with (
        group.nodes[0].client(password=None) as stranger,
        pytest.raises(redis.AuthenticationError),
    ):
        stranger.ping()


def test_a_killed_primary_is_replaced_and_comes_back_as_a_replica(
    group: ClusterGroup, client: redis.RedisCluster
) -> None:
    """What its replica had is still there."""
    client.set("key", "value")
    old = group.primary_of(b"key")
    wait_in_sync(old, group.replica_of(old))
    group.kill(old)
    new = group.wait_new_primary(old)
    assert (new, group.primary_of(b"key")) == (group.replica_of(old), new)
    with new.client() as one:
        assert one.get("key") == b"value"
        assert one.set("key", "more")
    group.restart(old)
    group.wait_ok()
    assert old.info()["role"] == "slave"


def test_a_stalled_primary_is_replaced_and_demoted_when_it_goes_on(group: ClusterGroup) -> None:
    """Its place is taken, and it sees that as soon as it looks."""
    old = group.primary_of(b"key")
    group.stall(old)
    new = group.wait_new_primary(old)
    group.resume(old)
    group.wait_ok()
    assert (group.primary_of(b"key"), old.info()["role"]) == (new, "slave")


def test_a_primary_that_is_cut_off_goes_on_for_a_while_and_loses_it_all(
    group: ClusterGroup,
) -> None:
    """Clients write to it until its timeout; then it refuses, and after healing it is a replica."""
    old = group.primary_of(b"key")
    with old.client() as one:
        group.cut_off(old)
        assert one.set("key", "lost")
        assert one.wait(1, 10) == 0
        new = group.wait_new_primary(old)
        wait_until(lambda: old.state() == "fail", what="it has noticed")
        with pytest.raises(redis.exceptions.ClusterDownError):
            one.set("key", "refused")
        assert one.ping()
    with new.client() as one:
        assert one.get("key") is None
        one.set("key", "kept")
    group.heal(old)
    group.wait_ok()
    assert old.info()["role"] == "slave"
    assert old.info("keyspace") == new.info("keyspace")


def test_a_replica_that_is_cut_off_does_not_sync_until_it_is_healed(group: ClusterGroup) -> None:
    """Nor after a restart, and nobody replaces a primary for it."""
    primary = group.primary_of(b"key")
    cut = group.replica_of(primary)
    group.cut_off(cut)
    group.restart(cut)
    wait_until(lambda: "Unable to AUTH to MASTER" in cut.log, what="refused", timeout=30)
    with primary.client() as one:
        one.set("key", "value")
    assert cut.info()["master_link_status"] == "down"
    group.heal(cut)
    group.wait_ok()
    assert cut.info("keyspace") == primary.info("keyspace")
    assert group.primary_of(b"key") is primary


def test_a_failover_of_a_well_primary_loses_nothing(
    group: ClusterGroup, client: redis.RedisCluster
) -> None:
    """The replica is the primary on return."""
    client.set("key", "value")
    old = group.primary_of(b"key")
    new = group.failover(old)
    assert new is group.wait_new_primary(old)
    assert old.running
    with new.client() as one:
        assert one.get("key") == b"value"


def test_a_slot_on_its_way_says_ask_and_try_again(
    group: ClusterGroup, client: redis.RedisCluster
) -> None:
    """Half moved: the source sends for what it has not, and neither serves both halves at once."""
    keys = written(client, 5)
    source = group.owner(SLOT)
    target = other(group, source)
    group.begin_move(SLOT, target)
    assert group.move_keys(SLOT, 2) == 2
    with source.client() as at_source, target.client() as at_target:
        gone = [
            key for key in keys if not at_target.execute_command("ASKING") or at_target.exists(key)
        ]
        assert len(gone) == 2
        there = [key for key in keys if key not in gone]
        assert at_source.get(there[0]) == there[0]
        with pytest.raises(redis.exceptions.AskError, match=f"{SLOT} {target.address}"):
            at_source.get(gone[0])
        with pytest.raises(redis.exceptions.TryAgainError):
            at_source.mget(gone[0], there[0])
        at_target.execute_command("ASKING")
        with pytest.raises(redis.exceptions.TryAgainError):
            at_target.mget(gone[0], there[0])
        with pytest.raises(redis.exceptions.MovedError, match=source.address):
            at_target.get(gone[0])
    assert [client.get(key) for key in keys] == keys
    assert group.move_keys(SLOT) == 3


def test_a_slot_that_has_moved_belongs_to_its_target(
    group: ClusterGroup, client: redis.RedisCluster
) -> None:
    """The other primaries answer MOVED at once, all nodes agree, and nothing is lost."""
    keys = written(client, 120)
    source = group.owner(SLOT)
    target = other(group, source)
    group.move_slot(SLOT, target)
    for node in (primary for primary in group.primaries() if primary is not target):
        with node.client() as one, pytest.raises(redis.exceptions.MovedError, match=target.address):
            one.get(keys[0])
    group.wait_ok()
    assert group.owner(SLOT) is target
    assert [client.get(key) for key in keys] == keys
    group.move_slot(SLOT, source)
    assert [client.get(key) for key in keys] == keys


def test_emptied_mends_what_a_test_has_left(cluster_group: ClusterGroup) -> None:
    """A dead node, a stalled one, one that is cut off, and a slot half moved with its keys."""
    group = cluster_group.emptied()
    with group.client() as client:
        written(client, 5)
    source = group.owner(SLOT)
    target = other(group, source)
    group.begin_move(SLOT, target)
    group.move_keys(SLOT, 2)
    group.kill(group.replica_of(source))
    group.stall(group.replica_of(target))
    group.cut_off(next(n for n in group.primaries() if n not in (source, target)))
    group.emptied()
    assert [node.info("keyspace") for node in group.nodes] == [{}] * 6
    assert not any(seen.moving for node in group.nodes for seen in node.view().values())
    with group.client() as client:
        assert written(client, 5)


def test_valkey_with_users_fails_over_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same with the other server, and where slots without a primary spoil no others."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with ClusterGroup(
        "valkey",
        username="chat",
        password="p w",
        full_coverage=False,
        appendonly=True,
    ) as group:
        old = group.primary_of(b"key")
        with old.client() as one:
            one.set("key", "value")
        group.restart(old)
        with old.client() as one:
            wait_until(lambda: old.state() == "ok", what="it has met the others", timeout=30)
            assert one.get("key") == b"value"
        group.wait_ok()
        group.cut_off(old)
        assert group.wait_new_primary(old) is group.replica_of(old)
        group.emptied()
        source = group.owner(SLOT)
        group.move_slot(SLOT, other(group, source))
        for node in group.shard(source):
            group.kill(node)
        alive = [node for node in group.nodes if node.running]
        wait_until(
            lambda: all(node.view()[source.id].flags & {"fail"} for node in alive),
            what="the shard failed",
            timeout=30,
        )
        with group.owner(SLOT).client() as one:
            assert one.set("{chat}", "value")
        assert group._bus is not None
        pids = [group._bus.pid, *(node.pid for node in group.nodes)]
    assert all(map(is_gone, pids))
    assert list(tmp_path.iterdir()) == []


def test_a_start_that_fails_midway_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the nodes do not find each other in time, they and their bus are ended."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(cluster_module, "WHOLE_TIMEOUT_S", 0)
    group = ClusterGroup()
    with pytest.raises(TimeoutError, match=r"all nodes known to all; .* knows"):
        group.__enter__()
    assert group._bus is not None
    assert all(map(is_gone, [group._bus.pid, *(node.pid for node in group.nodes)]))
    assert len(group.nodes) == 6
    assert list(tmp_path.iterdir()) == []


def test_only_a_cluster_with_a_password_can_be_parted() -> None:
    """Without one, a node that may not log in would be let in all the same."""
    with pytest.raises(ValueError, match="password"):
        ClusterGroup().cut_off(Server())
