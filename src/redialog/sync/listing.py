"""`Sessions`: a listing."""

from __future__ import annotations

from collections.abc import Iterator

from redialog import drive
from redialog.effect import Transport
from redialog.ops.catalogue import SessionPage
from redialog.ops.session import SessionInfo
from redialog.plan import AT_ONCE, ListingPlan


class Sessions:
    """The sessions of a memory or of one of its users; made by `ChatMemory.sessions`.

    Iterating gives a `SessionInfo` each, newest activity first. A session that is written to
    while the pages are read moves to their front: it is not met again, and one not met yet is
    passed over.

    Cost: 2 round trips for a page, with a short read for each of the catalogue's 256 buckets; some
    more where many of the sessions lie in one bucket, as forks under random ids do; 3 more where
    entries of expired sessions are met, which are dropped then, and again where those are many.
    """

    def __init__(self, transport: Transport, plan: ListingPlan) -> None:
        self._transport = transport
        self._plan = plan

    def page(self, *, limit: int = 50, cursor: str | None = None) -> SessionPage:
        """A part of the listing.

        Args:
            limit: how many sessions, 1 to 1,000.
            cursor: that of the page before; None for the first page.

        Raises:
            ConfigurationError: an argument is wrong.
            RedialogError: the server could not be asked.

        Cost: see `Sessions`; grows with the page, hardly with the number of sessions.
        """
        return drive.run(self._plan.page(limit, cursor), self._transport)

    def __iter__(self) -> Iterator[SessionInfo]:
        """All of them, page by page.

        Raises:
            RedialogError: the server could not be asked.
        """
        page = self.page(limit=AT_ONCE)
        yield from page.sessions
        while page.cursor is not None:
            page = self.page(limit=AT_ONCE, cursor=page.cursor)
            yield from page.sessions
