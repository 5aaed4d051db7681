"""Ids of messages that have none of their own, and what is stored of them later."""

from __future__ import annotations

import hashlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from redialog import InvalidMessage, Message, _places, codec
from tests.domain.tools import data_of, recorded

FOREIGN = b'{"type":"human","data":{"content":"hi"}}'
OWN = codec.element(codec.stored(Message.user("hi"), "own-id", 1_700_000_000_000))
DAMAGED = b"{"


def decoded(raw: bytes, position: int) -> Message:
    """The message of an element that lies there."""
    return codec.decode(raw, key="chat", position=position)


def test_the_form_of_such_an_id_never_changes() -> None:
    """Applications keep them; a later version must find the same message."""
    digest = hashlib.blake2b(FOREIGN, digest_size=8).hexdigest()
    assert _places.derived_id(FOREIGN, -1) == f"x-{digest}-0"
    assert _places.derived_id(FOREIGN, -1000) == f"x-{digest}-999"
    assert _places.digest(b"") == "e4a6a0577479b2b4"


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.binary(max_size=40), st.integers(-(10**10), -1))
def test_such_an_id_is_read_as_it_was_written(raw: bytes, position: int) -> None:
    """The digest of the bytes, and the place, negative as LINDEX takes it."""
    found = _places.derived(_places.derived_id(raw, position))
    assert found == _places.Derived(_places.digest(raw), position)


A = "a" * 16


OTHERS = ["", "x", "x-", f"x-{A}", f"x-{A}-", f"x-{A}-01", f"x-{A}--1", f"x-{A}-1 ", f"x-{A}-1\n"]
OTHERS += [f"X-{A}-1", f"x-{A[1:]}-1", f"x-{A}a-1", f"x-{A}-{10**10}", f"x-{'g' * 16}-1"]
OTHERS += [f"x-{'A' * 16}-1", f"x-{A}-\u0661", "018bcfe5-687b-7000-8001-020304050607"]


@pytest.mark.parametrize("text", OTHERS, ids=ascii)
def test_other_ids_are_none_such(text: str) -> None:
    """What an application made up is looked for as it is."""
    assert _places.derived(text) is None


def test_a_message_without_an_id_gets_one_where_its_place_is_known() -> None:
    """Counted from the oldest it is known; counted from the newest the next append changes it."""
    for raw in (FOREIGN, DAMAGED, b'{"type":"ai","data":{"content":"","id":""}}'):
        assert decoded(raw, -3).id == _places.derived_id(raw, -3)
        assert decoded(raw, 0).id is None
        assert decoded(raw, 7).id is None
    assert decoded(OWN, -3).id == decoded(OWN, 3).id == "own-id"


@pytest.mark.parametrize("raws", [[FOREIGN, OWN], [OWN, OWN], [DAMAGED, FOREIGN], [OWN, DAMAGED]])
def test_many_get_the_same_ids_as_each_alone(raws: list[bytes]) -> None:
    """Whichever of the decoders they go through."""
    for count in (1, 300):
        elements = raws * count
        found = codec.decode_many(elements, key="k", positions=range(-1, -len(elements) - 1, -1))
        assert [message.id for message in found] == [
            decoded(raw, -number - 1).id for number, raw in enumerate(elements)
        ]
        unplaced = codec.decode_many(elements, key="k", positions=range(len(elements)))
        assert [message.id for message in unplaced] == [decoded(raw, 0).id for raw in elements]


RECORDINGS = [
    "langchain_py_redis.main",
    "langchain_js_node_redis.main",
    "legacy_js_langchain_0.0.75",
]


@pytest.mark.parametrize("name", RECORDINGS)
def test_recorded_messages_are_addressable(name: str) -> None:
    """Each message of another library has an id, and no two have the same derived one."""
    raws = recorded(name)
    found = codec.decode_many(raws[::-1], key="k", positions=range(-1, -len(raws) - 1, -1))
    derived = [m.id for m in found if m.id is None or _places.derived(m.id)]
    assert None not in derived
    assert derived
    assert len(set(derived)) == len(derived)


