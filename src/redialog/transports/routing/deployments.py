"""What the blocking and the asyncio transport over several nodes have in common."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from redialog.errors import ConfigurationError
from redialog.transports.redis.client import seconds
from redialog.transports.redis.common import CONNECT_TIMEOUT_S, REPLY_TIMEOUT_S
from redialog.transports.routing.cluster import ClusterRouter
from redialog.transports.routing.routes import Router
from redialog.transports.routing.sentinels import QUESTION_S, SentinelRouter
from redialog.transports.urls import Target

_SENTINEL = ("sentinel_kwargs", "sentinel_username", "sentinel_password")


def router_of(target: Target, *, replicated: bool, clock: Callable[[], float]) -> Router:
    """The router of a deployment.

    Args:
        target: which.
        replicated: whether a write must be safe from a failover.
        clock: seconds, monotonic.
    """
    if target.kind == "cluster":
        return ClusterRouter(
            target.hosts, address=target.address, replicated=replicated, clock=clock
        )
    return SentinelRouter(
        target.hosts,
        target.service,
        address=target.address,
        replicated=replicated,
        clock=clock,
    )


def node_options(target: Target, options: Mapping[str, object]) -> dict[str, object]:
    """The options for the nodes that hold the data."""
    others = _SENTINEL if target.kind == "sentinel" else ()
    return {name: value for name, value in options.items() if name not in others}


def greeting(
    target: Target, options: Mapping[str, object]
) -> tuple[float | None, dict[str, object]]:
    """The time for a reply, and the options of connections that have less for their greeting.

    A node that is stalled takes connections and says nothing on them. While a reply is outstanding
    one can ask whether the node was replaced; while a connection is made, one cannot.
    """
    if "socket_timeout=" in target.url:
        return None, dict(options)
    found = seconds(options, "socket_timeout", REPLY_TIMEOUT_S)
    usual = math.inf if found is None else found
    return usual, {**options, "socket_timeout": min(usual, CONNECT_TIMEOUT_S)}


def sentinel_options(target: Target, options: Mapping[str, object]) -> dict[str, object]:
    """The options for the sentinels: their own login and limits; the TLS of the others, if any.

    Raises:
        ConfigurationError: ``sentinel_kwargs`` is no mapping.
    """
    own = options.get("sentinel_kwargs") or {}
    if not isinstance(own, Mapping):
        raise ConfigurationError("sentinel_kwargs must be a mapping")
    login = {
        name: options[f"sentinel_{name}"]
        for name in ("username", "password")
        if f"sentinel_{name}" in options
    }
    secure = target.sentinel(target.hosts[0]).startswith("rediss:")
    shared = {n: value for n, value in options.items() if secure and n.startswith("ssl_")}
    usual = seconds(options, "socket_connect_timeout", CONNECT_TIMEOUT_S)
    longest = 2 * QUESTION_S
    connect = min(longest if usual is None else usual, longest)
    # The second one is for the greeting; each question has a limit of its own.
    limits = {"socket_connect_timeout": connect, "socket_timeout": longest}
    return {**limits, **shared, **target.sentinel_login, **login, **own, "protocol": 2}
