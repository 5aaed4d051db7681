"""`AsyncChatMemory`: conversations on one Redis, for asyncio."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Self

from redialog import drive
from redialog.aio.listing import AsyncSessions
from redialog.aio.session import AsyncSession
from redialog.diagnosis import Diagnosis
from redialog.effect import DEADLINE_S, AsyncTransport
from redialog.ops import catalogue, doctor
from redialog.ops import session as session_ops
from redialog.plan import ListingPlan, SessionPlan
from redialog.settings import (
    MAX_MESSAGE_BYTES,
    TTL,
    UNSET,
    Durability,
    Settings,
    TTLMode,
    Unset,
    settings,
)

if TYPE_CHECKING:
    import redis.asyncio
    import upstash_redis.asyncio


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
        ttl_mode: TTLMode = "sliding",
        max_messages: int | None = None,
        max_message_bytes: int = MAX_MESSAGE_BYTES,
        token: str | None = None,
        deadline: float = DEADLINE_S,
        durability: Durability = "acknowledged",
        coalesce: bool = True,
        config: Mapping[str, object] | None = None,
        **client_options: object,
    ) -> Self:
        """See `redialog.ChatMemory.from_url`; not awaited, since it does no I/O."""
        from redialog.transports import opening, urls

        made = settings(
            namespace=namespace,
            key_prefix=key_prefix,
            ttl=ttl,
            ttl_mode=ttl_mode,
            max_messages=max_messages,
            max_message_bytes=max_message_bytes,
        )
        target = urls.resolve(url, os.environ, token)
        options = urls.merged(config, client_options)
        transport = opening.open_asyncio(
            target, options, deadline=deadline, durability=durability, coalesce=coalesce
        )
        return cls(transport, made)

    @classmethod
    def from_client(
        cls,
        client: redis.asyncio.Redis | redis.asyncio.RedisCluster | upstash_redis.asyncio.Redis,
        *,
        namespace: str = "default",
        key_prefix: str | None = None,
        ttl: TTL = None,
        ttl_mode: TTLMode = "sliding",
        max_messages: int | None = None,
        max_message_bytes: int = MAX_MESSAGE_BYTES,
        deadline: float = DEADLINE_S,
        coalesce: bool = True,
    ) -> Self:
        """See `redialog.ChatMemory.from_client`; takes the asyncio clients."""
        from redialog.transports import clients

        made = settings(
            namespace=namespace,
            key_prefix=key_prefix,
            ttl=ttl,
            ttl_mode=ttl_mode,
            max_messages=max_messages,
            max_message_bytes=max_message_bytes,
        )
        return cls(clients.adopt_asyncio(client, deadline, coalesce=coalesce), made)

    def session(
        self,
        session_id: str | None = None,
        *,
        user_id: str | None = None,
        ttl: TTL | Unset = UNSET,
        ttl_mode: TTLMode | Unset = UNSET,
        max_messages: int | Unset | None = UNSET,
    ) -> AsyncSession:
        """See `redialog.ChatMemory.session`; not awaited, since it does no I/O."""
        config = self._config.of_session(ttl, ttl_mode, max_messages)
        return AsyncSession(self._transport, SessionPlan(config, session_id, user_id))

    def sessions(self, user_id: str | None = None) -> AsyncSessions:
        """See `redialog.ChatMemory.sessions`; for ``async for``, or ``await ....page()``."""
        return AsyncSessions(self._transport, ListingPlan(self._config, user_id))

    async def latest_session_id(self, *, user_id: str | None = None) -> str | None:
        """See `redialog.ChatMemory.latest_session_id`."""
        op = catalogue.latest(self._config.layout, user_id)
        return await drive.arun(op, self._transport)

    async def ping(self) -> None:
        """See `redialog.ChatMemory.ping`."""
        await drive.arun(session_ops.ping(), self._transport)

    async def diagnose(self) -> Diagnosis:
        """See `redialog.ChatMemory.diagnose`."""
        await drive.arun(doctor.reach(), self._transport)
        op = doctor.diagnose(self._config, self._transport.address, now_ms=time.time_ns() // 10**6)
        return await drive.arun(op, self._transport)

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
