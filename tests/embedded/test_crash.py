"""Whatever is killed: nothing stays behind, and what is older than a second is kept."""

from __future__ import annotations

import os
import shutil
import signal
import socket
from typing import TYPE_CHECKING

import pytest

from redialog.embedded import attach
from redialog.errors import EmbeddedError
from tests.embedded.tools import (
    call,
    client,
    crash,
    held,
    keeper_pid,
    nothing_left,
    pid_of,
    program,
    python,
    saved,
    until,
)

if TYPE_CHECKING:
    from pathlib import Path

    from redialog.embedded import locate


def test_repair_after_kill_9_of_the_server(folder: Path) -> None:
    """After kill -9 of the server, repair starts it again with everything that was saved."""
    lease = attach(folder)
    call(lease, "RPUSH", "mark", "one")
    saved(lease)
    first = pid_of(lease)
    crash(first)
    lease.repair()
    assert pid_of(lease) != first
    assert call(lease, "LRANGE", "mark", "0", "-1") == b"*1\r\n$3\r\none\r\n"
    assert held(folder, "keeper.lock")
    lease.close()


def test_one_repair_serves_all(folder: Path) -> None:
    """When several processes repair at once, one of them restarts the server for all."""
    body = """
sys.stdin.readline()
lease.repair()
print(wire.hello(str(lease.socket_path), 10).pid, flush=True)
"""
    with client(folder, body) as one, client(folder, body) as two:
        crash(one.server_pid)
        for each in (one, two):
            assert each.process.stdin
            each.process.stdin.write("\n")
            each.process.stdin.flush()
        assert one.told() == two.told() != ""
        one.leave()
        two.leave()


def test_kill_9_of_the_only_client(folder: Path) -> None:
    """After kill -9 of the only client the keeper stops the server, which loses nothing."""
    with client(folder) as other:
        lease = attach(folder)
        call(lease, "SET", "mark", "kept")
        lease.close()
        assert held(folder, "server.lock")
        other.kill()
    until(lambda: nothing_left(folder), "the end of server and keeper")
    lease = attach(folder)
    assert call(lease, "GET", "mark") == b"$4\r\nkept\r\n"
    lease.close()


def test_kill_9_of_the_keeper(folder: Path) -> None:
    """The next one to come puts a new keeper on duty, which does what the killed one would have."""
    with client(folder) as other:
        first = keeper_pid(folder)
        crash(first)
        until(lambda: not held(folder, "keeper.lock"), "the keeper's end")
        with client(folder) as another:
            assert another.server_pid == other.server_pid
            assert keeper_pid(folder) not in {0, first}
            other.kill()
            another.kill()
    until(lambda: nothing_left(folder), "the end of server and keeper")


def test_kill_9_of_owner_and_keeper(folder: Path) -> None:
    """A server that nobody is left to stop is met by the next client, which stops it."""
    with client(folder) as other:
        crash(keeper_pid(folder))
        until(lambda: not held(folder, "keeper.lock"), "the keeper's end")
        other.kill()
    assert held(folder, "server.lock")
    lease = attach(folder)
    assert pid_of(lease) == other.server_pid
    lease.close()
    assert not held(folder, "server.lock")


@pytest.mark.parametrize("place", ["folder", "deep"])
def test_kill_9_of_everything(request: pytest.FixtureRequest, place: str) -> None:
    """Client, keeper and server are killed at once: socket and locks stay and hinder nobody."""
    folder: Path = request.getfixturevalue(place)
    with client(folder) as other:
        lease = attach(folder)
        call(lease, "RPUSH", "mark", "kept")
        saved(lease)
        lease.close()
        crash(keeper_pid(folder))
        crash(other.server_pid)
        other.kill()
    until(lambda: nothing_left(folder), "the end of server and keeper")
    assert lease.socket_path.is_socket()
    again = attach(folder)
    assert again.socket_path == lease.socket_path
    assert call(again, "LRANGE", "mark", "0", "-1") == b"*1\r\n$4\r\nkept\r\n"
    assert keeper_pid(folder)
    again.close()


