"""A share in the embedded server of a folder, and how processes come and go.

Inside a process all leases of a folder share one `_Share`, which holds one shared lock on
``clients.lock``. A forked child starts with none (its copies of the descriptors are closed, see
`locks`): its leases take a share of the child's own at the first `Lease.ensure`.
"""

from __future__ import annotations

import atexit
import os
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from redialog.embedded.folder import default_folder, prepare, remedy, socket_path
from redialog.embedded.ground import STOP_TIMEOUT, Ground
from redialog.embedded.launch import reached, reap
from redialog.embedded.locks import SHARED
from redialog.embedded.wire import Unsaved
from redialog.errors import Closed, EmbeddedError, RedialogError

if TYPE_CHECKING:
    from redialog.embedded.wire import Greeting


_FULL_DISK_PATIENCE_S = 3.0
"""The server tries again once a second."""


class _Share:
    """This process's share in one folder's server, counted by its leases."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.pid = os.getpid()
        self.lock = threading.Lock()
        self.count = 0
        self.ground: Ground | None = None
        self.greeting: Greeting | None = None

    def enter(self, timeout: float) -> None:
        """Counts one lease more, with the server running; under `lock`."""
        self.revive(timeout)
        self.count += 1

    def revive(self, timeout: float) -> None:
        """Sees to it that the server runs and this process has its share; under `lock`."""
        deadline = time.monotonic() + timeout
        try:
            self._revive(deadline)
        except BaseException:
            if not self.count:
                self._drop()
            raise

    def _revive(self, deadline: float) -> None:
        while True:
            if self.ground is None or not self.ground.current():
                self._drop()
                prepare(self.folder)
                self.ground = Ground(str(self.folder), str(socket_path(self.folder)))
            with self.ground.starting(deadline):
                if not self.ground.current():
                    continue  # deleted while we waited for the lock
                if not self.ground.clients.take(SHARED, deadline):
                    raise TimeoutError(f"another process holds {self.folder}/clients.lock")
                self.greeting = reached(self.ground, deadline)
                return

    def leave(self) -> None:
        """Counts one lease less; the last one of the last process stops the server."""
        self.count -= 1
        if self.count or self.ground is None:
            return
        ground = self.ground
        deadline = time.monotonic() + STOP_TIMEOUT
        try:
            with ground.starting(deadline):
                if ground.alone(deadline) and not ground.stop(patience=_FULL_DISK_PATIENCE_S):
                    raise EmbeddedError(
                        f"the server of {self.folder} (process {ground.server_pid()}) did not stop "
                        f"within {STOP_TIMEOUT:.0f} seconds: end that process"
                    )
        except Unsaved as error:
            raise EmbeddedError(
                f"the disk of {self.folder} did not take what was written last; the server "
                f"(process {ground.server_pid()}) goes on running with it: free space there, and "
                "nothing is lost; do not end that process"
            ) from error
        finally:
            self._drop()
            reap()

    def _drop(self) -> None:
        if self.ground is not None:
            self.ground.close()
            self.ground = None


_shares: dict[Path, _Share] = {}


def _share_of(folder: Path) -> _Share:
    share = _shares.get(folder)
    if share is None:
        # setdefault is one step, so two threads get the same one.
        share = _shares.setdefault(folder, _Share(folder))
    return share


class Lease:
    """A share in the embedded server of one folder; the server runs while any process holds one.

    Attributes:
        folder: the resolved path of the folder.
        socket_path: where its server listens.
        engine: ``"valkey"`` or ``"redis"``.
        version: the server's version.
    """

    folder: Path
    socket_path: Path
    engine: str
    version: str

    def __init__(self, folder: Path, timeout: float) -> None:
        self.folder = folder
        self._timeout = timeout
        self._share: _Share | None = None
        self._pid = 0
        self._closed = False
        self._join()

    def ensure(self) -> None:
        """Takes a share of this process's own after a fork; otherwise does nothing.

        Raises:
            Closed: the lease was closed.
            EmbeddedError: the server could not be reached or started.

        *Cost*: about 0.2 µs when nothing is to be done; else as `attach`.
        """
        if self._pid != os.getpid():
            self._join()

    def repair(self) -> None:
        """Checks the server after a connection failed, and starts it again if it is gone.

        Raises:
            Closed: the lease was closed.
            EmbeddedError: the server could not be reached or started.

        *Cost*: as `attach`.
        """
        self.ensure()
        share = self._share
        assert share is not None  # noqa: S101 - ensure() set it
        with share.lock, _as_embedded_error(self.folder):
            share.revive(self._timeout)
            self._tell(share)

    def close(self) -> None:
        """Gives the share back; the last one out stops the server and waits until it is gone.

        A lease that a forked child inherited and never used is not the child's to give back.

        Raises:
            EmbeddedError: the server did not stop, or goes on running because its disk is full.
        """
        share = self._share
        if share is None or share.pid != os.getpid():
            self._closed, self._pid = True, 0
            return
        with share.lock, _as_embedded_error(self.folder):
            if self._closed:
                return
            self._closed, self._pid = True, 0
            _leases.discard(self)
            share.leave()

    def _join(self) -> None:
        share = _share_of(self.folder)
        with share.lock, _as_embedded_error(self.folder):
            if self._closed:
                raise Closed("this lease of the embedded server was closed: attach again")
            if self._pid == os.getpid():
                return  # another thread was faster
            share.enter(self._timeout)
            self._tell(share)
            self._share, self._pid = share, share.pid
            _leases.add(self)

    def _tell(self, share: _Share) -> None:
        assert share.ground is not None  # noqa: S101
        assert share.greeting is not None  # noqa: S101
        self.socket_path = Path(share.ground.socket_path)
        self.engine = share.greeting.engine
        self.version = share.greeting.version


def attach(folder: Path | str | None = None, *, start_timeout: float = 10.0) -> Lease:
    """Joins the embedded server of a folder, starting it where it does not run.

    Args:
        folder: its data; created (0700) where missing. None: `default_folder`.
        start_timeout: seconds for everything, from waiting for others to the server's readiness.

    Returns:
        A lease; the server runs until the last one is closed or its process is gone.

    Raises:
        MissingExtra: there is no server to run.
        ConfigurationError: the folder cannot be used.
        EmbeddedError: the server did not start, or the folder was used by a newer one.

    *Cost*: 0.1 ms in a process that has a lease, 0.3 ms in another one; a start takes 37 ms with
    valkey 9.1, 17 ms with redis 7.0 (most of it the server's own), 15 ms more the first time.
    """
    path = default_folder() if folder is None else Path(folder)
    return Lease(prepare(path), start_timeout)


class _as_embedded_error:  # noqa: N801 - reads as the verb that it is; 2 µs less than a generator
    """Turns what the system refuses into an `EmbeddedError` that names the folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, OSError) and not isinstance(error, RedialogError):
            if isinstance(error, TimeoutError):
                text = f"gave up waiting: {error}, to start or stop the server; try again"
            else:
                place = error.filename or self._folder
                text = f"{place} cannot be used ({error.strerror or error}): {remedy(error)}"
            raise EmbeddedError(text) from error


_leases: set[Lease] = set()


def _close_all() -> None:
    for lease in tuple(_leases):
        with suppress(RedialogError):
            lease.close()


def _forget_in_child() -> None:
    """A forked child has no shares; locks in the old ones may be held by threads it lacks."""
    _shares.clear()
    _leases.clear()


atexit.register(_close_all)
os.register_at_fork(after_in_child=_forget_in_child)
