"""Findings and diagnoses as values: levels, words, JSON, what several nodes say as one."""

from __future__ import annotations

import json

from redialog.diagnosis import LEVELS, Diagnosis, Finding, gathered, listed

FOUND = Diagnosis(
    "redis://localhost:6379/0",
    (
        Finding("server", "ok", "Redis 7.0.15", facts={"version": "7.0.15"}),
        Finding("eviction", "warning", "allkeys-lru", "set it", nodes=("a:1", "b:2")),
        Finding("clock", "not_checked", "the ACL user may not run TIME", facts={"names": ("x",)}),
    ),
)


def test_the_worst_level_counts() -> None:
    """From ok to error; an empty diagnosis is ok."""
    assert FOUND.level == "warning"
    assert Diagnosis("", ()).level == "ok"
    for number, level in enumerate(LEVELS):
        worse = tuple(Finding("x", one, "") for one in LEVELS[: number + 1])
        assert Diagnosis("", worse).level == level
    assert [one.check for one in FOUND.of("ok", "not_checked")] == ["server", "clock"]


def test_as_text() -> None:
    """A line for each finding in columns: level, check, nodes, text, advice; a sum at the end."""
    assert str(FOUND).splitlines() == [
        "redis://localhost:6379/0",
        "ok           server    Redis 7.0.15",
        "warning      eviction  a:1, b:2: allkeys-lru; set it",
        "not checked  clock     the ACL user may not run TIME",
        "0 errors, 1 warning, 1 not checked",
    ]
    assert Diagnosis("x", (Finding("a", "error", "t"), Finding("a", "error", "u"))).summary == (
        "2 errors, 0 warnings"
    )


def test_control_characters_are_written_out() -> None:
    """A server's own words reach no terminal as they are."""
    evil = "v\x1b[2J\n\u202e\x9b"
    shown = str(Diagnosis(evil, (Finding("server", "ok", evil, evil, (evil,)),)))
    assert not set(shown) & set("\x1b\u202e\x9b")
    assert len(shown.splitlines()) == 3
    assert r"v\x1b[2J\n\u202e\x9b" in shown


def test_as_json() -> None:
    """All fields have names that stay, and plain values."""
    found = json.loads(json.dumps(FOUND.to_dict()))
    assert found == {
        "address": "redis://localhost:6379/0",
        "level": "warning",
        "errors": 0,
        "warnings": 1,
        "not_checked": 1,
        "findings": [
            {
                "check": "server",
                "level": "ok",
                "text": "Redis 7.0.15",
                "advice": "",
                "nodes": [],
                "facts": {"version": "7.0.15"},
            },
            {
                "check": "eviction",
                "level": "warning",
                "text": "allkeys-lru",
                "advice": "set it",
                "nodes": ["a:1", "b:2"],
                "facts": {},
            },
            {
                "check": "clock",
                "level": "not_checked",
                "text": "the ACL user may not run TIME",
                "advice": "",
                "nodes": [],
                "facts": {"names": ["x"]},
            },
        ],
    }


def test_what_all_nodes_say_is_said_once() -> None:
    """Nodes are named where they differ, and the findings of a check stand together."""
    same, own = Finding("server", "ok", "7.0"), Finding("memory", "error", "full")
    fine = Finding("memory", "ok", "half full")
    found = gathered([("a", same), ("a", own), ("b", same), ("b", fine), ("c", same), ("c", fine)])
    assert [(one.text, one.nodes) for one in found] == [
        ("7.0", ()),
        ("full", ("a",)),
        ("half full", ("b", "c")),
    ]


def test_long_lists_are_cut() -> None:
    """A few names, and the number of the others."""
    assert listed(["a", "b"]) == "a, b"
    assert listed([str(n) for n in range(1005)], 2) == "0, 1 and 1,003 more"
