"""Writing: what an append stores, once and whole, and what a clear takes away."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from redialog.errors import InvalidMessage, MessageTooLarge
from redialog.messages import Message
from redialog.sync import ChatMemory
from redialog.testing.conformance._facades import append_at_once
from redialog.testing.conformance._tools import (
    LAYOUTS,
    Part,
    Store,
    everything,
    keys_of,
    numbered,
    stages,
    texts,
)
from redialog.toolcalls import ToolCall


class Writing(Part):
    """Appends and clears."""

    def test_what_is_appended_is_read_back_in_order(self, memory: ChatMemory) -> None:
        """Messages come back oldest first, with all of their fields, in this and a new handle."""
        call = ToolCall("get_weather", {"city": "Zürich", "days": 3, "x": None}, "call_1")
        given = [
            Message.system("Be brief."),
            Message.user(
                [{"type": "text", "text": "Weather? 🌦"}], name="ada", metadata={"n": [1, 2.5]}
            ),
            Message.assistant("", tool_calls=[call]),
            Message.tool("21°C", tool_call_id="call_1", name="get_weather"),
            Message.assistant("It is 21°C.\x00\u2028"),
        ]
        stored = memory.session("s").append(*given)
        assert memory.session("s").messages() == stored
        for before, after in zip(given, stored, strict=True):
            assert after.id is not None
            assert after.created_at is not None
            assert after == before.replace(id=after.id, created_at=after.created_at)

    def test_a_dict_in_openai_format_is_a_message(self, memory: ChatMemory) -> None:
        """Dicts are taken where messages are, and come out of to_openai as they were."""
        chat = memory.session()
        given: list[dict[str, object]] = [
            {"role": "user", "content": "hi"},
            {"role": "assistant", "content": "hello", "refusal": None},
        ]
        chat.append(*given)
        assert [message.to_openai() for message in chat.messages()] == given

    def test_own_ids_and_times_are_kept(self, memory: ChatMemory) -> None:
        """What the caller sets is stored, what is missing is filled in."""
        chat = memory.session()
        at = datetime(2024, 2, 29, 12, 0, 0, 123000, tzinfo=UTC)
        first, second = chat.append(Message.user("a", id="mine", created_at=at), Message.user("b"))
        assert (first.id, first.created_at) == ("mine", at)
        assert second.id not in (None, "mine")
        assert chat.messages() == [first, second]

    def test_concurrent_writers_never_split_a_turn(self, memory: ChatMemory) -> None:
        """Turns of several messages from many writers stand whole, each writer's in its order."""
        turns = [
            [[Message.user(f"{writer}.{turn}.{part}") for part in range(3)] for turn in range(15)]
            for writer in range(4)
        ]
        append_at_once(memory, "race", turns)
        found = texts(memory.session("race").messages())
        assert len(found) == 4 * 15 * 3
        for start in range(0, len(found), 3):
            name = found[start].removesuffix(".0")
            assert found[start : start + 3] == [f"{name}.{part}" for part in range(3)]
        for number in range(4):
            order = [int(t.split(".")[1]) for t in found if t.startswith(f"{number}.")]
            assert order == sorted(order)

    def test_clear_deletes_the_session_only(self, memory: ChatMemory) -> None:
        """The cleared session is gone with its ttl, owner and title, the others stay."""
        chat = memory.session("a", user_id="u", ttl=60)
        chat.append(Message.user("1"), Message.user("2"))
        chat.set_title("old")
        memory.session("b").append(Message.user("x"))
        assert chat.clear() == 2
        assert chat.info().exists is False
        assert memory.session("b").count() == 1
        memory.session("a", user_id="someone else").append(Message.user("new"))
        info = memory.session("a").info()
        assert (info.ttl, info.title, info.user_id) == (None, None, "someone else")

    def test_a_flushed_script_is_loaded_again(self, store: Store) -> None:
        """SCRIPT FLUSH between two calls goes unnoticed, also by calls of several steps."""
        chat = store.memory().session("s")
        calls = (
            lambda: chat.append(Message.user("1", id="1")),
            lambda: chat.append(Message.user("2", id="2")),
            lambda: chat.set_title("t"),
            lambda: chat.replace("2", Message.user("two")),
            lambda: chat.fork("copy"),
            lambda: chat.append(*numbered(1001)),
            lambda: chat.rewind("2"),
            lambda: chat.expire(60),
        )
        for call in calls:
            store.raw.script_flush()
            call()
        assert texts(chat.messages()) == ["1", "two"]
        assert chat.info().title == store.memory().session("copy").info().title == "t"
        store.raw.script_flush()
        assert [info.session_id for info in store.memory().sessions()] == ["s", "copy"]
        store.raw.script_flush()
        assert chat.clear() == 2

    def test_appends_of_any_size_are_in_order(self, store: Store) -> None:
        """Lua unpacks only so many arguments; more than 1,000 messages are staged in parts."""
        for count, prefix in (
            (1, None),
            (991, None),
            (992, ""),
            (1000, ""),
            (1001, None),
            (2500, ""),
        ):
            memory = store.memory(key_prefix=prefix)
            chat = memory.session(f"s{count}", user_id="ada", ttl=60)
            chat.append(Message.user("first"))
            stored = chat.append(*numbered(count))
            assert chat.messages()[1:] == stored
            assert texts(chat.messages()) == ["first", *map(str, range(count))]
            assert memory.latest_session_id(user_id="ada") == f"s{count}"
        assert stages(store.raw) == []

    @LAYOUTS
    def test_a_first_append_can_be_a_large_one(self, store: Store, prefix: str | None) -> None:
        """Nothing of the stage is left, and the session has its own ttl, or none."""
        memory = store.memory(key_prefix=prefix)
        memory.session("plain").append(*numbered(1001))
        memory.session("brief", ttl=100).append(*numbered(1001))
        memory.session("big").append(*(Message.user("x" * 1_500_000) for _ in range(4)))
        log = keys_of("plain", prefix=prefix).log
        assert store.raw.ttl(log) == store.raw.ttl(keys_of("big", prefix=prefix).log) == -1
        assert 60 < store.raw.ttl(keys_of("brief", prefix=prefix).log) <= 100
        assert memory.session("plain").count() == memory.session("brief").count() == 1001
        assert memory.session("big").count() == 4
        assert stages(store.raw) == []

    def test_what_cannot_be_stored_stores_nothing(self, store: Store) -> None:
        """A refused message refuses the whole append, before anything is sent."""
        chat = store.memory(max_message_bytes=200).session("s")
        for wrong, error in ((Message.user("x" * 300), MessageTooLarge), ({}, InvalidMessage)):
            with pytest.raises(error):
                chat.append(Message.user("fine"), wrong)
        assert everything(store.raw) == {}

    def test_an_append_of_nothing_is_nothing(self, memory: ChatMemory) -> None:
        """No messages, no session."""
        chat = memory.session("s")
        assert chat.append() == []
        assert chat.info().exists is False
