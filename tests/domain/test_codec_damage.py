"""Elements that are no stored messages: reported in their place, never fatal, never quoted."""

from __future__ import annotations

import json
import pickle
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from redialog import CorruptElement, InvalidMessage, Message, codec
from tests.domain.tools import recorded, write

SECRET = "locker code 4417"
KEY = "message_store:chat 1"


def human(**data: Any) -> bytes:
    """A user's element with these fields in its data."""
    return json.dumps({"type": "human", "data": {"content": SECRET, **data}}).encode()


DAMAGED: dict[str, bytes] = {
    "nothing": b"",
    "a blank": b" ",
    "no JSON": SECRET.encode(),
    "cut off": human()[:-5],
    "with a tail": human() + SECRET.encode(),
    "two of them": human() + human(),
    "no UTF-8": b'{"type":"human","data":{"content":"\xff\xfe locker code 4417"}}',
    "binary": bytes(range(256)),
    "compressed": b"\x28\xb5\x2f\xfd\x04\x00\x11\x00\x00hi",
    "a number": b"5",
    "null": b"null",
    "a text": json.dumps(SECRET).encode(),
    "a list": json.dumps([{"type": "human", "data": {"content": SECRET}}]).encode(),
    "an empty object": b"{}",
    "no type": json.dumps({"data": {"content": SECRET}}).encode(),
    "no data": json.dumps({"type": "human"}).encode(),
    "type is no text": json.dumps({"type": 5, "data": {"content": SECRET}}).encode(),
    "type is null": json.dumps({"type": None, "data": {"content": SECRET}}).encode(),
    "data is a text": json.dumps({"type": "human", "data": SECRET}).encode(),
    "data is null": json.dumps({"type": "human", "data": None, "text": SECRET}).encode(),
    "text is no text": json.dumps({"type": "human", "text": [SECRET]}).encode(),
    "an unknown type": json.dumps({"type": SECRET, "data": {"content": SECRET}}).encode(),
    "a type in capitals": json.dumps({"type": "HUMAN", "data": {"content": SECRET}}).encode(),
    "content is a number": human(content=5),
    "content is an object": human(content={"type": "text", "text": SECRET}),
    "a block is a number": human(content=[SECRET, 5]),
    "id is a number": human(id=5),
    "name is a list": human(name=[SECRET]),
    "tool_calls is a text": human(tool_calls=SECRET),
    "a call is a text": human(tool_calls=[SECRET]),
    "a call without a name": human(tool_calls=[{"args": {"q": SECRET}}]),
    "arguments are a list": human(tool_calls=[{"name": "f", "args": [SECRET]}]),
    "an invalid call is a text": human(invalid_tool_calls=[SECRET]),
    "tool_call_id is a number": human(tool_call_id=5),
    "calls are half of an emoji": human(tool_calls="\ud83d"),
    "nested too deeply": b'{"type":"human","data":' + b'{"a":' * 200_000,
    "an agent's item": recorded("openai_agents.main")[0],
    "an index's message": recorded("llamaindex.main")[0],
}


