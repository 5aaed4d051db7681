"""`AsyncSessionReads`: what can be read of a conversation, for asyncio."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Sequence
from typing import Any, TypeVar

from redialog import callbacks, compaction, drive
from redialog.callbacks import Flow
from redialog.compaction import Wanted
from redialog.context import Context
from redialog.effect import AsyncTransport, Op
from redialog.messages import Content, Message, MessageLike
from redialog.ops import read
from redialog.ops.session import SessionInfo
from redialog.plan import SessionPlan
from redialog.summary import RollingSummary, Summarizer, Summary
from redialog.tokens import Counter

T = TypeVar("T")


class AsyncSessionReads:
    """The reading half of `redialog.AsyncSession`."""

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

    async def messages(self, *, strict: bool = False) -> list[Message]:
        """See `redialog.Session.messages`."""
        return await self._run(self._plan.messages(strict=strict))

    async def window(
        self,
        *,
        turns: int | None = None,
        messages: int | None = None,
        strict: bool = False,
        append: MessageLike | Iterable[MessageLike] | None = None,
        idempotency_key: str | None = None,
    ) -> list[Message]:
        """See `redialog.Session.window`."""
        first = self._plan.first(append, idempotency_key)
        return await self._run(self._plan.window(turns, messages, strict=strict, first=first))

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

    async def context(
        self,
        *,
        window_turns: int | None = None,
        max_tokens: int | None = None,
        reserve: int = 0,
        system: Content | Message | None = None,
        summarizer: Summarizer | RollingSummary | None = None,
        counter: Counter | None = None,
        append: MessageLike | Iterable[MessageLike] | None = None,
        idempotency_key: str | None = None,
    ) -> Context:
        """See `redialog.Session.context`."""
        wanted = Wanted(window_turns, max_tokens, reserve, system, summarizer, counter)
        first = self._plan.first(append, idempotency_key)
        made = await self._flow(compaction.context(self._plan, wanted, first))
        if made.behind is not None:
            callbacks.abegin(
                (self._transport.address, self._plan.keys.log), made.behind, self._transport
            )
        return made.context

    async def compact(
        self, summarizer: Summarizer | RollingSummary, *, counter: Counter | None = None
    ) -> Summary | None:
        """See `redialog.Session.compact`."""
        return await self._flow(compaction.compact(self._plan, summarizer, counter))

    async def summary(self) -> Summary | None:
        """See `redialog.Session.summary`."""
        return await self._run(compaction.latest(self._plan))

    async def summaries(self) -> list[Summary]:
        """See `redialog.Session.summaries`."""
        return await self._run(compaction.summaries(self._plan))

    async def info(self) -> SessionInfo:
        """See `redialog.Session.info`."""
        return await self._run(self._plan.info())

    async def _made(self, make: Callable[[Sequence[bytes]], list[T]]) -> list[T]:
        """See `redialog.Session._made`."""
        return await self._run(self._plan.made(make))

    async def _flow(self, flow: Flow[T]) -> T:
        return await callbacks.arun_flow(flow, self._transport)

    def _run(self, op: Op[T]) -> Coroutine[Any, Any, T]:
        return drive.arun(op, self._transport)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.id!r} on {self._transport.address}>"
