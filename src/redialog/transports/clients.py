"""Clients that an application has already: taken as they are, never closed here."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from redialog.effect import AsyncTransport, Transport
from redialog.errors import ConfigurationError
from redialog.transports.opening import checked_deadline, many_nodes, one_server
from redialog.transports.urls import Address, Target, shown

if TYPE_CHECKING:
    import redis
    import redis.asyncio
    import upstash_redis
    import upstash_redis.asyncio

_TAKES = "from_client takes a client of redis-py ({}Redis, {}RedisCluster) or of upstash-redis"
# What makes a connection of another client the same: who, how, with which limits.
_OPTIONS = (
    *("username", "password", "credential_provider", "client_name", "protocol"),
    *("socket_timeout", "socket_connect_timeout", "socket_keepalive", "redis_connect_func"),
)


def adopt(
    client: redis.Redis | redis.RedisCluster | upstash_redis.Redis, deadline: float
) -> Transport:
    """A blocking transport over an application's client, which stays the application's.

    Args:
        client: with any settings: decoded replies or not, RESP2 or RESP3. Of Sentinel's, Cluster's
            and Upstash's clients the addresses, options and credentials are taken.
        deadline: seconds that an operation may lose to failures.

    Raises:
        ConfigurationError: it is no such client.
    """
    import redis

    from redialog.transports.redis.transport import RedisTransport

    seconds = checked_deadline(deadline)
    if _is_upstash(client, "upstash_redis.client"):
        from redialog.transports.rest.transport import adopt_upstash

        found = adopt_upstash(client)
        found.patience = one_server(seconds)
        return found
    if isinstance(client, redis.asyncio.Redis | redis.asyncio.RedisCluster) and not isinstance(
        client, redis.asyncio.client.Pipeline
    ):
        raise ConfigurationError("this is an asyncio client; use AsyncChatMemory.from_client")
    if isinstance(client, redis.RedisCluster) and not isinstance(
        client, redis.cluster.ClusterPipeline
    ):
        nodes = client.nodes_manager
        _check_mapping(nodes)
        return _many(_cluster(nodes.startup_nodes, nodes.connection_kwargs), seconds)
    if not isinstance(client, redis.Redis) or isinstance(client, redis.client.Pipeline):
        raise _refusal(client, "redis.")
    pool = client.connection_pool
    if hasattr(pool, "sentinel_manager"):
        return _many(_sentinel(pool), seconds)
    return RedisTransport(
        lambda: client, address=_address(pool), owned=False, patience=one_server(seconds)
    )


def adopt_asyncio(
    client: redis.asyncio.Redis | redis.asyncio.RedisCluster | upstash_redis.asyncio.Redis,
    deadline: float,
    *,
    coalesce: bool = True,
) -> AsyncTransport:
    """The same for asyncio; ``coalesce`` as in `redialog.transports.opening.open_asyncio`."""
    import redis
    import redis.asyncio

    from redialog.transports.redis.transport_asyncio import AsyncRedisTransport

    seconds = checked_deadline(deadline)
    if _is_upstash(client, "upstash_redis.asyncio.client"):
        from redialog.transports.rest.transport_asyncio import adopt_upstash_asyncio

        found = adopt_upstash_asyncio(client, coalesce=coalesce)
        found.patience = one_server(seconds)
        return found
    if isinstance(client, redis.Redis | redis.RedisCluster) and not isinstance(
        client, redis.client.Pipeline | redis.cluster.ClusterPipeline
    ):
        raise ConfigurationError("this is a blocking client; use ChatMemory.from_client")
    if isinstance(client, redis.asyncio.RedisCluster):
        nodes = client.nodes_manager
        _check_mapping(nodes)
        group = _cluster(nodes.startup_nodes, client.connection_kwargs)
        return _many_asyncio(group, seconds, coalesce=coalesce)
    if not isinstance(client, redis.asyncio.Redis) or isinstance(
        client, redis.asyncio.client.Pipeline
    ):
        raise _refusal(client, "redis.asyncio.")
    pool = client.connection_pool
    if hasattr(pool, "sentinel_manager"):
        return _many_asyncio(_sentinel(pool), seconds, coalesce=coalesce)

    async def opened() -> redis.asyncio.Redis:
        return client

    return AsyncRedisTransport(
        opened,
        address=_address(pool),
        owned=False,
        patience=one_server(seconds),
        coalesce=coalesce,
    )


def _many(found: tuple[Target, dict[str, object]], seconds: float) -> Transport:
    from redialog.transports.routing.routed import open_routed

    return open_routed(*found, many_nodes(seconds), replicated=False)


def _many_asyncio(
    found: tuple[Target, dict[str, object]], seconds: float, *, coalesce: bool
) -> AsyncTransport:
    from redialog.transports.routing.routed_asyncio import open_routed_asyncio

    return open_routed_asyncio(*found, many_nodes(seconds), replicated=False, coalesce=coalesce)


def _is_upstash(client: object, module: str) -> bool:
    """Whether it is a client of a library that need not be installed."""
    found = sys.modules.get(module)
    return found is not None and isinstance(client, found.Redis)


def _refusal(client: object, prefix: str) -> ConfigurationError:
    kind = type(client)
    takes = _TAKES.format(prefix, prefix)
    return ConfigurationError(f"{takes}, not {kind.__module__}.{kind.__qualname__}")


def _check_mapping(nodes: Any) -> None:
    if getattr(nodes, "address_remap", None) is not None:
        raise ConfigurationError(
            "this client maps addresses (address_remap), which is not known here; nodes must be "
            "reached under the addresses that they give"
        )


def _cluster(
    nodes: Mapping[str, Any], given: Mapping[str, Any]
) -> tuple[Target, dict[str, object]]:
    hosts = tuple((node.host, int(node.port)) for node in nodes.values())
    secure = "ssl" in getattr(given.get("connection_class"), "__name__", "").lower()
    secure = secure or bool(given.get("ssl"))
    scheme = "rediss" if secure else "redis"
    target = Target(
        kind="cluster",
        url=f"{scheme}://{{}}/0",
        address=f"{scheme}+cluster://{_shown(hosts)}",
        hosts=hosts,
    )
    return target, _options(given)


def _sentinel(pool: Any) -> tuple[Target, dict[str, object]]:
    if not pool.is_master:
        raise ConfigurationError("this client reads from replicas; take one of Sentinel.master_for")
    manager = pool.sentinel_manager
    of_sentinels = [one.connection_pool.connection_kwargs for one in manager.sentinels]
    hosts = tuple((one["host"], int(one["port"])) for one in of_sentinels)
    scheme = _scheme(pool)
    given = pool.connection_kwargs
    database = int(given.get("db") or 0)
    target = Target(
        kind="sentinel",
        url=f"{scheme}://{{}}/{database}",
        address=f"{scheme}+sentinel://{_shown(hosts)}/{pool.service_name}/{database}",
        hosts=hosts,
        service=pool.service_name,
        # Redis-py takes TLS to the sentinels only where its sentinel_kwargs say so.
        sentinel_scheme=_scheme(manager.sentinels[0].connection_pool),
    )
    # How long a sentinel has is for the routes to say: one that is stalled must not hold them up.
    own = {k: v for k, v in _options(of_sentinels[0]).items() if not k.endswith("_timeout")}
    return target, {**_options(given), "sentinel_kwargs": own}


def _scheme(pool: Any) -> str:
    return "rediss" if "ssl" in pool.connection_class.__name__.lower() else "redis"


def _options(given: Mapping[str, Any]) -> dict[str, object]:
    """The options of another client's connections, as far as they are set."""
    return {
        name: value
        for name, value in given.items()
        if value is not None and (name in _OPTIONS or name.startswith("ssl_"))
    }


def _shown(hosts: tuple[Address, ...]) -> str:
    return ",".join(map(shown, hosts))


def _address(pool: Any) -> str:
    options = pool.connection_kwargs
    if "path" in options:
        return f"unix://{options['path']}"
    host, port = options.get("host", "localhost"), options.get("port", 6379)
    return f"redis://{host}:{port}/{options.get('db') or 0}"
