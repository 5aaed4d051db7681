"""The asyncio facade behind blocking calls; it lies with the conformance suite, for all to use."""

from __future__ import annotations

from redialog.testing.conformance import Blocking

__all__ = ["Blocking"]
