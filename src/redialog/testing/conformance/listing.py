"""Listings: which sessions there are, newest activity first, and what is not shown."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from redialog import _ids, keys
from redialog.errors import ConfigurationError
from redialog.messages import Message
from redialog.sync import ChatMemory, Session
from redialog.testing.conformance._tools import (
    LAYOUTS,
    Part,
    Store,
    element,
    expire_now,
    keys_of,
    numbered,
)

OLD = 1_000_000
"""A score in the past: an activity that nothing on its way can belong to."""


def _noted(
    store: Store, prefix: str | None, scores: dict[str, int], user_id: str | None = None
) -> ChatMemory:
    """Sessions of one message with these times of activity, in ms."""
    memory = store.memory(key_prefix=prefix)
    for name, score in scores.items():
        memory.session(name, user_id=user_id).append(Message.user(name))
        _score(store, prefix, name, score, user_id)
    return memory


def _score(
    store: Store, prefix: str | None, name: str, score: int, user_id: str | None = None
) -> None:
    for listing in keys_of(name, user_id, prefix=prefix).catalogue():
        store.raw.zadd(listing, {name: score})


def _ids_of(listing: Any) -> list[str]:
    return [info.session_id for info in listing]


def _paged(memory: ChatMemory, limit: int, user_id: str | None = None) -> list[str]:
    """All pages of a listing."""
    found: list[str] = []
    cursor: str | None = None
    while True:
        page = memory.sessions(user_id).page(limit=limit, cursor=cursor)
        assert len(page.sessions) <= limit
        found += _ids_of(page.sessions)
        cursor = page.cursor
        if cursor is None:
            return found
        assert len(page.sessions) == limit, "only the last page is short"


def _neighbours(name: str, count: int) -> list[str]:
    """Sessions in the same bucket of the catalogue."""
    bucket = keys.bucket(name.encode())
    names = (f"{name}{number}" for number in range(1 << 20))
    same = (one for one in names if keys.bucket(one.encode()) == bucket)
    return list(itertools.islice(same, count))


def _entries(store: Store, name: str, user_id: str | None, prefix: str | None) -> list[bool]:
    """Whether the listings of the namespace and of the user have an entry of the session."""
    catalogue = keys_of(name, user_id, prefix=prefix).catalogue()
    return [store.raw.zscore(listing, name) is not None for listing in catalogue]


class Listing(Part):
    """What `ChatMemory.sessions` gives."""

    @LAYOUTS
    def test_pages_and_iteration_are_in_order(self, store: Store, prefix: str | None) -> None:
        """Newest activity first; no session twice and none left out, whatever the page's size."""
        scores = {f"s{number}": OLD + number for number in range(23)}
        memory = _noted(store, prefix, scores)
        expected = [f"s{number}" for number in reversed(range(23))]
        assert _ids_of(memory.sessions()) == expected
        for limit in (1, 4, 22, 23, 24, 1000):
            assert _paged(memory, limit) == expected
        assert _ids_of(memory.sessions().page().sessions) == expected
        assert memory.latest_session_id() == "s22"
        memory.session("s7").append(Message.user("again"))
        assert _ids_of(memory.sessions())[:2] == ["s7", "s22"]

    def test_sessions_of_one_moment_are_in_order_too(self, store: Store) -> None:
        """By their ids, across buckets and within one, also where pages end between them."""
        memory = store.memory()
        names = _neighbours("s", 15) + [f"t{n}" for n in range(15)]
        _noted(store, None, dict.fromkeys(names, OLD))
        expected = sorted(names, reverse=True)
        assert _ids_of(memory.sessions()) == expected
        for limit in (1, 7, 29):
            assert _paged(memory, limit) == expected

    @LAYOUTS
    def test_a_user_sees_the_users_sessions(self, store: Store, prefix: str | None) -> None:
        """Each their own, in their order; nobody's are nobody's."""
        adas = {f"a{n}": OLD + n for n in range(6)}
        memory = _noted(store, prefix, adas, "ada")
        _noted(store, prefix, {f"b{n}": OLD + n for n in range(3)}, "bob")
        _noted(store, prefix, {"nobody's": OLD})
        assert _ids_of(memory.sessions("ada")) == [f"a{n}" for n in reversed(range(6))]
        assert _paged(memory, 2, "ada") == [f"a{n}" for n in reversed(range(6))]
        assert _paged(memory, 2, "bob") == ["b2", "b1", "b0"]
        assert _ids_of(memory.sessions("eve")) == []
        assert len(_ids_of(memory.sessions())) == 10
        assert memory.latest_session_id(user_id="bob") == "b2"
        assert memory.latest_session_id(user_id="eve") is None
        assert {info.user_id for info in memory.sessions("ada")} == {"ada"}

    @LAYOUTS
    @pytest.mark.parametrize("how", ["expired", "deleted"])
    def test_a_session_that_is_gone_is_not_shown(
        self, store: Store, prefix: str | None, how: str
    ) -> None:
        """Its entries are dropped when they are met, in both listings."""
        memory = _noted(store, prefix, dict.fromkeys(("a", "b", "c"), OLD), "ada")
        for name in ("a", "c"):
            log = keys_of(name, prefix=prefix).log
            if how == "deleted":
                store.raw.delete(log)
            else:
                expire_now(store.raw, log)
        assert _entries(store, "a", "ada", prefix) == [True, True]
        assert _paged(memory, 1, "ada") == _paged(memory, 1) == ["b"]
        assert _entries(store, "a", "ada", prefix) == [False, False]
        assert _entries(store, "b", "ada", prefix) == [True, True]
        assert memory.latest_session_id() == memory.latest_session_id(user_id="ada") == "b"

    def test_an_entry_that_stands_before_its_session_is_kept(self, store: Store) -> None:
        """In a shared layout the message follows the entry; until then nothing is shown."""
        memory = _noted(store, "", {"s": OLD})
        memory.session("new", user_id="ada").append(Message.user("x"))
        store.raw.delete("new")
        assert _ids_of(memory.sessions()) == ["s"]
        assert _ids_of(memory.sessions("ada")) == []
        assert _entries(store, "new", "ada", "") == [True, True]
        store.raw.lpush("new", element("here"))
        assert _ids_of(memory.sessions()) == ["new", "s"]

    @LAYOUTS
    def test_many_that_are_gone_hide_none_that_are_there(
        self, store: Store, prefix: str | None
    ) -> None:
        """However many entries lead to nothing, those behind them are found."""
        memory = _noted(store, prefix, {"last": OLD, "first": OLD + 1000}, "ada")
        for number in range(1, 130):
            _score(store, prefix, f"gone{number}", OLD + number, "ada")
        for user_id in (None, "ada"):
            assert _ids_of(memory.sessions(user_id)) == ["first", "last"]
            _score(store, prefix, "gone", OLD + 5000, user_id)
            assert memory.latest_session_id(user_id=user_id) == "first"
            assert _paged(memory, 1, user_id) == ["first", "last"]

    @LAYOUTS
    def test_a_session_that_became_another_users_is_not_shown(
        self, store: Store, prefix: str | None
    ) -> None:
        """The entry in the first one's listing goes; the second one's and the namespace's stay."""
        memory = _noted(store, prefix, {"s": OLD}, "ada")
        log = keys_of("s", prefix=prefix).log
        store.raw.delete(log)
        memory.session("s", user_id="bob").append(Message.user("new"))
        assert _ids_of(memory.sessions("ada")) == []
        assert _entries(store, "s", "ada", prefix) == [True, False]
        assert _ids_of(memory.sessions("bob")) == _ids_of(memory.sessions()) == ["s"]

    def test_what_is_no_session_is_not_shown(self, store: Store) -> None:
        """A text, a newer layout, a key of this library: the others are listed all the same."""
        memory = _noted(store, "", {"real": OLD, "text": OLD + 1, "newer": OLD + 2})
        store.raw.set("text", "precious")
        store.raw.hset(keys_of("newer", prefix="").meta, "layout", "99")
        _score(store, "", "other", OLD)
        for odd in (b"redialog:x", b"", b"\xff\xfe"):
            store.raw.zadd(keys_of("real", prefix="").sessions, {odd: OLD + 3})
        assert _ids_of(memory.sessions()) == ["real"]
        assert memory.latest_session_id() == "real"
        assert store.raw.get("text") == b"precious"

    def test_an_append_now_and_then_frees_its_bucket(self, store: Store) -> None:
        """Entries that no listing meets go all the same, the user's as well; no other goes."""
        memory = _noted(store, None, {"s": OLD}, "ada")
        others = _neighbours("s", 12)
        _noted(store, None, dict.fromkeys(others, OLD), "ada")
        for name in others[1:]:
            store.raw.delete(keys_of(name).log)
        chat, log = memory.session("s", user_id="ada"), keys_of("s").log
        lucky = [f"k{n}" for n in range(4500) if _ids.from_key(f"k{n}", log).draw(64) == 0]
        for key in lucky[:60]:
            chat.append(Message.user("x"), idempotency_key=key)
        assert _entries(store, others[0], "ada", None) == [True, True]
        assert [_entries(store, name, "ada", None) for name in others[1:]] == [[False, False]] * 11
        assert chat.count() == 61

    def test_what_is_written_while_pages_are_read_comes_first(self, store: Store) -> None:
        """It moves to the front: not met again, and what was not reached is not lost."""
        memory = _noted(store, None, {f"s{n}": OLD + n for n in range(6)})
        first = memory.sessions().page(limit=3)
        assert _ids_of(first.sessions) == ["s5", "s4", "s3"]
        memory.session("s4").append(Message.user("x"))
        memory.session("new").append(Message.user("x"))
        rest = memory.sessions().page(limit=9, cursor=first.cursor)
        assert _ids_of(rest.sessions) == ["s2", "s1", "s0"]
        assert rest.cursor is None

    def test_a_large_first_message_is_not_fetched(self, memory: ChatMemory) -> None:
        """The time of the beginning is left out then; info() has it."""
        chat: Session = memory.session("s")
        chat.append(Message.user("x" * 5000), *numbered(1))
        [listed] = memory.sessions()
        assert listed.created_at is None
        assert listed.updated_at is not None
        assert chat.info().created_at is not None

    def test_an_unusable_page_is_refused_at_once(self, memory: ChatMemory) -> None:
        """A limit out of bounds, and a cursor that no page gave."""
        for limit in (0, -1, 1001, 1.5, True, "3"):
            with pytest.raises(ConfigurationError):
                memory.sessions().page(limit=limit)  # type: ignore[arg-type]
        for cursor in ("", "x", "zz.!!", "5"):
            with pytest.raises(ConfigurationError):
                memory.sessions().page(cursor=cursor)
