"""Coming and going: one server per folder, shared, stopped by the last one out."""

from __future__ import annotations

import os
import signal
import stat
import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from redialog.embedded import Lease, attach
from redialog.errors import Closed, EmbeddedError
from tests.embedded.tools import call, client, held, pid_of, python, until

if TYPE_CHECKING:
    from contextlib import suppress
from contextlib import suppress
from pathlib import Path


def test_a_server_runs_from_attach_to_close(folder: Path) -> None:
    """The server answers after attach, and its process and socket are gone after close."""
    lease = attach(folder)
    assert call(lease, "SET", "k", "v") == b"+OK\r\n"
    assert lease.engine in {"valkey", "redis"}
    assert lease.version.count(".") >= 1
    lease.close()
    assert not held(folder, "server.lock")
    assert not lease.socket_path.exists()


def test_data_is_there_at_the_next_start(folder: Path) -> None:
    """What was written just before close is there after the next attach."""
    lease = attach(str(folder))
    call(lease, "SET", "k", "v")
    lease.close()
    lease = attach(folder)
    assert call(lease, "GET", "k") == b"$1\r\nv\r\n"
    lease.close()


def test_only_the_user_may_enter(folder: Path) -> None:
    """Folder and socket are 0700 and the files 0600, and no port is open."""
    lease = attach(folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(lease.socket_path.stat().st_mode) == 0o700
    files = [p for p in folder.rglob("*") if p.is_file()]
    assert {stat.S_IMODE(p.stat().st_mode) for p in files} == {0o600}
    assert b"$1\r\n0\r\n" in call(lease, "CONFIG", "GET", "port")
    lease.close()


def test_the_options_that_keep_data(folder: Path) -> None:
    """The server appends to a file of plain commands, never evicts, and snapshots nothing."""
    lease = attach(folder)
    wanted = {
        "appendonly": "yes",
        "appendfsync": "everysec",
        "aof-use-rdb-preamble": "no",
        "save": "",
        "maxmemory": "0",
        "maxmemory-policy": "noeviction",
    }
    for option, value in wanted.items():
        assert call(lease, "CONFIG", "GET", option).endswith(f"\r\n{value}\r\n".encode()), option
    lease.close()


def test_two_processes_share_one_server(folder: Path) -> None:
    """A second process meets the same server, which outlives the first one's close."""
    lease = attach(folder)
    server = pid_of(lease)
    with client(folder) as other:
        assert (other.server_pid, other.engine, other.version) == (
            server,
            lease.engine,
            lease.version,
        )
        lease.close()
        assert held(folder, "server.lock")
        other.leave()
    assert not held(folder, "server.lock")


def test_leases_of_one_process_are_counted(folder: Path) -> None:
    """The server stays until the last of several leases is closed."""
    one, two = attach(folder), attach(folder)
    one.close()
    assert call(two, "PING") == b"+PONG\r\n"
    two.close()
    assert not held(folder, "server.lock")


def test_close_is_idempotent(folder: Path) -> None:
    """A second close does nothing, not even to the share of another lease."""
    one, two = attach(folder), attach(folder)
    one.close()
    one.close()
    assert call(two, "PING") == b"+PONG\r\n"
    two.close()


def test_a_closed_lease_says_so(folder: Path) -> None:
    """A closed lease refuses to be used."""
    lease = attach(folder)
    lease.close()
    for use in (lease.ensure, lease.repair):
        with pytest.raises(Closed):
            use()


def test_exit_closes_what_is_open(folder: Path) -> None:
    """A process that ends without close stops the server on its way out."""
    process = python(
        "import sys; from redialog.embedded import attach; attach(sys.argv[1])", str(folder)
    )
    process.communicate(timeout=30)
    assert process.returncode == 0
    assert not held(folder, "server.lock")


def test_eight_processes_race_for_a_new_folder(folder: Path) -> None:
    """However many come at once, exactly one server starts."""
    with ExitStack() as stack:
        release = threading.Barrier(8)
        servers: list[int] = []

        def come() -> None:
            release.wait()
            servers.append(stack.enter_context(client(folder)).server_pid)

        threads = [threading.Thread(target=come) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(servers) == 8
        assert len(set(servers)) == 1


def test_threads_come_and_go(folder: Path) -> None:
    """Threads may attach, use and close at will; the server is there whenever a lease is open."""
    failures: list[BaseException] = []

    def visit() -> None:
        try:
            for _ in range(5):
                lease = attach(folder)
                assert call(lease, "INCR", "visits").startswith(b":")
                lease.close()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=visit) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    lease = attach(folder)
    assert call(lease, "GET", "visits") == b"$2\r\n30\r\n"
    lease.close()


def test_processes_open_and_close_in_a_churn(folder: Path) -> None:
    """Nothing written is lost while processes start and stop the server in each other's way."""
    code = """
import socket, sys
from redialog.embedded import attach
for _ in range(10):
    lease = attach(sys.argv[1])
    with socket.socket(socket.AF_UNIX) as peer:
        peer.connect(str(lease.socket_path))
        peer.sendall(b"INCR visits\\r\\n")
        assert peer.recv(99).startswith(b":")
    lease.close()
"""
    processes = [python(code, str(folder)) for _ in range(4)]
    for process in processes:
        process.communicate(timeout=60)
        assert process.returncode == 0
    lease = attach(folder)
    assert call(lease, "GET", "visits") == b"$2\r\n40\r\n"
    lease.close()


def test_an_interrupt_does_not_reach_the_server(folder: Path) -> None:
    """Ctrl-C goes to the terminal's process group, in which neither server nor keeper are."""
    with client(
        folder, "import signal; signal.signal(2, signal.SIG_IGN)", process_group=0
    ) as other:
        lease = attach(folder)
        os.killpg(other.process.pid, signal.SIGINT)
        assert os.getpgid(other.server_pid) != other.process.pid
        assert os.getsid(other.server_pid) != os.getsid(other.process.pid)
        assert pid_of(lease) == other.server_pid
        assert held(folder, "keeper.lock")
        other.leave()
        lease.close()


def test_no_child_and_no_zombie(folder: Path) -> None:
    """Server and keeper are nobody's children: whoever stops them, no process has to reap them."""
    lease = attach(folder)
    with pytest.raises(ChildProcessError):
        os.waitpid(pid_of(lease), os.WNOHANG)
    lease.close()
    for process in Path("/proc").glob("[0-9]*/stat"):
        # Others come and go while we look.
        with suppress(FileNotFoundError, ProcessLookupError):
            state, parent = process.read_text().rpartition(")")[2].split()[:2]
            assert (state, int(parent)) != ("Z", os.getpid())


def test_the_keeper_leaves_after_a_normal_close(folder: Path) -> None:
    """While a server runs a keeper is on duty, and after the last close it vanishes by itself."""
    lease = attach(folder)
    assert held(folder, "keeper.lock")
    lease.close()
    until(lambda: not held(folder, "keeper.lock"), "the keeper's end")


@pytest.mark.parametrize("executable", ["", None, "/opt/app/bin/uwsgi"])
def test_without_an_interpreter_there_is_no_keeper(
    folder: Path, executable: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where `sys.executable` is no Python, the server runs all the same, without a keeper."""
    monkeypatch.setattr("sys.executable", executable)
    lease = attach(folder)
    assert not held(folder, "keeper.lock")
    assert call(lease, "PING") == b"+PONG\r\n"
    lease.close()


def test_server_does_not_get_the_environment(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys in the application's environment are not copied into processes that outlive it."""
    monkeypatch.setenv("SOME_API_KEY", "secret-value")
    lease = attach(folder)
    with open(f"/proc/{pid_of(lease)}/environ", "rb") as environ:  # noqa: PTH123
        assert b"secret-value" not in environ.read()
    lease.close()


def test_waiting_for_a_lock_ends(folder: Path) -> None:
    """Where somebody holds the start lock for ever, attach gives up and names the file."""
    with client(
        folder,
        "import fcntl; f = open(sys.argv[1] + '/start.lock'); fcntl.flock(f, 2); print(flush=True)",
    ) as other:
        other.told()
        with pytest.raises(EmbeddedError, match=r"start\.lock"):
            attach(folder, start_timeout=0.2)
        other.kill()


def test_ensure_and_repair_leave_a_healthy_server_alone(folder: Path) -> None:
    """Neither ensure nor repair restarts a server that answers."""
    lease = attach(folder)
    server = pid_of(lease)
    lease.ensure()
    lease.repair()
    assert pid_of(lease) == server
    lease.close()


def test_a_lease_is_what_attach_returns(folder: Path) -> None:
    """The lease names the resolved folder and a socket short enough for the system."""
    lease = attach(folder / ".." / folder.name)
    assert isinstance(lease, Lease)
    assert lease.folder == folder.resolve()
    assert len(os.fsencode(lease.socket_path)) < 108
    lease.close()
