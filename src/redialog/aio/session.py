"""`AsyncSession`: one conversation, for asyncio."""

from __future__ import annotations

from datetime import timedelta

from redialog.aio.reads import AsyncSessionReads
from redialog.messages import Message, MessageLike


class AsyncSession(AsyncSessionReads):
    """One conversation, for asyncio; see `redialog.Session`."""

    async def append(
        self, *messages: MessageLike, idempotency_key: str | None = None
    ) -> list[Message]:
        """See `redialog.Session.append`."""
        return await self._run(self._plan.append(messages, idempotency_key))

    async def replace(
        self, message_id: str, message: MessageLike, *, idempotency_key: str | None = None
    ) -> Message:
        """See `redialog.Session.replace`."""
        return await self._run(self._plan.replace(message_id, message, idempotency_key))

    async def remove(self, message_id: str, *, idempotency_key: str | None = None) -> bool:
        """See `redialog.Session.remove`."""
        return await self._run(self._plan.remove(message_id, idempotency_key))

    async def rewind(self, message_id: str, *, idempotency_key: str | None = None) -> int:
        """See `redialog.Session.rewind`."""
        return await self._run(self._plan.rewind(message_id, idempotency_key))

    async def fork(
        self,
        new_id: str | None = None,
        at: str | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> AsyncSession:
        """See `redialog.Session.fork`."""
        plan, op = self._plan.fork(new_id, at, idempotency_key)
        await self._run(op)
        return AsyncSession(self._transport, plan)

    async def set_title(self, title: str | None, *, idempotency_key: str | None = None) -> bool:
        """See `redialog.Session.set_title`."""
        return await self._run(self._plan.set_title(title, idempotency_key))

    async def clear(self, *, idempotency_key: str | None = None) -> int:
        """See `redialog.Session.clear`."""
        return await self._run(self._plan.clear(idempotency_key))

    async def expire(self, ttl: timedelta | float, *, idempotency_key: str | None = None) -> bool:
        """See `redialog.Session.expire`."""
        return await self._run(self._plan.expire(ttl, idempotency_key))

    async def persist(self, *, idempotency_key: str | None = None) -> bool:
        """See `redialog.Session.persist`."""
        return await self._run(self._plan.persist(idempotency_key))

    async def touch(self, *, idempotency_key: str | None = None) -> bool:
        """See `redialog.Session.touch`."""
        return await self._run(self._plan.touch(idempotency_key))
