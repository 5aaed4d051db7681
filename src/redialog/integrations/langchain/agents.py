"""`RedisMemoryMiddleware`: an agent of ``langchain.agents.create_agent`` that remembers.

::

    from langchain.agents import create_agent
    from redialog import ChatMemory
    from redialog.integrations.langchain import RedisMemoryMiddleware

    memory = ChatMemory.from_url("redis://localhost:6379/0")
    agent = create_agent(model, tools, middleware=[RedisMemoryMiddleware(memory, window=10)])
    agent.invoke(
        {"messages": [{"role": "user", "content": "What is my locker code?"}]},
        config={"configurable": {"thread_id": "support-42"}},
    )

It needs the package ``langchain`` beside the extra of that name.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any, NotRequired, TypeAlias, Unpack

from langchain_core.messages import AnyMessage, BaseMessage

from redialog.errors import ConfigurationError, MissingExtra, RedialogError
from redialog.integrations.langchain.keeping import (
    Keeping,
    Memory,
    Options,
    session_id_of,
    whole,
)


class MissingLangChain(MissingExtra):
    """The package ``langchain``, which has the agents, is not installed."""

    def __init__(self) -> None:
        RedialogError.__init__(
            self,
            "RedisMemoryMiddleware is for the agents of the package langchain: "
            "pip install langchain",
            extra="langchain",
            purpose="RedisMemoryMiddleware",
        )


try:
    from langchain.agents.middleware import (
        AgentMiddleware,
        AgentState,
        ModelRequest,
        ModelResponse,
    )
    from langchain.agents.middleware.types import PrivateStateAttr
    from langgraph.config import get_config
    from langgraph.runtime import Runtime
except ImportError as error:
    raise MissingLangChain from error

STORED = "redialog_stored"
"""Where a checkpoint says which of its messages is the newest that is stored: its id."""

SessionId: TypeAlias = str | Callable[[Runtime[Any]], str] | None


class MemoryState(AgentState[Any]):
    """What this keeps in an agent's state; of use where a checkpointer keeps that."""

    redialog_stored: NotRequired[Annotated[str, PrivateStateAttr]]


