"""Messages of the libraries in Python, made from plain fields, and what their readers see of them.

`normal` is the form in which what was given and what was seen are compared: empty fields say
nothing, and neither does how a library tells its own classes apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    RemoveMessage,
    SystemMessage,
    ToolMessage,
)

from redialog import Message, ToolCall
from redialog._checks import ROLE_NAMES
from redialog._places import derived

CLASSES: dict[str, type[BaseMessage]] = {
    "human": HumanMessage,
    "ai": AIMessage,
    "ai chunk": AIMessageChunk,
    "system": SystemMessage,
    "tool": ToolMessage,
    "function": FunctionMessage,
    "chat": ChatMessage,
    "remove": RemoveMessage,
}
_CHUNK = "MessageChunk"
_ROLES = {"human": "user", "ai": "assistant", "system": "system", "tool": "tool"}
_TYPES = {role: kind for kind, role in _ROLES.items()} | {"remove": "remove"}
_DEVELOPER = {"__openai_role__": "developer"}
_CORE = ("content", "id", "name", "tool_calls", "invalid_tool_calls", "tool_call_id")
# What a message has while it is streamed; the calls made of it are compared.
_TRANSIENT = frozenset({"type", "tool_call_chunks", "chunk_position"})
_EMPTY: tuple[object, ...] = (None, {}, [])

Told = dict[str, Any]


def langchain_made(kind: str, fields: Mapping[str, Any]) -> BaseMessage:
    """LangChain's message."""
    return CLASSES[kind](**fields)


def langchain_told(message: BaseMessage) -> Told:
    """All that one of LangChain's messages says."""
    kind = message.type
    if kind.endswith(_CHUNK):
        kind = kind.removesuffix(_CHUNK).lower()
    return normal(kind, message.model_dump())


def made(kind: str, fields: Mapping[str, Any]) -> Message:
    """This library's message, as an application without LangChain makes it."""
    rest = dict(fields)
    core = {name: rest.pop(name) for name in _CORE if name in rest}
    calls = [*core.pop("tool_calls", ()), *core.pop("invalid_tool_calls", ())]
    order = rest.pop("order", None)
    if order:
        calls.sort(key=lambda call: order.index(call["id"]))
    core["tool_calls"] = [_call(call) for call in calls]
    core["metadata"] = rest.pop("our metadata", None)
    openai = rest.pop("openai", None)
    if openai:
        return Message.from_openai({"role": _ROLES[kind], "content": core["content"], **openai})
    role: Any = _ROLES.get(kind, kind)
    if rest.get("additional_kwargs") == _DEVELOPER:
        role = "developer"
        del rest["additional_kwargs"]
    message = Message(role, **core)
    return message.replace(extra=rest) if rest else message


def _call(call: Mapping[str, Any]) -> ToolCall:
    extra = {"error": call["error"]} if call.get("error") else {}
    return ToolCall(call["name"], call["args"], call["id"], extra | call.get("further", {}))


def told(message: Message) -> Told:
    """All that one of this library's messages says, but its time."""
    fields: dict[str, Any] = dict(message.extra) | {
        "content": message.content,
        "id": None if message.id is None or derived(message.id) else message.id,
        "name": message.name,
        "tool_call_id": message.tool_call_id,
        "our metadata": dict(message.metadata),
        "openai": dict(message._openai or {}),
    }
    for name, kind in (("tool_calls", dict), ("invalid_tool_calls", str)):
        fields[name] = [_plain(call) for call in message.tool_calls if isinstance(call.args, kind)]
    kinds = [isinstance(call.args, str) for call in message.tool_calls]
    if kinds != sorted(kinds):
        fields["order"] = [call.id for call in message.tool_calls]
    role, free = message.role, message.original_role
    if free == "function":
        return normal("function", fields)
    if free == "developer":
        fields["additional_kwargs"] = {**fields.get("additional_kwargs", {}), **_DEVELOPER}
    elif free is not None and free not in ROLE_NAMES:
        return normal("chat", fields | {"role": free})
    return normal(_TYPES.get(role, role), fields)


def _plain(call: ToolCall) -> dict[str, Any]:
    further = {name: value for name, value in call.extra.items() if name != "error"}
    plain = {"name": call.name, "args": call.args, "id": call.id, "further": further}
    return plain | {"error": call.extra.get("error")}


def normal(kind: str, fields: Mapping[str, Any]) -> Told:
    """What a message says, in one form for all libraries."""
    blocks = fields.get("contentBlocks", fields.get("content_blocks"))
    content = fields.get("content")
    if content in _EMPTY:
        content = blocks or ""
    kept = {
        name: value
        for name, value in fields.items()
        if value not in _EMPTY and name not in _TRANSIENT | {"contentBlocks", "content_blocks"}
    }
    if blocks and blocks != content:
        kept["content_blocks"] = blocks
    for name in ("tool_calls", "invalid_tool_calls"):
        if name in kept:
            kept[name] = [_normal_call(call) for call in kept[name]]
    if kept.get("status") == "success":
        del kept["status"]  # LangChain in Python says it where nothing was said
    for name in ("name", "tool_call_id"):
        if kept.get(name) == "":
            del kept[name]
    return {"type": kind, **kept, "content": content}


def _normal_call(call: Mapping[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in call.items() if k != "type" and (k == "args" or v not in _EMPTY)}
