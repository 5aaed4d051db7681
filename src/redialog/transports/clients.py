"""Clients that an application has already: taken as they are, never closed here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from redialog.errors import ConfigurationError

if TYPE_CHECKING:
    import redis
    import redis.asyncio

    from redialog.transports.redis import RedisTransport
    from redialog.transports.redis_asyncio import AsyncRedisTransport


def adopt_redis(client: redis.Redis) -> RedisTransport:
    """A blocking transport over an application's client, which stays the application's.

    Args:
        client: with any settings: decoded replies or not, RESP2 or RESP3.

    Raises:
        ConfigurationError: it is no `redis.Redis`.
    """
    import redis

    from redialog.transports.redis import RedisTransport

    if isinstance(client, redis.asyncio.Redis):
        raise ConfigurationError("this is an asyncio client; use AsyncChatMemory.from_client")
    if not isinstance(client, redis.Redis) or isinstance(client, redis.client.Pipeline):
        raise ConfigurationError(
            f"from_client takes a redis.Redis, not {type(client).__module__}."
            f"{type(client).__qualname__}"
        )
    return RedisTransport(lambda: client, address=_address(client), owned=False)


def adopt_redis_asyncio(client: redis.asyncio.Redis) -> AsyncRedisTransport:
    """The same for asyncio."""
    import redis
    import redis.asyncio

    from redialog.transports.redis_asyncio import AsyncRedisTransport

    if isinstance(client, redis.Redis):
        raise ConfigurationError("this is a blocking client; use ChatMemory.from_client")
    if not isinstance(client, redis.asyncio.Redis) or isinstance(
        client, redis.asyncio.client.Pipeline
    ):
        raise ConfigurationError(
            f"from_client takes a redis.asyncio.Redis, not {type(client).__module__}."
            f"{type(client).__qualname__}"
        )

    async def opened() -> redis.asyncio.Redis:
        return client

    return AsyncRedisTransport(opened, address=_address(client), owned=False)


def _address(client: Any) -> str:
    options = client.connection_pool.connection_kwargs
    if "path" in options:
        return f"unix://{options['path']}"
    host, port = options.get("host", "localhost"), options.get("port", 6379)
    return f"redis://{host}:{port}/{options.get('db') or 0}"
