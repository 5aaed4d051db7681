"""Memories that share connections: one pool for each store in a process, however many use it.

For those who make short-lived objects that name their store by a URL: a chat history for each
request, a node for each flow. Each takes a `Lease`; the leases of one store share a memory of each
kind, blocking and awaited. A pool closes with its last lease, or, where that asked for it, waits
for the next one.
"""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from functools import partial
from typing import Any, TypeVar

from msgspec import structs

from redialog.aio import AsyncChatMemory, AsyncSession, AsyncSessions
from redialog.effect import DEADLINE_S, AsyncTransport, Transport
from redialog.errors import Closed
from redialog.plan import SessionPlan
from redialog.settings import TTL, UNSET, Durability, Settings, settings
from redialog.sharing.registry import IDLE, REGISTRY, Itself, key
from redialog.sharing.stores import Store, of_client, of_url
from redialog.sync import ChatMemory, Session, Sessions

__all__ = ["IDLE", "Lease", "lease"]

T = TypeVar("T")


class Lease:
    """A share in the connections of a store; given back by `close`, or when it is forgotten.

    Args:
        store: whose.
        config: what the sessions are made with.
        linger: whether the connections stay open for the next lease.
    """

    def __init__(self, store: Store, config: Settings, linger: bool) -> None:
        self._store = store
        self._config = config
        self._end = weakref.finalize(self, REGISTRY.give_back, store, linger)
        # Sockets end with the process; an embedded server sees to its own end.
        self._end.atexit = False

    def memory(self) -> ChatMemory:
        """The store's blocking memory; its connections are those of all leases.

        It and its sessions keep the lease; its ``close`` gives that back.

        Raises:
            Closed: the lease was given back.
            ConfigurationError: the store is an application's asyncio client.
        """
        self._check()
        return _Shared(self._store.blocking()._transport, self._config, self)

    def amemory(self) -> AsyncChatMemory:
        """The store's memory for the running event loop, with which its connections end.

        Raises:
            Closed: the lease was given back.
            ConfigurationError: the store is an application's blocking client.
        """
        self._check()
        return _AsyncShared(self._store.awaited()._transport, self._config, self)

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
        found = REGISTRY.take(Itself(client), partial(of_client, client, deadline))
        return Lease(found, config, linger)
    named: dict[str, Any] = {
        "token": token,
        "deadline": deadline,
        "durability": durability,
        "config": dict(options or {}),
    }
    found = REGISTRY.take(key(url, named), partial(of_url, url, named))
    return Lease(found, config, linger)


class _Shared(ChatMemory):
    """A memory that, like its sessions and listings, keeps its lease, and closes no other's."""

    def __init__(self, transport: Transport, config: Settings, lease: Lease) -> None:
        super().__init__(transport, config)
        self._lease = lease

    def session(self, *args: Any, **named: Any) -> Session:
        return _keeping(self._lease, super().session(*args, **named))

    def sessions(self, user_id: str | None = None) -> Sessions:
        return _keeping(self._lease, super().sessions(user_id))

    def close(self) -> None:
        self._lease.close()


class _AsyncShared(AsyncChatMemory):
    """The same for asyncio."""

    def __init__(self, transport: AsyncTransport, config: Settings, lease: Lease) -> None:
        super().__init__(transport, config)
        self._lease = lease

    def session(self, *args: Any, **named: Any) -> AsyncSession:
        return _keeping(self._lease, super().session(*args, **named))

    def sessions(self, user_id: str | None = None) -> AsyncSessions:
        return _keeping(self._lease, super().sessions(user_id))

    async def close(self) -> None:
        await self._lease.aclose()


def _keeping(lease: Lease, made: T) -> T:
    vars(made)["_lease"] = lease
    return made
