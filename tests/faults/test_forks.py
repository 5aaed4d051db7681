"""Memories in forked processes: a child has connections of its own, and takes none away."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from redialog import AsyncChatMemory, ChatMemory, Message, WrongEventLoop
from tests.faults.conftest import Connect
from tests.support.proxy import FaultProxy
from tests.support.servers import Server, wait_until

CALLS = 50


@contextlib.contextmanager
def forked(work: Callable[[], object]) -> Iterator[int]:
    """A child that does some work; it must have succeeded by the end of the block.

    Yields its process id.
    """
    with warnings.catch_warnings():
        # Python 3.12 and newer warn of other threads, which is what some tests here are about.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        code = 1
        try:
            # A hang is a failure, too.
            watch = threading.Timer(30, os._exit, (2,))
            watch.daemon = True
            watch.start()
            work()
            code = 0
        except BaseException as error:
            print(f"the child failed: {error!r}", file=sys.stderr, flush=True)
        finally:
            os._exit(code)
    try:
        yield child
    finally:
        _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0


def talk(memory: ChatMemory, name: str) -> None:
    """Writes and reads of one session, each reply of which is checked."""
    chat = memory.session(name)
    for number in range(CALLS):
        chat.append(Message.user(f"{name} {number}"))
        assert chat.window(messages=1)[0].text == f"{name} {number}"
        assert chat.count() == number + 1
    assert [message.text for message in chat.messages()] == [
        f"{name} {number}" for number in range(CALLS)
    ]


@pytest.fixture
def memory(server: Server) -> Iterator[ChatMemory]:
    """A memory whose connection lies idle."""
    with ChatMemory.from_url(server.url) as made:
        made.ping()
        yield made


def test_parent_and_child_talk_at_once(memory: ChatMemory) -> None:
    """Over a memory that the child inherited, each gets its own replies."""
    with forked(lambda: talk(memory, "child")):
        talk(memory, "parent")
    assert memory.session("child").count() == CALLS


def test_a_child_of_a_child_talks_too(memory: ChatMemory) -> None:
    """Three processes, each forked in the middle of the work of the one before."""

    def child() -> None:
        memory.session("between").append(Message.user("x"))
        with forked(lambda: talk(memory, "grandchild")):
            talk(memory, "child")

    with forked(child):
        talk(memory, "parent")
    counts = {name: memory.session(name).count() for name in ("child", "grandchild", "between")}
    assert counts == {"child": CALLS, "grandchild": CALLS, "between": 1}


def test_a_child_of_a_child_that_used_nothing_talks_too(memory: ChatMemory) -> None:
    """The process in between never touched the memory."""

    def child() -> None:
        with forked(lambda: talk(memory, "grandchild")):
            pass

    with forked(child):
        talk(memory, "parent")
    assert memory.session("grandchild").count() == CALLS


def test_a_fork_while_another_thread_waits_for_its_reply(server: Server) -> None:
    """The reply goes to the thread in the parent; the child neither waits for it nor reads it."""
    with (
        FaultProxy(server.host, server.port) as proxy,
        ChatMemory.from_url(proxy.url, max_connections=1) as memory,
    ):
        memory.session("parent").append(Message.user("0"))
        proxy.stall()
        found: list[int] = []
        chat = memory.session("parent")
        thread = threading.Thread(target=lambda: found.append(chat.count()))
        sent = proxy.bytes_up
        thread.start()
        wait_until(lambda: proxy.bytes_up > sent, what="the request is on its way")
        with forked(lambda: talk(memory, "child")):
            proxy.unstall()
            thread.join()
        assert found == [1]
        assert (chat.count(), memory.session("child").count()) == (1, CALLS)


def test_a_fork_while_other_threads_wait_for_a_connection(server: Server) -> None:
    """Nothing that the parent's threads hold at that moment stops the child."""
    with (
        FaultProxy(server.host, server.port) as proxy,
        ChatMemory.from_url(proxy.url, max_connections=1) as memory,
    ):
        memory.ping()
        proxy.stall()
        names = ("a", "b", "c")
        threads = [threading.Thread(target=talk, args=(memory, name)) for name in names]
        for thread in threads:
            thread.start()
        waiting = lambda: sum(mine.waiting for mine in _processes(memory)) == 2  # noqa: E731
        wait_until(waiting, what="two threads wait for the connection of the third")
        with forked(lambda: talk(memory, "child")):
            proxy.unstall()
            for thread in threads:
                thread.join()
        assert [memory.session(name).count() for name in (*names, "child")] == [CALLS] * 4


def _processes(memory: ChatMemory) -> list[Any]:
    transport: Any = memory._transport
    return list(transport._by_process.values())


def test_threads_of_a_child_begin_at_once(memory: ChatMemory) -> None:
    """The first use in the child comes from many threads, and no connection is lost."""

    def child() -> None:
        start = threading.Barrier(8)
        done: list[str] = []

        def work(name: str) -> None:
            start.wait()
            talk(memory, name)
            done.append(name)

        names = [f"child {number}" for number in range(8)]
        threads = [threading.Thread(target=work, args=(name,)) for name in names]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(done) == names

    with forked(child):
        talk(memory, "parent")


@pytest.mark.parametrize("use", ["nothing", "close", "exit"])
def test_what_a_child_ends_goes_on_in_the_parent(server: Server, use: str) -> None:
    """A child that does nothing, closes the memory or ends leaves the parent's connections open."""
    with ChatMemory.from_url(server.url) as memory, server.client() as raw:
        memory.ping()
        before = sorted(one["id"] for one in raw.client_list())

        def child() -> None:
            if use == "close":
                memory.close()
                memory.close()
            elif use == "exit":
                with memory:
                    memory.ping()

        with forked(child):
            pass
        # The child's own may take the server a moment to notice.
        wait_until(
            lambda: sorted(one["id"] for one in raw.client_list()) == before,
            what="the parent's connections are there, and no others",
        )
        talk(memory, "parent")
        assert sorted(one["id"] for one in raw.client_list()) == before


def test_an_own_client_is_the_childs_own_too(server: Server) -> None:
    """A client that the application made is forked as well as one that was made from a URL."""
    with server.client() as client:
        memory = ChatMemory.from_client(client)
        memory.ping()
        with forked(lambda: talk(memory, "child")):
            talk(memory, "parent")


def test_a_memory_that_was_never_used_belongs_to_whoever_uses_it(
    server: Server, connect: Connect
) -> None:
    """Made before the fork, first used after it, by both: each has connections of its own."""
    memory = connect(server.url)
    with forked(lambda: talk(memory, "child")):
        talk(memory, "parent")


@pytest.mark.parametrize("loop", ["new", "inherited"])
def test_an_asynchronous_memory_does_not_go_into_a_child(server: Server, loop: str) -> None:
    """A used one raises a typed error there, in a new loop or the old one; the parent goes on."""
    with asyncio.Runner() as runner:
        memory = AsyncChatMemory.from_url(server.url)
        chat = memory.session("s")
        runner.run(chat.append(Message.user("parent")))

        def child() -> None:
            run = runner.get_loop().run_until_complete if loop == "inherited" else asyncio.run
            for call in (chat.count, memory.ping, memory.close):
                with pytest.raises(WrongEventLoop):
                    run(call())

        with forked(child):
            assert runner.run(chat.count()) == 1
        for _ in range(CALLS):
            assert [message.text for message in runner.run(chat.messages())] == ["parent"]
        runner.run(memory.close())
