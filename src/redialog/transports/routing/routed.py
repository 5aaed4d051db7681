"""The blocking transport over several nodes: Sentinel and Cluster."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TypeAlias

import redis

from redialog.effect import Batch, Patience, Replies
from redialog.errors import Closed, TransportError
from redialog.transports._security import checked
from redialog.transports.redis.client import client
from redialog.transports.redis.transport import RedisTransport, Sent, Watch
from redialog.transports.routing.deployments import (
    greeting,
    node_options,
    router_of,
    sentinel_options,
)
from redialog.transports.routing.routes import (
    Hop,
    Outcome,
    Role,
    Route,
    Router,
    Schedule,
    Step,
    T,
    gone,
)
from redialog.transports.urls import Address, Target

Open: TypeAlias = Callable[[Address, Role], RedisTransport]


def open_routed(
    target: Target, options: Mapping[str, object], patience: Patience, *, replicated: bool
) -> RoutedTransport:
    """A transport to a Sentinel or Cluster deployment; connects at its first use.

    Args:
        target: which.
        options: for the client library.
        patience: of its operations.
        replicated: whether a write must be safe from a failover.

    Raises:
        ConfigurationError: the client library does not take an option.
    """
    of: dict[Role, tuple[float | None, dict[str, object]]] = {
        "data": greeting(target, node_options(target, options)),
        "sentinel": (None, sentinel_options(target, options)),
    }

    def url_of(address: Address, role: Role) -> str:
        return target.node(address) if role == "data" else target.sentinel(address)

    def open_node(address: Address, role: Role) -> RedisTransport:
        reply_timeout, given = of[role]
        made = client(redis, url_of(address, role), given)
        # That of a sentinel is without any login.
        where = target.sentinel(address)
        return RedisTransport(
            lambda: made, address=where, owned=True, patience=patience, reply_timeout=reply_timeout
        )

    # A wrong option shows at once, and a failover warns of nothing a second time.
    first = target.hosts[0]
    for role, (reply_timeout, given) in of.items():
        of[role] = reply_timeout, checked(redis, url_of(first, role), given)
        open_node(first, role)
    router = router_of(target, replicated=replicated, clock=time.monotonic)
    return RoutedTransport(router, open_node, address=target.address, patience=patience)


class RoutedTransport:
    """Sends each batch to the nodes that a router names.

    Args:
        router: of the deployment.
        open_node: makes the transport to one node.
        address: of the deployment, without secrets.
        patience: of its operations.
    """

    def __init__(
        self, router: Router, open_node: Open, *, address: str, patience: Patience
    ) -> None:
        self.address = address
        self.patience = patience
        self._router = router
        self._open_node = open_node
        self._nodes: dict[tuple[Address, Role], RedisTransport] = {}
        self._closed = False

    def execute(self, batch: Batch, within: float | None = None) -> Replies:
        """As `redialog.effect.Transport.execute`."""
        if self._closed:
            raise Closed("the memory is closed")
        return self._follow(self._router.route(batch), within)

    def _follow(self, route: Route[T], within: float | None) -> T:
        schedule = Schedule(within, time.monotonic, self.address)
        try:
            step = next(route)
            while True:
                step = route.send(self._take(step, schedule.left(step)))
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]

    def _take(self, step: Step, within: float | None) -> list[Outcome]:
        for node in step.drop:
            dropped = self._nodes.pop((node, "data"), None)
            if dropped is not None:
                dropped.close()
        if len(step.hops) == 1:
            return [self._one(step.hops[0], within, watched=step.watched)]
        return self._many(step, within)

    def _one(self, hop: Hop, within: float | None, *, watched: bool) -> Outcome:
        watch = self._watch(hop) if watched else None
        try:
            return self._node(hop).execute(hop.batch, within, watch)
        except TransportError as error:
            return error
        except Closed:
            return gone(hop.node)

    def _many(self, step: Step, within: float | None) -> list[Outcome]:
        """All are asked before the first reply is read."""
        sent: list[tuple[RedisTransport, Sent | Outcome]] = []
        outcomes: list[Outcome] = []
        try:
            # One by one: those that were sent must be known where a later one is broken off.
            for hop in step.hops:
                sent.append(self._start(hop, within))  # noqa: PERF401
            for hop in step.hops:
                node, one = sent.pop(0)
                watch = self._watch(hop) if step.watched else None
                outcomes.append(_finished(node, one, within, watch))
        finally:
            for node, one in sent:
                if isinstance(one, Sent):
                    node.abandon(one)
        return outcomes

    def _start(self, hop: Hop, within: float | None) -> tuple[RedisTransport, Sent | Outcome]:
        node = self._node(hop)
        try:
            return node, node.start(hop.batch, within)
        except TransportError as error:
            return node, error
        except Closed:
            return node, gone(hop.node)

    def _node(self, hop: Hop) -> RedisTransport:
        key = (hop.node, hop.role)
        # Of two threads that come here at once, both get what the first one put there.
        found = self._nodes.get(key) or self._nodes.setdefault(key, self._open_node(*key))
        if self._closed:
            # `close` may have come and gone before it was put there.
            found.close()
        return found

    def _watch(self, hop: Hop) -> Watch:
        return lambda: self._follow(self._router.still(hop.node), None)

    def close(self) -> None:
        """As `redialog.effect.Transport.close`."""
        self._closed = True
        while self._nodes:
            with suppress(KeyError):
                self._nodes.popitem()[1].close()


def _finished(
    node: RedisTransport, one: Sent | Outcome, within: float | None, watch: Watch | None
) -> Outcome:
    if not isinstance(one, Sent):
        return one
    try:
        return node.finish(one, within, watch)
    except TransportError as error:
        return error
