"""Conversation memory on Redis for LLM applications.

::

    from datetime import timedelta
    from redialog import ChatMemory, Message

    memory = ChatMemory.from_url("redis://localhost:6379/0", namespace="shop")
    chat = memory.session("support-42", ttl=timedelta(hours=24))
    chat.append(Message.user("My locker code is 4417."), Message.assistant("Noted."))
    chat.window(turns=10)

Names are loaded when they are used, so importing the package is cheap and loads no client library.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from redialog._version import __version__

if TYPE_CHECKING:
    from redialog.aio import AsyncChatMemory, AsyncSession, AsyncSessions
    from redialog.context import Context
    from redialog.errors import (
        AuthError,
        BudgetTooSmall,
        Closed,
        ConfigurationError,
        Conflict,
        ConnectError,
        ConnectionLost,
        CorruptElement,
        CounterError,
        CrossSlot,
        DataError,
        EmbeddedError,
        IdempotencyMismatch,
        InvalidMessage,
        InvalidSessionId,
        InvalidTTL,
        MessageTooLarge,
        MissingExtra,
        NotFound,
        NotRedis,
        OutOfMemory,
        OwnerMismatch,
        PermissionDenied,
        RateLimited,
        ReadOnly,
        RedialogError,
        ReplyTimeout,
        ServerError,
        SessionExists,
        SummaryError,
        TLSError,
        TransportError,
        Unavailable,
        UnknownVersion,
        UnverifiedTLSWarning,
        WrongEventLoop,
        WrongType,
    )
    from redialog.messages import Message
    from redialog.ops.catalogue import SessionPage
    from redialog.ops.session import SessionInfo
    from redialog.summary import RollingSummary, Summary, SummaryFailure
    from redialog.sync import ChatMemory, Session, Sessions
    from redialog.toolcalls import ToolCall

__all__ = [
    "AsyncChatMemory",
    "AsyncSession",
    "AsyncSessions",
    "AuthError",
    "BudgetTooSmall",
    "ChatMemory",
    "Closed",
    "ConfigurationError",
    "Conflict",
    "ConnectError",
    "ConnectionLost",
    "Context",
    "CorruptElement",
    "CounterError",
    "CrossSlot",
    "DataError",
    "EmbeddedError",
    "IdempotencyMismatch",
    "InvalidMessage",
    "InvalidSessionId",
    "InvalidTTL",
    "Message",
    "MessageTooLarge",
    "MissingExtra",
    "NotFound",
    "NotRedis",
    "OutOfMemory",
    "OwnerMismatch",
    "PermissionDenied",
    "RateLimited",
    "ReadOnly",
    "RedialogError",
    "ReplyTimeout",
    "RollingSummary",
    "ServerError",
    "Session",
    "SessionExists",
    "SessionInfo",
    "SessionPage",
    "Sessions",
    "Summary",
    "SummaryError",
    "SummaryFailure",
    "TLSError",
    "ToolCall",
    "TransportError",
    "Unavailable",
    "UnknownVersion",
    "UnverifiedTLSWarning",
    "WrongEventLoop",
    "WrongType",
    "__version__",
]

_HOMES = {
    "AsyncChatMemory": "redialog.aio",
    "AsyncSession": "redialog.aio",
    "AsyncSessions": "redialog.aio",
    "ChatMemory": "redialog.sync",
    "Context": "redialog.context",
    "Message": "redialog.messages",
    "RollingSummary": "redialog.summary",
    "Session": "redialog.sync",
    "SessionInfo": "redialog.ops.session",
    "SessionPage": "redialog.ops.catalogue",
    "Sessions": "redialog.sync",
    "Summary": "redialog.summary",
    "SummaryFailure": "redialog.summary",
    "ToolCall": "redialog.toolcalls",
}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'redialog' has no attribute {name!r}")
    value: object = getattr(import_module(_HOMES.get(name, "redialog.errors")), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
