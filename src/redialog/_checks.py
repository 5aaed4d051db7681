"""Checks of what a caller gives as a message, and its one normal form.

JSON is checked before it is written: the encoder would turn NaN into null, bytes and dates into
text and integer keys into text ones, and what is read back would not be what was given.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Literal, TypeAlias

from redialog.errors import InvalidMessage
from redialog.toolcalls import ToolCall

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


def json_value(value: object, where: str, depth: int = 0) -> None:
    """Raises InvalidMessage where ``value`` would not come back from JSON as it is.

    Args:
        value: anything.
        where: what to call it in the error, such as ``metadata``.
        depth: how deeply ``value`` is nested already.
    """
    if value is None or isinstance(value, str | bool | int):
        return
    if depth > MAX_DEPTH:
        raise InvalidMessage(f"{where} is nested more than {MAX_DEPTH} levels deep")
    if isinstance(value, float):
        if not math.isfinite(value):
            raise InvalidMessage(f"{where} holds a number that JSON cannot hold (NaN or infinity)")
    elif isinstance(value, Mapping):
        for key, item in value.items():
            if not isinstance(key, str):
                raise InvalidMessage(
                    f"{where} has a key of type {type(key).__name__}; JSON keys are text"
                )
            json_value(item, where, depth + 1)
    elif isinstance(value, list | tuple):
        for item in value:
            json_value(item, where, depth + 1)
    else:
        raise InvalidMessage(
            f"{where} holds a value of type {type(value).__name__}, which JSON cannot hold; "
            "convert it to text, numbers, lists and mappings first"
        )


def core_role(role: object) -> Role:
    """One of the four roles for any accepted name of one."""
    if isinstance(role, str) and role in ACCEPTED:
        return ROLE_NAMES[role]
    raise InvalidMessage(
        "the role of a message must be one of user, assistant, system, tool"
        + (f", not {role[:40]!r}" if isinstance(role, str) else "")
    )


def blocks(content: object) -> list[Mapping[str, object]]:
    """The blocks of a content that is not text."""
    if isinstance(content, bytes | Mapping) or not isinstance(content, Iterable):
        raise InvalidMessage(
            "the content of a message must be text or a list of blocks, "
            f"not {type(content).__name__}"
        )
    # Some providers mix bare texts among the blocks.
    found = [{"type": "text", "text": b} if isinstance(b, str) else b for b in content]
    for block in found:
        if not isinstance(block, Mapping):
            raise InvalidMessage(
                f"a block of a message's content must be a mapping, not {type(block).__name__}"
            )
        json_value(block, "content")
    return found


def tool_calls(calls: object) -> tuple[ToolCall, ...]:
    """The calls, each in OpenAI's form, LangChain's, or made already."""
    if isinstance(calls, str | bytes | Mapping) or not isinstance(calls, Iterable):
        raise InvalidMessage("tool_calls must be a list of tool calls")
    made = tuple(ToolCall.parse(call) for call in calls)
    for call in made:
        json_value(call.args, "the arguments of a tool call")
        json_value(call.extra, "a tool call")
    return made


def mapping(value: object, where: str) -> Mapping[str, object] | None:
    """A mapping that JSON can hold; None where there is none."""
    if not value:
        return None
    if not isinstance(value, Mapping):
        raise InvalidMessage(f"{where} must be a mapping, not {type(value).__name__}")
    json_value(value, where)
    return value


def instant(value: object) -> int:
    """A time as whole milliseconds since the epoch, which is what is stored."""
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise InvalidMessage("created_at must be a datetime with a time zone, such as UTC")
    return (value - _EPOCH) // _MILLISECOND


def from_ms(ms: int) -> datetime | None:
    """The time that many milliseconds after the epoch, in UTC; None where there is none such."""
    try:
        return _EPOCH + timedelta(milliseconds=ms)
    except OverflowError:
        return None
