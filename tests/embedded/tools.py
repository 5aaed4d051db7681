"""What the tests of the embedded store share: a raw client, other processes, patience."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

import redialog.embedded
from redialog.embedded import Lease, wire

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SOURCE = Path(redialog.embedded.__file__).parents[2]
PATIENCE_S = 20.0


def until(holds: Callable[[], object], what: str = "it") -> None:
    """Waits until ``holds()``, or fails."""
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, f"{what} did not happen in {PATIENCE_S} s"
        time.sleep(0.005)


def call(lease: Lease, *words: str) -> bytes:
    """Sends one command over a connection of its own; the reply as it came."""
    request = f"*{len(words)}\r\n" + "".join(f"${len(w.encode())}\r\n{w}\r\n" for w in words)
    with socket.socket(socket.AF_UNIX) as peer:
        peer.settimeout(PATIENCE_S)
        peer.connect(str(lease.socket_path))
        peer.sendall(request.encode())
        return peer.recv(65536)


def pid_of(lease: Lease) -> int:
    """The process id of the lease's server."""
    return wire.hello(str(lease.socket_path), PATIENCE_S).pid


def held(folder: Path, name: str) -> bool:
    """Whether some process holds the lock file; a server and a keeper hold theirs while alive."""
    with suppress(FileNotFoundError), (folder / name).open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def nothing_left(folder: Path) -> bool:
    """Whether neither a server nor a keeper lives in the folder."""
    return not held(folder, "server.lock") and not held(folder, "keeper.lock")


def saved(lease: Lease) -> None:
    """Waits until what was written lies on the disk, where kill -9 cannot reach it."""
    # everysec: at most one second passes between the write and its fsync; the counter of pending
    # fsyncs is zero again after it. Redis 7.0 has no WAITAOF.
    aof = lease.folder / "appendonlydir"
    until(
        lambda: (
            b"aof_pending_bio_fsync:0" in call(lease, "INFO", "persistence")
            and any(b"mark" in path.read_bytes() for path in aof.glob("*.aof"))
        ),
        "the fsync",
    )


_CLIENT = """
import json, os, sys
from redialog.embedded import attach, wire
lease = attach(sys.argv[1])
pid = wire.hello(str(lease.socket_path), 10).pid
print(json.dumps([pid, lease.engine, lease.version]), flush=True)
{body}
sys.stdin.readline()
lease.close()
"""


def python(
    code: str,
    *arguments: str,
    env: dict[str, str] | None = None,
    pass_fds: tuple[int, ...] = (),
    process_group: int | None = None,
) -> subprocess.Popen[str]:
    """Starts another interpreter that can import what is tested here."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(SOURCE), **(env or {})},
        pass_fds=pass_fds,
        process_group=process_group,
    )


def output_of(code: str, *arguments: str, env: dict[str, str] | None = None) -> str:
    """Runs another interpreter to its end; what it printed."""
    process = python(code, *arguments, env=env)
    text, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    return text.strip()


class Client:
    """Another process that holds a lease until it is told to leave."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        line = cast("IO[str]", process.stdout).readline()
        self.server_pid, self.engine, self.version = json.loads(line)

    def told(self) -> str:
        """The next line that it printed."""
        return cast("IO[str]", self.process.stdout).readline().strip()

    def leave(self) -> None:
        """Lets it close its lease and end."""
        self.process.communicate("\n", timeout=PATIENCE_S)

    def kill(self) -> None:
        """Ends it with kill -9."""
        self.process.kill()
        self.process.communicate()


@contextmanager
def client(
    folder: Path,
    body: str = "",
    *,
    pass_fds: tuple[int, ...] = (),
    process_group: int | None = None,
) -> Iterator[Client]:
    """Another process with a lease; ``body`` runs in it after it attached."""
    code = _CLIENT.format(body=body)
    process = python(code, str(folder), pass_fds=pass_fds, process_group=process_group)
    try:
        yield Client(process)
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def keeper_pid(folder: Path) -> int:
    """The process id of the folder's keeper, or 0 where there is none."""
    for process in Path("/proc").glob("[0-9]*"):
        # Others come and go while we look, and some are not ours to look at.
        with suppress(OSError):
            script = b"keeper.py" in (process / "cmdline").read_bytes()
            if script and (process / "cwd").samefile(folder):
                return int(process.name)
    return 0


def program(path: Path, text: str) -> Path:
    """A shell script that can be run in place of a server."""
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def servers_seen(folder: Path) -> list[str]:
    """The process ids of all servers that ever wrote to the folder's log, in order."""
    lines = (folder / "server.log").read_text().splitlines()
    pids = [line.partition(":")[0] for line in lines]
    return list(dict.fromkeys(pid for pid in pids if pid.isdigit()))


def crash(pid: int) -> None:
    """Ends a process with kill -9."""
    os.kill(pid, signal.SIGKILL)
