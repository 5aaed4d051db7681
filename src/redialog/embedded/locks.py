"""Advisory locks on files that neither an exec nor a fork can carry away.

``flock`` belongs to the open file description, and a forked child inherits that description: as
long as the child lives, its parent's lock would stay held after the parent's death. So each lock
file is noted here and a forked child closes its copies; closing a copy does not unlock while the
parent has its own. (`os.fork` and multiprocessing run the hook; a bare C ``fork`` does not.)
"""

from __future__ import annotations

import fcntl
import os
import threading
import time

SHARED = fcntl.LOCK_SH
ALONE = fcntl.LOCK_EX

_open: set[LockFile] = set()
no_fork = threading.RLock()
"""While it is held, `os.fork` in another thread waits.

Between open() and the note a fork would take along a descriptor that nobody knows of; while a
program is started, the pipes of `subprocess`, whose end it then waits for until the forked child
ends (seen: one of ten runs of 50 forks beside an attach hung). Re-entrant for signal handlers.
"""


class LockFile:
    """One open lock file."""

    def __init__(self, path: str) -> None:
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        with no_fork:
            self.fd = os.open(path, flags, 0o600)
            _open.add(self)

    def attempt(self, kind: int) -> bool:
        """Whether the lock could be taken at once."""
        try:
            fcntl.flock(self.fd, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def take(self, kind: int, deadline: float) -> bool:
        """Whether the lock could be taken before ``deadline`` (`time.monotonic`).

        Polled: a blocking flock has no timeout, and an alarm belongs to the application.
        """
        pause = 0.0002
        while not self.attempt(kind):
            if time.monotonic() >= deadline:
                return False
            time.sleep(pause)
            pause = min(pause * 2, 0.01)
        return True

    def wait(self, kind: int) -> None:
        """Blocks until the lock is taken; for the keeper, which has nothing else to do."""
        fcntl.flock(self.fd, kind)

    def release(self) -> None:
        fcntl.flock(self.fd, fcntl.LOCK_UN)

    def close(self) -> None:
        with no_fork:
            if self in _open:
                _open.discard(self)
                os.close(self.fd)


def _close_in_child() -> None:
    for lock in _open:
        os.close(lock.fd)
    _open.clear()
    no_fork.release()  # the thread that forked is the one that goes on here, and its owner


os.register_at_fork(
    before=no_fork.acquire,
    after_in_parent=no_fork.release,
    after_in_child=_close_in_child,
)