def test_which_element_an_id_stands_for() -> None:
    """Its own one, or that of its place, wherever the element lies by now."""
    assert codec.has_id(OWN, "own-id")
    assert codec.has_id(OWN, _places.derived_id(OWN, -5))
    assert codec.has_id(FOREIGN, _places.derived_id(FOREIGN, -5))
    assert codec.has_id(DAMAGED, _places.derived_id(DAMAGED, -5))
    assert not codec.has_id(OWN, "own")
    assert not codec.has_id(FOREIGN, "own-id")
    assert not codec.has_id(FOREIGN, _places.derived_id(OWN, -1))
    assert not codec.has_id(DAMAGED, "own-id")
    taken = codec.element(codec.stored_as(Message.user("x"), _places.derived_id(FOREIGN, -1), None))
    assert codec.has_id(taken, _places.derived_id(FOREIGN, -1))


def test_a_message_is_stored_again_under_an_id_of_its_own() -> None:
    """The id that its place gave it says nothing in another place or session."""
    placed = decoded(FOREIGN, -1)
    again = codec.stored(placed, "new-id", 5)
    assert again.id == data_of(codec.element(again))["id"] == "new-id"
    assert codec.stored(decoded(OWN, -1), "new-id", 5).id == "own-id"
    given = Message.user("x", id=_places.derived_id(OWN, -1))
    assert codec.stored(given, "new-id", 5).id == "new-id"


def test_a_message_is_stored_under_the_id_that_is_asked_for() -> None:
    """Also where it has one, or such a one is asked for."""
    place = _places.derived_id(FOREIGN, -1)
    for message in (Message.user("x"), Message.user("x", id="a"), decoded(FOREIGN, -1)):
        for message_id in ("b", place):
            found = codec.stored_as(message, message_id, None)
            assert found.id == data_of(codec.element(found))["id"] == message_id


def test_the_time_that_is_given_stands_where_there_is_none() -> None:
    """A message keeps its own; without either, none is stored."""
    assert codec.stored_as(Message.user("x"), "a", 5)._at == 5
    assert codec.stored_as(decoded(OWN, -1), "a", 5)._at == 1_700_000_000_000
    bare = codec.stored_as(Message.user("x"), "a", None)
    assert bare._at is None
    assert "redialog" not in json.loads(codec.element(bare))


def test_what_is_stored_again_under_its_id_is_the_same_bytes() -> None:
    """A message that was read and not changed is left as it was written."""
    assert codec.element(codec.stored_as(decoded(OWN, -1), "own-id", 5)) == OWN
    spaced = (
        b'{"type": "human", "data": {"content": "hi", "id": "a"}, "redialog": {"at": 7}, "z": 1}'
    )
    assert codec.element(codec.stored_as(decoded(spaced, -1), "a", None)) == spaced


def test_what_another_library_wrote_stays_in_a_message_that_was_derived() -> None:
    """Only the change and the id are new."""
    raw = b'{"type":"human","data":{"content":"hi","example":true,"id":null},"v":2}'
    found = codec.stored_as(decoded(raw, -1).replace(content="new"), "a", None)
    stored = json.loads(codec.element(found))
    assert stored["v"] == 2
    assert stored["data"] == {"content": "new", "example": True, "id": "a"}


@pytest.mark.parametrize("raw", [DAMAGED, b'{"type":"remove","data":{"content":"","id":"1"}}'])
def test_what_cannot_be_stored_again(raw: bytes) -> None:
    """A damaged message has no content, a request to remove one is none."""
    with pytest.raises(InvalidMessage):
        codec.stored_as(decoded(raw, -1), "a", None)
    with pytest.raises(InvalidMessage):
        codec.element(Message.user("x"))
