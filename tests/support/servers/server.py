"""A Valkey or Redis server of its own for a test."""

from __future__ import annotations

import atexit
import os
import shutil
import socket
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

import redis

from tests.support.servers.clients import plain_client
from tests.support.servers.finding import find_server
from tests.support.servers.process import ServerError, ServerProcess
from tests.support.servers.settings import Setting, lines, quoted
from tests.support.servers.waiting import POLL_S

START_TIMEOUT_S = 20.0


class PortTakenError(ServerError):
    """The server ended at once because somebody else has its port."""


def _free_port() -> int:
    # Free now, not reserved: Server.start tries another one when somebody was faster.
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Server(ServerProcess):
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
        self._owner = os.getpid()
        self._own_dirs: list[Path] = []
        self.data_dir = self._make_dir() if data_dir is None else data_dir
        # In a directory of its own: a path given by pytest is soon longer than the 104 bytes
        # that a unix socket's name may have.
        self.unix_path = self._make_dir() / "s" if unix else None
        super().__init__(self.data_dir / "server.log")
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
            "dir": quoted(str(self.data_dir)),
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
            settings["unixsocket"] = quoted(str(self.unix_path))
        if self.password is not None:
            settings["requirepass"] = quoted(self.password)
        return settings | self.config

    def _command(self) -> list[str]:
        """Return the arguments of the process."""
        return [str(self._binary), str(self.data_dir / "server.conf")]

    def _take_port(self) -> None:
        """Choose a port that nobody has now."""
        self.port = _free_port()

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

    # Its life

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
                self._take_port()
            try:
                self._write_settings()
                self._spawn(self._command())
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

    def _write_settings(self) -> None:
        (self.data_dir / "server.conf").write_text(lines(self._settings()), encoding="utf-8")

    def _make_dir(self) -> Path:
        path = Path(tempfile.mkdtemp(prefix="rd-"))
        self._own_dirs.append(path)
        return path


_live: set[Server] = set()


def _close_all() -> None:
    """Kill what a crashed run has left; a forked child leaves its parent's servers alone."""
    for server in list(_live):
        if server._owner == os.getpid():
            server.close()


atexit.register(_close_all)
