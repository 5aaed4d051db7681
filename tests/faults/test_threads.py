"""Threads that share a memory with few connections, and processes that share a session."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

from redialog import ChatMemory, Message
from tests.support.servers import Server, wait_until


def test_many_threads_share_few_connections(server: Server) -> None:
    """Connections that lie idle between two calls are handed to whoever waits for one."""
    problems: list[BaseException] = []
    with ChatMemory.from_url(server.url, max_connections=2, timeout=5) as memory:

        def talk(number: int) -> None:
            try:
                chat = memory.session(str(number))
                for turn in range(60):
                    chat.append(Message.user(f"{turn}.q"), Message.assistant(f"{turn}.a"))
                    assert chat.window(turns=1)[0].text == f"{turn}.q"
            except BaseException as error:
                problems.append(error)

        threads = [threading.Thread(target=talk, args=(number,)) for number in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert problems == []
        assert [memory.session(str(number)).count() for number in range(12)] == [120] * 12
    with server.client() as raw:
        # The server notices closed sockets in its own time.
        wait_until(lambda: len(raw.client_list()) == 1, what="all connections are closed")


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
