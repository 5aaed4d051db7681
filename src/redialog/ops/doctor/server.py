"""What a server is: its kind and version, its role, its modules, its clock."""

from __future__ import annotations

from redialog.diagnosis import Finding, Level, listed
from redialog.ops.doctor.facts import Node, Unknown, Version, version

OLDEST: Version = (7, 0, 0)
NEWEST = {"Redis": 8, "Valkey": 9}
"""The newest major versions that this library is known to work with."""

BEHIND_S, AHEAD_S = 5, 30
"""How far a server's clock may be from ours. An answer that takes long makes a server look ahead,
never behind, so there is more room on that side."""

# Valkey's scripting engine is a module of its own, which comes with it.
_BUILT_IN = {"lua"}

_UNTRIED = "try it with redialog's conformance suite before you rely on it"


def kind(node: Node) -> Finding:
    """Which server it is, and whether this library works with it."""
    name, number = node.product
    level, text, advice = _judged(node, name, number)
    facts = {"server": name or None, "version": number or None, "mode": _mode(node) or None}
    return Finding("server", level, text, advice, facts=facts)


def _judged(node: Node, name: str, number: str) -> tuple[Level, str, str]:
    if isinstance(node.info, Unknown) and isinstance(node.hello, Unknown):
        return "not_checked", node.info.why, ""
    if _mode(node) == "sentinel":
        advice = "use the url redis+sentinel://HOST:26379/NAME, with the name of the primary"
        return "error", "this is a sentinel, which holds no data", advice
    shown = f"{name} {number}".strip()
    if name in NEWEST:
        return _aged(name, shown, version(number))
    if name == "Upstash":
        return "ok", shown, ""
    return "warning", f"{shown or 'a server without a name'} is not Redis or Valkey", _UNTRIED


def _aged(name: str, shown: str, found: Version | None) -> tuple[Level, str, str]:
    """Whether a version is too old, or newer than any that is known."""
    if found is None:
        return "not_checked", f"{name} does not tell its version", ""
    if found < OLDEST:
        return "error", f"{shown} is too old", "Redis 7.0 or newer is needed, or any Valkey"
    if found[0] > NEWEST[name]:
        return "info", f"{shown} is newer than any that this redialog was tried with", ""
    return "ok", shown, ""


def _mode(node: Node) -> str:
    mode = "" if isinstance(node.hello, Unknown) else node.hello.get("mode", "")
    return node.field("redis_mode", mode)


def role(node: Node) -> Finding:
    """Whether it is a primary."""
    told = "" if isinstance(node.hello, Unknown) else node.hello.get("role", "")
    found = node.field("role", told)
    if not found:
        return Finding("role", "not_checked", "the server does not tell its role")
    if found == "master":
        return Finding("role", "ok", "it is a primary", facts={"role": "primary"})
    host, port = node.field("master_host"), node.field("master_port")
    primary = f"{host}:{port}" if host else None
    return Finding(
        "role",
        "error",
        "it is a replica" + (f" of {primary}" if primary else "") + ", which takes no writes",
        "use the url of the primary, or redis+sentinel:// or redis+cluster://, which find it",
        facts={"role": "replica", "primary": primary},
    )


def modules(node: Node) -> Finding:
    """Which modules are loaded, none of which is needed."""
    names = () if isinstance(node.info, Unknown) else tuple(sorted(node.info.modules))
    names = tuple(name for name in names if name not in _BUILT_IN)
    loaded = f"; {listed(names)} loaded" if names else ""
    return Finding("modules", "info", f"none are needed{loaded}", facts={"loaded": names})


def clock(node: Node, now_ms: int) -> Finding:
    """Whether its clock agrees with ours.

    Args:
        node: what it answered.
        now_ms: the time here, taken just before it was asked.
    """
    if isinstance(node.time_ms, Unknown):
        return Finding("clock", "not_checked", node.time_ms.why)
    seconds = round((node.time_ms - now_ms) / 1000)
    facts = {"seconds": seconds}
    if -BEHIND_S <= seconds <= AHEAD_S:
        # Without the number, which differs from node to node and from run to run.
        return Finding("clock", "ok", "it agrees with the clock here")
    side = "ahead of" if seconds > 0 else "behind"
    return Finding(
        "clock",
        "warning",
        f"it is {abs(seconds):,} s {side} the clock here",
        "times of messages and of a session's activity will not agree; set both by NTP",
        facts=facts,
    )
