"""Most elements of a log, straight to LangChain's messages: texts, calls of tools, their results.

As this library writes them and as LangChain does, in Python and JavaScript. A `Message` between
would cost as much as the rest: it holds what LangChain's have no place for, and they are checked
once more when they are made of it.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)

from redialog.integrations.langchain.copies import Fields, Make, maker

_NOTHING: Fields = {}
_TOLD: Fields = {
    "additional_kwargs": {"refusal": None, "many": [1, 2.5, {"a": "b"}]},
    "response_metadata": {"model_name": "m", "counts": {"all": 1}},
}
_USED: Fields = {
    "usage_metadata": {
        "input_tokens": 1,
        "output_tokens": 2,
        "total_tokens": 3,
        "input_token_details": {"cache_read": 1, "other": 0},
        "output_token_details": {},
    }
}
_CALLS: Fields = {
    "tool_calls": [
        {"name": "f", "args": {"a": [1, {"b": None}]}, "id": "c", "type": "tool_call"},
        {"name": "", "args": {}, "id": None, "type": "tool_call"},
    ]
}
_RESULT: Fields = {"tool_call_id": "c"}


class _Call(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """A call that both libraries write in the same form."""

    name: str
    args: dict[str, Any]
    id: Annotated[str, msgspec.Meta(min_length=1)] | None
    type: Literal["tool_call"]


class _Usage(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """Counts of tokens, as LangChain has them; of another's it says what it makes of them."""

    input_tokens: int
    output_tokens: int
    total_tokens: int
    input_token_details: dict[str, int] | msgspec.UnsetType = msgspec.UNSET
    output_token_details: dict[str, int] | msgspec.UnsetType = msgspec.UNSET


class _Text(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """What a user or an application says, with all that LangChain writes also where it is empty."""

    content: str
    id: str | None = None
    name: str | None = None
    additional_kwargs: dict[str, Any] | None = None
    response_metadata: dict[str, Any] | None = None
    # Once more the kind, or nothing of use since 2023.
    type: str | None = None
    example: bool | None = None


class _Answer(_Text, gc=False, forbid_unknown_fields=True):
    """What a model says."""

    tool_calls: list[_Call] | None = None
    invalid_tool_calls: tuple[()] | None = None
    usage_metadata: _Usage | None = None


class _Result(_Text, kw_only=True, gc=False, forbid_unknown_fields=True):
    """What a tool says."""

    tool_call_id: str
    status: Literal["success", "error"] | None = None
    artifact: None = None


class _Ours(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """What this library adds, as far as it says nothing of LangChain's message."""

    at: int | None = None
    # LangChain has no place for it; decoded all the same, since what is left so is not checked.
    metadata: dict[str, Any] | None = None


class _Element(msgspec.Struct, tag_field="type", gc=False, forbid_unknown_fields=True):
    redialog: _Ours | None = None


class _Human(_Element, kw_only=True, tag="human", gc=False, forbid_unknown_fields=True):
    data: _Text


class _System(_Element, kw_only=True, tag="system", gc=False, forbid_unknown_fields=True):
    data: _Text


class _Ai(_Element, kw_only=True, tag="ai", gc=False, forbid_unknown_fields=True):
    data: _Answer


class _Tool(_Element, kw_only=True, tag="tool", gc=False, forbid_unknown_fields=True):
    data: _Result


_decode = msgspec.json.Decoder(_Human | _System | _Ai | _Tool).decode
_TOLD_BY_ALL = ("additional_kwargs", "response_metadata")
_FURTHER: dict[type[_Element], tuple[str, ...]] = {
    _Human: _TOLD_BY_ALL,
    _System: _TOLD_BY_ALL,
    _Ai: (*_TOLD_BY_ALL, "tool_calls", "usage_metadata"),
    _Tool: (*_TOLD_BY_ALL, "status"),
}
_MAKE: dict[type[_Element], Make] = {
    _Human: maker(HumanMessage, [_NOTHING, _TOLD]),
    _System: maker(SystemMessage, [_NOTHING, _TOLD]),
    _Ai: maker(AIMessage, [_NOTHING, _TOLD, _USED, _CALLS, {**_TOLD, **_USED, **_CALLS}]),
    _Tool: maker(ToolMessage, [_RESULT, {**_RESULT, **_TOLD, "status": "error"}]),
}


def read(element: bytes) -> BaseMessage | None:
    """The message that an element holds; None where that takes a closer look.

    The id is the one that it was stored with.
    """
    try:
        # One by one: 1,000 that are joined to one JSON array take as long.
        found = _decode(element)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    kind, data = type(found), found.data
    has_more = data.additional_kwargs or data.response_metadata or data.example
    if kind is _Ai:
        has_more = has_more or data.tool_calls or data.usage_metadata
    further: Fields | None = _NOTHING
    if has_more or kind is _Tool:
        further = _further(found)
    if further is None:
        return None
    try:
        return _MAKE[kind](data.content, data.id or None, data.name or None, further)
    except (TypeError, ValueError):
        # No copy, but a call, and of a version that refuses the field.
        return None


def _further(found: _Human | _System | _Ai | _Tool) -> Fields | None:
    """What it says beside content, id and name; None where that takes a closer look."""
    data = found.data
    fields = {
        name: value if isinstance(value, dict | str) else msgspec.to_builtins(value)
        for name in _FURTHER[type(found)]
        if (value := getattr(data, name))
    }
    if isinstance(data, _Result):
        fields["tool_call_id"] = data.tool_call_id
    # An early writer left the calls only among what the provider told.
    early = "tool_calls" in fields.get("additional_kwargs", ()) and "tool_calls" not in fields
    return None if early or data.example else fields
