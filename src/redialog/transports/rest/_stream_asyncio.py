"""Connections for asyncio that are closed also where a task is cancelled while they are made.

Those of httpx stay open then until they are collected, on the service's side too.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Iterable
from typing import Any

from redialog.transports.rest._needs import httpcore
from redialog.transports.rest._stream import is_readable


class AsyncBackend(httpcore.AsyncNetworkBackend):
    """Makes connections for a pool."""

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109
        local_address: str | None = None,  # noqa: ARG002 - of the interface
        socket_options: Iterable[Any] | None = None,  # noqa: ARG002
    ) -> httpcore.AsyncNetworkStream:
        """A connection to the first address of a name that answers; each has its share of time."""
        try:
            loop = asyncio.get_running_loop()
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            addresses = list(dict.fromkeys(one[4][:2] for one in found))
            share = None if timeout is None else timeout / len(addresses)
            return AsyncStream(*await _connected(addresses, share))
        except OSError as error:
            raise httpcore.ConnectError(error) from error


async def _connected(
    addresses: list[tuple[Any, ...]], share: float | None
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    *others, last = addresses
    for address in others:
        try:
            async with asyncio.timeout(share):
                return await asyncio.open_connection(*address)
        except OSError:
            continue
    return await asyncio.open_connection(*last)


class AsyncStream(httpcore.AsyncNetworkStream):
    """One connection; how long things take is for others to limit.

    Args:
        reader: of it.
        writer: of it.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002, ASYNC109
        """What arrives next."""
        try:
            return await self._reader.read(max_bytes)
        except OSError as error:
            raise httpcore.ReadError(error) from error

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002, ASYNC109
        """Sends all of it."""
        try:
            self._writer.write(buffer)
            await self._writer.drain()
        except OSError as error:
            raise httpcore.WriteError(error) from error

    async def aclose(self) -> None:
        """Closes it, at once: a service that is silent would be waited for at the end of TLS."""
        self._writer.transport.abort()
        # The socket is closed by the loop's next round.
        await asyncio.sleep(0)

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002, ASYNC109
    ) -> httpcore.AsyncNetworkStream:
        """The same connection, encrypted."""
        try:
            # Where it fails or is cancelled, asyncio has closed the connection.
            await self._writer.start_tls(ssl_context, server_hostname=server_hostname)
        except OSError as error:
            raise httpcore.ConnectError(error) from error
        return self

    def get_extra_info(self, info: str) -> Any:
        """Of what can be asked: whether an idle connection has been closed by the other side."""
        if info != "is_readable":
            return None
        return self._reader.at_eof() or is_readable(self._writer.get_extra_info("socket"))
