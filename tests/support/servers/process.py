"""One child process: started, paused and ended, by the pid that it was started with."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

STOP_TIMEOUT_S = 5.0
LOG_TAIL_CHARS = 4000


class ServerError(RuntimeError):
    """A server did not start or died; the message ends with its log."""


class ServerProcess:
    """The process of a server; it leads a session of its own and logs to a file."""

    def __init__(self, log_file: Path) -> None:
        """Prepare a process.

        Args:
            log_file: Gets what it prints; each start appends.
        """
        self._log_file = log_file
        self._log_start = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._paused = False

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
            with self._log_file.open("rb") as file:
                file.seek(self._log_start)
                return file.read().decode(errors="replace")
        except FileNotFoundError:
            return ""

    def _spawn(self, command: list[str]) -> None:
        with self._log_file.open("ab") as log:
            self._log_start = log.tell()
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._paused = False

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
