"""LangChain in JavaScript and Flowise's nodes: one process of node, asked line by line."""

from __future__ import annotations

import contextlib
import json
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any, Self

STOP_TIMEOUT_S = 15.0


class Rejected(Exception):
    """A package could not do what it was asked for; its own error."""


class Peer:
    """A running node with the packages of a folder; use it in a ``with``."""

    def __init__(self, packages: Path) -> None:
        self._closing = contextlib.ExitStack()
        folder = self._closing.enter_context(tempfile.TemporaryDirectory(prefix="peer-"))
        self._log = Path(folder, "log")
        log = self._closing.enter_context(self._log.open("w", encoding="utf-8"))
        self._process = subprocess.Popen(
            ["node", "peer.mjs"],
            cwd=packages,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            encoding="utf-8",
            # Line by line, also where a text has a character that Python takes for a line's end.
            bufsize=1,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._process.stdin
        assert self._process.stdout
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            self._process.wait(STOP_TIMEOUT_S)
        finally:
            self._process.kill()
            self._process.wait()
            self._process.stdout.close()
            self._closing.close()

    def ask(self, **request: object) -> Any:
        """What the packages answered.

        Raises:
            Rejected: they raised an error.
            RuntimeError: node has ended.
        """
        assert self._process.stdin
        assert self._process.stdout
        line = ""
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(request) + "\n")
            line = self._process.stdout.readline()
        if not line:
            self._process.wait(STOP_TIMEOUT_S)
            raise RuntimeError(f"node has ended:\n{self._log.read_text('utf-8')}")
        answer = json.loads(line)
        if "error" in answer:
            raise Rejected(answer["error"])
        return answer["result"]
