"""Messages as a summariser reads them: shortened, without what has no words."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from redialog._json import whole_text
from redialog.errors import ConfigurationError
from redialog.messages import Message
from redialog.toolcalls import ToolCall

MAX_TEXT = 8_000
MAX_RESULT = 2_000
MAX_ARGUMENTS = 500
MAX_NAME = 60
"""Characters: of a message, a tool's result, the arguments of a call, a name."""

NO_TEXT = "[no text]"
"""The summary of messages that hold no words, and of no summary before them."""

SEEN = ("user", "assistant", "system", "tool")
"""The roles that are summarised; not ``damaged``, nor ``remove``."""

# Blocks that repeat what stands elsewhere in the message, or were never said.
_SILENT = frozenset(
    {"reasoning", "thinking", "redacted_thinking", "tool_use", "tool_call", "server_tool_use"}
)
_KIND = re.compile(r"[a-z][a-z0-9_]{0,30}")


class Entry(msgspec.Struct, frozen=True, omit_defaults=True):
    """One message, as it is shown to a model.

    Attributes:
        role: of the four.
        text: what it says; each block without words as a placeholder, such as ``[image]``.
        name: of the speaker or the tool.
        calls: the tools that it calls, with their arguments.
    """

    role: str
    text: str = ""
    name: str = ""
    calls: Sequence[Mapping[str, str]] = ()


def entries(messages: Sequence[Message], *, marked: bool = True) -> Iterator[Entry]:
    """What there is to be summarised; damaged messages and requests to remove one are not.

    Args:
        messages: oldest first.
        marked: whether a long text says that its middle is missing; else a line ends there.
    """
    tools: dict[str, str] = {}
    for message in messages:
        if message.role not in SEEN:
            continue
        tools.update({call.id: call.name for call in message.tool_calls if call.id})
        name = message.name
        if message.role == "tool":
            name = name or tools.get(message.tool_call_id or "")
        text = _text(message)
        calls = tuple(_call(call) for call in message.tool_calls)
        if text.strip() or calls:
            most = MAX_RESULT if message.role == "tool" else MAX_TEXT
            short = shortened(text, most) if marked else "\n".join(ends(text, most))
            yield Entry(message.role, short, _name(name), calls)


def shortened(text: str, most: int) -> str:
    """A text of about so many characters at most: a longer one loses its middle, and says so."""
    mark = f" [… {len(text) - most:,} characters left out …] "
    return mark.join(ends(text, most))


def ends(text: str, most: int) -> list[str]:
    """A text, or its beginning and its end, which have so many characters together."""
    if len(text) <= most:
        return [text]
    head = most * 2 // 3
    return [text[:head], text[len(text) - most + head :]]


def checked_words(value: object) -> int:
    """The limit of a summary.

    Raises:
        ConfigurationError: it is no whole number of at least 1.
    """
    if type(value) is not int or value < 1:
        raise ConfigurationError("max_words must be a whole number of at least 1")
    return value


def _text(message: Message) -> str:
    if isinstance(message.content, str):
        return whole_text(message.content)
    parts = (_block(block) for block in message.content)
    return whole_text(" ".join(part for part in parts if part.strip()))


def _block(block: Mapping[str, object]) -> str:
    kind = block.get("type")
    for name in ("text", "refusal"):
        text = block.get(name)
        if isinstance(text, str) and kind not in _SILENT:
            return text
    if kind in _SILENT:
        return ""
    if not isinstance(kind, str) or not _KIND.fullmatch(kind):
        return "[attachment]"
    return f"[{kind.removeprefix('input_').removesuffix('_url').replace('_', ' ')}]"


def _call(call: ToolCall) -> Mapping[str, str]:
    args = call.args if isinstance(call.args, str) else json.dumps(call.args, ensure_ascii=False)
    return {"tool": _name(call.name), "arguments": shortened(whole_text(args), MAX_ARGUMENTS)}


def _name(name: str | None) -> str:
    return shortened(" ".join(whole_text(name or "").split()), MAX_NAME)
