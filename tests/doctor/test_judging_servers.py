"""Server, version, role, clock and modules, judged from what a node answered."""

from __future__ import annotations

import pytest

from redialog.ops.doctor import server
from redialog.ops.doctor.facts import Unknown, version
from tests.doctor.tools import NOPERM, UNKNOWN_COMMAND, node, told


@pytest.mark.parametrize(
    ("fields", "level", "text"),
    [
        ({"redis_version": "7.0.0"}, "ok", "Redis 7.0.0"),
        ({"redis_version": "8.10.2"}, "ok", "Redis 8.10.2"),
        ({"redis_version": "6.2.14"}, "error", "Redis 6.2.14 is too old"),
        ({"redis_version": "9.0.0"}, "info", "newer than any"),
        ({"redis_version": "255.255.255"}, "info", "newer than any"),
        ({"redis_version": "unstable"}, "not_checked", "does not tell its version"),
        ({"redis_version": "7.2.4", "valkey_version": "9.1.2"}, "ok", "Valkey 9.1.2"),
        ({"redis_version": "7.2.4", "valkey_version": "10.0.0"}, "info", "Valkey 10.0.0 is newer"),
        (
            {"redis_version": "6.2.11", "dragonfly_version": "df-v1.2"},
            "warning",
            "Dragonfly df-v1.2",
        ),
        ({"redis_version": "7.2.0", "upstash_version": "1.14.2"}, "ok", "Upstash 1.14.2"),
        ({"redis_mode": "sentinel"}, "error", "this is a sentinel"),
    ],
)
def test_the_version(fields: dict[str, str], level: str, text: str) -> None:
    """Older than 7.0 is an error, a newer one than is known is worth a word."""
    found = server.kind(told(**fields))
    assert found.level == level
    assert text in found.text


def test_a_refused_info_leaves_hello() -> None:
    """Which tells kind, version, mode and role to whoever may connect."""
    hello = [b"server", b"valkey", b"version", b"8.1.0", b"mode", b"cluster", b"role", b"replica"]
    for given in (hello, dict(zip(hello[::2], hello[1::2], strict=True))):
        found = node(NOPERM, hello=[*given, b"modules", []] if given is hello else given)
        assert server.kind(found).text == "Valkey 8.1.0"
        assert found.clustered
        assert server.role(found).level == "error"


def test_nothing_is_known_without_both() -> None:
    """Then the version is not checked, and says why."""
    found = server.kind(node(NOPERM, hello=UNKNOWN_COMMAND))
    assert (found.level, found.text) == ("not_checked", "the ACL user may not run INFO")
    assert server.role(node(NOPERM, hello=UNKNOWN_COMMAND)).level == "not_checked"
    assert "the server has no INFO" in server.kind(node(UNKNOWN_COMMAND, hello=NOPERM)).text


@pytest.mark.parametrize("answer", [None, 7, [b"x"], {}, b"\xff\xfe"])
def test_an_answer_of_another_shape_is_no_answer(answer: object) -> None:
    """A proxy can answer anything."""
    found = node(answer, hello=7, time=answer)
    assert server.kind(found).level in ("not_checked", "warning")
    assert isinstance(found.time_ms, Unknown)


def test_the_role() -> None:
    """A replica takes no writes, so it is the wrong server to write to."""
    assert server.role(told()).level == "ok"
    replica = server.role(told(role="slave", master_host="10.9.8.7", master_port="6379"))
    assert replica.level == "error"
    assert "replica of 10.9.8.7:6379" in replica.text
    assert replica.facts == {"role": "replica", "primary": "10.9.8.7:6379"}


@pytest.mark.parametrize(
    ("seconds", "level"),
    [(0, "ok"), (-5, "ok"), (-6, "warning"), (30, "ok"), (31, "warning"), (86_400, "warning")],
)
def test_the_clock(seconds: int, level: str) -> None:
    """More room on the side to which a slow answer moves it."""
    found = server.clock(node(time=(b"1700000000", b"999")), (1_700_000_000 - seconds) * 1000)
    assert found.level == level
    if level == "warning":
        assert found.facts == {"seconds": seconds}
        assert f"{abs(seconds):,} s {'ahead of' if seconds > 0 else 'behind'}" in found.text


def test_a_refused_clock() -> None:
    """It is not checked."""
    assert server.clock(node(time=NOPERM), 0).level == "not_checked"


def test_modules() -> None:
    """None are needed; Valkey's own scripting engine is not counted."""
    assert server.modules(told()).text == "none are needed"
    text = (
        b"redis_version:7.0.15\r\n# Modules\r\n"
        b"module:name=search,ver=21015,api=1\r\nmodule:name=lua,ver=1\r\nmodule:name=ReJSON,ver=2\r\n"
    )
    found = server.modules(node(text))
    assert found.facts == {"loaded": ("ReJSON", "search")}
    assert found.level == "info"


def test_versions() -> None:
    """Two or three numbers, whatever follows."""
    assert version("7.0.15") == (7, 0, 15)
    assert version("8.0-rc1") == (8, 0, 0)
    assert version("v8") is None
    assert version("99999999999999999999.1") is None
