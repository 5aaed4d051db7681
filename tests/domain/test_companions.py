"""Companions of logs that others named lie in the log's slot, and are nobody else's.

What they say, and when they are stale, is the scripts' business: the conformance tests try those.
"""

from __future__ import annotations

import itertools
import random
import re

from redialog.keys import SharedLayout, companion_tail, slot

TOKENS = ("t0123456789abcdef0123456789ab", "k0123")


def foreign_keys() -> list[bytes]:
    """Thousands of keys that others could have: all short ones, and random longer ones."""
    alphabet = ["{", "}", ":", "a", "%", " ", "\0", "🌦"]
    short = ["".join(p) for n in (1, 2, 3) for p in itertools.product(alphabet, repeat=n)]
    short += ["".join(p) for n in (4, 5) for p in itertools.product(alphabet[:3], repeat=n)]
    source = random.Random(4417)
    parts = [*alphabet, "s:{", "}}", "w:{", "t:"]
    long = ["".join(source.choices(parts, k=source.randint(4, 12))) for _ in range(9000)]
    # A name in the slot of a key like `a}b` takes some milliseconds to find: not too many.
    slow = [key for key in long if b":s:" in companion_form(key)]
    keys = dict.fromkeys([*short, *sorted(set(long) - set(slow)), *slow[:200]])
    return [key.encode() for key in keys]


def companion_form(key: str) -> bytes:
    """Which of the three forms the companions of a key have, as their docstring says."""
    tag = re.search(r"\{([^}]*)\}", key, re.DOTALL)
    if tag and tag[1]:
        return b":t:"
    return b":s:" if "}" in key else b":w:"


def test_companions_of_foreign_keys_lie_in_their_slot_and_never_meet() -> None:
    """Whatever a log is called, its companions are in its slot and are nobody else's."""
    layout = SharedLayout("n", "")
    seen: dict[bytes, tuple[bytes, str]] = {}
    logs = foreign_keys()
    assert len(logs) > 4000
    for log in logs:
        keys = layout.session(log.decode())
        assert keys.log == log
        assert keys.meta.startswith(b"redialog:meta" + companion_form(log.decode()))
        named = {"meta": keys.meta, "lease": keys.lease}
        named |= {token: keys.op(token) for token in TOKENS}
        named |= {f"stage of {token}": keys.stage(token) for token in TOKENS}
        for kind, key in [("log", log), *named.items()]:
            assert slot(key) == slot(log), log
            assert seen.setdefault(key, (log, kind)) == (log, kind)


def test_every_slot_has_a_companion_name() -> None:
    """The third form of names finds a text for the slot of any key."""
    for number in range(0, 2000, 40):
        log = b"%d}" % number
        assert slot(b"redialog:meta" + companion_tail(log)) == slot(log)
