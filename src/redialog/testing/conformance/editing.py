"""Changing a session at one message: get, replace, remove and rewind."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from redialog.errors import ConfigurationError, Conflict, MessageTooLarge, NotFound
from redialog.messages import Message
from redialog.sync import ChatMemory, Session
from redialog.testing.conformance._tools import LAYOUTS, Part, Store, everything, keys_of, texts


def _talk(memory: ChatMemory, count: int, name: str = "s") -> Session:
    """A session of messages whose ids are their numbers."""
    chat = memory.session(name)
    chat.append(*(Message.user(f"text {n}", id=str(n)) for n in range(count)))
    return chat


class Editing(Part):
    """Edits of messages that have an id of their own."""

    @LAYOUTS
    def test_a_message_is_found_wherever_it_stands(self, store: Store, prefix: str | None) -> None:
        """In a session of several pages; what has no such id is None."""
        memory = store.memory(key_prefix=prefix)
        chat = _talk(memory, 1200)
        _talk(memory, 1, "other").append(Message.user("x", id="elsewhere"))
        for number in (0, 99, 100, 1098, 1099, 1199):
            found = chat.get(str(number))
            assert found is not None
            assert (found.id, found.text) == (str(number), f"text {number}")
        for absent in ("1200", "elsewhere", "text 1", "x-0123456789abcdef-0"):
            assert chat.get(absent) is None
            with pytest.raises(NotFound):
                chat.replace(absent, Message.user("x"))
            with pytest.raises(NotFound):
                chat.rewind(absent)
            assert chat.remove(absent) is False
        assert chat.count() == 1200

    def test_any_text_is_a_message_id(self, memory: ChatMemory) -> None:
        """However a JSON writer escapes it."""
        chat = memory.session("s")
        ids = ['"', "\\", "é", "😀", "\x00", "a b", "x-", "{}", "\u2028", "/", "i" * 5000]
        chat.append(*(Message.user(f"of {n}", id=one) for n, one in enumerate(ids)))
        for number, one in enumerate(ids):
            found = chat.get(one)
            assert found is not None
            assert found.text == f"of {number}"
            assert chat.replace(one, Message.user("new")).id == one
        assert texts(chat.messages()) == ["new"] * len(ids)
        for wrong in ("", 7, None, "\ud83d"):
            with pytest.raises(ConfigurationError):
                chat.get(wrong)  # type: ignore[arg-type]

    @LAYOUTS
    def test_replace_keeps_place_id_and_time(self, store: Store, prefix: str | None) -> None:
        """The new message stands where the old one stood; a time of its own wins."""
        chat = _talk(store.memory(key_prefix=prefix), 5)
        before = chat.messages()
        stored = chat.replace("2", Message.assistant("new"))
        assert (stored.id, stored.created_at) == ("2", before[2].created_at)
        assert chat.messages() == [*before[:2], stored, *before[3:]]
        at = datetime(2024, 2, 29, tzinfo=UTC)
        assert chat.replace("4", Message.user("z", id="4", created_at=at)).created_at == at
        assert chat.replace("0", {"role": "user", "content": "dict"}).text == "dict"
        assert texts(chat.messages()) == ["dict", "text 1", "new", "text 3", "z"]
        assert chat.get("2") == stored

    def test_replace_refuses_what_cannot_be_stored(self, store: Store) -> None:
        """Another id, too large, or no message: nothing is changed."""
        chat = _talk(store.memory(max_message_bytes=200), 2)
        before = everything(store.raw)
        with pytest.raises(ConfigurationError):
            chat.replace("1", Message.user("x", id="0"))
        with pytest.raises(MessageTooLarge):
            chat.replace("1", Message.user("x" * 300))
        assert everything(store.raw) == before

    @LAYOUTS
    def test_a_message_that_was_changed_meanwhile_is_a_conflict(
        self, store: Store, prefix: str | None
    ) -> None:
        """What was derived from the old message never overwrites a newer one."""
        memory = store.memory(key_prefix=prefix)
        chat = _talk(memory, 3)
        mine = chat.get("1")
        assert mine is not None
        theirs = memory.session("s").replace("1", mine.replace(content="theirs"))
        with pytest.raises(Conflict) as caught:
            chat.replace("1", mine.replace(content="mine"))
        assert type(caught.value) is Conflict
        assert chat.get("1") == theirs
        # From what is there now it goes, and without a base it overwrites.
        assert chat.replace("1", theirs.replace(content="mine")).text == "mine"
        assert chat.replace("1", Message.user("anew")).text == "anew"
        assert texts(chat.messages()) == ["text 0", "anew", "text 2"]

    @LAYOUTS
    def test_remove_takes_one_message_out(self, store: Store, prefix: str | None) -> None:
        """The others stay in their order, at the ends and in the middle, in a long one too."""
        chat = _talk(store.memory(key_prefix=prefix), 300)
        left = [f"text {n}" for n in range(300)]
        for number in (0, 299, 3, 290, 150):
            assert chat.remove(str(number)) is True
            assert chat.remove(str(number)) is False
            left.remove(f"text {number}")
            assert texts(chat.messages()) == left

    def test_removing_the_last_message_ends_the_session(self, store: Store) -> None:
        """Nothing is left of it but its token; it begins anew without owner and title."""
        memory = store.memory(ttl=60)
        chat = memory.session("s", user_id="ada")
        chat.append(Message.user("x", id="1"))
        chat.set_title("t")
        assert chat.remove("1") is True
        assert [key for key in store.raw.scan_iter("*") if b":op:" not in key] == []
        memory.session("s", user_id="bob").append(Message.user("y"))
        info = memory.session("s").info()
        assert (info.user_id, info.title) == ("bob", None)

    @LAYOUTS
    def test_removing_the_last_message_without_a_user_ends_the_owners_session(
        self, store: Store, prefix: str | None
    ) -> None:
        """No listing shows it, and it is not noted as an activity of the owner."""
        memory = store.memory(key_prefix=prefix)
        memory.session("s", user_id="ada").append(Message.user("x", id="1"))
        keys = keys_of("s", "ada", prefix=prefix)
        store.raw.zadd(keys.user, {"s": 12345})
        assert memory.session("s").remove("1") is True
        assert store.raw.exists(keys.meta) == 0
        assert store.raw.zscore(keys.user, "s") == 12345
        assert list(memory.sessions("ada")) == list(memory.sessions()) == []
        assert store.raw.zscore(keys.user, "s") is None

    @LAYOUTS
    def test_rewind_drops_what_came_after(self, store: Store, prefix: str | None) -> None:
        """The message itself stays; the newest one drops nothing."""
        chat = _talk(store.memory(key_prefix=prefix), 1500)
        assert chat.rewind("1499") == 0
        assert chat.rewind("1000") == 499
        assert texts(chat.messages()) == [f"text {n}" for n in range(1001)]
        assert chat.rewind("0") == 1000
        assert texts(chat.messages()) == ["text 0"]
        chat.append(Message.user("on"))
        assert texts(chat.messages()) == ["text 0", "on"]

    @LAYOUTS
    def test_a_repeated_id_is_a_conflict(self, store: Store, prefix: str | None) -> None:
        """Not a guess; the error names ids that each have one message, and they work."""
        chat = store.memory(key_prefix=prefix).session("s")
        for text in ("a", "b", "c", "d"):
            chat.append(Message.user(text, id="same" if text in "bcd" else text))
        calls = (
            lambda: chat.get("same"),
            lambda: chat.replace("same", Message.user("x")),
            lambda: chat.remove("same"),
            lambda: chat.rewind("same"),
            lambda: chat.fork("copy", at="same"),
        )
        for call in calls:
            with pytest.raises(Conflict) as caught:
                call()
            ids = vars(caught.value)["ids"]
            assert len(ids) == 3
        assert texts(chat.messages()) == ["a", "b", "c", "d"]
        assert [found.text for one in ids if (found := chat.get(one))] == ["b", "c", "d"]
        chat.remove(ids[1])
        assert texts(chat.messages()) == ["a", "b", "d"]
        chat.replace(ids[2], Message.user("D"))
        assert texts(chat.messages()) == ["a", "b", "D"]
        chat.rewind(ids[0])
        assert texts(chat.messages()) == ["a", "b"]
        # The id has one message again.
        found = chat.get("same")
        assert found is not None
        assert found.text == "b"

    def test_an_edit_is_an_activity(self, store: Store) -> None:
        """Replace, remove and rewind bring the session to the front of the listing."""
        memory = store.memory()
        chat, keys = _talk(memory, 4), keys_of("s")
        calls = (
            lambda: chat.replace("1", Message.user("x")),
            lambda: chat.remove("3"),
            lambda: chat.rewind("1"),
        )
        for call in calls:
            store.raw.zadd(keys.sessions, {"s": 12345})
            call()
            assert store.raw.zscore(keys.sessions, "s") > 12345
