"""A turn of a conversation: the question, what the model saw, its answer, and what is stored.

It takes three steps, which `redialog.conversation` puts together: `Turn.read` makes the context,
`Turn.pieces` asks the model, `Turn.store` stores what there is of the turn in one append. So a
question never stands there without its answer because of a crash in between.
"""

from __future__ import annotations

import os
import time
from collections.abc import AsyncGenerator, Generator, Iterator, Mapping, Sequence
from contextlib import aclosing, closing, contextmanager
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from redialog import _ids
from redialog._json import whole_text
from redialog.compaction import system_message
from redialog.context import Context, Limits
from redialog.conversation.answers import Answers, AsyncAnswers, apieces, pieces
from redialog.errors import BudgetTooSmall, InvalidMessage
from redialog.messages import Content, Message
from redialog.models import ModelError
from redialog.summary import RollingSummary, Summarizer
from redialog.tokens import Costs, Counter

if TYPE_CHECKING:
    from redialog.aio import AsyncSession
    from redialog.sync import Session

INTERRUPTED: Mapping[str, object] = {"interrupted": True}
"""The metadata of an answer that is not whole."""

_NO_HISTORY = {"window_turns": 0}
"""For where the newest turn does not fit beside the question. Every other context holds that turn,
but the newest here is the question itself."""


class Options:
    """What the model is shown; the arguments are those of `redialog.conversation.Conversation`.

    Raises:
        ConfigurationError: one of them is not usable.
    """

    def __init__(
        self,
        *,
        window_turns: int | None,
        max_tokens: int | None,
        reserve: int,
        system: Content | Message | None,
        summarizer: Summarizer | RollingSummary | None,
        counter: Counter | None,
    ) -> None:
        self.limits = Limits.checked(window_turns, max_tokens, reserve)
        self.costs = Costs(counter)
        self.counter = counter
        self.summarizer = None if summarizer is None else RollingSummary.of(summarizer)
        self.system = system_message(system)


