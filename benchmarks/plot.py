"""A picture of what operations cost by the length of the session."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks.contenders.base import OPERATIONS
from benchmarks.sections.single import BASE, TITLES

OURS = "redialog"


def costs(
    figures: Mapping[str, float], operation: str, names: Sequence[str]
) -> dict[str, dict[int, float]]:
    """What an operation costs each contender by length, with plain redis-py's least as 1.

    Made of two ratios within rounds: that to plain redis-py in the same session, and that of plain
    redis-py to itself in the shortest.
    """
    found: dict[str, dict[int, float]] = {}
    for name in names:
        line: dict[int, float] = {}
        for figure, value in figures.items():
            where, _, rest = figure.partition(": ")
            if where.startswith(f"{operation} at ") and rest == f"{name}: beside {BASE}":
                length = int(where.rpartition(" ")[2])
                line[length] = value * figures.get(f"growth: {BASE}: {where}", 1.0)
        if line:
            found[name] = dict(sorted(line.items()))
    return found


def plot(figures: Mapping[str, float], names: Sequence[str], path: Path) -> None:
    """Draws it.

    Raises:
        ImportError: there is no matplotlib, which the group `bench` has.
    """
    # By name: the environment of the type checker need not have it.
    matplotlib: Any = import_module("matplotlib")
    matplotlib.use("Agg")
    plt: Any = import_module("matplotlib.pyplot")
    figure, axes = plt.subplots(1, len(OPERATIONS), figsize=(13, 4.2), sharey=False)
    for axis, operation in zip(axes, OPERATIONS, strict=True):
        for place, (name, line) in enumerate(costs(figures, operation, names).items()):
            axis.plot(
                list(line),
                list(line.values()),
                label=name,
                color=f"C{place}",
                marker="o",
                markersize=3,
                linewidth=2.6 if name.startswith(OURS) else 1.2,
                linestyle="-" if name.startswith(OURS) else "--",
            )
        axis.set(xscale="log", yscale="log", title=TITLES[operation], xlabel="messages in session")
        axis.grid(visible=True, which="major", alpha=0.3)
    axes[0].set_ylabel(f"cost; 1: {BASE}, shortest session")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower center", ncol=5, frameon=False)
    figure.tight_layout(rect=(0, 0.12, 1, 1))
    path.parent.mkdir(parents=True, exist_ok=True)
    # Without the versions and dates that would make each drawing another file.
    figure.savefig(path, dpi=110, metadata={"Software": None})
    plt.close(figure)
