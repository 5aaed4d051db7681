"""The asyncio facade: `AsyncChatMemory` and `AsyncSession`.

The same names as in `redialog.sync`, awaited; what they do, take, return and raise is documented
there. One memory belongs to one event loop.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

from redialog import drive
from redialog.effect import AsyncTransport, Op
from redialog.messages import Message, MessageLike
from redialog.ops import read
from redialog.ops import session as session_ops
from redialog.ops.session import SessionInfo
from redialog.plan import MAX_MESSAGE_BYTES, TTL, UNSET, SessionPlan, Settings, Unset, settings

if TYPE_CHECKING:
    import redis.asyncio

T = TypeVar("T")


class AsyncChatMemory:
    """Conversations on one Redis, for asyncio; see `redialog.ChatMemory`."""

    def __init__(self, transport: AsyncTransport, config: Settings) -> None:
        self._transport = transport
        self._config = config

    @classmethod
    def from_url(
        cls,
        url: str | None = None,
        *,
        namespace: str = "default",
        key_prefix: str | None = None,
        ttl: TTL = None,
        max_message_bytes: int = MAX_MESSAGE_BYTES,
        config: Mapping[str, object] | None = None,
        **client_options: object,
    ) -> Self:
        """See `redialog.ChatMemory.from_url`; not awaited, since it does no I/O."""
        from redialog.transports import urls

        made = settings(namespace, key_prefix, ttl, max_message_bytes)
        target = urls.resolve(url, os.environ)
        return cls(urls.open_redis_asyncio(target, urls.merged(config, client_options)), made)

    @classmethod
    def from_client(
        cls,
        client: redis.asyncio.Redis,
        *,
        namespace: str = "default",
        key_prefix: str | None = None,
        ttl: TTL = None,
        max_message_bytes: int = MAX_MESSAGE_BYTES,
    ) -> Self:
        """See `redialog.ChatMemory.from_client`; takes a ``redis.asyncio.Redis``."""
        from redialog.transports import clients

        made = settings(namespace, key_prefix, ttl, max_message_bytes)
        return cls(clients.adopt_redis_asyncio(client), made)

    def session(
        self,
        session_id: str | None = None,
        *,
        user_id: str | None = None,
        ttl: TTL | Unset = UNSET,
    ) -> AsyncSession:
        """See `redialog.ChatMemory.session`; not awaited, since it does no I/O."""
        return AsyncSession(self._transport, SessionPlan(self._config, session_id, user_id, ttl))

    async def latest_session_id(self, *, user_id: str | None = None) -> str | None:
        """See `redialog.ChatMemory.latest_session_id`."""
        op = session_ops.latest(self._config.layout, user_id)
        return await drive.arun(op, self._transport)

    async def ping(self) -> None:
        """See `redialog.ChatMemory.ping`."""
        await drive.arun(session_ops.ping(), self._transport)

    async def close(self) -> None:
        """See `redialog.ChatMemory.close`."""
        await self._transport.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} on {self._transport.address}>"


class AsyncSession:
    """One conversation, for asyncio; see `redialog.Session`."""

    def __init__(self, transport: AsyncTransport, plan: SessionPlan) -> None:
        self._transport = transport
        self._plan = plan

    @property
    def id(self) -> str:
        """The session's id."""
        return self._plan.session_id

    @property
    def user_id(self) -> str | None:
        """The user that the handle names."""
        return self._plan.user_id

    async def append(
        self, *messages: MessageLike, idempotency_key: str | None = None
    ) -> list[Message]:
        """See `redialog.Session.append`."""
        return await self._run(self._plan.append(messages, idempotency_key))

    async def messages(self, *, strict: bool = False) -> list[Message]:
        """See `redialog.Session.messages`."""
        return await self._run(read.everything(self._plan.keys.log, strict=strict))

    async def window(
        self, *, turns: int | None = None, messages: int | None = None, strict: bool = False
    ) -> list[Message]:
        """See `redialog.Session.window`."""
        return await self._run(self._plan.window(turns, messages, strict=strict))

    async def iter_messages(self, *, strict: bool = False) -> AsyncIterator[Message]:
        """See `redialog.Session.iter_messages`; for ``async for``."""
        cursor: read.Cursor | None = read.Cursor()
        while cursor is not None:
            page = await self._run(read.page(self._plan.keys.log, cursor, strict=strict))
            for message in page.messages:
                yield message
            cursor = page.next

    async def count(self) -> int:
        """See `redialog.Session.count`."""
        return await self._run(read.count(self._plan.keys.log))

    async def clear(self) -> int:
        """See `redialog.Session.clear`."""
        return await self._run(self._plan.clear())

    async def expire(self, ttl: timedelta | float) -> bool:
        """See `redialog.Session.expire`."""
        return await self._run(self._plan.expire(ttl))

    async def persist(self) -> bool:
        """See `redialog.Session.persist`."""
        return await self._run(self._plan.persist())

    async def touch(self) -> bool:
        """See `redialog.Session.touch`."""
        return await self._run(self._plan.touch())

    async def info(self) -> SessionInfo:
        """See `redialog.Session.info`."""
        return await self._run(self._plan.info())

    async def _run(self, op: Op[T]) -> T:
        return await drive.arun(op, self._transport)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.id!r} on {self._transport.address}>"