class RedisMemoryMiddleware(AgentMiddleware[AgentState[Any], Any]):
    """Gives an agent's model the history of the session, and stores what a run adds to it.

    Args:
        memory: a `ChatMemory`, an `AsyncChatMemory`, or a function that gives a session or a chat
            history for a session id. A blocking one serves awaited runs in threads; an awaited one
            serves only those.
        session_id: of all runs, or a function that takes it from the run's ``Runtime``; None: of
            each what its config names, ``configurable`` with ``session_id`` or else ``thread_id``.
        window: so many of the newest turns at most are given, whole; 0 for none.
        max_tokens: so many tokens at most are given, with the system prompt and the messages of
            the run itself; those are given in any case.
        reserve: how many of them are left free: for the tools' descriptions, the answer.
        summarizer: folds what is older into a summary that is kept in Redis: a function or a
            `RollingSummary`. Where it fails, the run goes on.
        counter: counts the tokens of a text; None for the built-in estimate.

    Raises:
        ConfigurationError: an argument is not usable; from a run: no session is named.

    The history stands before the run's messages in each request to the model and nowhere else:
    the agent's state, its result and its streams hold the messages of the run alone. No tool call
    is given without its results.

    When a run ends, all that it added (the user's messages, tool calls and their results, the
    answer) is stored in one append, also where other runs of the session end meanwhile. Of a run
    that fails nothing is stored. With a checkpointer it can go on, and is stored when it ends; what
    it left in the checkpoint is otherwise stored with the next run that ends. The older messages
    that such a state holds are given from Redis, in the limits above, and not stored again.

    Cost: 1 round trip for each request to the model, as `Session.context`, and 2 at the end.
    """

    state_schema = MemoryState

    def __init__(
        self, memory: Memory, *, session_id: SessionId = None, **options: Unpack[Options]
    ) -> None:
        super().__init__()
        self._keeping = Keeping(memory, **options)
        self._session_id = session_id
        if session_id is not None and not callable(session_id) and not isinstance(session_id, str):
            raise ConfigurationError("session_id must be text or a function of the runtime")

    def wrap_model_call(
        self,
        request: ModelRequest[Any],
        handler: Callable[[ModelRequest[Any]], ModelResponse[Any]],
    ) -> ModelResponse[Any]:
        """Puts the history before the run's messages."""
        session_id, own = self._of(request)
        history = self._keeping.seen(session_id, [*_system(request), *own])
        return handler(_told(request, history, own))

    async def awrap_model_call(
        self,
        request: ModelRequest[Any],
        handler: Callable[[ModelRequest[Any]], Awaitable[ModelResponse[Any]]],
    ) -> ModelResponse[Any]:
        """As `wrap_model_call`."""
        session_id, own = self._of(request)
        history = await self._keeping.aseen(session_id, [*_system(request), *own])
        return await handler(_told(request, history, own))

    def after_agent(self, state: AgentState[Any], runtime: Runtime[Any]) -> dict[str, Any] | None:
        """Stores the run's messages."""
        session_id, own = self._session(runtime), _unmarked(state["messages"], state)
        if own:
            near = self._keeping.near(session_id, len(own))
            self._keeping.keep(session_id, _unknown(own, near))
        return _marked(state)

    async def aafter_agent(
        self, state: AgentState[Any], runtime: Runtime[Any]
    ) -> dict[str, Any] | None:
        """As `after_agent`."""
        session_id, own = self._session(runtime), _unmarked(state["messages"], state)
        if own:
            near = await self._keeping.anear(session_id, len(own))
            await self._keeping.akeep(session_id, _unknown(own, near))
        return _marked(state)

    def _of(self, request: ModelRequest[Any]) -> tuple[str, Sequence[AnyMessage]]:
        return self._session(request.runtime), _unmarked(request.messages, request.state)

    def _session(self, runtime: Runtime[Any]) -> str:
        given = self._session_id
        if callable(given):
            given = given(runtime)
        return session_id_of(get_config().get("configurable", {}), given)


def _system(request: ModelRequest[Any]) -> list[BaseMessage]:
    return [] if request.system_message is None else [request.system_message]


def _told(
    request: ModelRequest[Any], history: Sequence[BaseMessage], own: Sequence[AnyMessage]
) -> ModelRequest[Any]:
    told: Any = whole([*history, *_unknown(own, history)])
    return request.override(messages=told)


def _unmarked(messages: Sequence[AnyMessage], state: Any) -> Sequence[AnyMessage]:
    """The messages after the newest that the state says is stored; all where it is not there."""
    mark = state.get(STORED)
    for index in range(len(messages) - 1, -1, -1):
        if mark is not None and messages[index].id == mark:
            return messages[index + 1 :]
    return messages


def _marked(state: AgentState[Any]) -> dict[str, Any] | None:
    messages = state["messages"]
    return {STORED: messages[-1].id} if messages else None


def _unknown(own: Sequence[AnyMessage], stored: Sequence[BaseMessage]) -> Sequence[AnyMessage]:
    """The messages without those that are stored already.

    Messages that are handed to a run with the ids that they have in the session; those of a run
    that was stored and broke off before its checkpoint. Told by the user's messages alone, since
    some providers repeat the ids of the others; and by what they say, since some clients count
    their messages anew in each run.
    """
    known = {_identity(message) for message in stored if message.id is not None}
    end = 0
    for index, message in enumerate(own):
        if _identity(message) in known and (message.type == "human" or index == end > 0):
            end = index + 1
    return own[end:]


def _identity(message: BaseMessage) -> tuple[str | None, str]:
    return message.id, repr(message.content)
