"""LangChain's stored form as plain values, both ways."""

from __future__ import annotations

from typing import Any

import pytest

from redialog import InvalidMessage, Message, ToolCall, codec, stored

FORMS: dict[str, dict[str, Any]] = {
    "human": {"type": "human", "data": {"content": "hi", "name": "ada", "id": "m-1"}},
    "blocks": {
        "type": "human",
        "data": {"content": ["plain", {"type": "image_url", "image_url": {"url": "u"}}]},
    },
    "ai": {
        "type": "ai",
        "data": {
            "content": "",
            "tool_calls": [{"name": "f", "args": {"a": [1, None]}, "id": "c", "type": "tool_call"}],
            "invalid_tool_calls": [
                {"error": "e", "name": "g", "args": "{", "id": "d", "type": "invalid_tool_call"}
            ],
            "usage_metadata": {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3},
            "response_metadata": {"model": "m", "n": 2**60},
        },
    },
    "system": {"type": "system", "data": {"content": "x", "additional_kwargs": {"k": [1.5]}}},
    "tool": {
        "type": "tool",
        "data": {"content": "r", "tool_call_id": "c", "status": "error", "artifact": {"a": 1}},
    },
    "tool without a find": {
        "type": "tool",
        "data": {"content": "none", "tool_call_id": "c", "artifact": []},
    },
    "function": {"type": "function", "data": {"content": "r", "name": "f"}},
    "chat": {"type": "chat", "data": {"content": "x", "role": "critic"}},
    **{
        f"chat as {role}": {"type": "chat", "data": {"content": "x", "role": role}}
        for role in ("user", "assistant", "developer", "function", "Human")
    },
    "remove": {"type": "remove", "data": {"content": "", "id": "m-1"}},
    "of a later version": {"type": "human", "data": {"content": "x", "what": {"is": "new"}}},
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_a_form_comes_back(form: dict[str, Any]) -> None:
    """From the message itself."""
    assert stored.dumped(stored.loaded(form)) == form


@pytest.mark.parametrize("name", [name for name in FORMS if name != "remove"])
def test_a_form_comes_back_from_its_element(name: str) -> None:
    """From what is stored for it, which is of a kind that every reader loads; twice the same."""
    element = codec.element(codec.stored(stored.loaded(FORMS[name]), None, 1))
    again = codec.element(codec.stored(codec.decode(element, key="", position=-1), None, 2))
    assert again == element
    assert element.startswith(
        (b'{"type":"human"', b'{"type":"ai"', b'{"type":"system"', b'{"type":"tool"')
    )
    assert stored.dumped(codec.decode(element, key="", position=-1)) == FORMS[name]


def test_pieces_of_a_stream_are_messages() -> None:
    """Without what a piece has until it is whole."""
    data = {"content": "x", "tool_call_chunks": [{"args": "{"}], "chunk_position": "last"}
    message = stored.loaded({"type": "AIMessageChunk", "data": data})
    assert stored.dumped(message) == {"type": "ai", "data": {"content": "x"}}
    # As LangChain in Python itself stores one.
    piece = b'{"content":"x","tool_call_chunks":[],"chunk_position":null}'
    raw = b'{"type":"AIMessageChunk","data":' + piece + b"}"
    found = codec.decode(raw, key="", position=-1)
    assert stored.dumped(found) == {"type": "ai", "data": {"content": "x"}}


def test_a_message_of_this_library_has_a_form() -> None:
    """Its time and metadata have no place there; a developer's has LangChain's mark."""
    call = ToolCall("f", {"a": 1}, "c", {"extras": {"k": 1}, "index": 3})
    message = Message.assistant("x", tool_calls=[call], metadata={"m": 1}, id="i")
    form = {"name": "f", "args": {"a": 1}, "id": "c", "type": "tool_call"}
    assert stored.dumped(message) == {
        "type": "ai",
        "data": {"content": "x", "id": "i", "tool_calls": [form], "invalid_tool_calls": []},
    }
    developer = Message.from_openai({"role": "developer", "content": "x"})
    assert stored.dumped(developer)["data"]["additional_kwargs"] == {"__openai_role__": "developer"}
    refused = Message.from_openai({"role": "assistant", "content": None, "refusal": "no"})
    assert stored.dumped(refused)["data"]["additional_kwargs"] == {"refusal": "no"}


def test_an_id_from_a_place_is_none() -> None:
    """It would be another one after the next cut."""
    message = codec.decode(b'{"type":"human","data":{"content":"x"}}', key="", position=-3)
    assert message.id is not None
    assert stored.dumped(message) == {"type": "human", "data": {"content": "x"}}


def test_what_is_damaged_has_no_form() -> None:
    """It must not become an empty message."""
    with pytest.raises(InvalidMessage, match="damaged message has no stored form"):
        stored.dumped(codec.decode(b"[1]", key="", position=-1))


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ([], "must be a mapping"),
        ({}, "it has no type and data"),
        ({"type": "human"}, "it has no type and data"),
        ({"type": "alien", "data": {"content": "secret"}}, "its type is unknown"),
        ({"type": "human", "data": {"content": 5}}, "of a shape that no version wrote"),
        ({"type": "human", "data": {"content": "secret", "x": 1 << 1024}}, "JSON cannot hold"),
        ({"type": "tool", "data": {"content": "secret", "artifact": object()}}, "type object"),
    ],
)
def test_what_is_no_form_is_refused(value: Any, complaint: str) -> None:
    """With what is wrong, and never the text."""
    with pytest.raises(InvalidMessage, match=complaint) as caught:
        stored.loaded(value)
    assert "secret" not in str(caught.value)
