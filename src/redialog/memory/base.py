"""`ConversationMemory`: what the memory objects have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from redialog.errors import ConfigurationError
from redialog.memory import exchange
from redialog.memory.histories import History
from redialog.memory.selecting import Wanted
from redialog.memory.sources import AnySession, Found, Source, source_of
from redialog.memory.steps import Steps, arun, run
from redialog.memory.transcript import transcript
from redialog.messages import Message


class Options(TypedDict, total=False):
    """The arguments that all memory objects take; see `ConversationMemory`."""

    session: AnySession | None
    chat_memory: History | None
    memory_key: str
    input_key: str | None
    output_key: str | None
    return_messages: bool
    human_prefix: str
    ai_prefix: str


class ConversationMemory:
    """What the memory objects have in common; each of them says what the history is.

    Args:
        session: where the conversation lies: a session of either facade.
        chat_memory: or a chat history of LangChain's shape.
        memory_key: under which name the history is given.
        input_key: which input is stored; None for the only one.
        output_key: which output is stored; None for the only one, of several ``output``.
        return_messages: give a list of messages: `redialog.Message`, or the chat history's own;
            else one text.
        human_prefix: who the user is in that text.
        ai_prefix: who the assistant is there.

    Raises:
        ConfigurationError: an argument is not usable.

    Each method has a twin to be awaited, with an ``a`` before its name. Over a blocking session it
    runs in a thread; over an `AsyncSession` only the twins can be used.
    """

    @staticmethod
    def _present(messages: Sequence[Message]) -> Sequence[Any]:
        """A session's messages as those who ask for them expect them."""
        return messages

    def __init__(
        self,
        *,
        session: AnySession | None = None,
        chat_memory: History | None = None,
        memory_key: str = "history",
        input_key: str | None = None,
        output_key: str | None = None,
        return_messages: bool = False,
        human_prefix: str = "Human",
        ai_prefix: str = "AI",
    ) -> None:
        for name, value in (
            *(("memory_key", memory_key), ("input_key", input_key), ("output_key", output_key)),
            *(("human_prefix", human_prefix), ("ai_prefix", ai_prefix)),
        ):
            optional = value is None and name in ("input_key", "output_key")
            if not isinstance(value, str) and not optional:
                raise ConfigurationError(f"{name} must be text, not {type(value).__name__}")
        self._source: Source = source_of(session, chat_memory, self._present)
        self.session = session
        self.chat_memory = chat_memory
        self.memory_key = memory_key
        self.input_key = input_key
        self.output_key = output_key
        self.return_messages = return_messages
        self.human_prefix = human_prefix
        self.ai_prefix = ai_prefix

    @property
    def memory_variables(self) -> list[str]:
        """The names that `load_memory_variables` gives."""
        return [self.memory_key]

    def load_memory_variables(
        self,
        inputs: Mapping[str, Any] | None = None,  # noqa: ARG002 - chains pass them
    ) -> dict[str, Any]:
        """The history, under ``memory_key``.

        Args:
            inputs: of the chain; not needed.

        Returns:
            One text, or with ``return_messages`` a list of messages.

        Raises:
            ConfigurationError: it is over an `AsyncSession`.

        Cost: what the class says.
        """
        return {self.memory_key: self.buffer}

    async def aload_memory_variables(
        self,
        inputs: Mapping[str, Any] | None = None,  # noqa: ARG002
    ) -> dict[str, Any]:
        """As `load_memory_variables`."""
        return {self.memory_key: await self.abuffer()}

    def save_context(self, inputs: Mapping[str, Any], outputs: Mapping[str, Any]) -> None:
        """Stores an exchange: what the user said and what the model answered.

        Args:
            inputs: of the chain. Without ``input_key`` one of them is stored: the only one that is
                neither under ``memory_key`` nor named ``stop``.
            outputs: of the chain. A value is text, a list of blocks, a message, or a list of
                messages, such as an answer with its tool calls and their results.

        Raises:
            ConfigurationError: it cannot be told which input or output is meant; or it is over an
                `AsyncSession`. `MissingKey`, also a `KeyError`: there is none of that name.
            InvalidMessage: a value is no message and cannot be one; nothing was stored.

        Cost: 1 round trip: over a session both messages are stored together or not at all.
        """
        source = self._source.blocking()
        run(self._source.adding(source, self._exchange(inputs, outputs)))

    async def asave_context(self, inputs: Mapping[str, Any], outputs: Mapping[str, Any]) -> None:
        """As `save_context`."""
        source = self._source.awaited()
        await arun(self._source.adding(source, self._exchange(inputs, outputs)))

    def clear(self) -> None:
        """Deletes the conversation, with its summary.

        Raises:
            ConfigurationError: it is over an `AsyncSession`.

        Cost: 1 round trip, or as `Session.clear` says.
        """
        run(self._source.clearing(self._source.blocking()))

    async def aclear(self) -> None:
        """As `clear`."""
        await arun(self._source.clearing(self._source.awaited()))

    @property
    def buffer(self) -> str | list[Any]:
        """The history as `load_memory_variables` gives it; read at each access."""
        return self._shown(self._read(), self.return_messages)

    @property
    def buffer_as_str(self) -> str:
        """The history as one text; read at each access."""
        return self._text(self._read())

    @property
    def buffer_as_messages(self) -> list[Any]:
        """The history as messages; read at each access."""
        return list(self._read().own)

    async def abuffer(self) -> str | list[Any]:
        """As `buffer`."""
        return self._shown(await self._aread(), self.return_messages)

    async def abuffer_as_str(self) -> str:
        """As `buffer_as_str`."""
        return self._text(await self._aread())

    async def abuffer_as_messages(self) -> list[Any]:
        """As `buffer_as_messages`."""
        return list((await self._aread()).own)

    def _wanted(self) -> Wanted:
        """What the history is."""
        raise NotImplementedError

    def _read(self) -> Found:
        return run(self._reading(self._source.blocking()))

    async def _aread(self) -> Found:
        return await arun(self._reading(self._source.awaited()))

    def _reading(self, source: Any) -> Steps[Found]:
        return self._source.reading(source, self._wanted())

    def _shown(self, found: Found, as_messages: bool) -> str | list[Any]:
        return list(found.own) if as_messages else self._text(found)

    def _text(self, found: Found) -> str:
        return transcript(found.messages, human_prefix=self.human_prefix, ai_prefix=self.ai_prefix)

    def _exchange(self, inputs: object, outputs: object) -> Sequence[object]:
        question = exchange.question(inputs, self.input_key, self.memory_variables)
        # The warning is about the line that called save_context.
        answer = exchange.answer(outputs, self.output_key, stacklevel=4)
        return [*exchange.messages(question, "user"), *exchange.messages(answer, "assistant")]

    def __repr__(self) -> str:
        return f"<{type(self).__name__} over {self.session or type(self.chat_memory).__name__!r}>"
