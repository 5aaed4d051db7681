"""How long a request of the asyncio transport may take, all of it, however slowly it goes."""

from __future__ import annotations

import asyncio
from typing import Any

from redialog.errors import ConnectError, ReplyTimeout, TransportError
from redialog.transports.rest._options import Options


class Timer:
    """How long a request may take: to make a connection for it, and to be answered.

    Args:
        options: say how long each may take.
        until: when all of it must be over, by the loop's clock; None: those alone count.

    Attributes:
        connect: seconds for a connection to one of the addresses of a name.
    """

    def __init__(self, options: Options, until: float | None) -> None:
        self.connect: float | None = None
        self._options = options
        self._until = until
        self._sending = False
        self._timeout = asyncio.timeout(None)

    def begin(self) -> asyncio.Timeout:
        """What to do it in."""
        end = self._end(self._options.socket_connect_timeout)
        self._timeout = asyncio.timeout_at(end)
        self.connect = None if end is None else end - asyncio.get_running_loop().time()
        return self._timeout

    async def note(self, event: str, _: Any) -> None:
        """Told by httpx what it is doing."""
        if event == "http11.send_request_headers.started":
            self._sending = True
            self._timeout.reschedule(self._end(self._options.socket_timeout))

    def _end(self, seconds: float | None) -> float | None:
        return end_of(seconds, self._until)

    def failure(self, address: str, writes: bool) -> TransportError:
        """The error where it took too long."""
        if not self._sending:
            return ConnectError(f"cannot connect to {address}: no answer in time", address=address)
        return ReplyTimeout(
            f"no reply from {address} in time", address=address, maybe_applied=writes
        )


def end_of(seconds: float | None, until: float | None) -> float | None:
    """When something must be over that begins now."""
    if seconds is None:
        return until
    end = asyncio.get_running_loop().time() + seconds
    return end if until is None else min(end, until)
