"""Sentinel groups do what tests rely on: they fail over, come back, and can be parted."""

from __future__ import annotations

import tempfile
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
import redis

from tests.support.servers import (
    SentinelGroup,
    Server,
    ServerError,
    plain_client,
    wait_in_sync,
    wait_until,
)
from tests.support.tools import is_gone


def value(server: Server, key: str) -> bytes | None:
    with server.client() as client:
        found: bytes | None = client.get(key)
        return found


def write(server: Server, key: str) -> None:
    with server.client() as client:
        client.set(key, "value")


def role(server: Server) -> str:
    with server.client() as client:
        return str(client.info("replication")["role"])


def test_the_url_names_all_sentinels_and_both_passwords(sentinel_group: SentinelGroup) -> None:
    """Whoever takes the url apart gets to the primary by way of each sentinel, and no other way."""
    group = sentinel_group.emptied()
    parts = urlsplit(group.url)
    login, _, hosts = parts.netloc.rpartition("@")
    assert (parts.scheme, parts.path) == ("redis+sentinel", f"/{group.name}/0")
    at_sentinel = parse_qs(parts.query)["sentinel_password"][0]
    addresses = [host.split(":") for host in hosts.split(",")]
    assert len(addresses) == 3
    for address in addresses:
        with plain_client(port=int(address[1]), password=at_sentinel) as sentinel:
            found = sentinel.execute_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", group.name)
        with plain_client(port=int(found[1]), password=unquote(login[1:])) as client:
            assert client.role()[0] == b"master"
            assert int(found[1]) == group.primary().port
    for node in (*group.sentinels, *group.servers):
        with (
            plain_client(port=node.port) as stranger,
            pytest.raises(redis.AuthenticationError),
        ):
            stranger.ping()


def test_a_killed_primary_is_replaced_and_comes_back_as_a_replica(
    sentinel_group: SentinelGroup,
) -> None:
    """What the replicas had is still there, and emptied mends the group, stalled sentinels too."""
    group = sentinel_group.emptied()
    old = group.primary()
    write(old, "key")
    for replica in group.replicas():
        wait_in_sync(old, replica)
    group.stall(group.sentinels[0])
    group.kill(old)
    new = group.wait_new_primary(old)
    assert new is not old
    assert value(new, "key") == b"value"
    write(new, "more")
    group.emptied()
    assert all(node.running for node in (*group.sentinels, *group.servers))
    assert [role(replica) for replica in group.replicas()] == ["slave", "slave"]
    assert [value(server, "key") for server in group.servers] == [None] * 3
    group.restart(old)
    assert role(old) == "slave"


def test_primaries_that_were_stalled_or_cut_off_are_replaced_demoted_and_lose_it_all(
    sentinel_group: SentinelGroup,
) -> None:
    """Each takes itself for the primary until the sentinels tell it otherwise."""
    group = sentinel_group.emptied()
    stalled = group.primary()
    with stalled.client() as at_stalled:
        assert at_stalled.ping()
        group.stall(stalled)
        cut = group.wait_new_primary(stalled)
        with cut.client() as at_cut:
            assert at_cut.set("before", "value")
            wait_in_sync(cut, next(node for node in group.replicas() if node is not stalled))
            group.cut_off(cut)
            new = group.wait_new_primary(cut)
            assert at_cut.set("lost", "value")
            assert at_cut.wait(1, 10) == 0
            assert at_cut.role()[0] == b"master"
            group.resume(stalled)
            assert at_stalled.set("lost", "value")
            write(new, "kept")
            group.heal(cut)
            group.wait_whole()
            with pytest.raises(redis.ReadOnlyError):
                at_stalled.set("lost", "value")
            for client in (at_stalled, at_cut):
                assert client.mget("before", "lost", "kept") == [b"value", None, b"value"]
    assert group.primary() is new
    assert {role(stalled), role(cut)} == {"slave"}


def test_a_replica_that_is_cut_off_does_not_sync_until_it_is_healed(
    sentinel_group: SentinelGroup,
) -> None:
    """Nor after a restart; the others do."""
    group = sentinel_group.emptied()
    primary = group.primary()
    cut, other = group.replicas()
    group.cut_off(cut)
    group.restart(cut)
    wait_until(lambda: "Unable to AUTH to MASTER" in cut.log, what="refused", timeout=30)
    write(primary, "key")
    wait_in_sync(primary, other)
    assert value(other, "key") == b"value"
    assert cut.info()["master_link_status"] == "down"
    assert value(cut, "key") is None
    group.heal(cut)
    wait_in_sync(primary, cut)
    assert value(cut, "key") == b"value"


def test_a_failover_of_a_well_primary_is_done_at_once(sentinel_group: SentinelGroup) -> None:
    """failover returns when it has begun, and another one takes over."""
    group = sentinel_group.emptied()
    old = group.primary()
    write(old, "key")
    for replica in group.replicas():
        wait_in_sync(old, replica)
    group.failover()
    assert value(group.wait_new_primary(old), "key") == b"value"
    assert old.running


def test_valkey_with_users_fails_over_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same with the other server, named users at both, and data that survives kills."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with SentinelGroup(
        "valkey",
        username="chat",
        password="p w",
        sentinel_username="watch",
        sentinel_password="w",
        appendonly=True,
    ) as group:
        nodes = [*group.servers, *group.sentinels]
        assert group.url.startswith("redis+sentinel://chat:p%20w@127.0.0.1:")
        assert group.url.endswith("?sentinel_username=watch&sentinel_password=w")
        with (
            plain_client(port=group.primary().port, password="p w") as default_user,
            pytest.raises(redis.AuthenticationError),
        ):
            default_user.ping()
        old = group.primary()
        write(old, "key")
        group.restart(old)
        assert value(old, "key") == b"value"
        group.cut_off(old)
        assert group.wait_new_primary(old) is not old
        write(old, "lost")
        group.emptied()
        assert [role(replica) for replica in group.replicas()] == ["slave", "slave"]
        assert value(old, "lost") is None
    assert all(is_gone(node.pid) for node in nodes)
    assert list(tmp_path.iterdir()) == []


def test_a_start_that_fails_midway_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the first sentinel does not start, the data nodes that did are ended."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    group = SentinelGroup(down_after_ms=-1)
    with pytest.raises(ServerError, match="negative or zero time"):
        group.__enter__()
    assert len(group.servers) == 3
    assert all(is_gone(node.pid) for node in group.servers)
    assert list(tmp_path.iterdir()) == []


def test_only_a_group_with_a_password_can_be_parted() -> None:
    """Without one, a sentinel that may not log in would be let in all the same."""
    with pytest.raises(ValueError, match="password"):
        SentinelGroup().cut_off(Server())
