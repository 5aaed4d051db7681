"""A question that is appended by the same call that reads what the model shall see."""

from __future__ import annotations

from typing import Any

import pytest

from redialog.errors import (
    BudgetTooSmall,
    ConfigurationError,
    IdempotencyMismatch,
    InvalidMessage,
    OwnerMismatch,
)
from redialog.messages import Message, MessageLike
from redialog.testing.conformance._tools import (
    LAYOUTS,
    Part,
    Store,
    everything,
    expire_now,
    forget_tokens,
    keys_of,
    numbered,
    texts,
)


class Together(Part):
    """What ``append=`` of `Session.window` and `Session.context` does."""

    @LAYOUTS
    def test_what_is_appended_is_seen(self, store: Store, prefix: str | None) -> None:
        """As by two calls: in a session that begins with it, and in one that goes on."""
        chat = store.memory(key_prefix=prefix).session("s", user_id="ada")
        seen = chat.window(messages=3, append=Message.system("Be brief."))
        assert texts(seen) == ["Be brief."]
        question: list[MessageLike] = [{"role": "user", "content": "q1"}, Message.assistant("a1")]
        assert texts(chat.window(messages=2, append=question)) == ["q1", "a1"]
        made = chat.context(window_turns=1, append={"role": "user", "content": "q2"})
        assert texts(made.messages) == ["Be brief.", "q2"]
        assert texts(chat.messages()) == ["Be brief.", "q1", "a1", "q2"]
        assert chat.window(messages=4) == chat.messages()
        assert all(message.id and message.created_at for message in chat.messages())

    @LAYOUTS
    def test_a_key_stands_for_the_append(self, store: Store, prefix: str | None) -> None:
        """A second call appends nothing, and reads what there is now."""
        chat = store.memory(key_prefix=prefix).session("s")
        first = chat.window(messages=9, append=Message.user("q"), idempotency_key="k")
        chat.append(Message.assistant("a"))
        again = chat.window(messages=9, append=Message.user("q"), idempotency_key="k")
        assert again[:1] == first
        assert texts(again) == ["q", "a"]
        made = chat.context(append=Message.user("q"), idempotency_key="k")
        assert texts(made.messages) == ["q", "a"]
        with pytest.raises(IdempotencyMismatch):
            chat.window(messages=9, append=Message.user("another"), idempotency_key="k")
        assert texts(chat.messages()) == ["q", "a"]

    @LAYOUTS
    def test_many_messages_and_a_full_log(self, store: Store, prefix: str | None) -> None:
        """An append of several steps is whole before anything is read."""
        chat = store.memory(key_prefix=prefix).session("s", max_messages=1500)
        seen = chat.window(messages=3, append=numbered(1200))
        assert texts(seen) == ["1197", "1198", "1199"]
        seen = chat.window(messages=1499, append=numbered(400, 1200))
        assert texts(seen)[-2:] == ["1598", "1599"]
        assert chat.count() <= 1500
        assert seen == chat.messages()[-len(seen) :]

    def test_of_nothing_it_is_a_reading(self, store: Store) -> None:
        """Nothing is stored; and an append goes on where nothing is to be read."""
        chat = store.memory().session("s")
        assert chat.window(turns=2, append=[]) == []
        assert chat.context(append=()).messages == []
        assert everything(store.raw) == {}
        assert chat.window(turns=0, append=Message.user("q")) == []
        assert texts(chat.messages()) == ["q"]

    def test_what_is_wrong_stores_nothing(self, store: Store) -> None:
        """Arguments are looked at first, those of the reading too; another's session is refused."""
        store.memory().session("s", user_id="ada").append(Message.user("hers"))
        forget_tokens(store.raw)
        before = everything(store.raw)
        chat = store.memory().session("s", user_id="bob")
        with pytest.raises(OwnerMismatch):
            chat.window(messages=5, append=Message.user("q"))
        with pytest.raises(OwnerMismatch):
            chat.context(append=Message.user("q"))
        wrongs: list[dict[str, Any]] = [{}, {"turns": 1, "messages": 1}, {"turns": -1}]
        for wrong in wrongs:
            with pytest.raises(ConfigurationError):
                chat.window(append=Message.user("q"), **wrong)
        with pytest.raises(ConfigurationError):
            chat.context(max_tokens=-1, append=Message.user("q"))
        with pytest.raises(ConfigurationError, match="append"):
            chat.window(turns=1, idempotency_key="k")
        with pytest.raises(InvalidMessage):
            chat.window(turns=1, append=[Message.user("q"), Message.user("\ud800")])
        odd: list[Any] = [["q"], "q", "", b"", 5, {}, object()]
        for one in odd:
            with pytest.raises(InvalidMessage):
                chat.window(turns=1, append=one)
        assert everything(store.raw) == before

    def test_what_is_appended_stays_where_it_does_not_fit(self, store: Store) -> None:
        """The error is that of the reading; the question is there."""
        chat = store.memory().session("s")
        with pytest.raises(BudgetTooSmall):
            chat.context(max_tokens=5, append=Message.user("many words " * 20))
        assert chat.count() == 1

    def test_it_renews_a_ttl(self, store: Store) -> None:
        """As an append does, also where readings renew it."""
        for mode in ("sliding", "on_read"):
            chat = store.memory(ttl=1000, ttl_mode=mode).session(mode)
            chat.append(Message.user("q"))
            log = keys_of(mode).log
            store.raw.pexpire(log, 5000)
            chat.window(turns=1, append=Message.assistant("a"))
            assert store.raw.pttl(log) > 900_000
            store.raw.pexpire(log, 5000)
            chat.window(turns=1, append=[])
            assert (store.raw.pttl(log) > 900_000) is (mode == "on_read")
            expire_now(store.raw, log)
            assert chat.window(turns=1) == []
