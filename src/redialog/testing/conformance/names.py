"""Names: any text is a session's id, and two names are two sessions."""

from __future__ import annotations

import pytest

from redialog.errors import InvalidSessionId
from redialog.messages import Message
from redialog.sync import ChatMemory
from redialog.testing.conformance._tools import Part, Store, texts

NASTY_IDS = [
    *("a b", "line\nbreak", "a:b", "{", "}", "{}", "a{b}c", "a}b", "{}x", "a{t}b", "a{}b{c}"),
    *("%", "%20", "\x00", "\x1b[31m", "😀", "é", "e\u0301", "x" * 10_240, "../..", "*", "?"),
]


class Names(Part):
    """Ids of sessions and users, namespaces and prefixes."""

    @pytest.mark.parametrize("prefix", [None, "message_store:"])
    def test_any_text_is_a_session_id(self, store: Store, prefix: str | None) -> None:
        """Spaces, braces, control characters, emoji and 10 kB name sessions that do not meet."""
        memory = store.memory(key_prefix=prefix, ttl=60)
        for number, session_id in enumerate(NASTY_IDS):
            chat = memory.session(session_id, user_id=session_id)
            chat.append(Message.user(f"of {number}"), idempotency_key="k")
            chat.append(Message.user(f"of {number}"), idempotency_key="k")
            chat.set_title(session_id[:50])
        for number, session_id in enumerate(NASTY_IDS):
            chat = memory.session(session_id)
            assert chat.id == session_id
            assert texts(chat.messages()) == [f"of {number}"]
            info = chat.info()
            assert (info.user_id, info.title) == (session_id, session_id[:50])
            if prefix is not None:
                assert store.raw.llen(prefix + session_id) == 1
            listed = [info.session_id for info in memory.sessions(session_id)]
            assert listed == [session_id]
        assert {info.session_id for info in memory.sessions()} == set(NASTY_IDS)
        for session_id in NASTY_IDS[:11]:
            assert memory.session(session_id).fork(session_id + "'").count() == 1
            assert memory.session(session_id).clear() == 1

    def test_namespaces_do_not_meet(self, store: Store) -> None:
        """The same session id in two namespaces is two sessions, in listings as well."""
        store.memory(namespace="a").session("s", user_id="u").append(Message.user("in a"))
        store.memory(namespace="a.1").session("s").append(Message.user("in a.1"))
        assert texts(store.memory(namespace="a").session("s").messages()) == ["in a"]
        assert store.memory(namespace="b").session("s").count() == 0
        assert list(store.memory(namespace="b").sessions()) == []
        assert list(store.memory(namespace="a.1").sessions("u")) == []

    def test_prefixes_do_not_meet(self, store: Store) -> None:
        """Two shared layouts in one database have listings of their own."""
        for prefix in ("", "a", "a:", ":a"):
            store.memory(key_prefix=prefix).session("s").append(Message.user(prefix))
        for prefix in ("", "a", "a:", ":a"):
            memory = store.memory(key_prefix=prefix)
            assert [info.session_id for info in memory.sessions()] == ["s"]
            assert texts(memory.session("s").messages()) == [prefix]

    def test_a_session_without_an_id_gets_a_random_one(self, memory: ChatMemory) -> None:
        """Two handles without an id are two sessions."""
        one, two = memory.session(), memory.session()
        assert one.id != two.id
        one.append(Message.user("x"))
        assert (one.count(), two.count()) == (1, 0)

    def test_an_unusable_name_is_refused_at_once(self, store: Store) -> None:
        """Empty, too long, no text, half of an emoji, or one of this library's own keys."""
        memory = store.memory(key_prefix="")
        for wrong in ("", "x" * 20_000, 7, "\ud83d", "redialog:x"):
            with pytest.raises(InvalidSessionId):
                memory.session(wrong)  # type: ignore[arg-type]
        with pytest.raises(InvalidSessionId):
            memory.session("s", user_id="")
        with pytest.raises(InvalidSessionId):
            memory.sessions("")
