"""Between a `Message` and the element that is stored for it.

Read: every shape that LangChain (Python and JavaScript, since 2023) and Flowise wrote. Written:
only ``human``, ``ai``, ``system`` and ``tool``, so that each of those readers loads it; what is
ours alone stands under one more key, which they ignore.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import UNSET, Raw, structs

from redialog import _calls, elements
from redialog._checks import ROLE_NAMES, Role, StoredRole
from redialog._places import derived, derived_id, digest
from redialog.elements import CHAT, OURS, Damaged, Data, Element, Ours, PlainElement
from redialog.errors import CorruptElement, InvalidMessage
from redialog.messages import Message, made
from redialog.toolcalls import ToolCall

# Slices of this many are decoded at once: 256 is the fastest of 64 to 10,000, by a third.
_SLICE = 256

_ROLE_OF_KIND: dict[str, StoredRole] = {
    "human": "user",
    "ai": "assistant",
    "system": "system",
    "developer": "system",
    "tool": "tool",
    "function": "tool",
    "remove": "remove",
}
_DEVELOPER = Raw(elements.dump({elements.OPENAI_ROLE: "developer"}))
_PLAIN_ROLE: dict[str, Role] = {"human": "user", "ai": "assistant", "system": "system"}
_KIND_OF_ROLE = {"user": "human", "assistant": "ai", "system": "system", "tool": "tool"}


def decode(raw: bytes, *, key: str, position: int, strict: bool = False) -> Message:
    """The message that an element holds.

    Args:
        raw: the element's bytes.
        key: the list that it lies in, for the error.
        position: its index there, for the error; where it is negative, counted from the oldest,
            also for the id of a message that has none.
        strict: raise where it is damaged.

    Returns:
        The message; for a damaged element one with the role ``damaged``, no content and the
        error in `Message.damage`.

    Raises:
        CorruptElement: it is damaged and ``strict``.
    """
    try:
        message = _message(elements.parse(raw), raw)
    except Damaged as damage:
        error = CorruptElement(key=key, position=position, reason=str(damage))
        if strict:
            raise error from None
        message = structs.replace(made("damaged", ""), damage=error, _raw=raw)
    return _addressable(message, raw, position)


def decode_many(raws: Sequence[bytes], *, key: str, positions: range) -> list[Message]:
    """The messages of elements, in their order; damaged ones in their places.

    Args:
        raws: the elements' bytes.
        key: the list that they lie in, for errors.
        positions: the index of each there, as in `decode`.
    """
    messages: list[Message] = []
    for start in range(0, len(raws), _SLICE):
        some = raws[start : start + _SLICE]
        plain = elements.parse_plain(some)
        if plain is not None:
            messages += _plain(plain, some, positions[start : start + _SLICE])
            continue
        try:
            parsed = elements.parse_many(some) or [elements.parse(raw) for raw in some]
            messages += [
                _addressable(_message(one, raw), raw, positions[start + index])
                for index, (one, raw) in enumerate(zip(parsed, some, strict=True))
            ]
        except Damaged:
            messages += [
                decode(raw, key=key, position=positions[start + index])
                for index, raw in enumerate(some)
            ]
    return messages


def has_id(raw: bytes, message_id: str) -> bool:
    """Whether this is the element that an id stands for, wherever it lies."""
    place = derived(message_id)
    if place is not None and place.digest == digest(raw):
        return True
    return decode(raw, key="", position=0).id == message_id


def _addressable(message: Message, raw: bytes, position: int) -> Message:
    """The message with an id, where it has none and its place is known."""
    if message.id is None and position < 0:
        structs.force_setattr(message, "id", derived_id(raw, position))
    return message


def _plain(
    parsed: Sequence[PlainElement], raws: Sequence[bytes], positions: range
) -> list[Message]:
    return [
        made(
            _PLAIN_ROLE[e.type],
            e.data.content,
            e.data.id or (derived_id(raw, position) if position < 0 else None),
            e.data.name or None,
            (),
            None,
            e.redialog and e.redialog.at,
            {},
            None,
            None,
            None,
            None,
            raw,
        )
        for e, raw, position in zip(parsed, raws, positions, strict=True)
    ]


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
    origin = message._raw or message._base
    message = made(
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
    raw = _encoded(message, origin)
    structs.force_setattr(message, "_raw", raw)
    structs.force_setattr(message, "_extra", None)
    return message


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


def _message(element: Element, raw: bytes) -> Message:
    data, ours = element.data, element.redialog
    role, original = _role(element)
    content = data.content
    if content is None:
        content = elements.content_blocks(data) or ""
    if not isinstance(content, str):
        content = [{"type": "text", "text": b} if isinstance(b, str) else b for b in content]
    calls: tuple[ToolCall, ...] = ()
    if data.tool_calls or data.invalid_tool_calls or data.additional_kwargs is not UNSET:
        calls = _calls.read(data, ours)
        if role == "system":
            original = original or _openai_role(data)
    ours = ours or Ours()
    return made(
        role,
        content,
        data.id or None,
        data.name or None,
        calls,
        data.tool_call_id or None,
        ours.at,
        ours.metadata or {},
        ours.role or original,
        None,
        None,
        ours.openai,
        raw,
    )


def _role(element: Element) -> tuple[StoredRole, str | None]:
    kind = elements.KINDS.get(element.type)
    if kind is None:
        raise Damaged("its type is unknown")
    if kind == "chat":
        free = element.data.role or "user"
        role = ROLE_NAMES.get(free.lower(), "user")
        return role, None if ROLE_NAMES.get(free) == role == free else free
    return _ROLE_OF_KIND[kind], kind if kind in ("function", "developer") else None


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
    before = _message(elements.parse(origin), origin)
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


def _openai_role(data: Data) -> str | None:
    """LangChain in Python stores a developer message as a system one, with this mark."""
    role = elements.additional_kwargs(data).get(elements.OPENAI_ROLE)
    return "developer" if role == "developer" else None
