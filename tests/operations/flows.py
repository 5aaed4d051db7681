"""Both drivers of flows behind one call, and the flows and summarisers they are tried with."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

import pytest

from redialog import Message
from redialog.callbacks import Ask, Flow, arun_flow, run_flow
from redialog.summary import Summarizer
from tests.operations.scripted import AsyncScripted, Scripted, Step

PATIENCE_S = 20.0
"""Seconds after which a test that waits in a summariser gives up."""

SHORT_S = 0.05
"""A timeout that is to pass."""

SAID = [Message.user("My locker code is 4417."), Message.assistant("Noted.")]


class Driver(Protocol):
    """Runs a flow over a transport that follows a script."""

    def __call__(self, flow: Flow[Any], *steps: Step) -> Any: ...


def blocking(flow: Flow[Any], *steps: Step) -> Any:
    """Runs it with `run_flow`."""
    return run_flow(flow, Scripted(*steps))


def awaiting(flow: Flow[Any], *steps: Step) -> Any:
    """Runs it with `arun_flow`, in an event loop of its own."""
    return asyncio.run(arun_flow(flow, AsyncScripted(Scripted(*steps))))


both = pytest.mark.parametrize("driver", [blocking, awaiting])


def asking(
    summarizer: Any,
    previous: str | None = "before",
    messages: Sequence[Message] = tuple(SAID),
    timeout_s: float = PATIENCE_S,
) -> Flow[str]:
    """A flow that asks once and returns the text."""
    text: str = yield Ask(summarizer, previous, messages, timeout_s)
    return text


def asynchronous(plain: Callable[[str | None, Sequence[Message]], Any]) -> Summarizer:
    """The same summariser as a coroutine function."""

    async def summarize(previous: str | None, messages: Sequence[Message]) -> str:
        await asyncio.sleep(0)
        return plain(previous, messages)  # type: ignore[no-any-return]

    return summarize


def plain(summarizer: Any) -> Any:
    """The summariser as it is."""
    return summarizer


each_kind = pytest.mark.parametrize("kind", [plain, asynchronous])
"""A summariser that is a plain function, and one that is a coroutine function."""


class Later:
    """An awaitable that is no coroutine."""

    def __init__(self, inner: Awaitable[str]) -> None:
        self._inner = inner

    def __await__(self) -> Any:
        return self._inner.__await__()
