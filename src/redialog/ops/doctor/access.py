"""What the user of the connection may do: the commands and keys that this library needs.

A script asks for it, since `redis.acl_check_cmd` needs no permission of its own; whether scripts
can be run at all is found out by that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from redialog import replies
from redialog.diagnosis import Finding, listed
from redialog.effect import Command
from redialog.keys import Layout, SessionKeys
from redialog.ops._scripts import Call
from redialog.ops.doctor.facts import LOST, Node, Unknown, word

# The commands of the scripts and of the operations, by what they touch. E stands for an element, a
# field or a member; COPY and RENAME touch a second key.
_LOG = (
    "LLEN",
    "LRANGE 0 0",
    "LINDEX 0",
    "LPUSH E",
    "RPUSH E",
    "LTRIM 0 0",
    "LSET 0 E",
    "LREM 1 E",
    "EXISTS",
    "TYPE",
    "PTTL",
    "PEXPIRE 1",
    "PERSIST",
    "UNLINK",
    "COPY stage",
)
_META = (
    "HGET E",
    "HSET E E",
    "HDEL E",
    "HLEN",
    "HMGET E",
    "TYPE",
    "PTTL",
    "PEXPIRE 1",
    "PERSIST",
    "UNLINK",
)
_TEXT = ("GET", "SET E", "DEL", "EXISTS")
_STAGE = (
    "LLEN",
    "LPUSH E",
    "LRANGE 0 0",
    "LTRIM 0 0",
    "EXISTS",
    "PEXPIRE 1",
    "UNLINK",
    "RENAME log",
)
_CATALOGUE = (
    "ZADD 1 E",
    "ZREM E",
    "ZSCORE E",
    "ZRANGE 0 0",
    "ZRANDMEMBER 1",
    "TYPE",
)
NEEDED: dict[str, tuple[str, ...]] = {
    "log": _LOG,
    "meta": _META,
    "op": (*_TEXT, "PEXPIRE 1"),
    "lease": _TEXT,
    "stage": _STAGE,
    "sessions": _CATALOGUE,
    "user": _CATALOGUE[:4],
    "": ("TIME", "PING"),
}

# What a replayed AOF consists of: the commands above that write, as the server passes them on.
REPLAYED: dict[str, tuple[str, ...]] = {
    "log": ("LPUSH E", "LTRIM 0 0", "PEXPIREAT 1", "PERSIST", "UNLINK"),
    "meta": ("HSET E E", "HDEL E", "UNLINK"),
    "op": ("SET E",),
    "sessions": ("ZADD 1 E", "ZREM E"),
}

SCRIPT = "doctor/allowed"
_RULE = "SECURITY.md has the smallest rule that is enough"


def commands(table: dict[str, tuple[str, ...]], layout: Layout) -> list[tuple[str, list[bytes]]]:
    """The commands of a table, on keys as a session has them: what each touches, and its words.

    Args:
        table: `NEEDED` or `REPLAYED`.
        layout: where the sessions lie.
    """
    keys = layout.session("doctor", "doctor")
    return [(kind, _spelt(text, kind, keys)) for kind, texts in table.items() for text in texts]


def _spelt(text: str, kind: str, keys: SessionKeys) -> list[bytes]:
    named = {
        "log": keys.log,
        "meta": keys.meta,
        "lease": keys.lease,
        "op": keys.op("doctor"),
        "stage": keys.stage("doctor"),
        "sessions": keys.sessions,
        "user": keys.user or b"",
    }
    name, *rest = text.split()
    key = [named[kind]] if kind else []
    return [name.encode(), *key, *(named.get(item, item.encode()) for item in rest)]


def probe(layout: Layout) -> Call:
    """The call that asks what the user may not do."""
    words: list[bytes] = []
    for _, command in commands(NEEDED, layout):
        words += [b"%d" % len(command), *command]
    return Call(SCRIPT, [], words)


def replay(layout: Layout) -> list[Command]:
    """The questions whether the default user, in whose name an AOF is replayed, may do it."""
    found = commands(REPLAYED, layout)
    return [(b"ACL", b"DRYRUN", b"default", *command) for _, command in found]


def answers(reply: object) -> tuple[str, ...]:
    """The answer to `probe`."""
    return tuple(word(item) for item in replies.texts(reply))


def scripts(node: Node) -> Finding:
    """Whether scripts can be run, by text and by digest."""
    first, again = node.probe, node.repeated
    if isinstance(first, Unknown) and first.code == "NOPERM":
        return Finding("scripts", "error", first.why, f"all writes are scripts: allow it; {_RULE}")
    if isinstance(first, Unknown) and first.code == LOST:
        return Finding("scripts", "not_checked", first.why)
    if isinstance(first, Unknown):
        return Finding(
            "scripts",
            "error",
            f"scripts cannot be run: {first.why}",
            "all writes are scripts; a proxy may be in the way, or EVAL was renamed",
        )
    if isinstance(again, Unknown) and again.code == "NOSCRIPT":
        return Finding(
            "scripts",
            "warning",
            "scripts are forgotten as soon as they have run",
            "each write sends its script's text again; is there a proxy before several servers?",
        )
    if isinstance(again, Unknown):
        return Finding(
            "scripts",
            "error",
            f"scripts cannot be called by their digest: {again.why}",
            f"allow EVALSHA; {_RULE}",
        )
    return Finding("scripts", "ok", "scripts can be run")


def permissions(node: Node, layout: Layout) -> Finding:
    """Which of the commands and keys that are needed the user may not use."""
    user = "the user" if isinstance(node.user, Unknown) else f"the user {node.user!r}"
    if isinstance(node.probe, Unknown):
        return Finding("acl", "not_checked", f"what {user} may do is asked by a script")
    needed = commands(NEEDED, layout)
    found = list(zip(needed, node.probe, strict=False))
    if len(node.probe) != len(needed) or all(answer == "unknown" for _, answer in found):
        return Finding("acl", "not_checked", f"the server does not tell what {user} may do")
    denied = [(kind, command) for (kind, command), answer in found if answer == "denied"]
    missing = _names(command for (_, command), answer in found if answer == "unknown")
    keys = [
        kind
        for kind in NEEDED
        if kind and all(answer == "denied" for (other, _), answer in found if other == kind)
    ]
    names = _names(command for kind, command in denied if kind not in keys)
    facts = {"commands": (*names, *missing), "keys": tuple(map(_shown(layout), keys))}
    if missing:
        return Finding(
            "acl",
            "error",
            f"the server has no {listed(missing)}",
            "redialog needs it under its own name; rename-command or a proxy may be in the way",
            facts=facts,
        )
    if not denied:
        return Finding("acl", "ok", f"{user} may use all commands and keys that are needed")
    parts = [f"run {listed(names)}"] * bool(names)
    parts += [f"touch keys such as {listed(facts['keys'], 3)}"] * bool(keys)
    return Finding("acl", "error", f"{user} may not {' nor '.join(parts)}", _RULE, facts=facts)


def _names(spelt: Iterable[list[bytes]]) -> tuple[str, ...]:
    return tuple(sorted({command[0].decode() for command in spelt}))


def _shown(layout: Layout) -> Callable[[str], str]:
    keys = layout.session("doctor", "doctor")
    return lambda kind: replies.shown(_spelt("GET", kind, keys)[1])
