"""One URL decides where the conversations lie."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

import msgspec

from redialog.errors import ConfigurationError

if TYPE_CHECKING:
    import redis
    import redis.asyncio

    from redialog.embedded import Lease
    from redialog.transports.redis import RedisTransport
    from redialog.transports.redis_asyncio import AsyncRedisTransport

_REDIS = ("redis", "rediss", "unix")
_SUPPORTED = "redis://, rediss://, unix:// and embedded:"


class Target(msgspec.Struct, frozen=True):
    """Where a memory leads.

    Attributes:
        url: as the client library takes it; empty for the embedded server.
        address: the same without secrets, for people.
        folder: of the embedded server; None for its default.
    """

    url: str
    address: str
    folder: Path | None = None

    @property
    def embedded(self) -> bool:
        """Whether it is the embedded server."""
        return not self.url


def merged(config: object, options: Mapping[str, object]) -> dict[str, object]:
    """The client library's options, from both places where they can be given.

    Raises:
        ConfigurationError: ``config`` is no mapping.
    """
    if config is not None and not isinstance(config, Mapping):
        raise ConfigurationError(f"config must be a mapping, not {type(config).__name__}")
    return {**(config or {}), **options}


def resolve(url: str | None, environ: Mapping[str, str]) -> Target:
    """The target of a URL.

    Args:
        url: or None for ``REDIALOG_URL``, else ``REDIS_URL``, else the embedded server.
        environ: the environment.

    Raises:
        ConfigurationError: no such URL is understood. Its text holds no part of the URL but the
            scheme, since the rest can be a secret.
    """
    if url is None:
        url = environ.get("REDIALOG_URL") or _from_others(environ) or "embedded:"
    if not isinstance(url, str):
        raise ConfigurationError(f"the url must be text, not {type(url).__name__}")
    scheme, colon, rest = url.partition(":")
    scheme = scheme.lower()
    if not colon:
        raise ConfigurationError(f"the url has no scheme; supported are {_SUPPORTED}")
    if scheme == "embedded":
        return _embedded(rest)
    if scheme not in _REDIS:
        shown = scheme if scheme.replace("+", "").isalnum() else "?"
        raise ConfigurationError(
            f"the url scheme {shown!r} is not supported; supported are {_SUPPORTED}"
        )
    return Target(f"{scheme}:{rest}", _address(f"{scheme}:{rest}", scheme))


def _from_others(environ: Mapping[str, str]) -> str | None:
    if environ.get("UPSTASH_REDIS_REST_URL"):
        raise ConfigurationError(
            "UPSTASH_REDIS_REST_URL is set, and this version does not speak REST yet; set "
            "REDIALOG_URL to say where the conversations lie"
        )
    return environ.get("REDIS_URL")


def _embedded(rest: str) -> Target:
    path = unquote(rest.removeprefix("//"))
    if not path:
        return Target("", "embedded:")
    folder = Path(path)
    if not folder.is_absolute():
        raise ConfigurationError(
            "the folder of an embedded url must be absolute: embedded:///home/me/chats"
        )
    return Target("", f"embedded://{folder}", folder)


def _address(url: str, scheme: str) -> str:
    try:
        url.encode()
        parts = urlsplit(url)
        if scheme == "unix":
            return f"unix://{parts.path}"
        host, port = parts.hostname or "localhost", parts.port or 6379
        host.encode("idna")
        # The client library takes any other path for database 0, and a password with a slash in
        # it ends up there.
        database = int(parts.path.strip("/") or 0)
        database = int(dict(parse_qsl(parts.query)).get("db", database))
    except ValueError:
        # The parser's own text quotes the part that it stumbled over: often the password.
        raise ConfigurationError(
            "the url cannot be read: it must look like redis://user:password@host:6379/0, with "
            "special characters in the user name and password percent-encoded "
            "(urllib.parse.quote(password, safe=''))"
        ) from None
    if ":" in host:
        host = f"[{host}]"
    return f"{scheme}://{host}:{port}/{database}"


def open_redis(target: Target, options: Mapping[str, object]) -> RedisTransport:
    """A blocking transport to a target; connects at its first use.

    Args:
        target: where to.
        options: for the client library, unchanged; they win over this library's defaults.

    Raises:
        ConfigurationError: the client library does not take an option.
    """
    import redis

    from redialog.transports.redis import RedisTransport

    if target.embedded:
        server = _Embedded(target.folder)

        def open_embedded() -> redis.Redis:
            return _client(redis, server.attach(), options)  # type: ignore[no-any-return]

        return RedisTransport(
            open_embedded,
            address=target.address,
            owned=True,
            before=server.ensure,
            repair=server.repair,
            after=server.close,
        )
    client: redis.Redis = _client(redis, target.url, options)
    return RedisTransport(lambda: client, address=target.address, owned=True)


def open_redis_asyncio(target: Target, options: Mapping[str, object]) -> AsyncRedisTransport:
    """The same for asyncio."""
    import redis.asyncio

    from redialog.transports._redis_common import REPLY_TIMEOUT_S
    from redialog.transports.redis_asyncio import AsyncRedisTransport

    # The transport's own timer is the cheaper one.
    reply_timeout = _seconds(options, "socket_timeout", REPLY_TIMEOUT_S)
    untimed = {**options, "socket_timeout": None}
    if target.embedded:
        server = _Embedded(target.folder)

        async def open_embedded() -> redis.asyncio.Redis:
            url = await asyncio.to_thread(server.attach)
            return _client(redis.asyncio, url, untimed)  # type: ignore[no-any-return]

        return AsyncRedisTransport(
            open_embedded,
            address=target.address,
            owned=True,
            reply_timeout=reply_timeout,
            before=server.ensure,
            repair=lambda: asyncio.to_thread(server.repair),
            after=lambda: asyncio.to_thread(server.close),
        )
    client: redis.asyncio.Redis = _client(redis.asyncio, target.url, untimed)

    async def opened() -> redis.asyncio.Redis:
        return client

    return AsyncRedisTransport(
        opened, address=target.address, owned=True, reply_timeout=reply_timeout
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


def _seconds(options: Mapping[str, object], name: str, default: float) -> float | None:
    value = options.get(name, default)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        raise ConfigurationError(f"{name} must be a number of seconds above zero, or None")
    return float(value)


def _client(module: Any, url: str, options: Mapping[str, object]) -> Any:
    from redialog.transports._redis_common import (
        CONNECT_TIMEOUT_S,
        REPLY_TIMEOUT_S,
        client_defaults,
    )

    _seconds(options, "socket_timeout", REPLY_TIMEOUT_S)
    _seconds(options, "socket_connect_timeout", CONNECT_TIMEOUT_S)
    defaults = client_defaults()
    if url.startswith("unix:"):
        del defaults["socket_keepalive"]
    try:
        pool = module.BlockingConnectionPool.from_url(url, **(defaults | dict(options)))
        # Wrong options would show only when the first connection is made.
        pool.connection_class(**pool.connection_kwargs)
    except (TypeError, ValueError) as error:
        raise ConfigurationError(
            f"the client library refuses its options: {_named(error)}"
        ) from None
    return module.Redis(connection_pool=pool)


def _named(error: Exception) -> str:
    """The option that redis-py complains of; of other complaints only the kind: they can quote."""
    _, found, name = str(error).partition("unexpected keyword argument ")
    return f"there is no option {name}" if found else type(error).__name__
