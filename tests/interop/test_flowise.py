"""Flowise's compiled nodes and ours are the same nodes, on the same data."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pytest
import redis

from redialog.nodes import CREDENTIALS, NODES, made
from redialog.nodes import Node as RedialogNode
from tests.interop.javascript import Rejected
from tests.interop.libraries import (
    FLOWISE,
    NODE,
    UPSTASH_FLOWISE,
    UPSTASH_NODE,
    JavaScript,
    Node,
    Place,
)

SESSION, OTHER = "2b3c-flow", "2b3c-visitor"
SAID = [
    {"text": "My locker code is 4417 🌦", "type": "userMessage"},
    {"text": "Noted.\u2028Anything else?", "type": "apiMessage"},
]
SHOWN = [{"message": one["text"], "type": one["type"]} for one in SAID]

both = pytest.mark.parametrize(
    ("theirs", "ours"),
    [(FLOWISE, NODE), (UPSTASH_FLOWISE, UPSTASH_NODE), (FLOWISE, UPSTASH_NODE)],
    ids=["Redis", "Upstash", "Redis and Upstash"],
)


@pytest.fixture
def node(place: Place, ours: Node) -> Iterator[RedialogNode]:
    """Our node of the session."""
    with ours.node(place, SESSION) as node:
        yield node


@both
def test_ours_reads_what_theirs_writes(
    place: Place, theirs: JavaScript, node: RedialogNode
) -> None:
    """The same messages in the same form, and as messages; so do all after it."""
    theirs.ask(place, SESSION, "write together", messages=SAID)
    assert node.get_chat_messages() == theirs.ask(place, SESSION, "read plain") == SHOWN
    found = node.get_chat_messages(return_base_messages=True)
    assert [(one.role, one.content) for one in found] == [
        ("user", SAID[0]["text"]),
        ("assistant", SAID[1]["text"]),
    ]


@both
def test_theirs_reads_what_ours_writes(
    place: Place, theirs: JavaScript, node: RedialogNode
) -> None:
    """Every message of a call, of which theirs would have stored two."""
    more = [*SAID, {"text": "And?", "type": "userMessage"}, {"text": "No.", "type": "apiMessage"}]
    node.add_chat_messages(more)
    shown = [{"message": one["text"], "type": one["type"]} for one in more]
    assert theirs.ask(place, SESSION, "read plain") == node.get_chat_messages() == shown
    theirs.ask(place, OTHER, "write together", messages=more)
    assert theirs.ask(place, OTHER, "read plain") == shown[:2]


@both
def test_calls_of_tools_do_not_disturb_theirs(
    place: Place, theirs: JavaScript, node: RedialogNode
) -> None:
    """Which shows the text of them, and no results."""
    used = {"tool": "weather", "toolInput": {"city": "Bern"}, "toolOutput": "21C"}
    node.add_chat_messages([{"text": "21C in Bern.", "type": "apiMessage", "usedTools": [used]}])
    theirs.ask(place, SESSION, "write together", messages=SAID)
    seen = theirs.ask(place, SESSION, "read plain")
    assert [one["message"] for one in seen] == ["", "21C in Bern.", *(m["text"] for m in SAID)]
    assert [one["message"] for one in node.get_chat_messages()] == [
        one["message"] for one in seen[1:]
    ]
    base = theirs.ask(place, SESSION, "read")
    assert [one["type"] for one in base] == ["ai", "tool", "ai", "human", "ai"]


@both
def test_turn_by_turn(place: Place, theirs: JavaScript, node: RedialogNode) -> None:
    """Both write and see one conversation."""
    expected = []
    for number in range(4):
        turn = [
            {"text": f"question {number}", "type": "userMessage"},
            {"text": f"answer {number}", "type": "apiMessage"},
        ]
        if number % 2:
            node.add_chat_messages(turn)
        else:
            theirs.ask(place, SESSION, "write together", messages=turn)
        expected += [{"message": one["text"], "type": one["type"]} for one in turn]
        assert node.get_chat_messages() == theirs.ask(place, SESSION, "read plain") == expected


@both
def test_another_session_by_its_id(place: Place, theirs: JavaScript, node: RedialogNode) -> None:
    """Written, read and cleared by either; the node's own stays what it is."""
    theirs.ask(place, SESSION, "write together", messages=SAID, override=OTHER)
    node.add_chat_messages(SAID, override_session_id=OTHER)
    assert node.get_chat_messages(OTHER) == [*SHOWN, *SHOWN]
    assert theirs.ask(place, SESSION, "read plain", override=OTHER) == [*SHOWN, *SHOWN]
    assert node.get_chat_messages() == []
    node.add_chat_messages(SAID)
    node.clear_chat_messages(OTHER)
    assert theirs.ask(place, OTHER, "read plain") == []
    assert theirs.ask(place, SESSION, "read plain") == SHOWN
    theirs.ask(place, SESSION, "clear")
    assert node.get_chat_messages() == []


