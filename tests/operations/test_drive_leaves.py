"""What a failed operation leaves in memory: nothing, also where no garbage is collected."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from redialog import TransportError, drive
from redialog.effect import Batch, Op
from tests.operations.driving import READ, WRITE, lost
from tests.operations.scripted import AsyncScripted, Scripted


class Pages:
    """Stands for what a call has read so far."""


def blocking(op: Op[None], transport: Scripted) -> None:
    """Runs it with `drive.run`, whatever becomes of it."""
    with suppress(TransportError):
        drive.run(op, transport)


def awaiting(op: Op[None], transport: Scripted) -> None:
    """Runs it with `drive.arun`; the error ends there, for asyncio's own tasks keep theirs."""

    async def run() -> None:
        with suppress(TransportError):
            await drive.arun(op, AsyncScripted(transport))

    asyncio.run(run())


@pytest.fixture
def no_collection() -> Iterator[None]:
    """Only what nothing refers to goes."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_collection")
@pytest.mark.parametrize("driver", [blocking, awaiting])
@pytest.mark.parametrize("batch", [READ, WRITE], ids=["read", "write"])
@pytest.mark.parametrize("failures", [0, 1, 3])
def test_what_it_has_read_goes_with_its_error(
    driver: Callable[[Op[None], Scripted], None], batch: Batch, failures: int
) -> None:
    """The error names the frames, and no frame that has ended names the error."""
    kept: list[weakref.ref[Pages]] = []

    def reading() -> Op[None]:
        pages = Pages()
        kept.append(weakref.ref(pages))
        yield batch

    driver(reading(), Scripted(*(lost() for _ in range(failures)), [1]))
    assert [ref() for ref in kept] == [None]
