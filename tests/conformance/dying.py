"""A client that is killed between two of its steps: a process of its own, and a real SIGKILL."""

from __future__ import annotations

import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable
from typing import Any

from redialog import ChatMemory, plan
from redialog.effect import Batch, Replies, Transport


class _Dying:
    """A transport whose process is killed when it is about to send its ``step``-th batch.

    What it sent before was answered: steps of an operation follow one another.
    """

    def __init__(self, inner: Transport, step: int) -> None:
        self.address = inner.address
        self.patience = inner.patience
        self._inner = inner
        self._left = step

    def execute(self, batch: Batch, within: float | None = None) -> Replies:
        """Sends it, or dies."""
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return self._inner.execute(batch, within)

    def close(self) -> None:
        """Closes the connections."""
        self._inner.close()


def dies_at(step: int, work: Callable[[ChatMemory], object], url: str, **options: Any) -> bool:
    """Does some work in a process that dies before its ``step``-th round trip, counted from 1.

    Returns:
        Whether it came so far; where not, the work was done.
    """
    with warnings.catch_warnings():
        # Python 3.12 and newer warn of threads that the child does not have.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        code = 1
        try:
            # A hang is a failure, too.
            watch = threading.Timer(30, os._exit, (2,))
            watch.daemon = True
            watch.start()
            # No append begins with a look at the catalogue, which would be a step more.
            plan._SWEEPS = 1 << 60
            memory = ChatMemory.from_url(url, **options)
            memory._transport = _Dying(memory._transport, step)
            work(memory)
            code = 0
        except BaseException as error:
            print(f"the child failed: {error!r}", file=sys.stderr, flush=True)
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    ended = os.waitstatus_to_exitcode(status)
    assert ended in (0, -signal.SIGKILL)
    return ended == -signal.SIGKILL
