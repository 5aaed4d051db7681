"""Reading: messages, counts, facts about a session, and which session is the latest."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from redialog import ChatMemory, Message
from tests.conformance.tools import texts
from tests.support.backends import Store


def test_count_and_window_and_iteration_agree(memory: ChatMemory) -> None:
    """All ways to read show the same conversation."""
    chat = memory.session("many")
    for start in range(0, 250, 50):
        chat.append(*(Message.user(str(number)) for number in range(start, start + 50)))
    expected = [str(number) for number in range(250)]
    assert chat.count() == 250
    assert texts(chat.messages()) == expected
    assert texts(list(chat.iter_messages())) == expected
    assert texts(chat.window(messages=20)) == expected[-20:]
    assert texts(chat.window(messages=230)) == expected[-230:]
    assert texts(chat.window(messages=1000)) == expected
    assert texts(chat.window(turns=1)) == expected


def test_a_session_that_does_not_exist_is_empty(memory: ChatMemory) -> None:
    """Reading what was never written is no error and writes nothing."""
    chat = memory.session("nobody")
    assert (chat.messages(), list(chat.iter_messages()), chat.count()) == ([], [], 0)
    assert chat.window(turns=3) == chat.window(messages=3) == []
    assert (chat.expire(60), chat.persist(), chat.touch(), chat.clear()) == (False,) * 3 + (0,)
    info = chat.info()
    assert (info.exists, info.count, info.user_id, info.created_at, info.ttl) == (
        False,
        0,
        None,
        None,
        None,
    )


def test_info_tells_what_is_known(memory: ChatMemory) -> None:
    """Count, owner, times and ttl, in one call."""
    before = datetime.now(UTC) - timedelta(seconds=5)
    chat = memory.session("s", user_id="ada", ttl=timedelta(hours=1))
    first, *_ = chat.append(Message.user("1"), Message.assistant("2"))
    info = chat.info()
    assert (info.session_id, info.exists, info.count, info.user_id) == ("s", True, 2, "ada")
    assert info.created_at == first.created_at
    assert info.updated_at is not None
    assert before < info.updated_at < datetime.now(UTC) + timedelta(seconds=5)
    assert info.ttl is not None
    assert timedelta(minutes=59) < info.ttl <= timedelta(hours=1)


def test_the_latest_session_is_the_last_one_written(memory: ChatMemory) -> None:
    """Activity orders the sessions of a namespace and of a user."""
    assert memory.latest_session_id() is None
    for name, user in (("a", "ada"), ("b", "bob"), ("c", "ada"), ("b", "bob")):
        memory.session(name, user_id=user).append(Message.user("x"))
    newest = memory.latest_session_id()
    assert newest in ("b", "c")
    assert memory.latest_session_id(user_id="ada") in ("a", "c")
    assert memory.latest_session_id(user_id="nobody") is None


def test_an_expired_session_is_not_the_latest(store: Store) -> None:
    """Sessions that are gone hide none that are there, however many they are."""
    memory = store.memory()
    memory.session("old").append(Message.user("x"))
    for number in range(30):
        chat = memory.session(f"gone-{number}")
        chat.append(Message.user("x"))
        store.raw.delete(chat._plan.keys.log)
    assert memory.latest_session_id() == "old"