@both
def test_what_is_prepended_comes_first(
    place: Place, theirs: JavaScript, node: RedialogNode
) -> None:
    """In the form in which the builder hands it in."""
    before = [
        {"content": "earlier", "role": "userMessage"},
        {"content": "indeed", "role": "apiMessage"},
    ]
    node.add_chat_messages(SAID)
    seen = theirs.ask(place, SESSION, "read plain", prepend=before)
    assert node.get_chat_messages(prepend_messages=before) == seen
    assert [one["message"] for one in seen[:2]] == ["earlier", "indeed"]


@both
def test_the_session_timeout(
    place: Place, raw: redis.Redis, theirs: JavaScript, ours: Node
) -> None:
    """As a flow has it, a number in a text; the last who writes with one decides."""
    theirs.ask(place, SESSION, "write together", messages=SAID, ttl="9000")
    assert 8_000 < raw.ttl(SESSION) <= 9_000
    with ours.node(place, SESSION, 5_000) as node:
        node.add_chat_messages(SAID)
    assert 4_000 < raw.ttl(SESSION) <= 5_000
    end = raw.pexpiretime(SESSION)
    with ours.node(place, SESSION) as node:
        node.add_chat_messages(SAID)
    theirs.ask(place, SESSION, "write together", messages=SAID, ttl="")
    assert raw.pexpiretime(SESSION) == end


def test_the_window_is_of_the_newest(place: Place) -> None:
    """Theirs gives as many of the oldest messages, whatever its description says."""
    with NODE.node(place, SESSION, windowSize="1") as node:
        for number in range(3):
            node.add_chat_messages([{"text": f"{number}", "type": "userMessage"}])
            node.add_chat_messages([{"text": f"re {number}", "type": "apiMessage"}])
        assert [one["message"] for one in node.get_chat_messages()] == ["2", "re 2"]
    seen = FLOWISE.ask(place, SESSION, "read plain", inputs={"windowSize": "1"})
    assert [one["message"] for one in seen] == ["0"]


def test_a_credential_of_host_and_port(place: Place) -> None:
    """Leads both to the same Redis as one with a URL."""
    port = str(urlsplit(place.url).port)
    fields = {"redisCacheHost": "127.0.0.1", "redisCachePort": port}
    credential = {"name": "redisCacheApi", **fields}
    with made("RedisBackedChatMemory", {"sessionId": SESSION}, credential) as node:
        FLOWISE.ask(place, SESSION, "write together", messages=SAID, credential=fields)
        node.add_chat_messages(SAID)
        assert node.get_chat_messages() == [*SHOWN, *SHOWN]
    assert FLOWISE.ask(place, SESSION, "read plain", credential=fields) == [*SHOWN, *SHOWN]
    assert FLOWISE.ask(place, SESSION, "read plain") == [*SHOWN, *SHOWN]


def _default(value: object) -> str:
    """A number may stand there as a text."""
    return f"{value:g}" if isinstance(value, float | int) and value else str(value or "")


def looks(one: Any) -> dict[str, Any]:
    """What a flow file and a form go by, of a node or a credential."""
    fields = ("label", "name", "type", "version", "category")
    credential = one.get("credential") or {}
    # Of a credential, whose fields can all stay empty, Flowise does not say so.
    of_node = "category" in one
    return {name: one.get(name) for name in fields} | {
        "credentials": credential.get("credentialNames"),
        "credential is optional": bool(credential.get("optional")),
        "inputs": [
            (
                *(each[name] for name in ("label", "name", "type")),
                _default(each.get("default")),
                of_node and bool(each.get("optional")),
                bool(each.get("additionalParams")),
            )
            for each in one["inputs"]
            if not each.get("redialog")
        ],
    }


def test_they_look_the_same(place: Place) -> None:
    """Names, labels, types, defaults and what is optional, of the nodes and their credentials."""
    theirs = FLOWISE.ask(place, SESSION, "describe")
    ours = {"nodes": NODES, "credentials": CREDENTIALS}
    for what, described in ours.items():
        found = [looks(msgspec.json.decode(msgspec.json.encode(one))) for one in described.values()]
        assert found == [looks(one) for one in theirs[what]]


@pytest.mark.parametrize("name", ["typeorm", "@aws-sdk/client-secrets-manager"])
def test_nothing_that_is_missing_was_used(place: Place, name: str) -> None:
    """A package that Flowise has and these tests have not fails where it is used."""
    with pytest.raises(Rejected, match=f"{name} is not installed here, and was used"):
        FLOWISE.ask(place, SESSION, "use a package", name=name)
