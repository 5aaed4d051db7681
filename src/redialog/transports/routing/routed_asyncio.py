"""The asyncio transport over several nodes: Sentinel and Cluster."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import TypeAlias

import redis.asyncio

from redialog.effect import Batch, Patience, Replies
from redialog.errors import Closed, TransportError
from redialog.transports._security import checked
from redialog.transports._tasks import Home, to_the_end
from redialog.transports.redis.client import client, timer
from redialog.transports.redis.transport_asyncio import AsyncRedisTransport
from redialog.transports.redis.waiting import Watch
from redialog.transports.routing.deployments import node_options, router_of, sentinel_options
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

Open: TypeAlias = Callable[[Address, Role], AsyncRedisTransport]


def open_routed_asyncio(
    target: Target,
    options: Mapping[str, object],
    patience: Patience,
    *,
    replicated: bool,
    coalesce: bool = True,
) -> AsyncRoutedTransport:
    """As `open_routed` of the blocking one; ``coalesce`` as in `AsyncRedisTransport`."""
    of: dict[Role, tuple[float | None, dict[str, object]]] = {
        "data": timer(node_options(target, options)),
        "sentinel": timer(sentinel_options(target, options)),
    }

    def url_of(address: Address, role: Role) -> str:
        return target.node(address) if role == "data" else target.sentinel(address)

    def open_node(address: Address, role: Role) -> AsyncRedisTransport:
        reply_timeout, untimed = of[role]
        made = client(redis.asyncio, url_of(address, role), untimed)

        async def opened() -> redis.asyncio.Redis:
            return made  # type: ignore[no-any-return]

        return AsyncRedisTransport(
            opened,
            address=target.sentinel(address),
            owned=True,
            patience=patience,
            reply_timeout=reply_timeout,
            coalesce=coalesce,
        )

    first = target.hosts[0]
    for role, (reply_timeout, given) in of.items():
        of[role] = reply_timeout, checked(redis.asyncio, url_of(first, role), given)
        open_node(first, role)
    router = router_of(target, replicated=replicated, clock=time.monotonic)
    return AsyncRoutedTransport(router, open_node, address=target.address, patience=patience)


class AsyncRoutedTransport:
    """As `redialog.transports.routing.routed.RoutedTransport`."""

    def __init__(
        self, router: Router, open_node: Open, *, address: str, patience: Patience
    ) -> None:
        self.address = address
        self.patience = patience
        self._router = router
        self._open_node = open_node
        self._nodes: dict[tuple[Address, Role], AsyncRedisTransport] = {}
        self._closed = False
        self._home: Home | None = None

    async def execute(self, batch: Batch, within: float | None = None) -> Replies:
        """As `redialog.effect.AsyncTransport.execute`."""
        self._check_loop()
        if self._closed:
            raise Closed("the memory is closed")
        return await self._follow(self._router.route(batch), within)

    async def _follow(self, route: Route[T], within: float | None) -> T:
        schedule = Schedule(within, time.monotonic, self.address)
        try:
            step = next(route)
            while True:
                step = route.send(
                    await self._take(step, schedule.left(step), again=within is not None)
                )
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]

    async def _take(self, step: Step, within: float | None, *, again: bool) -> list[Outcome]:
        for node in step.drop:
            dropped = self._nodes.pop((node, "data"), None)
            if dropped is not None:
                await dropped.close()
        if len(step.hops) == 1:
            return [await self._one(step.hops[0], within, watched=step.watched, again=again)]
        # A group, not gather: where one is cancelled or breaks, none is left behind.
        async with asyncio.TaskGroup() as group:
            asked = [
                group.create_task(self._one(hop, within, watched=step.watched, again=again))
                for hop in step.hops
            ]
        return [one.result() for one in asked]

    async def _one(self, hop: Hop, within: float | None, *, watched: bool, again: bool) -> Outcome:
        if self._closed:
            return gone(hop.node)
        watch = self._watch(hop) if watched else None
        key = (hop.node, hop.role)
        node = self._nodes.get(key) or self._nodes.setdefault(key, self._open_node(*key))
        try:
            return await node.execute(hop.batch, within, watch, again=again)
        except TransportError as error:
            return error
        except Closed:
            # Another task has learnt meanwhile that the node is no longer the right one.
            return gone(hop.node)

    def _watch(self, hop: Hop) -> Watch:
        return lambda: self._follow(self._router.still(hop.node), None)

    async def close(self) -> None:
        """As `redialog.effect.AsyncTransport.close`, and to its end also where it is cancelled."""
        if self._closed:
            return
        self._check_loop()
        self._closed = True
        await to_the_end(self._shut())

    async def _shut(self) -> None:
        while self._nodes:
            await self._nodes.popitem()[1].close()

    def _check_loop(self) -> None:
        """Here too: the transport of a node that nobody has used yet would take to any loop."""
        if self._home is None:
            self._home = Home()
        self._home.check()
