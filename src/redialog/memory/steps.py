"""Steps: what a memory object does, written once for blocking and for awaited sources.

A step is the outcome of a call: over a blocking source the result itself, over an awaited one
something to await. The generator is sent the result in both cases::

    def newest(source: Any) -> Steps[list[Message]]:
        return (yield source.window(turns=2))

    run(newest(session))
    await arun(newest(async_session))
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from functools import partial
from typing import Any, TypeAlias, TypeVar

T = TypeVar("T")
Steps: TypeAlias = Generator[Any, Any, T]


def run(steps: Steps[T]) -> T:
    """Runs steps over a blocking source, which has done each when it arrives here."""
    result = None
    while True:
        try:
            result = steps.send(result)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]


async def arun(steps: Steps[T]) -> T:
    """Runs steps over an awaited source; what a step raises is thrown in at its yield."""
    go_on: Callable[[], Any] = partial(steps.send, None)
    try:
        while True:
            step = go_on()
            try:
                go_on = partial(steps.send, await step)
            except Exception as error:
                go_on = partial(steps.throw, error)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]
    finally:
        steps.close()
