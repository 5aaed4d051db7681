"""LangChain's history in JavaScript, `@langchain/redis`, in a child process that times itself."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.contenders.base import (
    ANSWER,
    QUESTION,
    TTL_S,
    WINDOW,
    Contender,
    Missing,
    Operation,
    Place,
    Spent,
)

HERE = Path(__file__).parent
CACHE = HERE.parents[1] / ".cache" / "benchmarks"
PREFIX = "javascript:"


def install() -> None:
    """Installs the pinned packages, unless they are there.

    Raises:
        Missing: there is no npm, or it failed.
    """
    npm = shutil.which("npm")
    wanted = (HERE / "langchain_js.json").read_text()
    manifest = CACHE / "package.json"
    if (CACHE / "node_modules").exists() and manifest.read_text() == wanted:
        return
    if npm is None:
        raise Missing("there is no npm")
    CACHE.mkdir(parents=True, exist_ok=True)
    manifest.write_text(wanted)
    command = [npm, "install", "--no-audit", "--no-fund", "--no-package-lock", "--silent"]
    try:
        subprocess.run(command, cwd=CACHE, check=True, env={**os.environ, "CI": "true"})
    except subprocess.CalledProcessError as error:
        shutil.rmtree(CACHE / "node_modules", ignore_errors=True)
        raise Missing("npm could not install @langchain/redis") from error


class LangChainJS(Contender):
    """LangChain's `RedisChatMessageHistory` on Node."""

    name = "LangChain JS"

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        if shutil.which("node") is None:
            raise Missing("there is no node")
        if not (CACHE / "node_modules" / "@langchain" / "redis").exists():
            raise Missing("@langchain/redis is not installed")
        # Where its packages are found.
        script = shutil.copy(HERE / "langchain_js.mjs", CACHE)
        options = {
            "url": place.url,
            "ttl": TTL_S,
            "prefix": PREFIX,
            "window": WINDOW,
            "question": QUESTION,
            "answer": ANSWER,
        }
        self._process = subprocess.Popen(
            ["node", script, json.dumps(options)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._answer()

    def key(self, session: str) -> str:
        return PREFIX + session

    def run(self, operation: Operation, session: str, calls: int) -> Spent:
        found = self._asked(operation=operation, session=session, calls=calls)
        return Spent(found["wall"], found["cpu"])

    def count(self, operation: Operation, session: str) -> int:
        return int(self._asked(operation=operation, session=session, calls=1)["count"])

    def turns(self, sessions: Sequence[str], seconds: float) -> list[float]:
        spent: list[float] = self._asked(sessions=list(sessions), seconds=seconds)["spent"]
        return spent

    def _asked(self, **request: object) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"node ended with {self._process.wait()}")
        found: dict[str, Any] = json.loads(line)
        return found

    def close(self) -> None:
        with self._process as process:
            assert process.stdin is not None
            process.stdin.close()
        super().close()
