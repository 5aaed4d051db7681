"""The table, as text and as markdown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from faults.checking import KINDS
from faults.costs import Cost
from faults.running import Row
from faults.talking import Surfaced

HEAD = (
    "fault",
    "topology",
    "facade",
    "durability",
    "turns",
    *(kind.upper() for kind in KINDS),
    "errors (in doubt)",
    "away, s",
    "settled, s",
    "longest write, s",
    "append, ms",
)
WINDOW_HEAD = (*HEAD[:5], "LOST", "lost within, s", *HEAD[6:])
COST_HEAD = ("topology", "facade", "acknowledged, ms", "replicated, ms", "ratio")
TITLES = (
    "What must be zero",
    'What durability="acknowledged" can lose',
    'What durability="replicated" costs',
)
BEGIN, END = "<!-- make faults: begin -->", "<!-- make faults: end -->"
LATE = "*"

Lines = list[tuple[str, ...]]


def tables(rows: Sequence[Row], costs: Sequence[Cost] = ()) -> list[tuple[str, Lines]]:
    """Titles and lines, each beginning with its head; those without a row are left out."""
    zeros = [_zero(row) for row in rows if not row.may_lose]
    window = [_window(row) for row in rows if row.may_lose]
    made = (
        (TITLES[0], [HEAD, *zeros]),
        (TITLES[1], [WINDOW_HEAD, *window]),
        (TITLES[2], [COST_HEAD, *map(_cost, costs)]),
    )
    return [(title, lines) for title, lines in made if len(lines) > 1]


def _zero(row: Row) -> tuple[str, ...]:
    return (*_who(row), *(f"{row.counts[kind]}" for kind in KINDS), *_times(row))


def _window(row: Row) -> tuple[str, ...]:
    lost, *others = (f"{row.counts[kind]}" for kind in KINDS)
    within = f"{row.lost_s:.2f}" if row.counts["lost"] else ""
    return (*_who(row), lost, within, *others, *_times(row))


def _who(row: Row) -> tuple[str, ...]:
    return row.fault.name, row.fault.topology, row.facade, row.durability, f"{row.turns:,}"


def _times(row: Row) -> tuple[str, ...]:
    late = LATE if row.late else ""
    return (
        errors(row.errors),
        f"{row.away:.1f}" if row.away else "",
        f"{row.settled:.1f}" if row.settled and row.fault.watched else "",
        f"{row.longest:.1f}{late}",
        f"{row.append_ms:.1f}",
    )


def errors(surfaced: Iterable[Surfaced]) -> str:
    """Kinds and how many of each; in brackets, how many of them said that they are in doubt."""
    kinds: Counter[str] = Counter()
    doubts: Counter[str] = Counter()
    for one in surfaced:
        kinds[one.kind] += 1
        doubts[one.kind] += one.doubt
    return ", ".join(f"{kind} {kinds[kind]} ({doubts[kind]})" for kind in sorted(kinds)) or "none"


def _cost(cost: Cost) -> tuple[str, ...]:
    return (
        cost.topology,
        cost.facade,
        f"{cost.acknowledged_ms:.2f}",
        f"{cost.replicated_ms:.2f}",
        f"{cost.ratio:.2f}",
    )


def text(rows: Sequence[Row], costs: Sequence[Cost] = ()) -> str:
    """For a terminal: columns in line."""
    parts = []
    for title, lines in tables(rows, costs):
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        parts.append(title)
        parts += [
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
            for line in lines
        ]
        parts.append("")
    return "\n".join(parts)


def markdown(rows: Sequence[Row], costs: Sequence[Cost] = ()) -> str:
    """For a page."""
    parts = []
    for title, (head, *lines) in tables(rows, costs):
        parts += [f"### {title}", "", _line(head), _line(["---"] * len(head))]
        parts += [*map(_line, lines), ""]
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
