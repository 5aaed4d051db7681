"""Elements that become LangChain's messages with nothing between: the same as the long way."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import pytest
from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)

from redialog import stored
from redialog.integrations.langchain import copies, plain
from redialog.integrations.langchain.messages import _further, read
from tests.langchain.tools import held

NESTED = {"a": [1, 2.5, None, {"b": 2**70}], "c": "é"}
USAGE = {"input_tokens": 7, "output_tokens": 2, "total_tokens": 9}
CALL = {"name": "f", "args": {"a": [NESTED]}, "id": "c", "type": "tool_call"}
SENT = {"tool_calls": [{"id": "c", "function": {"name": "f", "arguments": "{}"}}]}
TOLD = {"additional_kwargs": {"refusal": None}, "response_metadata": NESTED}
WRITTEN: dict[str, Any] = {
    "content": "x",
    "additional_kwargs": {},
    "response_metadata": {},
    "type": "ai",
    "name": None,
    "id": None,
    # Of older versions.
    "example": False,
}
"""What LangChain writes of any message."""
ANSWERED = WRITTEN | {"tool_calls": [], "invalid_tool_calls": [], "usage_metadata": None}
RESULT = WRITTEN | {"tool_call_id": "c", "artifact": None, "status": "success"}


def element(kind: str, data: dict[str, Any], **ours: Any) -> bytes:
    """An element; with what this library adds, where there is anything."""
    return json.dumps({"type": kind, "data": data} | ({"redialog": ours} if ours else {})).encode()


def the_long_way(raw: bytes) -> BaseMessage:
    """By a `Message` and its stored form."""
    return _further(stored.read(raw))


TAKEN: dict[str, dict[str, Any]] = {
    "text": {"content": "hi"},
    "hard text": {"content": '\x00\u2028 "\\" 😀'},
    "no text": {"content": ""},
    "id and name": {"content": "x", "id": "i", "name": "n"},
    "an id as of a place": {"content": "x", "id": "x-0123456789abcdef-7"},
    "an empty id and name": {"content": "x", "id": "", "name": ""},
    "as LangChain writes it": WRITTEN,
    "nulls": dict.fromkeys(WRITTEN, None) | {"content": "x"},
    "told by a provider": WRITTEN | TOLD | {"id": "run-1"},
    "developer": {"content": "x", "additional_kwargs": {"__openai_role__": "developer"}},
    "a function call": {"content": "x", "additional_kwargs": {"function_call": {"name": "f"}}},
}
ANSWERS: dict[str, dict[str, Any]] = {
    "as LangChain writes it": ANSWERED,
    "nulls": dict.fromkeys(ANSWERED, None) | {"content": "x"},
    "counts of tokens": ANSWERED | {"usage_metadata": USAGE},
    "counts of kinds of tokens": ANSWERED
    | {"usage_metadata": USAGE | {"input_token_details": {"cache_read": 4, "flex": 0}}},
    "calls": {"content": "", "tool_calls": [CALL, CALL | {"id": None, "args": {}, "name": ""}]},
    "calls, once more as sent": ANSWERED | {"tool_calls": [CALL], "additional_kwargs": SENT},
    "all": ANSWERED | TOLD | {"usage_metadata": USAGE, "tool_calls": [CALL], "name": "bot"},
}
RESULTS: dict[str, dict[str, Any]] = {
    "as LangChain writes it": RESULT,
    "as this library writes it": {"content": "x", "tool_call_id": "c"},
    "of no call": {"content": "", "tool_call_id": ""},
    "all": RESULT | TOLD | {"status": "error", "name": "f", "id": "i"},
    "no status": RESULT | TOLD | {"status": None},
}
ALL_TAKEN = {
    **{f"{kind}: {name}": (kind, TAKEN[name]) for kind in ("human", "system") for name in TAKEN},
    **{f"ai: {name}": ("ai", data) for name, data in (TAKEN | ANSWERS).items()},
    **{f"tool: {name}": ("tool", data) for name, data in RESULTS.items()},
}


@pytest.mark.parametrize("ours", [{}, {"at": 5}, {"at": 5, "metadata": {"mine": 1}}], ids=str)
@pytest.mark.parametrize("name", ALL_TAKEN)
def test_what_is_taken_is_what_the_long_way_gives(name: str, ours: dict[str, Any]) -> None:
    """Down to types and order."""
    raw = element(*ALL_TAKEN[name], **ours)
    found = plain.read(raw)
    assert found is not None
    assert found == the_long_way(raw)
    assert held(found) == held(the_long_way(raw))
    assert read([raw]) == [found]


NOT_TAKEN: dict[str, bytes] = {
    "a chat message": element("chat", {"content": "x", "role": "critic"}),
    "a function's result": element("function", {"content": "x", "name": "f"}),
    "a piece": element("AIMessageChunk", {"content": "x"}),
    "of OpenAI's names": element("user", {"content": "x"}),
    "blocks": element("human", {"content": [{"type": "text", "text": "x"}]}),
    "no content": element("ai", {"content": None}),
    "malformed calls": element(
        "ai", {"content": "", "invalid_tool_calls": [{"name": "f", "args": "{", "id": "c"}]}
    ),
    "a call with more": element("ai", {"content": "", "tool_calls": [CALL | {"index": 1}]}),
    "a call with less": element("ai", {"content": "", "tool_calls": [{"name": "f", "args": {}}]}),
    "a call with an empty id": element("ai", {"content": "", "tool_calls": [CALL | {"id": ""}]}),
    "calls in the order of ours": element(
        "ai", {"content": "", "tool_calls": [CALL]}, calls=[[0, {"index": 1}]]
    ),
    "calls only as sent": element("ai", {"content": "", "additional_kwargs": SENT}),
    "calls of a user": element("human", {"content": "x", "tool_calls": [CALL]}),
    "counts of a user": element("human", {"content": "x", "usage_metadata": USAGE}),
    "a result of a user": element("human", {"content": "x", "tool_call_id": "c"}),
    "a status of a model": element("ai", {"content": "x", "status": "success"}),
    "counts of another": element("ai", {"content": "x", "usage_metadata": {"tokens": "many"}}),
    "more counts": element("ai", {"content": "x", "usage_metadata": USAGE | {"later": 1}}),
    "a count as text": element("ai", {"content": "x", "usage_metadata": USAGE | {"later": "1"}}),
    "a count with a point": element(
        "ai", {"content": "x", "usage_metadata": USAGE | {"input_tokens": 7.0}}
    ),
    "an artifact": element("tool", {"content": "x", "tool_call_id": "c", "artifact": [1]}),
    "a result of nothing": element("tool", {"content": "x"}),
    "another status": element("tool", RESULT | {"status": "late"}),
    "an example": element("human", {"content": "x", "example": True}),
    "an unknown field": element("human", {"content": "x", "later": 1}),
    "half of an emoji": element("human", {"content": "a \ud83d"}),
    "not a number": element("ai", {"content": "x", "response_metadata": {"p": float("nan")}}),
    "a role of ours": element("system", {"content": "x"}, at=5, role="developer"),
    "a chat role of ours": element("human", {"content": "x"}, chat="user"),
    "a time that is none": element("human", {"content": "x"}, at="now"),
    "a field beside the data": b'{"type":"human","data":{"content":"x"},"later":1}',
    "of 2023": b'{"type":"human","text":"x"}',
    "UTF-16": element("human", {"content": "x"}).decode().encode("utf-16"),
}


@pytest.mark.parametrize("name", NOT_TAKEN)
def test_what_is_not_taken_goes_the_long_way(name: str) -> None:
    """The kinds, fields and values that need a closer look."""
    raw = NOT_TAKEN[name]
    assert plain.read(raw) is None
    [found] = read([raw])
    assert repr(held(found)) == repr(held(the_long_way(raw)))


def test_where_there_are_no_copies_the_classes_are_called(monkeypatch: pytest.MonkeyPatch) -> None:
    """And what they refuse goes the long way."""
    classes: dict[Any, type[BaseMessage]] = {
        plain._Human: HumanMessage,
        plain._System: SystemMessage,
        plain._Ai: AIMessage,
        plain._Tool: ToolMessage,
    }
    makers: Any = {kind: partial(copies._called, cls) for kind, cls in classes.items()}
    monkeypatch.setattr(plain, "_MAKE", makers)
    for name, (stored_as, data) in ALL_TAKEN.items():
        raw = element(stored_as, data)
        assert held(read([raw])[0]) == held(the_long_way(raw)), name
    makers[plain._Human] = lambda *_: HumanMessage.model_validate({"content": 5})
    assert read([element("human", {"content": "x"})]) == [HumanMessage("x")]


@pytest.mark.parametrize(
    "raw",
    [
        *(b"", b"{", b"5", b"[]", b'"x"', b"\xff" * 9, b"[" * 5000),
        element("ai", {"content": "x", "response_metadata": {"a": 0}}).replace(
            b"0", b"[" * 5000 + b"]" * 5000
        ),
        b'{"type":"human","data":{"content":"x"}}}',
        element("human", {"content": 5}),
        element("human", {"content": "x", "id": 5}),
        element("alien", {"content": "x"}),
        element("remove", {"content": "", "id": "i"}),
        element("ai", {"content": "x"}, metadata={"a": "!"}).replace(b"!", b"\xff"),
    ],
    ids=lambda raw: raw[-24:],
)
def test_damage_costs_only_itself(raw: bytes) -> None:
    """It is left out; what is around it comes, in its order."""
    good = [element("human", {"content": "a"}), element("ai", {"content": "b"})]
    assert read([good[0], raw, good[1]]) == [HumanMessage("a"), AIMessage("b")]


@pytest.mark.parametrize(
    "raw",
    [
        element("ai", {"content": "x", "additional_kwargs": True}),
        element("ai", {"content": "x", "content_blocks": "none"}),
        element("ai", {"content": "x", "content_blocks": [5]}),
        element("human", {"content": "x", "additional_kwargs": [1]}, role="developer"),
        element("human", {"content": "x", "later": "!"}).replace(b"!", b"\xff"),
        element("human", {"content": "x", "later": 0}).replace(b" 0", b" " + b"9" * 10_000),
        element("human", {"content": "x", "additional_kwargs": {"a": "!"}}).replace(b"!", b"\xff"),
        element("human", {"content": "x"}, at="\ud83d"),
    ],
    ids=lambda raw: raw[-60:],
)
def test_an_odd_field_costs_only_itself(raw: bytes) -> None:
    """The text beside it comes, and so does what is around it."""
    good = element("human", {"content": "a"})
    assert [message.text for message in read([good, raw, good])] == ["a", "x", "a"]


def test_what_is_read_twice_is_two_messages() -> None:
    """Also what a provider told, and the calls."""
    raw = element("ai", ANSWERS["all"])
    one, other = read([raw, raw])
    assert isinstance(one, AIMessage)
    one.tool_calls[0]["args"]["a"].append(1)
    one.response_metadata["a"].append(1)
    one.usage_metadata.clear()  # type: ignore[union-attr]
    assert other == read([raw])[0] == the_long_way(raw)