class _Turn:
    """What both kinds of turns have in common; it asks nobody.

    Args:
        options: what the model is shown.
        text: the question.

    Attributes:
        question: as it is stored, but for its id.
        context: what the model sees beside it; None until it is made.
        stored: what `store` has stored, oldest first.

    Raises:
        InvalidMessage: the question is none.
    """

    def __init__(self, options: Options, text: str | Message) -> None:
        self.question = _question(text)
        self.context: Context | None = None
        self.stored: list[Message] = []
        self._options = options
        self._said: list[str] = []
        self._is_whole = False
        self._is_refused = False

    def _wanted(self) -> dict[str, Any]:
        """The arguments for the context: what the question costs is kept free for it.

        Raises:
            BudgetTooSmall: not even the question fits.
        """
        options, limits = self._options, self._options.limits
        reserve = limits.reserve
        if limits.max_tokens is not None:
            reserve += self._cost()
            if reserve > limits.max_tokens:
                raise self._too_small(0)
        return {
            "window_turns": limits.window_turns,
            "max_tokens": limits.max_tokens,
            "reserve": reserve,
            "system": options.system,
            "summarizer": options.summarizer,
            "counter": options.counter,
        }

    @contextmanager
    def _reading(self) -> Iterator[dict[str, Any]]:
        """Around the making of the context: its arguments, and what its errors mean for a turn."""
        try:
            wanted = self._wanted()
            try:
                yield wanted
            except BudgetTooSmall as error:
                raise self._too_small(error.needed) from None
        except Exception:
            self._is_refused = True
            raise

    def _too_small(self, needed: int) -> BudgetTooSmall:
        """The error for a question that does not fit beside the system messages."""
        limit = self._options.limits.room or 0
        return BudgetTooSmall(needed=needed + self._cost(), limit=limit)

    def _cost(self) -> int:
        return self._options.costs.of(self.question)

    def _seen(self) -> Sequence[Message]:
        """What the model is given."""
        context = [] if self.context is None else self.context.messages
        return [*context, self.question]

    def _heard(self, piece: str) -> str:
        self._said.append(piece)
        return piece

    def _end(self) -> None:
        if not self._said:
            raise ModelError("the model gave an empty answer")
        self._is_whole = True

    def _storable(self) -> list[Message]:
        """What is to be stored; nothing where it is, or where the model could not be asked."""
        if self.stored or self._is_refused:
            return []
        turn = [self.question]
        if self._options.system is not None and self._begins():
            turn.insert(0, self._options.system)
        if self._said:
            # Where a model cuts an emoji into halves: together they are one, alone unstorable.
            said = whole_text("".join(self._said))
            metadata = {} if self._is_whole else INTERRUPTED
            turn.append(Message.assistant(said, metadata=metadata))
        return turn

    @cached_property
    def _key(self) -> str:
        """The token of the write: for whoever was interrupted in it, and stores again."""
        return _ids.fresh(time.time_ns() // 1_000_000, os.urandom(8)).text

    def _begins(self) -> bool:
        """Whether the session has no messages yet."""
        context = self.context
        # Where there is more to see there is no need to explain it, which counts tokens.
        return context is not None and len(context.messages) <= 1 and not context.explain().total


class Turn(_Turn):
    """A turn of a blocking conversation; made by `Conversation.turn`.

    Args:
        session: where it is stored.
        model: who answers.
        options: what it is shown.
        text: the question.
    """

    def __init__(
        self, session: Session, model: Answers, options: Options, text: str | Message
    ) -> None:
        super().__init__(options, text)
        self._session = session
        self._model = model

    def read(self) -> Context:
        """Makes the context; an interrupt leaves a question that can be stored.

        Raises:
            BudgetTooSmall: the system messages and the question do not fit.
            RedialogError: the session cannot be read. In both cases there is nothing to store.
        """
        with self._reading() as wanted:
            try:
                self.context = self._session.context(**wanted)
            except BudgetTooSmall:
                self.context = self._session.context(**wanted | _NO_HISTORY)
        return self.context

    def pieces(self) -> Generator[str, None, None]:
        """The answer as it comes, after `read` where that was not done.

        Raises:
            ModelError: the model gave no answer; what else it raises goes through, too.
        """
        if self.context is None:
            self.read()
        with closing(pieces(self._model, self._seen())) as answer:
            for piece in answer:
                yield self._heard(piece)
        self._end()

    def store(self) -> list[Message]:
        """Stores what there is of the turn, once: also where it is called again.

        Returns:
            As `stored`.

        Raises:
            RedialogError: it could not be stored.

        Cost: 1 round trip.
        """
        if turn := self._storable():
            self.stored = self._session.append(*turn, idempotency_key=self._key)
        return self.stored


class AsyncTurn(_Turn):
    """A turn of an `AsyncConversation`; see `Turn`."""

    def __init__(
        self, session: AsyncSession, model: AsyncAnswers, options: Options, text: str | Message
    ) -> None:
        super().__init__(options, text)
        self._session = session
        self._model = model

    async def read(self) -> Context:
        """As `Turn.read`."""
        with self._reading() as wanted:
            try:
                self.context = await self._session.context(**wanted)
            except BudgetTooSmall:
                self.context = await self._session.context(**wanted | _NO_HISTORY)
        return self.context

    async def pieces(self) -> AsyncGenerator[str, None]:
        """As `Turn.pieces`."""
        if self.context is None:
            await self.read()
        async with aclosing(apieces(self._model, self._seen())) as answer:
            async for piece in answer:
                yield self._heard(piece)
        self._end()

    async def store(self) -> list[Message]:
        """As `Turn.store`."""
        if turn := self._storable():
            self.stored = await self._session.append(*turn, idempotency_key=self._key)
        return self.stored


def _question(text: object) -> Message:
    if isinstance(text, str):
        text = Message.user(text)
    if not isinstance(text, Message) or text.role != "user":
        raise InvalidMessage("a question must be text or a message of the user")
    if isinstance(text.content, str) and not text.content.strip():
        raise InvalidMessage("a question must not be empty")
    try:
        text.text.encode()
    except UnicodeEncodeError:
        raise InvalidMessage("the question holds a lone surrogate") from None
    # It is stored only with its answer.
    return text if text.created_at is not None else text.replace(created_at=datetime.now(UTC))
