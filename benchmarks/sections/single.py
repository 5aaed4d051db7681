"""Single operations by the length of the session."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from benchmarks.bench import Bench
from benchmarks.contenders import opened
from benchmarks.contenders.base import OPERATIONS, WINDOW, Contender, Operation
from benchmarks.report import Section, Table, number
from benchmarks.timing import Pace, Series, Work, interleaved

SESSION = "single"
BASE = "redis-py"
ADAPTER, NEIGHBOUR = "redialog, LangChain", "langchain-community"
"""The same classes, so one is measured beside the other, too."""
CAPPED = "\\*"
_WARM_UP = 200
TITLES: dict[Operation, str] = {
    "append": "Append of a turn",
    "window": f"Window of {WINDOW}",
    "everything": "Full read",
}


def single(bench: Bench) -> Section:
    """Each operation at each length, as ratios to plain redis-py's; and long beside short."""
    section = Section()
    lengths = bench.scale.lengths
    found: dict[tuple[Operation, int], dict[str, Series]] = {}
    bench.progress.begin("single operations", len(lengths) * len(OPERATIONS) + 7)
    with opened(bench.names, bench.place) as contenders:
        _warm_up(contenders)
        for length in lengths:
            for contender in contenders.values():
                contender.fill(SESSION, length)
            # Appends last: they make sessions longer, however short before the next round.
            for operation in ("window", "everything", "append"):
                bench.progress.step(f"{TITLES[operation].lower()} at {length:,}")
                found[operation, length] = _measured(bench, contenders, operation, length)
        for operation in OPERATIONS:
            section.tables.append(_table(operation, lengths, found, contenders))
        grown = _growth(bench, contenders)
        section.tables += [_cpu_table(lengths, found, contenders), *grown.tables]
        section.figures |= grown.figures
        for (operation, length), series in found.items():
            section.figures |= _figures(f"{operation} at {length}", series, contenders)
    return section


def works(
    contenders: dict[str, Contender], operation: Operation, session: str = SESSION
) -> dict[str, Work]:
    """The same operation of all."""
    return {name: partial(one.run, operation, session) for name, one in contenders.items()}


def _warm_up(contenders: dict[str, Contender]) -> None:
    """Lets those that compile while they run do so."""
    for contender in contenders.values():
        contender.fill(SESSION, WINDOW)
        for operation in OPERATIONS:
            contender.run(operation, SESSION, _WARM_UP)
            contender.trim(SESSION, WINDOW)


def _measured(
    bench: Bench, contenders: dict[str, Contender], operation: Operation, length: int
) -> dict[str, Series]:
    def tidy(name: str) -> None:
        if operation == "append":
            contenders[name].trim(SESSION, length)

    wanted = length if operation == "everything" else min(length, WINDOW)
    for name, contender in contenders.items():
        if operation != "append" and (got := contender.count(operation, SESSION)) != wanted:
            raise AssertionError(f"{name} returned {got} messages instead of {wanted}")
    return interleaved(works(contenders, operation), bench.scale.pace, tidy)


def _figures(
    what: str, series: dict[str, Series], contenders: dict[str, Contender]
) -> dict[str, float]:
    found = {}
    for name, one in series.items():
        base = series[contenders[name].beside]
        found[f"{what}: {name}: ratio"] = one.ratio(base)
        found[f"{what}: {name}: CPU ratio"] = one.cpu_ratio(base)
        found[f"{what}: {name}: beside {BASE}"] = one.ratio(series[BASE])
        found[f"{what}: {name}: us"] = one.wall_us
        found[f"{what}: {name}: rounds"] = len(one.rounds)
    if ADAPTER in series and NEIGHBOUR in series:
        found[f"adapter: {what}"] = series[ADAPTER].ratio(series[NEIGHBOUR])
    return found


def _table(
    operation: Operation,
    lengths: tuple[int, ...],
    found: dict[tuple[Operation, int], dict[str, Series]],
    contenders: dict[str, Contender],
) -> Table:
    def cell(name: str, length: int) -> str:
        series = found[operation, length]
        one, base = series[name], series[contenders[name].beside]
        mark = CAPPED if one.capped else ""
        if one is base:
            return f"1 ({number(one.wall_us)} µs)"
        return number(one.ratio(base)) + mark

    rows = [
        [name, contender.beside, *(cell(name, length) for length in lengths)]
        for name, contender in contenders.items()
    ]
    capped = any(one.capped for key in found if key[0] == operation for one in found[key].values())
    return Table(
        f"{TITLES[operation]}, by the messages in the session",
        ["contender", "beside", *(f"{length:,}" for length in lengths)],
        rows,
        f"{CAPPED} Fewer rounds than the others, for it took too long." if capped else "",
    )


def _cpu_table(
    lengths: tuple[int, ...],
    found: dict[tuple[Operation, int], dict[str, Series]],
    contenders: dict[str, Contender],
) -> Table:
    """The client's CPU, in the middle of the lengths."""
    length = lengths[len(lengths) // 2]
    rows = []
    for name, contender in contenders.items():
        pairs = [
            (found[op, length][name], found[op, length][contender.beside]) for op in OPERATIONS
        ]
        rows.append(
            [
                name,
                contender.beside,
                *(f"{number(a.cpu_ratio(b))} ({number(a.cpu_us)} µs)" for a, b in pairs),
            ]
        )
    head = ["contender", "beside", *(TITLES[operation].lower() for operation in OPERATIONS)]
    return Table(f"CPU of the client at {length:,} messages", head, rows)


def _growth(bench: Bench, contenders: dict[str, Contender]) -> Section:
    """Long sessions beside the shortest, in the same rounds."""
    section = Section()
    lengths = bench.scale.lengths
    rows = []
    for name in ("redialog", "redialog asyncio", BASE):
        for operation in OPERATIONS if name == BASE else ("window", "append"):
            bench.progress.step(f"{name}: {operation} in long sessions beside short ones")
            # A window of a session that has less than one reads less.
            some = [max(length, WINDOW) for length in lengths] if operation == "window" else lengths
            ratios = growth(bench.scale.pace, contenders[name], operation, sorted({*some}))
            section.figures |= {
                f"growth: {name}: {operation} at {length}": ratio
                for length, ratio in ratios.items()
            }
            section.figures[f"growth: {name}: {operation}"] = ratios[lengths[-1]]
            if operation != "everything":
                few, many = min(ratios), max(ratios)
                shown = (f"{few:,}", f"{many:,}", number(ratios[many]))
                rows.append([name, TITLES[operation].lower(), *shown])
    head = ["contender", "operation", "short", "long", "ratio"]
    section.tables.append(Table("A long session beside a short one", head, rows))
    return section


def growth(
    pace: Pace, contender: Contender, operation: Operation, lengths: Sequence[int]
) -> dict[int, float]:
    """What an operation costs by length, as a ratio to the shortest session."""
    sizes = {f"{SESSION}-{length}": length for length in lengths}
    for session, length in sizes.items():
        contender.fill(session, length)

    def tidy(session: str) -> None:
        if operation == "append":
            contender.trim(session, sizes[session])

    series = interleaved(
        {session: partial(contender.run, operation, session) for session in sizes}, pace, tidy
    )
    least = series[f"{SESSION}-{lengths[0]}"]
    return {sizes[session]: one.ratio(least) for session, one in series.items()}
