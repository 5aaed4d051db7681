"""The drivers of flows: what is sent in and thrown in, and how a flow ends.

How a summariser is called is in `test_callbacks_asking` and `test_callbacks_late`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from redialog import SummaryError, TransportError
from redialog.callbacks import Ask, Flow, arun_flow
from redialog.effect import Batch, Patience, Replies
from tests.operations.driving import READ, WRITE, lost, once
from tests.operations.flows import (
    PATIENCE_S,
    SAID,
    Driver,
    asking,
    awaiting,
    blocking,
    both,
    each_kind,
)
from tests.operations.scripted import AsyncScripted, Scripted


@both
@each_kind
def test_results_and_texts_go_to_the_flow_and_its_result_to_the_caller(
    driver: Driver, kind: Callable[[Any], Any]
) -> None:
    """Operations, an `Ask` and another operation, each with the answer of its own."""

    def three() -> Flow[list[Any]]:
        first = yield once(READ)
        text = yield Ask(kind(lambda *_: f"after {first}"), None, SAID, PATIENCE_S)
        second = yield once(WRITE)
        return [first, text, second]

    assert driver(three(), [1], [2]) == [[1], "after [1]", [2]]


@both
def test_a_flow_without_a_step_needs_nothing(driver: Driver) -> None:
    """Its value is returned."""

    def none() -> Flow[str]:
        return "at once"
        yield

    assert driver(none()) == "at once"


@both
def test_an_operation_is_driven_as_elsewhere(driver: Driver) -> None:
    """Its batch is sent again after a failure, by the rules of `drive`."""

    def one() -> Flow[Replies]:
        replies: Replies = yield once(WRITE)
        return replies

    assert driver(one(), lost(), lost(), [7]) == [7]


@both
def test_the_error_of_an_operation_is_thrown_in(driver: Driver) -> None:
    """The flow can go on with something else, or give up."""
    failures = [lost() for _ in range(Patience().attempts or 0)]

    def careful() -> Flow[str]:
        try:
            yield once(READ)
        except TransportError:
            [reply] = yield once(WRITE)
            return f"recovered with {reply}"
        return "not thrown"

    assert driver(careful(), *failures, [5]) == "recovered with 5"

    def careless() -> Flow[str]:
        yield once(READ)
        return "not thrown"

    with pytest.raises(TransportError):
        driver(careless(), *failures)


@both
def test_the_failure_of_a_summariser_is_thrown_in(driver: Driver) -> None:
    """The flow can note it, and end well."""

    def noting() -> Flow[list[Any]]:
        try:
            yield from asking(lambda *_: 1 / 0)
        except SummaryError as error:
            reply = yield once(WRITE)
            return [error.reason, reply]
        return []

    assert driver(noting(), ["noted"]) == ["failed", ["noted"]]


@both
def test_what_a_flow_raises_is_raised(driver: Driver) -> None:
    """After its own clean-up."""
    seen: list[str] = []

    def failing() -> Flow[None]:
        try:
            yield once(READ)
            raise ValueError("its own")
        finally:
            seen.append("closed")

    with pytest.raises(ValueError, match="its own"):
        driver(failing(), [1])
    assert seen == ["closed"]


def holding(seen: list[str]) -> Flow[None]:
    """A flow that gives back what it holds, with one more operation, however it ends."""
    try:
        yield once(READ)
    except BaseException as error:
        seen.append(type(error).__name__)
        yield once(WRITE)
        seen.append("given back")
        raise


INTERRUPTS = [
    (blocking, KeyboardInterrupt()),
    (blocking, SystemExit(3)),
    (awaiting, asyncio.CancelledError()),
]


@pytest.mark.parametrize(("driver", "error"), INTERRUPTS)
def test_an_interrupt_is_thrown_in_and_passes_through(driver: Driver, error: BaseException) -> None:
    """The flow gives back what it holds first."""
    seen: list[str] = []
    with pytest.raises(type(error)) as caught:
        driver(holding(seen), error, [1])
    assert caught.value is error
    assert seen == [type(error).__name__, "given back"]


@pytest.mark.parametrize(("driver", "error"), INTERRUPTS)
def test_a_second_interrupt_ends_the_clean_up(driver: Driver, error: BaseException) -> None:
    """Whoever insists is not kept."""
    seen: list[str] = []
    with pytest.raises(type(error)):
        driver(holding(seen), error, type(error)())
    assert seen == [type(error).__name__]


@pytest.mark.parametrize("step", ["operation", "ask"])
def test_a_cancelled_flow_gives_back_what_it_holds(step: str) -> None:
    """At an operation and at an `Ask`, before the cancellation is through."""
    seen: list[object] = []

    class Silent(AsyncScripted):
        async def execute(self, batch: Batch, within: float | None = None) -> Replies:
            if batch is WRITE:
                return await super().execute(batch, within)
            started.set()
            await asyncio.Event().wait()
            raise AssertionError("it went on")

    async def endless(*_: object) -> str:
        started.set()
        await asyncio.Event().wait()
        return "it went on"

    def flow() -> Flow[None]:
        try:
            if step == "ask":
                yield Ask(endless, None, SAID, PATIENCE_S)
            else:
                yield once(READ)
        except asyncio.CancelledError:
            seen.append((yield once(WRITE)))
            raise

    async def main() -> None:
        task = asyncio.ensure_future(arun_flow(flow(), Silent(Scripted([1]))))
        await asyncio.wait_for(started.wait(), PATIENCE_S)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert seen == [[1]]

    started = asyncio.Event()
    asyncio.run(main())


def test_a_flow_that_is_dropped_is_closed() -> None:
    """As by a loop that is closed over it: it cannot yield any more, and does not."""
    seen: list[str] = []

    def flow() -> Flow[None]:
        try:
            yield once(READ)
        finally:
            seen.append("closed")

    dropped = arun_flow(flow(), AsyncScripted(Scripted([1])))
    dropped.send(None)
    dropped.close()
    assert seen == ["closed"]
