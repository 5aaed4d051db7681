"""Owners: whose session it is, who may change it, and whose listing shows it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from redialog.errors import OwnerMismatch
from redialog.messages import Message
from redialog.sync import ChatMemory, Session
from redialog.testing.conformance._tools import (
    LAYOUTS,
    Part,
    Store,
    everything,
    forget_tokens,
    keys_of,
    numbered,
    stages,
    texts,
    tokens,
)

MUTATIONS: dict[str, Callable[[Session], object]] = {
    "append": lambda chat: chat.append(Message.user("x")),
    "large append": lambda chat: chat.append(*numbered(1001)),
    "replace": lambda chat: chat.replace("a", Message.user("x")),
    "remove": lambda chat: chat.remove("a"),
    "rewind": lambda chat: chat.rewind("a"),
    "fork": lambda chat: chat.fork("copy"),
    "fork at": lambda chat: chat.fork("copy", at="a"),
    "set_title": lambda chat: chat.set_title("x"),
    "clear": lambda chat: chat.clear(),
    "expire": lambda chat: chat.expire(5),
    "persist": lambda chat: chat.persist(),
    "touch": lambda chat: chat.touch(),
}
ACTIVITIES = ("append", "large append", "replace", "remove", "rewind", "touch")


def _adas(memory: ChatMemory, *names: str) -> None:
    for name in names:
        chat = memory.session(name, user_id="ada")
        chat.append(*(Message.user(text, id=text) for text in "abc"))


class Owners(Part):
    """Sessions that belong to a user."""

    @LAYOUTS
    def test_a_write_in_another_users_name_is_refused_whole(
        self, store: Store, prefix: str | None
    ) -> None:
        """Whichever it is: messages, companions, TTL and listings are as they were, no token."""
        memory = store.memory(key_prefix=prefix)
        _adas(memory, "s")
        memory.session("s").set_title("hers")
        memory.session("s").expire(1000)
        keys = keys_of("s", "bob", prefix=prefix)
        forget_tokens(store.raw)
        before = everything(store.raw)
        other = memory.session("s", user_id="bob", ttl=60)
        for name, mutate in MUTATIONS.items():
            with pytest.raises(OwnerMismatch):
                mutate(other)
            left = everything(store.raw)
            staged = stages(store.raw)
            assert all(0 < store.raw.ttl(key) <= 60 for key in staged), name
            # That there was an activity may be noted where the listing lies in another slot.
            spare = {keys.sessions, *staged}
            assert {k: v for k, v in left.items() if k not in spare} == {
                k: v for k, v in before.items() if k not in spare
            }, name
            assert store.raw.ttl(keys.log) > 60, name
        assert tokens(store.raw) == []
        assert list(memory.sessions("bob")) == []
        assert [info.session_id for info in memory.sessions("ada")] == ["s"]

    @LAYOUTS
    def test_a_write_in_no_users_name_leaves_the_owner(
        self, store: Store, prefix: str | None
    ) -> None:
        """It is allowed; and the owner's listing keeps in step with each."""
        memory = store.memory(key_prefix=prefix)
        for name, mutate in MUTATIONS.items():
            store.raw.flushdb()
            _adas(memory, "s", "newer")
            for number, one in enumerate(("s", "newer"), 1000):
                for listing in keys_of(one, "ada", prefix=prefix).catalogue():
                    store.raw.zadd(listing, {one: number})
            assert [info.session_id for info in memory.sessions("ada")] == ["newer", "s"]
            mutate(memory.session("s"))
            expected = ["s", "newer"] if name in ACTIVITIES else ["newer", "s"]
            if name == "clear":
                expected = ["newer"]
                assert store.raw.zscore(keys_of("s", "ada", prefix=prefix).user, "s") is None
            else:
                assert memory.session("s").info().user_id == "ada", name
            if name.startswith("fork"):
                expected = ["copy", "newer", "s"]
            for user_id in (None, "ada"):
                assert [info.session_id for info in memory.sessions(user_id)] == expected, name

    @LAYOUTS
    def test_the_first_user_who_writes_is_the_owner(self, store: Store, prefix: str | None) -> None:
        """A session of nobody becomes a user's with an append in that user's name."""
        memory = store.memory(key_prefix=prefix)
        memory.session("s").append(Message.user("1"))
        for name in ("touch", "set_title"):
            MUTATIONS[name](memory.session("s", user_id="bob"))
            assert memory.session("s").info().user_id is None
        assert list(memory.sessions("bob")) == []
        memory.session("s", user_id="ada").append(Message.user("2"))
        assert memory.session("s").info().user_id == "ada"
        with pytest.raises(OwnerMismatch):
            memory.session("s", user_id="bob").append(Message.user("3"))
        assert texts(memory.session("s").messages()) == ["1", "2"]
        assert [info.session_id for info in memory.sessions("ada")] == ["s"]

    @LAYOUTS
    def test_a_cleared_session_is_nobodys(self, store: Store, prefix: str | None) -> None:
        """Another user can begin under its id, and the first one's listing does not show it."""
        memory = store.memory(key_prefix=prefix)
        _adas(memory, "s")
        memory.session("s").clear()
        memory.session("s", user_id="bob").append(Message.user("1"))
        assert [info.session_id for info in memory.sessions("bob")] == ["s"]
        assert list(memory.sessions("ada")) == []
