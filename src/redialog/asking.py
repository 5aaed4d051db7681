"""Asking a summariser: in time, whatever it does.

A summariser is the application's own code, or a model behind a network: it may be blocking or
asynchronous, raise anything, or never return. So it is called in a daemon thread, which can be
left and which nothing waits for at exit. What it returns is awaited where that is needed: in an
event loop of that thread for a caller that blocks, in the caller's own loop for one that awaits.
"""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import os
import threading
import time
from asyncio import tasks
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import msgspec

from redialog._json import whole_text
from redialog.errors import SummaryError
from redialog.messages import Message
from redialog.summary import Summarizer

MAX_LEFT = 64
"""How many calls that nobody waits for any longer may go on in a process; while there are so many,
a further one counts as too late at once. Each is a thread, and holds the messages it was given."""

WAIT_S = 0.25
"""The longest single wait of a caller that blocks: Ctrl-C ends it then at the latest."""

GRACE_S = 0.1
"""How long a caller that is cancelled waits for an asynchronous summariser to clear up."""


class Ask(msgspec.Struct, frozen=True):
    """What a flow wants of a summariser.

    Attributes:
        summarizer: whom to ask.
        previous: the summary so far; None where there is none.
        messages: what came after it, oldest first.
        timeout_s: how many seconds it may take.
    """

    summarizer: Summarizer
    previous: str | None
    messages: Sequence[Message]
    timeout_s: float


class _Outcome(msgspec.Struct, frozen=True):
    """What a call returned or raised."""

    value: object = None
    error: BaseException | None = None

    def text(self) -> str:
        """The text, or the error that says why there is none."""
        if self.error is not None:
            raise SummaryError(reason="failed") from self.error
        text = str.__str__(self.value) if isinstance(self.value, str) else ""
        if not text.strip():
            raise SummaryError(reason="empty")
        return whole_text(text)

    def discard(self) -> None:
        """Closes a coroutine that nobody has begun, which would be complained of."""
        value = self.value
        if inspect.iscoroutine(value) and inspect.getcoroutinestate(value) == "CORO_CREATED":
            value.close()


