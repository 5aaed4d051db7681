"""The one table of backends that the conformance suite runs on, and what a row needs to run."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import redis
import redis.asyncio

from redialog import AsyncChatMemory, ChatMemory, embedded
from redialog.testing.conformance import blocking
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


class Ground:
    """The servers of the table, each with a client, kept open from row to row.

    Args:
        server_of: gives a running server of a kind.
        folder: an empty one, for the embedded server.
    """

    def __init__(self, server_of: Callable[[str], Server], folder: Path) -> None:
        self._server_of = server_of
        self._folder = folder
        self._closing = contextlib.ExitStack()
        self._found: dict[str, tuple[str, redis.Redis]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closing.close()

    def emptied(self, server: str) -> tuple[str, redis.Redis]:
        """The URL of a server, and a client of another library: bytes in and out."""
        if server not in self._found:
            self._found[server] = self._opened(server)
        url, raw = self._found[server]
        raw.flushall()
        return url, raw

    def _opened(self, server: str) -> tuple[str, redis.Redis]:
        if server == "embedded":
            lease = embedded.attach(str(self._folder))
            self._closing.callback(lease.close)
            raw = redis.Redis.from_url(f"unix://{lease.socket_path}")
            url = f"embedded://{self._folder}"
        else:
            found = self._server_of(server)
            raw, url = found.client(), found.url
        self._closing.callback(raw.close)
        return url, raw


class Store:
    """A row in use: makes memories on an empty database, and looks into it with another client.

    Args:
        backend: the row.
        ground: the servers.
    """

    def __init__(self, backend: Backend, ground: Ground) -> None:
        self.backend = backend
        self.url, self.raw = ground.emptied(backend.server)
        self._closing = contextlib.ExitStack()
        self._runner: asyncio.Runner | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closing.close()

    def memory(self, **options: Any) -> ChatMemory:
        """A memory on the backend; closed after the test.

        Both facades answer here as the blocking one does.
        """
        if self.backend.facade == "sync":
            memory = self._sync(**options)
        else:
            if self._runner is None:
                self._runner = self._closing.enter_context(asyncio.Runner())
            memory = blocking(self._async(self._runner, **options), self._runner)
        self._closing.callback(memory.close)
        return memory

    def _sync(self, **options: Any) -> ChatMemory:
        if not self.backend.decoded:
            return ChatMemory.from_url(self.url, protocol=self.backend.protocol, **options)
        client = redis.Redis.from_url(
            self.url, decode_responses=True, protocol=self.backend.protocol
        )
        self._closing.callback(client.close)
        return ChatMemory.from_client(client, **options)

    def _async(self, runner: asyncio.Runner, **options: Any) -> AsyncChatMemory:
        if not self.backend.decoded:
            return AsyncChatMemory.from_url(self.url, protocol=self.backend.protocol, **options)
        client = redis.asyncio.Redis.from_url(
            self.url, decode_responses=True, protocol=self.backend.protocol
        )

        async def close() -> None:
            await client.aclose()

        self._closing.callback(lambda: runner.run(close()))
        return AsyncChatMemory.from_client(client, **options)
