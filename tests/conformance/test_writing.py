"""Writing: what an append stores, once and whole, for whom, and what a clear takes away."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

import pytest

from redialog import ChatMemory, IdempotencyMismatch, Message, OwnerMismatch, ToolCall
from tests.conformance.tools import texts
from tests.support.backends import Store


def test_what_is_appended_is_read_back_in_order(memory: ChatMemory) -> None:
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


def test_a_dict_in_openai_format_is_a_message(memory: ChatMemory) -> None:
    """Dicts are taken where messages are, and come out of to_openai as they were."""
    chat = memory.session()
    given: list[dict[str, object]] = [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": "hello", "refusal": None},
    ]
    chat.append(*given)
    assert [message.to_openai() for message in chat.messages()] == given


def test_own_ids_and_times_are_kept(memory: ChatMemory) -> None:
    """What the caller sets is stored, what is missing is filled in."""
    chat = memory.session()
    at = datetime(2024, 2, 29, 12, 0, 0, 123000, tzinfo=UTC)
    first, second = chat.append(Message.user("a", id="mine", created_at=at), Message.user("b"))
    assert (first.id, first.created_at) == ("mine", at)
    assert second.id not in (None, "mine")
    assert chat.messages() == [first, second]


def test_concurrent_writers_never_split_a_turn(store: Store) -> None:
    """Turns of several messages from many threads stand whole, each writer's in its order."""
    if store.backend.facade == "async":
        writers = [store.memory()]
    else:
        shared = store.memory()
        writers = [shared] * 4

    def write(memory: ChatMemory, writer: int) -> None:
        for turn in range(25):
            name = f"{writer}.{turn}"
            memory.session("race").append(*(Message.user(f"{name}.{part}") for part in range(3)))

    threads = [
        threading.Thread(target=write, args=(memory, number))
        for number, memory in enumerate(writers)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = texts(store.memory().session("race").messages())
    assert len(found) == len(writers) * 75
    for start in range(0, len(found), 3):
        name = found[start].removesuffix(".0")
        assert found[start : start + 3] == [f"{name}.{part}" for part in range(3)]
    for number in range(len(writers)):
        turns = [int(t.split(".")[1]) for t in found if t.startswith(f"{number}.")]
        assert turns == sorted(turns)


def test_an_idempotency_key_stores_once(memory: ChatMemory) -> None:
    """The same append again under its key stores nothing and answers as the first time."""
    chat = memory.session()
    first = chat.append(Message.user("q"), Message.assistant("a"), idempotency_key="turn 1")
    again = chat.append(Message.user("q"), Message.assistant("a"), idempotency_key="turn 1")
    assert first == again == chat.messages()
    other = memory.session().append(Message.user("x"), idempotency_key="turn 1")
    assert len(other) == 1


def test_an_idempotency_key_for_other_messages_is_refused(memory: ChatMemory) -> None:
    """A key that is used twice for different messages would lose the second: it is an error."""
    chat = memory.session()
    chat.append(Message.user("q"), idempotency_key="k")
    with pytest.raises(IdempotencyMismatch):
        chat.append(Message.user("another"), idempotency_key="k")
    assert texts(chat.messages()) == ["q"]


def test_clear_deletes_the_session_only(memory: ChatMemory) -> None:
    """The cleared session is gone with its ttl and owner, the others stay."""
    chat = memory.session("a", user_id="u", ttl=60)
    chat.append(Message.user("1"), Message.user("2"))
    memory.session("b").append(Message.user("x"))
    assert chat.clear() == 2
    assert chat.info().exists is False
    assert memory.session("b").count() == 1
    memory.session("a", user_id="someone else").append(Message.user("new"))
    assert memory.session("a").info().ttl is None


def test_the_owner_of_a_session_is_kept(memory: ChatMemory) -> None:
    """A write in another user's name is refused whole; one without a user's name is not."""
    memory.session("s", user_id="ada").append(Message.user("1"))
    with pytest.raises(OwnerMismatch):
        memory.session("s", user_id="bob").append(Message.user("2"))
    other = memory.session("s", user_id="bob", ttl=60)
    for write in (other.clear, other.touch, other.persist, lambda: other.expire(5)):
        with pytest.raises(OwnerMismatch):
            write()
    assert memory.session("s").info().ttl is None
    memory.session("s").append(Message.user("3"))
    assert memory.session("s").info().user_id == "ada"
    assert texts(memory.session("s").messages()) == ["1", "3"]


def test_a_flushed_script_is_loaded_again(store: Store) -> None:
    """SCRIPT FLUSH between two writes goes unnoticed."""
    chat = store.memory().session("s")
    chat.append(Message.user("1"))
    store.raw.script_flush()
    chat.append(Message.user("2"))
    store.raw.script_flush()
    assert chat.expire(60)
    store.raw.script_flush()
    assert texts(chat.messages()) == ["1", "2"]
    assert chat.clear() == 2


def test_a_large_append_is_one_write(memory: ChatMemory) -> None:
    """Thousands of messages go in at once, although Lua can unpack only some."""
    chat = memory.session("bulk", ttl=60)
    chat.append(*(Message.user(str(number)) for number in range(9_500)))
    assert chat.count() == 9_500
    assert texts(chat.messages()) == [str(number) for number in range(9_500)]


def test_an_append_of_nothing_is_nothing(memory: ChatMemory) -> None:
    """No messages, no session."""
    chat = memory.session("s")
    assert chat.append() == []
    assert chat.info().exists is False
