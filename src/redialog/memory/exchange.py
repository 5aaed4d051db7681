"""An exchange: which of a chain's inputs and outputs it consists of, and its messages."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Literal

from redialog.errors import ConfigurationError
from redialog.memory import foreign
from redialog.messages import Message

STOP = "stop"
"""An input of a chain that is no part of the conversation: where the model should stop."""


class MissingKey(ConfigurationError, KeyError):
    """The inputs or outputs have no value under the key that the memory was told to take."""

    # KeyError would show the text as a literal.
    __str__ = Exception.__str__


def question(inputs: object, input_key: str | None, variables: Sequence[str]) -> object:
    """What the user said: the value under ``input_key``, else the only input.

    Args:
        inputs: of the chain.
        input_key: which of them; None for the only one besides ``variables`` and ``stop``.
        variables: what the memory itself adds to the inputs.

    Raises:
        ConfigurationError: there is none, or there are several.
        MissingKey: there is none under ``input_key``.
    """
    found = _mapping(inputs, "inputs")
    if input_key is not None:
        return _value(found, input_key, "input")
    names = [name for name in found if name != STOP and name not in variables]
    if len(names) != 1:
        raise ConfigurationError(
            f"save_context stores one input and was given {_listed(names)}: "
            "say which one with input_key="
        )
    return found[names[0]]


def answer(outputs: object, output_key: str | None, *, stacklevel: int) -> object:
    """What the model said: the value under ``output_key``, else the only output.

    Args:
        outputs: of the chain.
        output_key: which of them; None for the only one. Of several it is the one named
            ``output``, with a warning.
        stacklevel: of the warning.

    Raises:
        ConfigurationError: there is none, or there are several and none is named ``output``.
        MissingKey: there is none under ``output_key``.
    """
    found = _mapping(outputs, "outputs")
    if output_key is not None:
        return _value(found, output_key, "output")
    names = list(found)
    if len(names) == 1:
        return found[names[0]]
    if "output" not in found:
        raise ConfigurationError(
            f"save_context stores one output and was given {_listed(names)}: "
            "say which one with output_key="
        )
    warnings.warn(
        f"of the outputs {_listed(names)} the one named 'output' is stored; "
        "say which one is wanted with output_key=",
        stacklevel=stacklevel,
    )
    return found["output"]


def messages(value: object, role: Literal["user", "assistant"]) -> list[object]:
    """The messages that a value stands for.

    Args:
        value: text, a list of blocks, a message (this library's, LangChain's, or a dict in
            OpenAI's format), or a list of messages, such as an answer with its tool calls and
            their results.
        role: of text and blocks.

    Returns:
        What are messages already as they are; `Message` objects else.

    Raises:
        InvalidMessage: it is none of these.
    """
    if foreign.is_message(value):
        return [value]
    if isinstance(value, list | tuple) and value and all(map(foreign.is_message, value)):
        return list(value)
    # Of text and blocks the class itself says what is wrong with them.
    return [Message(role, value)]  # type: ignore[arg-type]


def _mapping(value: object, name: str) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise ConfigurationError(
            f"the {name} must be a mapping of names to values, not {type(value).__name__}"
        )
    return value


def _value(found: Mapping[str, object], key: str, kind: str) -> object:
    if key not in found:
        raise MissingKey(f"there is no {kind} named {key!r}, as {kind}_key says")
    return found[key]


def _listed(names: Sequence[object]) -> str:
    return ", ".join(sorted(map(repr, names))) or "none"
