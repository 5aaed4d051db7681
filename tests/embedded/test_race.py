"""Many processes at once: one server, and every message is there afterwards."""

from __future__ import annotations

from contextlib import ExitStack
from typing import IO, TYPE_CHECKING, cast

import pytest

from redialog import ChatMemory
from tests.embedded.tools import held, keeper_pid, nothing_left, python, servers_seen, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RACERS = 8
EACH = 12
ALL = slice(None)

_RACER = """
import sys
from redialog import ChatMemory, Message
name = sys.argv[1]
def told():
    return sys.stdin.readline().strip()
print("here", flush=True)
while folder := told():
    memory = ChatMemory.from_url(f"embedded://{folder}")
    together, own = memory.session("together"), memory.session(name)
    for number in range(12):
        together.append(Message.user(f"{name} {number}"))
        own.append(Message.user(str(number)))
    print("wrote", flush=True)
    if told() == "leave":
        memory.close()
        print("left", flush=True)
"""


class Racers:
    """Eight processes that do the same at the same time."""

    def __init__(self, stack: ExitStack) -> None:
        self.processes = [python(_RACER, f"racer-{number}") for number in range(RACERS)]
        for process in self.processes:
            stack.callback(process.communicate)
            stack.callback(process.kill)
        self.hear("here")

    def tell(self, line: str, which: slice = ALL) -> None:
        """Says the same to all of them."""
        for process in self.processes[which]:
            stdin = cast("IO[str]", process.stdin)
            stdin.write(f"{line}\n")
            stdin.flush()

    def hear(self, expected: str, which: slice = ALL) -> None:
        """Waits until each has said it."""
        processes = self.processes[which]
        heard = [cast("IO[str]", process.stdout).readline() for process in processes]
        assert heard == [f"{expected}\n"] * len(processes)

    def end(self) -> list[int]:
        """Ends their input; their exit codes."""
        for process in self.processes:
            process.communicate(timeout=60)
        return [cast("int", process.returncode) for process in self.processes]


@pytest.fixture
def racers() -> Iterator[Racers]:
    """The processes, waiting for the name of a folder."""
    with ExitStack() as stack:
        yield Racers(stack)


def _check(folder: Path, races: int) -> None:
    """Everything that was appended is there, once, and each racer's in its order."""
    with ChatMemory.from_url(f"embedded://{folder}") as memory:
        together = [message.text for message in memory.session("together").messages()]
        assert len(together) == RACERS * EACH * races
        for racer in range(RACERS):
            name = f"racer-{racer}"
            numbers = [str(number) for number in range(EACH)] * races
            assert [m.text for m in memory.session(name).messages()] == numbers
            assert [text for text in together if text.split()[0] == name] == [
                f"{name} {number}" for number in numbers
            ]


def test_eight_writers_race_for_a_new_folder(racers: Racers, tmp_path: Path) -> None:
    """Exactly one server starts, the last one out stops it, and no message is lost or doubled."""
    for number in range(5):
        folder = tmp_path / f"new-{number}"
        for race in (1, 2):
            racers.tell(str(folder))
            racers.hear("wrote")
            assert len(servers_seen(folder)) == race
            for some in (slice(0, 1), slice(1, RACERS - 1), slice(RACERS - 1, RACERS)):
                assert held(folder, "server.lock")
                assert (folder / "server.sock").exists()
                racers.tell("leave", some)
                racers.hear("left", some)
            assert not held(folder, "server.lock")
            assert not (folder / "server.sock").exists()
        until(lambda at=folder: nothing_left(at), "the keeper's end")  # type: ignore[misc]
        _check(folder, races=2)
    racers.tell("")
    assert racers.end() == [0] * RACERS


def test_eight_writers_that_just_end(racers: Racers, tmp_path: Path) -> None:
    """Processes that all end at once, without a close, stop the server on their way out."""
    folder = tmp_path / "s"
    racers.tell(str(folder))
    racers.hear("wrote")
    racers.tell("stay")
    assert racers.end() == [0] * RACERS
    assert not held(folder, "server.lock")
    until(lambda: nothing_left(folder), "the keeper's end")
    assert len(servers_seen(folder)) == 1
    _check(folder, races=1)


def test_eight_writers_that_are_killed(racers: Racers, tmp_path: Path) -> None:
    """After kill -9 of all eight the keeper stops the server, which loses nothing."""
    folder = tmp_path / "s"
    racers.tell(str(folder))
    racers.hear("wrote")
    assert keeper_pid(folder)
    for process in racers.processes:
        process.kill()
    until(lambda: nothing_left(folder), "the end of server and keeper")
    assert len(servers_seen(folder)) == 1
    _check(folder, races=1)
