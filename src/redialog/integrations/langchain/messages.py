"""Between LangChain's messages and this library's, both ways and without loss."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, TypeAlias

from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    RemoveMessage,
    SystemMessage,
    ToolMessage,
    convert_to_messages,
)

from redialog import stored
from redialog._checks import Role
from redialog.errors import InvalidMessage
from redialog.integrations.langchain import plain
from redialog.messages import Message

_CLASSES: dict[str, type[BaseMessage]] = {
    "human": HumanMessage,
    "ai": AIMessage,
    "system": SystemMessage,
    "tool": ToolMessage,
    "function": FunctionMessage,
    "chat": ChatMessage,
    "remove": RemoveMessage,
}

_PLAIN_ROLES: dict[type[BaseMessage], Role] = {
    HumanMessage: "user",
    AIMessage: "assistant",
    SystemMessage: "system",
}
_SAID = frozenset({"content", "type", "id", "name"})

Content: TypeAlias = str | list[str | dict[Any, Any]]

_NOT_FOR_MODELS = frozenset({"damaged", "remove"})

_MUST = ("content", "id", "name", "tool_call_id", "role")
_FEWER = ((*_MUST, "tool_calls", "invalid_tool_calls"), _MUST)
"""What is taken where LangChain refuses the shape of a stored field: the first, then the second."""


def from_langchain(message: object) -> Message:
    """The message that one of LangChain's is stored as.

    Args:
        message: of any kind, also a piece of a streamed one, and what LangChain takes for one:
            text, a pair of role and text, a dict. One of this library's is given back as it is.

    Returns:
        The message; what has no attribute of its own (usage, response metadata, an artifact, ...)
        is in its `Message.extra`. It has no id where that one has none.

    Raises:
        InvalidMessage: it is none, or JSON cannot hold what is in it.
    """
    if isinstance(message, Message):
        return message
    if not isinstance(message, BaseMessage):
        message = _converted(message)
    role = _PLAIN_ROLES.get(type(message))
    if role is not None and type(message.content) is str and not _has_more(message):
        return Message(role, message.content, id=message.id, name=message.name)
    # Its warnings, of what was set later and is of another type, quote the message.
    data = message.model_dump(warnings=False)
    return stored.loaded({"type": message.type, "data": data})


def taken(messages: Iterable[object]) -> list[Message]:
    """A list of messages, each as `from_langchain` takes it.

    Raises:
        InvalidMessage: it is no list, or one of them cannot be stored.
    """
    # One message can be iterated over, too: it gives its fields.
    one = isinstance(messages, str | bytes | Mapping | BaseMessage)
    if one or not isinstance(messages, Iterable):
        raise InvalidMessage(f"messages must be a list of messages, not {type(messages).__name__}")
    return [from_langchain(message) for message in messages]


def said(kind: type[HumanMessage | AIMessage], value: BaseMessage | Content) -> BaseMessage:
    """The message that a content makes; one that is a message is given back as it is.

    Raises:
        InvalidMessage: it is no content.
    """
    if not isinstance(value, str | list):
        return value
    try:
        return kind(content=value)
    except ValueError:
        # Its own text quotes the message.
        raise InvalidMessage("a content must be text, or a list of texts and blocks") from None


def to_langchain(message: Message) -> BaseMessage:
    """The message as LangChain's, of the class that it had there.

    Args:
        message: of a session. Its time and metadata have no place in LangChain's messages and stay
            in Redis.

    Raises:
        InvalidMessage: it is damaged.
    """
    found = None if message._raw is None else plain.read(message._raw)
    return _further(message) if found is None else found


def presented(messages: Iterable[Message]) -> list[BaseMessage]:
    """The messages that a model can be given, as LangChain's.

    Damaged elements and requests to remove a message are left out; the session shows them.
    """
    return [to_langchain(one) for one in messages if one.role not in _NOT_FOR_MODELS]


def read(elements: Iterable[bytes]) -> list[BaseMessage]:
    """The same of the elements of a log."""
    found: list[BaseMessage] = []
    for raw in elements:
        message = plain.read(raw)
        if message is not None:
            found.append(message)
        elif (one := stored.read(raw)).role not in _NOT_FOR_MODELS:
            found.append(_further(one))
    return found


def _further(message: Message) -> BaseMessage:
    """Any message as LangChain's, by way of its stored form."""
    form = stored.dumped(message)
    kind, data = _CLASSES[form["type"]], form["data"]
    for names in (data, *_FEWER):
        # Fewer where another version's or library's idea of a field is refused: the message is
        # worth more than that. Its validators look into fields before they check them, so that can
        # raise anything.
        with suppress(Exception):
            return kind(**{name: data[name] for name in names if name in data})
    return ChatMessage(content=message.text, role=message.role)


def _has_more(message: BaseMessage) -> bool:
    """Whether a message says more than its text, id and name, or says it in no plain way."""
    fields = vars(message)
    if message.model_extra or any(fields[name] for name in fields.keys() - _SAID):
        return True
    try:
        for name in _SAID & fields.keys():
            (fields[name] or "").encode()
    except (UnicodeEncodeError, AttributeError):
        # Half of an emoji, which LangChain stores as an escape; what was set later and is no text.
        return True
    return False


def converted(values: Sequence[Any]) -> list[BaseMessage] | None:
    """What LangChain takes for messages, as such; None where it is none.

    Without LangChain's own error, which quotes the message. It raises a `NotImplementedError` for a
    type that it does not know, and a `KeyError` for a result without its call.
    """
    try:
        return convert_to_messages(values)
    except (ValueError, TypeError, KeyError, NotImplementedError, AttributeError):
        return None


def _converted(value: Any) -> BaseMessage:
    single = isinstance(value, str | dict) or (
        isinstance(value, Sequence) and not isinstance(value, bytes | bytearray)
    )
    found = converted([value]) if single else None
    if found is None or len(found) != 1:
        raise InvalidMessage(f"a {type(value).__name__} is no message that LangChain knows")
    return found[0]
