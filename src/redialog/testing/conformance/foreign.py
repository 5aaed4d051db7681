"""Logs that another library shares: what it wrote is read, and what it does is noticed."""

from __future__ import annotations

import pytest

from redialog.errors import OwnerMismatch
from redialog.messages import Message
from redialog.testing.conformance._tools import LAYOUTS, Part, Store, element, keys_of, texts


class ForeignWriters(Part):
    """Another client that writes, deletes and begins anew."""

    def test_a_shared_layout_keeps_its_catalogue_beside_the_logs(self, store: Store) -> None:
        """Sessions under a foreign prefix are listed while they are there, and not after."""
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

    def test_both_write_to_one_conversation(self, store: Store) -> None:
        """What either appends is in its place; owner and title stay with it."""
        memory = store.memory(key_prefix="message_store:")
        chat = memory.session("s", user_id="ada")
        store.raw.lpush("message_store:s", element("theirs"))
        chat.append(Message.user("ours"))
        chat.set_title("t")
        store.raw.lpush("message_store:s", element("answer", "ai"))
        chat.append(Message.user("ours again"))
        assert texts(chat.messages()) == ["theirs", "ours", "answer", "ours again"]
        assert [message.role for message in chat.window(turns=1)] == ["user"]
        info = chat.info()
        assert (info.title, info.user_id, info.count) == ("t", "ada", 4)

    @LAYOUTS
    def test_a_log_that_was_begun_anew_has_no_owner(self, store: Store, prefix: str | None) -> None:
        """The companions of the old one do not speak for it, in reads and in writes."""
        memory = store.memory(key_prefix=prefix)
        log = keys_of("s", prefix=prefix).log
        memory.session("s", user_id="ada").append(Message.user("old"), Message.assistant("older"))
        with pytest.raises(OwnerMismatch):
            memory.session("s", user_id="bob").append(Message.user("not mine"))
        store.raw.delete(log)
        assert memory.session("s").info().exists is False
        store.raw.lpush(log, element("new"))
        assert memory.session("s").info().user_id is None
        memory.session("s", user_id="bob").append(Message.user("2"))
        assert texts(memory.session("s").messages()) == ["new", "2"]
        assert memory.session("s").info().user_id == "bob"
        with pytest.raises(OwnerMismatch):
            memory.session("s", user_id="ada").append(Message.user("no more mine"))
        memory.session("s").append(Message.user("3"))
        assert memory.session("s").info().user_id == "bob"

    @LAYOUTS
    def test_companions_of_an_old_log_go_with_the_next_write(
        self, store: Store, prefix: str | None
    ) -> None:
        """Also where that names no user: nobody owns the new one; it expires as itself."""
        memory = store.memory(key_prefix=prefix)
        keys = keys_of("s", prefix=prefix)
        memory.session("s", user_id="ada", ttl=60).append(Message.user("old"))
        store.raw.delete(keys.log)
        store.raw.lpush(keys.log, element("new"))
        assert store.raw.exists(keys.meta) == 1
        memory.session("s").append(Message.user("2"))
        assert store.raw.exists(keys.meta) == 0
        assert memory.session("s").info().user_id is None
        assert store.raw.ttl(keys.log) == -1
        store.raw.expire(keys.log, 50)
        memory.session("s", user_id="bob").append(Message.user("3"))
        assert memory.session("s").info().user_id == "bob"
        for key in (keys.log, keys.meta):
            assert 0 < store.raw.ttl(key) <= 50

    @LAYOUTS
    def test_conversations_that_begin_alike_are_told_apart(
        self, store: Store, prefix: str | None
    ) -> None:
        """The same first element, byte for byte, is not enough: up to four are looked at."""
        memory = store.memory(key_prefix=prefix)
        log = keys_of("s", prefix=prefix).log
        for shared in range(1, 4):
            store.raw.delete(log)
            for number in range(4):
                store.raw.lpush(log, element("hi" if number < shared else f"old {number}"))
            memory.session("s", user_id=f"ada{shared}").append(Message.user("x"))
            memory.session("s").set_title("hers")
            old = store.raw.lrange(log, 0, -1)
            store.raw.delete(log)
            store.raw.lpush(log, *[element("hi")] * shared, element("another"), element("more"))
            info = memory.session("s").info()
            assert (info.user_id, info.title) == (None, None), shared
            # Where the old one is there again, so are its companions.
            store.raw.delete(log)
            store.raw.rpush(log, *old)
            assert memory.session("s").info().title == "hers"
