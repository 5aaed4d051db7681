"""Under which circumstances figures were taken."""

from __future__ import annotations

import contextlib
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version

import redis

from benchmarks.report import Table

PACKAGES = (
    *("redis", "hiredis", "msgspec", "orjson", "langchain-core", "langchain-community"),
    *("llama-index-storage-chat-store-redis", "openai-agents"),
)
_PINGS = 500


def regime(url: str) -> dict[str, str]:
    """The machine, the versions, how busy it is and what a PING takes."""
    with redis.Redis.from_url(url) as client:
        found = client.info("server")
        pings = []
        for _ in range(_PINGS):
            began = time.perf_counter()
            client.ping()
            pings.append((time.perf_counter() - began) * 1e6)
    name = "Valkey" if "valkey_version" in found else "Redis"
    versions = [f"{name} {found.get('valkey_version', found['redis_version'])}"]
    for package in PACKAGES:
        try:
            versions.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    load, cores = os.getloadavg()[0], os.cpu_count() or 1
    return {
        "machine": f"{cores} cores, {platform.system()} {platform.machine()}",
        "Python": platform.python_version(),
        "versions": ", ".join(versions),
        "load": f"{load:.1f} of {cores} cores: {'busy' if load > cores else 'not full'}",
        "PING": f"{statistics.median(pings):.0f} µs",
    }


@contextlib.contextmanager
def awake() -> Iterator[None]:
    """Keeps the cores from sleeping, so that nobody waits for one to wake up.

    A process at idle priority for each core takes only what nobody else wants. It ends with the
    pipe to this one, whatever becomes of this one.
    """
    spin = (
        "import os, select, sys\n"
        "if hasattr(os, 'SCHED_IDLE'):\n"
        "    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))\n"
        "else:\n"
        "    os.nice(19)\n"
        "while not select.select([sys.stdin], [], [], 0)[0]:\n"
        "    for _ in range(10_000): pass\n"
    )
    command = [sys.executable, "-c", spin]
    with contextlib.ExitStack() as closing:
        for _ in range(os.cpu_count() or 1):
            # At its end it closes the pipe and waits.
            closing.enter_context(subprocess.Popen(command, stdin=subprocess.PIPE))
        yield


def table(begin: dict[str, str], end: dict[str, str], rounds: int) -> Table:
    """Both ends of a run."""
    rows = [
        [what, value if end[what] == value else f"{value}, at the end {end[what]}"]
        for what, value in begin.items()
    ]
    rows.append(["rounds", f"{rounds}"])
    return Table("Circumstances", ["what", ""], rows)
