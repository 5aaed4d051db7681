"""One fault, struck under load, and what it did."""

from __future__ import annotations

import statistics
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack

import msgspec

from faults.auditing import Audit
from faults.catalogue import Fault
from faults.checking import Finding, Kind
from faults.crew import Durability, Facade, opened
from faults.crews import Crew, names, plan
from faults.grounds import Away, Ground, Scene, Watch
from faults.talking import Ledger, Surfaced
from faults.turns import Said, Turn
from redialog import ChatMemory

FACADES: tuple[Facade, ...] = ("sync", "async")
DURABILITIES: tuple[Durability, ...] = ("acknowledged", "replicated")
QUIET_S = 1.5
GRACE_S = 2.0
"""How much longer than the store was away a write may take."""


class Row(msgspec.Struct):
    """What became of the turns of one facade with one durability.

    Attributes:
        fault: what was struck.
        facade: which.
        durability: the same.
        turns: that were acknowledged.
        counts: of findings.
        errors: that surfaced.
        away: how long the store was.
        settled: how long it took until a write could be confirmed again.
        longest: how many seconds the longest turn took, from its first call to its end.
        append_ms: the median of an append before the fault.
        lost_s: how much time lies between the first and the last loss.
        late: whether a turn took longer than it may.
        examples: of what was found.
    """

    fault: Fault
    facade: Facade
    durability: Durability
    turns: int = 0
    counts: Counter[Kind] = msgspec.field(default_factory=Counter)
    errors: list[Surfaced] = []
    away: float = 0.0
    settled: float = 0.0
    longest: float = 0.0
    append_ms: float = 0.0
    lost_s: float = 0.0
    late: bool = False
    examples: list[str] = []

    @property
    def promised(self) -> float:
        """How many seconds a write may take at most."""
        return GRACE_S + (self.settled if self.durability == "replicated" else self.away)

    @property
    def may_lose(self) -> bool:
        """Whether a loss is the documented one."""
        return self.fault.window and self.durability == "acknowledged"

    @property
    def wrong(self) -> list[str]:
        """What is not zero and must be."""
        found = [
            f"{times} {kind}"
            for kind, times in self.counts.items()
            if times and not (kind == "lost" and self.may_lose)
        ]
        untyped = [one.kind for one in self.errors if not one.typed]
        return [*found, *untyped, *([] if self.turns else ["nothing was written"])]


def run(
    fault: Fault,
    ground: Ground,
    facades: Sequence[Facade] = FACADES,
    *,
    short: bool = False,
    coalesce: bool = True,
) -> list[Row]:
    """Strikes a fault while everybody writes, and reads what is there afterwards.

    Args:
        fault: which.
        ground: where; what was there is removed.
        facades: who writes.
        short: whether it has to be short.
        coalesce: whether what tasks ask at the same moment goes together, as is the default.

    Returns:
        A row for each facade and durability.
    """
    durabilities = DURABILITIES
    if fault.topology == "one server" or fault.only_acknowledged:
        durabilities = ("acknowledged",)
    ground.clear()
    ground.configure({name: value for name, (value, _) in fault.settings.items()})
    try:
        options: dict[str, object] = {} if coalesce else {"coalesce": False}
        if fault.proxied:
            options |= {"socket_timeout": 1.0, "socket_connect_timeout": 1.0}
        return _struck(fault, Scene(ground, short), facades, durabilities, options)
    finally:
        ground.configure({name: value for name, (_, value) in fault.settings.items()})


