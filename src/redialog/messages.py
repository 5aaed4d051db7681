"""What a conversation is made of: `Message`.

An immutable value. A message that was read keeps a reference to the element that it was
read from (``_raw``), so that what this library does not know in it survives a rewrite; nothing
else of the stored form shows here (`redialog.codec` has it).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, TypeAlias, TypedDict, Unpack

import msgspec

from redialog import _checks
from redialog._checks import ACCEPTED, Role, StoredRole
from redialog.elements import extra_fields
from redialog.errors import CorruptElement, InvalidMessage
from redialog.toolcalls import ToolCall, text_or_none

Content: TypeAlias = str | Sequence[Mapping[str, object]]
"""Text, or blocks such as ``{"type": "text", "text": "Hi"}`` and ``{"type": "image_url", ...}``."""

MessageLike: TypeAlias = "Message | Mapping[str, object]"
"""A message, or the same as a dict in the format of OpenAI's chat completions."""

_OPENAI_FIELDS = frozenset({"id", "name", "tool_calls", "tool_call_id"})


class _Fields(TypedDict, total=False):
    id: str | None
    name: str | None
    created_at: datetime | None
    metadata: Mapping[str, object]


class _Positional(msgspec.Struct, frozen=True, eq=False):
    role: StoredRole
    content: Content = ""


class Message(_Positional, frozen=True, kw_only=True, eq=False):
    """One message of a conversation; immutable.

    Args:
        role: ``user``, ``assistant``, ``system`` or ``tool``. ``developer`` is taken as
            ``system`` and ``function`` as ``tool``, with the original in `original_role`.
        content: text, or a list of blocks (mappings that JSON can hold).
        id: its identity in the session; given by `Session.append` where it is None.
        name: of the speaker, or of the tool.
        tool_calls: what an assistant message asks for: `ToolCall` objects, or dicts as OpenAI or
            LangChain write them.
        tool_call_id: which call a tool message answers.
        created_at: a time-zone aware time; set by `Session.append` where it is None. For
            information only: the order of a conversation is the order of its log.
        metadata: anything of yours that JSON can hold; other libraries ignore it.

    Attributes:
        original_role: the role's own name where it is none of the four (``developer``, or the
            free role of a foreign message).
        damage: in the place of an unreadable element, the error that says what and where
            (`role` is then ``damaged``).

    Raises:
        InvalidMessage: an unknown role, or content that JSON cannot hold.
    """

    id: str | None = None
    name: str | None = None
    tool_calls: Sequence[ToolCall] = ()
    tool_call_id: str | None = None
    created_at: datetime | None = None
    metadata: Mapping[str, object] = msgspec.field(default_factory=dict)
    original_role: str | None = None
    damage: CorruptElement | None = None
    # Further fields of the stored message; None: those of `_raw` or `_base`.
    _extra: Mapping[str, object] | None = None
    # Fields of an OpenAI message that have no place of their own.
    _openai: Mapping[str, object] | None = None
    # The element that this message was read from, and the one that it was derived from.
    _raw: bytes | None = None
    _base: bytes | None = None

    if TYPE_CHECKING:

        def __init__(
            self,
            role: Role,
            content: Content = "",
            *,
            id: str | None = None,  # noqa: A002 - the field's name everywhere else
            name: str | None = None,
            tool_calls: Iterable[ToolCall | Mapping[str, object]] = (),
            tool_call_id: str | None = None,
            created_at: datetime | None = None,
            metadata: Mapping[str, object] = ...,
        ) -> None: ...

    def __post_init__(self) -> None:
        # What was decoded has been checked by the codec.
        if self._raw is None:
            _normalise(self)

    @classmethod
    def user(cls, content: Content, **fields: Unpack[_Fields]) -> Message:
        """A message of the user; the arguments are those of `Message`."""
        return cls("user", content, **fields)

    @classmethod
    def assistant(
        cls,
        content: Content = "",
        *,
        tool_calls: Iterable[ToolCall | Mapping[str, object]] = (),
        **fields: Unpack[_Fields],
    ) -> Message:
        """A message of the model; the arguments are those of `Message`."""
        return cls("assistant", content, tool_calls=tool_calls, **fields)

    @classmethod
    def system(cls, content: Content, **fields: Unpack[_Fields]) -> Message:
        """An instruction to the model; the arguments are those of `Message`."""
        return cls("system", content, **fields)

    @classmethod
    def tool(
        cls, content: Content, *, tool_call_id: str | None = None, **fields: Unpack[_Fields]
    ) -> Message:
        """The result of a tool call; the arguments are those of `Message`."""
        return cls("tool", content, tool_call_id=tool_call_id, **fields)

    @classmethod
    def parse(cls, value: MessageLike) -> Message:
        """The message itself, or the one that a dict in OpenAI's format describes.

        Raises:
            InvalidMessage: neither a message nor such a dict.
        """
        if isinstance(value, Message):
            return value
        return cls.from_openai(value)

    @classmethod
    def from_openai(cls, value: Mapping[str, object]) -> Message:
        """A message from the format of OpenAI's chat completions.

        Fields that have no place of their own (``refusal``, ``audio``, ...) are kept, stored and
        given back by `to_openai`.

        Raises:
            InvalidMessage: no mapping, no known role, or a field of a wrong type.
        """
        if not isinstance(value, Mapping):
            raise InvalidMessage(
                "a message must be a Message or a dict with role and content, "
                f"not {type(value).__name__}"
            )
        rest = dict(value)
        if "role" not in rest:
            raise InvalidMessage("a message needs a role: user, assistant, system or tool")
        content = rest.pop("content", None)
        fields = {key: rest.pop(key) for key in _OPENAI_FIELDS & rest.keys()}
        return _build(
            rest.pop("role"),
            "" if content is None else content,
            tool_calls=fields.pop("tool_calls", None) or (),
            _openai=rest or None,
            **fields,
        )

    def to_openai(self) -> dict[str, object]:
        """The message in the format of OpenAI's chat completions.

        Raises:
            InvalidMessage: there is no such thing: the message is damaged, or LangChain's
                request to remove another one.
        """
        if self.role in ("damaged", "remove"):
            raise InvalidMessage(
                f"a {self.role} message has no OpenAI form; leave it out (see Message.role)"
            )
        role = self.original_role if self.original_role in ACCEPTED else self.role
        content: object = self.content
        if self.tool_calls and not content:
            content = None
        made: dict[str, object] = {"role": role, "content": content}
        if self.name is not None:
            made["name"] = self.name
        if self.tool_calls:
            made["tool_calls"] = [call.to_openai() for call in self.tool_calls]
        if self.tool_call_id is not None:
            made["tool_call_id"] = self.tool_call_id
        return made | dict(self._openai or {})

    @property
    def text(self) -> str:
        """The content as text: of blocks, the text ones, joined."""
        if isinstance(self.content, str):
            return self.content
        texts = (block.get("text") for block in self.content)
        return "".join(text for text in texts if isinstance(text, str))

    @property
    def extra(self) -> Mapping[str, object]:
        """Further fields of the stored message, under the names that LangChain gives them.

        ``usage_metadata``, ``response_metadata``, ``additional_kwargs``, ``artifact``, ... as the
        writer left them. Decoded at each call; set with ``replace(extra=...)``.
        """
        if self._extra is not None:
            return self._extra
        stored = self._raw or self._base
        if stored is None:
            return {}
        return extra_fields(stored)

    def replace(self, **changes: object) -> Message:
        """A copy with some fields changed, named as in `Message`, and ``extra``.

        What this library does not know in a stored message is kept in the copy.

        Raises:
            InvalidMessage: as for `Message`, or the name of no field.
        """
        fields = {name: getattr(self, name) for name in self.__struct_fields__}
        fields |= {"_raw": None, "_base": self._raw or self._base, "damage": None}
        if "extra" in changes:
            changes["_extra"] = changes.pop("extra")
        unknown = changes.keys() - fields.keys()
        if unknown:
            raise InvalidMessage(f"a message has no field {min(unknown)!r}")
        if "role" in changes:
            fields["original_role"] = None
        return _build(**(fields | changes))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Message):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in _COMPARED)

    def __hash__(self) -> int:
        return hash((self.role, self.id, self.name, self.tool_call_id))

    def __repr__(self) -> str:
        shown = [f"role={self.role!r}, content={self.content!r}"]
        for name in _COMPARED[2:]:
            value = getattr(self, name)
            if value:
                shown.append(f"{name}={value!r}")
        return f"Message({', '.join(shown)})"


