"""A call of a tool, in the forms that OpenAI and LangChain give it."""

from __future__ import annotations

import json
from collections.abc import Mapping

import msgspec

from redialog._json import json_value
from redialog.errors import InvalidMessage


class ToolCall(msgspec.Struct, frozen=True, omit_defaults=True):
    """A call of a tool that the assistant asks for.

    Args:
        name: the tool's name.
        args: its arguments as a mapping; text where the model wrote something that is no JSON
            object (such a call is kept, not repaired).
        id: what the tool's result refers to, in its ``tool_call_id``.
        extra: further fields of the call, kept as they are.
    """

    name: str
    args: Mapping[str, object] | str = msgspec.field(default_factory=dict)
    id: str | None = None
    extra: Mapping[str, object] = msgspec.field(default_factory=dict)

    @classmethod
    def parse(cls, value: ToolCall | Mapping[str, object]) -> ToolCall:
        """A call in OpenAI's form (``id``, ``function``) or LangChain's (``name``, ``args``).

        Raises:
            InvalidMessage: it has neither form.
        """
        if isinstance(value, ToolCall):
            return value
        if not isinstance(value, Mapping):
            raise InvalidMessage(f"a tool call must be a mapping, not {type(value).__name__}")
        rest = dict(value)
        call_id = text_or_none(rest.pop("id", None), "tool call id")
        kind = rest.get("type")
        inner = rest.pop(kind if kind == "custom" else "function", None)
        if isinstance(inner, Mapping):
            if kind == "function":
                del rest["type"]
            return cls._from_openai(inner, call_id, rest)
        name, args = rest.pop("name", None), rest.pop("args", {})
        if kind in ("tool_call", "invalid_tool_call"):
            del rest["type"]
        if not isinstance(name, str) or not isinstance(args, Mapping | str | None):
            raise InvalidMessage("a tool call needs a name (text) and args (a mapping)")
        return cls(name, {} if args is None else args, call_id, rest)

    @classmethod
    def _from_openai(
        cls, inner: Mapping[str, object], call_id: str | None, rest: dict[str, object]
    ) -> ToolCall:
        name = inner.get("name")
        if not isinstance(name, str):
            raise InvalidMessage("a tool call needs a name (text)")
        if rest.get("type") == "custom":
            # A custom tool takes free text. The other libraries know only mappings.
            return cls(name, {"input": inner.get("input", "")}, call_id, rest)
        arguments = inner.get("arguments", "")
        if isinstance(arguments, Mapping):
            return cls(name, arguments, call_id, rest)
        if not isinstance(arguments, str):
            raise InvalidMessage("the arguments of a tool call must be JSON text or a mapping")
        try:
            args = json_value(msgspec.json.decode(arguments or "{}"), "arguments")
        except (msgspec.MsgspecError, InvalidMessage, ValueError, RecursionError):
            args = None
        return cls(name, args if isinstance(args, dict) else arguments, call_id, rest)

    def to_openai(self) -> dict[str, object]:
        """The call as OpenAI's chat completions have it."""
        head: dict[str, object] = {} if self.id is None else {"id": self.id}
        if self.extra.get("type") == "custom" and isinstance(self.args, Mapping):
            inner = {"name": self.name, "input": self.args.get("input", "")}
            return head | dict(self.extra) | {"custom": inner}
        args = self.args
        text = args if isinstance(args, str) else _json_text(args)
        function = {"name": self.name, "arguments": text}
        return head | {"type": "function", "function": function} | dict(self.extra)


def _json_text(value: object) -> str:
    try:
        return msgspec.json.encode(value).decode()
    except UnicodeEncodeError:
        # Half of an emoji, which a writer has cut: as an escape it can be sent.
        return json.dumps(value, separators=(",", ":"))


def text_or_none(value: object, where: str) -> str | None:
    """``value`` where it is text; None where it is None or empty.

    Raises:
        InvalidMessage: it is something else.
    """
    if value is None or value == "":
        return None
    if isinstance(value, str):
        return str.__str__(value)
    raise InvalidMessage(f"{where} must be text, not {type(value).__name__}")
