"""The ACL rules that SECURITY.md gives, as users of a server."""

from __future__ import annotations

import re
from pathlib import Path

SECURITY = Path(__file__).parents[2] / "SECURITY.md"
_RULE = re.compile(r"^ACL SETUSER chat on >PASSWORD (?P<rule>.+)$", re.MULTILINE)
_SHARED = re.compile(r"`(?P<keys>[^`]*~PREFIX\*[^`]*)`")
OWN_KEYS = "~redialog:*"


def smallest() -> list[str]:
    """Return the words of the rule for the own layout, without the password."""
    text = SECURITY.read_text(encoding="utf-8").replace("\\\n", " ")
    [found] = _RULE.findall(text)
    words: list[str] = found.split()
    assert OWN_KEYS in words
    return words


def commands() -> list[str]:
    """Return the commands that the rule allows."""
    return [word.removeprefix("+") for word in smallest() if word.startswith("+")]


def for_prefix(prefix: str | None) -> list[str]:
    """Return the words of the rule for a layout.

    Args:
        prefix: `key_prefix`; None for the own layout.
    """
    if prefix is None:
        return smallest()
    [keys] = _SHARED.findall(SECURITY.read_text(encoding="utf-8"))
    shared = keys.replace("PREFIX", prefix).split()
    return [new for word in smallest() for new in (shared if word == OWN_KEYS else [word])]
