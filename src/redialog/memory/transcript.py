"""A conversation as text, for prompts that hold it in one piece."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from redialog._checks import ACCEPTED
from redialog.messages import Message

_PREFIXES = {"system": "System", "tool": "Tool"}


def transcript(messages: Sequence[Message], *, human_prefix: str, ai_prefix: str) -> str:
    """A line for each message: who, a colon, and the text.

    Args:
        messages: oldest first.
        human_prefix: who a user is.
        ai_prefix: who the assistant is.

    Returns:
        The lines. A message of several lines stays as it is; of blocks the text ones count; the
        tool calls of an assistant follow its text, as Python writes a list of dicts.
    """
    prefixes = _PREFIXES | {"user": human_prefix, "assistant": ai_prefix}
    return "\n".join(f"{_who(m, prefixes)}: {m.text}{_called(m)}" for m in messages)


def _who(message: Message, prefixes: Mapping[str, str]) -> str:
    own = message.original_role
    if own is not None and own not in ACCEPTED:
        # A free role of LangChain's chat messages.
        return own
    return "Function" if own == "function" else prefixes[message.role]


def _called(message: Message) -> str:
    if message.role != "assistant":
        return ""
    calls = [
        {"name": call.name, "args": dict(call.args), "id": call.id, "type": "tool_call"}
        for call in message.tool_calls
        if not isinstance(call.args, str)
    ]
    if calls:
        return str(calls)
    stored = message._raw or message._base or b""
    if message._extra is None and b"function_call" not in stored:
        # Most messages: their further fields need not be decoded.
        return ""
    kwargs = message.extra.get("additional_kwargs")
    called = kwargs.get("function_call") if isinstance(kwargs, Mapping) else None
    return "" if called is None else str(called)
