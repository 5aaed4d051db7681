"""Times to live, on every backend: in the same script as the write, for all keys of a session."""

from __future__ import annotations

from datetime import timedelta

import pytest

from redialog import ChatMemory, InvalidTTL, Message
from tests.support.backends import Store


def seconds(chat_info_ttl: timedelta | None) -> int | None:
    return None if chat_info_ttl is None else round(chat_info_ttl.total_seconds())


def test_each_write_renews_the_ttl(memory: ChatMemory) -> None:
    """The TTL slides: it counts from the last write."""
    chat = memory.session("s", ttl=100)
    chat.append(Message.user("1"))
    chat.expire(5)
    assert seconds(chat.info().ttl) == 5
    chat.append(Message.user("2"))
    assert seconds(chat.info().ttl) == 100


def test_all_keys_of_a_session_expire_together(store: Store) -> None:
    """Log and companions get the same TTL; the operation's token gets a minute."""
    chat = store.memory().session("s", user_id="ada", ttl=100)
    chat.append(Message.user("1"))
    ttls = {key: store.raw.pttl(key) for key in store.raw.scan_iter("*")}
    keys = chat._plan.keys
    assert 99_000 < ttls[keys.log] <= 100_000
    assert abs(ttls[keys.log] - ttls[keys.meta]) <= 5
    assert all(59_000 < ttl <= 60_000 for key, ttl in ttls.items() if b":op:" in key)


def test_a_new_companion_takes_the_running_ttl(store: Store) -> None:
    """An owner that a handle without a TTL sets expires with the log."""
    store.memory().session("s", ttl=100).append(Message.user("1"))
    chat = store.memory().session("s", user_id="ada", ttl=None)
    chat.append(Message.user("2"))
    keys = chat._plan.keys
    assert 99_000 < store.raw.pttl(keys.meta) <= 100_000


def test_the_memorys_ttl_is_inherited(store: Store) -> None:
    """A session without a TTL of its own takes the memory's; None takes none."""
    memory = store.memory(ttl=timedelta(minutes=5))
    memory.session("inherits").append(Message.user("x"))
    memory.session("own", ttl=60).append(Message.user("x"))
    memory.session("none", ttl=None).append(Message.user("x"))
    found = [seconds(memory.session(name).info().ttl) for name in ("inherits", "own", "none")]
    assert found == [300, 60, None]


def test_a_write_without_a_ttl_leaves_a_running_one(memory: ChatMemory) -> None:
    """None sets none and removes none; only persist() removes."""
    memory.session("s", ttl=100).append(Message.user("1"))
    plain = memory.session("s", ttl=None)
    plain.append(Message.user("2"))
    plain.touch()
    assert seconds(plain.info().ttl) == 100
    assert plain.persist() is True
    assert plain.info().ttl is None


def test_a_read_does_not_renew(memory: ChatMemory) -> None:
    """Reading leaves the TTL alone; touch() renews it."""
    chat = memory.session("s", ttl=100)
    chat.append(Message.user("1"))
    chat.expire(5)
    chat.messages()
    chat.window(turns=1)
    chat.count()
    assert seconds(chat.info().ttl) == 5
    assert chat.touch() is True
    assert seconds(chat.info().ttl) == 100


def test_fractions_of_a_second_count(memory: ChatMemory) -> None:
    """A TTL is kept in milliseconds."""
    chat = memory.session("s", ttl=timedelta(days=1, milliseconds=1500))
    chat.append(Message.user("1"))
    ttl = chat.info().ttl
    assert ttl is not None
    assert timedelta(days=1) < ttl <= timedelta(days=1, milliseconds=1500)


@pytest.mark.parametrize(
    "ttl",
    [
        0,
        -1,
        0.0,
        float("nan"),
        float("inf"),
        True,
        False,
        "60",
        timedelta(0),
        timedelta(-1),
        10**30,
    ],
    ids=repr,
)
def test_a_wrong_ttl_is_refused_at_once(memory: ChatMemory, ttl: object) -> None:
    """Zero, negative, not finite, boolean and text: an error before anything is sent."""
    with pytest.raises(InvalidTTL):
        memory.session("s", ttl=ttl)  # type: ignore[arg-type]
    chat = memory.session("s")
    with pytest.raises(InvalidTTL):
        chat.expire(ttl)  # type: ignore[arg-type]
    assert chat.info().exists is False


def test_expire_needs_a_ttl(memory: ChatMemory) -> None:
    """expire(None) is refused and says what removes a TTL."""
    with pytest.raises(InvalidTTL, match="persist"):
        memory.session("s").expire(None)  # type: ignore[arg-type]
