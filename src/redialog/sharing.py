"""Memories that share connections: one pool for each store in a process, however many use it.

For those who make short-lived objects that name their store by a URL: a chat history for each
request, a node for each flow. Each takes a `Lease`; the leases of one store share a memory of each
kind, blocking and awaited. A pool closes with its last lease, or, where that asked for it, waits
for the next one.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
import weakref
from collections import OrderedDict, deque
from collections.abc import AsyncGenerator, Callable, Hashable, Mapping
from functools import partial
from typing import Any

from msgspec import structs

from redialog.aio import AsyncChatMemory
from redialog.effect import DEADLINE_S
from redialog.errors import Closed, ConfigurationError
from redialog.plan import SessionPlan
from redialog.settings import TTL, UNSET, Durability, Settings, settings
from redialog.sync import ChatMemory

IDLE = 16
"""So many stores keep their connections for the next lease, where the last one asked for that."""

# What says where a memory without a URL leads, and its token.
_VARIABLES = (
    *("REDIALOG_URL", "REDIALOG_TOKEN", "REDIS_URL"),
    *("UPSTASH_REDIS_REST_URL", "UPSTASH_REDIS_REST_TOKEN"),
)


class Lease:
    """A share in the connections of a store; given back by `close`, or when it is forgotten.

    Args:
        store: whose.
        config: what the sessions are made with.
        linger: whether the connections stay open for the next lease.
    """

    def __init__(self, store: _Store, config: Settings, linger: bool) -> None:
        self._store = store
        self._config = config
        self._end = weakref.finalize(self, _registry.give_back, store, linger)
        # Sockets end with the process; an embedded server sees to its own end.
        self._end.atexit = False

    def memory(self) -> ChatMemory:
        """The store's blocking memory; its connections are those of all leases.

        Raises:
            Closed: the lease was given back.
            ConfigurationError: the store is an application's asyncio client.
        """
        self._check()
        return ChatMemory(self._store.blocking()._transport, self._config)

    def amemory(self) -> AsyncChatMemory:
        """The store's memory for the running event loop, with which its connections end.

        Raises:
            Closed: the lease was given back.
            ConfigurationError: the store is an application's blocking client.
        """
        self._check()
        return AsyncChatMemory(self._store.awaited()._transport, self._config)

    def check(self, session_id: str, ttl: TTL) -> None:
        """Makes sure that there can be such a session.

        Raises:
            ConfigurationError: the id or the ttl is not usable.
        """
        SessionPlan(self._config.of_session(ttl, UNSET, UNSET), session_id, None)

    def close(self) -> None:
        """Gives the share back; connections of an event loop are closed there, soon."""
        self._end()

    async def aclose(self) -> None:
        """The same; where it was the last share, what is of this event loop has been closed."""
        self._end()
        await self._store.closed()

    @property
    def blocking_only(self) -> bool:
        """Whether the store is an application's blocking client, which nothing can await."""
        return self._store.aopen is None

    @property
    def awaited_only(self) -> bool:
        """Whether the store is an application's asyncio client, which can only be awaited."""
        return self._store.open is None

    def _check(self) -> None:
        if not self._end.alive:
            raise Closed("it is closed")


def lease(
    url: str | None,
    *,
    key_prefix: str | None,
    namespace: str = "default",
    token: str | None = None,
    options: Mapping[str, object] | None = None,
    deadline: float = DEADLINE_S,
    durability: Durability = "acknowledged",
    linger: bool = False,
    ids: bool = True,
    client: Any = None,
) -> Lease:
    """A share in the connections of the store that a URL names.

    Args:
        url: as for `ChatMemory.from_url`, like all that is not described here.
        key_prefix: the same.
        namespace: the same.
        token: the same.
        options: for the client library. With other ones it is another pool.
        deadline: the same.
        durability: the same.
        linger: keep the connections when the last lease is given back: of the last `IDLE` stores.
        ids: whether messages without an id get one.
        client: of an application, in the place of a URL and its options.

    Raises:
        ConfigurationError: an argument, the URL or an option is wrong.

    Cost: no I/O, but for the files of certificates.
    """
    config = structs.replace(settings(namespace=namespace, key_prefix=key_prefix), ids=ids)
    if client is not None:
        found = _registry.take(_Itself(client), partial(_of_client, client, deadline))
        return Lease(found, config, linger)
    named: dict[str, Any] = {
        "token": token,
        "deadline": deadline,
        "durability": durability,
        "config": dict(options or {}),
    }
    found = _registry.take(_key(url, named), partial(_of_url, url, named))
    return Lease(found, config, linger)


def _of_url(url: str | None, named: dict[str, Any], key: Hashable) -> _Store:
    # Made at once, so that a wrong URL or option is told; it connects at its first use.
    memory = ChatMemory.from_url(url, **named)
    return _Store(key, lambda: memory, partial(AsyncChatMemory.from_url, url, **named))


def _of_client(client: Any, deadline: float, key: Hashable) -> _Store:
    try:
        memory = ChatMemory.from_client(client, deadline=deadline)
    except ConfigurationError:
        # Where it is none for asyncio either, that one says which clients there are.
        AsyncChatMemory.from_client(client, deadline=deadline)
        return _Store(key, None, partial(AsyncChatMemory.from_client, client, deadline=deadline))
    return _Store(key, lambda: memory, None)


