"""The one table of backends that the conformance suite runs on, and what a row needs to run."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast
from urllib.parse import quote

import redis
import redis.asyncio

from redialog import AsyncChatMemory, ChatMemory, embedded
from redialog.testing.conformance import blocking
from tests.support import rules
from tests.support.gateways import Gateway
from tests.support.servers import Certificates, ClusterGroup, SentinelGroup, Server, TLSServer


@dataclass(frozen=True)
class Backend:
    """A row of the table: a server, and how a memory comes to it.

    Attributes:
        server: ``redis``, ``valkey``, or an entry of `OPENERS`.
        facade: ``sync`` or ``async``.
        protocol: RESP2 or RESP3; 0 where it speaks neither.
        decoded: whether it is an own client with ``decode_responses=True``.
    """

    server: str
    facade: str
    protocol: int = 2
    decoded: bool = False

    def __str__(self) -> str:
        spoken = f"resp{self.protocol}" if self.protocol else "json"
        client = "own-decoded" if self.decoded else "url"
        return f"{self.server}-{spoken}-{client}-{self.facade}"


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
        ("tls-acl", 2, False),
        ("sentinel", 2, False),
        ("cluster", 2, False),
        ("cluster", 3, False),
        ("rest", 0, False),
    )
    for facade in ("sync", "async")
] + [Backend("not-coalesced", "async"), Backend("rest-not-coalesced", "async", 0)]


@dataclass(frozen=True)
class Place:
    """A backend that runs.

    Attributes:
        url: where it is.
        raw: an administrator's client of another library: bytes in and out.
        reach: gives the URL and further options for a memory with these options; None: the URL.
    """

    url: str
    raw: redis.Redis
    reach: Callable[[Mapping[str, Any]], tuple[str, dict[str, Any]]] | None = None

    def reached(self, options: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        """The URL and all options for a memory."""
        url, more = (self.url, {}) if self.reach is None else self.reach(options)
        return url, {**more, **options}


class Ground:
    """The servers of the table, each with a client, kept open from row to row.

    Args:
        server_of: gives a running server of a kind.
        folder: an empty one, for the embedded server.
    """

    def __init__(self, server_of: Callable[[str], Server], folder: Path) -> None:
        self.server_of = server_of
        self.folder = folder
        self.closing = contextlib.ExitStack()
        self._found: dict[str, Place] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.closing.close()

    def emptied(self, server: str) -> Place:
        """A backend of the table, running and without any key."""
        if server not in self._found:
            self._found[server] = OPENERS.get(server, _plain)(self, server)
            self.closing.callback(self._found[server].raw.close)
        found = self._found[server]
        found.raw.flushall()
        return found


def _plain(ground: Ground, server: str) -> Place:
    found = ground.server_of(server)
    return Place(found.url, found.client())


def _embedded(ground: Ground, _: str) -> Place:
    lease = embedded.attach(str(ground.folder))
    ground.closing.callback(lease.close)
    raw = redis.Redis.from_url(f"unix://{lease.socket_path}")
    return Place(f"embedded://{ground.folder}", raw)


def _tls_acl(ground: Ground, _: str) -> Place:
    """TLS, and for each layout a user with the rights that SECURITY.md gives it, and no more."""
    certificates = ground.closing.enter_context(Certificates())
    server = TLSServer(certificates, password=secrets.token_hex(16))
    raw: Any = ground.closing.enter_context(server).client()
    password = f"p@ss/w:rd#1 %?é{secrets.token_hex(8)}"

    def reach(options: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        prefix = options.get("key_prefix")
        name = "own" if prefix is None else f"shared/{prefix}"
        allowed = rules.for_prefix(prefix)
        raw.execute_command("ACL", "SETUSER", name, "reset", "on", f">{password}", *allowed)
        login = f"{quote(name, safe='')}:{quote(password, safe='')}"
        return server.url.replace(f":{server.password}@", f"{login}@"), {
            "ssl_ca_certs": certificates.ca
        }

    return Place(server.url, raw, reach)


def _sentinel(ground: Ground, _: str) -> Place:
    group = ground.closing.enter_context(SentinelGroup(password="s:p@ce/#?%é"))
    # Nothing is replaced while the suite runs, so what the primary has is what there is.
    return Place(group.url, group.primary().client())


def _cluster(ground: Ground, _: str) -> Place:
    group = ground.closing.enter_context(ClusterGroup(password="c:p@ce/#?%é"))
    return Place(group.url, cast(redis.Redis, group.client()))


def _rest(ground: Ground, _: str, **options: Any) -> Place:
    """The REST protocol, as the project's own gateway speaks it."""
    server = ground.server_of("redis")
    gateway = ground.closing.enter_context(Gateway(server.url))
    options["token"] = gateway.token
    return Place(gateway.url, server.client(), lambda _: (gateway.url, dict(options)))


def _not_coalesced(ground: Ground, _: str) -> Place:
    """Each call of a task over a connection of its own."""
    server = ground.server_of("redis")
    return Place(server.url, server.client(), lambda _: (server.url, {"coalesce": False}))


def _rest_not_coalesced(ground: Ground, server: str) -> Place:
    """Each call of a task in a request of its own."""
    return _rest(ground, server, coalesce=False)


OPENERS: dict[str, Callable[[Ground, str], Place]] = {
    "embedded": _embedded,
    "tls-acl": _tls_acl,
    "sentinel": _sentinel,
    "cluster": _cluster,
    "rest": _rest,
    "not-coalesced": _not_coalesced,
    "rest-not-coalesced": _rest_not_coalesced,
}
"""How a backend is started that is no server of `tests.support.servers.find_server` alone."""


class Store:
    """A row in use: makes memories on an empty database, and looks into it with another client.

    Args:
        backend: the row.
        ground: the servers.
    """

    def __init__(self, backend: Backend, ground: Ground) -> None:
        self.backend = backend
        self._place = ground.emptied(backend.server)
        self.url, self.raw = self._place.url, self._place.raw
        self._closing = contextlib.ExitStack()
        self._runner: asyncio.Runner | None = None
        self._spoken: Any = {"protocol": backend.protocol} if backend.protocol else {}

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
            url, all_options = self._place.reached(options)
            return ChatMemory.from_url(url, **self._spoken, **all_options)
        client = redis.Redis.from_url(
            self.url, decode_responses=True, protocol=self.backend.protocol
        )
        self._closing.callback(client.close)
        return ChatMemory.from_client(client, **options)

    def _async(self, runner: asyncio.Runner, **options: Any) -> AsyncChatMemory:
        if not self.backend.decoded:
            url, all_options = self._place.reached(options)
            return AsyncChatMemory.from_url(url, **self._spoken, **all_options)
        client = redis.asyncio.Redis.from_url(
            self.url, decode_responses=True, protocol=self.backend.protocol
        )

        async def close() -> None:
            await client.aclose()

        self._closing.callback(lambda: runner.run(close()))
        return AsyncChatMemory.from_client(client, **options)
