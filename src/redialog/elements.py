"""Elements of a log as they are stored: LangChain's stored messages, in all their generations.

This module knows JSON and names of fields; what they mean to a `Message` is in `redialog.codec`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal, TypeAlias, TypeVar

import msgspec

T = TypeVar("T")

OURS = "redialog"
"""The key of an element that holds what is this library's alone. Readers of LangChain's stored
messages (Python and JavaScript) and Flowise's look at ``type`` and ``data`` only."""

CHAT = "chat"
"""Under `OURS`: the role of what was a message of LangChain's kind ``chat``, also where that is one
of the four; a Message does not tell the two apart."""

OPENAI_ROLE = "__openai_role__"
"""In ``additional_kwargs``: how LangChain in Python tells a developer message, which it stores as a
system one."""

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


class Ours(msgspec.Struct, omit_defaults=True, gc=False):
    """What stands under `OURS`."""

    at: int | None = None
    metadata: dict[str, Any] | None = None
    role: str | None = None
    openai: dict[str, Any] | None = None
    calls: list[Any] | None = None


class Data(msgspec.Struct, omit_defaults=True, gc=False):
    """The ``data`` of an element, as far as this library reads it."""

    content: str | list[str | dict[str, Any]] | None = None
    tool_calls: list[dict[str, Any]] | None = None
    invalid_tool_calls: list[dict[str, Any]] | None = None
    tool_call_id: str | None = None
    name: str | None = None
    id: str | None = None
    role: str | None = None
    # Undecoded: of interest only where an early writer left the provider's tool calls there,
    additional_kwargs: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    # and where a message that was made of these blocks went without its content (LangChain JS 1).
    content_blocks: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class Element(msgspec.Struct, omit_defaults=True, gc=False):
    """One stored message."""

    type: str
    data: Data
    redialog: Ours | None = None


PlainKind: TypeAlias = Literal["human", "ai", "system"]


class PlainOurs(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """What stands under `OURS` in a `PlainElement`."""

    at: int


class PlainData(msgspec.Struct, omit_defaults=True, gc=False, forbid_unknown_fields=True):
    """The ``data`` of a `PlainElement`."""

    content: str
    id: Annotated[str, msgspec.Meta(min_length=1)] | None = None
    name: str | None = None


class PlainElement(msgspec.Struct, omit_defaults=True, gc=False, forbid_unknown_fields=True):
    """What most elements are: text, and nothing that needs a second look.

    The decoder refuses all others, so its reader has no case to tell apart: a third faster. To
    write, it has a third of the fields to leave out.
    """

    type: PlainKind
    data: PlainData
    redialog: PlainOurs | None = None


class Damaged(Exception):
    """The element is no stored message; the text says why, in words of this library only."""


_UTF8 = (b'{"', b"{ ", b"{\n")
_NO_KWARGS = b"{}"
# The second: of half a surrogate pair where something else than text should stand.
_MISFITS = (msgspec.ValidationError, UnicodeEncodeError)
_decode = msgspec.json.Decoder(Element).decode
_decode_plain = msgspec.json.Decoder(PlainElement).decode

encode: Callable[[Element | PlainElement], bytes] = msgspec.json.Encoder().encode
"""The bytes of an element: compact, raw UTF-8, empty fields left out.

Raises UnicodeEncodeError where a text holds a lone surrogate."""


def load(raw: bytes) -> dict[str, Any]:
    """The element as plain JSON, also where only a lenient parser reads it.

    Python's own writer leaves NaN and lone surrogates, which msgspec rightly refuses.

    Raises:
        Damaged: it is no JSON object.
    """
    try:
        # Of bytes it would look first which of five encodings they are in.
        value = json.loads(raw.decode() if raw.startswith(_UTF8) else raw)
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
    """The element with a ``data`` and its ``content``.

    LangChain JS until 0.0.75 wrote ``type``, ``text``, ``role``; since 1 it leaves the content out
    where a message was made of ``content_blocks``.
    """
    data = value.get("data")
    if isinstance(data, dict) and data.get("content") is None:
        blocks = _blocks(data.get("content_blocks"))
        return value if blocks is None else value | {"data": data | {"content": blocks}}
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
    data = dict(value["data"])
    kwargs = data.pop("additional_kwargs", None)
    data.pop("content_blocks", None)  # what they say is its content by now
    try:
        element = msgspec.convert(value | {"data": data}, Element)
    except _MISFITS:
        raise Damaged("its data is of a shape that no version wrote") from None
    if isinstance(kwargs, dict):
        element.data.additional_kwargs = msgspec.Raw(json.dumps(kwargs).encode())
    try:
        element.redialog = msgspec.convert(ours, Ours | None)
    except _MISFITS:
        element.redialog = None
    return element


def parse_many(raws: Sequence[bytes]) -> list[Element] | None:
    """The elements, read strictly and fast; None where that does not work for all of them."""
    return _all_or_none(_decode, raws)


def parse_plain(raws: Sequence[bytes]) -> list[PlainElement] | None:
    """The same for elements that are all plain."""
    return _all_or_none(_decode_plain, raws)


def _all_or_none(decode: Callable[[bytes], T], raws: Sequence[bytes]) -> list[T] | None:
    # Each for itself. Joined to one JSON array they take as long, at 3 KB each three times as long,
    # and one that holds two and two that hold one between them are as many as there should be.
    try:
        return list(map(decode, raws))
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None


def additional_kwargs(data: Data) -> dict[str, Any]:
    """The ``additional_kwargs`` of an element, decoded; empty where there are none."""
    raw = b"" if data.additional_kwargs is msgspec.UNSET else bytes(data.additional_kwargs)
    if raw in (b"", _NO_KWARGS):
        return {}
    value = _inner(raw)
    return value if isinstance(value, dict) else {}


def content_blocks(data: Data) -> list[Any] | None:
    """The ``content_blocks`` of an element, decoded; None where there are none."""
    if data.content_blocks is msgspec.UNSET:
        return None
    return _blocks(_inner(bytes(data.content_blocks)))


def _inner(raw: bytes) -> object:
    """A field that was left undecoded; None where it is unreadable, which the rest need not be."""
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        return None


def _blocks(value: object) -> list[Any] | None:
    if not isinstance(value, list) or not all(isinstance(one, str | dict) for one in value):
        return None
    return value


def extra_fields(raw: bytes) -> dict[str, Any]:
    """The fields of ``data`` that have no attribute in a Message; empty where it is damaged."""
    try:
        data = modern(load(raw)).get("data")
    except Damaged:
        return {}
    if not isinstance(data, dict):
        return {}
    return {key: value for key, value in data.items() if key not in CORE_FIELDS}
