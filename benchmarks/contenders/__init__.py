"""What is measured side by side; a module for each, imported only where it takes part."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from importlib import import_module

from benchmarks.contenders.base import Contender, Missing, Place

MODULES = {
    "redis-py": "plain:PlainRedis",
    "redialog": "redialog_sync:Redialog",
    "redialog, LangChain": "redialog_langchain:RedialogLangChain",
    "langchain-community": "langchain_community:LangChainCommunity",
    "llama-index": "llama_index:LlamaIndex",
    "LangChain JS": "langchain_js:LangChainJS",
    "redis-py asyncio": "plain_asyncio:PlainRedisAsyncio",
    "redialog asyncio": "redialog_asyncio:RedialogAsyncio",
    "openai-agents": "openai_agents:OpenAIAgents",
}
"""Names in tables, in their order, and where each is."""

FASTEST = {"redis-py, split": "plain:SplitRedis"}
"""What is only appended beside."""


def open_one(name: str, place: Place) -> Contender:
    """A contender by its name.

    Raises:
        Missing: what it needs is not here.
    """
    module, _, cls = (MODULES | FASTEST)[name].partition(":")
    made: Contender = getattr(import_module(f"benchmarks.contenders.{module}"), cls)(place)
    return made


@contextlib.contextmanager
def opened(names: Sequence[str], place: Place) -> Iterator[dict[str, Contender]]:
    """Those contenders that can run here, by name; closed at the end."""
    with contextlib.ExitStack() as closing:
        found = {}
        for name in names:
            with contextlib.suppress(Missing):
                found[name] = open_one(name, place)
                closing.callback(found[name].close)
        yield found


def left_out(names: Sequence[str], place: Place) -> dict[str, str]:
    """Those that cannot, and why."""
    found = {}
    for name in names:
        try:
            open_one(name, place).close()
        except Missing as missing:
            found[name] = str(missing)
    return found
