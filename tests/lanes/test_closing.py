"""Closing a memory whose server is silent, or whose calls are under way."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from redialog import AsyncChatMemory
from tests.lanes.tools import echo, execute, run, turned
from tests.support.servers import Certificates, TLSServer

# Closing waits for so long; on a busy machine three handshakes take a good part of it.
SOON: dict[str, Any] = {"socket_connect_timeout": 1.0}
"""How long a connection waits for the end of TLS, too."""


@pytest.fixture(scope="module")
def certificates() -> Iterator[Certificates]:
    """Of an authority of its own."""
    with Certificates() as found:
        yield found


@pytest.fixture(scope="module")
def tls_server(certificates: Certificates) -> Iterator[TLSServer]:
    """A server with TLS."""
    with TLSServer(certificates) as server:
        yield server


def test_a_peer_that_does_not_take_part_in_the_end_of_tls(
    certificates: Certificates, tls_server: TLSServer
) -> None:
    """The memory is closed all the same, without an error, and so is each connection."""

    async def scenario() -> None:
        memory = AsyncChatMemory.from_url(tls_server.url, ssl_ca_certs=certificates.ca, **SOON)
        await asyncio.gather(*(execute(memory, echo(word, alone=True)) for word in "abc"))
        tls_server.pause()
        try:
            await memory.close()
        finally:
            tls_server.resume()

    run(scenario)


def test_a_reply_that_came_before_such_an_end(
    certificates: Certificates, tls_server: TLSServer
) -> None:
    """It is the call's, whatever becomes of its connection."""

    async def scenario() -> None:
        memory = AsyncChatMemory.from_url(tls_server.url, ssl_ca_certs=certificates.ca, **SOON)
        await memory.ping()
        tls_server.pause()
        try:
            call = execute(memory, echo("a", writes=True))
            await turned()
            await memory.close()
            tls_server.resume()
            with tls_server.client() as raw:
                # Answered after that call was.
                raw.ping()
        finally:
            tls_server.pause()
        try:
            assert await call == [b"a"]
        finally:
            tls_server.resume()

    run(scenario)
