"""The shapes in which messages go into a runnable and come out of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langchain_core.prompt_values import PromptValue

from redialog.errors import ConfigurationError
from redialog.integrations.langchain.keeping import whole
from redialog.integrations.langchain.messages import converted


class Shape:
    """Where the messages are in what a runnable takes and gives; see `with_history`.

    Args:
        input_key: under which name of a mapping the new messages come in.
        history_key: under which name it takes the history.
        output_key: under which name of a mapping the answer comes out.

    Raises:
        ConfigurationError: there is a name for the history and none for what is new.
    """

    def __init__(
        self, input_key: str | None, history_key: str | None, output_key: str | None
    ) -> None:
        if history_key is not None and input_key is None:
            raise ConfigurationError("history_messages_key= needs input_messages_key= beside it")
        self._input = input_key
        self._history = history_key
        self._output = output_key

    def new(self, given: Any) -> list[BaseMessage]:
        """The messages of an input.

        Raises:
            ConfigurationError: there are none where they should be.
        """
        key = self._input
        if key is not None:
            if not isinstance(given, Mapping) or key not in given:
                raise ConfigurationError(f"the input must be a mapping with {key!r}")
            given = given[key]
        if isinstance(given, Mapping) and "role" not in given:
            raise ConfigurationError(
                "the input is a mapping: input_messages_key= says what of it is new"
            )
        return _messages(given, HumanMessage)

    def asked(self, given: Any, new: Sequence[BaseMessage], history: Sequence[BaseMessage]) -> Any:
        """What the runnable gets: the input with the history."""
        asked = whole([*history, *new])
        if self._input is None:
            return asked
        if self._history is None:
            return {**given, self._input: asked}
        # What is new stays as it is: a prompt takes texts, too.
        own = set(map(id, new))
        return {**given, self._history: [one for one in asked if id(one) not in own]}

    def answer(self, said: Any, asked: Any) -> list[BaseMessage]:
        """The messages of an output.

        Args:
            said: by the runnable.
            asked: what it got.

        Raises:
            ConfigurationError: there are none where they should be.
        """
        if isinstance(said, Mapping) and "role" not in said:
            key = self._output or (next(iter(said)) if len(said) == 1 else "output")
            if key not in said:
                raise ConfigurationError(
                    f"the output has no {key!r}: output_messages_key= says what of it is the "
                    "answer; nothing was stored"
                )
            said = said[key]
        answer = _messages(said, AIMessage)
        # A graph gives all messages that it has, first those that it got.
        got = asked[self._input] if isinstance(asked, Mapping) and self._input else asked
        begin = len(got) if isinstance(got, list) else 0
        return answer[begin:] if answer[:begin] == got else answer


def joined(said: Any, piece: Any) -> Any:
    """What a stream gave so far, with one piece more."""
    if said is None:
        return piece
    try:
        return said + piece
    except TypeError:
        # No pieces of one thing: the newest is the whole.
        return piece


def _messages(value: Any, kind: type[HumanMessage | AIMessage]) -> list[BaseMessage]:
    """The messages of a value; text is one of that kind."""
    if isinstance(value, str):
        return [kind(value)]
    if isinstance(value, PromptValue):
        return value.to_messages()
    if isinstance(value, tuple) and all(isinstance(one, BaseMessage) for one in value):
        value = list(value)
    found = converted(value if isinstance(value, list) else [value])
    if found is None:
        raise ConfigurationError(
            f"a {type(value).__name__} is neither text nor messages; nothing was stored"
        ) from None
    return found
