"""What a session promises, on every backend of the table."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest

from redialog import (
    ChatMemory,
    ConfigurationError,
    CorruptElement,
    IdempotencyMismatch,
    Message,
    OwnerMismatch,
    ToolCall,
    WrongType,
)
from tests.support.backends import Store

NASTY_IDS = [
    "a b",
    "line\nbreak",
    "a:b",
    "{",
    "}",
    "{}",
    "a{b}c",
    "%",
    "%20",
    "\x00",
    "\x1b[31m",
    "😀",
    "é",
    "e\u0301",
    "x" * 10_240,
    "../..",
    "*",
    "redialog:",
]


def texts(messages: list[Message]) -> list[str]:
    return [message.text for message in messages]


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
    given = [
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


def test_windows_are_whole_turns_counted_from_the_newest(memory: ChatMemory) -> None:
    """A turn runs from the user's messages to the next ones; the newest turns are returned."""
    chat = memory.session()
    chat.append(
        Message.system("sys"),
        Message.user("q1"),
        Message.assistant("a1"),
        Message.user("q2"),
        Message.user("q2 more"),
        Message.assistant("", tool_calls=[ToolCall("f", {}, "c1"), ToolCall("g", {}, "c2")]),
        Message.tool("r1", tool_call_id="c1"),
        Message.tool("r2", tool_call_id="c2"),
        Message.assistant("a2"),
        Message.user("q3"),
    )
    assert texts(chat.window(turns=0)) == []
    assert texts(chat.window(turns=1)) == ["q3"]
    assert texts(chat.window(turns=2)) == ["q2", "q2 more", "", "r1", "r2", "a2", "q3"]
    assert texts(chat.window(turns=3)) == texts(chat.messages())


def test_a_window_of_messages_never_starts_inside_a_tool_call(memory: ChatMemory) -> None:
    """A result without its call is cut off; the newest call is kept whole with its results."""
    chat = memory.session()
    calls = [ToolCall("f", {}, "c1"), ToolCall("g", {}, "c2")]
    chat.append(
        Message.user("q"),
        Message.assistant("call", tool_calls=calls),
        Message.tool("r1", tool_call_id="c1"),
        Message.tool("r2", tool_call_id="c2"),
    )
    assert texts(chat.window(messages=1)) == ["call", "r1", "r2"]
    assert texts(chat.window(messages=2)) == ["call", "r1", "r2"]
    assert texts(chat.window(messages=3)) == ["call", "r1", "r2"]
    chat.append(Message.assistant("a"))
    assert texts(chat.window(messages=1)) == ["a"]
    assert texts(chat.window(messages=3)) == ["a"]
    assert texts(chat.window(messages=4)) == ["call", "r1", "r2", "a"]


@pytest.mark.parametrize("session_id", NASTY_IDS, ids=lambda value: ascii(value)[:20])
def test_any_text_is_a_session_id(memory: ChatMemory, session_id: str) -> None:
    """Spaces, braces, control characters, emoji and 10 kB name sessions that do not meet."""
    chat = memory.session(session_id)
    chat.append(Message.user("mine"))
    memory.session(session_id + "x").append(Message.user("other"))
    assert texts(memory.session(session_id).messages()) == ["mine"]
    assert memory.session(session_id).id == session_id
    assert memory.latest_session_id() == session_id + "x"


def test_namespaces_do_not_meet(store: Store) -> None:
    """The same session id in two namespaces is two sessions."""
    store.memory(namespace="a").session("s").append(Message.user("in a"))
    store.memory(namespace="a.1").session("s").append(Message.user("in a.1"))
    assert texts(store.memory(namespace="a").session("s").messages()) == ["in a"]
    assert store.memory(namespace="b").session("s").count() == 0


def test_a_session_without_an_id_gets_a_random_one(memory: ChatMemory) -> None:
    """Two handles without an id are two sessions."""
    one, two = memory.session(), memory.session()
    assert one.id != two.id
    one.append(Message.user("x"))
    assert (one.count(), two.count()) == (1, 0)


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
    memory.session("s").append(Message.user("3"))
    assert memory.session("s").info().user_id == "ada"
    assert texts(memory.session("s").messages()) == ["1", "3"]


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


def test_windows_ask_for_exactly_one_unit(memory: ChatMemory) -> None:
    """Both, none, negative, fractional and boolean limits are refused."""
    chat = memory.session()
    for wrong in (
        {},
        {"turns": 1, "messages": 1},
        {"turns": -1},
        {"messages": 1.5},
        {"turns": True},
    ):
        with pytest.raises(ConfigurationError):
            chat.window(**wrong)  # type: ignore[arg-type]


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
    assert 0 < store.raw.pttl(session_id) <= 60_000  # type: ignore[operator]


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
