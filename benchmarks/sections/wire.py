"""Bytes and round trips of each operation, counted by a proxy: exact, whatever the machine does."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from urllib.parse import urlsplit

import msgspec

from benchmarks.bench import Bench
from benchmarks.contenders import opened
from benchmarks.contenders.base import OPERATIONS, WINDOW, Contender, Operation, Place
from benchmarks.report import Section, Table
from tests.support.proxy import FaultProxy

SESSION = "wire"
LENGTH = 1_000
CALLS = 15
"""An append in 64 looks for expired sessions too; the median is of those that do not."""
REPLY_S = 0.003
"""A large request that is written in pieces is one round trip all the same; see `FaultProxy`."""


class Counts(msgspec.Struct, frozen=True):
    """What one call is on the wire; the median of several."""

    round_trips: int
    bytes_up: int
    bytes_down: int


def wire(bench: Bench) -> Section:
    """What each contender's calls are on the wire."""
    bench.progress.begin("on the wire", len(bench.names))
    section = Section()
    rows = []
    for name in bench.names:
        bench.progress.step(name)
        for operation, one in counted(bench.place, name).items():
            figures = {field: getattr(one, field) for field in one.__struct_fields__}
            section.figures |= {
                f"wire: {name}: {operation}: {field}": value for field, value in figures.items()
            }
            rows.append([name, operation, *(f"{value:,}" for value in figures.values())])
    head = ["contender", "operation", "round trips", "bytes sent", "bytes received"]
    note = (
        f"Window of {WINDOW} and full read of {LENGTH:,} messages. Counted, not timed: the same in "
        "every run."
    )
    section.tables.append(Table("Round trips and bytes", head, rows, note))
    return section


def counted(
    place: Place, name: str, operations: Sequence[Operation] = OPERATIONS
) -> dict[Operation, Counts]:
    """What a contender's operations are on the wire."""
    target = urlsplit(place.direct)
    assert target.hostname is not None
    assert target.port is not None
    with FaultProxy(target.hostname, target.port) as proxy:
        behind = Place(proxy.url, place.runner, place.direct)
        with opened([name], behind) as contenders:
            found = {}
            for operation in operations:
                contenders[name].fill(SESSION, LENGTH)
                found[operation] = _counts(proxy, contenders[name], operation)
    return found


def _counts(proxy: FaultProxy, contender: Contender, operation: Operation) -> Counts:
    contender.run(operation, SESSION, 1)
    proxy.delay(REPLY_S)
    counts = []
    for _ in range(CALLS):
        proxy.reset_counters()
        contender.run(operation, SESSION, 1)
        counts.append((proxy.round_trips, proxy.bytes_up, proxy.bytes_down))
    proxy.delay(0)
    return Counts(*(int(statistics.median(values)) for values in zip(*counts, strict=True)))
