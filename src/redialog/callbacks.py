"""Flows: operations with calls of a summariser between them, and the drivers that run them.

No callback is called inside an operation. A feature that needs one is a flow: a generator that
yields operations and is sent their results, and yields an `Ask` and is sent the text::

    def folded(log: bytes, summarizer: Summarizer) -> Flow[int]:
        plan = yield planned(log)
        text = yield Ask(summarizer, plan.previous, plan.messages, 30.0)
        return (yield committed(log, plan, text))

    run_flow(folded(log, summarizer), transport)            # blocking
    await arun_flow(folded(log, summarizer), transport)     # asyncio

What an operation raises, and the `SummaryError` of an `Ask`, is thrown in at the yield. So is an
interrupt or a cancellation: a flow gives back what it holds, and lets it pass.
"""

from __future__ import annotations

import asyncio
import contextvars
import os
import threading
from collections.abc import Generator, Hashable
from contextlib import suppress
from typing import Any, TypeAlias, TypeVar

from redialog import drive
from redialog.asking import Ask, aanswer, answer
from redialog.effect import AsyncTransport, Op, Transport

__all__ = [
    "Ask",
    "Flow",
    "abegin",
    "arun_flow",
    "asettled",
    "begin",
    "run_flow",
    "settled",
]

T = TypeVar("T")
Flow: TypeAlias = Generator[Op[Any] | Ask, Any, T]

MAX_RUNS = 4
"""How many flows run in the background of a process at the same time."""


def run_flow(flow: Flow[T], transport: Transport) -> T:
    """Runs a flow over a blocking transport.

    Args:
        flow: a fresh generator.
        transport: where its operations go.

    Returns:
        What the flow returns.

    Raises:
        RedialogError: as the flow says.
    """
    try:
        step = next(flow)
        while True:
            try:
                result = answer(step) if isinstance(step, Ask) else drive.run(step, transport)
            except BaseException as error:
                step = flow.throw(error)
            else:
                step = flow.send(result)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]


async def arun_flow(flow: Flow[T], transport: AsyncTransport) -> T:
    """Runs a flow over an asyncio transport; the rest is as in `run_flow`."""
    try:
        step = next(flow)
        while True:
            try:
                if isinstance(step, Ask):
                    result = await aanswer(step)
                else:
                    result = await drive.arun(step, transport)
            except BaseException as error:
                step = flow.throw(error)
            else:
                step = flow.send(result)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]


class _Run:
    """One flow that runs in the background.

    Args:
        key: which flow it is.
        loop: of its task; None for one in a thread.
    """

    def __init__(self, key: Hashable, loop: asyncio.AbstractEventLoop | None = None) -> None:
        self.key = key
        self.loop = loop
        # An event loop holds its tasks only weakly.
        self.task: asyncio.Task[None] | None = None


class _Background:
    """The flows that run in the background of this process."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._runs: dict[Hashable, _Run] = {}

    def enter(self, run: _Run) -> bool:
        """Takes a place; False where there is none, or the key has one."""
        with self._changed:
            if run.key in self._live() or len(self._runs) >= MAX_RUNS:
                return False
            self._runs[run.key] = run
            return True

    def leave(self, run: _Run) -> None:
        """Gives the place back."""
        with self._changed:
            self._runs.pop(run.key, None)
            self._changed.notify_all()

    def wait(self, timeout_s: float) -> bool:
        """Waits until nothing runs."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._live(), timeout_s)

    def tasks_of(self, loop: asyncio.AbstractEventLoop) -> list[asyncio.Task[None]]:
        """What runs in a loop."""
        with self._changed:
            found = [run.task for run in self._live().values() if run.loop is loop]
        return [task for task in found if task is not None]

    def _live(self) -> dict[Hashable, _Run]:
        """The runs; a task whose loop was closed over it will never end."""
        for run in list(self._runs.values()):
            if run.loop is not None and run.loop.is_closed():
                del self._runs[run.key]
        return self._runs


_background = _Background()


def _forget_in_child() -> None:
    """A forked child runs nothing, and the lock may be held by a thread that it lacks."""
    global _background  # noqa: PLW0603 - the state of a process
    _background = _Background()


os.register_at_fork(after_in_child=_forget_in_child)


def begin(key: Hashable, flow: Flow[Any], transport: Transport) -> bool:
    """Starts a flow in a daemon thread, which nothing waits for at exit.

    What it raises reaches nobody: a flow notes its failures where they are looked for.

    Args:
        key: which flow it is; one of a key runs at a time, and `MAX_RUNS` of all.
        flow: a fresh generator.
        transport: where its operations go.

    Returns:
        Whether it was started; else the flow is closed.
    """
    run = _Run(key)
    if not _background.enter(run):
        flow.close()
        return False
    context = contextvars.copy_context()

    def work() -> None:
        try:
            context.run(run_flow, flow, transport)
        except BaseException:  # noqa: S110 - nor does the hook of threads get it
            pass
        finally:
            _background.leave(run)

    try:
        threading.Thread(target=work, name="redialog-background", daemon=True).start()
    except RuntimeError:
        _background.leave(run)
        flow.close()
        return False
    return True


def abegin(key: Hashable, flow: Flow[Any], transport: AsyncTransport) -> bool:
    """Starts a flow in a task of the running event loop; the rest is as in `begin`."""
    run = _Run(key, asyncio.get_running_loop())
    if not _background.enter(run):
        flow.close()
        return False

    async def work() -> None:
        with suppress(Exception):
            await arun_flow(flow, transport)

    run.task = asyncio.create_task(work(), name="redialog-background")
    # A loop may be closed over it; who closes it could not have known.
    run.task._log_destroy_pending = False  # type: ignore[attr-defined]
    run.task.add_done_callback(lambda _: _background.leave(run))
    return True


def settled(timeout_s: float) -> bool:
    """Waits until nothing runs in the background of this process.

    Args:
        timeout_s: seconds to wait at most. Not for a thread whose event loop has such runs.

    Returns:
        Whether nothing runs.
    """
    return _background.wait(timeout_s)


async def asettled(timeout_s: float) -> bool:
    """Waits until nothing runs in the background of this event loop; as `settled`."""
    tasks = _background.tasks_of(asyncio.get_running_loop())
    pending = (await asyncio.wait(tasks, timeout=timeout_s))[1] if tasks else ()
    return not pending