class _Store:
    """A store and the memories that are open on it.

    Args:
        key: what identifies it.
        open: gives the blocking memory, each time the same; None: it has none.
        aopen: makes one for asyncio.
    """

    def __init__(
        self,
        key: Hashable,
        open: Callable[[], ChatMemory] | None,  # noqa: A002 - what it does
        aopen: Callable[[], AsyncChatMemory] | None,
    ) -> None:
        self.key = key
        self.leases = 0
        self.open = open
        self.aopen = aopen
        self._lock = threading.Lock()
        self._of_loops: dict[asyncio.AbstractEventLoop, _OfLoop] = {}
        self._closing: list[_OfLoop] = []

    def blocking(self) -> ChatMemory:
        if self.open is None:
            raise ConfigurationError("this has an asyncio client: use the awaited methods")
        return self.open()

    def awaited(self) -> AsyncChatMemory:
        if self.aopen is None:
            raise ConfigurationError("this has a blocking client: use the blocking methods")
        loop = asyncio.get_running_loop()
        found = self._of_loops.get(loop)
        if found is None or found.ended:
            # No other thread has this loop; but others add theirs.
            found = _OfLoop(self.aopen(), loop)
            with self._lock:
                ended = [one for one, of in self._of_loops.items() if of.ended or one.is_closed()]
                for one in ended:
                    del self._of_loops[one]
                self._of_loops[loop] = found
        return found.memory

    def close(self) -> None:
        if self.open is not None:
            self.open().close()
        with self._lock:
            self._closing = list(self._of_loops.values())
            self._of_loops.clear()
        for one in self._closing:
            one.close_soon()

    async def closed(self) -> None:
        """Waits for what is being closed in the running loop."""
        loop = asyncio.get_running_loop()
        for one in self._closing:
            if one.loop is loop:
                await one.close()


class _OfLoop:
    """The memory of one event loop; it closes before the loop does."""

    def __init__(self, memory: AsyncChatMemory, loop: asyncio.AbstractEventLoop) -> None:
        self.memory = memory
        self.loop = loop
        self.ended = False
        self._task: asyncio.Task[None] | None = None
        # An event loop that is shut down ends the asynchronous generators that run in it, and
        # nothing else that it is told of; so there is one.
        self._guard = self._until_shutdown()
        with contextlib.suppress(StopIteration):
            # Up to its yield.
            self._guard.__anext__().send(None)

    async def _until_shutdown(self) -> AsyncGenerator[None]:
        try:
            yield
        finally:
            await self.close()

    async def close(self) -> None:
        if not self.ended:
            self.ended = True
            self._task = asyncio.ensure_future(self.memory.close())
        if self._task is not None:
            await asyncio.shield(self._task)

    def close_soon(self) -> None:
        """Closes it, from whichever thread."""
        if not self.loop.is_closed():
            self.loop.call_soon_threadsafe(self._begin_to_close)

    def _begin_to_close(self) -> None:
        if not self.ended:
            self.ended = True
            self._task = self.loop.create_task(self.memory.close())


class _Registry:
    """The stores of the process.

    A lease can be forgotten at any moment, also while this thread holds the lock; so what is given
    back goes into a queue, which whoever has the lock empties.
    """

    def __init__(self) -> None:
        self._stores: dict[Hashable, _Store] = {}
        self._idle: OrderedDict[Hashable, None] = OrderedDict()
        self._returned: deque[tuple[_Store, bool]] = deque()
        self._lock = threading.Lock()

    def take(self, key: Hashable, make: Callable[[Hashable], _Store]) -> _Store:
        with self._lock:
            store = self._stores.get(key)
            if store is None:
                store = self._stores[key] = make(key)
            self._idle.pop(key, None)
            store.leases += 1
        self._settle()
        return store

    def give_back(self, store: _Store, linger: bool) -> None:
        self._returned.append((store, linger))
        self._settle()

    def _settle(self) -> None:
        while self._returned and self._lock.acquire(blocking=False):
            try:
                done = self._settled()
            finally:
                self._lock.release()
            for store in done:
                store.close()

    def _settled(self) -> list[_Store]:
        """Takes note of what was given back; returns what nobody has any more."""
        done: list[_Store] = []
        while self._returned:
            store, linger = self._returned.popleft()
            store.leases -= 1
            if store.leases:
                continue
            if linger:
                self._idle[store.key] = None
            else:
                done.append(self._stores.pop(store.key))
        while len(self._idle) > IDLE:
            oldest, _ = self._idle.popitem(last=False)
            done.append(self._stores.pop(oldest))
        return done

    def after_fork(self) -> None:
        """In the child: another thread of the parent may have had the lock."""
        self._lock = threading.Lock()


class _Itself:
    """Stands for an object in a key: it equals itself alone, whatever it says of that."""

    def __init__(self, value: object) -> None:
        self._value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Itself) and other._value is self._value

    def __hash__(self) -> int:
        return id(self._value)


def _key(url: str | None, named: Mapping[str, Any]) -> Hashable:
    def known(value: object) -> Hashable:
        return value if isinstance(value, str | int | float | bool | None) else _Itself(value)

    options = tuple(sorted((name, known(value)) for name, value in named["config"].items()))
    rest = tuple(known(named[name]) for name in ("token", "deadline", "durability"))
    return url, rest, options, tuple(os.environ.get(name) for name in _VARIABLES)


_registry = _Registry()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_registry.after_fork)
