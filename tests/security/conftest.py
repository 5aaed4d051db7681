"""Memories of both facades, and users of a server."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from typing import Any, Protocol, TypeAlias
from urllib.parse import quote

import pytest

from redialog import AsyncChatMemory, ChatMemory
from redialog.testing.conformance import blocking
from tests.support.servers import Certificates, Server


class Connect(Protocol):
    """Makes a memory on a URL; closed after the test."""

    def __call__(self, url: str, **options: Any) -> ChatMemory: ...


@pytest.fixture(params=["sync", "async"])
def connect(request: pytest.FixtureRequest) -> Iterator[Connect]:
    """Memories of each facade in turn; the asyncio one answers as the blocking one does."""
    with contextlib.ExitStack() as closing:
        runner: asyncio.Runner | None = None

        def make(url: str, **options: Any) -> ChatMemory:
            nonlocal runner
            if request.param == "sync":
                return closing.enter_context(ChatMemory.from_url(url, **options))
            runner = runner or closing.enter_context(asyncio.Runner())
            made = blocking(AsyncChatMemory.from_url(url, **options), runner)
            closing.callback(made.close)
            return made

        yield make


User: TypeAlias = Callable[..., str]


@pytest.fixture
def user(server: Server) -> Iterator[User]:
    """Makes a user of the server with rules and gives the URL for it; gone after the test."""
    made: list[str] = []
    with server.client() as raw:

        def make(name: str, password: str, *rules: str) -> str:
            made.append(name)
            raw.execute_command("ACL", "SETUSER", name, "reset", "on", f">{password}", *rules)
            login = f"{quote(name, safe='')}:{quote(password, safe='')}@"
            return server.url.replace("redis://", f"redis://{login}", 1)

        yield make
        for name in made:
            raw.execute_command("ACL", "DELUSER", name)


@pytest.fixture(scope="session")
def certificates() -> Iterator[Certificates]:
    """Certificates of all kinds, for the whole run."""
    with Certificates() as found:
        yield found
