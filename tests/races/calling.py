"""Callers that run on either facade: generators that yield the calls they want to make."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

from redialog import RedialogError

T = TypeVar("T")


@dataclass
class Call:
    """A method to be called on a handle of either facade."""

    target: Any
    method: str
    args: Iterable[Any] = ()
    options: Mapping[str, Any] | None = None

    def start(self) -> Any:
        """What the method returns; with asyncio it has yet to be awaited."""
        return getattr(self.target, self.method)(*self.args, **(self.options or {}))


Calls: TypeAlias = Generator[Call, Any, T]
"""Yields calls, is sent what they return, and returns something of its own."""


def run(calls: Calls[T]) -> T:
    """Makes the calls of a caller on handles of the blocking facade."""
    try:
        call = next(calls)
        while True:
            try:
                value = call.start()
            except RedialogError as error:
                call = calls.throw(error)
            else:
                call = calls.send(value)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]


async def arun(calls: Calls[T]) -> T:
    """Makes them on handles of the asyncio facade."""
    try:
        call = next(calls)
        while True:
            try:
                value = await call.start()
            except RedialogError as error:
                call = calls.throw(error)
            else:
                call = calls.send(value)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]
