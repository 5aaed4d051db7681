"""Messages of LangChain's shape, told by their attributes: nothing of LangChain is imported.

A chat history that wants LangChain's messages has loaded their module; there, and only there, are
this library's made into such.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import structs

from redialog import stored
from redialog._checks import ROLE_NAMES
from redialog.elements import KINDS
from redialog.errors import InvalidMessage
from redialog.messages import Message
from redialog.toolcalls import ToolCall

_LANGCHAIN = "langchain_core.messages"
_EXTRA = ("additional_kwargs", "response_metadata", "usage_metadata", "artifact", "status")
_FIELDS = (
    *("type", "content", "id", "name", "role", "tool_call_id", "tool_calls", "invalid_tool_calls"),
    *_EXTRA,
)


def is_message(value: object) -> bool:
    """Whether a value is one message: this library's, LangChain's, or a dict of one."""
    if isinstance(value, Mapping):
        form = _kind(value.get("type")) is not None and "data" in value
        return form or isinstance(value.get("role"), str)
    if isinstance(value, Message):
        return True
    return hasattr(value, "content") and _kind(getattr(value, "type", None)) is not None


def read(value: object) -> Message:
    """A message of a chat history, as far as it matters to what a model sees of it.

    Raises:
        InvalidMessage: it is none, or one with contents that this library cannot hold.
    """
    if isinstance(value, Message):
        return value
    fields = _fields(value)
    message = _message(fields)
    called = (fields.get("additional_kwargs") or {}).get("function_call")
    if isinstance(called, Mapping):
        return message.replace(extra={"additional_kwargs": {"function_call": called}})
    return message


def whole(value: object) -> Message:
    """The same with all of its further fields, for storing it.

    Raises:
        InvalidMessage: as for `read`, or a further field is nothing that JSON can hold.
    """
    if isinstance(value, Message):
        return value
    if isinstance(value, Mapping) and "role" in value:
        return Message.from_openai(value)
    fields = _fields(value)
    dump = getattr(value, "model_dump", None)
    # Its warnings, of what was set later and is of another type, quote the message.
    data = dump(warnings=False) if callable(dump) else fields
    return stored.loaded({"type": fields["type"], "data": data})


def speaks_langchain() -> bool:
    """Whether LangChain's messages are loaded in this process."""
    return _LANGCHAIN in sys.modules


def made(messages: Sequence[object]) -> list[Any]:
    """The messages as a chat history takes them: LangChain's where those are loaded.

    Raises:
        InvalidMessage: one of them cannot be stored.
    """
    if not speaks_langchain():
        return list(messages)
    made: list[Any] = []
    for value in messages:
        if isinstance(value, Message | Mapping):
            made += sys.modules[_LANGCHAIN].messages_from_dict([_form(value)])
        else:
            made.append(value)
    return made


def _form(value: Message | Mapping[str, Any]) -> dict[str, Any]:
    message = whole(value)
    if message.role in ("damaged", "remove"):
        raise InvalidMessage(f"a {message.role} message cannot be stored again")
    return stored.dumped(message)


def _kind(name: object) -> str | None:
    return KINDS.get(name) if isinstance(name, str) else None


def _fields(value: object) -> Mapping[str, Any]:
    if not is_message(value):
        raise InvalidMessage(f"the chat history holds a {type(value).__name__}, no message")
    if not isinstance(value, Mapping):
        return {name: getattr(value, name, None) for name in _FIELDS}
    if "role" in value:
        return {"type": "chat"} | dict(value)
    if not isinstance(value["data"], Mapping):
        raise InvalidMessage("the data of a stored message must be a mapping")
    return dict(value["data"]) | {"type": value["type"]}


def _message(fields: Mapping[str, Any]) -> Message:
    kind = KINDS[fields["type"]]
    free = str(fields.get("role") or "user") if kind == "chat" else kind
    role = ROLE_NAMES.get(free.lower(), "user")
    content = fields.get("content")
    message = Message(
        role,
        "" if content is None else content,
        id=fields.get("id"),
        name=fields.get("name"),
        tool_calls=_calls(fields),
        tool_call_id=fields.get("tool_call_id"),
    )
    if kind == "remove":
        return structs.replace(message, role="remove")
    if kind in ("function", "developer") or (kind == "chat" and free != role):
        return structs.replace(message, original_role=free)
    return message


def _calls(fields: Mapping[str, Any]) -> list[ToolCall]:
    calls = [ToolCall.parse(call) for call in fields.get("tool_calls") or ()]
    # Of these the arguments are no JSON object: kept as the model wrote them.
    return calls + [
        ToolCall(call.get("name") or "", call.get("args") or "", call.get("id"))
        for call in fields.get("invalid_tool_calls") or ()
    ]