@pytest.mark.parametrize("raw", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_element_stands_in_its_place(raw: bytes) -> None:
    """It is a message of the role ``damaged``; its error says where it lies and what is wrong."""
    message = codec.decode(raw, key=KEY, position=17)
    assert (message.role, message.content, message.id) == ("damaged", "", None)
    error = message.damage
    assert isinstance(error, CorruptElement)
    assert (error.key, error.position) == (KEY, 17)
    assert error.reason
    assert repr(KEY) in str(error)
    assert "17" in str(error)
    assert message.extra == {} or raw.startswith(b'{"type')


@pytest.mark.parametrize("raw", DAMAGED.values(), ids=DAMAGED)
def test_the_error_holds_nothing_of_the_element(raw: bytes) -> None:
    """Logs and reports of errors must not become copies of conversations."""
    with pytest.raises(CorruptElement) as caught:
        codec.decode(raw, key=KEY, position=17, strict=True)
    error = caught.value
    assert SECRET not in f"{error}{error!r}{vars(error)}"
    assert SECRET.encode() not in pickle.dumps(error)
    assert error.__suppress_context__ or error.__context__ is None


@pytest.mark.parametrize("raw", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_element_is_not_stored_again(raw: bytes) -> None:
    """Copying a session must not multiply what nobody can read."""
    with pytest.raises(InvalidMessage):
        write(codec.decode(raw, key=KEY, position=0))


UNREADABLE = {"no UTF-8": b'"\xff"', "too long a number": b"9" * 10_000}


@pytest.mark.parametrize("field", ["additional_kwargs", "content_blocks"])
@pytest.mark.parametrize("value", UNREADABLE.values(), ids=UNREADABLE)
def test_an_unreadable_field_costs_only_itself(field: str, value: bytes) -> None:
    """The text beside it is there, as beside any other field that nobody here reads."""
    raw = human(**{field: {"x": 0}}).replace(b"0", value)
    for message in (
        codec.decode(raw, key=KEY, position=0, strict=True),
        *codec.decode_many([raw, raw], key=KEY, positions=range(2)),
    ):
        assert (message.role, message.text, message.extra) == ("user", SECRET, {})
    blocks = raw.replace(SECRET.encode(), b"").replace(b'"content": ""', b'"content": null')
    assert codec.decode(blocks, key=KEY, position=0).text == ""


def test_what_is_ours_can_be_anothers() -> None:
    """Half of an emoji where a time should stand is no reason to lose the message."""
    raw = json.dumps({"redialog": {"at": "\ud83d"}} | json.loads(human())).encode()
    message = codec.decode(raw, key=KEY, position=0)
    assert (message.role, message.text, message.created_at) == ("user", SECRET, None)


def test_a_number_too_long_to_read_is_not_stored_again() -> None:
    """Python's reader refuses such digits; that is an error of this library, and names nothing."""
    raw = human(n=0).replace(b'"n": 0', b'"n": ' + b"9" * 10_000)
    message = codec.decode(raw, key=KEY, position=0)
    for changed in (message, message.replace(name="eve")):
        with pytest.raises(InvalidMessage) as caught:
            write(changed)
        assert SECRET not in str(caught.value)
        assert "999" not in str(caught.value)
        assert caught.value.__suppress_context__


def test_a_number_from_the_tail_is_a_position_too() -> None:
    """Pages count from the oldest element, as LINDEX does with negative numbers."""
    message = codec.decode(b"{", key=KEY, position=-3)
    assert message.damage is not None
    assert message.damage.position == -3


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.binary(max_size=60))
def test_any_bytes_are_a_message_or_damaged(raw: bytes) -> None:
    """Whatever lies in a list, reading it raises nothing that is not `CorruptElement`."""
    message = codec.decode(raw, key=KEY, position=0)
    assert (message.damage is not None) == (message.role == "damaged")


_JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["name", "args", "id", "type", "function", "text", "at", "tool_calls"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=5,
)
_FIELDS = (
    "content",
    "tool_calls",
    "invalid_tool_calls",
    "additional_kwargs",
    "tool_call_id",
    "name",
    "id",
    "role",
)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    st.sampled_from(["human", "ai", "tool", "chat", "generic", "AIMessageChunk", "function"]),
    st.dictionaries(st.sampled_from(_FIELDS), _JSON, max_size=4),
    _JSON,
)
def test_any_data_is_a_message_or_damaged(kind: str, data: dict[str, Any], ours: Any) -> None:
    """Fields of any type never break a read, and what is read as a message can be used as one."""
    raw = json.dumps({"type": kind, "data": data, "redialog": ours}).encode()
    message = codec.decode(raw, key=KEY, position=0)
    assert isinstance(message.text, str)
    assert isinstance(message.extra, dict)
    assert isinstance(message, Message)
    assert all(isinstance(call.id, str | None) for call in message.tool_calls)
    hash(message)
    repr(message)
