"""The processes of the servers: restarted, killed, paused, and never left behind."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import redis

from tests.support.servers import KINDS, Server, ServerError, wait_until
from tests.support.servers import server as server_module
from tests.support.tools import is_gone

each_kind = pytest.mark.parametrize("kind", KINDS)


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
            server_module._close_all()
        assert server.running
