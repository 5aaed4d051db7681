"""How far a run is, on standard error: a bar in a terminal, lines elsewhere."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from typing import Protocol


class Progress(Protocol):
    """Counts the steps of a section."""

    def begin(self, section: str, steps: int) -> None:
        """A section of so many steps begins."""

    def step(self, what: str) -> None:
        """A step begins."""


class Silent:
    """Says nothing."""

    def begin(self, section: str, steps: int) -> None:
        """A section of so many steps begins."""

    def step(self, what: str) -> None:
        """A step begins."""


class Lines:
    """A line for each step."""

    def __init__(self) -> None:
        self._section, self._steps, self._done = "", 0, 0
        self._began = time.monotonic()

    def begin(self, section: str, steps: int) -> None:
        """A section of so many steps begins."""
        self._section, self._steps, self._done = section, steps, 0

    def step(self, what: str) -> None:
        """A step begins."""
        self._done += 1
        print(
            f"{time.monotonic() - self._began:4.0f} s  {self._section} "
            f"{self._done}/{self._steps}: {what}",
            file=sys.stderr,
            flush=True,
        )


@contextlib.contextmanager
def progress() -> Iterator[Progress]:
    """A bar where there is a terminal and the extra `cli`, else lines."""
    if not sys.stderr.isatty():
        yield Lines()
        return
    try:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as Bars
    except ImportError:
        yield Lines()
        return
    columns = (
        TextColumn("{task.fields[section]}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
    )
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        yield _Bar(bars)


class _Bar:
    def __init__(self, bars: object) -> None:
        from rich.progress import Progress as Bars

        assert isinstance(bars, Bars)
        self._bars = bars
        self._task = bars.add_task("", total=None, section="")
        self._begun = False

    def begin(self, section: str, steps: int) -> None:
        """A section of so many steps begins."""
        self._bars.reset(self._task, total=steps, description="", section=section)
        self._begun = False

    def step(self, what: str) -> None:
        """A step begins; the one before is done."""
        if self._begun:
            self._bars.advance(self._task)
        self._begun = True
        self._bars.update(self._task, description=what)
