"""Crashes between the steps of a write: it is there whole or not at all, and nothing is left."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from redialog import ChatMemory, Message, Session, TransportError, codec, scripts
from redialog.effect import Patience
from redialog.ops import append
from redialog.ops._scripts import Write
from redialog.testing.conformance._tools import LAYOUTS, keys_of, numbered, stages, texts
from tests.conformance.dying import dies_at
from tests.support.proxy import FaultProxy
from tests.support.servers import Server

OLD = 1_000_000
SCRIPTS = Path(scripts.__file__).parent / "scripts"


@pytest.fixture
def raw(server: Server) -> Iterator[redis.Redis]:
    """Another client of the server, which knows the scripts: a step is one round trip then."""
    with server.client() as client:
        for path in SCRIPTS.glob("*.lua"):
            client.script_load(scripts.get(path.stem).body.decode())
        yield client


def check_settled(memory: ChatMemory, raw: redis.Redis, expected: dict[str, int]) -> None:
    """These sessions are there and listed, no others, and what was staged expires."""
    for user_id in (None, "ada"):
        listed = {info.session_id: info.count for info in memory.sessions(user_id)}
        assert listed == expected
    for stage in stages(raw):
        assert 0 < raw.pttl(stage) <= 60_000


def append_many(chat: Session) -> list[Message]:
    """An append of three parts."""
    return chat.append(*numbered(2001, 1), idempotency_key="k")


@LAYOUTS
@pytest.mark.parametrize("before", [0, 1], ids=["new", "known"])
def test_a_large_append_is_whole_or_not_there(
    server: Server, raw: redis.Redis, prefix: str | None, before: int
) -> None:
    """Killed at any step, it has stored nothing; the same append again completes it, once."""
    with ChatMemory.from_url(server.url, key_prefix=prefix) as memory:
        chat = memory.session("s", user_id="ada")
        step, died = 0, True
        while died:
            step += 1
            server.flush()
            if before:
                chat.append(Message.user("0"))
                chat.set_title("kept")
            died = dies_at(
                step,
                lambda theirs: append_many(theirs.session("s", user_id="ada")),
                server.url,
                key_prefix=prefix,
            )
            # In a shared layout a new session is noted once more, after it was published.
            late = prefix is not None and not before and step == 5
            found = before + (0 if died and not late else 2001)
            assert chat.count() == found
            check_settled(memory, raw, {"s": found} if found else {})
            stored = append_many(chat)
            assert chat.messages()[before:] == stored
            assert texts(stored) == [str(number) for number in range(1, 2002)]
            check_settled(memory, raw, {"s": before + 2001})
            assert chat.info().title == ("kept" if before else None)
            assert append_many(chat) == stored
            assert chat.count() == before + 2001
        # The key is looked up nowhere before; three parts, what publishes them, and that note.
        assert step == (5 if prefix is None or before else 6)


@LAYOUTS
@pytest.mark.parametrize("new_id", [None, "copy"])
def test_a_fork_is_whole_or_not_there(
    server: Server, raw: redis.Redis, prefix: str | None, new_id: str | None
) -> None:
    """Killed at any step, there is no copy; the same fork again completes it."""

    def fork(memory: ChatMemory) -> Session:
        return memory.session("s").fork(new_id, idempotency_key="k")

    with ChatMemory.from_url(server.url, key_prefix=prefix) as memory:
        chat = memory.session("s", user_id="ada")
        step, died = 0, True
        while died:
            step += 1
            server.flush()
            stored = chat.append(*numbered(1050))
            chat.set_title("kept")
            died = dies_at(step, fork, server.url, key_prefix=prefix)
            if died:
                listed = {info.session_id: info.count for info in memory.sessions()}
                assert set(listed.values()) == {1050}
                # In a shared layout it is noted once more, after it was published.
                assert len(listed) == 1 or prefix is not None
                check_settled(memory, raw, listed)
            copy = fork(memory)
            assert copy.messages() == chat.messages() == stored
            assert copy.info().title == chat.info().title == "kept"
            check_settled(memory, raw, {"s": 1050, copy.id: 1050})
            assert fork(memory).id == copy.id
            assert copy.count() == 1050
        # Whether it was done before, the copy within the slot, for which id, what publishes it.
        assert step == 5 or (step > 8 and (new_id == "copy" or prefix is not None))


ATTEMPTS = Patience().attempts or 0

LOST: dict[str, Callable[[FaultProxy, bytes], object]] = {
    "append": lambda proxy, sha: proxy.drop_request(match=sha, times=ATTEMPTS),
    "reply": lambda proxy, sha: proxy.cut_reply(match=sha, times=ATTEMPTS),
}


@pytest.mark.parametrize("lost", LOST)
@pytest.mark.parametrize("before", [0, 1], ids=["new", "known"])
@pytest.mark.parametrize("count", [1, 1001], ids=["small", "large"])
def test_a_client_that_is_gone_between_the_note_and_the_append(
    server: Server, raw: redis.Redis, lost: str, before: int, count: int
) -> None:
    """In a shared layout the catalogue is told first: an entry may lead to nothing, and is not
    shown; a session with messages is always listed.
    """
    name = "append" if count == 1 else "publish"
    sha = scripts.get(name).sha
    with (
        FaultProxy(server.host, server.port) as proxy,
        ChatMemory.from_url(proxy.url, key_prefix="") as theirs,
        ChatMemory.from_url(server.url, key_prefix="") as memory,
    ):
        if before:
            memory.session("s", user_id="ada").append(*numbered(1))
        LOST[lost](proxy, sha)
        with pytest.raises(TransportError) as caught:
            theirs.session("s", user_id="ada").append(*numbered(count, 1))
        assert caught.value.maybe_applied
        keys = keys_of("s", "ada", prefix="")
        assert keys.user is not None
        assert raw.zscore(keys.sessions, "s") is not None
        assert raw.zscore(keys.user, "s") is not None
        found = before + (count if lost == "reply" else 0)
        check_settled(memory, raw, {"s": found} if found else {})
        # As its error says: the same again under its token.
        token = caught.value.token
        memory.session("s", user_id="ada").append(*numbered(count, 1), idempotency_key=token)
        assert texts(memory.session("s").messages()) == [
            str(number) for number in range(1 - before, count + 1)
        ]
        check_settled(memory, raw, {"s": before + count})


def test_an_entry_without_a_session_goes_after_a_minute(server: Server, raw: redis.Redis) -> None:
    """It is not shown at any time, is dropped when it is old, and what begins later is listed."""
    memory = ChatMemory.from_url(server.url, key_prefix="")
    keys = keys_of("s", "ada", prefix="")
    with memory:
        for score in (None, OLD):
            raw.evalsha(scripts.get("note").sha.decode(), 2, *keys.catalogue(), "s", "")
            if score is not None:
                for listing in keys.catalogue():
                    raw.zadd(listing, {"s": score})
            check_settled(memory, raw, {})
            left = [raw.zscore(listing, "s") is not None for listing in keys.catalogue()]
            assert left == [score is None] * 2
        memory.session("s", user_id="ada").append(Message.user("x"))
        check_settled(memory, raw, {"s": 1})


@LAYOUTS
def test_a_clear_that_is_not_noted_leaves_nothing_to_see(
    server: Server, raw: redis.Redis, prefix: str | None
) -> None:
    """Killed before the listings are told, the session is gone all the same; a new one is shown."""
    with ChatMemory.from_url(server.url, key_prefix=prefix) as memory:
        memory.session("s", user_id="ada", ttl=100).append(*numbered(3))
        # A handle that names no user has a further step in each layout: the owner's listing.
        clear = lambda theirs: theirs.session("s").clear()  # noqa: E731
        assert dies_at(2, clear, server.url, key_prefix=prefix)
        assert memory.session("s").info().exists is False
        check_settled(memory, raw, {})
        memory.session("s", user_id="ada").append(Message.user("new"))
        check_settled(memory, raw, {"s": 1})


@LAYOUTS
def test_an_append_that_its_owner_is_not_told_of_is_listed(
    server: Server, raw: redis.Redis, prefix: str | None
) -> None:
    """The owner's listing shows the session as before, and anew after the next write."""
    with ChatMemory.from_url(server.url, key_prefix=prefix) as memory:
        for name in ("s", "other"):
            memory.session(name, user_id="ada").append(Message.user("x"))
            for listing in keys_of(name, "ada", prefix=prefix).catalogue():
                raw.zadd(listing, {name: OLD + len(name)})
        once = lambda theirs: theirs.session("s").append(Message.user("y"))  # noqa: E731
        assert dies_at(2, once, server.url, key_prefix=prefix)
        assert memory.session("s").count() == 2
        assert [info.session_id for info in memory.sessions()] == ["s", "other"]
        assert [info.session_id for info in memory.sessions("ada")] == ["other", "s"]
        memory.session("s").append(Message.user("z"))
        assert [info.session_id for info in memory.sessions("ada")] == ["s", "other"]


