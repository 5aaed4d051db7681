"""What both nodes do, called and awaited: sessions, reading, writing, clearing."""

from __future__ import annotations

import json
from typing import Any

import pytest

from redialog import Closed, Message, OwnerMismatch, WrongType
from redialog.nodes import NodeError
from tests.nodes.conftest import Palette
from tests.nodes.tools import api, exchange, texts, user
from tests.support.servers import Server


def test_what_was_added_is_handed_over(palette: Palette) -> None:
    """Oldest first, each with its type, and under the key that Flowise uses."""
    node, ways = palette.node("demo"), palette.ways
    assert ways.get(node) == []
    ways.talk(node, 2)
    assert ways.get(node) == [
        {"message": "q0", "type": "userMessage"},
        {"message": "a0", "type": "apiMessage"},
        {"message": "q1", "type": "userMessage"},
        {"message": "a1", "type": "apiMessage"},
    ]
    assert [message.text for message in node.session().messages()] == ["q0", "a0", "q1", "a1"]


def test_it_lies_where_flowise_looks_for_it(palette: Palette, server: Server) -> None:
    """A list under the session's id, newest first, of what its reader takes."""
    palette.ways.add(palette.node("demo"), exchange(0))
    with server.client() as client:
        found = [json.loads(element) for element in client.lrange("demo", 0, -1)]
    assert [(one["type"], one["data"]["content"]) for one in found] == [
        ("ai", "a0"),
        ("human", "q0"),
    ]


def test_every_message_of_a_call_is_stored_in_its_order(palette: Palette) -> None:
    """The original stored the first of each type only."""
    node, ways = palette.node(), palette.ways
    ways.add(node, [api("0"), user("1"), user("2"), api("3"), api("")])
    assert texts(ways.get(node)) == ["0", "1", "2", "3", ""]
    ways.add(node, [])
    assert node.session().count() == 5


def test_a_window_has_the_newest_exchanges(palette: Palette) -> None:
    """Whole ones: the original counted messages, and gave the oldest."""
    ways = palette.ways
    ways.add(palette.node(), [user("q0"), api("a0"), user("q1"), api("a1"), api("more")])
    ways.add(palette.node(), exchange(2))
    assert texts(ways.get(palette.node(windowSize="2"))) == ["q1", "a1", "more", "q2", "a2"]
    assert texts(ways.get(palette.node(windowSize=1))) == ["q2", "a2"]
    assert texts(ways.get(palette.node(windowSize=2**31 - 1)))[0] == "q0"
    for unset in ("", None, 0, "0"):
        assert len(ways.get(palette.node(windowSize=unset))) == 7


def test_what_is_prepended_comes_first_and_does_not_count(palette: Palette) -> None:
    """In any form of a message."""
    node, ways = palette.node(windowSize=1), palette.ways
    ways.talk(node, 3)
    before = [
        {"role": "userMessage", "content": "p0", "id": "x", "createdDate": "2024"},
        {"type": "apiMessage", "message": "p1"},
        {"role": "user", "content": "p2"},
        Message.assistant("p3"),
    ]
    found = ways.get(node, prepend_messages=before)
    assert texts(found) == ["p0", "p1", "p2", "p3", "q2", "a2"]
    assert [one["type"] for one in found] == ["userMessage", "apiMessage"] * 3
    assert texts(ways.get(node, "", False, [])) == ["q2", "a2"]
    assert node.session().count() == 6


def test_base_messages_are_messages(palette: Palette) -> None:
    """This library's, or LangChain's."""
    node, ways = palette.node(), palette.ways
    ways.add(node, exchange(0))
    base = ways.get(node, return_base_messages=True, prepend_messages=[user("p")])
    assert [(type(one), one.role, one.content) for one in base] == [
        (Message, "user", "p"),
        (Message, "user", "q0"),
        (Message, "assistant", "a0"),
    ]
    theirs = ways.get(node, "", "langchain", [user("p")])
    assert [(one.type, one.content) for one in theirs] == [
        ("human", "p"),
        ("human", "q0"),
        ("ai", "a0"),
    ]


@pytest.mark.parametrize("unset", ["", None])
def test_without_a_session_id_there_is_a_random_one(palette: Palette, unset: object) -> None:
    """The node tells it, keeps it, and it is not that of another node."""
    node, other, ways = palette.node(unset), palette.node(unset), palette.ways
    assert node.session_id != other.session_id
    ways.talk(node, 2)
    assert len(ways.get(node)) == 4
    assert ways.get(other) == []
    assert texts(ways.get(palette.node(node.session_id))) == ["q0", "a0", "q1", "a1"]


