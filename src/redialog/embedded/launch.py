"""Starts the server and its keeper as nobody's children, and waits until the server is ready."""

from __future__ import annotations

import os
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from redialog.embedded import wire
from redialog.embedded.folder import Record, private, remedy, shelter
from redialog.embedded.locate import find
from redialog.embedded.locks import ALONE, SHARED, LockFile, no_fork
from redialog.errors import EmbeddedError

if TYPE_CHECKING:
    from redialog.embedded.ground import Ground
    from redialog.embedded.wire import Greeting

LOG_NAME = "server.log"
_LOG_LIMIT = 1_000_000
_SILENCE_LIMIT_S = 1.0
"""How long a server may run without its socket before it counts as cut off.

Only matters where a starter was killed in the middle: a start takes 40 ms, the socket is there
before the data is loaded, and ending removes it milliseconds before the process is gone.
"""

_NEEDED = 32_768
"""Bytes that a start writes at most; it is some 3 kB, in five files."""

_GIVE_UP_S = 5.0
"""How long a failed start may take to stop what it started, beyond its own timeout."""

_OPTIONS = """
--port 0 --unixsocketperm 700 --protected-mode yes --daemonize no --always-show-logo no
--dir . --logfile server.log --crash-log-enabled no
--appendonly yes --appendfsync everysec --aof-use-rdb-preamble no
--maxmemory 0 --maxmemory-policy noeviction
""".split()  # noqa: SIM905 - 26 quoted words are harder to read
# A crash log would hold the arguments of the current command, so message text: it is off. No
# configuration file is named, so the user's own redis.conf is not read. All paths but a far
# socket are relative to the working directory: any character may stand in the folder's name, and
# the folder may be renamed while the server runs.


def started(ground: Ground, deadline: float) -> Greeting:
    """Starts the server of a folder that has none; under the start lock and with a share held.

    Raises:
        EmbeddedError, MissingExtra: not found, not admitted, ended at once, or too slow. What was
            started is stopped again.
        OSError: the folder cannot be written.
    """
    folder = Path(ground.folder)
    record = Record.load(folder)
    binary = find(record.binary)
    record.admit(binary, folder)
    ground.clear()
    shelter(Path(ground.socket_path), folder)
    _shorten_log(folder)
    try:
        _spawn_keeper(ground)
        _spawn_server(ground, binary.path)
        greeting = answering(ground, deadline)
        if greeting is None:
            raise EmbeddedError(_why(ground, f"{binary.engine} {binary.version} ended at once"))
        record.note(binary, folder)
    except BaseException:
        ground.stop(_GIVE_UP_S, discard=True)  # nobody has used it yet
        raise
    return greeting


def answering(ground: Ground, deadline: float, *, patience: float = 3600.0) -> Greeting | None:
    """Waits until the server of a folder is ready; under the start lock.

    Args:
        patience: seconds for which it may run without a socket to connect to.

    Returns:
        Its greeting, or None where no server runs, or one that nobody can reach any more.

    Raises:
        EmbeddedError: it was not ready at ``deadline``.
    """
    silent_since = time.monotonic()
    pause, state = 0.001, "does not answer"
    # The lock is asked before the socket: a folder made anew at an old path must not talk to the
    # server of the one that was moved away.
    while ground.server_runs():
        now = time.monotonic()
        if now >= deadline:
            raise EmbeddedError(
                f"the server of {ground.folder} (process {ground.server_pid()}) {state} in time: "
                "try again, raise start_timeout, or end that process"
            )
        try:
            greeting = wire.hello(ground.socket_path, min(deadline - now, 1.0))
            if greeting.ready:
                return greeting
            state = "is still loading its data and was not ready"
        except (FileNotFoundError, ConnectionRefusedError):
            if now - silent_since > patience:
                return None
        except OSError:
            state = "does not answer"
        time.sleep(pause)
        pause = min(pause * 1.5, 0.05)
    return None


def reached(ground: Ground, deadline: float) -> Greeting:
    """The greeting of the folder's server, started where there is none; under the start lock.

    Raises:
        EmbeddedError, MissingExtra, OSError: as `started`.
    """
    greeting = answering(ground, deadline, patience=_SILENCE_LIMIT_S)
    if greeting is not None:
        _spawn_keeper(ground)  # the one on duty may have been killed
        return greeting
    if ground.server_runs():
        # Its socket was deleted. Others may still be connected, so only the last one restarts it.
        stopped = ground.alone(deadline) and ground.stop(_GIVE_UP_S)
        if not ground.clients.take(SHARED, deadline + 1) or not stopped:
            raise EmbeddedError(
                f"the socket {ground.socket_path} is missing, but the server of {ground.folder} "
                f"(process {ground.server_pid()}) still runs: end what uses it, then try again"
            )
    return started(ground, deadline)


