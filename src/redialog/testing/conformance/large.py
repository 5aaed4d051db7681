"""Large sessions: what takes a while, so it is apart from `ConformanceSuite`."""

from __future__ import annotations

from typing import Any

import pytest

from redialog.messages import Message
from redialog.testing.conformance._folding import Notes, compact, policy, said, shown
from redialog.testing.conformance._tools import (
    LAYOUTS,
    Part,
    Store,
    element,
    keys_of,
    numbered,
    stages,
    texts,
)


class LargeSessions(Part):
    """Appends of 10,000 messages, forks of 100,000, folds of thousands and of megabytes."""

    @LAYOUTS
    def test_an_append_of_ten_thousand_is_one_write(self, store: Store, prefix: str | None) -> None:
        """All of them, in order, with one activity and a ttl; and once for a key."""
        memory = store.memory(key_prefix=prefix, ttl=100)
        chat = memory.session("bulk", user_id="ada")
        given = numbered(10_000)
        stored = chat.append(*given, idempotency_key="k")
        assert chat.append(*given, idempotency_key="k") == stored == chat.messages()
        assert texts(stored) == [str(number) for number in range(10_000)]
        assert 60 < store.raw.ttl(keys_of("bulk", prefix=prefix).log) <= 100
        assert stages(store.raw) == []
        chat.append(*numbered(10_000, 10_000))
        assert texts(chat.messages()) == [str(number) for number in range(20_000)]

    def test_a_fork_of_a_hundred_thousand_is_whole(self, store: Store) -> None:
        """Within its slot and across: element by element the same."""
        memory = store.memory()
        log = keys_of("s").log
        some = [element(str(number)) for number in range(100_000)]
        for start in range(0, len(some), 5000):
            store.raw.lpush(log, *some[start : start + 5000])
        memory.session("s").append(Message.user("newest"))
        for new_id in (None, "elsewhere"):
            copy = memory.session("s").fork(new_id)
            there = keys_of(copy.id).log
            assert copy.count() == store.raw.llen(log) == 100_001
            for start in range(0, 100_001, 20_000):
                page = (start, start + 19_999)
                assert store.raw.lrange(there, *page) == store.raw.lrange(log, *page)
        assert stages(store.raw) == []

    @LAYOUTS
    @pytest.mark.parametrize("retention", ["keep", "drop"])
    def test_a_turn_of_thousands_is_folded_whole(
        self, store: Store, prefix: str | None, retention: Any
    ) -> None:
        """It goes to the summariser at once, and is compared message by message when that is done.

        A change of any of them is noticed, at the first and the last as well as in between.
        """
        memory = store.memory(key_prefix=prefix)
        for place in (None, 1, 1000, 1001, 2000, 2001, 3001):
            chat = memory.session(f"s{place}")
            chat.append(*said(1, 1), *(Message.assistant("x") for _ in range(3000)))
            chat.append(*said(3001, 3004))
            log = keys_of(chat.id, prefix=prefix).log

            def meanwhile(log: bytes = log, place: int | None = place) -> None:
                if place is not None:
                    store.raw.lset(log, -place, element("other"))

            notes = Notes(meanwhile)
            shown(chat, summarizer=policy(notes, retention=retention))
            [(_, given)] = notes.given
            assert len(given.split()) == 3001
            covers = 3001 if place is None and retention == "keep" else 0
            assert chat.info().summarised == covers
            assert (chat.summary() is None) is (place is not None)
            dropped = 3001 if place is None and retention == "drop" else 0
            assert chat.count() == 3005 - dropped

    def test_large_messages_are_folded(self, store: Store) -> None:
        """Some megabytes each: a turn at a time, since more would be too much at once."""
        chat, notes = store.memory(max_message_bytes=8 << 20).session("s"), Notes()
        size = 3 << 20
        for number in range(4):
            text = str(number) * size
            chat.append(Message.user(text), Message.assistant(str(number)))
        compact(chat, notes, summary_max_tokens=40)
        assert [given[0] + str(len(given) // size) for _, given in notes.given] == ["01", "11"]
        assert chat.info().summarised == 4
