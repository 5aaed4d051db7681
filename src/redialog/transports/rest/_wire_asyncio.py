"""One connection of the asyncio transport to a REST service."""

from __future__ import annotations

import ssl

from redialog.transports.rest._common import HEADERS, Request
from redialog.transports.rest._http import Login
from redialog.transports.rest._needs import httpcore, httpx
from redialog.transports.rest._options import KEPT_S, Site
from redialog.transports.rest._stream_asyncio import AsyncBackend
from redialog.transports.rest._timer import Timer


class Wire:
    """One connection, made when it is used and again when it has died; for one call at a time.

    Each has a client of its own, as in `redialog.transports.rest.transport`. Here it is cancelled
    calls for which a shared pool of httpx's loses connections; a wire is closed after one.

    Args:
        found: the service.
        context: for TLS.

    Attributes:
        broken: whether it cannot be used any more.
    """

    def __init__(self, found: Site, context: ssl.SSLContext) -> None:
        self.broken = False
        self._client = httpx.AsyncClient(
            transport=_Carrier(context),
            base_url=found.url,
            headers=HEADERS,
            auth=Login(found.token),
            follow_redirects=False,
            trust_env=False,
        )

    async def post(self, request: Request, headers: dict[str, str], timer: Timer) -> httpx.Response:
        """Sends a request and reads its whole response."""
        # A timer of our own, which ends also what trickles.
        async with timer.begin():
            return await self._client.post(
                request.path,
                content=request.body,
                headers=headers,
                timeout=httpx.Timeout(None, connect=timer.connect),
                extensions={"trace": timer.note},
            )

    async def close(self) -> None:
        """Closes the connection."""
        await self._client.aclose()


class _Carrier(httpx.AsyncHTTPTransport):
    """httpx's own transport, over a connection that a cancellation closes."""

    def __init__(self, context: ssl.SSLContext) -> None:
        super().__init__(verify=context, trust_env=False)
        # httpx takes no backend for it.
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=context,
            max_connections=1,
            keepalive_expiry=KEPT_S,
            retries=0,
            network_backend=AsyncBackend(),
        )
