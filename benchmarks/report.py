"""What a section found, as figures and as markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

BEGIN, END = "<!-- make bench-full: begin -->", "<!-- make bench-full: end -->"


class Table(msgspec.Struct):
    """A table of texts.

    Attributes:
        title: over it.
        head: of its columns.
        rows: of it.
        note: a sentence under it.
    """

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""


class Section(msgspec.Struct):
    """What one part of the suite found.

    Attributes:
        figures: each by a name that stays the same from run to run; targets look there.
        tables: the same to read.
    """

    figures: dict[str, float] = {}
    tables: list[Table] = []


def markdown(tables: Iterable[Table], level: int = 3) -> str:
    """Tables for a page."""
    parts = []
    for table in tables:
        parts += [f"{'#' * level} {table.title}", "", _line(table.head)]
        parts += [_line(["---"] * len(table.head)), *map(_line, table.rows), ""]
        if table.note:
            parts += [table.note, ""]
    return "\n".join(parts)


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def put(page: Path, tables: str) -> None:
    """Replaces what stands between a page's markers.

    Raises:
        ValueError: it has none.
    """
    before, begin, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{page} has no markers {BEGIN} and {END}")
    page.write_text(f"{before}{BEGIN}\n\n{tables}\n{END}{after}", encoding="utf-8")


def number(value: float) -> str:
    """With as many digits as tell something."""
    if value < 10:
        return f"{value:.2f}"
    return f"{value:.1f}" if value < 100 else f"{value:,.0f}"
