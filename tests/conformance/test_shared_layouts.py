"""Shared layouts: logs at the keys of another library, with companions of our own beside them."""

from __future__ import annotations

import pytest

from redialog import Message, OwnerMismatch, WrongType
from tests.conformance.tools import texts
from tests.support.backends import Store


def test_a_shared_layout_keeps_its_catalogue_beside_the_logs(store: Store) -> None:
    """Sessions under a foreign prefix are listed while they are there, and not after a clear."""
    memory = store.memory(key_prefix="message_store:")
    memory.session("a", user_id="u").append(Message.user("1"))
    assert store.raw.llen("message_store:a") == 1
    assert memory.latest_session_id() == memory.latest_session_id(user_id="u") == "a"
    assert memory.session("b").touch() is False
    assert memory.session("b").clear() == 0
    assert memory.latest_session_id() == "a"
    assert memory.session("a", user_id="u").clear() == 1
    assert memory.latest_session_id() is None
    assert memory.latest_session_id(user_id="u") is None
    assert [key for key in store.raw.scan_iter("*") if b":op:" not in key] == []


@pytest.mark.parametrize("session_id", ["a}b", "{}x", "a{t}b", "a{}b{c}", "plain", "{", "m:{n"])
def test_a_shared_layout_takes_ids_as_they_are(store: Store, session_id: str) -> None:
    """The log lies at prefix and id, whatever braces they have; owner and tokens work."""
    memory = store.memory(key_prefix="", ttl=60)
    chat = memory.session(session_id, user_id="u")
    chat.append(Message.user("1"), idempotency_key="k")
    chat.append(Message.user("1"), idempotency_key="k")
    assert store.raw.llen(session_id) == 1
    assert chat.info().user_id == "u"
    assert 0 < store.raw.pttl(session_id) <= 60_000


def test_companions_do_not_outlive_their_log(store: Store) -> None:
    """After another client's DEL, a new conversation has no owner of the old one."""
    memory = store.memory(key_prefix="")
    memory.session("s", user_id="ada").append(Message.user("old"))
    store.raw.delete("s")
    store.raw.lpush("s", b'{"type":"human","data":{"content":"new"}}')
    assert memory.session("s").info().user_id is None
    memory.session("s", user_id="bob").append(Message.user("2"))
    assert memory.session("s").info().user_id == "bob"
    assert texts(memory.session("s").messages()) == ["new", "2"]


def test_a_key_of_another_type_is_not_the_latest_session(store: Store) -> None:
    """A refused append leaves no session that a listing would show."""
    memory = store.memory(key_prefix="")
    memory.session("real").append(Message.user("x"))
    store.raw.set("text", "precious")
    with pytest.raises(WrongType):
        memory.session("text").append(Message.user("x"))
    assert memory.latest_session_id() == "real"


def test_a_refused_user_does_not_get_the_session_listed(store: Store) -> None:
    """Neither an append nor a clear in another user's name changes whose session it is."""
    memory = store.memory(key_prefix="", ttl=60)
    memory.session("s", user_id="ada").append(Message.user("x"))
    other = memory.session("s", user_id="bob")
    for write in (lambda: other.append(Message.user("y")), other.touch, other.clear):
        with pytest.raises(OwnerMismatch):
            write()
    assert memory.session("s").count() == 1
    assert memory.latest_session_id(user_id="bob") is None
    assert memory.latest_session_id(user_id="ada") == "s"
