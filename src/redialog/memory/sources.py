"""Where a memory object's history comes from: a session, or a chat history of LangChain's shape."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol, TypeAlias, cast

import msgspec

from redialog.aio import AsyncSession
from redialog.errors import ConfigurationError
from redialog.memory import foreign, selecting
from redialog.memory.folds import Folds
from redialog.memory.histories import Awaited, Blocking, History, is_history
from redialog.memory.selecting import Wanted
from redialog.memory.steps import Steps
from redialog.messages import Message
from redialog.summary import RollingSummary
from redialog.sync import Session

GIVES = "_redialog_source"
"""The method of this library's own chat histories that gives their session as an `OfSession`."""

AnySession: TypeAlias = "Session | AsyncSession"
Present: TypeAlias = Callable[[Sequence[Message]], Sequence[Any]]
"""Makes messages of a session into those that somebody expects."""


def _as_they_are(messages: Sequence[Message]) -> Sequence[Message]:
    return messages


class Found(msgspec.Struct, frozen=True):
    """A history that was read.

    Attributes:
        messages: oldest first.
        own: the same in the source's own form.
    """

    messages: Sequence[Message]
    own: Sequence[Any]


class Source(Protocol):
    """What holds the messages.

    The three generators take what `blocking` or `awaited` gives.
    """

    def blocking(self) -> Any:
        """The source for `steps.run`.

        Raises:
            ConfigurationError: it can only be awaited.
        """

    def awaited(self) -> Any:
        """The source for `steps.arun`."""

    def reading(self, source: Any, wanted: Wanted) -> Steps[Found]:
        """Reads what is wanted."""

    def adding(self, source: Any, messages: Sequence[object]) -> Steps[None]:
        """Adds messages at the end, in one go where the source can do that."""

    def clearing(self, source: Any) -> Steps[None]:
        """Takes all messages out, and the summary."""

    def summarised(self, source: Any) -> Steps[str]:
        """The text of the summary; empty where there is none."""

    def keeps(self, policy: RollingSummary) -> None:
        """Takes note that there will be a summary.

        Raises:
            ConfigurationError: it cannot be kept here as the policy says.
        """


class OfSession:
    """A session as the source.

    Args:
        session: of either facade; None where it can only be had in an event loop.
        present: makes its messages into those that somebody expects.
        awaited: gives the same session for asyncio, where there is one.
        window: so many turns are all that it gives, where nothing else is wanted.
    """

    def __init__(
        self,
        session: AnySession | None,
        present: Present = _as_they_are,
        awaited: Callable[[], AsyncSession] | None = None,
        window: int | None = None,
    ) -> None:
        self._session = session
        self._present = present
        self._awaited = awaited
        self._window = window

    def blocking(self) -> Any:
        """As in `Source`."""
        if not isinstance(self._session, Session):
            raise ConfigurationError(
                "this memory is over an AsyncSession, which must be awaited: use "
                "aload_memory_variables, asave_context and aclear, or give it a Session"
            )
        return self._session

    def awaited(self) -> Any:
        """As in `Source`; a blocking session runs in threads and holds up no event loop."""
        if self._awaited is not None:
            return self._awaited()
        session = self._session
        return _Threaded(session) if isinstance(session, Session) else session

    def reading(self, source: Any, wanted: Wanted) -> Steps[Found]:
        """As in `Source`."""
        if self._window is not None and wanted == Wanted():
            wanted = Wanted(turns=self._window)
        messages = yield from selecting.of_session(source, wanted)
        return Found(messages, self._present(messages))

    def adding(self, source: Any, messages: Sequence[object]) -> Steps[None]:
        """As in `Source`: one append, so that no other writer's messages come between."""
        yield source.append(*map(foreign.whole, messages))

    def clearing(self, source: Any) -> Steps[None]:
        """As in `Source`."""
        yield source.clear()

    def summarised(self, source: Any) -> Steps[str]:
        """As in `Source`."""
        found = yield source.summary()
        return "" if found is None else found.text

    def keeps(self, policy: RollingSummary) -> None:
        """As in `Source`; every policy."""


class OfHistory:
    """A chat history as the source.

    Args:
        history: of LangChain's shape.

    Its limits are applied to all of its messages, which it hands out no other way. It has no place
    for a summary: that is kept here, in this object, and gone with it.
    """

    def __init__(self, history: History) -> None:
        self._history = history
        self._folds = Folds()

    def blocking(self) -> Any:
        """As in `Source`."""
        return Blocking(self._history)

    def awaited(self) -> Any:
        """As in `Source`; what the history cannot await runs in threads."""
        return Awaited(self._history)

    def reading(self, source: Any, wanted: Wanted) -> Steps[Found]:
        """As in `Source`."""
        own = list((yield source.messages()))
        messages = [foreign.read(message) for message in own]
        view = yield from self._folds.folded(source, messages, wanted)
        chosen = selecting.of_view(view, wanted)
        # The messages are passed on as they are, so each is known again; but not the summary.
        known = {id(message): theirs for message, theirs in zip(messages, own, strict=True)}
        return Found(
            chosen,
            [
                known[id(message)] if id(message) in known else foreign.made([message])[0]
                for message in chosen
            ],
        )

    def adding(self, source: Any, messages: Sequence[object]) -> Steps[None]:
        """As in `Source`."""
        yield source.add(messages)

    def clearing(self, source: Any) -> Steps[None]:
        """As in `Source`."""
        yield source.clear()
        self._folds.forget()

    def summarised(self, source: Any) -> Steps[str]:
        """As in `Source`."""
        messages = [foreign.read(message) for message in (yield source.messages())]
        found = self._folds.view(messages).summary
        return "" if found is None else found.text

    def keeps(self, policy: RollingSummary) -> None:
        """As in `Source`."""
        if policy.when != "inline" or policy.retention != "keep":
            raise ConfigurationError(
                "over a chat history that is no session, a summary is made inline and takes no "
                "message out: leave when and retention of the RollingSummary as they are"
            )


def source_of(session: object, chat_memory: object, present: Present) -> Source:
    """The source that the arguments of a memory object name.

    Args:
        session: a session of either facade, or None.
        chat_memory: or a chat history; where that lies on a session, which it shows as
            ``session``, the session is used.
        present: makes messages of a session into those that the user expects.

    Raises:
        ConfigurationError: it is not exactly one of them, or of no usable kind.
    """
    if (session is None) == (chat_memory is None):
        raise ConfigurationError("a memory needs session= or chat_memory=, and not both")
    if session is not None:
        if not isinstance(session, Session | AsyncSession):
            raise ConfigurationError(
                "session= takes a session, as ChatMemory.session makes it, "
                f"not {type(session).__name__}"
            )
        return OfSession(session, present)
    give = getattr(chat_memory, GIVES, None)
    if give is not None:
        given: Source = give()
        return given
    inner = getattr(chat_memory, "session", None)
    if isinstance(inner, Session | AsyncSession):
        return OfSession(inner, getattr(chat_memory, "present", _as_they_are))
    if not is_history(chat_memory):
        raise ConfigurationError(
            "chat_memory= takes a chat history with messages, clear and a way to add messages, "
            f"not {type(chat_memory).__name__}"
        )
    return OfHistory(cast(History, chat_memory))


class _Threaded:
    """A blocking session whose methods can be awaited."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def __getattr__(self, name: str) -> Any:
        return partial(asyncio.to_thread, getattr(self._session, name))
