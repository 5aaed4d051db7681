"""Damage: elements that cannot be read, and keys that hold something else."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from redialog.errors import CorruptElement, UnknownVersion, WrongType
from redialog.messages import Message
from redialog.sync import Session
from redialog.testing.conformance._folding import Notes
from redialog.testing.conformance._tools import (
    LAYOUTS,
    Part,
    Store,
    everything,
    forget_tokens,
    keys_of,
    numbered,
    stages,
    texts,
    tokens,
)

CALLS: dict[str, Callable[[Session], object]] = {
    "append": lambda chat: chat.append(Message.user("x")),
    "large append": lambda chat: chat.append(*numbered(1001)),
    "messages": lambda chat: chat.messages(),
    "count": lambda chat: chat.count(),
    "window of turns": lambda chat: chat.window(turns=1),
    "window of messages": lambda chat: chat.window(messages=1),
    "iter_messages": lambda chat: list(chat.iter_messages()),
    "get": lambda chat: chat.get("1"),
    "get by place": lambda chat: chat.get("x-0123456789abcdef-0"),
    "replace": lambda chat: chat.replace("1", Message.user("new")),
    "remove": lambda chat: chat.remove("1"),
    "rewind": lambda chat: chat.rewind("1"),
    "fork": lambda chat: chat.fork("copy"),
    "set_title": lambda chat: chat.set_title("t"),
    "clear": lambda chat: chat.clear(),
    "expire": lambda chat: chat.expire(5),
    "persist": lambda chat: chat.persist(),
    "touch": lambda chat: chat.touch(),
    "info": lambda chat: chat.info(),
    "context": lambda chat: chat.context(max_tokens=500),
    "compact": lambda chat: chat.compact(Notes()),
    "summary": lambda chat: chat.summary(),
    "summaries": lambda chat: chat.summaries(),
}


class Damage(Part):
    """What is not as it should be is told, and left as it is."""

    def test_a_damaged_element_is_reported_in_its_place(self, store: Store) -> None:
        """The others are readable; a strict read names key and position."""
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
            assert b"SECRET" in store.raw.lindex("s", damage.position)
            assert "SECRET" not in str(damage) + repr(damage) + repr(found[1])
        with pytest.raises(CorruptElement):
            chat.messages(strict=True)
        with pytest.raises(CorruptElement):
            list(chat.iter_messages(strict=True))
        with pytest.raises(CorruptElement):
            chat.window(turns=2, strict=True)
        assert texts(chat.window(messages=1, strict=True)) == ["3"]

    @LAYOUTS
    @pytest.mark.parametrize("mode", ["sliding", "on_read"])
    def test_a_key_of_another_type_is_loud_and_untouched(
        self, store: Store, prefix: str | None, mode: str
    ) -> None:
        """A string under the session's name fails every call; it gets no TTL and loses none."""
        memory = store.memory(key_prefix=prefix, ttl=60, ttl_mode=mode)
        log = keys_of("s", prefix=prefix).log
        store.raw.set(log, "precious")
        for user_id in (None, "ada"):
            chat = memory.session("s", user_id=user_id)
            for name, call in CALLS.items():
                with pytest.raises(WrongType) as caught:
                    call(chat)
                assert vars(caught.value)["key"] == log.decode(), name
                assert store.raw.get(log) == b"precious"
                assert store.raw.ttl(log) == -1, name
        assert tokens(store.raw) == []
        assert list(memory.sessions()) == list(memory.sessions("ada")) == []

    @LAYOUTS
    @pytest.mark.parametrize("known", [False, True], ids=["new", "known"])
    def test_a_failing_append_leaves_nothing_behind(
        self, store: Store, prefix: str | None, known: bool
    ) -> None:
        """Whichever key is of a wrong type: no token, no message, and what is there stays."""
        memory = store.memory(key_prefix=prefix, ttl=60)
        keys = keys_of("s", "ada", prefix=prefix)
        assert keys.user is not None
        chat = memory.session("s", user_id="ada")
        # In a shared layout the catalogue is told before, in another slot.
        own = [keys.log, keys.meta]
        for wrong in own + ([keys.sessions, keys.user] if keys.together else []):
            store.raw.flushdb()
            if known:
                chat.append(Message.user("x"), idempotency_key="k")
                forget_tokens(store.raw)
            store.raw.set(wrong, "precious")
            before = everything(store.raw)
            for messages in ([Message.user("x")], numbered(1001)):
                with pytest.raises(WrongType) as caught:
                    chat.append(*messages, idempotency_key="k")
                assert vars(caught.value)["key"] == wrong.decode()
                assert tokens(store.raw) == []
            left = everything(store.raw)
            spare = {keys.sessions, *stages(store.raw)} | (set() if keys.together else {keys.user})
            assert {k: v for k, v in left.items() if k not in spare} == {
                k: v for k, v in before.items() if k not in spare
            }
            if keys.together and not known:
                assert left.keys() - spare == before.keys() - spare
            store.raw.delete(wrong)
            chat.append(Message.user("x"), idempotency_key="k")
            assert texts(chat.messages())[-1:] == ["x"]
            assert memory.latest_session_id(user_id="ada") == memory.latest_session_id() == "s"

    @pytest.mark.parametrize("name", ["sessions", "user"])
    def test_a_shared_log_is_written_whatever_became_of_its_catalogue(
        self, store: Store, name: str
    ) -> None:
        """Where the note of the activity fails, the messages are stored all the same, and once."""
        memory = store.memory(key_prefix="", ttl=60)
        keys = keys_of("s", "ada", prefix="")
        wrong, other = keys.sessions, keys.user
        if name == "user":
            assert keys.user is not None
            wrong, other = keys.user, keys.sessions
        store.raw.set(wrong, "precious")
        for _ in range(2):
            memory.session("s", user_id="ada").append(Message.user("x"), idempotency_key="k")
        assert store.raw.get(wrong) == b"precious"
        assert store.raw.llen("s") == 1
        assert store.raw.hget(keys.meta, "owner") == b"ada"
        # Neither of the two listings was touched.
        assert store.raw.exists(other) == 0

    @LAYOUTS
    def test_a_newer_layout_is_refused(self, store: Store, prefix: str | None) -> None:
        """What a newer version keeps beside a log is neither read nor overwritten."""
        memory = store.memory(key_prefix=prefix)
        chat = memory.session("s", user_id="ada")
        chat.append(Message.user("x", id="1"))
        keys = keys_of("s", prefix=prefix)
        store.raw.hset(keys.meta, "layout", "99")
        forget_tokens(store.raw)
        before = [store.raw.dump(key) for key in (keys.log, keys.meta)]
        readers = {"messages", "count", "window of turns", "window of messages", "iter_messages"}
        readers |= {"get", "get by place"}
        for name, call in CALLS.items():
            if name not in readers:
                with pytest.raises(UnknownVersion):
                    call(memory.session("s"))
        assert [store.raw.dump(key) for key in (keys.log, keys.meta)] == before
        assert tokens(store.raw) == []

    @LAYOUTS
    def test_what_is_no_session_is_not_listed(self, store: Store, prefix: str | None) -> None:
        """A ttl, a title or an activity of a session that is not there is noted nowhere."""
        chat = store.memory(key_prefix=prefix, ttl=60).session("s", user_id="ada")
        assert (chat.touch(), chat.expire(60), chat.persist(), chat.set_title("t")) == (False,) * 4
        assert [key for key in store.raw.scan_iter("*") if b":op:" not in key] == []
        assert chat.clear() == 0
        assert [key for key in store.raw.scan_iter("*") if b":op:" not in key] == []
