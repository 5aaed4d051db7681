"""The one table of backends that the conformance suite runs on."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import redis
import redis.asyncio

from redialog import AsyncChatMemory, ChatMemory
from tests.support.blocking import Blocking
from tests.support.servers import Server


@dataclass(frozen=True)
class Backend:
    """A row of the table: a server, and how a memory comes to it.

    Attributes:
        server: ``redis``, ``valkey``, or ``embedded``.
        facade: ``sync`` or ``async``.
        protocol: RESP2 or RESP3.
        decoded: whether it is an own client with ``decode_responses=True``.
    """

    server: str
    facade: str
    protocol: int = 2
    decoded: bool = False

    def __str__(self) -> str:
        client = "own-decoded" if self.decoded else "url"
        return f"{self.server}-resp{self.protocol}-{client}-{self.facade}"


BACKENDS = [
    Backend(server, facade, protocol, decoded)
    for server, protocol, decoded in (
        ("embedded", 2, False),
        ("redis", 2, False),
        ("redis", 3, False),
        ("redis", 2, True),
        ("redis", 3, True),
        ("valkey", 2, False),
        ("valkey", 3, True),
    )
    for facade in ("sync", "async")
]


class Store:
    """A backend in use: makes memories on it, and looks into it with a client of its own.

    Args:
        backend: the row.
        url: of the server.
        closing: collects what must be closed after the test.
    """

    def __init__(self, backend: Backend, url: str, closing: contextlib.ExitStack) -> None:
        self.backend = backend
        self.url = url
        self._closing = closing
        self._runner: asyncio.Runner | None = None
        self._raw: redis.Redis | None = None

    @property
    def raw(self) -> redis.Redis:
        """A client of another library: bytes in and out."""
        if self._raw is None:
            if self.backend.server == "embedded":
                # Started by its first user.
                self.memory().ping()
            self._raw = redis.Redis.from_url(self.raw_url)
            self._closing.callback(self._raw.close)
        return self._raw

    @property
    def raw_url(self) -> str:
        """Where another client finds the server."""
        if self.backend.server != "embedded":
            return self.url
        from redialog import embedded

        lease = embedded.attach(self.url.removeprefix("embedded://"))
        self._closing.callback(lease.close)
        return f"unix://{lease.socket_path}"

    def memory(self, **options: Any) -> ChatMemory:
        """A memory on the backend; closed after the test.

        Both facades answer here as the blocking one does.
        """
        if self.backend.facade == "sync":
            memory = self._sync(**options)
            self._closing.callback(memory.close)
            return memory
        if self._runner is None:
            self._runner = self._closing.enter_context(asyncio.Runner())
        blocking = Blocking(self._async(**options), self._runner)
        self._closing.callback(blocking.close)
        return cast(ChatMemory, blocking)

    def _sync(self, **options: Any) -> ChatMemory:
        if not self.backend.decoded:
            return ChatMemory.from_url(self.url, protocol=self.backend.protocol, **options)
        client = redis.Redis.from_url(
            self.url, decode_responses=True, protocol=self.backend.protocol
        )
        self._closing.callback(client.close)
        return ChatMemory.from_client(client, **options)

    def _async(self, **options: Any) -> AsyncChatMemory:
        if not self.backend.decoded:
            return AsyncChatMemory.from_url(self.url, protocol=self.backend.protocol, **options)
        client = redis.asyncio.Redis.from_url(
            self.url, decode_responses=True, protocol=self.backend.protocol
        )

        async def close() -> None:
            await client.aclose()

        runner = self._runner
        assert runner is not None
        self._closing.callback(lambda: runner.run(close()))
        return AsyncChatMemory.from_client(client, **options)


@contextlib.contextmanager
def opened(backend: Backend, server_of: Callable[[str], Server], folder: Path) -> Iterator[Store]:
    """The backend's server, emptied, until the test is over."""
    with contextlib.ExitStack() as closing:
        if backend.server == "embedded":
            yield Store(backend, f"embedded://{folder}", closing)
        else:
            server = server_of(backend.server)
            server.flush()
            yield Store(backend, server.url, closing)
