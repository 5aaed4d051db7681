"""``python -m faults``: strikes every fault under load and prints what was lost: nothing.

Exit code 1 where a zero is not zero, or where a write took longer than it may.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from faults.catalogue import FAULTS, Fault, Grounds, grounds
from faults.costs import Cost, costs
from faults.crew import Facade
from faults.grounds import Ground
from faults.running import FACADES, GRACE_S, Row, merged, progress, run
from faults.tables import markdown, put, text

SHORT = (
    ("kill -9, restart", "one server"),
    ("reply cut and SCRIPT FLUSH", "one server"),
    ("primary killed", "Sentinel"),
    ("cut off, healed after the failover", "Sentinel"),
    ("primary killed", "Cluster"),
    ("resharding under load", "Cluster"),
)
"""What CI runs."""


def chosen(only: Sequence[str], *, short: bool) -> list[Fault]:
    """The faults to strike.

    Args:
        only: parts of their names or topologies, any of which is enough; none: all.
        short: whether only those of the short form.
    """
    found = [one for one in FAULTS if not short or (one.name, one.topology) in SHORT]
    wanted = [word.lower() for word in only]
    return [
        one
        for one in found
        if not wanted or any(word in f"{one.topology}: {one.name}".lower() for word in wanted)
    ]


def struck(
    fault: Fault, ground: Ground, facades: Sequence[Facade], options: argparse.Namespace
) -> list[Row]:
    """Strikes one fault, as often as is asked for."""
    began = time.monotonic()
    rounds = [
        run(fault, ground, facades, short=options.short, coalesce=not options.not_coalesced)
        for _ in range(options.rounds)
    ]
    rows = [merged(some) for some in zip(*rounds, strict=True)]
    wrong = sum(bool(row.wrong) for row in rows)
    progress(
        f"{fault.topology}: {fault.name}: {time.monotonic() - began:.0f} s, "
        f"{sum(row.turns for row in rows):,} turns, {sum(row.counts['lost'] for row in rows)} lost"
        f", {f'{wrong} rows WRONG' if wrong else 'as it must be'}"
    )
    return rows


def table(
    faults: Sequence[Fault], get: Grounds, options: argparse.Namespace
) -> tuple[list[Row], list[Cost]]:
    """Strikes faults one after the other; measures first where nothing is wrong, if all are struck.

    Args:
        faults: which; those of one topology stand together.
        get: where.
        options: of the command.
    """
    facades = tuple(one for one in FACADES if options.facade in (None, one))
    rows: list[Row] = []
    measured: list[Cost] = []
    for topology in dict.fromkeys(fault.topology for fault in faults):
        ground = get(topology)
        if topology != "one server" and not options.short and not options.only:
            progress(f"{topology}: what durability='replicated' costs")
            measured += costs(ground)
        for fault in faults:
            if fault.topology == topology:
                rows += struck(fault, ground, facades, options)
    return rows, measured


def complaints(rows: Sequence[Row]) -> list[str]:
    """What is not as it must be."""
    found = []
    for row in rows:
        who = f"{row.fault.topology}: {row.fault.name}, {row.facade}, {row.durability}"
        if row.wrong:
            found.append("\n    ".join([f"{who}: {', '.join(row.wrong)}", *row.examples]))
        if row.late:
            found.append(
                f"{who}: a write took {row.longest:.1f} s, and {row.promised:.1f} s are promised: "
                f"{GRACE_S:g} s longer than it took until the store could do it"
            )
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command.

    Returns:
        The exit code.
    """
    parser = argparse.ArgumentParser(prog="make faults ARGS=", description=__doc__)
    parser.add_argument(
        "--only", action="append", default=[], metavar="TEXT", help="faults with this in their name"
    )
    parser.add_argument("--facade", choices=FACADES, help="one of the two; both if not given")
    parser.add_argument(
        "--not-coalesced", action="store_true", help="each call over a connection of its own"
    )
    parser.add_argument("--rounds", type=int, default=1, help="how often each fault is struck")
    parser.add_argument("--short", action="store_true", help="a few faults, as in CI")
    parser.add_argument("--list", action="store_true", help="name the faults, and end")
    parser.add_argument("--markdown", action="store_true", help="print the tables as markdown")
    parser.add_argument(
        "--page", type=Path, help="put the tables between the markers of this file too"
    )
    options = parser.parse_args(arguments)
    faults = chosen(options.only, short=options.short)
    if options.list or not faults:
        print("\n".join(f"{one.topology}: {one.name}" for one in faults) or "no such fault")
        return 0 if faults else 2
    with grounds() as get:
        rows, measured = table(faults, get, options)
    print((markdown if options.markdown else text)(rows, measured))
    if options.page:
        put(options.page, markdown(rows, measured))
    wrong = complaints(rows)
    print("\n".join(wrong) or "every zero is zero, and no write took too long", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    # Whoever ends it leaves no servers behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main())