def _struck(
    fault: Fault,
    scene: Scene,
    facades: Sequence[Facade],
    durabilities: Sequence[Durability],
    options: Mapping[str, object],
) -> list[Row]:
    ground = scene.ground
    url = ground.url(proxied=fault.proxied)
    ids = {one: ground.ids(one, names(tuple(facades))) for one in durabilities}
    with ExitStack() as stack:
        crews = [
            stack.enter_context(Crew(plan(facade, one, url, ids[one], **options)))
            for one in durabilities
            for facade in facades
        ]
        for crew in crews:
            crew.wait_ready()
        scene.stay(QUIET_S)
        away = _strike(fault, scene)
        scene.stay(0.3)
        ledgers = _stopped(crews)
    rows = []
    for one in durabilities:
        written = {
            crew.plan.facade: ledger for crew, ledger in ledgers if crew.plan.durability == one
        }
        findings = _audited(ground, one, ids[one], written)
        rows += [
            _row(Row(fault, facade, one), ledger, findings, away, scene.struck)
            for facade, ledger in written.items()
        ]
    return rows


def _strike(fault: Fault, scene: Scene) -> Away:
    if not fault.watched:
        fault.strike(scene)
        longest = max(scene.gaps, default=0.0)
        return Away(longest, longest)
    with Watch(scene.ground) as watch:
        fault.strike(scene)
    return watch.away(scene.struck)


def _stopped(crews: Iterable[Crew]) -> list[tuple[Crew, Ledger]]:
    """All are told before the first is waited for: they share a session."""
    told = list(crews)
    for crew in told:
        crew.tell()
    return [(crew, crew.stop()) for crew in told]


def _audited(
    ground: Ground, durability: Durability, ids: dict[str, str], written: dict[Facade, Ledger]
) -> list[Finding]:
    whole = Ledger({}, [])
    for ledger in written.values():
        for session, said in ledger.said.items():
            whole.said.setdefault(session, []).extend(said)
    memory: ChatMemory = opened(
        plan(next(iter(written)), durability, ground.url(proxied=False), ids), ChatMemory
    )
    primaries = ground.primaries()
    try:
        with memory:
            return Audit(memory, primaries, durability, ids, whole).findings()
    finally:
        for client in primaries:
            client.close()


def _row(row: Row, ledger: Ledger, findings: Sequence[Finding], away: Away, struck: float) -> Row:
    said = [one for turns in ledger.said.values() for one in turns]
    done = [one for one in said if one.fate == "stored"]
    mine = [one for one in findings if _concerns(one, row.facade, ledger)]
    row.turns = len(done)
    row.counts = Counter(one.kind for one in mine)
    row.examples = [
        f"{one.kind}: {one.session or 'the store'}: {one.turn or 'all'}: {one.what}"
        for one in mine[:5]
    ]
    row.errors = ledger.errors
    row.away, row.settled = away
    row.longest = max((one.end - one.begin for one in said), default=0.0)
    row.late = row.longest > row.promised
    quiet = [one.end - one.begin for one in done if one.end < struck]
    row.append_ms = statistics.median(quiet) * 1000 if quiet else 0.0
    row.lost_s = _span({one.turn for one in mine if one.kind == "lost" and one.turn}, done)
    return row


def _concerns(finding: Finding, facade: Facade, ledger: Ledger) -> bool:
    """Whether something is wrong with a facade's own turns, or with what it shares."""
    if finding.turn is not None:
        return finding.turn.writer.startswith(f"{facade}.")
    return finding.session in ("", *ledger.said)


def _span(lost: set[Turn | None], done: Sequence[Said]) -> float:
    ends = [one.end for one in done if one.turn in lost]
    return max(ends) - min(ends) if ends else 0.0


def merged(rows: Sequence[Row]) -> Row:
    """One row of several rounds: sums, and of the times the round that was worst."""
    first, *others = rows
    for one in others:
        first.turns += one.turns
        first.counts += one.counts
        first.errors = [*first.errors, *one.errors]
        first.examples = [*first.examples, *one.examples]
        first.lost_s = max(first.lost_s, one.lost_s)
        first.late = first.late or one.late
        if one.longest - one.promised > first.longest - first.promised:
            first.longest, first.away, first.settled = one.longest, one.away, one.settled
    first.append_ms = statistics.median(one.append_ms for one in rows)
    return first


def progress(text: str) -> None:
    """Says on the standard error what goes on."""
    print(text, file=sys.stderr, flush=True)
