"""Checks of what a caller gives as a message, and its one normal form.

JSON is checked before it is written: the encoder would turn NaN into null, bytes and dates into
text and integer keys into text ones, and what is read back would not be what was given.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal, TypeAlias

from redialog.errors import InvalidMessage
from redialog.toolcalls import ToolCall, text_or_none

Role: TypeAlias = Literal["user", "assistant", "system", "tool"]
"""The roles that a message can be given."""

StoredRole: TypeAlias = Literal["user", "assistant", "system", "tool", "remove", "damaged"]
"""The roles that a message can be found with: ``remove`` is LangChain's request to delete another
message (shown, never applied), ``damaged`` stands in the place of an element that is unreadable."""

# The names that others have for the four roles. What is not a core role itself is kept in
# `Message.original_role`, so that it can be written back.
ROLE_NAMES: dict[str, Role] = {
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "ai": "assistant",
    "system": "system",
    "developer": "system",
    "tool": "tool",
    "function": "tool",
}
ACCEPTED = frozenset({"user", "assistant", "system", "tool", "developer", "function"})

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)

# Deeper than any real message, and far from the depth at which the decoders give up
# (msgspec 0.22 and the standard library's both raise RecursionError near 1,000).
MAX_DEPTH = 200
# The range of a float. Python's own reader refuses numbers of more than 4,300 digits.
_MAX_INT = 1 << 1024


def json_value(value: object, where: str, depth: int = 0) -> object:
    """A copy of ``value`` in JSON's own types, which reads back equal to it.

    Args:
        value: text, numbers, None, and mappings, lists and tuples of such.
        where: what to call it in the error, such as ``metadata``.
        depth: how deeply ``value`` is nested already.

    Raises:
        InvalidMessage: JSON cannot hold it as it is.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str.__str__(value)
    if not isinstance(value, Mapping | list | tuple):
        return _number(value, where)
    if depth > MAX_DEPTH:
        raise InvalidMessage(f"{where} is nested more than {MAX_DEPTH} levels deep")
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise InvalidMessage(f"{where} has a key that is no text; JSON has no other keys")
        return {str.__str__(key): json_value(item, where, depth + 1) for key, item in value.items()}
    return [json_value(item, where, depth + 1) for item in value]


def _number(value: object, where: str) -> int | float:
    if isinstance(value, int) and -_MAX_INT < value < _MAX_INT:
        return int(value)
    if isinstance(value, float) and math.isfinite(value):
        return float(value)
    if isinstance(value, int | float):
        raise InvalidMessage(
            f"{where} holds a number that JSON cannot hold (NaN, infinity, or beyond a float)"
        )
    raise InvalidMessage(
        f"{where} holds a value of type {type(value).__name__}, which JSON cannot hold; "
        "convert it to text, numbers, lists and mappings first"
    )


def mapping(value: object, where: str) -> dict[str, object]:
    """A mapping that JSON can hold; empty for None."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise InvalidMessage(f"{where} must be a mapping, not {type(value).__name__}")
    made = json_value(value, where)
    return made if isinstance(made, dict) else {}


def core_role(role: object) -> Role:
    """One of the four roles for any accepted name of one."""
    if isinstance(role, str) and role in ACCEPTED:
        return ROLE_NAMES[role]
    # Not any text: with the arguments swapped it is the message.
    shown = isinstance(role, str) and re.fullmatch(r"[a-z_]{1,20}", role)
    raise InvalidMessage(
        "the role of a message must be one of user, assistant, system, tool"
        + (f", not {role!r}" if shown else "")
    )


def content(value: object) -> str | list[Mapping[str, object]]:
    """Text, or blocks."""
    if isinstance(value, str):
        return str.__str__(value)
    if not isinstance(value, Sequence) or isinstance(value, bytes | bytearray | memoryview):
        raise InvalidMessage(
            f"the content of a message must be text or a list of blocks, not {type(value).__name__}"
        )
    return [_block(block) for block in value]


def _block(block: object) -> Mapping[str, object]:
    if isinstance(block, str):
        # Some providers mix bare texts among the blocks.
        return {"type": "text", "text": str.__str__(block)}
    if not isinstance(block, Mapping):
        raise InvalidMessage(
            f"a block of a message's content must be a mapping, not {type(block).__name__}"
        )
    return mapping(block, "content")


def tool_calls(calls: object) -> tuple[ToolCall, ...]:
    """The calls, each in OpenAI's form, LangChain's, or made already."""
    if isinstance(calls, str | bytes | Mapping) or not isinstance(calls, Iterable):
        raise InvalidMessage("tool_calls must be a list of tool calls")
    return tuple(_tool_call(ToolCall.parse(call)) for call in calls)


def _tool_call(call: ToolCall) -> ToolCall:
    if not isinstance(call.name, str):
        raise InvalidMessage(f"the name of a tool must be text, not {type(call.name).__name__}")
    args: Mapping[str, object] | str = call.args
    args = args if isinstance(args, str) else mapping(args, "the arguments of a tool call")
    return ToolCall(
        call.name, args, text_or_none(call.id, "tool call id"), mapping(call.extra, "a tool call")
    )


def instant(value: object) -> int:
    """A time as whole milliseconds since the epoch, which is what is stored."""
    if not isinstance(value, datetime) or value.utcoffset() is None:
        raise InvalidMessage("created_at must be a datetime with a time zone, such as UTC")
    return (value - _EPOCH) // _MILLISECOND


def from_ms(ms: int) -> datetime | None:
    """The time that many milliseconds after the epoch, in UTC; None where there is none such."""
    try:
        return _EPOCH + timedelta(milliseconds=ms)
    except OverflowError:
        return None
