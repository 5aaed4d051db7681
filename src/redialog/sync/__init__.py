"""The blocking facade: `ChatMemory`, `Session` and `Sessions`.

What the methods do is in `redialog.plan` (arguments) and `redialog.ops` (Redis); here are their
names and documentation. `redialog.aio` has the same for asyncio, and a test holds the two equal.
"""

from __future__ import annotations

from redialog.sync.listing import Sessions
from redialog.sync.memory import ChatMemory
from redialog.sync.session import Session

__all__ = ["ChatMemory", "Session", "Sessions"]
