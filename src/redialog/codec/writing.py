"""From a `Message` to the element that is stored for it."""

from __future__ import annotations

from typing import Any

from msgspec import UNSET, Raw, structs

from redialog import _calls, elements
from redialog._places import derived
from redialog.codec import reading
from redialog.elements import (
    CHAT,
    OURS,
    Damaged,
    Data,
    Element,
    Ours,
    PlainData,
    PlainElement,
    PlainKind,
    PlainOurs,
)
from redialog.errors import InvalidMessage
from redialog.messages import Message, made

_DEVELOPER = Raw(elements.dump({elements.OPENAI_ROLE: "developer"}))
_PLAIN_KIND: dict[str, PlainKind] = {"user": "human", "assistant": "ai", "system": "system"}
_KIND_OF_ROLE = _PLAIN_KIND | {"tool": "tool"}


def stored(message: Message, new_id: str | None, at: int | None) -> Message:
    """The message as it will be stored, with its element (`element` gives that).

    A message that was read is written as it was, byte for byte, where every reader loads that;
    else the changed fields are written over it.

    Args:
        message: what to store.
        new_id: its id, where it has none but the one that its place gave it; None gives it none.
        at: its time in ms since the epoch, where it has none; None gives it none.

    Raises:
        InvalidMessage: it cannot be stored: a lone surrogate, or a role that no reader takes.
    """
    own = message.id and not derived(message.id)
    return stored_as(message, message.id if own and message.id else new_id, at)


def stored_as(message: Message, message_id: str | None, at: int | None) -> Message:
    """The same under a given id, or under none."""
    at = at if message._at is None else message._at
    return _stored_plainly(message, message_id, at) or _stored_wholly(message, message_id, at)


def _stored_plainly(message: Message, message_id: str | None, at: int | None) -> Message | None:
    """The same of what most messages are, 0.5 µs instead of 0.9: text, and nothing besides."""
    kind, content = _PLAIN_KIND.get(message.role), message.content
    if kind is None or type(content) is not str or message._raw or message._base:
        return None
    if message.tool_calls or message.tool_call_id or message.metadata or message.original_role:
        return None
    if message._extra or message._openai:
        return None
    data = PlainData(content, message_id, message.name)
    try:
        raw = elements.encode(PlainElement(kind, data, None if at is None else PlainOurs(at)))
    except UnicodeEncodeError:
        return None
    name = message.name
    return made(
        message.role, content, message_id, name, (), None, at, {}, None, None, None, None, raw
    )


def _stored_wholly(message: Message, message_id: str | None, at: int | None) -> Message:
    stored = made(
        message.role,
        message.content,
        message_id,
        message.name,
        message.tool_calls,
        message.tool_call_id,
        at,
        message.metadata,
        message.original_role,
        None,
        message._extra,
        message._openai,
    )
    raw = _encoded(stored, message._raw or message._base)
    structs.force_setattr(stored, "_raw", raw)
    structs.force_setattr(stored, "_extra", None)
    return stored


def element(message: Message) -> bytes:
    """The element of a message that was read, or that `stored` gave."""
    if message._raw is None:
        raise InvalidMessage("the message has no element yet")
    return message._raw


def _encoded(message: Message, origin: bytes | None) -> bytes:
    if message.role in ("damaged", "remove"):
        raise InvalidMessage(f"a {message.role} message cannot be stored again")
    try:
        if origin is not None:
            return _rewrite(message, origin)
        if message._extra:
            return _rewrite(message, b'{"type":"human","data":{}}')
        return elements.encode(_fresh(message))
    except UnicodeEncodeError:
        raise InvalidMessage(
            "a text of the message holds a lone surrogate (half of an emoji, cut by its "
            "position?), which UTF-8 cannot hold; remove it with "
            "text.encode('utf-16', 'surrogatepass').decode('utf-16', 'replace')"
        ) from None
    except RecursionError:
        raise InvalidMessage("the message is nested too deeply") from None
    except Damaged as damage:
        raise InvalidMessage(f"the message cannot be stored again: {damage}") from None


def _fresh(message: Message) -> Element:
    valid, invalid = _calls.stored(message.tool_calls) if message.tool_calls else ([], [])
    content: Any = message.content
    data = Data(
        content,
        valid or None,
        invalid or None,
        # ToolMessage cannot be built without one, in Python or JavaScript.
        message.tool_call_id or ("" if message.role == "tool" else None),
        message.name,
        message.id,
        additional_kwargs=_DEVELOPER if message.original_role == "developer" else UNSET,
    )
    return Element(_KIND_OF_ROLE[message.role], data, _ours(message))


def _ours(message: Message) -> Ours | None:
    metadata: Any = message.metadata
    openai: Any = message._openai
    at = message._at
    calls = _calls.rest(message.tool_calls) if message.tool_calls else None
    if at is None and not (metadata or openai or message.original_role or calls):
        return None
    return Ours(at, metadata or None, message.original_role, openai or None, calls)


def _rewrite(message: Message, origin: bytes) -> bytes:
    loaded = elements.load(origin)
    value = elements.modern(loaded)
    before = reading.of_element(elements.parse(origin), origin)
    kind = _KIND_OF_ROLE[message.role]
    unchanged = message == before and message._extra is None and message._openai == before._openai
    if unchanged and value is loaded and value["type"] == kind:
        return origin
    data = dict(value["data"])
    if message._extra is not None:
        data = {k: v for k, v in data.items() if k in elements.CORE_FIELDS} | dict(message._extra)
    _overwrite(data, message, before)
    free = data.pop("role", None)
    was_chat = elements.KINDS.get(value["type"]) == "chat"
    if "type" in data:
        data["type"] = kind
    value["type"], value["data"] = kind, data
    ours = _ours(message) or Ours()
    theirs = value.pop(OURS, None)
    new = {name: getattr(ours, name) for name in ours.__struct_fields__}
    merged = (theirs if isinstance(theirs, dict) else {}) | new
    if message.role != before.role:
        merged.pop(CHAT, None)
    elif was_chat:
        merged[CHAT] = free
    kept = {name: item for name, item in merged.items() if item is not None}
    if kept:
        value[OURS] = kept
    return elements.dump(value)


def _overwrite(data: dict[str, Any], message: Message, before: Message) -> None:
    """Sets in ``data`` what differs between the two messages, and leaves all else as it is."""
    if message.content != before.content or "content" not in data:
        data["content"] = message.content
    if message.content != before.content:
        # The same once more, which LangChain in Python prefers.
        data.pop("content_blocks", None)
    for name in ("id", "name", "tool_call_id"):
        value = getattr(message, name)
        if value != getattr(before, name):
            data[name] = value
    if message.role == "tool" and data.get("tool_call_id") is None:
        data["tool_call_id"] = ""
    # Of an early writer the calls may have gone with the extra fields, where those were replaced.
    gone = message._extra is not None and "tool_calls" not in data and message.tool_calls
    if gone or message.tool_calls != before.tool_calls:
        valid, invalid = _calls.stored(message.tool_calls)
        data["tool_calls"], data["invalid_tool_calls"] = valid, invalid
        kwargs = data.get("additional_kwargs")
        if isinstance(kwargs, dict):
            # The provider's form of the same calls: some readers prefer it.
            data["additional_kwargs"] = {k: v for k, v in kwargs.items() if k != "tool_calls"}
