"""The table of `redialog ls`: widths, cuts, and how long ago."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from redialog import SessionInfo
from redialog.cli.table import Plain, Screen, ago, clipped, columns

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
UUID = "01a20010-8bc6-7000-a9ed-13d8004943ea"


def session(session_id: str, user: str | None = None, title: str | None = None) -> SessionInfo:
    """What is known of a session with 7 messages that was active just now."""
    return SessionInfo(session_id, True, 7, user, title, updated_at=NOW)


@pytest.mark.parametrize(
    ("age", "text"),
    [
        (timedelta(seconds=-90), "just now"),
        (timedelta(seconds=59), "just now"),
        (timedelta(seconds=60), "1 min ago"),
        (timedelta(minutes=59, seconds=59), "59 min ago"),
        (timedelta(hours=1), "1 h ago"),
        (timedelta(hours=23, minutes=59), "23 h ago"),
        (timedelta(days=1), "1 d ago"),
        (timedelta(days=30, hours=23), "30 d ago"),
        (timedelta(days=31), "2025-12-31"),
    ],
)
def test_how_long_ago(age: timedelta, text: str) -> None:
    """The largest whole unit; a server whose clock is ahead is not in the future."""
    assert ago(NOW - age, NOW) == text


def test_an_unknown_time() -> None:
    """Where the time is not known, or beyond all dates, there is a dash."""
    assert ago(None, NOW) == "-"


@pytest.mark.parametrize(
    ("text", "width"), [("", 0), ("abc", 3), ("日本", 4), ("e\u0301", 1), ("Zoë", 3), ("😀", 2)]
)
def test_columns(text: str, width: int) -> None:
    """East Asian characters take two columns, combining ones none."""
    assert columns(text) == width


@pytest.mark.parametrize(
    ("most", "text"), [(4, "日本"), (3, "日…"), (2, "…"), (1, "…"), (0, ""), (-3, "")]
)
def test_a_cut(most: int, text: str) -> None:
    """It never takes more than there is room for, and shows that something is missing."""
    assert clipped("日本", most) == text


def test_all_columns_on_eighty() -> None:
    """Random ids, users and titles have room side by side on an ordinary terminal."""
    screen = Screen(80, NOW)
    page = [session(UUID, "ann.lee@example.com", "A trip to Rome"), session(UUID)]
    heading = screen.heading(page)
    lines = screen.lines(page)
    assert len(lines) == 2
    assert heading.index("ACTIVE") == lines[0].index("just now") == lines[1].index("just now")
    assert heading.index("USER") == lines[0].index("ann.lee@exa…")
    assert heading.index("TITLE") == lines[0].index("A trip")
    assert max(map(columns, lines)) <= 80


def test_a_long_id_does_not_widen_the_others() -> None:
    """It has a line of its own, and one that fills a screen is cut."""
    screen = Screen(80, NOW)
    page = [session("a"), session("x" * 50), session("y" * 5000)]
    screen.heading(page)
    lines = screen.lines(page)
    assert lines[0].startswith("a      7  just now")
    assert lines[1:3] == ["x" * 50, lines[0].replace("a", " ", 1)]
    assert lines[3] == "y" * 199 + "…"


def test_later_pages_fit_too() -> None:
    """Wider cells of a later page neither break the line nor make columns narrower again."""
    screen = Screen(60, NOW)
    screen.heading([session("a", "b", "t" * 80)])
    screen.lines([session("a", "b", "t" * 80)])
    lines = screen.lines([session(UUID, "ann.lee@example.com", "日" * 40)])
    assert lines[0] == UUID
    assert max(map(columns, lines)) <= 60
    assert max(map(columns, screen.lines([session("a", "b", "t" * 80)]))) <= 60


def test_a_pipe_gets_everything() -> None:
    """Nothing is cut; columns grow from page to page, but for what is wider than all reason."""
    plain = Plain()
    long = "x" * 5000
    first = plain.lines([session("a", "ann", "t" * 500), session(long, "日本", long)])
    assert first[0].startswith("a  7  2026-01-31T12:00:00Z  ann   t")
    assert first[0].endswith("t" * 500)
    assert first[1] == f"{long}  7  2026-01-31T12:00:00Z  日本  {long}"
    second = plain.lines([session("abc"), session("a")])
    assert second[1] == "a    7  2026-01-31T12:00:00Z  -     -"
    assert plain.lines([session("a", "ann")])[0].startswith("a    7  ")
