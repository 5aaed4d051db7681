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
from msgspec import structs

from redialog import _checks
from redialog._checks import ACCEPTED, Role, StoredRole
from redialog._json import mapping
from redialog.elements import CORE_FIELDS, extra_fields
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


class _Checked(msgspec.StructMeta):
    """The constructor of `Message`: checks what it is given.

    The codec, which reads what has been checked, makes messages with `made` and does not pay for
    it: a struct is made in 0.1 µs, a full read makes thousands.
    """

    def __call__(
        cls,  # noqa: N805 - of a metaclass
        role: object,
        content: object = "",
        *,
        id: object = None,  # noqa: A002 - the field's name everywhere else
        name: object = None,
        tool_calls: object = (),
        tool_call_id: object = None,
        created_at: object = None,
        metadata: object = None,
    ) -> Message:
        core = _checks.core_role(role)
        return made(
            core,
            content if type(content) is str else _checks.content(content),
            # What was not given, which is most of it, needs no call.
            None if id is None else text_or_none(id, "id"),
            None if name is None else text_or_none(name, "name"),
            () if tool_calls == () else _checks.tool_calls(tool_calls),
            None if tool_call_id is None else text_or_none(tool_call_id, "tool_call_id"),
            None if created_at is None else _checks.instant(created_at),
            {} if metadata is None else mapping(metadata, "metadata"),
            None if core == role else str.__str__(role),
        )


class Message(msgspec.Struct, metaclass=_Checked, frozen=True, eq=False, gc=False):
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

    role: StoredRole
    content: Content = ""
    id: str | None = None
    name: str | None = None
    tool_calls: Sequence[ToolCall] = ()
    tool_call_id: str | None = None
    # Milliseconds since the epoch: most readers of a message never ask for its time, and a
    # datetime costs as much as the rest of the message.
    _at: int | None = None
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
            id: str | None = None,  # noqa: A002
            name: str | None = None,
            tool_calls: Iterable[ToolCall | Mapping[str, object]] = (),
            tool_call_id: str | None = None,
            created_at: datetime | None = None,
            metadata: Mapping[str, object] = ...,
        ) -> None: ...

    @property
    def created_at(self) -> datetime | None:
        """When it was made, in UTC."""
        return None if self._at is None else _checks.from_ms(self._at)

    @classmethod
    def user(cls, content: Content, **fields: Unpack[_Fields]) -> Message:
        """A message of the user; the arguments are those of `Message`."""
        if type(content) is str and not fields:
            return made("user", content)
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
        if type(content) is str and tool_calls == () and not fields:
            return made("assistant", content)
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
            InvalidMessage: no mapping, no known role, no content where it is not the model's, or
                a field of a wrong type.
        """
        if not isinstance(value, Mapping):
            raise _checks.no_message(value)
        rest = dict(value)
        if "role" not in rest:
            raise InvalidMessage("a message needs a role: user, assistant, system or tool")
        content = rest.pop("content", None)
        fields = {key: rest.pop(key) for key in _OPENAI_FIELDS & rest.keys()}
        fields["tool_calls"] = fields.get("tool_calls") or ()
        build: Callable[..., Message] = Message
        message = build(rest.pop("role"), "" if content is None else content, **fields)
        if "content" not in value and message.role != "assistant":
            # An answer can do without: it has tool calls, a refusal, audio.
            raise InvalidMessage(f"a message of the role {message.role} needs content")
        if rest:
            return structs.replace(message, _openai=mapping(rest, "an OpenAI message"))
        return message

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
        fields = {name: getattr(self, name) for name in _FIELDS}
        extra = self._extra
        if "extra" in changes:
            extra = mapping(changes.pop("extra"), "extra")
            for name in CORE_FIELDS & extra.keys():
                raise InvalidMessage(f"extra cannot hold {name!r}: it is a field of the message")
        unknown = changes.keys() - fields.keys()
        if unknown:
            raise InvalidMessage(f"a message has no field {min(unknown)!r}")
        build: Callable[..., Message] = Message
        message = build(**(fields | changes))
        if "role" not in changes:
            structs.force_setattr(message, "original_role", self.original_role)
        return structs.replace(
            message, _extra=extra, _openai=self._openai, _base=self._raw or self._base
        )

    __replace__ = replace

    def __reduce__(self) -> tuple[object, ...]:
        return _made_again, tuple(getattr(self, name) for name in self.__struct_fields__)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Message):
            return NotImplemented
        mine = (self._at, self.original_role, *(getattr(self, name) for name in _COMPARED))
        return mine == (
            other._at,
            other.original_role,
            *(getattr(other, name) for name in _COMPARED),
        )

    def __hash__(self) -> int:
        return hash((self.role, self.id, self.name, self.tool_call_id))

    def __repr__(self) -> str:
        shown = [f"role={self.role!r}, content={self.content!r}"]
        for name in (*_FIELDS[2:], "original_role"):
            value = getattr(self, name)
            if value:
                shown.append(f"{name}={value!r}")
        return f"Message({', '.join(shown)})"


_COMPARED = ("role", "content", "id", "name", "tool_calls", "tool_call_id", "metadata")
_FIELDS = (*_COMPARED, "created_at")

# Bound, and not a partial: 0.11 µs a message instead of 0.17, which is half of a full read.
made: Callable[..., Message] = msgspec.StructMeta.__call__.__get__(Message)
"""A message of fields that have been checked, in the order of the class."""


def _made_again(*fields: object) -> Message:
    """The same from pickled fields."""
    return made(*fields)
