"""Copies of LangChain's messages: the same as those that the calls of the classes make."""

from __future__ import annotations

import copy
import itertools
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.load import dumps
from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
    message_to_dict,
    messages_from_dict,
)
from pydantic import Field, PrivateAttr, field_validator, model_validator

from redialog.integrations.langchain import copies
from tests.langchain.tools import held

CLASSES: list[type[BaseMessage]] = [HumanMessage, AIMessage, SystemMessage, ToolMessage]
TOLD = {"additional_kwargs": {"refusal": None}, "response_metadata": {"a": [1, {"b": 2.5}]}}


def making(kind: type[BaseMessage]) -> tuple[Callable[..., BaseMessage], dict[str, Any]]:
    """What makes messages of a class, with the further fields that one must have."""
    needed = {"tool_call_id": "c"} if kind is ToolMessage else {}
    make: Any = copies.maker(kind, [needed])
    assert make.__name__ == "copied"
    return make, needed


@pytest.mark.parametrize("further", [{}, TOLD], ids=["text", "told"])
@pytest.mark.parametrize("kind", CLASSES)
def test_a_copy_is_what_the_call_makes(kind: type[BaseMessage], further: dict[str, Any]) -> None:
    """Also pickled, copied, dumped and loaded, and where it is changed or used further."""
    make, needed = making(kind)
    fields = copy.deepcopy(needed | further)
    for content, own_id, name in itertools.product(("", "x"), (None, "i"), (None, "n")):
        made = make(content, own_id, name, fields)
        called = kind(content=content, id=own_id, name=name, **fields)
        for one, other in (
            (made, called),
            (copy.copy(made), copy.copy(called)),
            (copy.deepcopy(made), copy.deepcopy(called)),
            (pickle.loads(pickle.dumps(made)), called),
            (made.model_copy(update={"id": "j"}), called.model_copy(update={"id": "j"})),
            (messages_from_dict([message_to_dict(made)])[0], called),
        ):
            assert one == other
            assert held(one) == held(other)
        assert made.__getstate__() == called.__getstate__()
        assert made.model_fields_set == called.model_fields_set
        assert made.model_dump_json() == called.model_dump_json()
        assert message_to_dict(made) == message_to_dict(called)
        assert (repr(made), dumps(made)) == (repr(called), dumps(called))
        assert made.content_blocks == called.content_blocks


@pytest.mark.parametrize("kind", CLASSES)
def test_copies_share_nothing_that_can_be_changed(kind: type[BaseMessage]) -> None:
    """Neither with one another nor with those that come later."""
    make, needed = making(kind)
    one, other = make("x", None, None, needed), make("x", None, None, needed)
    for message in (one, other):
        parts = [value for value in vars(message).values() if isinstance(value, dict | list)]
        assert len(parts) == (4 if kind is AIMessage else 2)
        for part in parts:
            part.update(k=1) if isinstance(part, dict) else part.append(1)
        message.later = 1  # type: ignore[attr-defined]
        message.type = "other"
    assert one == other
    assert one.model_extra is not other.model_extra
    assert one.model_fields_set is not other.model_fields_set
    third = make("x", None, None, needed)
    assert third == kind(content="x", **needed)
    assert third.model_fields_set == {"content", "id", "name", *needed}


class _Stripped(HumanMessage):
    @field_validator("content")
    @classmethod
    def _strip(cls, value: Any) -> Any:
        return "?" if value == "rare" else value


class _Ruled(HumanMessage):
    @model_validator(mode="after")
    def _rule(self) -> _Ruled:
        return self


class _Afterwards(HumanMessage):
    def model_post_init(self, _: Any, /) -> None:
        if self.content == "rare":
            self.content = "?"


class _WithState(HumanMessage):
    _seen: list[int] = PrivateAttr(default_factory=list)


class _WithTags(HumanMessage):
    tags: list[str] = Field(default_factory=lambda: ["a"])


class _Numbered(HumanMessage):
    number: int = Field(default_factory=itertools.count().__next__)


class _Shouting(HumanMessage):
    def __init__(self, content: Any = None, **fields: Any) -> None:
        super().__init__(content=content.upper(), **fields)


class _Closed(HumanMessage, extra="forbid"):
    pass


@pytest.mark.parametrize(
    "kind", [_Stripped, _Ruled, _Afterwards, _WithState, _WithTags, _Numbered, _Shouting, _Closed]
)
def test_a_class_that_could_make_others_is_called(kind: type[BaseMessage]) -> None:
    """It changes or holds something, perhaps only sometimes."""
    make = copies.maker(kind, [{}])
    made, called = make("rare", "i", "n", TOLD), kind(content="rare", id="i", name="n", **TOLD)
    assert type(made) is kind
    assert (made.content, made.response_metadata) == (called.content, called.response_metadata)
    assert make.func is copies._called  # type: ignore[attr-defined]


def test_a_field_that_a_class_takes_in_another_way_is_left_to_it() -> None:
    """The fields that messages will have are tried."""

    class Odd(HumanMessage):
        share: float | None = None

    assert hasattr(copies.maker(Odd, [{}, {"share": 1.0}]), "__name__")
    make: Any = copies.maker(Odd, [{}, {"share": 1}])
    assert make.func is copies._called
    assert type(make("x", None, None, {"share": 1}).share) is float
