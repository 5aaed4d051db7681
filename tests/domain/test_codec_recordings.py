"""What LangChain (Python, JavaScript, early JavaScript) and Flowise left in Redis is read.

The recordings are of one conversation, so the readers of all of them must see the same.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from redialog import Message, ToolCall
from redialog._json import MAX_DEPTH
from tests.domain.tools import data_of, read, recorded, recorded_by_flowise, write

PYTHON = "langchain_py_redis.main"
JAVASCRIPT = "langchain_js_node_redis.main"
BOTH = (PYTHON, JAVASCRIPT)

CALLS = (
    ToolCall(
        "get_weather",
        {"city": "Zürich", "days": 3, "opts": {"units": "metric", "hourly": False, "x": None}},
        "call_zrh",
    ),
    ToolCall("get_weather", {"city": "東京"}, "call_tyo"),
)
ESCAPES = (
    "esc: \" ' ` \\ / <script>&amp;</script> nl\n crlf\r\n tab\t bs\b ff\f nul\0 esc\x1b del\x7f "
    "ls\u2028 ps\u2029 bom\ufeff nbsp\u00a0 zwsp\u200b "
    "fam\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466 flag\U0001f1e8\U0001f1ed "
    "comb e\u0301 \u00e9 rtl مرحبا zh 你好 last\U0010fffd"
)
PICTURE = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA"
    "60e6kgAAAABJRU5ErkJggg=="
)
CAT = "https://images.example.test/cat.jpg?x=1&y=%20"
CONVERSATION = [
    Message.system("You are a terse assistant. Answer in the user's language."),
    Message.user("Hello, my name is Ada.", id="msg-0001", name="ada"),
    Message.assistant("Hi Ada! How can I help?", id="msg-0002", name="helper-bot"),
    Message.user("Weather in Zürich and 東京? 🌦️"),
    Message.assistant("", tool_calls=CALLS, id="msg-0004"),
    Message.tool('{"temp_c": 21.5, "sky": "clear"}', tool_call_id="call_zrh", name="get_weather"),
    Message.tool("upstream timeout", tool_call_id="call_tyo", name="get_weather"),
    Message.user(
        [
            {"type": "text", "text": "What is in these pictures? 🖼"},
            {"type": "image_url", "image_url": {"url": PICTURE, "detail": "low"}},
            {"type": "image_url", "image_url": {"url": CAT}},
        ]
    ),
    Message.assistant(
        [{"type": "text", "text": "A 1\u00d71 pixel"}, {"type": "text", "text": " and a cat."}]
    ),
    Message.user(""),
    Message.assistant(ESCAPES),
    Message.system("Mid-conversation instruction.", id="msg-0011"),
]


def with_id(raw: bytes) -> bytes:
    """The same element with an id, and all else to the byte."""
    if read(raw).id is not None:
        return raw
    if b'"id": null' in raw:
        return raw.replace(b'"id": null', b'"id": "m-1"', 1)
    return raw.replace(b'"data":{', b'"data":{"id":"m-1",', 1)


EVERY_MODERN = [*recorded(PYTHON), *recorded(JAVASCRIPT), *recorded_by_flowise()]


@pytest.mark.parametrize("name", BOTH)
def test_a_conversation_is_read_as_it_was_written(name: str) -> None:
    """Roles, texts, blocks, names, ids and tool calls of LangChain's messages are all there."""
    oldest_first = recorded(name)[::-1]
    assert [read(raw) for raw in oldest_first] == CONVERSATION


@pytest.mark.parametrize("name", BOTH)
def test_what_has_no_field_is_extra(name: str) -> None:
    """Usage, metadata of the response, artifacts and keyword arguments can be read."""
    found = [read(raw).extra for raw in recorded(name)[::-1]]
    assert found[2]["usage_metadata"] == {
        "input_tokens": 10,
        "output_tokens": 7,
        "total_tokens": 17,
    }
    assert found[2]["response_metadata"] == {
        "model_name": "fake-model-1",
        "finish_reason": "stop",
        "tokenUsage": {"totalTokens": 17},
    }
    assert found[2]["additional_kwargs"] == {
        "refusal": None,
        "nested": {"list": [1, 2.5, "three", None, True]},
    }
    assert found[3]["additional_kwargs"] == {"locale": "de-CH", "tags": ["a", "b"]}
    assert found[6]["artifact"] == {"code": 504, "retry": [1, 2]}
    assert found[6]["status"] == "error"


def test_flowise_is_read() -> None:
    """Each message of Flowise's nodes is a user's or an assistant's with its text."""
    found = [read(raw) for raw in recorded_by_flowise()]
    assert {message.role for message in found} == {"user", "assistant"}
    for message, raw in zip(found, recorded_by_flowise(), strict=True):
        assert message.content == data_of(raw)["content"]
        assert (message.id, message.created_at, message.name) == (None, None, None)
    assert "question 1 \u2013 é 東 👩‍👩‍👧" in [message.text for message in found]


