"""What the tests of the command line share: running it through pipes, and in a terminal."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

import redialog

SOURCE = str(Path(redialog.__file__).parents[1])
PATIENCE_S = 20.0

AGAIN_S = 5.0
"""When to press Ctrl-C again. CPython notices a signal that comes in the instant before a system
call blocks only when that call ends, and these tests press it in just such instants."""

# Whoever runs the tests in the background may ignore SIGINT, and children inherit that.
_START = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
MAIN = _START + "from redialog.cli import main; main()"
# The same in a session whose terminal is standard input, so that a Ctrl-C typed there arrives.
_IN_TERMINAL = "import fcntl, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); " + MAIN


class Ended(NamedTuple):
    """A finished run."""

    code: int
    out: str
    err: str


def environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a run: nothing of the developer's own but what Python needs."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    fixed = {"PYTHONPATH": SOURCE, "PYTHONUTF8": "1", "TERM": "xterm-256color"}
    return {**kept, **fixed, **(more or {})}


def start(
    *args: str, env: Mapping[str, str] | None = None, code: str = MAIN
) -> subprocess.Popen[str]:
    """Starts the command line with pipes."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *args],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(env),
        text=True,
        encoding="utf-8",
        errors="surrogateescape",
    )


def run(
    *args: str, said: str = "", env: Mapping[str, str] | None = None, code: str = MAIN
) -> Ended:
    """Runs the command line to its end.

    Args:
        *args: of the command line.
        said: its standard input.
        env: beyond `environment`.
        code: what the process runs.
    """
    with start(*args, env=env, code=code) as process:
        try:
            out, err = process.communicate(said, PATIENCE_S)
        finally:
            process.kill()
    return Ended(process.returncode, out, err)


def interrupted(process: subprocess.Popen[str]) -> tuple[str, str]:
    """Sends SIGINT until the process has ended; what it wrote from then on."""
    for _ in range(3):
        process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            return process.communicate(timeout=AGAIN_S)
    raise AssertionError("it goes on")


class Terminal:
    """The command line in a terminal of its own, with a person at it.

    Args:
        *args: of the command line.
        env: beyond `environment`.
        before: code that the process runs first.
    """

    def __init__(self, *args: str, env: Mapping[str, str] | None = None, before: str = "") -> None:
        self._master, slave = pty.openpty()
        self._process = subprocess.Popen(
            [sys.executable, "-c", before + _IN_TERMINAL, *args],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=environment(env),
            start_new_session=True,
        )
        os.close(slave)
        self.seen = ""
        """All that the screen has shown."""
        self._expected = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._master)

    def type(self, text: str) -> None:
        """Types text, newlines and control characters included."""
        os.write(self._master, text.encode())

    def expect(self, text: str) -> None:
        """Waits until ``text`` is on the screen, after what was expected before."""
        assert self._shows(text, PATIENCE_S), f"no {text!r} in {self.seen!r}"

    def interrupt(self, text: str) -> None:
        """Types Ctrl-C, and again where `AGAIN_S` seconds later ``text`` is not on the screen."""
        for _ in range(3):
            self.type("\x03")
            if self._shows(text, AGAIN_S):
                return
        raise AssertionError(f"no {text!r} in {self.seen!r}")

    def interrupt_to_end(self) -> int:
        """Types Ctrl-C until the process has ended; the exit code."""
        for _ in range(3):
            self.type("\x03")
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(AGAIN_S)
                return self.end()
        raise AssertionError(f"it goes on after {self.seen!r}")

    def _shows(self, text: str, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while (at := self.seen.find(text, self._expected)) < 0:
            if not self._read(deadline):
                return False
        self._expected = at + len(text)
        return True

    def end(self) -> int:
        """Reads to the end; the exit code."""
        deadline = time.monotonic() + PATIENCE_S
        while self._read(deadline):
            pass
        return self._process.wait(PATIENCE_S)

    def _read(self, deadline: float) -> bool:
        """Takes what has come; False at the end and after the deadline."""
        left = max(0.0, deadline - time.monotonic())
        if not select.select([self._master], [], [], left)[0]:
            return False
        data = b""
        with suppress(OSError):  # Linux says EIO where the other end is closed
            data = os.read(self._master, 65536)
        self.seen += data.decode("utf-8", "replace")
        return bool(data)