def test_kill_9_of_a_starter(
    folder: Path, tmp_path: Path, binaries: dict[str, locate.Binary]
) -> None:
    """Who is killed while its server comes up leaves nothing behind, and the next one can start."""
    begun, go = tmp_path / "begun", tmp_path / "go"
    os.mkfifo(go)
    server = binaries["valkey"].path
    slow = program(
        tmp_path / "slow",
        f"[ $1 = --version ] && exec {server} $1\n"
        f'touch {begun}; read word <{go}; exec {server} "$@"',
    )
    code = "import sys; from redialog.embedded import attach; attach(sys.argv[1])"
    starter = python(code, str(folder), env={"REDIALOG_SERVER_BINARY": str(slow)})
    until(begun.exists, "the start")
    assert held(folder, "server.lock")
    starter.kill()
    starter.communicate()
    until(lambda: nothing_left(folder), "the end of server and keeper")
    lease = attach(folder)
    assert call(lease, "PING") == b"+PONG\r\n"
    lease.close()


def test_kill_9_of_one_client_of_two(folder: Path) -> None:
    """The keeper leaves the server alone while another client is there."""
    lease = attach(folder)
    with client(folder) as other:
        other.kill()
    assert call(lease, "PING") == b"+PONG\r\n"
    lease.close()


def test_close_after_the_server_was_killed(folder: Path) -> None:
    """Closing a lease whose server is gone is no error."""
    lease = attach(folder)
    crash(pid_of(lease))
    lease.close()
    assert not lease.socket_path.exists()


def test_a_stale_socket_is_replaced(folder: Path) -> None:
    """A socket that nobody listens on, left by a crash, does not hinder a start."""
    folder.mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(folder / "server.sock"))
    lease = attach(folder)
    assert call(lease, "PING") == b"+PONG\r\n"
    lease.close()


def test_a_deleted_socket_is_repaired_by_the_last_client(folder: Path) -> None:
    """Where the socket file was deleted, the only client restarts the server and keeps the data."""
    lease = attach(folder)
    call(lease, "SET", "mark", "kept")
    lease.socket_path.unlink()
    lease.repair()
    assert call(lease, "GET", "mark") == b"$4\r\nkept\r\n"
    lease.close()


def test_a_deleted_socket_does_not_cut_off_others(folder: Path) -> None:
    """Where others still use a server whose socket was deleted, it is left alone, loudly."""
    with client(folder) as other:
        (folder / "server.sock").unlink()
        with pytest.raises(EmbeddedError, match=rf"process {other.server_pid}\b"):
            attach(folder)
        os.kill(other.server_pid, 0)
        other.leave()
    assert not held(folder, "server.lock")


def test_a_frozen_server_is_an_error_not_a_second_server(folder: Path) -> None:
    """A server that does not answer is named in time, and no second one writes to its file."""
    lease = attach(folder)
    server = pid_of(lease)
    os.kill(server, signal.SIGSTOP)
    with pytest.raises(EmbeddedError, match=rf"process {server}\) does not answer"):
        attach(folder, start_timeout=0.3)
    os.kill(server, signal.SIGCONT)
    assert pid_of(lease) == server
    lease.close()


def test_a_deleted_folder_takes_its_server_along(folder: Path) -> None:
    """A folder removed under a running server: close stops that server, not the new folder's."""
    lease = attach(folder)
    old = pid_of(lease)
    shutil.rmtree(folder)
    with client(folder) as other:
        assert other.server_pid != old
        lease.close()
        until(lambda: not _runs(old), "the old server's end")
        assert held(folder, "server.lock")
        other.leave()


def _runs(pid: int) -> bool:
    try:
        os.stat(f"/proc/{pid}/cwd")  # noqa: PTH116 - of a zombie it cannot be read
    except OSError:
        return False
    return True
