"""`Conversation`: a model to talk to that remembers.

::

    from redialog import ChatMemory
    from redialog.conversation import Conversation

    session = ChatMemory.from_url("redis://localhost:6379/0").session("support-42")
    talk = Conversation(session, ask_my_model, max_tokens=8000, reserve=1000)
    print(talk.ask("What is my locker code?").text)
    for piece in talk.stream("And the code of my bike?"):
        print(piece, end="")
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, Generator
from contextlib import aclosing, closing
from typing import TYPE_CHECKING

from redialog.conversation.answers import Answers, AsyncAnswers, checked, is_asynchronous
from redialog.conversation.turns import INTERRUPTED, AsyncTurn, Options, Turn
from redialog.errors import ConfigurationError
from redialog.messages import Content, Message
from redialog.summary import RollingSummary, Summarizer
from redialog.tokens import Counter

if TYPE_CHECKING:
    from redialog.aio import AsyncSession
    from redialog.sync import Session

__all__ = ["INTERRUPTED", "AsyncConversation", "Conversation"]


class Conversation:
    """Asks a model with what it should see of a session, and stores what was said.

    Args:
        session: where the conversation is kept.
        model: a `redialog.models.Model`; or a function that takes messages as OpenAI's chat
            completions do, legal for the strictest providers, and returns text or the pieces of it
            one after the other.
        window_turns: so many of the newest turns at most are seen; as for `Session.context`.
        max_tokens: so many tokens at most are sent, the question included.
        reserve: how many of them are left free, for the answer.
        system: a system message that the model sees first. It is stored with the first turn of a
            new session; in one that has begun without it, it is sent and not stored.
        summarizer: folds what is older into a summary; as for `Session.context`. Where it fails,
            the conversation goes on.
        counter: counts the tokens of a text; None for the built-in estimate.

    Raises:
        ConfigurationError: an argument is not usable.

    A turn is stored when its answer is whole: question and answer, in one append. Where the answer
    breaks off (the model fails, nobody reads on, Ctrl-C), what came of it is stored with the
    metadata ``{"interrupted": True}``; where nothing came, the question alone. Where the model
    could not be asked, since the session cannot be read or the question does not fit, nothing is.
    """

    def __init__(
        self,
        session: Session,
        model: Answers,
        *,
        window_turns: int | None = None,
        max_tokens: int | None = None,
        reserve: int = 0,
        system: Content | Message | None = None,
        summarizer: Summarizer | RollingSummary | None = None,
        counter: Counter | None = None,
    ) -> None:
        checked(model)
        if _is_awaited(session) or is_asynchronous(model):
            raise ConfigurationError(
                "for an AsyncSession, or a model that is awaited, take an AsyncConversation"
            )
        self.session = session
        self.model = model
        self._options = Options(
            window_turns=window_turns,
            max_tokens=max_tokens,
            reserve=reserve,
            system=system,
            summarizer=summarizer,
            counter=counter,
        )

    def ask(self, text: str | Message) -> Message:
        """Asks, and returns the whole answer.

        Args:
            text: the question, or a message of the user.

        Returns:
            The answer as stored.

        Raises:
            BudgetTooSmall: the system messages and the question have more tokens than allowed.
            InvalidMessage: the question is no message, or cannot be stored.
            ModelError: the model gave no answer. What it raises itself goes through as it is.
            RedialogError: the session could not be read or written. An answer that could not be
                stored is lost; `stream` gives it first.

        Cost: the model's, and 2 round trips for usual budgets; a fold takes more.
        """
        turn = self.turn(text)
        with closing(_streamed(turn)) as pieces:
            for _ in pieces:
                pass
        return turn.stored[-1]

    def stream(self, text: str | Message) -> Generator[str, None, None]:
        """Asks, and gives the answer piece by piece, as it comes.

        Args:
            text: as for `ask`.

        Returns:
            A generator; nothing happens before its first piece is asked for, and the turn is stored
            when it ends or is closed.

        Raises:
            As `ask`.
        """
        return _streamed(self.turn(text))

    def turn(self, text: str | Message) -> Turn:
        """A turn whose steps are taken one by one, by those who must be asked between them.

        Args:
            text: as for `ask`.
        """
        return Turn(self.session, self.model, self._options, text)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} in {self.session!r}>"


class AsyncConversation:
    """The same for asyncio, over an `AsyncSession`; see `Conversation`.

    A function can also be asynchronous, or return something to be awaited, or an asynchronous
    iterator. A model that blocks is asked in a thread of its own. A task that is cancelled stores
    what came, as for Ctrl-C.
    """

    def __init__(
        self,
        session: AsyncSession,
        model: AsyncAnswers,
        *,
        window_turns: int | None = None,
        max_tokens: int | None = None,
        reserve: int = 0,
        system: Content | Message | None = None,
        summarizer: Summarizer | RollingSummary | None = None,
        counter: Counter | None = None,
    ) -> None:
        checked(model)
        if not _is_awaited(session):
            raise ConfigurationError("an AsyncConversation needs an AsyncSession")
        self.session = session
        self.model = model
        self._options = Options(
            window_turns=window_turns,
            max_tokens=max_tokens,
            reserve=reserve,
            system=system,
            summarizer=summarizer,
            counter=counter,
        )

    async def ask(self, text: str | Message) -> Message:
        """As `Conversation.ask`."""
        turn = self.turn(text)
        async with aclosing(_astreamed(turn)) as pieces:
            async for _ in pieces:
                pass
        return turn.stored[-1]

    def stream(self, text: str | Message) -> AsyncGenerator[str, None]:
        """As `Conversation.stream`; for ``async for``.

        Whoever leaves the loop early closes the generator, best with ``contextlib.aclosing``: else
        the turn is stored only when the event loop gets to it.
        """
        return _astreamed(self.turn(text))

    def turn(self, text: str | Message) -> AsyncTurn:
        """As `Conversation.turn`."""
        return AsyncTurn(self.session, self.model, self._options, text)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} in {self.session!r}>"


def _is_awaited(session: Session | AsyncSession) -> bool:
    return inspect.iscoroutinefunction(session.append)


def _streamed(turn: Turn) -> Generator[str, None, None]:
    try:
        yield from turn.pieces()
    finally:
        try:
            turn.store()
        except Exception:
            raise
        except BaseException:
            # An interrupt, before the write or after it: it is stored once all the same.
            turn.store()
            raise


async def _astreamed(turn: AsyncTurn) -> AsyncGenerator[str, None]:
    try:
        async with aclosing(turn.pieces()) as pieces:
            async for piece in pieces:
                yield piece
    finally:
        try:
            await turn.store()
        except Exception:
            raise
        except BaseException:
            await turn.store()
            raise
