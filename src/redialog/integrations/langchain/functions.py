"""`with_history`: what LangChain's ``RunnableWithMessageHistory`` does, in one function.

::

    from redialog import ChatMemory
    from redialog.integrations.langchain import with_history

    memory = ChatMemory.from_url("redis://localhost:6379/0")
    chat = with_history(model, memory, window=10)
    chat.invoke("My locker code is 4417.", {"configurable": {"session_id": "support-42"}})
    chat.invoke("What is it?", {"configurable": {"session_id": "support-42"}}).content

Without this function it is three lines, for those who need no runnable::

    session, question = memory.session("support-42"), HumanMessage("What is it?")
    answer = model.invoke([*map(to_langchain, session.context().messages), question])
    session.append(from_langchain(question), from_langchain(answer))
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any, NamedTuple, TypeVar, Unpack, cast

from langchain_core.messages import BaseMessage
from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.runnables.config import ensure_config

from redialog.integrations.langchain.keeping import Keeping, Memory, Options, session_id_of
from redialog.integrations.langchain.shapes import Shape, joined

Output = TypeVar("Output")


def with_history(
    runnable: Runnable[Any, Output],
    memory: Memory,
    *,
    session_id: str | None = None,
    input_messages_key: str | None = None,
    history_messages_key: str | None = None,
    output_messages_key: str | None = None,
    **options: Unpack[Options],
) -> Runnable[Any, Output]:
    """A runnable that remembers: it gives the history to another one, and stores what is said.

    Args:
        runnable: a chat model, or a chain around one.
        memory: a `ChatMemory`, an `AsyncChatMemory`, or a function that gives a session or a chat
            history for a session id.
        session_id: of all runs; None: of each what its config names, ``configurable`` with
            ``session_id`` or else ``thread_id``.
        input_messages_key: under which name of a mapping the new messages come in; None where the
            input is text, a message, messages or a prompt.
        history_messages_key: under which name the runnable takes the history; None: it stands
            before the new messages, in their place.
        output_messages_key: under which name of a mapping the answer comes out; None for the only
            one, of several ``output``.
        **options: ``window``, ``max_tokens``, ``reserve``, ``summarizer``, ``counter``, as for
            `RedisMemoryMiddleware`.

    Returns:
        A runnable like any other, for ``|`` on both sides: ``invoke``, ``stream``, ``batch`` and
        their awaited twins.

    Raises:
        ConfigurationError: an argument is not usable; from a run: no session is named, or the
            input or output cannot be understood.

    The new messages and the answer are stored after it, in one append, also where other runs of the
    session end meanwhile. Of a run that fails nothing is stored. Of a stream that nobody reads to
    its end, what came is stored with the metadata ``{"interrupted": True}``.

    Cost: 2 round trips for usual histories.
    """
    shape = Shape(input_messages_key, history_messages_key, output_messages_key)
    return _WithHistory(runnable, Keeping(memory, **options), session_id, shape)


class _Run(NamedTuple):
    """A run that has begun.

    Attributes:
        session_id: which conversation it belongs to.
        new: the messages that came in.
    """

    session_id: str
    new: list[BaseMessage]


class _WithHistory(Runnable[Any, Output]):
    """What `with_history` makes. It is no step of its own in traces: the runnable is."""

    def __init__(
        self,
        runnable: Runnable[Any, Output],
        keeping: Keeping,
        session_id: str | None,
        shape: Shape,
    ) -> None:
        self._runnable = runnable
        self._keeping = keeping
        self._session_id = session_id
        self._shape = shape

    @property
    def InputType(self) -> type[Any]:  # noqa: N802 - LangChain's name
        """Anything that can be a message, or a mapping."""
        return cast("type[Any]", Any)

    @property
    def OutputType(self) -> type[Output]:  # noqa: N802
        """That of the runnable."""
        return self._runnable.OutputType

    def invoke(
        self,
        input: Any,  # noqa: A002 - LangChain's name
        config: RunnableConfig | None = None,
        **kwargs: Any,
    ) -> Output:
        """The runnable's answer; stored when it is there."""
        run = self._begun(input, config)
        asked = self._shape.asked(input, run.new, self._keeping.seen(*run))
        said = self._runnable.invoke(asked, config, **kwargs)
        self._keeping.keep(*self._turn(run, said, asked))
        return said

    async def ainvoke(
        self,
        input: Any,  # noqa: A002
        config: RunnableConfig | None = None,
        **kwargs: Any,
    ) -> Output:
        """As `invoke`."""
        run = self._begun(input, config)
        asked = self._shape.asked(input, run.new, await self._keeping.aseen(*run))
        said = await self._runnable.ainvoke(asked, config, **kwargs)
        await self._keeping.akeep(*self._turn(run, said, asked))
        return said

    def stream(
        self,
        input: Any,  # noqa: A002
        config: RunnableConfig | None = None,
        **kwargs: Any,
    ) -> Iterator[Output]:
        """The answer as it comes; stored after its last piece, before the iterator ends."""
        run = self._begun(input, config)
        asked = self._shape.asked(input, run.new, self._keeping.seen(*run))
        said: Any = None
        pieces = self._runnable.stream(asked, config, **kwargs)
        try:
            for piece in pieces:
                said = joined(said, piece)
                yield piece
        except BaseException as error:
            getattr(pieces, "close", _nothing)()
            if said is not None and not isinstance(error, Exception):
                self._keeping.keep(*self._turn(run, said, asked), interrupted=True)
            raise
        self._keeping.keep(*self._turn(run, said, asked))

    async def astream(
        self,
        input: Any,  # noqa: A002
        config: RunnableConfig | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[Output]:
        """As `stream`."""
        run = self._begun(input, config)
        asked = self._shape.asked(input, run.new, await self._keeping.aseen(*run))
        said: Any = None
        pieces = self._runnable.astream(asked, config, **kwargs)
        try:
            async for piece in pieces:
                said = joined(said, piece)
                yield piece
        except BaseException as error:
            await getattr(pieces, "aclose", _anothing)()
            if said is not None and not isinstance(error, Exception):
                await self._keeping.akeep(*self._turn(run, said, asked), interrupted=True)
            raise
        await self._keeping.akeep(*self._turn(run, said, asked))

    def _begun(self, given: Any, config: RunnableConfig | None) -> _Run:
        configurable = ensure_config(config).get("configurable", {})
        return _Run(session_id_of(configurable, self._session_id), self._shape.new(given))

    def _turn(self, run: _Run, said: Any, asked: Any) -> tuple[str, list[BaseMessage]]:
        """What is stored of a run, and where."""
        return run.session_id, [*run.new, *self._shape.answer(said, asked)]


def _nothing() -> None: ...


async def _anothing() -> None: ...
