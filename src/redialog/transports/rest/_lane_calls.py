"""What travels on the lane of the REST transport, and what it says to those who wait."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

from redialog.effect import Batch, CommandError, Reply
from redialog.errors import AuthError, ConfigurationError, NotRedis
from redialog.transports.rest._answers import Rows
from redialog.transports.rest._common import Request

ALONE: Final = "alone"
"""Told to a call: it is its turn, and it travels alone."""


class Carrier(Protocol):
    """Who sends requests: `redialog.transports.rest.transport_asyncio.AsyncRestTransport`."""

    address: str

    async def alone(self, batch: Batch, rows: Sequence[bytes], until: float | None) -> list[Reply]:
        """The replies to a batch that is made of these rows, until then."""

    async def together(
        self, request: Callable[[], Request], *, writes: bool
    ) -> Rows | CommandError:
        """What the service says of each command of a request, or of all of them as one.

        Args:
            request: makes it, when there is a connection for it.
            writes: whether it changes anything.
        """

    def read(self, rows: Rows) -> list[Reply]:
        """The replies in that."""


class Call:
    """A batch on its way.

    Args:
        batch: the same.
        rows: its commands, as they stand in a request.
        size: bytes of them there.
        future: what its task waits for: the replies, an error, or `ALONE`.
        overdue: when it sets off at the latest.

    Attributes:
        trip: the request that it is in, with others.
    """

    __slots__ = ("batch", "future", "overdue", "rows", "size", "trip")

    def __init__(
        self,
        batch: Batch,
        rows: Sequence[bytes],
        size: int,
        future: asyncio.Future[Any],
        overdue: float,
    ) -> None:
        self.batch = batch
        self.rows = rows
        self.size = size
        self.future = future
        self.overdue = overdue
        self.trip: asyncio.Task[None] | None = None

    def end(self, found: list[Reply] | Exception | str) -> None:
        """Gives its task what it waits for, where it still does."""
        if not self.future.done():
            self.future.set_result(found)


def size_of(rows: Sequence[bytes]) -> int:
    """Bytes of commands in a request, with the comma or bracket behind each."""
    return sum(map(len, rows)) + len(rows)


def blames_content(error: Exception) -> bool:
    """Whether a service has refused a request for what is in it, and has carried nothing out."""
    if isinstance(error, AuthError | NotRedis):
        # Also what stands before a service looks into requests.
        return not error.maybe_applied
    return isinstance(error, ConfigurationError)
