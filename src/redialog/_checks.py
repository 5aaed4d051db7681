"""Checks of what a caller gives as a message, and its one normal form."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal, TypeAlias

from redialog._json import mapping
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


def no_message(value: object) -> InvalidMessage:
    """The error for what is neither a message nor a dict, with what makes one of it."""
    kind = type(value)
    hint = ""
    if any(str(base.__module__).startswith("langchain_core.messages") for base in kind.__mro__):
        hint = "; redialog.integrations.langchain.from_langchain makes one of it"
    elif isinstance(value, list | tuple):
        hint = "; several are arguments of their own: append(*messages)"
    return InvalidMessage(
        f"a message must be a Message or a dict with role and content, not {kind.__name__}{hint}"
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
    if isinstance(args, str):
        args = str.__str__(args)
    else:
        args = mapping(args, "the arguments of a tool call")
    call_id = text_or_none(call.id, "tool call id")
    return ToolCall(str.__str__(call.name), args, call_id, mapping(call.extra, "a tool call"))


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
