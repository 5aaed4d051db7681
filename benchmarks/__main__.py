"""``python -m benchmarks``: this library beside plain redis-py and its neighbours, as ratios.

A glance takes less than three minutes; ``--full`` what it needs. Contenders whose packages are not
installed are left out, and named.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import redis

from benchmarks import plot, regime, targets
from benchmarks.bench import FULL, GLANCE, Bench, Scale
from benchmarks.contenders import MODULES, langchain_js, left_out
from benchmarks.contenders.base import Missing, Place
from benchmarks.progress import progress
from benchmarks.report import Section, Table, markdown, put
from benchmarks.sections.catalogue import catalogue
from benchmarks.sections.concurrent import concurrent
from benchmarks.sections.contexts import contexts
from benchmarks.sections.gateway import gateway
from benchmarks.sections.imports import imports
from benchmarks.sections.memory import memory
from benchmarks.sections.server import server
from benchmarks.sections.single import single
from benchmarks.sections.wire import wire
from tests.support.servers import Server

SECTIONS: dict[str, Callable[[Bench], Section]] = {
    "single": single,
    "concurrent": concurrent,
    "contexts": contexts,
    "gateway": gateway,
    "server": server,
    "imports": imports,
    "wire": wire,
    "memory": memory,
    "catalogue": catalogue,
}
PICTURE = Path("docs/images/cost-over-length.png")


def arguments(given: Sequence[str] | None) -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(prog="make bench ARGS=", description=__doc__)
    parser.add_argument("--full", action="store_true", help="all that docs/benchmarks.md shows")
    parser.add_argument("--only", action="append", choices=SECTIONS, help="some sections")
    parser.add_argument("--rounds", type=int, help="rounds of each figure")
    parser.add_argument("--server", choices=("redis", "valkey"), default="redis")
    parser.add_argument("--check", action="store_true", help="fail where a target is missed")
    parser.add_argument("--awake", action="store_true", help="keep the cores from falling asleep")
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    parser.add_argument("--plot", type=Path, help="draw the cost by length into this PNG")
    parser.add_argument(
        "--page", type=Path, help=f"write the tables into this page, and {PICTURE} beside it"
    )
    return parser.parse_args(given)


def scale(options: argparse.Namespace) -> Scale:
    """How much is measured."""
    found = FULL if options.full else GLANCE
    if options.rounds is None:
        return found
    return msgspec.structs.replace(
        found,
        pace=msgspec.structs.replace(found.pace, rounds=options.rounds),
        concurrent=msgspec.structs.replace(found.concurrent, rounds=options.rounds),
    )


def measured(
    url: str, runner: asyncio.Runner, options: argparse.Namespace
) -> tuple[dict[str, float], list[Table], list[str]]:
    """Runs the sections.

    Returns:
        All figures, all tables, and who took part.
    """
    if options.full:
        try:
            langchain_js.install()
        except Missing as missing:
            print(f"LangChain JS: {missing}", file=sys.stderr)
    out = left_out(list(MODULES), Place(url, runner, url))
    names = [name for name in MODULES if name not in out]
    figures: dict[str, float] = {}
    tables: list[Table] = []
    begin = regime.regime(url)
    with progress() as shown, redis.Redis.from_url(url) as client:
        bench = Bench(url, runner, names, scale(options), shown)
        for name in options.only or SECTIONS:
            client.flushall()
            found = SECTIONS[name](bench)
            figures |= found.figures
            tables += found.tables
    head = [
        targets.table(figures),
        regime.table(begin, regime.regime(url), bench.scale.pace.rounds),
    ]
    if out:
        rows = [[name, why] for name, why in out.items()]
        tables.append(Table("Left out", ["contender", "why"], rows))
    return figures, head + tables, names


def main(given: Sequence[str] | None = None) -> int:
    """Runs the command.

    Returns:
        The exit code.
    """
    options = arguments(given)
    awake = regime.awake() if options.awake else contextlib.nullcontext()
    with awake, Server(options.server) as running, asyncio.Runner() as runner:
        figures, tables, names = measured(running.url, runner, options)
    text = markdown(tables)
    print(text)
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps({"figures": figures, "tables": text}, indent=1))
    if options.page:
        put(options.page, text)
    picture = options.plot or (options.page and PICTURE)
    if picture and "single" in (options.only or SECTIONS):
        plot.plot(figures, names, picture)
    missed = targets.missed(figures)
    print("\n".join(missed) or "every target that was measured is met", file=sys.stderr)
    return 1 if options.check and missed else 0


if __name__ == "__main__":
    # Whoever ends it leaves no servers behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main())
