"""Threads that share a memory, and processes that share a session."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from redialog import ChatMemory, Closed, ConnectionLost, Message
from tests.support.proxy import FaultProxy
from tests.support.servers import Server, wait_until


def at_once(size: int, work: Callable[[int], object]) -> None:
    """Runs the work in so many threads that begin together; what one of them raises is raised."""
    start = threading.Barrier(size)

    def run(number: int) -> None:
        start.wait()
        work(number)

    with ThreadPoolExecutor(size) as threads:
        list(threads.map(run, range(size)))


def left_alone(server: Server) -> None:
    """Returns when the server has no connection but the one that asks."""
    with server.client() as raw:
        # The server notices closed sockets in its own time.
        wait_until(lambda: len(raw.client_list()) == 1, what="all connections are closed")


def test_many_threads_share_few_connections(server: Server) -> None:
    """Connections that lie idle between two calls are handed to whoever waits for one."""
    with ChatMemory.from_url(server.url, max_connections=2, timeout=5) as memory:

        def talk(number: int) -> None:
            chat = memory.session(str(number))
            for turn in range(60):
                chat.append(Message.user(f"{turn}.q"), Message.assistant(f"{turn}.a"))
                assert chat.window(turns=1)[0].text == f"{turn}.q"

        at_once(12, talk)
        assert [memory.session(str(number)).count() for number in range(12)] == [120] * 12
    left_alone(server)


def test_threads_never_split_each_others_turns(server: Server) -> None:
    """Sixteen threads write to one session: each message once, turns whole, each its own reply."""
    with ChatMemory.from_url(server.url) as memory:
        chat = memory.session("shared")

        def talk(name: int) -> None:
            for turn in range(40):
                said = [f"{name}.{turn}.q", f"{name}.{turn}.a"]
                stored = chat.append(Message.user(said[0]), Message.assistant(said[1]))
                assert [message.text for message in stored] == said
                question, answer = (message.text for message in chat.window(turns=1))
                assert question.removesuffix(".q") == answer.removesuffix(".a")
                # A session of its own beside the shared one: replies of both kinds fly about.
                memory.session(str(name)).append(Message.user(said[0]))
                assert memory.session(str(name)).count() == turn + 1

        at_once(16, talk)
        found = [message.text for message in chat.messages()]
    assert len(found) == 16 * 40 * 2
    turns = [question.removesuffix(".q") for question in found[::2]]
    assert found[1::2] == [f"{turn}.a" for turn in turns]
    for name in range(16):
        mine = [int(turn.partition(".")[2]) for turn in turns if turn.startswith(f"{name}.")]
        assert mine == list(range(40))


def test_closing_under_threads_that_are_calling(server: Server) -> None:
    """Each call has ended well or says that the memory is closed, and no connection is left."""
    memory = ChatMemory.from_url(server.url, max_connections=4)
    written: list[str] = []
    busy = threading.Semaphore(0)

    def talk() -> None:
        while True:
            [stored] = memory.session("s").append(Message.user("x"))
            written.append(stored.id or "")
            busy.release()

    def work(number: int) -> None:
        if number:
            with pytest.raises(Closed):
                talk()
        else:
            for _ in range(30):
                busy.acquire()
            memory.close()

    at_once(9, work)
    left_alone(server)
    with ChatMemory.from_url(server.url) as other:
        found = [message.id or "" for message in other.session("s").messages()]
    # No call was under way that had been sent and was not waited for.
    assert sorted(found) == sorted(written)


def test_a_call_that_is_under_way_outlives_close(server: Server) -> None:
    """It gets its reply, and its connection is closed then."""
    with FaultProxy(server.host, server.port) as proxy, ThreadPoolExecutor(1) as threads:
        memory = ChatMemory.from_url(proxy.url)
        chat = memory.session("s")
        chat.append(Message.user("1"))
        proxy.stall()
        before = proxy.bytes_up
        call = threads.submit(chat.append, Message.user("2"))
        wait_until(lambda: proxy.bytes_up > before, what="the request is on its way")
        memory.close()
        proxy.unstall()
        assert [message.text for message in call.result()] == ["2"]
        with pytest.raises(Closed):
            chat.count()
        left_alone(server)


def test_a_write_in_doubt_when_the_memory_is_closed(server: Server) -> None:
    """Its reply is lost and it cannot be sent again: the error says so, not just that it closed."""
    with FaultProxy(server.host, server.port) as proxy, ThreadPoolExecutor(1) as threads:
        memory = ChatMemory.from_url(proxy.url)
        chat = memory.session("s")
        chat.append(Message.user("1"))
        proxy.stall()
        before = proxy.bytes_up
        call = threads.submit(chat.append, Message.user("2"))
        wait_until(lambda: proxy.bytes_up > before, what="the request is on its way")
        memory.close()
        assert not call.done()
        proxy.cut_all()
        proxy.clear()
        with pytest.raises(ConnectionLost) as caught:
            call.result()
    assert isinstance(caught.value.__cause__, Closed)
    assert caught.value.maybe_applied is True
    with ChatMemory.from_url(server.url) as other:
        other.session("s").append(Message.user("2"), idempotency_key=caught.value.token)
        assert [message.text for message in other.session("s").messages()] == ["1", "2"]


WRITER = """
import sys
from redialog import ChatMemory, Message

url, name = sys.argv[1:]
with ChatMemory.from_url(url) as memory:
    chat = memory.session("shared")
    sys.stdin.readline()
    for turn in range(100):
        chat.append(*(Message.user(f"{name}.{turn}.{part}") for part in range(3)))
"""


def test_processes_never_split_each_others_turns(server: Server) -> None:
    """Turns of four processes that write at once stand whole, each process's in its order."""
    source = Path(__file__).parents[2] / "src"
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, server.url, name],
            stdin=subprocess.PIPE,
            env={"PYTHONPATH": str(source)},
        )
        for name in "abcd"
    ]
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write(b"\n")
        writer.stdin.flush()
    for writer in writers:
        writer.communicate(timeout=60)
        assert writer.returncode == 0
    with ChatMemory.from_url(server.url) as memory:
        found = [message.text for message in memory.session("shared").messages()]
    assert len(found) == 4 * 300
    turns = [found[start : start + 3] for start in range(0, len(found), 3)]
    assert all(turn == [turn[0][:-1] + str(part) for part in range(3)] for turn in turns)
    for name in "abcd":
        mine = [int(turn[0].split(".")[1]) for turn in turns if turn[0].startswith(name)]
        assert mine == list(range(100))
