"""The life of a memory over several nodes: threads, forks, closing, cancellation, event loops."""

from __future__ import annotations

import asyncio
import gc
import itertools
import pickle
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from redialog import (
    AsyncChatMemory,
    ChatMemory,
    Message,
    RateLimited,
    TLSError,
    TransportError,
    Unavailable,
    WrongEventLoop,
)
from redialog.effect import Batch, CommandError
from tests.faults.cancelling import MOMENTS, CancelledAt, Moment, awaited
from tests.faults.test_forks import forked
from tests.routing.connecting import (
    NAME,
    Connect,
    Group,
    connections,
    left_alone,
    options,
    primaries,
)
from tests.support.servers import ClusterGroup, wait_until
from tests.support.servers.deployment import Node

NAMES = [f"s{number}" for number in range(12)]


def talk(memory: ChatMemory, prefix: str) -> None:
    """Writes and reads of sessions in many slots, each reply of which is checked."""
    for number in range(3):
        for name in NAMES:
            chat = memory.session(f"{prefix}{name}")
            chat.append(Message.user(f"{prefix} {number}"))
            assert chat.window(messages=1)[0].text == f"{prefix} {number}"
    assert len(list(memory.sessions(prefix))) == 0


def test_threads_share_a_memory(group: Group) -> None:
    """Each gets its own replies, and at the end no connection is left."""
    with ChatMemory.from_url(group.url, **options(group)) as memory:
        with ThreadPoolExecutor(6) as threads:
            list(threads.map(lambda name: talk(memory, name), "abcdef"))
        assert {memory.session(f"{who}{name}").count() for who in "abcdef" for name in NAMES} == {3}
        assert connections(group) > 0
    left_alone(group)


def test_parent_and_child_talk_at_once(group: Group) -> None:
    """Over a memory that the child inherited, with connections to all nodes."""
    with ChatMemory.from_url(group.url) as memory:
        talk(memory, "before")
        with forked(lambda: talk(memory, "child")):
            talk(memory, "parent")
        assert {memory.session(f"child{name}").count() for name in NAMES} == {3}


def test_a_child_that_closes_its_memory_takes_nothing_away(group: Group) -> None:
    """The parent's connections are its own."""
    with ChatMemory.from_url(group.url) as memory:
        talk(memory, "a")
        with forked(memory.close):
            pass
        talk(memory, "b")


def test_a_second_event_loop_is_refused(group: Group) -> None:
    """Before anything is connected or closed; the first one goes on."""
    with asyncio.Runner() as first, asyncio.Runner() as second:
        memory = AsyncChatMemory.from_url(group.url)
        chat = memory.session("s")
        first.run(chat.append(Message.user("x")))
        calls: list[Any] = [memory.ping, chat.messages, memory.close]
        calls += [memory.session(name).count for name in NAMES]
        for call in calls:
            with pytest.raises(WrongEventLoop):
                second.run(call())
        assert [message.text for message in first.run(chat.messages())] == ["x"]
        assert first.run(memory.sessions().page()).sessions[0].session_id == "s"
        first.run(memory.close())
        second.run(memory.close())


def test_a_batch_over_all_nodes_that_is_cancelled(cluster: ClusterGroup) -> None:
    """While one node has not answered: its connection is not used again, and nobody waits on."""
    with ChatMemory.from_url(cluster.url) as blocking:
        for number, name in enumerate(NAMES[1:], 1):
            blocking.session(name).append(*[Message.user("x")] * number)

    async def reached(node: Node) -> None:
        with node.client() as raw:

            def asked() -> bool:
                mine = [one for one in raw.client_list() if one["name"] == NAME]
                return any(one["cmd"] == "zrange" for one in mine)

            await asyncio.to_thread(wait_until, asked, what="it is asked")

    async def cancelled(slow: Node) -> None:
        async with AsyncChatMemory.from_url(cluster.url, **options(cluster)) as memory:
            for name in NAMES:
                await memory.session(name).count()
            others = [node for node in cluster.primaries() if node is not slow]
            slow.ask("CLIENT", "PAUSE", 400, "ALL")
            one = asyncio.create_task(memory.sessions().page())
            for node in others:
                await reached(node)
            assert not one.done()
            one.cancel()
            await asyncio.wait({one})
            assert one.cancelled()
            assert asyncio.all_tasks() == {asyncio.current_task()}
            for number, name in enumerate(NAMES):
                assert await memory.session(name).count() == number
            listed = (await memory.sessions().page()).sessions
            assert {info.session_id for info in listed} == set(NAMES[1:])

    for slow in cluster.primaries():
        asyncio.run(cancelled(slow))
    gc.collect()
    left_alone(cluster)


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_first_call_that_is_cancelled(group: Group, moment: Moment) -> None:
    """At every await, while nodes are looked for and connections made: the next call works."""

    async def cancelled(nth: int) -> int:
        async with AsyncChatMemory.from_url(group.url, **options(group)) as memory:
            running = CancelledAt(memory.session("s").count(), nth, moment)
            one = asyncio.create_task(awaited(running))
            await asyncio.wait({one})
            assert one.cancelled() == (running.waits >= nth)
            assert asyncio.all_tasks() == {asyncio.current_task()}
            assert await memory.session("s").count() == 1
        return running.waits

    with ChatMemory.from_url(group.url) as memory:
        memory.session("s").append(Message.user("x"))
    for nth in itertools.count(1):
        if asyncio.run(cancelled(nth)) < nth:
            break
    assert nth > 2
    gc.collect()
    left_alone(group)


@pytest.mark.parametrize(
    "error",
    [
        Unavailable("text", address="redis://h:1", maybe_applied=True),
        Unavailable("text", address="redis://h:1").in_doubt("token"),
        RateLimited("text", retry_after=2.5),
        TLSError("text", address="rediss://h:1"),
    ],
    ids=repr,
)
def test_the_new_errors_survive_pickling(error: TransportError) -> None:
    """With all that they say."""
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert str(copy) == str(error)
    for name in ("address", "maybe_applied", "token", "retryable"):
        assert getattr(copy, name) == getattr(error, name)
    assert getattr(copy, "retry_after", None) == getattr(error, "retry_after", None)


def test_batches_to_all_primaries_and_to_all_sentinels(connect: Connect, group: Group) -> None:
    """One pair for each; a sentinel that is down has an error in place of its reply."""
    memory: Any = connect(group.url)
    execute = (getattr(memory, "_transport", None) or memory._inner._transport).execute

    def ask(*commands: tuple[bytes, ...], to: Any) -> Any:
        found = execute(Batch(commands, to=to))
        return found if connect.facade == "sync" else connect.runner.run(found)

    roles, echoes = ask((b"ROLE",), (b"ECHO", b"x"), to="primaries")
    assert sorted(address for address, _ in roles) == sorted(n.address for n in primaries(group))
    assert {role[0] for _, role in roles} == {b"master"}
    assert [address for address, _ in echoes] == [address for address, _ in roles]
    assert {reply for _, reply in echoes} == {b"x"}
    if isinstance(group, ClusterGroup):
        assert ask((b"PING",), to="sentinels") == [[]]
        return
    group.kill(group.sentinels[1])
    [replies] = ask((b"PING",), to="sentinels")
    silent = CommandError("UNREACHABLE")
    addresses = [one.address for one in group.sentinels]
    assert dict(replies) == dict(zip(addresses, [b"PONG", silent, b"PONG"], strict=True))