_COMPARED = (
    "role",
    "content",
    "id",
    "name",
    "tool_calls",
    "tool_call_id",
    "created_at",
    "metadata",
    "original_role",
)


def _build(role: object, content: object, **fields: object) -> Message:
    """The constructor, for values that have yet to be checked."""
    if "metadata" in fields and fields["metadata"] is None:
        del fields["metadata"]
    make: Callable[..., Message] = Message
    return make(role, content, **fields)


def _normalise(message: Message) -> None:
    """Checks what a caller gave and brings it into the one form that the rest relies on."""
    set_field = msgspec.structs.force_setattr
    role = _checks.core_role(message.role)
    if role != message.role:
        set_field(message, "original_role", message.role)
        set_field(message, "role", role)
    if type(message.content) is not str:
        set_field(message, "content", _checks.blocks(message.content))
    for name, value in (
        ("id", message.id),
        ("name", message.name),
        ("tool_call_id", message.tool_call_id),
    ):
        if value is not None:
            set_field(message, name, text_or_none(value, name))
    if message.tool_calls != ():
        set_field(message, "tool_calls", _checks.tool_calls(message.tool_calls))
    if message.created_at is not None:
        set_field(message, "created_at", _checks.instant(message.created_at))
    if message.metadata or message._extra or message._openai:
        _check_mappings(message)


def _check_mappings(message: Message) -> None:
    for name in ("metadata", "_extra", "_openai"):
        value = getattr(message, name)
        if value:
            if not isinstance(value, Mapping):
                raise InvalidMessage(f"{name.lstrip('_')} must be a mapping")
            _checks.json_value(value, name.lstrip("_"))
