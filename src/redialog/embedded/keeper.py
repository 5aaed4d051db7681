"""The keeper: a small process that stops the server when nobody is left to do it.

A client that is killed cannot stop anything, so whoever starts a server starts a keeper first. It
waits for the exclusive lock on ``clients.lock``, which the kernel grants when the last share is
gone, however its owner ended. A server whose disk is full is stopped when it has written what it
had answered. There is one keeper per folder (``keeper.lock``), decided under the start lock on both
sides: who finds one on duty can rely on it.

Run as a script, isolated and without site-packages, it takes its siblings from its own folder
under another package name, so that importing them does not import redialog.
"""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from redialog.embedded.ground import Ground


_EXCLUSIVE = 2  # fcntl.LOCK_EX, the same number on Linux and BSD
_PAUSE_S = 1.0
"""Between two looks at a server that holds writes for which its disk has no space."""


def keep(ground: Ground, duty: int) -> None:
    """Waits until nobody has a share, stops the server, and returns.

    Args:
        ground: the folder.
        duty: the descriptor of ``keeper.lock``; let go under the start lock.
    """
    while True:
        ground.clients.wait(_EXCLUSIVE)
        ground.clients.release()
        try:
            with ground.starting(time.monotonic() + 3600):
                if not ground.server_runs() or _stopped(ground):
                    os.close(duty)
                    return
                ground.clients.release()
        except TimeoutError:
            # Somebody starts for an hour, or `wire.Unsaved`: nobody is kept out meanwhile.
            ground.clients.release()
            time.sleep(_PAUSE_S)


def _stopped(ground: Ground) -> bool:
    return ground.alone(time.monotonic() + 1) and ground.stop()


def _main() -> None:
    import importlib
    import types

    package = types.ModuleType("kept")
    package.__path__ = [__file__.rpartition("/")[0]]
    sys.modules["kept"] = package
    duty, socket_path = int(sys.argv[1]), sys.argv[2]
    keep(importlib.import_module("kept.ground").Ground(".", socket_path), duty)


if __name__ == "__main__":
    _main()
