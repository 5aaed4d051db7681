"""Crashes between the steps of a fold: the summary is there whole or not at all, and the next one
to fold goes on.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from redialog import ChatMemory, Message, Session, SummaryError, scripts
from redialog.testing.conformance._folding import Notes, compact, compact_parts, policy, said, shown
from redialog.testing.conformance._tools import LAYOUTS, expire_now, keys_of, texts
from tests.conformance.dying import dies_at
from tests.support.servers import Server

SCRIPTS = Path(scripts.__file__).parent / "scripts"
ALL = [str(number) for number in range(1, 37)]


@pytest.fixture
def raw(server: Server) -> Iterator[redis.Redis]:
    """Another client of the server, which knows the scripts: a step is one round trip then."""
    with server.client() as client:
        for path in SCRIPTS.glob("*.lua"):
            client.script_load(scripts.get(path.stem).body.decode())
        yield client


def folded(chat: Session, retention: Any) -> list[int]:
    """How far the summaries of a session reach, and that all that they do not cover is there."""
    summaries = chat.summaries()
    # Each says how much it was made of.
    reached = [int(one.last_id or "0") for one in summaries]
    left = texts(chat.messages())
    assert left == (ALL if retention == "keep" else ALL[max(reached, default=0) :])
    info = chat.info()
    assert info.trimmed == len(ALL) - len(left)
    assert info.summarised == (max(reached, default=0) if retention == "keep" else 0)
    return reached


@LAYOUTS
@pytest.mark.parametrize("retention", ["keep", "drop"])
def test_a_fold_is_whole_or_not_there(
    server: Server, raw: redis.Redis, prefix: str | None, retention: Any
) -> None:
    """Killed before any of its round trips; a lease that is left keeps others out, and expires."""

    def fold(memory: ChatMemory) -> object:
        return compact_parts(memory.session("s"), retention=retention)

    keys = keys_of("s", prefix=prefix)
    outcomes: list[tuple[tuple[int, ...], bool]] = []
    with ChatMemory.from_url(server.url, key_prefix=prefix) as memory:
        chat = memory.session("s", user_id="ada")
        died = True
        while died:
            server.flush()
            chat.append(*said(1, 36))
            died = dies_at(len(outcomes) + 1, fold, server.url, key_prefix=prefix)
            before = folded(chat, retention)
            held = raw.exists(keys.lease) == 1
            outcomes.append((tuple(before), held))
            notes = Notes()
            if held:
                assert 30_000 < raw.pttl(keys.lease) <= 40_000
                assert compact_parts(chat, notes, retention=retention) is None
                assert notes.given == []
                expire_now(raw, keys.lease)
            compact_parts(chat, notes, retention=retention)
            assert folded(chat, retention) == [32, 30, 20, 10]
            # What was kept before the crash was not folded a second time.
            start = str(max(before, default=0) + 1)
            assert [given.split()[0] for _, given in notes.given[:1]] == (
                [start] if start != "33" else []
            )
            assert raw.exists(keys.lease) == 0
            assert chat.info().summary_failure is None
    # Of four summaries each is looked for, its messages are read, the lease is taken, it is kept.
    kept = [(), (10,), (20, 10), (30, 20, 10), (32, 30, 20, 10)]
    assert [one for one, _ in outcomes] == sorted((one for one, _ in outcomes), key=len)
    assert {one for one, _ in outcomes} == set(kept)
    assert [held for _, held in outcomes].count(True) == 4
    assert outcomes[-1] == (kept[4], False)


@LAYOUTS
def test_a_failure_is_told_whole_or_not_at_all(
    server: Server, raw: redis.Redis, prefix: str | None
) -> None:
    """Killed before any of its round trips, a process leaves a lease, and no half of a failure."""

    def fold(memory: ChatMemory) -> None:
        with pytest.raises(SummaryError):
            compact(memory.session("s"), Notes(error=RuntimeError("down")))

    keys = keys_of("s", prefix=prefix)
    outcomes: list[tuple[bool, bool]] = []
    with ChatMemory.from_url(server.url, key_prefix=prefix) as memory:
        chat = memory.session("s")
        died = True
        while died:
            server.flush()
            chat.append(*said(1, 10))
            died = dies_at(len(outcomes) + 1, fold, server.url, key_prefix=prefix)
            told = chat.info().summary_failure is not None
            outcomes.append((raw.exists(keys.lease) == 1, told))
            assert chat.summaries() == []
            assert len(shown(chat)) == 10
    # It is looked for, the lease is taken, and given back with the failure.
    assert outcomes == [(False, False), (False, False), (True, False), (False, True)]


@LAYOUTS
def test_a_chat_goes_on_beside_a_fold_that_crashed(
    server: Server, raw: redis.Redis, prefix: str | None
) -> None:
    """Contexts, appends and edits work while the lease of a dead process is still there."""

    def fold(memory: ChatMemory) -> object:
        return shown(memory.session("s"), summarizer=policy(Notes()))

    keys = keys_of("s", prefix=prefix)
    with ChatMemory.from_url(server.url, key_prefix=prefix) as memory:
        chat, notes = memory.session("s"), Notes()
        chat.append(*said(1, 12))
        # The context, then the plan and its lease.
        assert dies_at(4, fold, server.url, key_prefix=prefix)
        assert raw.exists(keys.lease) == 1
        assert len(shown(chat, summarizer=policy(notes))) == 12
        chat.append(*said(13, 14))
        chat.replace("3", Message.user("new"))
        assert len(shown(chat, summarizer=policy(notes))) == 14
        assert notes.given == []
        expire_now(raw, keys.lease)
        assert shown(chat, summarizer=policy(notes))[1:] == ["11", "12", "13", "14"]
        assert notes.given == [(None, "1 2 new 4 5 6 7 8 9 10")]
