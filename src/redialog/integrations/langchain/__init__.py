"""LangChain over this library's sessions: the same classes, on the same data.

::

    from redialog.integrations.langchain import RedisChatMessageHistory

    history = RedisChatMessageHistory("support-42", url="redis://localhost:6379/0", ttl=3600)
    history.add_user_message("My locker code is 4417.")
    history.messages

It needs the extra ``langchain``; nothing else of this library does.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from redialog.errors import MissingExtra

if TYPE_CHECKING:
    from redialog.integrations.langchain.agents import RedisMemoryMiddleware
    from redialog.integrations.langchain.functions import with_history
    from redialog.integrations.langchain.history import (
        RedisChatMessageHistory,
        UpstashRedisChatMessageHistory,
    )
    from redialog.integrations.langchain.memories import (
        ConversationBufferMemory,
        ConversationBufferWindowMemory,
        ConversationSummaryBufferMemory,
        ConversationSummaryMemory,
        ConversationTokenBufferMemory,
    )
    from redialog.integrations.langchain.messages import from_langchain, to_langchain

try:
    import langchain_core.messages  # noqa: F401 - to tell what is missing, once and here
except ImportError as error:
    raise MissingExtra(extra="langchain", purpose="the integration of LangChain") from error

__all__ = [
    "ConversationBufferMemory",
    "ConversationBufferWindowMemory",
    "ConversationSummaryBufferMemory",
    "ConversationSummaryMemory",
    "ConversationTokenBufferMemory",
    "RedisChatMessageHistory",
    "RedisMemoryMiddleware",
    "UpstashRedisChatMessageHistory",
    "from_langchain",
    "to_langchain",
    "with_history",
]

_HERE = "redialog.integrations.langchain"
_HOMES = {
    "RedisChatMessageHistory": "history",
    "RedisMemoryMiddleware": "agents",
    "UpstashRedisChatMessageHistory": "history",
    "from_langchain": "messages",
    "to_langchain": "messages",
    "with_history": "functions",
}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f"{_HERE}.{_HOMES.get(name, 'memories')}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
