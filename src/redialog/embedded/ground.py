"""The ground that a server stands on: one folder's lock files, and stopping what runs there.

=============  ==========================================================================
start.lock     exclusive, held while somebody starts or stops the server
clients.lock   shared, held by each process that uses the server
server.lock    exclusive, held by the server itself (inherited), so for exactly its lifetime
keeper.lock    exclusive, held by the keeper itself (inherited)
=============  ==========================================================================

Whether a server runs is asked of ``server.lock``, never of a process id: ids are reused, differ
between containers that share a folder, and a zombie still answers to ``kill(pid, 0)``. It also
makes a second server on the same append-only file impossible, even where the first one is frozen
or its socket was deleted.
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from . import wire
from .locks import ALONE, SHARED, LockFile

if TYPE_CHECKING:
    from collections.abc import Iterator

SOCKET_NAME = "server.sock"
STOP_TIMEOUT = 20.0
"""Seconds for the server's last fsync; it took 2 ms, a busy or networked disk needs more."""


class Ground:
    """The open lock files of one folder.

    Args:
        folder: the folder; the keeper stands in it and says ``"."``, which survives a rename.
        socket_path: where its server listens.
    """

    def __init__(self, folder: str, socket_path: str) -> None:
        self.folder = folder
        self.socket_path = socket_path
        self._locks: list[LockFile] = []
        try:
            self._stat = os.stat(folder)  # noqa: PTH116 - no pathlib in the keeper
            self.start = self._lock("start.lock")
            self.clients = self._lock("clients.lock")
            self.server = self._lock("server.lock")
        except BaseException:
            self.close()
            raise

    def _lock(self, name: str) -> LockFile:
        lock = LockFile(self.within(name))
        self._locks.append(lock)
        return lock

    def within(self, name: str) -> str:
        return os.path.join(self.folder, name)  # noqa: PTH118 - no pathlib in the keeper

    def near_socket(self) -> str:
        """The socket's path for a process that stands in the folder."""
        inside = self.socket_path == self.within(SOCKET_NAME)
        return SOCKET_NAME if inside else self.socket_path

    def current(self) -> bool:
        """Whether the folder's path still leads here (it may be deleted and made anew)."""
        try:
            found = os.stat(self.within("start.lock"))  # noqa: PTH116
        except OSError:
            return False
        return os.path.samestat(found, os.fstat(self.start.fd))

    @contextmanager
    def starting(self, deadline: float) -> Iterator[None]:
        """Holds the start lock.

        Raises:
            TimeoutError: somebody else held it until ``deadline``.
        """
        if not self.start.take(ALONE, deadline):
            raise TimeoutError(f"another process holds {self.within('start.lock')}")
        try:
            yield
        finally:
            self.start.release()

    def server_runs(self) -> bool:
        """Whether a server process exists here; only meaningful under the start lock."""
        if self.server.attempt(SHARED):
            self.server.release()
            return False
        return True

    def alone(self, deadline: float) -> bool:
        """Whether no other process has a share; if so, `clients` is held alone, else not at all.

        Only under the start lock. Turning a shared lock into an exclusive one lets go of it for a
        moment, and then the waiting keeper may get it. A shared attempt tells a keeper (refused)
        from another client (granted); the keeper lets go at once and comes back only under the
        start lock.
        """
        while time.monotonic() < deadline:
            if self.clients.attempt(ALONE):
                return True
            if self.clients.attempt(SHARED):
                if self.clients.attempt(ALONE):
                    return True
                break
            time.sleep(0.0001)
        # A refused change to exclusive has given up the shared lock, on Linux at least.
        self.clients.release()
        return False

    def stop(
        self, timeout: float = STOP_TIMEOUT, *, patience: float = 0.0, discard: bool = False
    ) -> bool:
        """Stops the server and waits until its process is gone; False when it stays.

        Only under the start lock. Clients and keeper both end the server here.

        Args:
            timeout: seconds for everything.
            patience: seconds in which a full disk may get free.
            discard: stop it even where the disk did not take what it had answered.

        Raises:
            wire.Unsaved: the disk did not, so the server goes on running.
        """
        deadline = time.monotonic() + timeout
        while self.server_runs():
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            try:
                if not self.current():
                    raise FileNotFoundError(self.socket_path)
                wire.shutdown(self.socket_path, left, patience=patience, discard=discard)
            except wire.Unsaved:
                raise
            except OSError:
                self._signal()
                time.sleep(0.02)
            else:
                time.sleep(0.0002)
        self.clear()
        return True

    def clear(self) -> None:
        """Removes the socket that a killed server leaves behind, and its folder if not this one."""
        if not self.current():
            return
        with suppress(OSError):
            os.unlink(self.socket_path)  # noqa: PTH108 - no pathlib in the keeper
        if self.near_socket() != SOCKET_NAME:
            with suppress(OSError):
                os.rmdir(self.socket_path.rpartition("/")[0])  # noqa: PTH106

    def note_pid(self, pid: int) -> None:
        """Writes the server's id into its lock file, which even outlives the folder's deletion."""
        with suppress(OSError):  # a full disk: the server will say so itself
            os.pwrite(self.server.fd, b"%-10d" % pid, 0)

    def server_pid(self) -> int:
        """The id of the running server, or 0; for messages and `_signal`."""
        try:
            return int(os.pread(self.server.fd, 10, 0))
        except (OSError, ValueError):
            return 0

    def _signal(self) -> None:
        """The way out where the socket was deleted: SIGTERM shuts down as SHUTDOWN does.

        Sent only to a process that is seen to work in this very folder, because an id alone may
        mean another process by now. Where there is no /proc (macOS) nothing is sent.
        """
        pid = self.server_pid()
        with suppress(OSError):
            place = os.stat(f"/proc/{pid}/cwd")  # noqa: PTH116
            if pid and os.path.samestat(place, self._stat):
                os.kill(pid, signal.SIGTERM)

    def close(self) -> None:
        """Gives back everything, the share included."""
        for lock in self._locks:
            lock.close()
