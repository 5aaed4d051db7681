"""What an import adds to the start of a fresh process."""

from __future__ import annotations

import importlib.util
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence

from benchmarks.bench import Bench
from benchmarks.report import Section, Table

BARE = "bare Python"
CODE = {
    BARE: "pass",
    "redialog": "import redialog",
    "redialog, first connection made": (
        "from redialog import ChatMemory; ChatMemory.from_url({url!r}).session('fresh').messages()"
    ),
    "redis-py": "import redis",
    "redialog, LangChain": ("from redialog.integrations.langchain import RedisChatMessageHistory"),
    "langchain-community": (
        "from langchain_community.chat_message_histories import RedisChatMessageHistory"
    ),
    "llama-index": "from llama_index.storage.chat_store.redis import RedisChatStore",
    "openai-agents": "from agents.extensions.memory.redis_session import RedisSession",
}
SLOW = ("langchain-community", "llama-index", "openai-agents")
"""A few seconds each, so they have fewer processes."""
_FEW = 5


def imports(bench: Bench) -> Section:
    """Milliseconds above bare Python, each in processes of its own, in turns."""
    bench.progress.begin("imports", bench.scale.fresh)
    spent = times(bench, list(CODE))
    figures, rows = {}, []
    bare = spent[BARE]
    for name, each in spent.items():
        least = min(each) - min(bare)
        usual = statistics.median(each) - statistics.median(bare)
        figures[f"import: {name}"] = min(each) if name == BARE else least
        above = ["", ""] if name == BARE else [f"{least:.0f}", f"{usual:.0f}"]
        rows.append([name, f"{min(each):.0f}", f"{statistics.median(each):.0f}", *above])
    head = ["process", "least, ms", "median, ms", "least above bare", "median above bare"]
    return Section(figures, [Table("Imports in fresh processes", head, rows)])


def times(bench: Bench, names: Sequence[str]) -> dict[str, list[float]]:
    """Milliseconds of each process, of those whose packages are installed."""
    wanted = {name: CODE[name].format(url=bench.url) for name in names if _there(CODE[name])}
    spent: dict[str, list[float]] = {name: [] for name in wanted}
    for code in wanted.values():
        started(code)  # writes what is compiled
    for number in range(bench.scale.fresh):
        bench.progress.step(f"processes {number + 1}")
        for name, code in wanted.items():
            if name not in SLOW or number < _FEW:
                spent[name].append(started(code))
    return spent


def started(code: str) -> float:
    """Milliseconds of a process that runs some code."""
    began = time.perf_counter()
    subprocess.run(
        [sys.executable, "-c", code], check=True, stderr=subprocess.DEVNULL, env=dict(os.environ)
    )
    return (time.perf_counter() - began) * 1e3


def _there(code: str) -> bool:
    package = code.split()[1].partition(".")[0] if code != "pass" else "sys"
    return importlib.util.find_spec(package) is not None
