"""Flows in the background: few, one of a kind, and heard of by nobody."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import inspect
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import redialog
from redialog.callbacks import Flow, abegin, asettled, begin, settled
from redialog.effect import Transport
from tests.operations.driving import READ, once
from tests.operations.flows import PATIENCE_S, SHORT_S, asking
from tests.operations.scripted import AsyncScripted, Scripted

NONE: Transport = Scripted()
ANONE = AsyncScripted(Scripted())


class Held:
    """Flows that run until they are released, and what is known of them."""

    def __init__(self) -> None:
        self.released = threading.Event()
        self.began: list[str] = []
        self.closed: list[str] = []

    def flow(self, name: str = "") -> Flow[None]:
        """One of them."""
        self.began.append(name)
        try:
            yield from asking(lambda *_: str(self.released.wait(PATIENCE_S)))
        finally:
            self.closed.append(name)


@pytest.fixture
def held() -> Iterator[Held]:
    """Flows that do not outlive the test."""
    made = Held()
    yield made
    made.released.set()
    assert settled(PATIENCE_S)


def test_a_flow_runs_beside_its_caller() -> None:
    """In a daemon thread, with its transport and the context variables of the caller."""
    seen: list[Any] = []
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable")
    variable.set("of the caller")

    def flow() -> Flow[None]:
        replies = yield once(READ)
        seen.extend([replies, variable.get(), threading.current_thread()])

    assert begin("key", flow(), Scripted([7]))
    assert settled(PATIENCE_S)
    assert seen[:2] == [[7], "of the caller"]
    assert seen[2] is not threading.current_thread()
    assert seen[2].daemon


def test_a_flow_runs_beside_its_caller_in_asyncio() -> None:
    """In a task of the same loop."""
    seen: list[Any] = []

    def flow() -> Flow[None]:
        replies = yield once(READ)
        seen.extend([replies, asyncio.get_running_loop()])

    async def main() -> None:
        assert abegin("key", flow(), AsyncScripted(Scripted([7])))
        assert not seen
        gc.collect()  # What is held only weakly would be gone.
        assert await asettled(PATIENCE_S)
        assert seen == [[7], asyncio.get_running_loop()]
        assert await asettled(0)

    asyncio.run(main())
    assert settled(0)


def test_one_of_a_key_runs_at_a_time(held: Held) -> None:
    """A second one is not begun; other keys, and the same one later, are free."""
    assert begin("key", held.flow("first"), NONE)
    assert not begin("key", held.flow("second"), NONE)
    assert begin(("key", 2), held.flow("other"), NONE)
    assert not settled(SHORT_S)
    held.released.set()
    assert settled(PATIENCE_S)
    assert begin("key", held.flow("third"), NONE)
    assert settled(PATIENCE_S)
    assert sorted(held.began) == sorted(held.closed) == ["first", "other", "third"]


def test_a_key_is_taken_in_both_facades(held: Held) -> None:
    """A process has one summariser of a session, whoever asks for it; four at most."""

    async def main() -> None:
        assert abegin("key", held.flow("task"), ANONE)
        assert not begin("key", held.flow(), NONE)
        assert not abegin("key", held.flow(), ANONE)
        assert begin("other", held.flow("thread"), NONE)
        assert not abegin("other", held.flow(), ANONE)
        assert abegin("third", held.flow("third"), ANONE)
        assert begin("fourth", held.flow("fourth"), NONE)
        assert not begin("fifth", held.flow(), NONE)
        assert not abegin("fifth", held.flow(), ANONE)
        assert not await asettled(SHORT_S)
        held.released.set()
        assert await asettled(PATIENCE_S)

    asyncio.run(main())
    assert settled(PATIENCE_S)
    assert sorted(held.closed) == ["fourth", "task", "third", "thread"]


def test_a_refused_flow_is_closed() -> None:
    """Also one that has begun before it was given away."""
    held, other = Held(), Held()
    assert begin("key", held.flow(), NONE)
    started = other.flow("refused")
    next(started)
    assert not begin("key", started, NONE)
    assert other.closed == ["refused"]
    held.released.set()
    assert settled(PATIENCE_S)


@pytest.mark.parametrize("error", [ValueError("x"), SystemExit(3), KeyboardInterrupt()])
def test_what_a_thread_raises_reaches_nobody(
    error: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the caller nor the hook of threads, and the key is free again."""
    told: list[object] = []
    monkeypatch.setattr(threading, "excepthook", told.append)

    def flow() -> Flow[None]:
        yield once(READ)
        raise error

    for _ in range(3):
        assert begin("key", flow(), Scripted([1]))
        assert settled(PATIENCE_S)
    assert not told


