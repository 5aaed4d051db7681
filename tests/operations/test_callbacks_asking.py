"""How a summariser is called: what it is given, and in which thread and loop it runs.

What becomes of what it returns or raises is in `test_callbacks_outcomes`.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any

import pytest

from redialog import Message, SummaryError
from redialog.callbacks import arun_flow, run_flow
from tests.operations.flows import (
    PATIENCE_S,
    SAID,
    Driver,
    Later,
    asking,
    asynchronous,
    awaiting,
    blocking,
    both,
    each_kind,
)
from tests.operations.scripted import AsyncScripted, Scripted
from tests.support.servers import wait_until

Kind = Callable[[Any], Any]


def joined(previous: str | None, messages: Sequence[Message]) -> str:
    """A summary that shows what it was made of."""
    return "|".join([str(previous), *(message.text for message in messages)])


async def ajoined(previous: str | None, messages: Sequence[Message]) -> str:
    """The same, asynchronous."""
    await asyncio.sleep(0)
    return joined(previous, messages)


class Object:
    """A summariser that is an object with an asynchronous call."""

    async def __call__(self, previous: str | None, messages: Sequence[Message]) -> str:
        return await ajoined(previous, messages)

    async def method(self, previous: str | None, messages: Sequence[Message]) -> str:
        """The same as a method."""
        return await ajoined(previous, messages)


@both
@pytest.mark.parametrize(
    "summarizer",
    [
        joined,
        ajoined,
        functools.partial(ajoined),
        Object(),
        Object().method,
        lambda previous, messages: ajoined(previous, list(messages)),
        lambda previous, messages: Later(ajoined(previous, messages)),
    ],
    ids=["function", "coroutine", "partial", "object", "method", "lambda", "awaitable"],
)
def test_any_callable_summarises(driver: Driver, summarizer: Any) -> None:
    """Blocking or asynchronous, in both facades; it gets the summary so far and the messages."""
    assert driver(asking(summarizer)) == "before|My locker code is 4417.|Noted."
    assert driver(asking(summarizer, None, ())) == "None"


@both
@each_kind
def test_the_messages_are_the_summarisers_own(driver: Driver, kind: Kind) -> None:
    """Whatever it does to the list, the flow's messages stay as they are."""

    def greedy(_: str | None, messages: Sequence[Message]) -> str:
        assert isinstance(messages, list)
        messages.clear()
        return "none left"

    given = list(SAID)
    assert driver(asking(kind(greedy), messages=given)) == "none left"
    assert given == SAID


def test_a_future_of_the_callers_loop_is_awaited() -> None:
    """It need not be a coroutine, nor be made by the summariser."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[str] = loop.create_future()

        def summarizer(*_: object) -> Awaitable[str]:
            loop.call_soon_threadsafe(future.set_result, "from a future")
            return future

        flow = asking(summarizer)
        assert await arun_flow(flow, AsyncScripted(Scripted())) == "from a future"

    asyncio.run(main())


@pytest.fixture
def other_loop() -> Iterator[asyncio.AbstractEventLoop]:
    """An event loop that runs in a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield loop
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


@both
def test_a_future_that_is_done_needs_no_loop(driver: Driver) -> None:
    """Its own may have been closed."""
    loop = asyncio.new_event_loop()
    future: asyncio.Future[str] = asyncio.Future(loop=loop)
    future.set_result("from there")
    loop.close()
    assert driver(asking(lambda *_: future)) == "from there"


@both
def test_a_future_of_another_loop_is_awaited_there(
    driver: Driver, other_loop: asyncio.AbstractEventLoop
) -> None:
    """An application that blocks may have its asynchronous part in a thread."""
    future: asyncio.Future[str] = asyncio.Future(loop=other_loop)

    def summarizer(*_: object) -> Awaitable[str]:
        other_loop.call_soon_threadsafe(future.set_result, "from there")
        return future

    assert driver(asking(summarizer)) == "from there"


REQUEST: contextvars.ContextVar[str] = contextvars.ContextVar("REQUEST", default="none")


@both
@each_kind
def test_context_variables_of_the_caller_are_seen(driver: Driver, kind: Kind) -> None:
    """Tracing and credentials often lie there; what a summariser sets stays its own."""

    def reading(*_: object) -> str:
        found = REQUEST.get()
        REQUEST.set("changed")
        return found

    def inside() -> str:
        REQUEST.set("r1")
        got: str = driver(asking(kind(reading)))
        assert REQUEST.get() == "r1"
        return got

    assert contextvars.copy_context().run(inside) == "r1"


@both
def test_a_coroutine_sees_what_was_set_when_it_was_made(driver: Driver) -> None:
    """A wrapper that sets a variable before it calls an asynchronous summariser is common."""

    async def reading(*_: object) -> str:
        return REQUEST.get()

    def wrapper(previous: str | None, messages: Sequence[Message]) -> Any:
        REQUEST.set("by the wrapper")
        return reading(previous, messages)

    assert driver(asking(wrapper)) == "by the wrapper"


def test_a_blocking_summariser_does_not_block_the_loop() -> None:
    """While it works, the loop goes on; here it waits for what only the loop does."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        entered, go_on = asyncio.Event(), threading.Event()

        def summarizer(*_: object) -> str:
            loop.call_soon_threadsafe(entered.set)
            return "went on" if go_on.wait(PATIENCE_S) else "was blocked"

        async def meanwhile() -> None:
            await entered.wait()
            go_on.set()

        text, _ = await asyncio.gather(
            arun_flow(asking(summarizer), AsyncScripted(Scripted())), meanwhile()
        )
        assert text == "went on"

    asyncio.run(main())


def test_an_asynchronous_summariser_runs_in_the_callers_loop() -> None:
    """Its clients belong to that loop."""

    async def main() -> None:
        async def summarizer(*_: object) -> str:
            return str(asyncio.get_running_loop() is here)

        here = asyncio.get_running_loop()
        assert await arun_flow(asking(summarizer), AsyncScripted(Scripted())) == "True"

    asyncio.run(main())


def test_a_blocking_caller_may_have_a_loop_around_it() -> None:
    """As in a notebook: neither kind of summariser minds."""

    async def main() -> None:
        for summarizer in (joined, ajoined, lambda *_: asyncio.run(ajoined(*_))):
            assert run_flow(asking(summarizer), Scripted()).startswith("before|")

    asyncio.run(main())


@pytest.mark.parametrize("driver", [blocking, awaiting])
@each_kind
def test_nothing_is_left_of_a_call_that_ended(driver: Driver, kind: Kind) -> None:
    """No thread, whether it returned or raised."""
    for _ in range(20):
        driver(asking(kind(joined)))
        with pytest.raises(SummaryError):
            driver(asking(kind(lambda *_: 1 / 0)))
    wait_until(
        lambda: "redialog-summarizer" not in [thread.name for thread in threading.enumerate()],
        what="the threads have ended",
    )


def test_where_no_thread_can_be_started_it_has_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process at its limit, or at its end, loses the summary and no more."""

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    for driver in (blocking, awaiting):
        with pytest.raises(SummaryError) as caught:
            driver(asking(asynchronous(joined)))
        assert caught.value.reason == "failed"
        assert isinstance(caught.value.__cause__, RuntimeError)
