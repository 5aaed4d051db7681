"""Rolling summaries: what is folded, what a summary speaks for, and what becomes of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import takewhile

import pytest

from redialog.errors import OwnerMismatch, SummaryError
from redialog.messages import Message
from redialog.summary import LEAD
from redialog.sync import Session
from redialog.testing.conformance._folding import (
    Notes,
    compact,
    compact_parts,
    covered,
    policy,
    said,
    shown,
)
from redialog.testing.conformance._tools import (
    LAYOUTS,
    Part,
    Store,
    everything,
    keys_of,
    texts,
)

# What is done to a message, by its number; below 3 it is the system's.
EDITS = {
    "replace": lambda chat, number: chat.replace(str(number), Message.user("new")),
    "reword": lambda chat, number: chat.replace(str(number), Message.system("new")),
    "remove": lambda chat, number: chat.remove(str(number)),
    "rewind": lambda chat, number: chat.rewind(str(number)),
}
# What the two summaries cover then, of messages up to 8 and to 14.
AFTER = [
    ("replace", 1, []),
    ("replace", 2, []),
    ("replace", 3, []),
    ("replace", 8, []),
    ("replace", 9, [8]),
    ("replace", 14, [8]),
    ("replace", 15, [14, 8]),
    ("reword", 1, [14, 8]),
    ("reword", 2, [14, 8]),
    ("reword", 3, []),
    ("reword", 14, [8]),
    ("remove", 1, [13, 7]),
    ("remove", 2, [13, 7]),
    ("remove", 3, []),
    ("remove", 9, [8]),
    ("remove", 14, [8]),
    ("remove", 15, [14, 8]),
    ("rewind", 1, []),
    ("rewind", 8, []),
    ("rewind", 9, [8]),
    ("rewind", 14, [8]),
    ("rewind", 15, [14, 8]),
    ("rewind", 18, [14, 8]),
]


def begun(chat: Session, **options: object) -> Session:
    """A session of 2 system messages and 16 others, with summaries up to 8 and to 14."""
    notes = Notes()
    chat.append(*said(1, 12, leading=2))
    compact(chat, notes, **options)
    chat.append(*said(13, 18, leading=2))
    compact(chat, notes, **options)
    return chat


class Summaries(Part):
    """What `Session.compact` and a context with a summariser keep."""

    @LAYOUTS
    def test_the_oldest_turns_become_a_summary(self, store: Store, prefix: str | None) -> None:
        """Until half of the trigger is left; the messages stay, and a context shows both."""
        memory = store.memory(key_prefix=prefix)
        chat, notes = memory.session("s"), Notes()
        stored = chat.append(*said(1, 12, leading=2))
        before = datetime.now(UTC) - timedelta(hours=1)
        found = compact(chat, notes)
        assert found is not None
        assert notes.given == [(None, "3 4 5 6 7 8")]
        assert (found.text, found.covers, found.last_id) == ("summary 1", 8, "8")
        assert (found.by, found.tokens) == ("notes", 36)
        assert found.created_at is not None
        assert before < found.created_at < before + timedelta(hours=2)
        assert chat.summary() == found
        assert chat.summaries() == [found]
        assert chat.messages() == stored
        assert shown(chat) == ["1", "2", LEAD + "summary 1", "9", "10", "11", "12"]
        for info in (chat.info(), *memory.sessions()):
            assert (info.count, info.summarised, info.trimmed) == (12, 8, 0)

    @LAYOUTS
    def test_a_summary_continues_the_one_before(self, store: Store, prefix: str | None) -> None:
        """It gets that one's text and what came since; both are kept."""
        chat, notes = store.memory(key_prefix=prefix).session("s"), Notes()
        chat.append(*said(1, 10))
        first = compact(chat, notes)
        assert compact(chat, notes) is None
        chat.append(*said(11, 16))
        second = compact(chat, notes)
        assert notes.given == [(None, "1 2 3 4 5 6"), ("summary 1", "7 8 9 10 11 12")]
        assert chat.summaries() == [second, first]
        assert covered(chat) == [12, 6]
        assert chat.info().summarised == 12

    def test_a_long_history_is_folded_part_by_part(self, store: Store) -> None:
        """Each call of the summariser gets whole turns, as many as a model can take."""
        chat, notes = store.memory().session("s"), Notes()
        chat.append(*said(1, 34))
        compact_parts(chat, notes)
        assert [len(given.split()) for _, given in notes.given] == [10, 10, 10]
        assert [previous for previous, _ in notes.given] == [None, "summary 1", "summary 2"]
        assert covered(chat) == [30, 20, 10]

    def test_where_there_is_nothing_to_fold_nobody_is_asked(self, store: Store) -> None:
        """No session, a short one, and one whose newest turn is long."""
        memory, notes = store.memory(), Notes()
        assert compact(memory.session("nobody"), notes) is None
        assert everything(store.raw) == {}
        chat = memory.session("short")
        chat.append(*said(1, 5))
        assert compact(chat, notes) is None
        chat = memory.session("one turn")
        chat.append(*said(1, 1), *(Message.assistant("x") for _ in range(30)))
        assert compact(chat, notes) is None
        # A greeting before it is no more than what its summary would be.
        chat = memory.session("greeting")
        chat.append(*said(1, 3), *(Message.assistant("x") for _ in range(30)))
        assert compact(chat, notes) is None
        assert notes.given == []
        assert chat.summary() is None

    @LAYOUTS
    def test_no_summary_speaks_for_what_was_changed(self, store: Store, prefix: str | None) -> None:
        """It goes, and the one before stands again; system messages at the beginning were never
        folded.
        """
        memory = store.memory(key_prefix=prefix)
        for edit, number, expected in AFTER:
            name = f"{edit} {number}"
            chat = begun(memory.session(name))
            assert covered(chat) == [14, 8]
            EDITS[edit](chat, number)
            assert covered(chat) == expected, name
            covers = expected[0] if expected else 0
            assert chat.info().summarised == covers, name
            messages = chat.messages()
            leading = texts(list(takewhile(lambda message: message.role == "system", messages)))
            middle = [LEAD + f"summary {len(expected)}"] if expected else []
            above = texts(messages)[max(covers, len(leading)) :]
            assert shown(chat) == [*leading, *middle, *above], name
            # Companions that hold nothing any more are none.
            there = store.raw.exists(keys_of(name, prefix=prefix).meta)
            assert there == (1 if expected else 0), name
            chat.append(*said(19, 30))
            notes = Notes()
            compact(chat, notes)
            given = " ".join(given for _, given in notes.given).split()
            assert given == [*above, *(str(n) for n in range(19, 31))][: len(given)], name
            assert len(given) >= 8

    def test_at_most_sixteen_are_kept(self, store: Store) -> None:
        """The oldest go."""
        chat = store.memory().session("s")
        for number in range(20):
            chat.append(*said(6 * number + 1, 6 * number + 6))
            compact(chat)
        assert covered(chat) == [6 * number + 2 for number in range(19, 3, -1)]
        fields = store.raw.hkeys(keys_of("s").meta)
        assert len([field for field in fields if field.startswith(b"summary:")]) == 16

    @LAYOUTS
    def test_folded_messages_can_be_dropped(self, store: Store, prefix: str | None) -> None:
        """But for the system messages at the beginning; what is counted goes on, and the TTL."""
        memory = store.memory(key_prefix=prefix)
        chat = memory.session("s", user_id="ada", ttl=100)
        chat.append(*said(1, 12, leading=2))
        chat.set_title("t")
        compact(chat, retention="drop")
        assert texts(chat.messages()) == ["1", "2", "9", "10", "11", "12"]
        chat.append(*said(13, 18, leading=2))
        notes = Notes()
        compact(chat, notes, retention="drop")
        assert notes.given == [("summary 1", "9 10 11 12 13 14")]
        assert texts(chat.messages()) == ["1", "2", "15", "16", "17", "18"]
        info = memory.session("s").info()
        assert (info.title, info.user_id, info.trimmed, info.summarised) == ("t", "ada", 12, 2)
        keys = keys_of("s", prefix=prefix)
        assert 60 < store.raw.ttl(keys.log) <= 100
        assert abs(store.raw.pttl(keys.log) - store.raw.pttl(keys.meta)) < 1000
        assert shown(chat) == ["1", "2", LEAD + "summary 1", "15", "16", "17", "18"]
        # Nothing of it lies in the log any more, so that edits there do not change it.
        chat.replace("15", Message.user("new"))
        assert covered(chat) == [2, 2]
        chat.replace("1", Message.user("no instruction"))
        assert covered(chat) == [0, 0]
        assert shown(chat) == [LEAD + "summary 1", "no instruction", "2", "new", "16", "17", "18"]
        chat.rewind("1")
        assert shown(chat) == [LEAD + "summary 1", "no instruction"]

    def test_a_rewind_to_the_instructions_ends_what_was_dropped(self, store: Store) -> None:
        """What the summary tells came after them."""
        chat = begun(store.memory().session("s"), retention="drop")
        chat.rewind("2")
        assert chat.summaries() == []
        assert shown(chat) == ["1", "2"]

    @LAYOUTS
    def test_a_limit_cuts_below_a_summary(self, store: Store, prefix: str | None) -> None:
        """It covers fewer messages, at last none, and speaks all the same; a fold goes on."""
        memory = store.memory(key_prefix=prefix)
        chat = begun(memory.session("s"))
        limited = memory.session("s", max_messages=12)
        limited.append(*said(19, 20, leading=2))
        assert texts(chat.messages())[:4] == ["1", "2", "11", "12"]
        assert covered(chat) == [6, 2]
        chat.remove("2")
        assert covered(chat) == [5, 1]
        limited.append(*said(21, 28, leading=2))
        assert texts(chat.messages())[:2] == ["1", "18"]
        assert covered(chat) == [1, 1]
        notes = Notes()
        compact(chat, notes)
        assert notes.given == [("summary 2", "18 19 20 21 22 23 24")]
        assert covered(chat) == [8, 1, 1]
        chat.replace("18", Message.user("new"))
        assert covered(chat) == [1, 1]

    @LAYOUTS
    @pytest.mark.parametrize("new_id", [None, "copy"])
    def test_a_fork_takes_along_what_speaks_for_it(
        self, store: Store, prefix: str | None, new_id: str | None
    ) -> None:
        """As a rewind would leave it; what happens in either does not show in the other."""
        chat = begun(store.memory(key_prefix=prefix).session("s"))
        for number, expected in ((18, 2), (15, 2), (14, 1), (9, 1), (8, 0), (1, 0)):
            copy = chat.fork(new_id and f"{new_id} {number}", at=str(number))
            assert covered(copy) == [14, 8][2 - expected :]
        copy = chat.fork(new_id)
        assert copy.summaries() == chat.summaries()
        assert shown(copy) == shown(chat)
        copy.replace("10", Message.user("new"))
        assert (covered(copy), covered(chat)) == ([8], [14, 8])
        chat.rewind("1")
        assert (covered(copy), covered(chat)) == ([8], [])

    def test_a_fork_of_instructions_alone_keeps_what_was_dropped(self, store: Store) -> None:
        """All that is left of a session is copied with all that is known of it."""
        chat = begun(store.memory().session("s"), retention="drop")
        for number in range(15, 19):
            chat.remove(str(number))
        assert shown(chat) == ["1", "2", LEAD + "summary 2"]
        assert shown(chat.fork()) == shown(chat)

    @LAYOUTS
    def test_a_failure_is_told_and_waits(self, store: Store, prefix: str | None) -> None:
        """Longer each time; a chat goes on without; the next success forgets it."""
        memory = store.memory(key_prefix=prefix)
        chat, notes = memory.session("s", ttl=100), Notes(error=RuntimeError("model is down"))
        chat.append(*said(1, 12))
        rolling = policy(notes)
        for _ in range(3):
            assert len(shown(chat, summarizer=rolling)) == 12
        assert len(notes.given) == 1
        for times, seconds in ((1, 30), (2, 60), (3, 120)):
            for info in (chat.info(), *memory.sessions()):
                failure = info.summary_failure
                assert failure is not None
                assert (failure.reason, failure.times) == ("failed", times)
                assert failure.at is not None
                assert failure.retry_at == failure.at + timedelta(seconds=seconds)
            with pytest.raises(SummaryError):
                compact(chat, notes)
        assert chat.fork().info().summary_failure is None
        assert store.raw.exists(keys_of("s", prefix=prefix).lease) == 0
        assert 60 < store.raw.ttl(keys_of("s", prefix=prefix).meta) <= 100
        notes.error = None
        assert compact(chat, notes) is not None
        assert chat.info().summary_failure is None

    @LAYOUTS
    def test_a_fold_is_no_activity(self, store: Store, prefix: str | None) -> None:
        """Neither catalogue nor TTL is touched, and only companions and a token are left."""
        memory = store.memory(key_prefix=prefix, ttl=500)
        chat = memory.session("s", user_id="ada")
        chat.append(*said(1, 12))
        keys = keys_of("s", "ada", prefix=prefix)
        store.raw.expire(keys.log, 100)
        before = everything(store.raw)
        compact(chat)
        after = everything(store.raw)
        changed = {key for key in after if after[key] != before.get(key)}
        assert {key for key in changed if b":op:" not in key} == {keys.meta}
        assert 60 < store.raw.ttl(keys.log) <= 100
        assert 60 < store.raw.ttl(keys.meta) <= 100

    @LAYOUTS
    def test_another_users_session_is_not_folded(self, store: Store, prefix: str | None) -> None:
        """What was asked of the summariser is lost, and nothing else."""
        memory = store.memory(key_prefix=prefix)
        memory.session("s", user_id="ada").append(*said(1, 12))
        before = everything(store.raw)
        with pytest.raises(OwnerMismatch):
            compact(memory.session("s", user_id="bob"))
        assert everything(store.raw) == before

    def test_a_cleared_session_begins_without(self, store: Store) -> None:
        """Also where the same is said again."""
        memory = store.memory()
        chat = begun(memory.session("s"))
        chat.clear()
        assert (chat.summary(), chat.info().summarised) == (None, 0)
        chat.append(*said(1, 18, leading=2))
        assert (chat.summary(), len(shown(chat))) == (None, 18)
