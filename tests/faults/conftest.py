"""A proxy between the memory and a server, and memories of both facades behind it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from typing import Any, Protocol, cast

import pytest

from redialog import AsyncChatMemory, ChatMemory, plan
from tests.support.blocking import Blocking
from tests.support.proxy import FaultProxy
from tests.support.servers import Server


@pytest.fixture(scope="module")
def own_server() -> Iterator[Server]:
    """A server that nobody else has connections to: they are counted."""
    with Server("redis") as server:
        yield server


@pytest.fixture
def server(own_server: Server) -> Server:
    """The same, empty."""
    own_server.flush()
    return own_server


@pytest.fixture(autouse=True)
def _no_sweeps(monkeypatch: pytest.MonkeyPatch) -> None:
    """No append begins with a look at the catalogue, as about one in 64 does: what is lost here
    must be lost of the write itself."""
    monkeypatch.setattr(plan, "_SWEEPS", 1 << 60)


class Connect(Protocol):
    """Makes a memory on a URL; closed after the test."""

    def __call__(self, url: str, **options: Any) -> ChatMemory: ...


@pytest.fixture(params=["sync", "async", "async, not coalesced"])
def connect(request: pytest.FixtureRequest) -> Iterator[Connect]:
    """Memories of each facade in turn; the asyncio one answers as the blocking one does, also where
    each call goes over a connection of its own."""
    with contextlib.ExitStack() as closing:
        runner: asyncio.Runner | None = None

        def make(url: str, **options: Any) -> ChatMemory:
            nonlocal runner
            made: Any
            if request.param == "sync":
                made = ChatMemory.from_url(url, **options)
            else:
                runner = runner or closing.enter_context(asyncio.Runner())
                if request.param != "async":
                    options.setdefault("coalesce", False)
                made = Blocking(AsyncChatMemory.from_url(url, **options), runner)
            closing.callback(made.close)
            return cast(ChatMemory, made)

        yield make


@pytest.fixture(params=["redis", "valkey"])
def behind(
    request: pytest.FixtureRequest, server_of: Callable[[str], Server]
) -> Iterator[tuple[FaultProxy, Server]]:
    """A proxy, and the emptied server behind it, of each kind in turn."""
    server = server_of(request.param)
    server.flush()
    with FaultProxy(server.host, server.port) as proxy:
        yield proxy, server
