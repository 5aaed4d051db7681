"""Large sessions: what takes a while, so it is apart from `ConformanceSuite`."""

from __future__ import annotations

from redialog.messages import Message
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
    """Appends of 10,000 messages, and forks of 100,000."""

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
