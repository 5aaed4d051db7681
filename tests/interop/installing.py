"""The real packages, installed once for all runs, and what their versions are."""

from __future__ import annotations

import fcntl
import importlib.metadata
import json
import os
import shutil
import subprocess
import tarfile
from pathlib import Path

HERE = Path(__file__).parent
CACHE = HERE.parents[1] / ".cache" / "interop"
SCRIPTS = ("peer.mjs", "flowise.cjs", "messages.mjs")
PYTHON = ("langchain-core", "langchain-community", "redis", "upstash-redis")


def packages() -> Path:
    """The folder with the packages of package.json and the scripts that use them.

    They are installed where package.json has changed since; processes that want them at the same
    time wait for the first.
    """
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        wanted = (HERE / "package.json").read_text("utf-8")
        done = CACHE / "installed.json"
        if not done.exists() or done.read_text("utf-8") != wanted:
            done.unlink(missing_ok=True)
            _install(wanted)
            done.write_text(wanted, "utf-8")
        for name in SCRIPTS:
            _put(HERE / name, CACHE / name)
    return CACHE


def _put(source: Path, target: Path) -> None:
    # At once: the node of another process may be reading it.
    fresh = target.with_suffix(".new")
    shutil.copy(source, fresh)
    fresh.replace(target)


def _install(wanted: str) -> None:
    npm = shutil.which("npm")
    assert npm, "the tests need node and npm: apt-get install nodejs npm"
    (CACHE / "package.json").write_text(wanted, "utf-8")
    quiet = ("--no-audit", "--no-fund", "--no-package-lock", "--silent")
    # Peers and optional parts are the hundreds of services that nobody here talks to.
    command = [npm, "install", "--omit=optional", "--legacy-peer-deps", *quiet]
    environment = {**os.environ, "CI": "true"}
    subprocess.run(command, cwd=CACHE, check=True, env=environment)
    for name, version in json.loads(wanted)["unpacked"].items():
        command = [npm, "pack", f"{name}@{version}", "--silent"]
        done = subprocess.run(
            command, cwd=CACHE, check=True, env=environment, capture_output=True, text=True
        )
        archive = CACHE / done.stdout.split()[-1]
        folder = CACHE / name
        shutil.rmtree(folder, ignore_errors=True)
        with tarfile.open(archive) as packed:
            packed.extractall(folder, filter="data")
        archive.unlink()


def pinned() -> dict[str, str]:
    """Names and versions that package.json asks for."""
    wanted = json.loads((HERE / "package.json").read_text("utf-8"))
    found: dict[str, str] = wanted["dependencies"] | wanted["unpacked"]
    return found


def installed() -> dict[str, str]:
    """Names and versions of what was installed from npm."""
    return {name: _version(_folder(name)) for name in pinned()}


def installed_in_python() -> dict[str, str]:
    """The same of Python's packages."""
    return {name: importlib.metadata.version(name) for name in PYTHON}


def _folder(name: str) -> Path:
    unpacked = CACHE / name / "package"
    return unpacked if unpacked.exists() else CACHE / "node_modules" / name


def _version(folder: Path) -> str:
    version: str = json.loads((folder / "package.json").read_text("utf-8"))["version"]
    return version
