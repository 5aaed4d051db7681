"""What the command says and how it ends."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from faults import __main__ as command
from faults.catalogue import FAULTS, Fault
from faults.checking import Kind
from faults.costs import Cost
from faults.running import Row, merged
from faults.tables import BEGIN, END, TITLES, markdown, put, text
from faults.talking import Surfaced

ROOT = Path(__file__).parents[2]
ALWAYS = next(one for one in FAULTS if not one.window)
WINDOW = next(one for one in FAULTS if one.window)


def row(fault: Fault = ALWAYS, kind: Kind | None = None, **values: object) -> Row:
    found = Row(fault, "sync", "acknowledged", turns=10)
    if kind is not None:
        found.counts = Counter({kind: 1})
    for name, value in values.items():
        setattr(found, name, value)
    return found


@pytest.mark.parametrize("kind", ["lost", "duplicated", "reordered", "split", "no ttl", "stray"])
def test_what_is_not_zero_is_complained_of(kind: Kind) -> None:
    """Everywhere, but for a loss that is documented."""
    assert command.complaints([row()]) == []
    assert len(command.complaints([row(kind=kind)])) == 1
    assert bool(command.complaints([row(WINDOW, kind)])) == (kind != "lost")
    replicated = row(WINDOW, kind, durability="replicated")
    assert len(command.complaints([replicated])) == 1


def test_so_is_an_error_of_another_kind_and_a_run_without_a_turn() -> None:
    """A writer that broke, or never wrote, proves nothing."""
    broken = Surfaced("KeyError('x')", doubt=True, typed=False)
    assert len(command.complaints([row(errors=[broken])])) == 1
    assert len(command.complaints([row(turns=0)])) == 1


def test_a_write_that_took_too_long_is_complained_of() -> None:
    """By more than two seconds longer than the store was away or, replicated, not yet settled."""
    assert len(command.complaints([row(longest=4.1, away=2.0, late=True)])) == 1
    assert row(away=2.0, settled=5.0).promised == 4.0
    assert row(away=2.0, settled=5.0, durability="replicated").promised == 7.0


def test_the_exit_code_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    """0 where all is as it must be, 1 where it is not, 2 where there is no such fault."""
    for rows, code in ([row()], 0), ([row(kind="lost")], 1):
        monkeypatch.setattr(command, "table", lambda *_, rows=rows: (rows, []))
        assert command.main(["--only", ALWAYS.name]) == code
    assert command.main(["--only", "no such thing"]) == 2


def test_rounds_are_added_up() -> None:
    """Of the times, the round counts that came closest to its limit."""
    near = row(kind="lost", longest=2.5, away=1.0)
    far = row(kind="lost", longest=5.0, away=4.5, late=True)
    both = merged([far, near])
    assert (both.turns, both.counts["lost"], both.late) == (20, 2, True)
    assert (both.longest, both.away) == (2.5, 1.0)


def test_what_may_be_lost_stands_apart() -> None:
    """The table of zeros holds nothing that may be something else."""
    rows = [row(), row(WINDOW, "lost")]
    shown = markdown(rows, [Cost("Sentinel", "sync", 1.0, 2.0, 2.0)])
    zeros, window, cost = (shown.index(f"### {title}") for title in TITLES)
    assert zeros < shown.index(f"| {ALWAYS.name} |") < window
    assert window < shown.index(f"| {WINDOW.name} |") < cost
    assert WINDOW.name in text(rows)


def test_a_page_gets_the_tables_between_its_markers(tmp_path: Path) -> None:
    """What stands around them stays; a page without markers is refused."""
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}old{END}\nafter\n")
    put(page, "new")
    assert page.read_text() == f"before\n{BEGIN}\n\nnew\n{END}\nafter\n"
    page.write_text("nothing")
    with pytest.raises(ValueError, match="markers"):
        put(page, "new")


def test_the_page_shows_every_fault() -> None:
    """The table in the documentation is one of a whole run, and all its zeros are zero."""
    page = (ROOT / "docs" / "faults.md").read_text(encoding="utf-8")
    zeros, _, rest = page.partition(BEGIN)[2].partition(f"### {TITLES[1]}")
    for fault in FAULTS:
        shown = zeros if not fault.only_acknowledged else rest
        assert f"| {fault.name} | {fault.topology} | sync |" in shown
        assert f"| {fault.name} | {fault.topology} | async |" in shown
    lines = [line.split(" | ") for line in zeros.splitlines() if "acknowledged" in line]
    lines += [line.split(" | ") for line in zeros.splitlines() if "replicated" in line]
    assert all(cells[5:11] == ["0"] * 6 for cells in lines)
