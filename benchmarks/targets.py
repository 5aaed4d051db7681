"""What was aimed at, and which figure says whether it is met."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from benchmarks.report import Table, number
from benchmarks.sections.memory import KINDS

AT = 1_000
"""The length of a session, where a target names none."""


class Target(msgspec.Struct, frozen=True):
    """One target.

    Attributes:
        what: in words.
        kind: whether it is a maximum or a minimum.
        limit: the number.
        figure: the name of what is measured.
        unit: of both; none for a ratio.
    """

    what: str
    kind: Literal["<=", ">="]
    limit: float
    figure: str
    unit: str = ""

    def met(self, value: float) -> bool:
        """Whether a measured value keeps it."""
        return value <= self.limit if self.kind == "<=" else value >= self.limit


_OWNED = list(KINDS)[-1]
TARGETS = (
    Target(f"append of a turn, sync, at {AT:,}", "<=", 0.90, f"append at {AT}: redialog: ratio"),
    Target("the same, client CPU", "<=", 0.65, f"append at {AT}: redialog: CPU ratio"),
    Target("the same, server CPU", "<=", 15, "server: redialog: us", "µs"),
    Target(f"window of 20, sync, at {AT:,}", "<=", 0.85, f"window at {AT}: redialog: ratio"),
    Target(
        f"append of a turn, asyncio, at {AT:,}",
        "<=",
        0.90,
        f"append at {AT}: redialog asyncio: ratio",
    ),
    Target(
        f"window of 20, asyncio, at {AT:,}", "<=", 0.90, f"window at {AT}: redialog asyncio: ratio"
    ),
    Target("window in the longest session beside one of 20", "<=", 1.1, "growth: redialog: window"),
    Target("append in the longest session beside one of 10", "<=", 1.1, "growth: redialog: append"),
    Target(
        "64 asyncio sessions, window and append: turns per second",
        ">=",
        3,
        "one process: redialog asyncio: turns",
    ),
    Target("the same, p99", "<=", 1.0, "one process: redialog asyncio: p99"),
    Target("full read of 10,000", "<=", 0.95, "everything at 10000: redialog: ratio"),
    Target("memory: a log of 20 beside its JSON", "<=", 1.05, "memory: log at 20"),
    Target("memory: a log of 1,000 beside its JSON", "<=", 1.05, "memory: log at 1000"),
    Target(
        f"memory: a session {_OWNED}, besides its log",
        "<=",
        350,
        f"memory: besides, {_OWNED}",
        "bytes",
    ),
    Target(
        "context of 4,000 tokens at 10,000 beside its window",
        "<=",
        2.0,
        "context: beside its window",
    ),
    Target("import redialog above bare Python", "<=", 30, "import: redialog", "ms"),
    Target(
        "LangChain adapter beside langchain-community: window of 20 at 100",
        "<=",
        0.5,
        "adapter: window at 100",
    ),
    Target("the same, full read of 1,000", "<=", 0.5, "adapter: everything at 1000"),
    Target("append through the gateway beside hello, 32 clients", "<=", 2.0, "gateway: append"),
)


def missed(figures: Mapping[str, float]) -> list[str]:
    """The targets that were measured and are not met."""
    return [
        f"{target.what}: {_shown(target, figures[target.figure])}, the target is "
        f"{target.kind} {target.limit:g}"
        for target in TARGETS
        if target.figure in figures and not target.met(figures[target.figure])
    ]


def table(figures: Mapping[str, float]) -> Table:
    """All targets, with what was measured beside them."""
    rows = []
    for target in TARGETS:
        value = figures.get(target.figure)
        measured, met = "not measured", ""
        if value is not None:
            measured, met = _shown(target, value), "met" if target.met(value) else "**missed**"
        rows.append(
            [target.what, f"{target.kind} {target.limit:g} {target.unit}".strip(), measured, met]
        )
    return Table("Targets", ["what", "target", "measured", ""], rows)


def _shown(target: Target, value: float) -> str:
    return f"{number(value)} {target.unit}".strip()
