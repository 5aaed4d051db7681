"""What the user may do, judged from what a node answered; and that all that is needed is asked."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import redialog
from redialog.effect import CommandError
from redialog.keys import OwnLayout, SharedLayout
from redialog.ops.doctor import access
from redialog.ops.doctor.facts import Node
from tests.doctor.tools import LAYOUT, NEEDED, NOPERM, UNKNOWN_COMMAND, node

SOURCE = Path(redialog.__file__).parent
NOSCRIPT = CommandError("NOSCRIPT", "No matching script.")
ASKED = access.commands(access.NEEDED, LAYOUT)

# What stands for a key in the scripts, by the kind of key.
KINDS = {
    "KEYS[1]": "log",
    "KEYS[2]": "meta",
    "key": "sessions",
    **{name: name for name in ("log", "meta", "op", "lease", "stage", "sessions", "user")},
}


def refusing(**kinds: str) -> Node:
    """A node that denies the commands whose names match, by the kind of key."""
    answers = [
        b"denied" if re.fullmatch(kinds.get(kind or "none", "-"), command[0].decode()) else b""
        for kind, command in ASKED
    ]
    return node(probe=answers, user=b"app")


def test_all_that_scripts_do_is_asked_for() -> None:
    """Each command of a script, on the kind of key that it has there."""
    asked = {(kind, command[0].decode()) for kind, command in ASKED}
    for path in sorted((SOURCE / "scripts").rglob("*.lua")):
        text = re.sub(r"--.*", "", path.read_text())
        found = re.findall(r"redis\.p?call\('(\w+)'(?:,\s*([^,)\s]+))?", text)
        assert found or path.name in ("allowed.lua", "companions.lua", "cap.lua", "keeping.lua")
        for command, key in found:
            kind = "" if command == "TIME" else KINDS[key]
            assert (kind, command) in asked, f"{path.name}: {command} on {kind}"


def test_all_that_operations_send_is_asked_for() -> None:
    """Of the commands in the operations, those that work on keys."""
    asked = {command[0].decode() for _, command in ASKED} | {"EVAL", "EVALSHA"}
    for path in sorted((SOURCE / "ops").glob("*.py")):
        names = set(re.findall(r'\(\(?b"([A-Z]+)"', path.read_text())) - {"BYSCORE"}
        assert names <= asked, path.name


def test_the_commands_are_on_keys_of_the_layout() -> None:
    """As a session has them, in both layouts."""
    for layout in (OwnLayout("shop"), SharedLayout("shop", "message_store:")):
        keys = layout.session("doctor", "doctor")
        asked = access.commands(access.NEEDED, layout)
        assert ("log", [b"LRANGE", keys.log, b"0", b"0"]) in asked
        assert ("log", [b"COPY", keys.log, keys.stage("doctor")]) in asked
        assert ("stage", [b"RENAME", keys.stage("doctor"), keys.log]) in asked
        assert ("user", [b"ZADD", keys.user, b"1", b"E"]) in asked
        assert ("", [b"TIME"]) in asked


def test_everything_is_allowed() -> None:
    """The user is named."""
    found = access.permissions(node(user=b"app\x1b[2J"), LAYOUT)
    assert found.level == "ok"
    assert r"the user 'app\x1b[2J' may use all" in found.text
    assert "the user may use all" in access.permissions(node(user=NOPERM), LAYOUT).text


def test_commands_that_are_not_allowed() -> None:
    """They are named once, whatever they work on."""
    found = access.permissions(refusing(log="LPUSH|UNLINK", meta="UNLINK", none="TIME"), LAYOUT)
    assert found.level == "error"
    assert found.text == "the user 'app' may not run LPUSH, TIME, UNLINK"
    assert found.facts == {"commands": ("LPUSH", "TIME", "UNLINK"), "keys": ()}


def test_keys_that_are_not_allowed() -> None:
    """Where nothing may be done with a kind of key, the key is named and not the commands."""
    found = access.permissions(refusing(log=".*", stage=".*", meta="HSET"), LAYOUT)
    keys = LAYOUT.session("doctor")
    assert found.text.startswith(
        "the user 'app' may not run HSET nor touch keys such as redialog:{"
    )
    assert found.facts["keys"] == (keys.log.decode(), keys.stage("doctor").decode())


def test_commands_that_the_server_lacks() -> None:
    """Renamed, or kept back by a proxy."""
    answers = [b"unknown" if command[0] == b"LREM" else b"" for _, command in ASKED]
    found = access.permissions(node(probe=answers), LAYOUT)
    assert (found.level, found.text) == ("error", "the server has no LREM")


@pytest.mark.parametrize("answer", [[b"unknown"] * NEEDED, [b""], []])
def test_a_server_that_does_not_tell(answer: list[bytes]) -> None:
    """It may lack the question itself."""
    assert access.permissions(node(probe=answer), LAYOUT).level == "not_checked"


@pytest.mark.parametrize(
    ("first", "again", "level", "text"),
    [
        (None, None, "ok", "scripts can be run"),
        (NOPERM, NOPERM, "error", "the ACL user may not run EVAL"),
        (UNKNOWN_COMMAND, NOPERM, "error", "scripts cannot be run: the server has no EVAL"),
        (7, 7, "error", "the answer to EVAL is not one of Redis"),
        (None, NOSCRIPT, "warning", "forgotten"),
        (None, NOPERM, "error", "the ACL user may not run EVALSHA"),
    ],
)
def test_scripts(first: object, again: object, level: str, text: str) -> None:
    """By text and by digest, since writes go both ways."""
    asked = node(probe=first, again=again)
    found = access.scripts(asked)
    assert found.level == level
    assert text in found.text
    assert (access.permissions(asked, LAYOUT).level == "not_checked") is (first is not None)
