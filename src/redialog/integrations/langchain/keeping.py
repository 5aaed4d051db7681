"""What a run of a model or an agent sees of a conversation, and what it leaves there.

A run reads before it asks its model, and adds what is its own at the end, in one append: it never
compares what it knows of the conversation with what that holds by then. So runs of one conversation
that are under way at once lose nothing of one another and store nothing twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias, TypedDict

from langchain_core.messages import AIMessage, BaseMessage, ToolMessage

from redialog import groups
from redialog.aio import AsyncChatMemory, AsyncSession
from redialog.context import Limits
from redialog.errors import BudgetTooSmall, ConfigurationError
from redialog.integrations.langchain.messages import from_langchain, presented
from redialog.memory.sources import OfSession, Source, source_of
from redialog.memory.steps import Steps, arun, run
from redialog.messages import Message
from redialog.summary import RollingSummary, Summarizer
from redialog.sync import ChatMemory, Session
from redialog.tokens import Costs, Counter

Memory: TypeAlias = ChatMemory | AsyncChatMemory | Callable[[str], Any]
"""Where conversations are kept: a memory, or what gives a session or a chat history for an id."""

NEAR = 99
"""So many of the newest messages are looked at for what is stored already: one page of a read."""


class Options(TypedDict, total=False):
    """How much of the history the model is given.

    Attributes:
        window: so many of the newest turns at most, whole; 0 for none.
        max_tokens: so many tokens at most, with what the run adds itself. That is given in any
            case, and so are the system messages at the beginning of the conversation.
        reserve: how many of them are left free: for a system prompt, tools, the answer.
        summarizer: folds what is older into a summary that is kept in Redis.
        counter: counts the tokens of a text; None for the built-in estimate.
    """

    window: int | None
    max_tokens: int | None
    reserve: int
    summarizer: Summarizer | RollingSummary | None
    counter: Counter | None


class Keeping:
    """Conversations, and how much of their history is given.

    Args:
        memory: where they are kept.
        **options: see `Options`.

    Raises:
        ConfigurationError: an argument is not usable.
    """

    def __init__(
        self,
        memory: Memory,
        *,
        window: int | None = None,
        max_tokens: int | None = None,
        reserve: int = 0,
        summarizer: Summarizer | RollingSummary | None = None,
        counter: Counter | None = None,
    ) -> None:
        if isinstance(memory, ChatMemory | AsyncChatMemory):
            memory = memory.session
        if not callable(memory):
            raise ConfigurationError(
                "memory must be a ChatMemory, an AsyncChatMemory, or a function that gives a "
                f"session or a chat history for a session id, not {type(memory).__name__}"
            )
        self._of: Callable[[str], Any] = memory
        self._limits = Limits.checked(window, max_tokens, reserve)
        self._summarizer = None if summarizer is None else RollingSummary.of(summarizer)
        self._counter = counter
        self._costs = Costs(counter)

    def seen(self, session_id: str, own: Sequence[BaseMessage]) -> list[BaseMessage]:
        """What a model is given before the run's own messages.

        Args:
            session_id: of the conversation.
            own: the run's messages so far.

        Raises:
            ConfigurationError: the conversation can only be awaited, or the limits need a session.

        Cost: as `Session.context`; 1 round trip more where the run's own begin with the results of
        stored tool calls.
        """
        source = self._source(session_id)
        return run(self._reading(source, _blocking(source), own))

    async def aseen(self, session_id: str, own: Sequence[BaseMessage]) -> list[BaseMessage]:
        """As `seen`."""
        source = self._source(session_id)
        return await arun(self._reading(source, source.awaited(), own))

    def near(self, session_id: str, number: int) -> list[BaseMessage]:
        """The newest messages: so many, and not fewer than `NEAR`.

        Cost: as `Session.window`.
        """
        source = self._source(session_id)
        return run(_newest(source, _blocking(source), max(number, NEAR)))

    async def anear(self, session_id: str, number: int) -> list[BaseMessage]:
        """As `near`."""
        source = self._source(session_id)
        return await arun(_newest(source, source.awaited(), max(number, NEAR)))

    def keep(
        self, session_id: str, messages: Sequence[BaseMessage], *, interrupted: bool = False
    ) -> None:
        """Adds messages to the conversation, in one append.

        Args:
            session_id: of the conversation.
            messages: oldest first.
            interrupted: whether the last one is not whole, which its metadata say.
        """
        source = self._source(session_id)
        run(_adding(source, _blocking(source), messages, interrupted))

    async def akeep(
        self, session_id: str, messages: Sequence[BaseMessage], *, interrupted: bool = False
    ) -> None:
        """As `keep`."""
        source = self._source(session_id)
        await arun(_adding(source, source.awaited(), messages, interrupted))

    def _source(self, session_id: str) -> Source:
        found = self._of(session_id)
        if isinstance(found, Session | AsyncSession):
            return source_of(found, None, presented)
        return source_of(None, found, presented)

    def _reading(
        self, source: Source, place: Any, own: Sequence[BaseMessage]
    ) -> Steps[list[BaseMessage]]:
        if isinstance(source, OfSession):
            return (yield from self._of_session(place, source._window, own))
        if self._limits != Limits() or self._summarizer is not None:
            raise ConfigurationError(
                "this chat history has no windows, budgets and summaries: give one of this "
                "library, or a ChatMemory"
            )
        return list((yield place.messages()))

    def _of_session(
        self, session: Any, window: int | None, own: Sequence[BaseMessage]
    ) -> Steps[list[BaseMessage]]:
        limits, reserve = self._limits, self._limits.reserve
        wanted: dict[str, Any] = {
            "window_turns": window if limits.window_turns is None else limits.window_turns,
            "summarizer": self._summarizer,
            "counter": self._counter,
        }
        if limits.max_tokens is not None:
            reserve += sum(self._costs.of(from_langchain(message)) for message in own)
            wanted |= {"max_tokens": limits.max_tokens, "reserve": min(reserve, limits.max_tokens)}
        try:
            found = (yield session.context(**wanted)).messages
        except BudgetTooSmall:
            # The newest turn alone is larger, or there is no room at all: the system messages.
            found = (yield session.context(window_turns=0)).messages
        found = [*found, *(yield from _called(session, found, _answered(own)))]
        return presented(found)


def session_id_of(configurable: Mapping[str, Any], given: str | None) -> str:
    """The session that a run belongs to: the given one, else what its configuration names.

    Args:
        configurable: of the run: ``config["configurable"]``.
        given: by the one who made the runnable, for all runs.

    Raises:
        ConfigurationError: nothing names one.
    """
    found = given or configurable.get("session_id") or configurable.get("thread_id")
    if found is None or found == "":
        raise ConfigurationError(
            'no session is named: call with config={"configurable": {"session_id": "..."}}, or '
            "give session_id="
        )
    return found if isinstance(found, str) else str(found)


def whole(messages: Sequence[BaseMessage]) -> list[BaseMessage]:
    """The messages without what no model may be given: calls without all results, and the like."""
    units = groups.units([from_langchain(message) for message in messages], begins=True)
    return [one for one, unit in zip(messages, units, strict=True) if unit != groups.OUT]


def _blocking(source: Source) -> Any:
    try:
        return source.blocking()
    except ConfigurationError:
        raise ConfigurationError(
            "this conversation can only be awaited: use ainvoke or astream, or a ChatMemory"
        ) from None


def _answered(own: Sequence[BaseMessage]) -> set[str | None]:
    """The calls that are answered by a run's messages and were not made by them."""
    made = {call["id"] for one in own if isinstance(one, AIMessage) for call in one.tool_calls}
    answered: set[str | None] = {one.tool_call_id for one in own if isinstance(one, ToolMessage)}
    return answered - made


def _called(
    session: Any, found: Sequence[Message], answered: set[str | None]
) -> Steps[Sequence[Message]]:
    """Stored calls that are answered only now: no context holds a call without its results."""
    if not answered:
        return []
    newest: Sequence[Message] = yield session.window(turns=1)
    for index in range(len(newest) - 1, -1, -1):
        if any(call.id in answered for call in newest[index].tool_calls):
            known = {message.id for message in found}
            return [message for message in newest[index:] if message.id not in known]
    return []


def _newest(source: Source, place: Any, number: int) -> Steps[list[BaseMessage]]:
    if isinstance(source, OfSession):
        return presented((yield place.window(messages=number)))
    return list((yield place.messages()))


def _adding(
    source: Source, place: Any, messages: Sequence[BaseMessage], interrupted: bool
) -> Steps[None]:
    made = [from_langchain(message) for message in messages]
    if made and interrupted:
        made[-1] = made[-1].replace(metadata={"interrupted": True})
    if isinstance(source, OfSession):
        yield place.append(*made)
    else:
        # A streamed answer is stored as a message.
        yield place.add(presented(made))
