"""Tool calls as LangChain stores them: valid and malformed ones in two lists, with fixed fields.

What those lists cannot hold (further fields, the order of valid and malformed calls) stands under
this library's own key.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import structs

from redialog import elements
from redialog.elements import Damaged, Data, Ours
from redialog.errors import InvalidMessage
from redialog.toolcalls import ToolCall


def read(data: Data, ours: Ours | None) -> tuple[ToolCall, ...]:
    """The calls of an element.

    Raises:
        Damaged: they are of a shape that no version wrote.
    """
    try:
        calls = [ToolCall.parse(call) for call in data.tool_calls or ()]
        calls += [_invalid_call(call) for call in data.invalid_tool_calls or ()]
    except InvalidMessage:
        raise Damaged("its tool calls are of a shape that no version wrote") from None
    if not calls:
        return _sent_calls(elements.additional_kwargs(data).get("tool_calls"))
    if ours is not None and ours.calls:
        calls = _restored(calls, ours.calls)
    return tuple(calls)


def _sent_calls(sent: object) -> tuple[ToolCall, ...]:
    """The provider's form of the calls, which is all that early writers left."""
    if not isinstance(sent, list):
        return ()
    try:
        return tuple(ToolCall.parse(call) for call in sent)
    except InvalidMessage:
        # Pieces of a streamed call. The text beside them is worth more than an error.
        return ()


def _invalid_call(call: Mapping[str, Any]) -> ToolCall:
    rest = {k: v for k, v in call.items() if k not in ("name", "args", "id", "type")}
    args, name, call_id = call.get("args"), call.get("name"), call.get("id")
    return ToolCall(
        str(name or ""),
        args if isinstance(args, str) else "",
        call_id if isinstance(call_id, str) else None,
        rest,
    )


def stored(calls: Sequence[ToolCall]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The two lists: valid calls, and those whose arguments are no JSON object."""
    valid: list[dict[str, Any]] = []
    invalid: list[dict[str, Any]] = []
    for call in calls:
        kind = "invalid_tool_call" if isinstance(call.args, str) else "tool_call"
        # No further field: LangChain in Python would not load the message, nor the session.
        stored = {"name": call.name, "args": call.args, "id": call.id, "type": kind}
        (invalid if isinstance(call.args, str) else valid).append(stored | _error(call))
    return valid, invalid


def _error(call: ToolCall) -> dict[str, object]:
    """Of the further fields of a call the one that the list of malformed calls holds."""
    error = call.extra.get("error", 0)
    told = isinstance(call.args, str) and isinstance(error, str | None)
    return {"error": error} if told else {}


def rest(calls: Sequence[ToolCall]) -> list[Any] | None:
    """What LangChain's two lists of calls do not hold; None where that is nothing.

    Of each call, in the order of the message: whether it is an invalid one, and its extra.
    """
    kinds = [int(isinstance(call.args, str)) for call in calls]
    extras = [{k: v for k, v in call.extra.items() if k not in _error(call)} for call in calls]
    if kinds == sorted(kinds) and not any(extras):
        return None
    return [list(of_call) for of_call in zip(kinds, extras, strict=True)]


def _restored(calls: list[ToolCall], kept: list[Any]) -> list[ToolCall]:
    """The calls with what `rest` kept of them, where it speaks of these calls."""
    by_kind: dict[int, list[ToolCall]] = {0: [], 1: []}
    for call in calls:
        by_kind[int(isinstance(call.args, str))].append(call)
    try:
        made = [_with(by_kind[kind].pop(0), extra) for kind, extra in kept]
    except (TypeError, ValueError, KeyError, IndexError):
        return calls
    return made if len(made) == len(calls) else calls


def _with(call: ToolCall, extra: Mapping[str, object]) -> ToolCall:
    return structs.replace(call, extra={**call.extra, **extra})
