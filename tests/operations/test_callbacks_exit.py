"""An endless summariser keeps neither a loop nor an interpreter from its end."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import redialog
from tests.operations.flows import PATIENCE_S

PROGRAM = """
import asyncio, sys, threading
from redialog import Message, SummaryError
from redialog.callbacks import *
from redialog.callbacks import Ask

def blocked(*_):
    threading.Event().wait()

async def pending(*_):
    await asyncio.Event().wait()

async def stubborn(*_):
    while True:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            pass

def flow():
    try:
        yield Ask({name}, None, [Message.user("x")], {timeout})
    except SummaryError as error:
        print(error.reason, flush=True)

async def main():
    await arun_flow(flow(), None)

async def ends_meanwhile():
    task = asyncio.ensure_future(main())
    for _ in range(9):
        await asyncio.sleep(0)

async def behind():
    print(abegin("key", flow(), None), flush=True)
    await asyncio.sleep(0)

{run}
print("over", flush=True)
"""


def outcome(name: str, run: str, timeout: float = 0.05) -> tuple[str, str]:
    """What a program printed that ended by itself, and soon."""
    done = subprocess.run(
        [sys.executable, "-W", "always", "-c", PROGRAM.format(name=name, run=run, timeout=timeout)],
        env={"PYTHONPATH": str(Path(redialog.__file__).parents[1])},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=True,
    )
    return done.stdout, done.stderr


each_endless = pytest.mark.parametrize("name", ["blocked", "pending", "stubborn"])


@each_endless
@pytest.mark.parametrize("run", ["run_flow(flow(), None)", "asyncio.run(main())"])
def test_an_endless_summariser_never_keeps_a_process_from_its_end(name: str, run: str) -> None:
    """The flow goes on in time, the loop is closed, the interpreter ends, and nothing is said."""
    assert outcome(name, run) == ("timeout\nover\n", "")


@each_endless
@pytest.mark.parametrize(
    ("run", "printed"),
    [
        ("asyncio.run(ends_meanwhile())", "over\n"),
        ("asyncio.run(behind())", "True\nover\n"),
        ("print(begin('key', flow(), None), flush=True)", "True\nover\n"),
    ],
    ids=["cancelled", "background task", "background thread"],
)
def test_nor_does_one_that_is_still_asked(name: str, run: str, printed: str) -> None:
    """The end of a loop cancels the flow, that of the interpreter leaves it."""
    assert outcome(name, run, timeout=3600) == (printed, "")
