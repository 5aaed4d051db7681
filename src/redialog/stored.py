"""LangChain's stored form of a message, as plain values: ``{"type": "human", "data": {...}}``.

What lies in Redis is that form in JSON (`redialog.codec`). Here it is for those who have it, or
want it, without Redis between: adapters, imports, exports.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from msgspec import structs

from redialog import _calls, codec, elements
from redialog._checks import ROLE_NAMES
from redialog._json import mapping
from redialog.errors import CorruptElement, InvalidMessage
from redialog.messages import Message

_KINDS = {"user": "human", "assistant": "ai", "system": "system", "tool": "tool"}
_EMPTY: tuple[object, ...] = (None, {}, [])

# What LangChain has in each message of a kind, also where it says nothing.
_MAY_BE_EMPTY = frozenset(
    {"id", "name", "tool_calls", "invalid_tool_calls", "additional_kwargs", "response_metadata"}
    | {"usage_metadata", "example", "status"}
)

# What stands outside as well, and what a piece of a streamed message has until it is whole.
_TRANSIENT = ("type", "tool_call_chunks", "chunk_position")


def loaded(value: Mapping[str, object]) -> Message:
    """The message that a stored form describes.

    Args:
        value: of any kind that LangChain has or had, in Python or JavaScript, also ``function``,
            ``chat`` and the pieces of a streamed message. Keys that are no text become text, as
            where LangChain stores them, and NaN and infinity null: they would keep JavaScript from
            reading the conversation, and a history that refuses them loses the turn, for LangChain
            only logs that.

    Returns:
        The message; fields that it has no attribute for are its `Message.extra`.

    Raises:
        InvalidMessage: it is no such form, or JSON cannot hold what is in it.
    """
    plain = mapping(value, "a stored message", loose=True)
    data = plain.get("data")
    if isinstance(data, dict):
        # Most empty fields say nothing, and are not stored.
        plain["data"] = {
            name: value
            for name, value in data.items()
            if name not in _TRANSIENT
            and not (name in _MAY_BE_EMPTY and value in _EMPTY)
            and not (name == "artifact" and value is None)
        }
    try:
        return codec.decode(elements.dump(plain), key="", position=0, strict=True)
    except CorruptElement as error:
        raise InvalidMessage(f"this is no stored message of LangChain's: {error.reason}") from None


def read(element: bytes) -> Message:
    """The message that an element of a log holds, without an id where it has none of its own.

    Damaged ones are as `redialog.Session.messages` gives them.
    """
    return codec.decode(element, key="", position=0)


def dumped(message: Message) -> dict[str, Any]:
    """The stored form of a message, under the kind that says most: also ``function`` and ``chat``.

    Args:
        message: also one that was read. An id that it has only from its place is left out.

    Raises:
        InvalidMessage: there is no such form: the message is damaged.
    """
    if message.role == "damaged":
        raise InvalidMessage("a damaged message has no stored form; leave it out")
    element = _element(message)
    data, free = element["data"], _chat_role(message, element)
    if data.get("tool_call_id") == "" and (free is not None or message.original_role == "function"):
        # Only there so that others, which know no such kind, load it as a tool's.
        del data["tool_call_id"]
    if free is not None:
        return {"type": "chat", "data": data | {"role": free}}
    if message.role == "remove":
        return {"type": "remove", "data": data}
    kind = "function" if message.original_role == "function" else _KINDS[message.role]
    further = dict(message._openai or {})
    if message.original_role == "developer":
        # Not every element of one has the mark itself: those of `Message.replace` do not.
        further[elements.OPENAI_ROLE] = "developer"
    if kind == "tool" and data.get("tool_call_id") is None:
        # Another writer's result of nobody knows which call: no reader loads it without one.
        data["tool_call_id"] = ""
    if kind == "ai" and message.tool_calls:
        data |= _call_lists(message)
    if further:
        told = data.get("additional_kwargs")
        data["additional_kwargs"] = {**(told if isinstance(told, dict) else {}), **further}
    return {"type": kind, "data": data}


def _element(message: Message) -> dict[str, Any]:
    element = elements.modern(_loaded(message))
    data = element.get("data")
    found = dict(data) if isinstance(data, dict) else {}
    for name in _MAY_BE_EMPTY & found.keys():
        # What LangChain's classes have anyway, they need not check.
        if not found[name]:
            del found[name]
    if found.get("content") is None:
        found["content"] = ""
    for name in _TRANSIENT:
        found.pop(name, None)
    return element | {"data": found}


def _loaded(message: Message) -> dict[str, Any]:
    if message._raw is not None:
        # What cannot be loaded stands in a field that is not read for a Message.
        with suppress(elements.Damaged):
            return elements.load(message._raw)
        message = structs.replace(message, _raw=None)
    return elements.load(codec.element(codec.stored(message, None, None)))


def _chat_role(message: Message, element: dict[str, Any]) -> str | None:
    """The role of what was a chat message; None for all others."""
    own = element["data"].pop("role", None)
    if elements.KINDS.get(element["type"]) == "chat":
        return own if isinstance(own, str) else "user"
    ours = element.get(elements.OURS)
    kept = ours.get(elements.CHAT) if isinstance(ours, dict) else None
    if isinstance(kept, str):
        return kept
    free = message.original_role
    return free if free is not None and free not in ROLE_NAMES else None


def _call_lists(message: Message) -> dict[str, Any]:
    valid, invalid = _calls.stored(message.tool_calls)
    # LangChain's own classes say that there was no error, where none is known.
    return {
        "tool_calls": valid,
        "invalid_tool_calls": [{"error": None} | call for call in invalid],
    }