def test_a_clear_between_the_note_and_the_append_hides_nothing(
    server: Server, raw: redis.Redis
) -> None:
    """In a shared layout a clear ends with the entry that the append has noted already."""
    keys = keys_of("s", "ada", prefix="")
    element = codec.element(codec.stored(Message.user("x"), "id", 1))
    op = append.append(Write(keys, "t1"), [element], digest="d" * 8, at=1)
    note, write = next(op).commands
    with ChatMemory.from_url(server.url, key_prefix="") as memory:
        memory.session("s", user_id="ada").append(Message.user("old"))
        run: Any = raw.execute_command
        noted = run(*note)
        for listing in keys.catalogue():
            # Some time passes.
            raw.zincrby(listing, -5, "s")
        memory.session("s", user_id="ada").clear()
        answers = [noted, run(*write)]
        assert list(memory.sessions()) == []
        [again] = op.send(answers).commands
        with pytest.raises(StopIteration):
            op.send([run(*again)])
        assert [info.session_id for info in memory.sessions()] == ["s"]
        assert [info.session_id for info in memory.sessions("ada")] == ["s"]


@LAYOUTS
def test_what_was_staged_for_nothing_expires(
    server: Server, raw: redis.Redis, prefix: str | None
) -> None:
    """What a dead client has staged goes by itself, and the session begins without it."""
    with ChatMemory.from_url(server.url, key_prefix=prefix) as memory:
        many = lambda theirs: theirs.session("s").append(*numbered(2001))  # noqa: E731
        assert dies_at(4, many, server.url, key_prefix=prefix)
        [stage] = stages(raw)
        assert raw.llen(stage) == 2001
        assert 0 < raw.pttl(stage) <= 60_000
        memory.session("s").append(Message.user("x"))
        assert texts(memory.session("s").messages()) == ["x"]


@pytest.mark.parametrize("nth", [1, 2, 3])
def test_a_part_whose_reply_is_lost_is_staged_once(
    server: Server, raw: redis.Redis, nth: int
) -> None:
    """It is sent again; the append is whole, in order, and nothing is left of the stage."""
    with (
        FaultProxy(server.host, server.port) as proxy,
        ChatMemory.from_url(proxy.url) as memory,
    ):
        proxy.cut_reply(match=scripts.get("stage").sha, nth=nth)
        chat = memory.session("s")
        chat.append(*numbered(2001))
        assert texts(chat.messages()) == [str(number) for number in range(2001)]
        assert stages(raw) == []
