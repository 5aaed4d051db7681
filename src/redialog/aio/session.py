"""`AsyncSession`: one conversation, for asyncio."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import TypeVar

from redialog import drive
from redialog.effect import AsyncTransport, Op
from redialog.messages import Message, MessageLike
from redialog.ops import read
from redialog.ops.session import SessionInfo
from redialog.plan import SessionPlan

T = TypeVar("T")


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
        return await self._run(self._plan.messages(strict=strict))

    async def window(
        self, *, turns: int | None = None, messages: int | None = None, strict: bool = False
    ) -> list[Message]:
        """See `redialog.Session.window`."""
        return await self._run(self._plan.window(turns, messages, strict=strict))

    async def iter_messages(self, *, strict: bool = False) -> AsyncIterator[Message]:
        """See `redialog.Session.iter_messages`; for ``async for``."""
        cursor: read.Cursor | None = read.Cursor()
        while cursor is not None:
            page = await self._run(self._plan.page(cursor, strict=strict))
            for message in page.messages:
                yield message
            cursor = page.next

    async def count(self) -> int:
        """See `redialog.Session.count`."""
        return await self._run(read.count(self._plan.keys.log))

    async def get(self, message_id: str) -> Message | None:
        """See `redialog.Session.get`."""
        return await self._run(self._plan.get(message_id))

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

    async def info(self) -> SessionInfo:
        """See `redialog.Session.info`."""
        return await self._run(self._plan.info())

    async def _run(self, op: Op[T]) -> T:
        return await drive.arun(op, self._transport)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.id!r} on {self._transport.address}>"
