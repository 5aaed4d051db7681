"""What the script of a context sends: the messages at the beginning, what companions say."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import redis

from redialog import ChatMemory, Session, UnknownVersion, drive
from redialog.effect import Batch, Replies
from redialog.ops import context as context_ops
from redialog.ops.context import MAX_LEADING
from redialog.testing.conformance._folding import compact, covered, said
from tests.support.servers import Server

LONG = 40


@pytest.fixture
def memory(server: Server) -> Iterator[ChatMemory]:
    """Sessions on a real server."""
    with ChatMemory.from_url(server.url) as made:
        yield made


@pytest.fixture
def raw(server: Server) -> Iterator[Any]:
    """Another client."""
    with redis.Redis.from_url(server.url) as client:
        yield client


class Trips:
    """Counts the round trips of a session's transport, and the oldest messages that come along."""

    def __init__(self, chat: Session) -> None:
        self._inner = chat._transport
        self.address, self.patience = self._inner.address, self._inner.patience
        self.number = self.sent = 0

    def execute(self, batch: Batch, within: float | None = None) -> Replies:
        self.number += 1
        replies = self._inner.execute(batch, within)
        if self.number == 1:
            self.sent = len(replies[0][2])
        return replies

    def close(self) -> None:
        """It is another's."""


def leading(chat: Session) -> tuple[list[str], int, int]:
    """The system messages at the beginning that a short look finds, its round trips, and how many
    of the oldest come with the first."""
    chat.count()  # connects
    chat.context(window_turns=1)  # teaches the script
    trips = Trips(chat)
    look = drive.run(context_ops.seen(chat._plan.keys, 4, lambda look: look), trips)
    return [message.text for message in look.view.leading], trips.number, trips.sent


def stored(text: str, **fields: Any) -> bytes:
    """An element as other writers leave it."""
    data = {"content": text} | fields.pop("data", {})
    return json.dumps({"data": data} | fields).encode()


SYSTEMS = {
    "ours": lambda text: stored(text, type="system"),
    "a chunk": lambda text: stored(text, type="SystemMessageChunk"),
    "a developer": lambda text: stored(text, type="developer"),
    "a free role": lambda text: stored(text, type="chat", data={"role": "SYSTEM"}),
}


@pytest.mark.parametrize("kind", SYSTEMS)
@pytest.mark.parametrize("number", [0, 1, 3, 4, 16])
def test_system_messages_at_the_beginning_are_sent_with_it(
    memory: ChatMemory, raw: Any, kind: str, number: int
) -> None:
    """Of every kind that is read as one, where a short look does not reach them."""
    chat = memory.session(f"{kind} {number}")
    others = [stored(f"m{index}", type="human") for index in range(LONG)]
    texts = [f"s{index}" for index in range(number)]
    raw.rpush(chat._plan.keys.log, *others, *[SYSTEMS[kind](text) for text in reversed(texts)])
    assert leading(chat) == (texts, 1 if number < 4 else 2, min(number + 1, 4))


def test_one_that_cannot_be_told_by_its_bytes_is_found(memory: ChatMemory, raw: Any) -> None:
    """Escapes are JSON, too."""
    chat = memory.session("escaped")
    others = [stored(f"m{index}", type="human") for index in range(LONG)]
    odd = [SYSTEMS["ours"](text).replace(b"system", b"\\u0073ystem") for text in ("b", "a")]
    raw.rpush(chat._plan.keys.log, *others, *odd)
    assert leading(chat)[0] == ["a", "b"]


def test_no_more_than_so_many_are_looked_for(memory: ChatMemory, raw: Any) -> None:
    """Also where all is by the system."""
    chat = memory.session("all")
    raw.rpush(chat._plan.keys.log, *[SYSTEMS["ours"](str(number)) for number in range(LONG, 0, -1)])
    assert leading(chat) == ([str(number) for number in range(1, MAX_LEADING + 1)], 2, 4)


@pytest.mark.parametrize("fields", [{}, {"summaries": "one"}, {"failed": "1:2:3:timeout"}])
def test_what_a_newer_version_wrote_is_refused(
    memory: ChatMemory, raw: Any, fields: dict[str, str]
) -> None:
    """Whatever it holds."""
    chat = memory.session(f"newer {len(fields)} {fields}", user_id="ada")
    chat.append(*said(1, 3))
    raw.hset(chat._plan.keys.meta, mapping={"layout": "2"} | fields)
    with pytest.raises(UnknownVersion):
        chat.context()


def test_a_failure_is_told_with_the_time_and_of_a_log_of_its_own(
    memory: ChatMemory, raw: Any
) -> None:
    """Of companions that were written for another log nothing is told."""
    chat = memory.session("failed", user_id="ada")
    chat.append(*said(1, 3))
    keys = chat._plan.keys
    raw.hset(keys.meta, "failed", "1:2000:3000:timeout")
    look = drive.run(context_ops.seen(keys, 4, lambda look: look), chat._transport)
    assert look.view.failure is not None
    assert (look.view.failure.reason, look.now > 1_600_000_000_000) == ("timeout", True)
    raw.lset(keys.log, -1, stored("another", type="human"))
    look = drive.run(context_ops.seen(keys, 4, lambda look: look), chat._transport)
    assert look.view.failure is None


def test_a_summary_of_another_log_is_none(memory: ChatMemory, raw: Any) -> None:
    """The companions count as absent, in the session of an owner as well."""
    chat = memory.session("summarised", user_id="ada")
    chat.append(*said(1, 20))
    compact(chat)
    assert covered(chat)
    look = drive.run(context_ops.seen(chat._plan.keys, 4, lambda look: look), chat._transport)
    assert look.view.summary is not None
    raw.lset(chat._plan.keys.log, -1, stored("another", type="human"))
    look = drive.run(context_ops.seen(chat._plan.keys, 4, lambda look: look), chat._transport)
    assert (look.view.summary, look.base) == (None, b"")
    assert look.ids
