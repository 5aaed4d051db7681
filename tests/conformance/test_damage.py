"""Damage: elements that cannot be read, and keys that hold something else."""

from __future__ import annotations

import pytest

from redialog import CorruptElement, Message, WrongType
from tests.conformance.tools import texts
from tests.support.backends import Store


def test_a_damaged_element_is_reported_in_its_place(store: Store) -> None:
    """One unreadable element leaves the others readable; a strict read names key and position."""
    memory = store.memory(key_prefix="")
    chat = memory.session("s")
    chat.append(Message.user("1"))
    store.raw.lpush("s", b'{"type": "human", "data": SECRET')
    chat.append(Message.user("3"))
    for found in (chat.messages(), list(chat.iter_messages()), chat.window(messages=9)):
        assert [message.role for message in found] == ["user", "damaged", "user"]
        damage = found[1].damage
        assert damage is not None
        assert damage.key == "s"
        assert b"SECRET" in store.raw.lindex("s", damage.position)  # type: ignore[operator]
        assert "SECRET" not in str(damage) + repr(damage) + repr(found[1])
    with pytest.raises(CorruptElement):
        chat.messages(strict=True)
    with pytest.raises(CorruptElement):
        list(chat.iter_messages(strict=True))
    with pytest.raises(CorruptElement):
        chat.window(turns=2, strict=True)
    assert texts(chat.window(messages=1, strict=True)) == ["3"]


def test_a_key_of_another_type_is_loud_and_untouched(store: Store) -> None:
    """A string under the session's name fails every call and is still there, with no token left."""
    memory = store.memory(key_prefix="", ttl=60)
    store.raw.set("s", "precious")
    chat = memory.session("s", user_id="u")
    for call in (
        lambda: chat.append(Message.user("x")),
        chat.messages,
        chat.count,
        lambda: chat.window(turns=1),
        lambda: chat.window(messages=1),
        lambda: list(chat.iter_messages()),
        chat.clear,
        lambda: chat.expire(5),
        chat.persist,
        chat.touch,
        chat.info,
    ):
        with pytest.raises(WrongType, match="'s'"):
            call()
    assert store.raw.get("s") == b"precious"
    assert store.raw.ttl("s") == -1
    assert list(store.raw.scan_iter("*:op:*")) == []


def test_a_companion_of_another_type_leaves_nothing_half_written(store: Store) -> None:
    """Where any key of the session is of a wrong type, the write does nothing and names it."""
    memory = store.memory(ttl=60)
    keys = memory.session("s", user_id="u")._plan.keys
    assert keys.user is not None
    for key in (keys.meta, keys.sessions, keys.user):
        store.raw.flushdb()
        store.raw.set(key, "x")
        with pytest.raises(WrongType, match=key.decode().replace("{", r"\{")):
            memory.session("s", user_id="u").append(Message.user("x"))
        assert [*store.raw.scan_iter("*:op:*"), *store.raw.scan_iter("*:log:*")] == []
