"""The servers that other tests rely on: real, alone, as they were asked for, and followed."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
import redis

from tests.support.servers import (
    KINDS,
    Server,
    ServerError,
    Setting,
    replica_of,
    wait_in_sync,
    wait_until,
)
from tests.support.servers import server as server_module
from tests.support.tools import is_gone

each_kind = pytest.mark.parametrize("kind", KINDS)


@each_kind
def test_a_server_runs_and_leaves_nothing(kind: str) -> None:
    """Inside the with it answers in bytes; after it neither process nor directory is left."""
    with Server(kind) as server:
        with server.client() as client:
            client.set("key", "value")
            assert client.get("key") == b"value"
            assert client.info("server")["process_id"] == server.pid
        pid, data_dir = server.pid, server.data_dir
        assert server.running
    assert not server.running
    assert is_gone(pid)
    assert not data_dir.exists()


def test_two_servers_are_two() -> None:
    """Each server has its own port, process and data."""
    with Server() as one, Server() as two:
        assert (one.port, one.pid) != (two.port, two.pid)
        with one.client() as client:
            client.set("key", "value")
        with two.client() as client:
            assert client.get("key") is None


def test_nothing_reaches_the_console(capfd: pytest.CaptureFixture[str]) -> None:
    """The server's words go to its log."""
    with Server() as server:
        assert "Ready to accept connections" in server.log
    assert capfd.readouterr() == ("", "")


@each_kind
@pytest.mark.parametrize("unix", [False, True])
def test_url_carries_a_password_of_any_characters(kind: str, unix: bool) -> None:
    """The url opens a server whose password has quotes, blanks and separators in it."""
    password = "p\" 'w\\@:/?#%é"
    with Server(kind, password=password, unix=unix) as server:
        with redis.Redis.from_url(server.url) as client:
            assert client.ping()
        with server.client(password=None) as client, pytest.raises(redis.AuthenticationError):
            client.ping()
        assert password not in repr(server)


@each_kind
def test_a_unix_server_has_no_port(kind: str) -> None:
    """With unix there is a socket file, no port, and the file goes with the server."""
    with Server(kind, unix=True) as server:
        assert server.port == 0
        assert server.unix_path is not None
        with server.client() as client:
            assert client.ping()
            assert client.config_get("port") == {"port": "0"}
    assert not server.unix_path.exists()


@each_kind
def test_settings_reach_the_server(kind: str) -> None:
    """Extra settings win over the ones of the class; a list gives several lines."""
    users = ["ann on nopass ~* +@all", "bob on nopass ~b:* +@read"]
    config: dict[str, Setting] = {
        "maxmemory": "64mb",
        "shutdown-timeout": 3,
        "user": users,
    }
    with Server(kind, config=config) as server, server.client() as client:
        assert client.config_get("maxmemory", "shutdown-timeout") == {
            "maxmemory": str(64 * 1024**2),
            "shutdown-timeout": "3",
        }
        assert {b"ann", b"bob"} <= {
            name if isinstance(name, bytes) else name.encode() for name in client.acl_users()
        }


def test_a_failed_start_shows_the_log() -> None:
    """The error of a start quotes what the server said, and nothing is left behind."""
    server = Server(config={"no-such-setting": "1"})
    with pytest.raises(ServerError, match=r"exit code 1[\s\S]*no-such-setting"):
        server.__enter__()
    assert not server.running
    assert not server.data_dir.exists()


def test_a_taken_port_is_left_for_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that finds its port taken is started again on another one."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        free_port = server_module._free_port
        offers = iter([taken.getsockname()[1]])
        monkeypatch.setattr(server_module, "_free_port", lambda: next(offers, 0) or free_port())
        with Server() as server:
            assert server.port != taken.getsockname()[1]


def test_another_server_on_the_port_is_not_taken_for_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer from another process on the same port does not count as ready."""
    with Server() as stranger:
        free_port = server_module._free_port
        offers = iter([stranger.port])
        monkeypatch.setattr(server_module, "_free_port", lambda: next(offers, 0) or free_port())
        with Server() as server:
            assert server.port != stranger.port


def test_a_given_directory_is_kept(tmp_path: Path) -> None:
    """A data directory that the caller gave stays, with what the server saved in it."""
    with (
        Server(data_dir=tmp_path, appendonly=True) as server,
        server.client() as client,
    ):
        client.set("key", "value")
    with (
        Server("valkey", data_dir=tmp_path, appendonly=True) as server,
        server.client() as client,
    ):
        assert client.get("key") == b"value"


def test_flush_empties_every_database() -> None:
    """After flush no database has a key."""
    with Server() as server, server.client(db=3) as client:
        client.set("key", "value")
        server.flush()
        assert client.dbsize() == 0


@each_kind
def test_a_replica_has_the_data_and_takes_no_writes(kind: str) -> None:
    """replica_of returns a replica that is in sync, follows on, and is read-only."""
    with Server(kind, password="secret") as primary, primary.client() as client:
        client.set("before", "1")
        with replica_of(primary) as replica, replica.client() as copy:
            assert copy.get("before") == b"1"
            client.set("after", "2")
            wait_in_sync(primary, replica)
            assert copy.get("after") == b"2"
            with pytest.raises(redis.ReadOnlyError):
                copy.set("key", "value")


def test_a_replica_needs_a_port() -> None:
    """A server on a unix socket only cannot be replicated."""
    with Server(unix=True) as primary, pytest.raises(ValueError, match="port"):
        replica_of(primary)


def test_wait_until_says_what_it_waited_for() -> None:
    """A condition that stays false is named by the error."""
    with pytest.raises(TimeoutError, match=r"0\.01 s: the moon"):
        wait_until(lambda: False, what="the moon", timeout=0.01)
