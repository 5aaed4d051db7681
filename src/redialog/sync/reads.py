"""`SessionReads`: what can be read of a conversation, and what a model should see of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from redialog import callbacks, compaction, drive
from redialog.callbacks import Flow
from redialog.compaction import Wanted
from redialog.context import Context
from redialog.effect import Op, Transport
from redialog.messages import Content, Message, MessageLike
from redialog.ops import read
from redialog.ops.session import SessionInfo
from redialog.plan import SessionPlan
from redialog.summary import RollingSummary, Summarizer, Summary
from redialog.tokens import Counter

T = TypeVar("T")


class SessionReads:
    """The reading half of `redialog.Session`."""

    def __init__(self, transport: Transport, plan: SessionPlan) -> None:
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

    def messages(self, *, strict: bool = False) -> list[Message]:
        """The whole conversation, oldest first.

        Args:
            strict: raise where an element is damaged; else a message with the role ``damaged``
                and the error in `Message.damage` stands in its place.

        Raises:
            CorruptElement: ``strict``, and an element is damaged.
            WrongType: the key holds something else.

        Cost: 1 round trip for up to 99 messages, then 1 for each 1,000 or 4 MB.
        """
        return self._run(self._plan.messages(strict=strict))

    def window(
        self,
        *,
        turns: int | None = None,
        messages: int | None = None,
        strict: bool = False,
        append: MessageLike | Iterable[MessageLike] | None = None,
        idempotency_key: str | None = None,
    ) -> list[Message]:
        """The newest part of the conversation, oldest first; no tool call is cut from its results.

        Args:
            turns: so many whole turns: a user's messages and all that follows until the next.
            messages: or at most so many messages; where the newest tool call with its results
                alone is longer, just that.
            strict: as in `messages`.
            append: a message, or several, that are added first, as by `Session.append`: the
                question of a turn, say. It stays where the reading fails.
            idempotency_key: of that append.

        Raises:
            ConfigurationError: not exactly one of ``turns`` and ``messages``, or it is no whole
                number of at least 0.
            RedialogError: the append failed; nothing is returned.

        Cost: 1 round trip for usual windows, with ``append`` too; grows with the window, not with
        the session.
        """
        first = self._plan.first(append, idempotency_key)
        return self._run(self._plan.window(turns, messages, strict=strict, first=first))

    def iter_messages(self, *, strict: bool = False) -> Iterator[Message]:
        """The conversation, oldest first, a page at a time: for those too long to hold.

        Args:
            strict: as in `messages`.

        Raises:
            Conflict: the session was cleared or cut in between.

        Cost: 1 round trip for each 1,000 messages or 4 MB.
        """
        cursor: read.Cursor | None = read.Cursor()
        while cursor is not None:
            page = self._run(self._plan.page(cursor, strict=strict))
            yield from page.messages
            cursor = page.next

    def count(self) -> int:
        """The number of messages; 0 where there is no such session.

        Cost: 1 round trip, constant.
        """
        return self._run(read.count(self._plan.keys.log))

    def get(self, message_id: str) -> Message | None:
        """The message with an id; None where there is none.

        Args:
            message_id: as in `Message.id`. A message that another library stored without one has
                an id of the form ``x-<digest>-<sequence>``, from its bytes and its place.

        Raises:
            Conflict: several messages have it; its ``ids`` are ids that each have one.

        Cost: as `messages`; 1 round trip for an id of that form, as long as no older message goes.
        """
        return self._run(self._plan.get(message_id))

    def context(
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
        """What a model should see: system messages, the summary, the newest turns that fit.

        Args:
            window_turns: so many of the newest turns at most, whole; 0 for no history.
            max_tokens: of all that is returned; with ``window_turns`` the tighter one holds.
            reserve: tokens of ``max_tokens`` that are left free, for the answer.
            system: a system message for this call; it is counted and not stored.
            summarizer: folds what is older into a summary that is kept in Redis; a function, or a
                `RollingSummary`, which says when. What the limits leave out is folded, too, sooner
                than its trigger says.
            counter: counts the tokens of a text; None for the built-in estimate.
            append: as in `window`: what is added first, and seen.
            idempotency_key: of that append.

        Returns:
            The messages, what they cost, and for every stored message why it is in or out. Tool
            calls without all of their results are left out, and results without their call.

        Raises:
            BudgetTooSmall: the system messages, the newest user message and what came last do not
                fit.
            CounterError: the counter failed.
            ConfigurationError: an argument is not usable.

        Cost: 1 round trip for usual budgets, with ``append`` too; grows with what is returned, not
        with the session. A fold takes 4 more and one call of the summariser; a failing one changes
        nothing here.
        """
        wanted = Wanted(window_turns, max_tokens, reserve, system, summarizer, counter)
        first = self._plan.first(append, idempotency_key)
        made = self._flow(compaction.context(self._plan, wanted, first))
        if made.behind is not None:
            callbacks.begin(
                (self._transport.address, self._plan.keys.log), made.behind, self._transport
            )
        return made.context

    def compact(
        self, summarizer: Summarizer | RollingSummary, *, counter: Counter | None = None
    ) -> Summary | None:
        """Folds older messages into the summary now, until half of the trigger remains.

        Args:
            summarizer: as in `context`.
            counter: the same.

        Returns:
            The summary; None where there was nothing to fold, or another process is at it.

        Raises:
            SummaryError: the summariser failed; what was folded before that stays folded.
            Conflict: the messages were changed again and again while they were summarised.
            ConfigurationError: an argument is not usable.

        Cost: 1 round trip where there is nothing to fold; else 3 for each call of the summariser,
        which gets up to 8,000 tokens at once, and 2 more.
        """
        return self._flow(compaction.compact(self._plan, summarizer, counter))

    def summary(self) -> Summary | None:
        """The summary of the older messages, and what it covers; None where there is none.

        Cost: 1 round trip.
        """
        return self._run(compaction.latest(self._plan))

    def summaries(self) -> list[Summary]:
        """The summary and those before it that still hold, newest first: at most 16.

        Cost: 1 round trip.
        """
        return self._run(compaction.summaries(self._plan))

    def info(self) -> SessionInfo:
        """Count, owner, title, times and TTL.

        Raises:
            UnknownVersion: the session was written by a newer redialog.

        Cost: 1 round trip, constant but for the oldest message, whose time is wanted.
        """
        return self._run(self._plan.info())

    def _made(self, make: Callable[[Sequence[bytes]], list[T]]) -> list[T]:
        """The whole conversation, oldest first, in an adapter's form: it makes that of elements."""
        return self._run(self._plan.made(make))

    def _flow(self, flow: Flow[T]) -> T:
        return callbacks.run_flow(flow, self._transport)

    def _run(self, op: Op[T]) -> T:
        return drive.run(op, self._transport)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.id!r} on {self._transport.address}>"
