"""The real ``redialog gateway`` as a child process, in front of any Redis."""

from __future__ import annotations

import contextlib
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.cli.tools import MAIN, environment
from tests.support.servers import wait_until

START_TIMEOUT_S = 20.0
STOP_TIMEOUT_S = 15.0
_LISTENS = re.compile(r"listens on (http://\S+)\n")


class Gateway:
    """A gateway of its own for a test, on a free port of 127.0.0.1.

    Use it in a ``with``; the end of it ends the process, by its pid.

    Args:
        redis_url: of the Redis behind it.
        *options: more of the command line's.
        env: more of the environment's.

    Attributes:
        url: for clients.
        token: for everything.
        read_only_token: for reading.
    """

    def __init__(self, redis_url: str, *options: str, env: Mapping[str, str] | None = None) -> None:
        self.token = "full-token-of-the-tests"
        self.read_only_token = "read-only-token-of-the-tests"
        self.url = ""
        self._command = [
            *(sys.executable, "-c", MAIN, "gateway", "--url", redis_url),
            *("--listen", "127.0.0.1:0", *options),
        ]
        self._env = environment(
            {
                "REDIALOG_GATEWAY_TOKEN": self.token,
                "REDIALOG_GATEWAY_READ_ONLY_TOKEN": self.read_only_token,
                **(env or {}),
            }
        )
        self._process: subprocess.Popen[bytes] | None = None
        self._closing = contextlib.ExitStack()
        self._log = Path()

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self.close()  # a failed __enter__ has no __exit__
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The running gateway."""
        assert self._process is not None, "it was not started"
        return self._process

    @property
    def said(self) -> str:
        """All that it has written to standard output and standard error."""
        return self._log.read_text("utf-8")

    def _start(self) -> None:
        folder = self._closing.enter_context(tempfile.TemporaryDirectory(prefix="gateway-"))
        self._log = Path(folder, "log")
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._env,
                start_new_session=True,
            )

        def listens() -> bool:
            if self.process.poll() is not None:
                raise RuntimeError(f"the gateway ended at once:\n{self.said}")
            found = _LISTENS.search(self.said)
            self.url = found[1] if found else ""
            return bool(found)

        wait_until(listens, what="the gateway listens", timeout=START_TIMEOUT_S)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Ends it by a signal.

        Returns:
            The exit code.

        Raises:
            TimeoutExpired: it goes on.
        """
        self.process.send_signal(number)
        return self.process.wait(STOP_TIMEOUT_S)

    def close(self) -> None:
        """Ends it, gently where possible, and removes what it left."""
        if self._process is not None and self._process.poll() is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.stop()
            self._process.kill()
            self._process.wait()
        self._closing.close()
