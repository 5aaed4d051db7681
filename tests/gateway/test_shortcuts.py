"""The short ways of a request beside the plain ones: they decide the same, whatever is asked."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from redialog.gateway import requests
from redialog.gateway.policy import NEVER, OF_ONE_NODE, REFUSED, Flags, Policy
from redialog.gateway.requests import BadRequest

NAMES = sorted(
    {name.partition("|")[0] for name in NEVER | REFUSED | OF_ONE_NODE}
    | {"GET", "SET", "SCRIPT", "MEMORY", "XREAD", "XREADGROUP", "OBJECT", "ECHO", "NEWS"}
)
SECOND = sorted(
    {name.partition("|")[2] for name in NEVER if "|" in name}
    | {"LOAD", "KILL", "USAGE", "LIST", "BLOCK", "DEEP", "?", "", "y" * 65}
)
COMMANDS = [
    tuple(word.encode("latin-1") for word in (case(first), *rest))
    for first in [*NAMES, "NEWS|LIST", "UNHEARD", "Get", "\xdf"]
    for rest in ([], *([second] for second in SECOND), ["x", "block"], ["streams", "BLOCK"])
    for case in (str, str.lower)
]
ALONE = [command for command in COMMANDS if len(command) == 1]
# A server can say anything of any command, also of subcommands that nobody has heard of.
rows = st.builds(
    lambda name, flags, subs: [
        name.lower().encode(),
        -1,
        [flag.encode() for flag in flags],
        *[None] * 6,
        [[f"{name}|{sub}".lower().encode(), -1, [b"admin"]] for sub in subs],
    ],
    st.sampled_from(["NEWS", *NAMES]),
    st.lists(st.sampled_from(("readonly", "write", "admin", "blocking", "fast")), max_size=2),
    st.lists(st.sampled_from(["LIST", "LIST|DEEP", "LOAD"]), max_size=2),
)
NAMED = ["CLIENT", "CLIENT|LIST", "KEYS", "SCAN", "GET|LIST", "NEWS|LOAD", "SCRIPT|KILL", "XREAD"]


@given(
    table=st.lists(rows, max_size=8),
    allow=st.lists(st.sampled_from(NAMED)),
    cluster=st.booleans(),
)
@example([], ["CLIENT"], False)
@example([[b"get", 2, [b"readonly"]]], [], False)
@example([[b"client", -2, []], [b"news", -2, []]], ["CLIENT", "NEWS|LOAD"], False)
@example([[b"news|list", -2, [], *[None] * 6, [[b"news|list|deep", 1, [b"admin"]]]]], [], False)
@example([[b"news", -2, [], *[None] * 6, [[b"news|list", 1, [b"blocking"]]]]], [], False)
def test_a_policy_of_any_server(table: list[Any], allow: list[str], cluster: bool) -> None:
    """What is known by its name alone is decided as it is by all that is known of it."""
    never = OF_ONE_NODE if cluster else frozenset()
    policy = Policy([name for name in allow if name not in never], cluster=cluster)
    for flags, commands in ((Flags(table), COMMANDS), (Flags(), ALONE)):
        for command in commands:
            for read_only in (False, True):
                found = policy.refusal(command, flags, read_only=read_only)
                plain = policy._judged(command, flags, read_only=read_only)
                assert found == plain, (command, read_only)


def test_a_policy_of_a_real_server(flags: Flags) -> None:
    """Each of its commands, with each word that could be a subcommand or an option."""
    short = 0
    for policy in (Policy(), Policy(["client", "keys", "script|kill"]), Policy(cluster=True)):
        for name in flags.known:
            for word in (name, name.lower(), name.title()):
                first = word.partition("|")[0]
                for rest in ([], *([second] for second in (word.partition("|")[2], *SECOND))):
                    command = tuple(part.encode() for part in (first, *rest))
                    for read_only in (False, True):
                        found = policy.refusal(command, flags, read_only=read_only)
                        plain = policy._judged(command, flags, read_only=read_only)
                        assert found == plain, (command, read_only)
        short += len(policy._served[False])
    assert short > 300


texts = st.text(st.characters(), max_size=5)
values = st.recursive(
    texts | st.integers() | st.floats() | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=2),
    max_leaves=3,
)
documents = st.builds(
    lambda value, ascii_, codec: json.dumps(value, ensure_ascii=ascii_).encode(
        codec, "surrogatepass"
    ),
    st.lists(texts | values, max_size=5) | st.lists(st.lists(texts | values, max_size=4)) | values,
    st.booleans(),
    st.sampled_from(["utf-8", "utf-8", "utf-8", "utf-8-sig", "utf-16", "utf-32-le"]),
)
# One byte of a document put where it does not belong.
damaged = st.builds(
    lambda body, at, put: body[: at % (len(body) + 1)] + put + body[at % (len(body) + 1) + 1 :],
    documents,
    st.integers(min_value=0),
    st.sampled_from([b"", *(bytes([code]) for code in range(256))]),
)


def outcome(read: Callable[[bytes], object], body: bytes) -> object:
    """What is read of a body, or what the client is told."""
    try:
        return read(body)
    except BadRequest as wrong:
        return str(wrong)


def plain_batch(body: bytes) -> list[requests.Command]:
    """The commands of a batch, without the short way."""
    rows = requests._json(body)
    if not isinstance(rows, list) or not rows:
        raise BadRequest("ERR the body must be a JSON array of commands")
    return [requests._command(row) for row in rows]


@given(documents | damaged | st.binary(max_size=8))
@example(b'["\x1f"]')
@example(b'["a", "\\ud83d"]')
@example(b'[["a", "\\ud83d\\ude00"], ["", "a"]]')
@example(b'["a",]')
@example(b'["GET", 1.10, -0]')
@example(b'[["GET", 1], []]')
@example(b"[[]]")
@example(b"[]")
def test_a_body(body: bytes) -> None:
    """It is read as the plain parser reads it, and refused in the same words."""
    plain = outcome(lambda given: requests._command(requests._json(given)), body)
    assert outcome(requests.of_body, body) == plain
    assert outcome(requests.batch_of_body, body) == outcome(plain_batch, body)


@pytest.mark.parametrize("size", [1, 50_000])
def test_a_body_of_texts(size: int) -> None:
    """The usual one, of any size."""
    words = ["SET", "k", "ä\x00\U0001f600" * size]
    expected = tuple(word.encode() for word in words)
    for ascii_ in (True, False):
        body = json.dumps(words, ensure_ascii=ascii_).encode()
        assert requests.of_body(body) == expected
        assert requests.batch_of_body(b"[" + body + b"]") == [expected]