def _spawn_server(ground: Ground, binary: str) -> None:
    alive = LockFile(ground.within("server.lock"))
    try:
        if not alive.attempt(ALONE):
            raise EmbeddedError(f"{ground.within('server.lock')} is held by another process")
        options = [*_OPTIONS, "--unixsocket", ground.near_socket(), "--save", ""]
        ground.note_pid(_spawn([binary, *options], ground.folder, alive.fd))
    finally:
        alive.close()


def _spawn_keeper(ground: Ground) -> None:
    """Puts a keeper on duty, unless there is one or no interpreter to run it.

    A frozen application and a host such as uwsgi are their own `sys.executable`: running that
    would start the application again.
    """
    executable = sys.executable or ""
    name = os.path.basename(executable).lower()  # noqa: PTH119
    if getattr(sys, "frozen", False) or not name.startswith(("python", "pypy")):
        return
    duty = LockFile(ground.within("keeper.lock"))
    try:
        if duty.attempt(ALONE):
            script = str(Path(__file__).with_name("keeper.py"))
            argv = [executable, "-I", "-S", script, str(duty.fd), ground.near_socket()]
            _spawn(argv, ground.folder, duty.fd)
    finally:
        duty.close()


def _spawn(argv: list[str], folder: str, kept: int) -> int:
    """Runs a program as an orphan in a session of its own, and returns its process id.

    The shell between us and it ends at once. A direct child would be a zombie in us when another
    process stops the server, and would disturb an application that waits for its own children.
    Only a few variables are passed on: the environment of an application holds its secrets.

    Args:
        kept: the one descriptor that it inherits, a lock that lasts as long as it lives.
    """
    import subprocess

    reap()
    passed = ("PATH", "TZ", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
    with no_fork:
        shell = subprocess.run(  # noqa: S603
            ["/bin/sh", "-c", '"$@" >/dev/null 2>&1 & echo $!', "sh", *argv],
            cwd=folder,
            env={name: os.environ[name] for name in passed if name in os.environ},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            umask=0o077,
            pass_fds=(kept,),
            check=False,
        )
    if shell.returncode:
        raise OSError(f"/bin/sh could not start {argv[0]}")
    pid = int(shell.stdout)
    if os.getpid() == 1:
        _adopted.add(pid)
    return pid


_adopted: set[int] = set()


def reap() -> None:
    """In a container without an init we are process 1, to whom orphans fall: no zombies then."""
    for pid in tuple(_adopted) if os.getpid() == 1 else ():
        try:
            done, _ = os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:
            done = pid
        if done:
            _adopted.discard(pid)


def _shorten_log(folder: Path) -> None:
    """Starts the log anew where it grew large; a start adds about 2 kB."""
    log = folder / LOG_NAME
    with suppress(FileNotFoundError):
        if log.stat().st_size > _LOG_LIMIT:
            log.replace(folder / f"{LOG_NAME}.old")


def _why(ground: Ground, what: str) -> str:
    """The error text for a server that ended, with the reason that it logged."""
    folder = Path(ground.folder)
    try:
        _try_to_write(folder)
    except OSError as error:
        return f"{what}: {folder} cannot be written ({error.strerror}): {remedy(error)}"
    path = folder / LOG_NAME
    try:
        with path.open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - 4096))
            lines = log.read().decode("utf-8", "replace").splitlines()
    except FileNotFoundError:
        return f"{what} and wrote no log in {folder}"
    except OSError as error:
        return f"{what}: {path} cannot be used ({error.strerror}): {remedy(error)}"
    # "#" is the level warning. Valkey quotes an unknown command "with args beginning with: ...",
    # which is message text.
    own = f"{ground.server_pid()}:"
    lines = [line for line in lines if line.startswith(own)] or lines
    told = [line.partition(" # ")[2].partition(", with args")[0] for line in lines]
    told = [line for line in told if line and "overcommit" not in line][-2:]
    return f"{what}: {' / '.join(told) or 'no reason logged'} (see {path})"


def _try_to_write(folder: Path) -> None:
    """Writes as much as a start needs, and removes it; only under the start lock."""
    trial = folder / "trial"
    try:
        with open(trial, "wb", buffering=0, opener=private) as file:
            if file.write(bytes(_NEEDED)) < _NEEDED:
                file.write(b"0")  # what was cut short says why only now
            os.fsync(file.fileno())
    finally:
        trial.unlink(missing_ok=True)
