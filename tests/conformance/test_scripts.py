"""What the scripts do on a real server where a key of a session is not what it should be."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import redis

from redialog import ChatMemory, Message, OwnerMismatch, WrongType
from redialog.keys import SessionKeys
from tests.support.backends import Store

OTHERS = b'{"type":"human","data":{"content":"new"}}'
LAYOUTS = pytest.mark.parametrize("prefix", [None, "", "p:"], ids=["own", "shared", "prefixed"])


def texts(messages: list[Message]) -> list[str]:
    return [message.text for message in messages]


def keys_of(memory: ChatMemory, session_id: str, user_id: str | None = None) -> SessionKeys:
    """The keys of a session."""
    keys = memory.session(session_id, user_id=user_id)._plan.keys
    assert isinstance(keys, SessionKeys)
    return keys


def tokens(raw: redis.Redis) -> list[bytes]:
    """The tokens of operations that the server remembers."""
    return list(raw.scan_iter("redialog:*op:*"))


def everything(raw: redis.Redis) -> dict[bytes, bytes | None]:
    """All that the server holds, to see whether anything was changed."""
    return {key: raw.dump(key) for key in raw.scan_iter("*")}


@LAYOUTS
def test_a_string_in_the_place_of_an_owned_log(store: Store, prefix: str | None) -> None:
    """The append leaves no token, so the same one under the same key is stored once it can be."""
    memory = store.memory(key_prefix=prefix, ttl=60)
    chat = memory.session("s", user_id="ada")
    chat.append(Message.user("1"))
    keys = keys_of(memory, "s", "ada")
    for token in tokens(store.raw):
        store.raw.delete(token)
    assert store.raw.hget(keys.meta, "owner") == b"ada"
    store.raw.set(keys.log, "precious")
    for _ in range(2):
        with pytest.raises(WrongType) as caught:
            chat.append(Message.user("2"), Message.assistant("3"), idempotency_key="k")
        assert vars(caught.value)["key"] == keys.log.decode()
        assert tokens(store.raw) == []
        assert store.raw.get(keys.log) == b"precious"
        assert store.raw.ttl(keys.log) == -1
    store.raw.delete(keys.log)
    first = chat.append(Message.user("2"), Message.assistant("3"), idempotency_key="k")
    again = chat.append(Message.user("2"), Message.assistant("3"), idempotency_key="k")
    assert first == again == chat.messages()
    assert texts(first) == ["2", "3"]
    assert chat.info().user_id == "ada"
    assert memory.latest_session_id(user_id="ada") == "s"


def wrong_keys(keys: SessionKeys) -> Iterator[tuple[str, bytes]]:
    """The keys that an append touches, but for its token."""
    yield "log", keys.log
    yield "meta", keys.meta
    yield "sessions", keys.sessions
    assert keys.user is not None
    yield "user", keys.user


def append_to(memory: ChatMemory, session_id: str) -> None:
    """An append in a user's name."""
    memory.session(session_id, user_id="ada").append(Message.user("x"), idempotency_key="k")


@pytest.mark.parametrize("name", ["log", "meta", "sessions", "user"])
@pytest.mark.parametrize("known", [False, True], ids=["new", "known"])
def test_a_failing_append_leaves_nothing_behind(store: Store, name: str, known: bool) -> None:
    """Whichever key is of a wrong type: no token, no message, and no session that is not there."""
    memory = store.memory(ttl=60)
    keys = keys_of(memory, "s", "ada")
    if known:
        append_to(memory, "s")
        for token in tokens(store.raw):
            store.raw.delete(token)
    wrong = dict(wrong_keys(keys))[name]
    store.raw.set(wrong, "precious")
    before = everything(store.raw)
    for _ in range(2):
        with pytest.raises(WrongType) as caught:
            append_to(memory, "s")
        assert vars(caught.value)["key"] == wrong.decode()
        assert tokens(store.raw) == []
    assert store.raw.get(wrong) == b"precious"
    left = everything(store.raw)
    assert left.keys() == before.keys()
    # The activity of a session that is listed may be noted; nothing else is touched.
    touched = {key for key in left if left[key] != before[key]}
    assert touched <= ({keys.sessions} if known and name == "log" else set())
    for key in (keys.sessions, keys.user):
        assert key is not None
        if key != wrong:
            listed = store.raw.zscore(key, keys.member)
            assert (listed is not None) is known
    store.raw.delete(wrong)
    append_to(memory, "s")
    assert texts(memory.session("s").messages())[-1:] == ["x"]
    assert memory.latest_session_id(user_id="ada") == memory.latest_session_id() == "s"


@pytest.mark.parametrize("name", ["log", "meta"])
@pytest.mark.parametrize("known", [False, True], ids=["new", "known"])
def test_a_failing_append_to_a_shared_log_leaves_no_token(
    store: Store, name: str, known: bool
) -> None:
    """The catalogue was told before, in another slot; the session's own keys are as they were."""
    memory = store.memory(key_prefix="", ttl=60)
    keys = keys_of(memory, "s", "ada")
    if known:
        append_to(memory, "s")
        for token in tokens(store.raw):
            store.raw.delete(token)
    wrong = dict(wrong_keys(keys))[name]
    store.raw.set(wrong, "precious")
    before = everything(store.raw)
    with pytest.raises(WrongType) as caught:
        append_to(memory, "s")
    assert vars(caught.value)["key"] == wrong.decode()
    after = everything(store.raw)
    catalogue = {keys.sessions, keys.user}
    assert {k: v for k, v in after.items() if k not in catalogue} == {
        k: v for k, v in before.items() if k not in catalogue
    }


