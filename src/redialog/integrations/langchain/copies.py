"""Messages of LangChain's classes as their calls make them, at a third of the cost.

The call checks what is known to be right already: of 1,000 messages that were read, it took two
thirds of the time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeAlias

from langchain_core.messages import BaseMessage

Fields: TypeAlias = Mapping[str, Any]
Make: TypeAlias = Callable[[str, str | None, str | None, Fields], BaseMessage]
"""Makes a message of its content, its id, its name and further fields, which become its own."""

_UNCHANGING = (str, int, bool, type(None))
_KNOWN_RULES = frozenset({"_backwards_compat_tool_calls", "coerce_args"})
"""What classes do with their fields before they check them: these look for calls among what a
provider told, and make text of what is none."""

_NAMED: tuple[tuple[str, str | None, str | None], ...] = (
    ("", None, None),
    (" A text\n", "an id", None),
    ("[]", None, "a name"),
    ("{}", "5", "6"),
)


class _MayDiffer(Exception):
    """A copy could be other than what the call makes."""


def maker(kind: type[BaseMessage], probes: Sequence[Fields]) -> Make:
    """What makes messages of a class: copies where these are known to be the same, else calls.

    Args:
        kind: the class.
        probes: further fields, such as messages will have; the first are those that each has.
    """
    call: Make = partial(_called, kind)
    try:
        copied = _copying(kind, probes[0])
        same = all(
            _same(copied(*named, fields), call(*named, fields))
            for named in _NAMED
            for fields in probes
        )
    except Exception:
        # Another version of LangChain or pydantic, and whatever is other in it.
        return call
    return copied if same else call


def _called(
    kind: type[BaseMessage], content: str, own_id: str | None, name: str | None, further: Fields
) -> BaseMessage:
    return kind(content=content, id=own_id, name=name, **further)


def _copying(kind: type[BaseMessage], needed: Fields) -> Make:
    """Copies of one message; what can be changed in it, each has of its own.

    Raises:
        _MayDiffer: the class checks or holds what is not known here.
    """
    _look_at_rules(kind)
    state: Any = _called(kind, "", None, None, needed).__getstate__()
    fields, given = state["__dict__"], state["__pydantic_fields_set__"]
    anew = [(name, type(value)) for name, value in fields.items() if value in ({}, [])]
    others = fields.keys() - {name for name, _ in anew}
    if not all(type(fields[name]) in _UNCHANGING for name in others):
        raise _MayDiffer
    new, put = kind.__new__, object.__setattr__

    def copied(content: str, own_id: str | None, name: str | None, further: Fields) -> BaseMessage:
        values, names = fields.copy(), given.copy()
        values["content"] = content
        values["id"] = own_id
        values["name"] = name
        for field, empty in anew:
            values[field] = empty()
        if further:
            values.update(further)
            names.update(further)
        made = new(kind)
        # As pydantic itself does where it copies.
        put(made, "__dict__", values)
        put(made, "__pydantic_fields_set__", names)
        put(made, "__pydantic_extra__", {})
        put(made, "__pydantic_private__", None)
        return made

    return copied


def _look_at_rules(kind: type[BaseMessage]) -> None:
    """Looks for what a call does with some messages only, which no probe would show.

    Raises:
        _MayDiffer: there is something.
    """
    own: Any = kind.__pydantic_decorators__
    rules = (own.validators, own.field_validators, own.root_validators, own.model_validators)
    if any(one.keys() - _KNOWN_RULES for one in rules) or kind.__pydantic_post_init__ is not None:
        raise _MayDiffer


def _same(one: BaseMessage, other: BaseMessage) -> bool:
    """Whether two messages are equal in all that they hold, down to types and order."""
    states: list[Any] = [one.__getstate__(), other.__getstate__()]
    return (
        type(one) is type(other) and states[0] == states[1] and repr(vars(one)) == repr(vars(other))
    )
