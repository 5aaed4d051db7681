"""Under which circumstances figures were taken."""

from __future__ import annotations

import os
import platform
import statistics
import time
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


def table(begin: dict[str, str], end: dict[str, str], rounds: int) -> Table:
    """Both ends of a run."""
    rows = [
        [what, value if end[what] == value else f"{value}, at the end {end[what]}"]
        for what, value in begin.items()
    ]
    rows.append(["rounds", f"{rounds}"])
    return Table("Circumstances", ["what", ""], rows)
