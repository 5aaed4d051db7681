"""Names: any text is a session's id, and two names are two sessions."""

from __future__ import annotations

import pytest

from redialog import ChatMemory, Message
from tests.conformance.tools import texts
from tests.support.backends import Store

NASTY_IDS = [
    "a b",
    "line\nbreak",
    "a:b",
    "{",
    "}",
    "{}",
    "a{b}c",
    "%",
    "%20",
    "\x00",
    "\x1b[31m",
    "😀",
    "é",
    "e\u0301",
    "x" * 10_240,
    "../..",
    "*",
    "redialog:",
]


@pytest.mark.parametrize("session_id", NASTY_IDS, ids=lambda value: ascii(value)[:20])
def test_any_text_is_a_session_id(memory: ChatMemory, session_id: str) -> None:
    """Spaces, braces, control characters, emoji and 10 kB name sessions that do not meet."""
    chat = memory.session(session_id)
    chat.append(Message.user("mine"))
    memory.session(session_id + "x").append(Message.user("other"))
    assert texts(memory.session(session_id).messages()) == ["mine"]
    assert memory.session(session_id).id == session_id
    assert memory.latest_session_id() == session_id + "x"


def test_namespaces_do_not_meet(store: Store) -> None:
    """The same session id in two namespaces is two sessions."""
    store.memory(namespace="a").session("s").append(Message.user("in a"))
    store.memory(namespace="a.1").session("s").append(Message.user("in a.1"))
    assert texts(store.memory(namespace="a").session("s").messages()) == ["in a"]
    assert store.memory(namespace="b").session("s").count() == 0


def test_a_session_without_an_id_gets_a_random_one(memory: ChatMemory) -> None:
    """Two handles without an id are two sessions."""
    one, two = memory.session(), memory.session()
    assert one.id != two.id
    one.append(Message.user("x"))
    assert (one.count(), two.count()) == (1, 0)
