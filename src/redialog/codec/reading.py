"""From an element to the `Message` that it holds."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import UNSET, structs

from redialog import _calls, elements
from redialog._checks import ROLE_NAMES, Role, StoredRole
from redialog._places import derived, derived_id, digest
from redialog.elements import Damaged, Data, Element, Ours, PlainElement, PlainKind
from redialog.errors import CorruptElement
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
_PLAIN_ROLE: dict[PlainKind, Role] = {"human": "user", "ai": "assistant", "system": "system"}


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
        message = of_element(elements.parse(raw), raw)
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
    if len(raws) <= _SLICE:
        return _slice(raws, key, positions)
    messages: list[Message] = []
    for start in range(0, len(raws), _SLICE):
        end = start + _SLICE
        messages += _slice(raws[start:end], key, positions[start:end])
    return messages


def _slice(raws: Sequence[bytes], key: str, positions: range) -> list[Message]:
    plain = elements.parse_plain(raws)
    if plain is not None:
        return _plain(plain, raws, positions)
    try:
        parsed = elements.parse_many(raws) or [elements.parse(raw) for raw in raws]
        return [
            _addressable(of_element(one, raw), raw, position)
            for one, raw, position in zip(parsed, raws, positions, strict=True)
        ]
    except Damaged:
        return [
            decode(raw, key=key, position=position)
            for raw, position in zip(raws, positions, strict=True)
        ]


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


def of_element(element: Element, raw: bytes) -> Message:
    """The message that a parsed element holds.

    Raises:
        Damaged: its type is unknown.
    """
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


def _openai_role(data: Data) -> str | None:
    """LangChain in Python stores a developer message as a system one, with this mark."""
    role = elements.additional_kwargs(data).get(elements.OPENAI_ROLE)
    return "developer" if role == "developer" else None
