"""Summaries beside others: what happens while one is written, and what other clients do later."""

from __future__ import annotations

import pytest

from redialog.errors import UnknownVersion, WrongType
from redialog.testing.conformance._folding import Notes, compact, covered, policy, said, shown
from redialog.testing.conformance._tools import (
    LAYOUTS,
    Part,
    Store,
    element,
    everything,
    expire_now,
    keys_of,
    texts,
    tokens,
)
from redialog.testing.conformance.summaries import begun

OTHER = element("other")


class LateFolds(Part):
    """Summaries and other clients."""

    @LAYOUTS
    def test_a_message_that_changes_while_a_summariser_is_at_work(
        self, store: Store, prefix: str | None
    ) -> None:
        """Of those that it was given, or where the summary before ends: nothing is kept, and
        nothing else is changed. Any other does no harm.
        """
        memory, raw = store.memory(key_prefix=prefix), store.raw
        for place in (9, 14, 15, 17, 20, 21, 25):
            chat, keys = memory.session(f"s{place}"), keys_of(f"s{place}", prefix=prefix)
            begun(chat).append(*said(19, 25, leading=2))

            def meanwhile(log: bytes = keys.log, place: int = place) -> None:
                raw.lset(log, -place, OTHER)

            notes, before = Notes(meanwhile), raw.hgetall(keys.meta)
            # Inline, a call that comes too late is not made again.
            shown(chat, summarizer=policy(notes))
            assert notes.given == [("summary 2", "15 16 17 18 19 20")]
            if 14 <= place <= 20:
                assert raw.hgetall(keys.meta) == before
            else:
                assert chat.info().summarised == 20
            assert raw.exists(keys.lease) == 0
            assert chat.info().summary_failure is None

    def test_a_log_that_ends_with_what_was_folded_is_not_dropped(self, store: Store) -> None:
        """Newer messages went while the summariser was at work: nothing would be left."""
        chat, keys = store.memory().session("s", ttl=100), keys_of("s")
        chat.append(*said(1, 11))
        notes = Notes(lambda: store.raw.ltrim(keys.log, -6, -1))
        shown(chat, summarizer=policy(notes, retention="drop"))
        assert notes.given == [(None, "1 2 3 4 5 6")]
        assert texts(chat.messages()) == ["1", "2", "3", "4", "5", "6"]
        assert chat.info().summarised == 0
        assert 60 < store.raw.ttl(keys.log) <= 100

    def test_what_is_stale_does_not_stop_a_fold(self, store: Store) -> None:
        """The companions of an old log stand there until the next write, which a fold is, too."""
        chat, keys = begun(store.memory().session("s")), keys_of("s")
        store.raw.ltrim(keys.log, 0, -4)
        assert chat.summaries() == []
        notes = Notes()
        assert compact(chat, notes) is not None
        assert notes.given[0] == (None, "4 5 6 7 8 9 10 11 12 13 14")

    @LAYOUTS
    def test_one_process_at_a_time_is_at_it(self, store: Store, prefix: str | None) -> None:
        """Another one does not ask its summariser, and goes on when the lease has run out."""
        memory = store.memory(key_prefix=prefix)
        chat, keys = memory.session("s"), keys_of("s", prefix=prefix)
        chat.append(*said(1, 12))
        seen: list[int] = []
        compact(chat, Notes(lambda: seen.append(store.raw.pttl(keys.lease))), timeout=20)
        # As long as the summariser may take, and ten seconds.
        assert 20_000 < seen[0] <= 30_000
        assert store.raw.exists(keys.lease) == 0
        chat.append(*said(13, 24))
        store.raw.set(keys.lease, "another", px=50_000)
        notes = Notes()
        assert compact(chat, notes) is None
        assert len(shown(chat, summarizer=policy(notes))) == 1 + 16
        assert notes.given == []
        expire_now(store.raw, keys.lease)
        assert compact(chat, notes) is not None

    @LAYOUTS
    @pytest.mark.parametrize("damage", [b"", b"nothing", b"8", b"x:ab:1:{}", None])
    def test_a_summary_that_was_written_over_counts_as_absent(
        self, store: Store, prefix: str | None, damage: bytes | None
    ) -> None:
        """The one before it stands; where only the text is no JSON, it is all written anew."""
        chat = begun(store.memory(key_prefix=prefix).session("s"))
        keys = keys_of("s", prefix=prefix)
        newest = store.raw.hget(keys.meta, "summaries").split()[1]
        name, record = b"summary:" + newest, store.raw.hget(keys.meta, b"summary:" + newest)
        text = record[: record.index(b"{")] + b"{broken" if damage is None else damage
        store.raw.hset(keys.meta, name, text)
        assert covered(chat) == [8]
        notes = Notes()
        chat.append(*said(19, 24, leading=2))
        compact(chat, notes)
        assert notes.given[0][0] == (None if damage is None else "summary 1")
        assert notes.given[0][1].split()[0] == ("3" if damage is None else "9")
        assert covered(chat)[0] == 20
        chat.append(*said(25, 30, leading=2))
        compact(chat, notes)
        assert covered(chat)[0] == 26

    @LAYOUTS
    def test_a_key_of_another_type_is_not_folded(self, store: Store, prefix: str | None) -> None:
        """Whichever it is; nothing is left behind but what was there, and a lease that runs out."""
        chat = store.memory(key_prefix=prefix).session("s")
        keys = keys_of("s", prefix=prefix)
        for wrong in (keys.log, keys.meta, keys.lease):
            store.raw.flushdb()
            chat.append(*said(1, 12))
            for token in tokens(store.raw):
                store.raw.delete(token)
            store.raw.delete(wrong)
            store.raw.hset(wrong, "a", "b") if wrong != keys.meta else store.raw.set(wrong, "a")
            before, notes = everything(store.raw), Notes()
            with pytest.raises(WrongType):
                compact(chat, notes)
            assert notes.given == []
            assert everything(store.raw) == before

    def test_what_becomes_another_type_meanwhile_is_left(self, store: Store) -> None:
        """The summary is lost, and the text stays as it is."""
        chat, keys = store.memory().session("s"), keys_of("s")
        chat.append(*said(1, 12))
        for name in ("log", "meta", "lease"):
            wrong = getattr(keys, name)
            elements = store.raw.lrange(keys.log, 0, -1)

            def meanwhile(wrong: bytes = wrong) -> None:
                store.raw.delete(wrong)
                store.raw.zadd(wrong, {"precious": 1})

            with pytest.raises(WrongType):
                compact(chat, Notes(meanwhile))
            assert store.raw.zscore(wrong, "precious") == 1
            assert store.raw.exists(keys.meta) == (name == "meta")
            store.raw.delete(wrong, keys.lease, keys.log)
            store.raw.rpush(keys.log, *elements)
        assert compact(chat) is not None

    @LAYOUTS
    def test_a_newer_layout_is_not_folded(self, store: Store, prefix: str | None) -> None:
        """Neither where it is seen at once, nor where it comes meanwhile."""
        chat, keys = store.memory(key_prefix=prefix).session("s"), keys_of("s", prefix=prefix)
        begun(chat)
        chat.append(*said(19, 24, leading=2))
        newer = lambda: store.raw.hset(keys.meta, "layout", "99")  # noqa: E731
        notes = Notes(newer)
        for _ in range(2):
            with pytest.raises(UnknownVersion):
                compact(chat, notes)
        assert len(notes.given) == 1
        for call in (chat.summary, chat.summaries, chat.context):
            with pytest.raises(UnknownVersion):
                call()
        store.raw.hset(keys.meta, "layout", "1")
        assert covered(chat) == [14, 8]
