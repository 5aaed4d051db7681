"""A listing of sessions as text: whole and in columns for a pipe, as wide as the screen for people.

Lines are made a page at a time, so columns only ever grow: a listing is never held as a whole.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from redialog.cli.console import visible

if TYPE_CHECKING:
    from redialog import SessionInfo

HEADINGS = ("ID", "MSGS", "ACTIVE", "USER", "TITLE")
EMPTY = "-"
GAP = "  "

_MOST_ALIGNED = 40
"""A wider cell does not count: else one hostile id would blow up all the lines around it."""

_MOST_OF_AN_ID, _MOST_OF_A_USER, _LEAST_OF_A_TITLE = 200, 12, 10
_RIGHT = 1
"""The column of numbers."""


def columns(text: str) -> int:
    """How many columns of a terminal the text takes."""
    if text.isascii():
        return len(text)
    return sum(_columns(character) for character in text)


def _columns(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def clipped(text: str, most: int) -> str:
    """The text, cut to so many columns; an ellipsis says that something is missing."""
    if columns(text) <= most:
        return text
    kept, taken = "", 0
    for character in text:
        taken += _columns(character)
        if taken > most - 1:
            break
        kept += character
    return kept + "…" if most > 0 else ""


def ago(then: datetime | None, now: datetime) -> str:
    """How long ago something was, in at most 10 columns; the date where that is over 30 days."""
    if then is None:
        return EMPTY
    seconds = (now - then).total_seconds()
    if seconds < 60:  # noqa: PLR2004
        # Also where the server's clock is ahead.
        return "just now"
    for unit, size, most in (("min", 60, 60), ("h", 3600, 24), ("d", 86_400, 31)):
        if (number := int(seconds // size)) < most:
            return f"{number} {unit} ago"
    return f"{then:%Y-%m-%d}"


class Plain:
    """One line for a session, with all there is: for a pipe or a file."""

    def __init__(self) -> None:
        self._widths = [0] * len(HEADINGS)

    def lines(self, sessions: Sequence[SessionInfo]) -> list[str]:
        """The lines of a page."""
        rows = [self._cells(info) for info in sessions]
        self._widths = _grown(self._widths, rows)
        return [_aligned(row, self._widths) for row in rows]

    def _cells(self, info: SessionInfo) -> list[str]:
        at = info.updated_at
        active = EMPTY if at is None else f"{at:%Y-%m-%dT%H:%M:%SZ}"
        return [_text(info.session_id), str(info.count), active, *_words(info)]


class Screen:
    """What fits the width of a terminal: an id that does not stands in a line of its own.

    Args:
        width: of the terminal, in columns.
        now: the time.
    """

    def __init__(self, width: int, now: datetime) -> None:
        self._width = width
        self._now = now
        self._widths = [columns(heading) for heading in HEADINGS]
        self._widths[2] = columns("2026-01-02")
        self._narrow: bool | None = None

    def heading(self, sessions: Sequence[SessionInfo]) -> str:
        """The line above all; the first page decides whether there is room for columns.

        Args:
            sessions: of the first page.
        """
        self._fit([self._cells(info) for info in sessions])
        return "\n".join(self._placed(list(HEADINGS)))

    def lines(self, sessions: Sequence[SessionInfo]) -> list[str]:
        """The lines of a page."""
        rows = [self._cells(info) for info in sessions]
        self._fit(rows)
        return [line for row in rows for line in self._placed(row)]

    def _cells(self, info: SessionInfo) -> list[str]:
        session_id = clipped(_text(info.session_id), _MOST_OF_AN_ID)
        user, title = _words(info)
        active = ago(info.updated_at, self._now)
        return [session_id, str(info.count), active, clipped(user, _MOST_OF_A_USER), title]

    def _fit(self, rows: Sequence[list[str]]) -> None:
        grown = _grown(self._widths, rows)
        if self._narrow is None:
            self._narrow = _room(grown, self._width) < _LEAST_OF_A_TITLE
        if self._narrow:
            grown[0] = 0
        elif _room(grown, self._width) < 0:
            # A later page has wider cells: they wait for the next line, too.
            grown[0] = self._widths[0]
        self._widths = grown

    def _placed(self, row: list[str]) -> list[str]:
        if columns(row[0]) <= self._widths[0]:
            return [clipped(_aligned(row, self._widths), self._width)]
        rest = _aligned(["", *row[1:]], self._widths)
        return [row[0], clipped(rest, self._width)]


def _room(widths: Sequence[int], width: int) -> int:
    """What is left for the last column."""
    return width - sum(widths[:-1]) - len(GAP) * (len(widths) - 1)


def _text(value: str | None) -> str:
    return visible(value, one_line=True) if value else EMPTY


def _words(info: SessionInfo) -> tuple[str, str]:
    return _text(info.user_id), _text(info.title)


def _grown(widths: Sequence[int], rows: Sequence[Sequence[str]]) -> list[int]:
    """The widths of columns that hold these cells too."""
    wanted = [
        [width for row in rows if (width := columns(row[at])) <= _MOST_ALIGNED]
        for at in range(len(widths))
    ]
    return [max([width, *more]) for width, more in zip(widths, wanted, strict=True)]


def _aligned(row: Sequence[str], widths: Sequence[int]) -> str:
    padded = [
        " " * (width - columns(cell)) + cell
        if at == _RIGHT
        else cell + " " * (width - columns(cell))
        for at, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]
    # The last column ends where its text does.
    return GAP.join([*padded[:-1], row[-1]]).rstrip(" ")
