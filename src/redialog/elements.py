"""Elements of a log as they are stored: LangChain's stored messages, in all their generations.

This module knows JSON and names of fields; what they mean to a `Message` is in `redialog.codec`.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec

OURS = "redialog"
"""The key of an element that holds what is this library's alone. Readers of LangChain's stored
messages (Python and JavaScript) and Flowise's look at ``type`` and ``data`` only."""

# The fields of `data` that a Message has attributes for. All others are its `extra`.
CORE_FIELDS = frozenset(
    {"content", "id", "name", "tool_calls", "invalid_tool_calls", "tool_call_id", "type", "role"}
)

# Every name that LangChain (Python and JavaScript, old and new) has for a kind of message, with
# the one of the four that all of its readers load. `chat` and `generic` carry a free role.
KINDS = {
    "human": "human",
    "HumanMessageChunk": "human",
    "ai": "ai",
    "AIMessageChunk": "ai",
    "system": "system",
    "SystemMessageChunk": "system",
    "tool": "tool",
    "ToolMessageChunk": "tool",
    "function": "function",
    "FunctionMessageChunk": "function",
    "chat": "chat",
    "ChatMessageChunk": "chat",
    "generic": "chat",
    "remove": "remove",
    # What a writer of OpenAI's names would have meant.
    "user": "human",
    "assistant": "ai",
    "developer": "developer",
}


class Ours(msgspec.Struct, omit_defaults=True):
    """What stands under `OURS`."""

    at: int | None = None
    metadata: dict[str, Any] | None = None
    role: str | None = None
    openai: dict[str, Any] | None = None


class Data(msgspec.Struct, omit_defaults=True):
    """The ``data`` of an element, as far as this library reads it."""

    content: str | list[str | dict[str, Any]] | None = None
    tool_calls: list[dict[str, Any]] | None = None
    invalid_tool_calls: list[dict[str, Any]] | None = None
    tool_call_id: str | None = None
    name: str | None = None
    id: str | None = None
    role: str | None = None


class Element(msgspec.Struct, omit_defaults=True):
    """One stored message."""

    type: str
    data: Data
    redialog: Ours | None = None


class Damaged(Exception):
    """The element is no stored message; the text says why, in words of this library only."""


_decode = msgspec.json.Decoder(Element).decode
_encode = msgspec.json.Encoder().encode


def load(raw: bytes) -> dict[str, Any]:
    """The element as plain JSON, also where only a lenient parser reads it.

    Python's own writer leaves NaN and lone surrogates, which msgspec rightly refuses.

    Raises:
        Damaged: it is no JSON object.
    """
    try:
        value = json.loads(raw)
    except UnicodeDecodeError:
        raise Damaged("it is not UTF-8") from None
    except RecursionError:
        raise Damaged("it is nested too deeply") from None
    except ValueError:
        raise Damaged("it is not JSON") from None
    if not isinstance(value, dict):
        raise Damaged("it is no JSON object")
    return value


def dump(value: dict[str, Any]) -> bytes:
    """The bytes of an element that `load` gave; compact and in raw UTF-8 where that is possible."""
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":")).encode()


def modern(value: dict[str, Any]) -> dict[str, Any]:
    """The element with a ``data``: LangChain JS until 0.0.75 wrote ``type``, ``text``, ``role``."""
    if "data" in value or not isinstance(value.get("text"), str):
        return value
    rest = {key: item for key, item in value.items() if key not in ("text", "role")}
    data = {"content": value["text"]}
    if "role" in value:
        data["role"] = value["role"]
    return rest | {"data": data}


def parse(raw: bytes) -> Element:
    """The element, read strictly and fast, or leniently where that fails.

    Raises:
        Damaged: it is not of a shape that any version wrote.
    """
    try:
        return _decode(raw)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        pass
    value = modern(load(raw))
    if not isinstance(value.get("type"), str) or not isinstance(value.get("data"), dict):
        raise Damaged("it has no type and data")
    # Another's key of the same name, or a later version's: not a reason to lose the message.
    ours = value.pop(OURS, None)
    try:
        element = msgspec.convert(value, Element)
    except msgspec.ValidationError:
        raise Damaged("its data is of a shape that no version wrote") from None
    try:
        element.redialog = msgspec.convert(ours, Ours | None)
    except msgspec.ValidationError:
        element.redialog = None
    return element


def encode(element: Element) -> bytes:
    """The bytes of an element: compact, raw UTF-8, empty fields left out.

    Raises:
        UnicodeEncodeError: a text holds a lone surrogate.
    """
    return _encode(element)


def extra_fields(raw: bytes) -> dict[str, Any]:
    """The fields of ``data`` that have no attribute in a Message; empty where it is damaged."""
    try:
        data = modern(load(raw)).get("data")
    except Damaged:
        return {}
    if not isinstance(data, dict):
        return {}
    return {key: value for key, value in data.items() if key not in CORE_FIELDS}