class _Left:
    """The calls of this process that nobody waits for any longer."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.calls: set[_Call] = set()


_left = _Left()


def _forget_in_child() -> None:
    """A forked child has none of the threads, and the lock may be held by one of them."""
    global _left  # noqa: PLW0603 - the state of a process
    _left = _Left()


os.register_at_fork(after_in_child=_forget_in_child)


class _Call:
    """One call of a summariser, in a thread of its own.

    Args:
        ask: what it is given.
        wake: called in that thread as soon as there is an outcome.
        awaits: whether an awaitable is awaited in that thread; else it is the outcome.

    Attributes:
        context: the context variables of the caller, as the summariser sees and leaves them.
        outcome: None until there is one.
    """

    def __init__(self, ask: Ask, wake: Callable[[], object], *, awaits: bool) -> None:
        self.context = contextvars.copy_context()
        self.outcome: _Outcome | None = None
        self._ask = ask
        self._wake = wake
        self._awaits = awaits
        self._stop: Callable[[], object] | None = None
        self._is_left = self._is_over = False
        self._thread = threading.Thread(target=self._run, name="redialog-summarizer", daemon=True)

    def start(self) -> None:
        """Begins.

        Raises:
            SummaryError: there can be no thread for it.
        """
        if len(_left.calls) >= MAX_LEFT:
            raise SummaryError(reason="timeout")
        try:
            self._thread.start()
        except RuntimeError as error:
            raise SummaryError(reason="failed") from error

    def leave(self) -> None:
        """Says that nobody waits any longer; what is asynchronous is cancelled."""
        with _left.lock:
            self._is_left = True
            if self._thread.is_alive() and not self._is_over:
                _left.calls.add(self)
            stop = self._stop
        if stop is not None:
            stop()
        if self.outcome is not None:
            self.outcome.discard()

    def _run(self) -> None:
        try:
            ask = self._ask
            value = self.context.run(ask.summarizer, ask.previous, list(ask.messages))
            if self._awaits and inspect.isawaitable(value):
                self.context.run(self._await, value)
            else:
                self._finish(_Outcome(value))
        except BaseException as error:  # also SystemExit: it is not the caller's
            self._finish(_Outcome(error=error))
        finally:
            with _left.lock:
                self._is_over = True
                _left.calls.discard(self)

    def _finish(self, outcome: _Outcome) -> None:
        with _left.lock:
            wanted = not self._is_left and self.outcome is None
            if wanted:
                self.outcome = outcome
        if wanted:
            self._wake()
        else:
            outcome.discard()

    def _await(self, value: object) -> None:
        try:
            with asyncio.Runner() as runner:
                runner.run(self._awaited(value, runner.get_loop()))
        finally:
            _Outcome(value).discard()

    async def _awaited(self, value: object, loop: asyncio.AbstractEventLoop) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - for the type checker
        with _left.lock:
            if self._is_left:
                return
            self._stop = partial(_soon, loop, task.cancel)
        # Before the loop is shut down, which may take its time.
        self._finish(await _result(value))


def _soon(loop: asyncio.AbstractEventLoop, call: Callable[[], object]) -> None:
    """Has a loop of another thread call something, where it is not closed."""
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(call)


async def _result(value: Any) -> _Outcome:
    """The outcome of an awaitable; not what ends the loop itself."""
    try:
        if asyncio.isfuture(value) and not value.done():
            home = value.get_loop()
            if home is not asyncio.get_running_loop():
                there = asyncio.run_coroutine_threadsafe(_result(value), home)
                return await asyncio.wrap_future(there)
        return _Outcome(await value)
    except (Exception, asyncio.CancelledError) as error:
        return _Outcome(error=error)


def answer(ask: Ask) -> str:
    """Asks, and blocks until there is a text or no time left.

    Raises:
        SummaryError: there is no text.
    """
    done = threading.Event()
    ends = time.monotonic() + ask.timeout_s
    call = _Call(ask, done.set, awaits=True)
    try:
        call.start()
        # A signal that comes just before a wait, or to another thread, is seen after it.
        while (left := ends - time.monotonic()) > 0 and not done.wait(min(left, WAIT_S)):
            pass
        return _outcome(call).text()
    finally:
        call.leave()


async def aanswer(ask: Ask) -> str:
    """Asks without blocking the event loop; the rest is as in `answer`."""
    loop = asyncio.get_running_loop()
    ends = loop.time() + ask.timeout_s
    done = asyncio.Event()
    call = _Call(ask, partial(_soon, loop, done.set), awaits=False)
    try:
        call.start()
        with suppress(TimeoutError):
            async with asyncio.timeout(ask.timeout_s):
                await done.wait()
        outcome = _outcome(call)
        if inspect.isawaitable(outcome.value):
            outcome = await _result_here(outcome.value, call.context, ends - loop.time())
        return outcome.text()
    finally:
        call.leave()


def _outcome(call: _Call) -> _Outcome:
    if call.outcome is None:
        raise SummaryError(reason="timeout")
    return call.outcome


async def _result_here(value: object, context: contextvars.Context, timeout_s: float) -> _Outcome:
    """The outcome of an awaitable, in a task of this loop.

    The loop is not told of the task: one that swallows its cancellation would keep `asyncio.run`
    from ever returning, since that waits for all tasks it knows. It is cancelled by us.
    """
    task = asyncio.Task(_result(value), context=context)
    tasks._unregister_task(task)
    # It may be left for ever, and goes with its loop or before; who asked has been told.
    task._log_destroy_pending = False  # type: ignore[attr-defined]
    try:
        await asyncio.wait({task}, timeout=max(timeout_s, 0.0))
        if not task.done():
            raise SummaryError(reason="timeout")
        return task.result()
    except asyncio.CancelledError:
        task.cancel()
        await asyncio.wait({task}, timeout=GRACE_S)
        raise
    finally:
        task.cancel()
