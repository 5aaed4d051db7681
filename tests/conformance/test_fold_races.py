"""What happens to a session while one of its summaries is written: all that can be done with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any, NamedTuple

import pytest
import redis

from redialog import ChatMemory, Message, Session, scripts
from redialog.effect import Batch, Replies, Transport
from redialog.testing.conformance._folding import Notes, compact, covered, policy, said, shown
from redialog.testing.conformance._tools import LAYOUTS, expire_now, keys_of, texts
from redialog.testing.conformance.summaries import begun
from tests.support.proxy import FaultProxy
from tests.support.servers import Server, wait_until


class Case(NamedTuple):
    """What is done meanwhile.

    Attributes:
        do: it, with the session and another client of the server.
        covers: of the summaries afterwards, newest first.
        kept: whether the one is among them that was being written.
    """

    do: Callable[[Session, Any], object]
    covers: list[int]
    kept: bool = False


def edited(how: str, number: int) -> Callable[[Session, Any], object]:
    """A message is changed."""
    edits: dict[str, Callable[[Session], object]] = {
        "replace": lambda chat: chat.replace(str(number), Message.user("new")),
        "reword": lambda chat: chat.replace(str(number), Message.system("new")),
        "remove": lambda chat: chat.remove(str(number)),
        "rewind": lambda chat: chat.rewind(str(number)),
    }
    return lambda chat, _: edits[how](chat)


def limited(count: int) -> Callable[[Session, Any], object]:
    """A message more, and no more than so many."""
    return lambda chat, _: again(chat, max_messages=count).append(Message.user("26", id="26"))


def again(chat: Session, **options: Any) -> Session:
    """Another handle of the session."""
    return chat._memory.session(chat.id, **options)  # type: ignore[attr-defined,no-any-return]


def another(chat: Session, raw: Any) -> None:
    """Another process folds, after the lease has run out."""
    raw.delete(*raw.keys("redialog:*lease*"))
    assert compact(chat) is not None


def replaced(chat: Session, raw: Any) -> None:
    """And what it has kept ends again."""
    another(chat, raw)
    chat.replace("20", Message.user("new"))


# A summary of messages 15 to 20 is written, after those that cover 8 and 14; there are 25.
CASES = {
    "append": Case(lambda chat, _: chat.append(Message.user("26")), [20, 14, 8], kept=True),
    "append of many": Case(lambda chat, _: chat.append(*said(26, 1100)), [20, 14, 8], kept=True),
    "append at a limit": Case(limited(25), [19, 13, 7], kept=True),
    "append at a limit within the base": Case(limited(14), [8, 2, 2], kept=True),
    "append at a limit after the base": Case(limited(13), [2, 2]),
    "append at a limit within the fold": Case(limited(11), [2, 2]),
    "append at a limit above the fold": Case(limited(5), [2, 2]),
    "replace of an instruction": Case(edited("replace", 1), []),
    "reword of an instruction": Case(edited("reword", 1), [20, 14, 8], kept=True),
    "remove of an instruction": Case(edited("remove", 2), [19, 13, 7], kept=True),
    "rewind to an instruction": Case(edited("rewind", 2), []),
    "replace below": Case(edited("replace", 5), []),
    "replace in the base": Case(edited("replace", 10), [8]),
    "remove in the base": Case(edited("remove", 14), [8]),
    "rewind to the base": Case(edited("rewind", 14), [8]),
    "rewind into the fold": Case(edited("rewind", 17), [14, 8]),
    "rewind to its last message": Case(edited("rewind", 20), [14, 8]),
    "rewind above": Case(edited("rewind", 21), [20, 14, 8], kept=True),
    "replace of the first": Case(edited("replace", 15), [14, 8]),
    "reword of the last": Case(edited("reword", 20), [14, 8]),
    "remove of the last": Case(edited("remove", 20), [14, 8]),
    "remove above": Case(edited("remove", 21), [20, 14, 8], kept=True),
    "clear": Case(lambda chat, _: chat.clear(), []),
    "clear, and the same again": Case(
        lambda chat, _: (chat.clear(), chat.append(*said(1, 25, leading=2))), []
    ),
    "title": Case(lambda chat, _: chat.set_title("t"), [20, 14, 8], kept=True),
    "no title": Case(lambda chat, _: chat.set_title(None), [20, 14, 8], kept=True),
    "ttl": Case(lambda chat, _: chat.expire(timedelta(seconds=500)), [20, 14, 8], kept=True),
    "fork": Case(lambda chat, _: chat.fork("copy"), [20, 14, 8], kept=True),
    "owner": Case(
        lambda chat, _: again(chat, user_id="ada").append(Message.user("26")),
        [20, 14, 8],
        kept=True,
    ),
    "another fold": Case(another, [20, 14, 8]),
    "another fold, and an edit of it": Case(replaced, [14, 8]),
}


@pytest.fixture
def raw(server: Server) -> Iterator[redis.Redis]:
    """Another client."""
    with server.client() as client:
        yield client


@LAYOUTS
@pytest.mark.parametrize("retention", ["keep", "drop"])
@pytest.mark.parametrize("name", CASES)
def test_what_is_done_while_a_summary_is_written(
    server: Server, raw: redis.Redis, prefix: str | None, name: str, retention: Any
) -> None:
    """It stands, and the summary where it says nothing that was changed; else it is lost whole."""
    case, keys = CASES[name], keys_of("s", prefix=prefix)
    with ChatMemory.from_url(server.url, key_prefix=prefix) as memory:
        chat = begun(memory.session("s", ttl=300))
        chat._memory = memory  # type: ignore[attr-defined]
        chat.append(*said(19, 25, leading=2))
        late = Notes(lambda: case.do(chat, raw))
        meanwhile: dict[str, Any] = {}

        def told(previous: str | None, messages: Any) -> str:
            text = late(previous, messages)
            meanwhile.update(texts=texts(chat.messages()), trimmed=chat.info().trimmed)
            return f"late {text}"

        shown(chat, summarizer=policy(told, retention=retention))  # type: ignore[arg-type]
        assert late.given == [("summary 2", "15 16 17 18 19 20")]
        found, info = chat.summaries(), chat.info()
        assert case.kept == (found[:1] != [] and found[0].text == "late summary 1")
        if retention == "keep" or not case.kept:
            assert covered(chat) == case.covers
            assert (texts(chat.messages()), info.trimmed) == tuple(meanwhile.values())
        else:
            spare = 1 if name == "remove of an instruction" else 2
            assert covered(chat) == [spare] * 3
            gone = case.covers[0] - spare
            before = meanwhile["texts"]
            assert texts(chat.messages()) == before[:spare] + before[spare + gone :]
            assert info.trimmed == meanwhile["trimmed"] + gone
        assert raw.exists(keys.lease) == 0
        assert info.summary_failure is None
        if info.exists:
            assert abs(raw.pttl(keys.log) - raw.pttl(keys.meta)) < 1000 or not found
            assert (info.ttl or timedelta()) > timedelta(seconds=200)


@LAYOUTS
def test_a_session_that_expires_meanwhile_is_gone(
    server: Server, raw: redis.Redis, prefix: str | None
) -> None:
    """Nothing is made anew of it, and who looks finds nothing."""
    keys = keys_of("s", prefix=prefix)
    with ChatMemory.from_url(server.url, key_prefix=prefix) as memory:
        for error in (None, RuntimeError("down")):
            chat = begun(memory.session("s", ttl=300))
            chat.append(*said(19, 25, leading=2))

            def expires() -> None:
                for key in (keys.log, keys.meta):
                    expire_now(raw, key)

            shown(chat, summarizer=policy(Notes(expires, error)))
            left = [key for key in raw.keys("*") if b":op:" not in key]
            assert left == [key for key in left if key == keys.sessions]
            assert list(memory.sessions()) == []


@pytest.mark.parametrize("script", ["view", "fold", "unfold", "summaries"])
@pytest.mark.parametrize("lost", ["drop_request", "cut_reply"])
def test_a_step_whose_answer_is_lost_is_done_once(
    server: Server, raw: redis.Redis, script: str, lost: str
) -> None:
    """It is sent again: one summary, one failure, and no lease is left."""
    with (
        FaultProxy(server.host, server.port) as proxy,
        ChatMemory.from_url(proxy.url) as memory,
    ):
        chat, notes = memory.session("s"), Notes()
        begun(chat, retention="drop")
        getattr(proxy, lost)(match=scripts.get(script).sha)
        chat.append(*said(19, 25, leading=2))
        if script == "unfold":
            notes.error = RuntimeError("down")
            shown(chat, summarizer=policy(notes))
            assert chat.info().summary_failure is not None
            assert chat.info().summary_failure.times == 1  # type: ignore[union-attr]
        else:
            assert compact(chat, notes, retention="drop") is not None
            assert len(covered(chat)) == 3
            assert chat.info().trimmed == 18
        assert len(notes.given) == 1
        assert proxy.connections == 2
        assert raw.exists(keys_of("s").lease) == 0


def test_a_look_is_one_round_trip_whatever_the_length(server: Server) -> None:
    """Also where one message more is there than is read at once."""
    with ChatMemory.from_url(server.url) as memory:
        chat, counted = memory.session("s"), _Counting(memory._transport)
        memory._transport = chat._transport = counted
        shown(chat)
        for count in range(1, 120):
            chat.append(*said(count, count))
            for turns in (1, 2, 10, 48):
                before = counted.trips
                shown(chat, window_turns=turns)
                assert counted.trips == before + 1, (count, turns)


class _Counting:
    """A transport that counts round trips."""

    def __init__(self, inner: Transport) -> None:
        self.address = inner.address
        self.patience = inner.patience
        self.trips = 0
        self._inner = inner

    def execute(self, batch: Batch, within: float | None = None) -> Replies:
        """Sends it."""
        self.trips += 1
        return self._inner.execute(batch, within)

    def close(self) -> None:
        """Closes the connections."""
        self._inner.close()


def test_a_lease_that_was_taken_by_a_lost_request_is_ones_own(
    server: Server, raw: redis.Redis
) -> None:
    """The reply was lost; asked again, it is known whose it is."""
    with (
        FaultProxy(server.host, server.port) as proxy,
        ChatMemory.from_url(proxy.url) as memory,
    ):
        chat = memory.session("s")
        chat.append(*said(1, 10))
        proxy.cut_reply(match=keys_of("s").lease)
        assert compact(chat) is not None
        assert proxy.connections == 2
        wait_until(lambda: not raw.exists(keys_of("s").lease), what="the lease is given back")
