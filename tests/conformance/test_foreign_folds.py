"""Another client changes a log that is summarised, meanwhile or later; and what becomes of that.

A summary speaks for messages that it was made of. Who changes those through this library ends it;
of what others change, the oldest messages and the one that it ends with are noticed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import takewhile
from typing import Any

import pytest

from redialog.keys import SessionKeys
from redialog.summary import LEAD
from redialog.testing.conformance._folding import Notes, compact, covered, policy, said, shown
from redialog.testing.conformance._tools import element, everything, expire_now, keys_of
from redialog.testing.conformance.summaries import begun
from tests.support.backends import Backend, Ground, Store

# Rows that differ in server, facade, protocol and client, each with one of the layouts.
ROWS = [
    (Backend("redis", "sync"), "message_store:"),
    (Backend("valkey", "async", 3, decoded=True), None),
]
OTHER = element("other")


def _anew(raw: Any, keys: SessionKeys) -> None:
    raw.delete(keys.log)
    raw.lpush(keys.log, *[element(f"new {number}") for number in range(12)])


def _again(raw: Any, keys: SessionKeys) -> None:
    """The same messages, and other companions."""
    elements = raw.lrange(keys.log, 0, -1)
    raw.delete(keys.log, keys.meta)
    raw.rpush(keys.log, *elements)


# What another client does while a summary of messages 15 to 20 is written, after one that covers
# 14, and whether the summary can be kept all the same.
MEANWHILE: dict[str, tuple[Callable[[Any, SessionKeys], object], bool]] = {
    "appends": (lambda raw, keys: raw.lpush(keys.log, OTHER), True),
    "changes a newer message": (lambda raw, keys: raw.lset(keys.log, -21, OTHER), True),
    "changes a message that was folded": (lambda raw, keys: raw.lset(keys.log, -9, OTHER), True),
    "changes the first message": (lambda raw, keys: raw.lset(keys.log, -15, OTHER), False),
    "changes the last message": (lambda raw, keys: raw.lset(keys.log, -20, OTHER), False),
    "changes where the summary before ends": (
        lambda raw, keys: raw.lset(keys.log, -14, OTHER),
        False,
    ),
    "changes the oldest": (lambda raw, keys: raw.lset(keys.log, -1, OTHER), False),
    "drops the oldest": (lambda raw, keys: raw.ltrim(keys.log, 0, -2), False),
    "adds before": (lambda raw, keys: raw.rpush(keys.log, OTHER), False),
    "drops newer messages": (lambda raw, keys: raw.ltrim(keys.log, -21, -1), True),
    "drops all newer messages": (lambda raw, keys: raw.ltrim(keys.log, -20, -1), False),
    "drops the last message": (lambda raw, keys: raw.ltrim(keys.log, -19, -1), False),
    "deletes the log": (lambda raw, keys: raw.delete(keys.log), False),
    "deletes the companions": (lambda raw, keys: raw.delete(keys.meta), False),
    "deletes all and writes it again": (_again, False),
    "begins anew": (_anew, False),
    "lets it expire": (lambda raw, keys: expire_now(raw, keys.log), False),
    "deletes the lease": (lambda raw, keys: raw.delete(keys.lease), True),
    "takes the lease": (lambda raw, keys: raw.set(keys.lease, "another", px=50_000), True),
}
# What another client does to a session whose summaries cover 8 and 14 messages, and what they
# cover then.
LATER: dict[str, tuple[Callable[[Any, SessionKeys], object], list[int]]] = {
    "appends": (lambda raw, keys: raw.lpush(keys.log, OTHER), [14, 8]),
    "drops the newest": (lambda raw, keys: raw.ltrim(keys.log, 3, -1), [14, 8]),
    "drops the newest and appends": (
        lambda raw, keys: (raw.ltrim(keys.log, 6, -1), raw.lpush(keys.log, *[OTHER] * 9)),
        [8],
    ),
    "drops the newest below a fold": (lambda raw, keys: raw.ltrim(keys.log, 5, -1), [8]),
    "drops the newest below both": (lambda raw, keys: raw.ltrim(keys.log, 11, -1), []),
    "changes an edge": (lambda raw, keys: raw.lset(keys.log, -14, OTHER), [8]),
    "changes the other edge": (lambda raw, keys: raw.lset(keys.log, -8, OTHER), [14]),
    "changes both edges": (
        lambda raw, keys: (raw.lset(keys.log, -8, OTHER), raw.lset(keys.log, -14, OTHER)),
        [],
    ),
    "changes one of the oldest": (lambda raw, keys: raw.lset(keys.log, -4, OTHER), []),
    "drops the oldest": (lambda raw, keys: raw.ltrim(keys.log, 0, -2), []),
    "adds before": (lambda raw, keys: raw.rpush(keys.log, OTHER), []),
    "takes one out between": (lambda raw, keys: raw.lrem(keys.log, 1, OTHER), [14, 8]),
    "deletes it": (lambda raw, keys: raw.delete(keys.log), []),
    "begins anew": (_anew, []),
    "deletes the companions": (lambda raw, keys: raw.delete(keys.meta), []),
    "lets it expire": (lambda raw, keys: expire_now(raw, keys.log), []),
}


@pytest.fixture(params=ROWS, ids=["redis-shared", "valkey-own"])
def place(request: pytest.FixtureRequest, ground: Ground) -> Iterator[tuple[Store, str | None]]:
    """Both rows in turn, with the prefix of the layout."""
    backend, prefix = request.param
    with Store(backend, ground) as store:
        yield store, prefix


@pytest.mark.parametrize("retention", ["keep", "drop"])
@pytest.mark.parametrize("what", MEANWHILE)
def test_what_changes_while_a_summariser_is_at_work(
    place: tuple[Store, str | None], what: str, retention: Any
) -> None:
    """The summary is kept where all that it says still stands; else nothing is changed."""
    (store, prefix), raw = place, place[0].raw
    chat = begun(store.memory(key_prefix=prefix).session("s"))
    chat.append(*said(19, 25, leading=2))
    keys = keys_of("s", prefix=prefix)
    change, kept = MEANWHILE[what]
    left: dict[bytes, bytes | None] = {}

    def meanwhile() -> None:
        change(raw, keys)
        left.update(everything(raw))

    # Inline, a call that comes too late is not made again.
    notes = Notes(meanwhile)
    shown(chat, summarizer=policy(notes, retention=retention))
    assert notes.given == [("summary 2", "15 16 17 18 19 20")]
    if kept:
        assert chat.info().summarised == (2 if retention == "drop" else 20)
        assert chat.info().trimmed == (18 if retention == "drop" else 0)
    else:
        left.pop(keys.lease, None)
        assert everything(raw) == left
    assert raw.get(keys.lease) == (b"another" if what == "takes the lease" else None)
    assert chat.info().summary_failure is None


@pytest.mark.parametrize("what", LATER)
def test_what_another_client_does_to_what_was_folded(
    place: tuple[Store, str | None], what: str
) -> None:
    """A summary stands while the message is in its place that it ends with, and the oldest are
    the same; what comes next is folded upon what stands.
    """
    store, prefix = place
    memory, keys = store.memory(key_prefix=prefix), keys_of("s", prefix=prefix)
    chat = begun(memory.session("s"))
    change, expected = LATER[what]
    change(store.raw, keys)
    assert covered(chat) == expected
    for info in (chat.info(), *memory.sessions()):
        assert info.summarised == (expected[0] if expected else 0)
    assert len([text for text in shown(chat) if text.startswith(LEAD)]) == min(1, len(expected))
    if chat.count():
        assert covered(chat.fork()) == expected
    for number in range(12):
        store.raw.lpush(keys.log, element(f"{what} {number}", "human" if number % 2 else "ai"))
    messages, notes = chat.messages(), Notes()
    leading = len(list(takewhile(lambda message: message.role == "system", messages)))
    begins = expected[0] if expected else leading
    assert compact(chat, notes) is not None
    assert (notes.given[0][0] is None) is (expected == [])
    assert notes.given[0][1].startswith(messages[begins].text)
    assert covered(chat)[len(notes.given) :] == expected
    assert len(messages) - covered(chat)[0] in (3, 4, 5)


WRITTEN_OVER = ["", "-1", "nan", "1e9", "9" * 15, "9" * 30, "x", "\xff"]


@pytest.mark.parametrize("field", ["shift", "spare", "summaries", "failed", "trimmed"])
def test_companions_that_were_written_over_stop_nothing(
    place: tuple[Store, str | None], field: str
) -> None:
    """Whatever stands there: it can be read, appended to, cut, edited, forked and folded."""
    store, prefix = place
    memory = store.memory(key_prefix=prefix)
    for value in WRITTEN_OVER:
        store.raw.flushdb()
        chat = begun(memory.session("s"), retention="drop")
        store.raw.hset(keys_of("s", prefix=prefix).meta, field, value.encode("latin-1"))
        assert shown(chat)[-1] == "18", value
        assert chat.info().count == 6, value
        memory.session("s", max_messages=8).append(*said(19, 30, leading=2))
        chat.fork()
        chat.remove("1")
        compact(chat)
        chat.append(*said(31, 40, leading=2))
        compact(chat, retention="drop")
        assert shown(chat)[-4:] == ["37", "38", "39", "40"], value
        assert chat.summary() is not None, value
