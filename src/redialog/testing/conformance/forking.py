"""Forks: a copy of a session that goes its own way."""

from __future__ import annotations

import pytest

from redialog.errors import ConfigurationError, NotFound, SessionExists
from redialog.messages import Message
from redialog.sync import ChatMemory
from redialog.testing.conformance._tools import (
    LAYOUTS,
    Part,
    Store,
    element,
    everything,
    keys_of,
    numbered,
    stages,
    texts,
)


class Forking(Part):
    """What `Session.fork` makes."""

    @LAYOUTS
    @pytest.mark.parametrize("new_id", [None, "copy"])
    def test_a_fork_is_a_session_of_its_own(
        self, store: Store, prefix: str | None, new_id: str | None
    ) -> None:
        """With all messages; what happens to one of the two does not show in the other."""
        memory = store.memory(key_prefix=prefix)
        chat = memory.session("s")
        stored = chat.append(*numbered(5))
        copy = chat.fork(new_id)
        assert copy.id == new_id if new_id else copy.id != chat.id
        assert memory.session(copy.id).messages() == copy.messages() == stored
        copy.append(Message.user("mine"))
        chat.replace(stored[0].id or "", Message.user("changed"))
        assert texts(chat.messages()) == ["changed", "1", "2", "3", "4"]
        assert texts(copy.messages()) == ["0", "1", "2", "3", "4", "mine"]
        assert chat.clear() == 5
        assert copy.count() == 6
        assert [info.session_id for info in memory.sessions()] == [copy.id]
        assert stages(store.raw) == []

    @LAYOUTS
    def test_a_fork_at_a_message_ends_with_it(self, store: Store, prefix: str | None) -> None:
        """Also in the middle of a long session, under an id of another bucket and of this one."""
        memory = store.memory(key_prefix=prefix)
        chat = memory.session("s")
        chat.append(*(Message.user(str(n), id=f"m{n}") for n in range(2400)))
        for number, new_id in ((0, "first"), (1200, None), (2399, "last")):
            copy = chat.fork(new_id, at=f"m{number}")
            assert texts(copy.messages()) == [str(n) for n in range(number + 1)]
        assert chat.count() == 2400
        assert stages(store.raw) == []

    @LAYOUTS
    @pytest.mark.parametrize("new_id", [None, "copy"])
    def test_title_owner_and_what_was_trimmed_come_along(
        self, store: Store, prefix: str | None, new_id: str | None
    ) -> None:
        """And belong to the fork from then on; its owner finds it in the listing."""
        memory = store.memory(key_prefix=prefix, max_messages=3)
        chat = memory.session("s", user_id="ada")
        chat.append(*numbered(5))
        chat.set_title("plan")
        # A handle that names no user forks for the owner.
        copy = memory.session("s").fork(new_id)
        info = copy.info()
        assert (info.title, info.user_id, info.trimmed, info.count) == ("plan", "ada", 2, 3)
        assert {one.session_id for one in memory.sessions("ada")} == {"s", copy.id}
        copy.set_title("other")
        assert chat.info().title == "plan"
        assert memory.session("s", user_id="ada").fork().user_id == "ada"

    @LAYOUTS
    def test_a_fork_has_the_handles_ttl_or_that_of_its_source(
        self, store: Store, prefix: str | None
    ) -> None:
        """The same for log and companions; what was staged has left no ttl behind."""
        memory = store.memory(key_prefix=prefix)
        memory.session("forever").append(Message.user("x"))
        memory.session("brief", ttl=100).append(Message.user("x"))
        memory.session("brief").set_title("t")
        # From where, under which name, with which ttl: the least and the most that is left.
        cases = (
            ("forever", "none", None, -2, -1),
            ("forever", "own", 500, 400, 500),
            ("brief", "left", None, 0, 100),
            ("brief", "own, too", 500, 400, 500),
        )
        for source, new_id, ttl, least, most in cases:
            memory.session(source, ttl=ttl).fork(new_id)
            copy = keys_of(new_id, prefix=prefix)
            assert least < store.raw.ttl(copy.log) <= most, new_id
            if source == "brief":
                assert abs(store.raw.pttl(copy.log) - store.raw.pttl(copy.meta)) < 1000
        assert 60 < store.raw.ttl(keys_of("brief", prefix=prefix).log) <= 100

    @LAYOUTS
    def test_a_fork_overwrites_nothing(self, store: Store, prefix: str | None) -> None:
        """Where there is a session of the new id, both stay as they were."""
        memory = store.memory(key_prefix=prefix)
        chat = memory.session("s", user_id="ada")
        chat.append(Message.user("source"))
        memory.session("taken", user_id="bob").append(Message.user("theirs"))
        store.raw.set(keys_of("text", prefix=prefix).log, "precious")
        for new_id in ("taken", "text"):
            with pytest.raises(SessionExists):
                chat.fork(new_id)
        assert texts(memory.session("taken").messages()) == ["theirs"]
        assert memory.session("taken").info().user_id == "bob"
        assert store.raw.get(keys_of("text", prefix=prefix).log) == b"precious"
        assert [info.session_id for info in memory.sessions("ada")] == ["s"]
        assert all(0 < store.raw.ttl(key) <= 60 for key in stages(store.raw))

    @LAYOUTS
    def test_what_is_not_there_cannot_be_forked(self, store: Store, prefix: str | None) -> None:
        """Neither session nor message: nothing is written."""
        memory = store.memory(key_prefix=prefix)
        with pytest.raises(NotFound):
            memory.session("nobody").fork("copy")
        with pytest.raises(NotFound):
            memory.session("nobody").fork("copy", at="x")
        chat = memory.session("s")
        chat.append(Message.user("x"))
        before = everything(store.raw)
        with pytest.raises(NotFound):
            chat.fork("copy", at="no such message")
        with pytest.raises(ConfigurationError):
            chat.fork("s")
        with pytest.raises(ConfigurationError):
            chat.fork("copy", at="")
        assert everything(store.raw) == before

    def test_forks_of_forks(self, memory: ChatMemory) -> None:
        """Each is as good as its source, also under a name that was cleared."""
        chat = memory.session("s", user_id="ada")
        chat.append(Message.user("0"))
        for number in range(1, 6):
            chat = chat.fork(f"fork {number}")
            chat.append(Message.user(str(number)))
        assert texts(chat.messages()) == ["0", "1", "2", "3", "4", "5"]
        memory.session("fork 1").clear()
        assert texts(memory.session("s").fork("fork 1").messages()) == ["0"]
        assert chat.info().user_id == "ada"

    def test_a_large_session_is_forked_whole(self, store: Store) -> None:
        """20,000 messages, within a slot and across: the same elements in the same order."""
        memory = store.memory()
        log = keys_of("s").log
        some = [element(str(number)) for number in range(20_000)]
        for start in range(0, len(some), 5000):
            store.raw.lpush(log, *some[start : start + 5000])
        memory.session("s", user_id="ada").append(Message.user("newest"))
        expected = store.raw.lrange(log, 0, -1)
        for new_id in (None, "elsewhere"):
            copy = memory.session("s").fork(new_id)
            assert store.raw.lrange(keys_of(copy.id).log, 0, -1) == expected
            assert copy.info().user_id == "ada"
        assert stages(store.raw) == []
