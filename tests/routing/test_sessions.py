"""What is done with sessions, on Sentinel and Cluster, by URL and by an application's client."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import pytest
from redis.crc import key_slot

from redialog import ChatMemory, Message, RollingSummary, SessionExists
from redialog.errors import NotFound
from tests.routing.connecting import NAME, Connect, Group, keys, primaries, slots, watched
from tests.support.servers import ClusterGroup

IDS = ["a}b", "{}x", "a{t}b", "a{}b{c}", "{", "}{", "é{ü}%", "x y\n{}"]
LAYOUTS: list[dict[str, Any]] = [
    {"namespace": "n{s}"},
    {"key_prefix": "message_store:"},
    {"key_prefix": ""},
    {"key_prefix": "{}"},
]


@pytest.fixture(params=["url", "client"])
def memory(request: pytest.FixtureRequest, connect: Connect, group: Group) -> ChatMemory:
    """A memory on each kind, by each way."""
    if request.param == "url":
        return connect(group.url)
    return connect.adopt(connect.client(group))


def texts(messages: Sequence[Message]) -> list[str]:
    return [message.text for message in messages]


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_all_that_can_be_done_with_a_session_of_any_id(
    connect: Connect, group: Group, layout: dict[str, Any]
) -> None:
    """Each operation touches several keys, which lie together whatever the id looks like."""
    memory = connect(group.url, ttl=600, **layout)
    for number, name in enumerate(IDS):
        chat = memory.session(name, user_id="u}{")
        first, second, third = chat.append(*map(Message.user, ["1", "2", "3"]))
        assert first.id is not None
        assert second.id is not None
        assert third.id is not None
        assert chat.set_title("t")
        chat.replace(second.id, Message.user("two"))
        chat.remove(first.id)
        chat.append(Message.assistant("4"))
        assert chat.rewind(third.id) == 1
        assert texts(chat.messages()) == ["two", "3"]
        copy = chat.fork(f"copy of {name}", at=second.id)
        assert texts(copy.messages()) == ["two"]
        with pytest.raises(SessionExists):
            chat.fork(f"copy of {name}")
        assert chat.expire(300)
        assert chat.persist()
        assert chat.touch()
        info = chat.info()
        assert (info.title, info.user_id, info.count) == ("t", "u}{", 2)
        assert texts(chat.fork().messages()) == ["two", "3"]
        listed = {one.session_id for one in memory.sessions("u}{")}
        assert {name, f"copy of {name}"} <= listed
        assert len(listed) == 3 * (number + 1)
    for name in IDS:
        assert memory.session(name, user_id="u}{").clear() == 2
        assert not memory.session(name).info().exists
    assert len(list(memory.sessions())) == 2 * len(IDS)


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_the_keys_of_a_session_lie_in_one_slot(
    cluster: ClusterGroup, layout: dict[str, Any]
) -> None:
    """With their part of the catalogue in the own layout; without it in a shared one."""
    before: set[bytes] = set()
    with ChatMemory.from_url(cluster.url, **layout) as memory:
        for name in IDS:
            chat = memory.session(name, user_id=f"of {name}")
            chat.append(Message.user("x"))
            chat.set_title("t")
            found = {key for key in keys(cluster) if b":at:" not in key} - before
            assert len(found) >= 4
            assert len({key_slot(key) for key in found}) == 1
            before |= found


def test_the_catalogue_is_spread_over_the_slots(connect: Connect, group: Group) -> None:
    """So that a Cluster's nodes share the work."""
    memory = connect(group.url)
    for number in range(60):
        memory.session(f"s{number}").append(Message.user("x"))
    assert len(slots(group)) > 40
    assert set(keys(group).values()) == set(primaries(group))


def test_an_own_client_is_as_good_as_a_url_and_stays_open(memory: ChatMemory) -> None:
    """Many messages at once, a listing over all slots, and what was there before."""
    chat = memory.session("s{1}")
    many = [f"line {number}" for number in range(1500)]
    chat.append(*map(Message.user, many))
    assert texts(chat.messages()) == many
    assert texts(list(chat.iter_messages())) == many
    assert [one.session_id for one in memory.sessions()] == ["s{1}"]
    assert memory.latest_session_id() == "s{1}"
    with pytest.raises(NotFound):
        memory.session("none").fork()


