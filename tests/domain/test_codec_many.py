"""Decoding many elements at once gives what decoding each of them gives."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from redialog import Message, ToolCall, codec
from tests.domain.test_codec_damage import DAMAGED
from tests.domain.test_codec_shapes import KINDS
from tests.domain.tools import recorded, recorded_by_flowise, write

KEY = "chat:1"
PLAIN = [write(Message.user(f"m{i}", id=f"i{i}"), at=1000 + i) for i in range(10)]
OURS = [
    write(Message.user("x", metadata={"a": [1, 2**70, 1.0]})),
    write(Message.user("x", name="ada", id="1"), at=None),
    write(Message("developer", "x")),  # type: ignore[arg-type]
    write(Message.user([{"type": "text", "text": "x"}, {"type": "image_url"}])),
    write(Message.assistant("x", tool_calls=[ToolCall("f", {"a": 1}, "1")])),
    write(Message.assistant("x", tool_calls=[ToolCall("f", "{", "1")])),
    write(Message.assistant("x", tool_calls=[ToolCall("f", "{"), ToolCall("g", extra={"a": 1})])),
    write(Message.tool("x", tool_call_id="1")),
    write(Message.from_openai({"role": "assistant", "content": "x", "refusal": "no"})),
    write(Message.assistant("x").replace(extra={"usage_metadata": {"total_tokens": 3}})),
    b'{"type":"human","data":{"content":"x"},"redialog":{"at":5,"later":[1]}}',
    b'{"type":"human","data":{"content":"x"},"redialog":"no mapping"}',
    b'{"type":"human","data":{"content":"cut \\ud83d"}}',
    b'{"type":"human","data":{"content":"x","n":NaN}}',
    b'{"type":"human","data":{"content":null,"name":"","id":""}}',
    b'{"data":{"content":"x"},"type":"ai","beside":1}',
]
FOREIGN = [
    *recorded("langchain_py_redis.main"),
    *recorded("langchain_js_node_redis.main"),
    *recorded("legacy_js_langchain_0.0.75"),
    *recorded_by_flowise(),
    *(
        json.dumps({"type": kind, "data": {"content": "x", **fields}}).encode()
        for kind, fields, _, _ in KINDS
    ),
]
# Of the damaged ones, those that are no element at all; the others fail only in their meaning.
UNREADABLE = [
    raw
    for name, raw in DAMAGED.items()
    if name
    not in (
        "an unknown type",
        "a type in capitals",
        "a call without a name",
        "arguments are a list",
    )
]
ANY = [*PLAIN, *OURS, *FOREIGN, *UNREADABLE]


def seen(message: Message) -> dict[str, Any]:
    """All that a message shows, for a comparison that equality may not make."""
    fields = {name: getattr(message, name) for name in message.__struct_fields__}
    damage = fields.pop("damage")
    fields["created_at"] = message.created_at
    fields["damage"] = None if damage is None else (damage.key, damage.position, damage.reason)
    # NaN differs from itself.
    return {name: repr(value) for name, value in (fields | {"extra": message.extra}).items()}


def check(raws: list[bytes], positions: range) -> None:
    """Compares the two ways of decoding."""
    many = codec.decode_many(raws, key=KEY, positions=positions)
    each = [
        codec.decode(raw, key=KEY, position=position)
        for raw, position in zip(raws, positions, strict=True)
    ]
    assert [seen(message) for message in many] == [seen(message) for message in each]


@pytest.mark.parametrize("raw", ANY)
def test_an_element_alone_and_among_plain_ones(raw: bytes) -> None:
    """Neither the fast way for plain elements nor a neighbour changes how one is read."""
    check([raw], range(1))
    check([*PLAIN[:3], raw, *PLAIN[3:5]], range(6)[::-1])


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.lists(st.sampled_from(ANY), max_size=8), st.integers(-20, 20))
def test_any_mixture(raws: list[bytes], first: int) -> None:
    """Whatever lies side by side, each is read as if alone, with its own position."""
    check(raws, range(first, first + len(raws)))
    check(raws, range(first, first - len(raws), -1))


TWO = PLAIN[0] + b"," + PLAIN[1]
HALVES = [
    (b'{"type":"human"', b'"data":{"content":"x"}}'),
    (b'{"type":"human","data":{"content":"x"', b'"id":"1"}}'),
    # Of these each begins and ends as an element does.
    (b'{"type":"human","data":{"content":[{"type":"text"}', b'{"type":"text"}]}}'),
    (b'{"type":"human","data":{"content":"x}', b'{y"}}'),
    (b'{"type":"human","data":{"tool_calls":[{"name":"f","args":{}}', b'{"name":"g"}]}}'),
]


@pytest.mark.parametrize("halves", HALVES)
def test_what_is_as_many_as_it_should_be_and_not_one_by_one(halves: tuple[bytes, bytes]) -> None:
    """An element that holds two messages makes up for two that hold one between them: what lies
    among them is not taken for its neighbour."""
    for raws in ([TWO, *PLAIN[2:6], *halves], [*halves, *PLAIN[2:6], TWO], [TWO, *halves, OURS[0]]):
        check(raws, range(len(raws)))
        check(raws, range(-1, -1 - len(raws), -1))


@pytest.mark.parametrize("damaged", [0, 1, 2, 255, 256, 299])
def test_nothing_is_read_twice_before_a_damaged_element(damaged: int) -> None:
    """One whose meaning is unknown is found late; those before it are still there once."""
    raws = [write(Message.user(f"m{i}", metadata={"i": i})) for i in range(300)]
    raws[damaged] = b'{"type":"unknown","data":{"content":"x"}}'
    found = codec.decode_many(raws, key=KEY, positions=range(300))
    texts = [f"m{i}" for i in range(300)]
    texts[damaged] = ""
    assert [message.text for message in found] == texts
    assert [i for i, message in enumerate(found) if message.damage is not None] == [damaged]
    check(raws, range(300))


@pytest.mark.parametrize("count", [0, 1, 255, 256, 257, 512, 1000])
def test_long_lists(count: int) -> None:
    """Slices fit together without a gap, also where some of them hold damaged elements."""
    source = random.Random(count)
    check([source.choice(PLAIN) for _ in range(count)], range(count))
    check([source.choice(ANY) for _ in range(count)], range(-1, -1 - count, -1))