def test_what_a_task_raises_reaches_nobody() -> None:
    """The loop is not told of an exception that nobody retrieved."""
    told: list[dict[str, Any]] = []

    def flow() -> Flow[None]:
        yield once(READ)
        raise ValueError("x")

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
        for _ in range(3):
            assert abegin("key", flow(), AsyncScripted(Scripted([1])))
            assert await asettled(PATIENCE_S)
        gc.collect()

    asyncio.run(main())
    assert not told


def test_where_no_thread_can_be_started_the_key_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    """The flow is closed, and later there is another one."""

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    held = Held()
    flow = held.flow()
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        assert not begin("key", flow, NONE)
    assert inspect.getgeneratorstate(flow) == inspect.GEN_CLOSED
    assert settled(0)
    held.released.set()
    assert begin("key", held.flow(), NONE)
    assert settled(PATIENCE_S)


def test_the_end_of_a_loop_cancels_its_flows(held: Held) -> None:
    """`asyncio.run` waits for the clean-up, and for nothing else."""

    async def main() -> None:
        assert abegin("key", held.flow("cancelled"), ANONE)
        await asyncio.sleep(0)

    asyncio.run(main())
    assert held.closed == ["cancelled"]
    assert settled(0)


def test_flows_of_a_closed_loop_are_forgotten(held: Held, caplog: pytest.LogCaptureFixture) -> None:
    """A loop that was closed over them will never end them; nothing is said of that."""

    async def start() -> None:
        for number in range(4):
            assert abegin(number, held.flow("lost"), ANONE)
        await asyncio.sleep(0)
        assert not abegin(4, held.flow(), ANONE)

    loop = asyncio.new_event_loop()
    loop.run_until_complete(start())
    loop.close()
    assert begin(0, held.flow("new"), NONE)
    held.released.set()
    assert settled(PATIENCE_S)
    gc.collect()
    assert held.began == ["lost"] * 4 + ["new"]
    assert not caplog.records


def test_a_loop_waits_for_its_own_flows_only(held: Held) -> None:
    """Those of another thread's loop cannot be awaited here, and are counted all the same."""

    async def there() -> None:
        assert abegin("there", held.flow(), ANONE)
        begun.set()
        assert await asettled(PATIENCE_S)

    async def here() -> None:
        assert await asettled(PATIENCE_S)
        assert not abegin("there", held.flow(), ANONE)

    begun = threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(there()))
    thread.start()
    assert begun.wait(PATIENCE_S)
    asyncio.run(here())
    held.released.set()
    thread.join()


FORKING = """
import os, signal, threading
from redialog import Message
from redialog import asking, callbacks
from redialog.callbacks import Ask, begin, run_flow, settled

released = threading.Event()

def flow(summarizer, timeout=20.0):
    return (yield Ask(summarizer, None, [Message.user("x")], timeout))

def late(*_):
    released.wait(20)
    return "late"

def leave():
    try:
        run_flow(flow(late, 0.01), None)
    except Exception as error:
        return error.reason

assert leave() == "timeout"
for key in range(4):
    assert begin(key, flow(late), None)
assert not begin("fifth", flow(late), None)
asking.MAX_LEFT = 1
# As where another thread holds them at the fork.
callbacks._background._changed.acquire()
asking._left.lock.acquire()
child = os.fork()
if child == 0:
    code = 1
    signal.alarm(15)
    try:
        assert settled(0)
        assert run_flow(flow(lambda *_: "text"), None) == "text"
        assert begin(0, flow(lambda *_: "text"), None) and settled(20)
        code = 0
    finally:
        os._exit(code)
callbacks._background._changed.release()
asking._left.lock.release()
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
assert not settled(0)
released.set()
assert settled(20)
"""


def test_a_forked_child_starts_with_none() -> None:
    """It has none of the threads, and none of the locks that they hold."""
    subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", FORKING],
        env={"PYTHONPATH": str(Path(redialog.__file__).parents[1])},
        timeout=PATIENCE_S,
        check=True,
    )