@pytest.mark.parametrize("name", ["sessions", "user"])
def test_a_shared_log_is_written_whatever_became_of_its_catalogue(store: Store, name: str) -> None:
    """Where the note of the activity fails, the messages are stored all the same, and once."""
    memory = store.memory(key_prefix="", ttl=60)
    keys = keys_of(memory, "s", "ada")
    wrong = dict(wrong_keys(keys))[name]
    store.raw.set(wrong, "precious")
    for _ in range(2):
        append_to(memory, "s")
    assert store.raw.get(wrong) == b"precious"
    assert store.raw.llen("s") == 1
    assert store.raw.hget(keys.meta, "owner") == b"ada"
    # Neither of the two listings was touched.
    other = keys.user if name == "sessions" else keys.sessions
    assert other is not None
    assert store.raw.exists(other) == 0


def replaced_by_another(store: Store, keys: SessionKeys) -> None:
    """Another client deletes the log and starts a new one under its name."""
    store.raw.delete(keys.log)
    store.raw.lpush(keys.log, OTHERS)


@LAYOUTS
def test_a_log_that_another_client_began_anew_has_no_owner(
    store: Store, prefix: str | None
) -> None:
    """The companions of the old one do not speak for it, in reads and in writes."""
    memory = store.memory(key_prefix=prefix)
    keys = keys_of(memory, "s")
    memory.session("s", user_id="ada").append(Message.user("old"), Message.assistant("older"))
    with pytest.raises(OwnerMismatch):
        memory.session("s", user_id="bob").append(Message.user("not mine"))
    replaced_by_another(store, keys)
    assert memory.session("s").info().user_id is None
    memory.session("s", user_id="bob").append(Message.user("2"))
    assert texts(memory.session("s").messages()) == ["new", "2"]
    assert memory.session("s").info().user_id == "bob"
    assert memory.latest_session_id(user_id="bob") == "s"
    # The new owner's companions count as any.
    with pytest.raises(OwnerMismatch):
        memory.session("s", user_id="ada").append(Message.user("no more mine"))
    memory.session("s").append(Message.user("3"))
    assert memory.session("s").info().user_id == "bob"


@LAYOUTS
def test_companions_of_an_old_log_go_with_the_next_write(store: Store, prefix: str | None) -> None:
    """Also where that write names no user: nobody owns the new one then."""
    memory = store.memory(key_prefix=prefix)
    keys = keys_of(memory, "s")
    memory.session("s", user_id="ada", ttl=60).append(Message.user("old"))
    replaced_by_another(store, keys)
    assert store.raw.exists(keys.meta) == 1
    memory.session("s").append(Message.user("2"))
    assert store.raw.exists(keys.meta) == 0
    assert memory.session("s").info().user_id is None
    assert store.raw.ttl(keys.log) == -1
    memory.session("s", user_id="bob").append(Message.user("3"))
    assert memory.session("s").info().user_id == "bob"


@LAYOUTS
def test_companions_live_as_long_as_the_log(store: Store, prefix: str | None) -> None:
    """A first owner of a log that is there already takes over the time that it has left."""
    memory = store.memory(key_prefix=prefix)
    keys = keys_of(memory, "s")
    memory.session("s", user_id="ada").append(Message.user("old"))
    replaced_by_another(store, keys)
    store.raw.pexpire(keys.log, 50_000)
    memory.session("s", user_id="bob").append(Message.user("2"))
    for key in (keys.log, keys.meta):
        left = store.raw.pttl(key)
        assert isinstance(left, int)
        assert 40_000 < left <= 50_000
    memory.session("s", user_id="bob", ttl=90).append(Message.user("3"))
    for key in (keys.log, keys.meta):
        left = store.raw.pttl(key)
        assert isinstance(left, int)
        assert 80_000 < left <= 90_000


@LAYOUTS
def test_an_owned_log_that_was_deleted_begins_anew(store: Store, prefix: str | None) -> None:
    """Without a new log either, the companions that are left do not keep another user out."""
    memory = store.memory(key_prefix=prefix)
    memory.session("s", user_id="ada").append(Message.user("old"))
    store.raw.delete(keys_of(memory, "s").log)
    assert memory.session("s").info().exists is False
    memory.session("s", user_id="bob").append(Message.user("1"))
    assert texts(memory.session("s").messages()) == ["1"]
    assert memory.session("s").info().user_id == "bob"


@LAYOUTS
@pytest.mark.parametrize("count", [1, 995, 996, 1000, 1001, 2500])
def test_appends_of_any_size_are_in_order(store: Store, prefix: str | None, count: int) -> None:
    """Lua unpacks only so many arguments at once; no element is lost or doubled where it stops."""
    chat = store.memory(key_prefix=prefix).session("s", user_id="ada")
    chat.append(Message.user("first"))
    chat.append(*(Message.user(str(number)) for number in range(count)))
    assert texts(chat.messages()) == ["first", *map(str, range(count))]


CALLS: list[Callable[[ChatMemory], object]] = [
    lambda memory: memory.session("s", user_id="ada").touch(),
    lambda memory: memory.session("s", user_id="ada").expire(60),
    lambda memory: memory.session("s", user_id="ada").persist(),
]


@LAYOUTS
@pytest.mark.parametrize("call", CALLS, ids=["touch", "expire", "persist"])
def test_what_is_no_session_is_not_listed(
    store: Store, prefix: str | None, call: Callable[[ChatMemory], object]
) -> None:
    """A ttl or an activity of a session that is not there is noted nowhere."""
    memory = store.memory(key_prefix=prefix)
    assert call(memory) is False
    assert [key for key in store.raw.scan_iter("*") if key not in tokens(store.raw)] == []