def test_elements_without_data_are_read() -> None:
    """LangChain JavaScript until 0.0.75 wrote type, text and role side by side."""
    found = [read(raw) for raw in recorded("legacy_js_langchain_0.0.75")[::-1]]
    assert [(m.role, m.text, m.original_role) for m in found] == [
        ("system", "You are a terse assistant.", None),
        ("user", "Hello, my name is Ada. é 東 👩‍👩‍👧", None),
        ("assistant", 'Hi "Ada"\n', None),
        ("user", "", None),
        ("user", "free role", "critic"),
    ]


@pytest.mark.parametrize("raw", [with_id(raw) for raw in EVERY_MODERN])
def test_a_message_that_lacks_nothing_is_stored_again_byte_for_byte(raw: bytes) -> None:
    """Where nothing changes, the other library's bytes are written, spaces and escapes and all."""
    message = read(raw)
    assert write(message, at=None) == raw
    assert write(message.replace(), at=None) == raw
    assert write(message.replace(name="other").replace(name=message.name), at=None) == raw


@pytest.mark.parametrize("raw", [*EVERY_MODERN, *recorded("legacy_js_langchain_0.0.75")])
def test_what_was_stored_once_is_stored_again_byte_for_byte(raw: bytes) -> None:
    """A message with id and time gets no others, so its bytes stay the same from then on."""
    stored = write(read(raw))
    assert write(read(stored), new_id="another", at=7) == stored


@pytest.mark.parametrize("raw", EVERY_MODERN)
def test_all_that_is_unknown_survives_a_change(raw: bytes) -> None:
    """After a new id and a new time, every other field of the element is as it was."""
    before = json.loads(raw)
    after = json.loads(write(read(raw).replace(id="brand-new")))
    assert after.pop("redialog") == {"at": 1_700_000_000_000}
    assert after == before | {"data": before["data"] | {"id": "brand-new"}}


@pytest.mark.parametrize("raw", [*EVERY_MODERN, *recorded("legacy_js_langchain_0.0.75")])
def test_what_is_stored_again_says_the_same(raw: bytes) -> None:
    """A foreign message that is appended to another session reads as before, plus id and time."""
    before = read(raw)
    after = read(write(before))
    assert after == before.replace(id=before.id or "new-id", created_at=after.created_at)
    assert after.created_at is not None
    assert after.extra == before.extra


@pytest.mark.parametrize("raw", [*EVERY_MODERN, *recorded("legacy_js_langchain_0.0.75")])
def test_only_types_that_every_reader_loads_are_written(raw: bytes) -> None:
    """JavaScript and Flowise reject other types, and then the whole session fails there."""
    written = json.loads(write(read(raw)))
    assert written["type"] in {"human", "ai", "system", "tool"}
    assert "content" in written["data"]


@pytest.mark.parametrize("raw", EVERY_MODERN)
def test_a_message_that_was_changed_twice_still_has_its_fields(raw: bytes) -> None:
    """A copy of a copy still knows the element that the first one was read from."""
    before = read(raw)
    after = read(write(before.replace(id="1").replace(content="other").replace(name="eve")))
    assert after.extra == before.extra
    assert (after.id, after.content, after.name) == ("1", "other", "eve")


def test_top_level_keys_of_others_survive() -> None:
    """A key beside type and data is somebody's; it stays through a change."""
    value = {"type": "human", "data": {"content": "x"}, "kwargs": {"a": [1]}, "v": None}
    after = json.loads(write(read(value).replace(content="y")))
    assert (after["kwargs"], after["v"]) == ({"a": [1]}, None)


def test_a_later_versions_fields_under_our_own_key_survive() -> None:
    """What a newer redialog keeps under its key is not dropped by this one."""
    value = {"type": "human", "data": {"content": "x", "id": "1"}}
    ours = {"at": 5, "metadata": {"a": 1}, "embedding": [1.5]}
    after = json.loads(write(read(value | {"redialog": ours}).replace(metadata={"b": 2})))
    assert after["redialog"] == {"at": 5, "metadata": {"b": 2}, "embedding": [1.5]}


def test_another_ones_value_under_our_key_does_not_hide_the_message() -> None:
    """A key of our name that somebody else wrote is no reason to call the element damaged."""
    values: list[Any] = ["text", 5, [1], {"at": "yesterday"}, None, {"metadata": [1]}]
    for ours in values:
        message = read({"type": "human", "data": {"content": "x"}, "redialog": ours})
        assert (message.text, message.created_at, message.metadata) == ("x", None, {})


def test_the_depth_that_a_message_may_have_is_read_back() -> None:
    """The deepest metadata that is accepted can be read."""
    value: Any = 1
    for _ in range(MAX_DEPTH):
        value = [value]
    assert read(write(Message.user("x", metadata={"a": value}))).metadata == {"a": value}
