"""`AsyncSessions`: a listing, for asyncio."""

from __future__ import annotations

from collections.abc import AsyncIterator

from redialog import drive
from redialog.effect import AsyncTransport
from redialog.ops.catalogue import SessionPage
from redialog.ops.session import SessionInfo
from redialog.plan import AT_ONCE, ListingPlan


class AsyncSessions:
    """The sessions of a memory or of one of its users; see `redialog.Sessions`."""

    def __init__(self, transport: AsyncTransport, plan: ListingPlan) -> None:
        self._transport = transport
        self._plan = plan

    async def page(self, *, limit: int = 50, cursor: str | None = None) -> SessionPage:
        """See `redialog.Sessions.page`."""
        return await drive.arun(self._plan.page(limit, cursor), self._transport)

    async def __aiter__(self) -> AsyncIterator[SessionInfo]:
        """See `redialog.Sessions`."""
        page = await self.page(limit=AT_ONCE)
        for info in page.sessions:
            yield info
        while page.cursor is not None:
            page = await self.page(limit=AT_ONCE, cursor=page.cursor)
            for info in page.sessions:
                yield info
