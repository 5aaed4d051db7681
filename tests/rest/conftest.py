"""The gateway before a real Redis, a server before that one, and memories of both facades."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from typing import Any, Protocol, cast

import pytest

from redialog import AsyncChatMemory, ChatMemory, plan
from redialog.transports.rest.transport import RestTransport, open_rest
from redialog.transports.rest.transport_asyncio import open_rest_asyncio
from tests.rest.front import Front
from tests.support.blocking import Blocking
from tests.support.gateways import Gateway
from tests.support.servers import Server


@pytest.fixture(autouse=True)
def _no_sweeps(monkeypatch: pytest.MonkeyPatch) -> None:
    """No append begins with a look at the catalogue, as about one in 64 does: requests are
    counted."""
    monkeypatch.setattr(plan, "_SWEEPS", 1 << 60)


@pytest.fixture(scope="session")
def running_gateway(server_of: Callable[[str], Server]) -> Iterator[Gateway]:
    """One gateway for all tests."""
    with Gateway(server_of("redis").url) as found:
        yield found


@pytest.fixture
def gateway(running_gateway: Gateway, server: Server) -> Gateway:
    """The gateway, before an empty server."""
    return running_gateway


@pytest.fixture
def front(gateway: Gateway) -> Iterator[Front]:
    """A server before the gateway, which sees each request."""
    with Front(gateway.url) as found:
        yield found


class Connect(Protocol):
    """Makes a memory on a URL; closed after the test."""

    def __call__(self, url: str, **options: Any) -> ChatMemory: ...


@pytest.fixture(params=["sync", "async"])
def facade(request: pytest.FixtureRequest) -> str:
    """Each of the two in turn."""
    name: str = request.param
    return name


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    """The event loop of what is asynchronous in a test."""
    with asyncio.Runner() as found:
        yield found


@pytest.fixture
def connect(facade: str, runner: asyncio.Runner, running_gateway: Gateway) -> Iterator[Connect]:
    """Memories of each facade in turn; the asyncio one answers as the blocking one does."""
    with contextlib.ExitStack() as closing:

        def make(url: str, **options: Any) -> ChatMemory:
            options.setdefault("token", running_gateway.token)
            made: Any
            if facade == "sync":
                made = ChatMemory.from_url(url, **options)
            else:
                made = Blocking(AsyncChatMemory.from_url(url, **options), runner)
            closing.callback(made.close)
            return cast(ChatMemory, made)

        yield make


class Open(Protocol):
    """Makes a transport to a URL; closed after the test."""

    def __call__(self, url: str, token: str = ..., **options: Any) -> RestTransport: ...


@pytest.fixture
def transport_to(facade: str, runner: asyncio.Runner, running_gateway: Gateway) -> Iterator[Open]:
    """Transports of each facade in turn, as `connect` makes memories."""
    with contextlib.ExitStack() as closing:

        def make(url: str, token: str = running_gateway.token, **options: Any) -> RestTransport:
            made: Any
            if facade == "sync":
                made = open_rest(url, token, options)
            else:
                made = Blocking(open_rest_asyncio(url, token, options), runner)
            closing.callback(made.close)
            return cast(RestTransport, made)

        yield make
