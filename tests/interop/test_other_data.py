"""Keys that only look like a conversation, elements that no version wrote, ids of any shape."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import redis

from redialog import ChatMemory, CorruptElement, WrongType
from tests.interop.javascript import Rejected
from tests.interop.kinds import Kind
from tests.interop.libraries import (
    CORE,
    LIBRARIES,
    NODE_REDIS,
    OTHERS,
    OURS,
    PYTHON,
    Library,
    Place,
    name_of,
)

KEY = "s"
GOOD = [
    Kind("", "human", {"content": "one"}),
    Kind("", "ai", {"content": "two"}),
    Kind("", "human", {"content": "three"}),
    Kind("", "ai", {"content": "four"}),
]
MORE = [Kind("", "human", {"content": "five"})]

ours = pytest.mark.parametrize("library", OURS, ids=name_of)

NO_LISTS: dict[str, Callable[[Any], object]] = {
    "text": lambda raw: raw.set(KEY, '{"type":"human","data":{"content":"hi"}}'),
    "hash": lambda raw: raw.hset(KEY, mapping={"type": "human", "content": "hi"}),
    "set": lambda raw: raw.sadd(KEY, '{"type":"human","data":{"content":"hi"}}'),
    "sorted set": lambda raw: raw.zadd(KEY, {"hi": 1}),
    "stream": lambda raw: raw.xadd(KEY, {"role": "user", "content": "hi"}),
}


@ours
@pytest.mark.parametrize("made", NO_LISTS)
def test_a_key_that_is_no_list_is_refused(
    place: Place, raw: redis.Redis, library: Library, made: str
) -> None:
    """By its own error, reading and writing, and left as it is."""
    NO_LISTS[made](raw)
    before = raw.dump(KEY)
    with pytest.raises(WrongType):
        library.read(place, KEY)
    with pytest.raises(WrongType):
        library.write(place, KEY, GOOD, 60)
    assert raw.dump(KEY) == before
    assert raw.ttl(KEY) == -1


NO_CHATS: dict[str, list[bytes]] = {
    "numbers": [b"1", b"2.5", b"-3"],
    "texts": [b"job:17", b"job:18", b""],
    "jobs": [b'{"id":1,"args":["a"]}', b'{"class":"Mail","data":{"to":"x"}}'],
    "items of the Agents SDK": [
        b'{"role":"user","content":"hi"}',
        b'{"type":"function_call","call_id":"c1","name":"f","arguments":"{}"}',
        b'{"type":"function_call_output","call_id":"c1","output":"21C"}',
    ],
    "LlamaIndex": [
        b'{"role":"user","additional_kwargs":{},"blocks":[{"block_type":"text","text":"hi"}]}',
        b'{"role":"assistant","additional_kwargs":{},"blocks":[]}',
    ],
    "binary": [b"\x80\x04\x95\xff", b"\x00"],
}


@pytest.mark.parametrize("what", NO_CHATS)
def test_a_list_of_something_else_is_no_conversation(
    place: Place, raw: redis.Redis, what: str
) -> None:
    """Each element is damaged in its place; what hands over messages for a model has none."""
    raw.lpush(KEY, *NO_CHATS[what])
    before = raw.lrange(KEY, 0, -1)
    with ChatMemory.from_url(place.url, key_prefix="") as memory:
        found = memory.session(KEY).messages()
        assert [one.role for one in found] == ["damaged"] * len(before)
        for one, element in zip(found, reversed(before), strict=True):
            assert isinstance(one.damage, CorruptElement)
            assert one.damage.key == KEY
            assert before[one.damage.position] == element
        with pytest.raises(CorruptElement):
            memory.session(KEY).messages(strict=True)
    for library in OURS[1:]:
        assert library.read(place, KEY) == [], name_of(library)
    assert raw.lrange(KEY, 0, -1) == before


def _human(**data: object) -> bytes:
    return json.dumps({"type": "human", "data": {"content": "hi", **data}}).encode()


DAMAGED = {
    "cut off": _human()[:-4],
    "two in one": _human() + _human(),
    "no UTF-8": b'{"type":"human","data":{"content":"\xff"}}',
    "compressed": b"\x28\xb5\x2f\xfd\x04\x00\x11\x00",
    "no type": b'{"data":{"content":"hi"}}',
    "an unknown type": b'{"type":"thought","data":{"content":"hi"}}',
    "no data": b'{"type":"human"}',
    "a number as content": _human(content=5),
    "a text as calls": b'{"type":"ai","data":{"content":"","tool_calls":"f()"}}',
    "a list": b'[{"type":"human","data":{"content":"hi"}}]',
    "null": b"null",
}


@pytest.mark.parametrize("element", DAMAGED)
def test_damage_among_good_messages(place: Place, raw: redis.Redis, element: str) -> None:
    """It is told in its place, and all others are read by all of our readers."""
    PYTHON.write(place, KEY, GOOD[:2])
    raw.lpush(KEY, DAMAGED[element])
    NODE_REDIS.write(place, KEY, GOOD[2:])
    for library in OURS:
        library.write(place, KEY, MORE)
    said = [kind.fields["content"] for kind in (*GOOD, *MORE * len(OURS))]
    for library in OURS:
        found = library.read(place, KEY)
        assert [one["content"] for one in found if one["type"] != "damaged"] == said, name_of(
            library
        )
        assert [one["type"] for one in found].count("damaged") == (library is CORE)
    assert raw.lindex(KEY, -3) == DAMAGED[element]


def test_what_others_make_of_damage(place: Place, raw: redis.Redis) -> None:
    """Each fails as a whole; after `remove` of the damaged element it reads again."""
    PYTHON.write(place, KEY, GOOD[:2])
    raw.lpush(KEY, DAMAGED["an unknown type"])
    for library in OTHERS:
        with pytest.raises((Rejected, ValueError)):
            library.read(place, KEY)
    with ChatMemory.from_url(place.url, key_prefix="") as memory:
        chat = memory.session(KEY)
        [damaged] = (one for one in chat.messages() if one.damage)
        assert damaged.id is not None
        assert chat.remove(damaged.id)
    for library in LIBRARIES:
        assert len(library.read(place, KEY)) == 2, name_of(library)


IDS = [
    "chat-1__Redis Chat Memory",  # n8n since 1.6
    "2b3c__AI Agent: Gedächtnis 🌦",
    "a:b::c",
    "{user}:chat",
    "}{",
    "{}",
    "}}{{",
    "%7Buser%7D",
    " leading and trailing ",
    "tab\tand\nline",
    "*?[a-z]\\",
    "$(x) `y` 'z' \"w\"",
    "Zürich\u202e \u0000 e\u0301",
    "redialog",
    "0",
    "x" * 500,
]


@pytest.mark.parametrize("session_id", IDS)
@pytest.mark.parametrize("prefix", ["", "message_store:"])
def test_any_id_is_the_same_session_for_all(
    place: Place, raw: redis.Redis, prefix: str, session_id: str
) -> None:
    """The key is the prefix and the id, whatever characters it has; no other one is touched."""
    key = f"{prefix}{session_id}"
    for library in LIBRARIES:
        library.write(place, key, GOOD[:1])
    assert raw.llen(key) == len(LIBRARIES)
    for library in LIBRARIES:
        assert len(library.read(place, key)) == len(LIBRARIES), name_of(library)
    foreign = [name for name in raw.scan_iter("*") if not name.startswith(b"redialog:")]
    assert foreign == [key.encode()]
    CORE.clear(place, key)
    assert raw.exists(key) == 0
