"""From a target and options to a transport, which connects at its first use."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import quote

from redialog.effect import DEADLINE_S, AsyncTransport, Patience, Transport
from redialog.errors import ConfigurationError
from redialog.transports.urls import Target

if TYPE_CHECKING:
    from pathlib import Path

    import redis
    import redis.asyncio

    from redialog.embedded import Lease

DURABILITIES = ("acknowledged", "replicated")
LONGEST_DEADLINE_S = 45.0
"""A token lives 60 s: a resend must come while it does."""


def open_blocking(
    target: Target,
    options: Mapping[str, object],
    *,
    deadline: float = DEADLINE_S,
    durability: str = "acknowledged",
) -> Transport:
    """A blocking transport to a target.

    Args:
        target: where to.
        options: for the client library, unchanged; they win over this library's defaults.
        deadline: seconds that an operation may lose to failures.
        durability: when a write counts as done.

    Raises:
        ConfigurationError: an argument is wrong, or the client library does not take an option.
    """
    patience = _checked(target, deadline, durability)
    if target.kind == "rest":
        from redialog.transports.rest.transport import open_rest

        found = open_rest(target.url, target.token, options)
        found.patience = patience
        return found
    if target.kind in ("sentinel", "cluster"):
        from redialog.transports.routing.routed import open_routed

        return open_routed(target, options, patience, replicated=durability == "replicated")
    return _open_redis(target, options, patience)


def open_asyncio(
    target: Target,
    options: Mapping[str, object],
    *,
    deadline: float = DEADLINE_S,
    durability: str = "acknowledged",
    coalesce: bool = True,
) -> AsyncTransport:
    """The same for asyncio.

    Args:
        target: the same.
        options: the same.
        deadline: the same.
        durability: the same.
        coalesce: whether what is asked of a server at the same moment travels together.
    """
    patience = _checked(target, deadline, durability)
    if target.kind == "rest":
        from redialog.transports.rest.transport_asyncio import open_rest_asyncio

        found = open_rest_asyncio(target.url, target.token, options, coalesce=coalesce)
        found.patience = patience
        return found
    if target.kind in ("sentinel", "cluster"):
        from redialog.transports.routing.routed_asyncio import open_routed_asyncio

        return open_routed_asyncio(
            target,
            options,
            patience,
            replicated=durability == "replicated",
            coalesce=coalesce,
        )
    return _open_redis_asyncio(target, options, patience, coalesce=coalesce)


def _checked(target: Target, deadline: object, durability: object) -> Patience:
    seconds = checked_deadline(deadline)
    if durability not in DURABILITIES:
        raise ConfigurationError(f"durability must be one of {', '.join(DURABILITIES)}")
    if target.kind in ("sentinel", "cluster"):
        return many_nodes(seconds)
    if durability == "replicated":
        raise ConfigurationError(
            "durability='replicated' needs somebody who says which node is the primary: a "
            "redis+sentinel:// or redis+cluster:// url"
        )
    return one_server(seconds)


def checked_deadline(deadline: object) -> float:
    """The seconds that an operation may lose to failures.

    Raises:
        ConfigurationError: it is no number, or not in the range.
    """
    if isinstance(deadline, bool) or not isinstance(deadline, int | float) or not deadline > 0:
        raise ConfigurationError("deadline must be a number of seconds above zero")
    if deadline > LONGEST_DEADLINE_S:
        raise ConfigurationError(
            f"deadline must be at most {LONGEST_DEADLINE_S:g} seconds: later, the server no longer "
            "knows what it has done"
        )
    return float(deadline)


def one_server(deadline: float) -> Patience:
    """How failures of a single server are met."""
    return Patience(deadline)


def many_nodes(deadline: float) -> Patience:
    """The same where another node takes over: that takes seconds, and nobody is there meanwhile."""
    return Patience(deadline, None, deadline)


def _open_redis(target: Target, options: Mapping[str, object], patience: Patience) -> Transport:
    import redis

    from redialog.transports.redis.client import client
    from redialog.transports.redis.transport import RedisTransport

    if target.kind == "embedded":
        server = _Embedded(target.folder)

        def open_embedded() -> redis.Redis:
            return client(redis, server.attach(), options)  # type: ignore[no-any-return]

        return RedisTransport(
            open_embedded,
            address=target.address,
            owned=True,
            patience=patience,
            before=server.ensure,
            repair=server.repair,
            after=server.close,
        )
    made: redis.Redis = client(redis, target.url, options)
    return RedisTransport(lambda: made, address=target.address, owned=True, patience=patience)


def _open_redis_asyncio(
    target: Target, options: Mapping[str, object], patience: Patience, *, coalesce: bool
) -> AsyncTransport:
    import redis.asyncio

    from redialog.transports.redis.client import client, timer
    from redialog.transports.redis.transport_asyncio import AsyncRedisTransport

    reply_timeout, untimed = timer(options)
    if target.kind == "embedded":
        server = _Embedded(target.folder)

        async def open_embedded() -> redis.asyncio.Redis:
            url = await asyncio.to_thread(server.attach)
            return client(redis.asyncio, url, untimed)  # type: ignore[no-any-return]

        return AsyncRedisTransport(
            open_embedded,
            address=target.address,
            owned=True,
            patience=patience,
            reply_timeout=reply_timeout,
            before=server.ensure,
            repair=lambda: asyncio.to_thread(server.repair),
            after=lambda: asyncio.to_thread(server.close),
            coalesce=coalesce,
        )
    made: redis.asyncio.Redis = client(redis.asyncio, target.url, untimed)

    async def opened() -> redis.asyncio.Redis:
        return made

    return AsyncRedisTransport(
        opened,
        address=target.address,
        owned=True,
        patience=patience,
        reply_timeout=reply_timeout,
        coalesce=coalesce,
    )


class _Embedded:
    """A share in the embedded server, taken at the first use."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._lease: Lease | None = None

    def attach(self) -> str:
        from redialog import embedded

        self._lease = embedded.attach(self._folder)
        return f"unix://{quote(str(self._lease.socket_path))}"

    def ensure(self) -> None:
        if self._lease is not None:
            self._lease.ensure()

    def repair(self) -> None:
        if self._lease is not None:
            self._lease.repair()

    def close(self) -> None:
        if self._lease is not None:
            self._lease.close()
