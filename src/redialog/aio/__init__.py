"""The asyncio facade: `AsyncChatMemory`, `AsyncSession` and `AsyncSessions`.

The same names as in `redialog.sync`, awaited; what they do, take, return and raise is documented
there. One memory belongs to one event loop.
"""

from __future__ import annotations

from redialog.aio.listing import AsyncSessions
from redialog.aio.memory import AsyncChatMemory
from redialog.aio.session import AsyncSession

__all__ = ["AsyncChatMemory", "AsyncSession", "AsyncSessions"]
