"""How figures are made of rounds, held against targets, and written down."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from benchmarks import targets
from benchmarks.contenders.base import Spent
from benchmarks.plot import costs
from benchmarks.report import BEGIN, END, Table, markdown, put
from benchmarks.sections.concurrent import Crowd
from benchmarks.timing import Pace, Series, Work, interleaved

ROOT = Path(__file__).parents[2]


def slowing(by: Sequence[float], base: float) -> Work:
    """What takes so many microseconds, times what the machine is slower in each round."""
    factors = iter(by)
    # Of fewer calls than that it only learns how many make a round.
    return lambda calls: Spent(base * (next(factors) if calls > 1_000 else 1), base)


def test_a_machine_that_slows_down_changes_no_ratio() -> None:
    """A ratio is one within a round, and a figure the median of them."""
    slower = [1, 5, 1, 2, 9]
    works = {"base": slowing(slower, 100.0), "ours": slowing(slower, 70.0)}
    series = interleaved(works, Pace(rounds=5, seconds=1.0))
    assert len(series["base"].rounds) == 5
    assert series["ours"].ratio(series["base"]) == pytest.approx(0.7)
    assert series["base"].wall_us == 200.0


def test_each_round_begins_with_another_one_and_tidies_before_it_measures() -> None:
    """So that what one leaves behind strikes not always the same."""
    seen: list[str] = []

    def work(name: str) -> Work:
        return lambda _: seen.append(name) or Spent(1e7, 1.0)  # type: ignore[func-returns-value]

    works = {"a": work("a"), "b": work("b")}
    interleaved(works, Pace(rounds=2, seconds=1.0, cap_s=100.0), lambda name: seen.append(name * 2))
    assert seen == ["a", "b", "aa", "a", "bb", "b", "bb", "b", "aa", "a"]


def test_what_the_first_call_costs_does_not_make_rounds_small() -> None:
    """It connects; a round is as long as was asked for all the same."""
    asked: list[int] = []

    def work(calls: int) -> Spent:
        asked.append(calls)
        return Spent(100.0 if asked[1:] else 400_000.0, 1.0)

    interleaved({"base": work}, Pace(rounds=2, seconds=0.1))
    assert asked[-2:] == [1_000, 1_000]


def test_who_takes_too_long_has_fewer_rounds_and_says_so() -> None:
    """The others have all of theirs; the ratio is that of the rounds of both."""
    works: dict[str, Work] = {
        "base": lambda _: Spent(1e6, 1.0),
        "slow": lambda _: Spent(4e6, 1.0),
    }
    series = interleaved(works, Pace(rounds=9, seconds=0.5, cap_s=10.0))
    assert [(len(one.rounds), one.capped) for one in series.values()] == [(9, False), (2, True)]
    assert series["slow"].ratio(series["base"]) == 4.0


def test_a_crowd_is_compared_round_by_round() -> None:
    """Turns per second, and what one turn in a hundred takes at least."""
    base, ours = Crowd(), Crowd()
    for seconds in 1.0, 2.0:
        base.add([0.01] * 98 + [0.05] * 2, seconds)
        ours.add([0.01] * 299 + [0.9], seconds)
    turns, p99 = ours.against(base)
    assert turns == 3.0
    assert p99 == pytest.approx(0.2)


@pytest.mark.parametrize("target", targets.TARGETS, ids=lambda target: target.what)
def test_a_target_is_met_at_its_limit_and_missed_beyond(target: targets.Target) -> None:
    """In the table, and in what the command complains of."""
    beyond = target.limit * (1.1 if target.kind == "<=" else 0.9)
    assert targets.missed({target.figure: target.limit}) == []
    assert len(targets.missed({target.figure: beyond})) == 1
    [row] = [row for row in targets.table({target.figure: beyond}).rows if row[3]]
    assert row[0] == target.what
    assert "missed" in row[3]


def test_tables_are_put_between_the_markers_of_a_page(tmp_path: Path) -> None:
    """The prose around them stays; a page without markers is refused."""
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    put(page, markdown([Table("A title", ["a", "b"], [["1", "2"]], "A note.")]))
    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith("\nafter\n")
    assert "old" not in text
    assert "### A title\n\n| a | b |\n| --- | --- |\n| 1 | 2 |\n\nA note.\n" in text
    page.write_text("no markers")
    with pytest.raises(ValueError, match="no markers"):
        put(page, "")


def test_the_page_of_the_documentation_has_them() -> None:
    """And the picture that stands in it is there."""
    page = ROOT / "docs" / "benchmarks.md"
    text = page.read_text()
    assert text.index(BEGIN) < text.index(END)
    assert "images/cost-over-length.png" in text
    assert (page.parent / "images" / "cost-over-length.png").exists()


def test_the_picture_has_plain_redis_in_the_shortest_session_as_1() -> None:
    """Each line by length; nothing of other operations or units."""
    figures = {
        "window at 10: redis-py: beside redis-py": 1.0,
        "window at 1000: redis-py: beside redis-py": 1.0,
        "window at 1000: redialog: beside redis-py": 0.5,
        "window at 10: redialog: beside redis-py": 0.8,
        "window at 10: redialog: us": 40.0,
        "append at 10: redialog: beside redis-py": 99.0,
        "growth: redis-py: window at 1000": 1.2,
    }
    assert costs(figures, "window", ["redis-py", "redialog", "absent"]) == {
        "redis-py": {10: 1.0, 1000: 1.2},
        "redialog": {10: 0.8, 1000: 0.6},
    }


def test_the_cpu_ratio_is_of_the_same_rounds() -> None:
    """As that by the clock."""
    base = Series([Spent(1.0, 2.0), Spent(1.0, 4.0)])
    ours = Series([Spent(9.0, 1.0), Spent(9.0, 2.0)])
    assert ours.cpu_ratio(base) == 0.5