def test_an_own_client_is_never_closed_or_changed(connect: Connect, group: Group) -> None:
    """It works as before while the memory is used, and after that is closed."""
    client = connect.client(group)

    def call(*command: str) -> Any:
        done = client.execute_command(*command)
        return done if connect.facade == "sync" else connect.runner.run(awaited(done))

    async def awaited(one: Any) -> Any:
        return await one

    call("SET", "mine", "1")
    options = dict(getattr(client, "connection_pool", client).__dict__)
    memory = connect.adopt(client)
    memory.session("s").append(Message.user("x"))
    assert call("GET", "mine") == b"1"
    memory.close()
    assert call("GET", "mine") == b"1"
    changed = dict(getattr(client, "connection_pool", client).__dict__)
    assert changed.keys() == options.keys()


@pytest.mark.parametrize(("layout", "scripts"), [({}, 1), ({"key_prefix": "chat:"}, 2)], ids=str)
def test_an_append_is_one_routed_script(
    connect: Connect, group: Group, layout: dict[str, Any], scripts: int
) -> None:
    """Nothing else is sent; in a shared layout, the catalogue's note goes first."""
    memory = connect(group.url, client_name=NAME, **layout)
    chat = memory.session("s")
    for _ in range(3):
        chat.append(Message.user("x"))
    sent: list[str] = []
    for node in primaries(group):
        with watched(node, NAME) as found:
            chat.append(Message.user("y"))
        sent += found
    assert sent == ["EVALSHA"] * scripts


def test_summaries_are_kept_with_their_session(connect: Connect, group: Group) -> None:
    """A fold takes a lease, reads, and commits: all on the session's keys."""
    memory = connect(group.url)
    chat = memory.session("a{}b{c}")
    for number in range(20):
        chat.append(Message.user(f"question {number}"), Message.assistant(f"answer {number}"))
    summary = RollingSummary(lambda _, new: f"{len(new)} lines", trigger_tokens=100)
    assert chat.compact(summarizer=summary) is not None
    [kept] = chat.summaries()
    assert kept.text.endswith("lines")
    assert len({key_slot(key) for key in keys(group)}) == 1


# Listings


def test_pages_merge_while_others_write(connect: Connect, group: Group) -> None:
    """What nobody touches comes exactly once and in its order; nothing comes twice."""
    memory = connect(group.url)
    quiet = [f"quiet {number:02}" for number in range(40)]
    for name in quiet:
        memory.session(name).append(Message.user("x"))
    done = threading.Event()

    def write() -> None:
        with ChatMemory.from_url(group.url) as other:
            for number in range(100_000):
                if done.is_set():
                    break
                other.session(f"busy {number % 9}").append(Message.user("x"))

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(5):
            assert_merged(memory, quiet)
    finally:
        done.set()
        writer.join()


def assert_merged(memory: ChatMemory, quiet: list[str]) -> None:
    """Lists all sessions in small pages."""
    listed: list[str] = []
    cursor: str | None = None
    while True:
        page = memory.sessions().page(limit=7, cursor=cursor)
        listed += [one.session_id for one in page.sessions]
        cursor = page.cursor
        if cursor is None:
            break
    assert [name for name in listed if name in quiet] == quiet[::-1]
    assert len(listed) == len(set(listed))


def test_pages_merge_while_slots_move(connect: Connect, cluster: ClusterGroup) -> None:
    """A node passes on what it no longer has, in the middle of a listing too."""
    memory = connect(cluster.url)
    quiet = [f"quiet {number:02}" for number in range(40)]
    for name in quiet:
        memory.session(name).append(Message.user("x"))
    done = threading.Event()
    moving = sorted(slots(cluster))[:8]

    def move() -> None:
        for slot in moving:
            source = cluster.owner(slot)
            cluster.move_slot(slot, next(n for n in cluster.primaries() if n is not source))
        done.set()

    mover = threading.Thread(target=move)
    mover.start()
    try:
        assert_merged(memory, quiet)
        while not done.is_set():
            assert_merged(memory, quiet)
    finally:
        mover.join()
    assert_merged(memory, quiet)
