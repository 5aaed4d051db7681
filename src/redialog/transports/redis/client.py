"""Clients of redis-py, made of the options that a memory is given for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from redialog.errors import ConfigurationError
from redialog.transports._security import checked
from redialog.transports.redis.common import (
    CONNECT_TIMEOUT_S,
    REPLY_TIMEOUT_S,
    client_defaults,
)


def seconds(options: Mapping[str, object], name: str, default: float) -> float | None:
    """A timeout among the options.

    Raises:
        ConfigurationError: it is no number above zero.
    """
    value = options.get(name, default)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        raise ConfigurationError(f"{name} must be a number of seconds above zero, or None")
    return float(value)


def timer(options: Mapping[str, object]) -> tuple[float | None, dict[str, object]]:
    """The time for a reply with asyncio, and the options without it.

    The transport's own timer is the cheaper one.
    """
    reply_timeout = seconds(options, "socket_timeout", REPLY_TIMEOUT_S)
    return reply_timeout, {**options, "socket_timeout": None}


def client(module: Any, url: str, options: Mapping[str, object]) -> Any:
    """A client of redis-py with a pool of its own.

    Args:
        module: ``redis`` or ``redis.asyncio``.
        url: of one server.
        options: of the client library; they win over the defaults here.

    Raises:
        ConfigurationError: one of them is wrong.
    """
    options = checked(module, url, options)
    seconds(options, "socket_timeout", REPLY_TIMEOUT_S)
    seconds(options, "socket_connect_timeout", CONNECT_TIMEOUT_S)
    defaults = client_defaults()
    if url.startswith("unix:"):
        del defaults["socket_keepalive"]
    try:
        pool = module.BlockingConnectionPool.from_url(url, **(defaults | dict(options)))
        # With asyncio, redis-py takes the one of the URL's scheme, whatever is asked for.
        pool.connection_class = options.get("connection_class", pool.connection_class)
        # Wrong options would show only when the first connection is made.
        pool.connection_class(**pool.connection_kwargs)
    except (TypeError, ValueError, module.RedisError) as error:
        raise ConfigurationError(
            f"the client library refuses its options: {_named(error)}"
        ) from None
    return module.Redis(connection_pool=pool)


def _named(error: Exception) -> str:
    """The option that redis-py complains of; of other complaints only the kind: they can quote."""
    _, found, name = str(error).partition("unexpected keyword argument ")
    return f"there is no option {name}" if found else type(error).__name__
