"""Times to live: set in the same script as the write, for all keys of a session."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from redialog.errors import ConfigurationError, InvalidTTL
from redialog.messages import Message
from redialog.sync import ChatMemory, Session
from redialog.testing.conformance._folding import Notes
from redialog.testing.conformance._tools import LAYOUTS, Part, Store, keys_of, numbered

SHORT_MS = 9_000
"""What a running TTL is set to before a call, to see whether the call renews it."""

WRITES: dict[str, Callable[[Session], object]] = {
    "append": lambda chat: chat.append(Message.user("3")),
    "a large append": lambda chat: chat.append(*numbered(1001)),
    "replace": lambda chat: chat.replace("1", Message.user("one")),
    "remove": lambda chat: chat.remove("2"),
    "rewind": lambda chat: chat.rewind("1"),
    "set_title": lambda chat: chat.set_title("t"),
    "touch": lambda chat: chat.touch(),
}
READS: dict[str, Callable[[Session], object]] = {
    "messages": lambda chat: chat.messages(),
    "iter_messages": lambda chat: list(chat.iter_messages()),
    "window of turns": lambda chat: chat.window(turns=1),
    "window of messages": lambda chat: chat.window(messages=1),
    "get": lambda chat: chat.get("1"),
    "context": lambda chat: chat.context(window_turns=1),
    "summaries": lambda chat: chat.summaries(),
    "summary": lambda chat: chat.summary(),
}
GLANCES: dict[str, Callable[[Session], object]] = {
    "count": lambda chat: chat.count(),
    "info": lambda chat: chat.info(),
    "compact": lambda chat: chat.compact(Notes()),
}


def _begun(store: Store, mode: str, prefix: str | None = None) -> tuple[Session, list[bytes]]:
    """An owned session with a running TTL that is short, and its two keys."""
    memory = store.memory(key_prefix=prefix, ttl=100, ttl_mode=mode)
    chat = memory.session("s", user_id="ada")
    chat.append(Message.user("1", id="1"), Message.user("2", id="2"))
    keys = keys_of("s", prefix=prefix)
    _shorten(store, [keys.log, keys.meta])
    return chat, [keys.log, keys.meta]


def _shorten(store: Store, keys: list[bytes]) -> None:
    for key in keys:
        assert store.raw.pexpire(key, SHORT_MS)


def _renewed(store: Store, keys: list[bytes]) -> bool:
    ttls = [store.raw.pttl(key) for key in keys]
    assert min(ttls) > 0
    assert max(ttls) - min(ttls) < 1000, "all keys of a session expire together"
    return bool(min(ttls) > SHORT_MS)


class TimesToLive(Part):
    """What sets, renews and removes a session's TTL."""

    @LAYOUTS
    def test_a_sliding_ttl_is_renewed_by_each_write(self, store: Store, prefix: str | None) -> None:
        """It counts from the last write, for log and companions; no read renews it."""
        for name, write in WRITES.items():
            chat, keys = _begun(store, "sliding", prefix)
            write(chat)
            assert _renewed(store, keys), name
            chat.clear()
        chat, keys = _begun(store, "sliding", prefix)
        for name, read in (READS | GLANCES).items():
            read(chat)
            assert not _renewed(store, keys), name

    @LAYOUTS
    def test_a_fixed_ttl_is_renewed_by_nothing(self, store: Store, prefix: str | None) -> None:
        """It counts from the first write; only expire() changes it, and persist() removes it."""
        chat, keys = _begun(store, "fixed", prefix)
        for name, call in (WRITES | READS | GLANCES).items():
            if name not in ("remove", "rewind"):
                call(chat)
                assert not _renewed(store, keys), name
        chat.remove("2")
        chat.rewind("1")
        assert not _renewed(store, keys)
        assert chat.expire(50)
        assert _renewed(store, keys)
        assert chat.persist()
        assert store.raw.ttl(keys[0]) == store.raw.ttl(keys[1]) == -1
        # Where none runs, the next write sets it.
        chat.append(Message.user("again"))
        assert _renewed(store, keys)

    @LAYOUTS
    def test_a_ttl_on_read_is_renewed_by_reading(self, store: Store, prefix: str | None) -> None:
        """By each reading of what was said as by each write, and not by what only looks at it."""
        chat, keys = _begun(store, "on_read", prefix)
        for name, read in READS.items():
            read(chat)
            assert _renewed(store, keys), name
            _shorten(store, keys)
        for name, glance in GLANCES.items():
            glance(chat)
            assert not _renewed(store, keys), name
        chat.append(Message.user("3"))
        assert _renewed(store, keys)

    def test_reading_on_read_without_a_session_or_a_ttl_does_nothing(self, store: Store) -> None:
        """What is not there is not made, and without a ttl a running one is left alone."""
        memory = store.memory(ttl_mode="on_read")
        brief = memory.session("s", ttl=100)
        assert (brief.messages(), brief.get("1"), brief.window(turns=1)) == ([], None, [])
        assert store.raw.dbsize() == 0
        memory.session("s").append(Message.user("1"))
        memory.session("s").messages()
        assert store.raw.ttl(keys_of("s").log) == -1
        brief.messages()
        assert 60 < store.raw.ttl(keys_of("s").log) <= 100

    def test_the_token_of_an_operation_lives_a_minute(self, store: Store) -> None:
        """Neither the session's ttl nor its lack changes that."""
        for ttl in (None, 5, 100):
            store.memory().session("s", ttl=ttl).append(Message.user("1"))
        ttls = [store.raw.ttl(key) for key in store.raw.scan_iter("*:op:*")]
        assert len(ttls) == 3
        assert all(30 < ttl <= 60 for ttl in ttls)

    def test_a_new_companion_takes_the_running_ttl(self, store: Store) -> None:
        """An owner or a title that a handle without a TTL sets expires with the log."""
        store.memory().session("s", ttl=100).append(Message.user("1"))
        store.memory().session("t", ttl=100).append(Message.user("1"))
        store.memory().session("s", user_id="ada", ttl=None).append(Message.user("2"))
        store.memory().session("t", ttl=None).set_title("t")
        assert 60 < store.raw.ttl(keys_of("s").meta) <= 100
        assert 60 < store.raw.ttl(keys_of("t").meta) <= 100

    def test_the_memorys_ttl_is_inherited(self, store: Store) -> None:
        """A session without a TTL of its own takes the memory's; None takes none."""
        memory = store.memory(ttl=timedelta(minutes=5))
        memory.session("inherits").append(Message.user("x"))
        memory.session("own", ttl=60).append(Message.user("x"))
        memory.session("none", ttl=None).append(Message.user("x"))
        found = [store.raw.ttl(keys_of(name).log) for name in ("inherits", "own", "none")]
        assert 60 < found[0] <= 300
        assert 0 < found[1] <= 60
        assert found[2] == -1

    def test_a_write_without_a_ttl_leaves_a_running_one(self, memory: ChatMemory) -> None:
        """None sets none and removes none; only persist() removes."""
        memory.session("s", ttl=100).append(Message.user("1"))
        plain = memory.session("s", ttl=None)
        plain.append(Message.user("2"))
        plain.touch()
        assert plain.info().ttl is not None
        assert plain.persist() is True
        assert plain.info().ttl is None

    def test_fractions_of_a_second_count(self, memory: ChatMemory) -> None:
        """A TTL is kept in milliseconds."""
        chat = memory.session("s", ttl=timedelta(days=1, milliseconds=1500))
        chat.append(Message.user("1"))
        ttl = chat.info().ttl
        assert ttl is not None
        assert timedelta(hours=23) < ttl <= timedelta(days=1, milliseconds=1500)
        assert ttl.microseconds % 1000 == 0

    def test_a_wrong_ttl_is_refused_at_once(self, memory: ChatMemory) -> None:
        """Zero, negative, not finite, boolean and text: an error before anything is sent."""
        chat = memory.session("s")
        negative = (0, -1, 0.0, timedelta(0), timedelta(-1))
        for ttl in (*negative, float("nan"), float("inf"), True, False, "60", 10**30):
            with pytest.raises(InvalidTTL):
                memory.session("s", ttl=ttl)  # type: ignore[arg-type]
            with pytest.raises(InvalidTTL):
                chat.expire(ttl)  # type: ignore[arg-type]
        with pytest.raises(InvalidTTL, match="persist"):
            chat.expire(None)  # type: ignore[arg-type]
        with pytest.raises(ConfigurationError):
            memory.session("s", ttl_mode="never")  # type: ignore[arg-type]
        assert chat.info().exists is False