def test_another_session_can_be_named_in_a_call(palette: Palette) -> None:
    """It is read, written and cleared alone: the original cleared the node's own as well."""
    node, ways = palette.node("own"), palette.ways
    ways.add(node, exchange(0))
    ways.add(node, exchange(1), "other")
    assert texts(ways.get(node, "other")) == ["q1", "a1"]
    assert texts(ways.get(node, override_session_id="")) == ["q0", "a0"]
    ways.clear(node, override_session_id="other")
    assert ways.get(node, "other") == []
    assert texts(ways.get(node)) == ["q0", "a0"]
    ways.clear(node)
    assert ways.get(node) == []


@pytest.mark.parametrize("other", [5, ["x"], "redialog:x", "\ud800", b"x"])
def test_a_session_id_that_cannot_be_one_is_told(palette: Palette, other: Any) -> None:
    """Before anything is sent, in each of the methods."""
    node, ways = palette.node(), palette.ways
    for call in (ways.get, ways.clear):
        with pytest.raises(NodeError) as caught:
            call(node, override_session_id=other)
        assert caught.value.field == "override_session_id"
    with pytest.raises(NodeError, match="override_session_id"):
        ways.add(node, exchange(0), other)


def test_each_write_renews_the_ttl(palette: Palette, server: Server) -> None:
    """And a node without one leaves a running one alone."""
    ways = palette.ways
    with server.client() as client:
        ways.add(palette.node(sessionTTL="300"), exchange(0))
        assert 290 < client.ttl("s") <= 300
        client.expire("s", 50)
        ways.get(palette.node(sessionTTL="300"))
        ways.add(palette.node(), exchange(1))
        assert 40 < client.ttl("s") <= 50
        ways.add(palette.node(sessionTTL=300), exchange(2))
        assert 290 < client.ttl("s") <= 300
        ways.add(palette.node("never", sessionTTL="0"), exchange(0))
        assert client.ttl("never") == -1


def test_what_renews_the_ttl_can_be_chosen(palette: Palette, server: Server) -> None:
    """Nothing, or reading as well."""
    ways = palette.ways
    with server.client() as client:
        ways.add(palette.node(sessionTTL=300), exchange(0))
        client.expire("s", 50)
        ways.add(palette.node(sessionTTL=300, ttlMode="fixed"), exchange(1))
        assert 40 < client.ttl("s") <= 50
        ways.get(palette.node(sessionTTL=300, ttlMode="on_read"))
        assert 290 < client.ttl("s") <= 300


def test_a_prefix_leads_to_the_sessions_of_others(palette: Palette, server: Server) -> None:
    """Such as those of LangChain in Python."""
    node = palette.node(keyPrefix="message_store:")
    palette.ways.add(node, exchange(0))
    with server.client() as client:
        assert client.llen("message_store:s") == 2
    assert palette.ways.get(palette.node()) == []


def test_a_session_of_another_user_is_left_untouched(palette: Palette) -> None:
    """And its owner's is marked as theirs."""
    ways = palette.ways
    ways.add(palette.node(userId="jim"), exchange(0))
    assert palette.node().session().info().user_id == "jim"
    with pytest.raises(OwnerMismatch):
        ways.add(palette.node(userId="ann"), exchange(1))
    assert len(ways.get(palette.node())) == 2


def test_a_key_that_holds_something_else_is_told(palette: Palette, server: Server) -> None:
    """In each of the methods, and it stays as it is."""
    with server.client() as client:
        client.set("s", "[]")
        client.hset("h", "a", "b")
        for session_id in ("s", "h"):
            node = palette.node(session_id)
            with pytest.raises(WrongType):
                palette.ways.get(node)
            with pytest.raises(WrongType):
                palette.ways.add(node, exchange(0))
        assert client.get("s") == b"[]"


def test_a_closed_node_is_closed(palette: Palette) -> None:
    """And can be closed again."""
    node, ways = palette.node(), palette.ways
    ways.close(node)
    ways.close(node)
    for call in (ways.get, ways.clear):
        with pytest.raises(Closed):
            call(node)
    with pytest.raises(Closed):
        ways.add(node, exchange(0))
