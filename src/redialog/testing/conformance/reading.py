"""Reading: messages, counts, titles, and what is known of a session."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from redialog.errors import ConfigurationError
from redialog.messages import Message
from redialog.sync import ChatMemory
from redialog.testing.conformance._tools import (
    LAYOUTS,
    Part,
    Store,
    element,
    keys_of,
    numbered,
    texts,
)


class Reading(Part):
    """What a session says of its messages and of itself."""

    @LAYOUTS
    def test_count_and_window_and_iteration_agree(self, store: Store, prefix: str | None) -> None:
        """All ways to read show the same conversation."""
        chat = store.memory(key_prefix=prefix).session("many")
        for start in range(0, 250, 50):
            chat.append(*numbered(50, start))
        expected = [str(number) for number in range(250)]
        assert chat.count() == 250
        assert texts(chat.messages()) == expected
        assert texts(list(chat.iter_messages())) == expected
        assert texts(chat.window(messages=20)) == expected[-20:]
        assert texts(chat.window(messages=230)) == expected[-230:]
        assert texts(chat.window(messages=1000)) == expected
        assert texts(chat.window(turns=1)) == expected

    def test_a_session_that_does_not_exist_is_empty(self, memory: ChatMemory) -> None:
        """Reading what was never written is no error and writes nothing."""
        chat = memory.session("nobody")
        assert (chat.messages(), list(chat.iter_messages()), chat.count()) == ([], [], 0)
        assert chat.window(turns=3) == chat.window(messages=3) == []
        assert chat.get("x") is chat.get("x-0123456789abcdef-0") is None
        assert (chat.expire(60), chat.persist(), chat.touch()) == (False,) * 3
        assert (chat.set_title("t"), chat.remove("x"), chat.clear()) == (False, False, 0)
        info = chat.info()
        assert (info.exists, info.count, info.user_id, info.title) == (False, 0, None, None)
        assert (info.created_at, info.updated_at, info.ttl, info.trimmed) == (None, None, None, 0)
        assert list(memory.sessions()) == []

    @LAYOUTS
    def test_info_tells_what_is_known(self, store: Store, prefix: str | None) -> None:
        """Count, owner, title, times and ttl, in one call."""
        memory = store.memory(key_prefix=prefix)
        before = datetime.now(UTC) - timedelta(seconds=5)
        chat = memory.session("s", user_id="ada", ttl=timedelta(hours=1))
        first, *_ = chat.append(Message.user("1"), Message.assistant("2"))
        chat.set_title("Ünïcode 🌦")
        info = chat.info()
        assert (info.session_id, info.exists, info.count, info.user_id) == ("s", True, 2, "ada")
        assert (info.title, info.trimmed) == ("Ünïcode 🌦", 0)
        assert info.created_at == first.created_at
        assert info.updated_at is not None
        assert before < info.updated_at < datetime.now(UTC) + timedelta(seconds=5)
        assert info.ttl is not None
        assert timedelta(minutes=59) < info.ttl <= timedelta(hours=1)
        [listed] = memory.sessions()
        assert (listed.title, listed.user_id, listed.count) == (info.title, "ada", 2)
        assert (listed.created_at, listed.updated_at) == (info.created_at, info.updated_at)

    def test_what_another_library_wrote_has_no_times(self, store: Store) -> None:
        """A log that was never written to by this library is a session all the same."""
        store.raw.lpush("s", element("hi"))
        info = store.memory(key_prefix="").session("s").info()
        assert (info.exists, info.count) == (True, 1)
        assert (info.created_at, info.updated_at, info.user_id, info.title) == (None,) * 4

    @LAYOUTS
    def test_a_title_is_set_changed_and_removed(self, store: Store, prefix: str | None) -> None:
        """The last one counts; without title and owner nothing is kept beside the log."""
        memory = store.memory(key_prefix=prefix)
        chat = memory.session("s")
        chat.append(*numbered(2))
        meta = keys_of("s", prefix=prefix).meta
        for title in ("one", "two", "x" * 1000, "\x00{}%\n"):
            assert chat.set_title(title) is True
            assert chat.info().title == title
        for none in (None, ""):
            assert chat.set_title("again") is True
            assert chat.set_title(none) is True
            assert chat.info().title is None
            assert store.raw.exists(meta) == 0
        memory.session("s", user_id="ada").append(Message.user("2"))
        chat.set_title("again")
        chat.set_title(None)
        assert (chat.info().title, chat.info().user_id) == (None, "ada")

    def test_a_title_survives_writes(self, memory: ChatMemory) -> None:
        """Appends and edits, also of the very first messages, leave it."""
        chat = memory.session("s")
        chat.append(Message.user("1", id="1"))
        chat.set_title("kept")
        chat.append(*(Message.user(str(number), id=str(number)) for number in range(2, 8)))
        chat.replace("1", Message.user("one"))
        assert chat.info().title == "kept"
        chat.remove("2")
        assert chat.info().title == "kept"
        chat.rewind("1")
        assert (chat.info().title, chat.count()) == ("kept", 1)
        chat.append(*numbered(2))
        assert chat.info().title == "kept"

    def test_a_title_is_no_activity(self, store: Store) -> None:
        """It is not noted in the catalogue, but it renews the ttl, of all keys."""
        memory = store.memory(ttl=100)
        chat, keys = memory.session("s"), keys_of("s")
        chat.append(Message.user("1"))
        store.raw.zadd(keys.sessions, {"s": 12345})
        store.raw.pexpire(keys.log, 9_000)
        chat.set_title("t")
        assert store.raw.zscore(keys.sessions, "s") == 12345
        assert 60 < store.raw.ttl(keys.log) <= 100
        assert 60 < store.raw.ttl(keys.meta) <= 100
        memory.session("s", ttl=None).set_title("u")
        assert 60 < store.raw.ttl(keys.meta) <= 100

    def test_an_unusable_title_is_refused_at_once(self, memory: ChatMemory) -> None:
        """Too long, no text, or half of an emoji."""
        chat = memory.session("s")
        chat.append(Message.user("1"))
        for wrong in ("x" * 1001, 7, "\ud83d"):
            with pytest.raises(ConfigurationError):
                chat.set_title(wrong)  # type: ignore[arg-type]
        assert chat.info().title is None
