"""Sessions that others have written get all that this library has, and stay what they were."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import redis

from redialog import ChatMemory, Message, RollingSummary
from redialog.summarizers import KeySentences
from redialog.sync import Session
from tests.interop.kinds import KINDS, Kind
from tests.interop.libraries import LIBRARIES, OTHERS, Library, Place, name_of

TURNS = 8
BUDGET = 1_000
POLICY = RollingSummary(KeySentences(), trigger_tokens=400, summary_max_tokens=300)

# What JavaScript rejects, and what is about another message.
_ODD = ("chat", "remove", "ai chunk")

USES: dict[str, Callable[[Session], object]] = {
    "window of turns": lambda chat: chat.window(turns=2),
    "window of messages": lambda chat: chat.window(messages=3),
    "context": lambda chat: chat.context(max_tokens=BUDGET),
    "explanation": lambda chat: chat.context(max_tokens=BUDGET).explain(),
    "context with a summary": lambda chat: chat.context(max_tokens=BUDGET, summarizer=POLICY),
    "summary": lambda chat: chat.compact(POLICY),
    "title": lambda chat: chat.set_title("t"),
    "TTL": lambda chat: chat.expire(5_000),
    "touch": lambda chat: chat.touch(),
    "fork": lambda chat: chat.fork("copy"),
    "info": lambda chat: chat.info(),
    "append": lambda chat: chat.append(Message.user("x")),
}


def conversation(writer: Library) -> list[Kind]:
    """A long one, with every kind of message that the writer has and all readers take."""
    kinds = [
        one
        for kind in KINDS
        if writer.family in kind.by and kind.type not in _ODD and kind.name != "NaN"
        for one in kind.session
    ]
    for number in range(TURNS):
        words = f"Locker {number} opens with code {number}417. " * 12
        kinds.append(Kind("", "human", {"content": words}))
        kinds.append(Kind("", "ai", {"content": f"Noted: {words}"}))
    return kinds


by_each = pytest.mark.parametrize(
    ("writer", "prefix"),
    [
        pytest.param(one, prefix, id=f"{name_of(one)}, {prefix or 'no prefix'}")
        for one in OTHERS
        for prefix in ("", "message_store:")
    ],
)


@by_each
def test_elements_stay_what_they_are(
    place: Place, raw: redis.Redis, writer: Library, prefix: str
) -> None:
    """Byte for byte, whatever is done that does not change messages."""
    key = f"{prefix}s"
    writer.write(place, key, conversation(writer))
    before = raw.lrange(key, 0, -1)
    with ChatMemory.from_url(place.url, key_prefix=prefix) as memory:
        chat = memory.session("s", user_id="ada")
        for name, use in USES.items():
            use(chat)
            assert raw.lrange(key, 0, -1)[-len(before) :] == before, name
    assert raw.lrange(f"{prefix}copy", 0, -1)[-len(before) :] == before
    for reader in LIBRARIES:
        assert len(reader.read(place, key)) >= 2 * TURNS, name_of(reader)


@by_each
def test_they_have_all_that_ours_have(
    place: Place, raw: redis.Redis, writer: Library, prefix: str
) -> None:
    """The newest turns, a budget and its reasons, a summary, a copy, a title, a user, a TTL."""
    writer.write(place, f"{prefix}s", conversation(writer))
    with ChatMemory.from_url(place.url, key_prefix=prefix) as memory:
        chat = memory.session("s", user_id="ada")
        window = chat.window(turns=2)
        assert [one.role for one in window] == ["user", "assistant"] * 2
        assert window[0].text.startswith(f"Locker {TURNS - 2} ")
        context = chat.context(max_tokens=BUDGET)
        assert context.messages[-1] == window[-1]
        assert context.tokens.total <= BUDGET
        entries = context.explain().entries
        assert (entries[0].first, entries[-1].last) == (1, chat.count())
        assert len(context.messages) < chat.count()
        summary = chat.compact(POLICY)
        assert summary is not None
        assert chat.summary() == summary
        given = chat.context(max_tokens=BUDGET, summarizer=POLICY).messages
        assert summary.text in given[0].text
        chat.set_title("lockers")
        chat.expire(5_000)
        copy = chat.fork("copy")
        assert [one.content for one in copy.messages()] == [one.content for one in chat.messages()]
        assert chat.info().title == copy.info().title == "lockers"
        # From our first message on it has its owner, and a place in listings.
        chat.append(Message.user("ours"))
        assert {one.session_id for one in memory.sessions(user_id="ada")} == {"s", "copy"}
    for name in ("s", "copy"):
        assert 4_000 < raw.ttl(f"{prefix}{name}") <= 5_000


@by_each
def test_their_turns_and_ours_make_one_conversation(
    place: Place, writer: Library, prefix: str
) -> None:
    """A summary that was made of their messages stands while both go on."""
    key = f"{prefix}s"
    writer.write(place, key, conversation(writer))
    with ChatMemory.from_url(place.url, key_prefix=prefix) as memory:
        chat = memory.session("s")
        summary = chat.compact(POLICY)
        chat.append(Message.user("ours"))
        writer.write(place, key, [Kind("", "ai", {"content": "theirs"})])
        assert chat.summary() == summary is not None
        assert [one.text for one in chat.window(turns=1)] == ["ours", "theirs"]
        found = chat.context(window_turns=1, summarizer=POLICY).messages
        assert [one.text for one in found[-2:]] == ["ours", "theirs"]
        assert found[0].role == "system"
