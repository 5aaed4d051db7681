"""The bus of a Cluster, in a process of its own, so that a node can be parted from the others.

Clients do not use it. A process, because the nodes take it for dead peers when the tests keep the
interpreter busy for longer than their timeout.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING

from tests.support.servers.process import ServerError

if TYPE_CHECKING:
    from collections.abc import Iterable

_SCRIPT = Path(__file__).with_name("bus_process.py")


class Bus:
    """Carries what the nodes of a Cluster tell each other."""

    def __init__(self) -> None:
        """Start the process; `close` ends it, and so does the end of this one."""
        self._process = subprocess.Popen(
            [sys.executable, "-I", str(_SCRIPT)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            text=True,
        )

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def listen(self) -> int:
        """Return a port that a node can give as its bus port."""
        return int(self._tell("listen"))

    def lead(self, port: int, bus_port: int, name: str) -> None:
        """Lead connections to a port of `listen` to a node.

        Args:
            port: Which.
            bus_port: Where the node listens for its bus.
            name: Its id.
        """
        self._tell("lead", port, bus_port, name)

    def part(self, names: Iterable[str]) -> None:
        """Cut off the nodes of these ids from all others, both ways; the others are joined."""
        self._tell("part", *names)

    def close(self) -> None:
        """End the process; twice is fine."""
        self._process.kill()
        self._process.wait()
        for pipe in self._pipes():
            pipe.close()

    def _pipes(self) -> tuple[IO[str], IO[str]]:
        to, back = self._process.stdin, self._process.stdout
        assert to is not None
        assert back is not None
        return to, back

    def _tell(self, *words: str | int) -> str:
        to, back = self._pipes()
        to.write(" ".join(map(str, words)) + "\n")
        to.flush()
        answer, _, rest = back.readline().strip().partition(" ")
        if answer != "ok":
            msg = f"the bus did not obey {words[0]!r}: {answer} {rest}"
            raise ServerError(msg)
        return rest
