"""Summarisers that take too long, or for ever, are left in time.

That nothing waits for them afterwards, either, is in `test_callbacks_exit`.
"""

from __future__ import annotations

import _thread
import asyncio
import gc
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from redialog import SummaryError
from redialog import asking as asking_module
from redialog.callbacks import Ask, arun_flow
from tests.operations.flows import PATIENCE_S, SHORT_S, Driver, asking, awaiting, blocking, both
from tests.operations.scripted import AsyncScripted, Scripted
from tests.support.servers import wait_until


class Blocked:
    """A blocking summariser that returns when it is released."""

    def __init__(self, value: object = "late") -> None:
        self.entered, self.released, self.left = (threading.Event() for _ in range(3))
        self.value = value

    def __call__(self, *_: object) -> Any:
        self.entered.set()
        self.released.wait(PATIENCE_S)
        self.left.set()
        return self.value


@pytest.fixture
def blocked() -> Iterator[Blocked]:
    """One that does not outlive the test."""
    made = Blocked()
    yield made
    made.released.set()
    settle()


def settle() -> None:
    """Returns when no call goes on."""
    wait_until(
        lambda: "redialog-summarizer" not in [thread.name for thread in threading.enumerate()],
        what="the threads have ended",
    )


def timed_out(driver: Driver, summarizer: Any, timeout_s: float = SHORT_S) -> SummaryError:
    """The error of an `Ask` whose time passes, well before the summariser gives up."""
    started = time.monotonic()
    with pytest.raises(SummaryError) as caught:
        driver(asking(summarizer, timeout_s=timeout_s))
    assert time.monotonic() - started < PATIENCE_S / 2
    assert caught.value.reason == "timeout"
    return caught.value


@both
def test_a_blocking_summariser_is_left_in_time(driver: Driver, blocked: Blocked) -> None:
    """It goes on alone, and what it returns later reaches nobody."""
    assert timed_out(driver, blocked).__cause__ is None
    assert not blocked.left.is_set()
    blocked.released.set()
    settle()
    assert blocked.left.is_set()


@both
def test_an_asynchronous_summariser_is_cancelled_in_time(driver: Driver) -> None:
    """It can clear up; nothing of it is left."""
    told = threading.Event()

    async def endless(*_: object) -> str:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            told.set()
            raise
        return "it went on"

    timed_out(driver, endless)
    assert told.wait(PATIENCE_S)
    settle()


def test_the_time_is_that_of_the_whole_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a function used up before it returned its coroutine is gone."""
    given: list[float] = []
    inner = asking_module._result_here

    async def noting(value: object, context: Any, timeout_s: float) -> Any:
        given.append(timeout_s)
        return await inner(value, context, timeout_s)

    async def text(*_: object) -> str:
        return "text"

    monkeypatch.setattr(asking_module, "_result_here", noting)
    assert awaiting(asking(text)) == "text"
    [left] = given
    assert PATIENCE_S / 2 < left < PATIENCE_S


def test_what_is_left_in_a_loop_is_not_complained_of(caplog: pytest.LogCaptureFixture) -> None:
    """A task that ignores its cancellation goes with its loop, or before, and quietly."""

    async def stubborn(*_: object) -> str:
        while True:
            with suppress(asyncio.CancelledError):
                await asyncio.Event().wait()

    timed_out(awaiting, stubborn)
    gc.collect()
    assert not caplog.records


def test_what_comes_after_the_text_does_not_change_it() -> None:
    """A loop of its own is shut down afterwards, and what goes wrong then is too late."""

    async def untidy() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            sys.exit("at the end of the loop")

    async def summarizer(*_: object) -> str:
        tasks.append(asyncio.ensure_future(untidy()))
        await asyncio.sleep(0)
        return "text"

    tasks: list[asyncio.Task[None]] = []
    call = asking_module._Call(Ask(summarizer, None, (), PATIENCE_S), lambda: None, awaits=True)
    call._run()
    assert call.outcome == asking_module._Outcome("text")
    assert isinstance(tasks[0].exception(), SystemExit)


@both
def test_a_coroutine_that_comes_too_late_is_closed(driver: Driver, blocked: Blocked) -> None:
    """It is not begun, and no warning says so."""
    begun: list[bool] = []

    async def late() -> str:
        begun.append(True)
        return "late"

    blocked.value = late()
    timed_out(driver, blocked)
    blocked.released.set()
    settle()
    blocked.value = None
    gc.collect()  # A warning of a coroutine that was never awaited would fail the test.
    assert not begun


def test_a_late_coroutine_is_closed_in_a_loop_that_goes_on(blocked: Blocked) -> None:
    """Also where it could still be delivered."""

    async def late() -> str:
        raise AssertionError("it was begun")

    async def main() -> None:
        with pytest.raises(SummaryError):
            await arun_flow(asking(blocked, timeout_s=SHORT_S), AsyncScripted(Scripted()))
        blocked.value = late()
        blocked.released.set()
        settle()
        await asyncio.sleep(0)
        blocked.value = None
        gc.collect()

    asyncio.run(main())


def test_a_cancelled_caller_lets_the_summariser_clear_up() -> None:
    """Its clean-up is over before the caller's loop can be closed."""
    seen: list[str] = []

    async def main() -> None:
        entered = asyncio.Event()

        async def careful(*_: object) -> str:
            try:
                entered.set()
                await asyncio.Event().wait()
            finally:
                await asyncio.sleep(0)
                seen.append("cleared up")
            return "it went on"

        task = asyncio.ensure_future(arun_flow(asking(careful), AsyncScripted(Scripted())))
        await asyncio.wait_for(entered.wait(), PATIENCE_S)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert seen == ["cleared up"]

    asyncio.run(main())


def test_an_interrupt_leaves_the_summariser(blocked: Blocked) -> None:
    """Ctrl-C ends the wait of a blocking caller soon, even where it wakes another thread."""

    def waits() -> bool:
        frame = sys._current_frames()[threading.main_thread().ident or 0]
        names = [summary.name for summary in traceback.extract_stack(frame)]
        return names[-3:] == ["answer", "wait", "wait"]

    def interrupt() -> None:
        wait_until(waits, what="the caller waits")
        _thread.interrupt_main()

    thread = threading.Thread(target=interrupt)
    thread.start()
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        blocking(asking(blocked))
    assert time.monotonic() - started < PATIENCE_S / 2
    assert not blocked.left.is_set()
    thread.join()


def test_a_call_that_is_over_is_not_counted() -> None:
    """Nor is one that was never begun; what is counted for ever would stop all others."""
    over, unbegun = (
        asking_module._Call(Ask(lambda *_: "x", None, (), 1.0), lambda: None, awaits=True)
        for _ in range(2)
    )
    # Its thread may live a little longer than the call.
    over._thread = threading.current_thread()
    over._run()
    over.leave()
    unbegun.leave()
    assert not asking_module._left.calls & {over, unbegun}


@both
def test_calls_that_never_end_are_limited(
    driver: Driver, blocked: Blocked, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So many are left, and a further one is not begun until one of them ends."""
    monkeypatch.setattr(asking_module, "MAX_LEFT", 2)
    for _ in range(2):
        timed_out(driver, blocked)
    calls: list[int] = []
    # It would have had all the time.
    timed_out(driver, lambda *_: calls.append(1), timeout_s=PATIENCE_S)
    assert not calls
    blocked.released.set()
    settle()
    assert driver(asking(lambda *_: "again")) == "again"
