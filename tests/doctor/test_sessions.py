"""What is found wrong with sessions: what never expires, cannot be read, or was left behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import redis

from redialog import ChatMemory, Message
from redialog.diagnosis import Diagnosis
from redialog.keys import OwnLayout, SharedLayout
from redialog.ops.doctor.sessions import ELEMENT_BYTES, ELEMENTS
from tests.doctor.tools import one
from tests.support.servers import Server

Diagnose = Callable[..., Diagnosis]
EVIL = "e\x1b[2J\n\u202e"


@pytest.fixture
def raw(server: Server) -> Iterator[redis.Redis]:
    """Another client."""
    with server.client() as client:
        yield client


@pytest.fixture
def memory(server: Server) -> Iterator[ChatMemory]:
    """Writes sessions."""
    with ChatMemory.from_url(server.url) as opened:
        yield opened


def log(session_id: str) -> bytes:
    """The key of a session's messages."""
    return OwnLayout("default").session(session_id).log


def test_sessions_without_a_ttl(diagnose: Diagnose, server: Server, memory: ChatMemory) -> None:
    """Worth a word; a warning where the memory gives one."""
    memory.session("brief", ttl=60).append(Message.user("x"))
    assert one(diagnose(server.url), "ttl").text == "all sessions expire"
    memory.session(EVIL).append(Message.user("x"))
    memory.session("lasting").append(Message.user("x"))
    found = one(diagnose(server.url), "ttl")
    assert (found.level, found.text) == ("info", "without a ttl: 2 of 3 sessions")
    found = one(diagnose(server.url, ttl=3600), "ttl")
    assert found.level == "warning"
    assert r"'lasting', 'e\x1b[2J\n\u202e'" in found.text
    assert found.facts["sessions"] == ("lasting", EVIL)


def test_damaged_elements(
    diagnose: Diagnose, server: Server, memory: ChatMemory, raw: redis.Redis
) -> None:
    """Their sessions are named, and where the first lies; never their text."""
    for name in ("a", "b", "c"):
        memory.session(name).append(*[Message.user("x")] * 3)
    assert one(diagnose(server.url), "elements").text == "9 messages can be read"
    raw.lset(log("b"), 1, "{secret")
    raw.lset(log("b"), 2, '{"type":7}')
    raw.lset(log("c"), 0, "")
    found = one(diagnose(server.url), "elements")
    assert found.level == "warning"
    assert found.text == (
        "3 messages of 2 sessions cannot be read: 'c', 'b' (element 0 of the first: it is not JSON)"
    )
    assert found.facts == {"looked_at": 9, "damaged": 3, "sessions": ("c", "b")}


def test_so_many_elements_are_looked_at(
    diagnose: Diagnose, server: Server, memory: ChatMemory, raw: redis.Redis
) -> None:
    """The newest of each session, as far as they are not large; the text says so."""
    memory.session("long").append(*[Message.user("x")] * (ELEMENTS + 5))
    raw.lset(log("long"), -1, "{")
    memory.session("large").append(Message.user("y" * ELEMENT_BYTES), Message.user("x"))
    found = one(diagnose(server.url), "elements")
    assert found.level == "ok"
    assert found.text == f"{ELEMENTS + 1} messages, at most {ELEMENTS} a session, can be read"
    raw.lset(log("long"), ELEMENTS - 1, "{")
    assert one(diagnose(server.url), "elements").facts["damaged"] == 1


def test_so_many_bytes_are_looked_at(
    diagnose: Diagnose, server: Server, memory: ChatMemory
) -> None:
    """Of all elements of a session together, the newest first."""
    half = Message.user("y" * (ELEMENT_BYTES // 2 - 200))
    memory.session("a").append(*[half] * 4, Message.user("x"))
    assert one(diagnose(server.url), "elements").facts == {"looked_at": 2 + 1, "damaged": 0}


def test_companions_that_outlive_their_session(
    diagnose: Diagnose, server: Server, memory: ChatMemory, raw: redis.Redis
) -> None:
    """Another client deleted the log, or made it expire alone."""
    for name in ("deleted", "expiring", "sound"):
        memory.session(name, ttl=600 if name == "sound" else None).append(Message.user("x"))
        memory.session(name).set_title("t")
    assert one(diagnose(server.url), "companions").level == "ok"
    raw.delete(log("deleted"))
    raw.expire(log("expiring"), 600)
    found = diagnose(server.url)
    assert one(found, "companions").level == "warning"
    assert one(found, "companions").facts["sessions"] == ("expiring", "deleted")
    assert "1 of them expired" in one(found, "sessions").text
    assert one(found, "elements").facts["looked_at"] == 2
    # As it advises.
    list(memory.sessions())
    memory.session("expiring").append(Message.user("x"))
    assert one(diagnose(server.url), "companions").level == "ok"


def test_keys_of_another_application(
    diagnose: Diagnose, server: Server, memory: ChatMemory, raw: redis.Redis
) -> None:
    """A session's key that holds no list is told, and the others are looked at."""
    memory.session("a").append(Message.user("x"))
    memory.session("b").append(Message.user("x"))
    raw.delete(log("a"))
    raw.set(log("a"), "theirs")
    found = diagnose(server.url)
    assert one(found, "sessions").level == "warning"
    assert one(found, "sessions").text == "1 session cannot be read: 'a'"
    assert one(found, "elements").text == "1 message can be read"


def test_a_catalogue_of_another_type(
    diagnose: Diagnose, server: Server, memory: ChatMemory, raw: redis.Redis
) -> None:
    """Then there is nothing to look at, and it says which key is at fault."""
    raw.set(OwnLayout("default").root(7) + b":sessions", "theirs")
    found = one(diagnose(server.url), "sessions")
    assert found.level == "not_checked"
    assert "redialog:{default.7}:sessions" in found.text


def test_entries_that_are_no_ids(
    diagnose: Diagnose, server: Server, memory: ChatMemory, raw: redis.Redis
) -> None:
    """Only another client can have made them; they are passed over."""
    raw.zadd(OwnLayout("default").root(7) + b":sessions", {b"\xff\xfe": 1, b"": 2})
    memory.session("a").append(Message.user("x"))
    assert one(diagnose(server.url), "sessions").facts["looked_at"] == 1


def test_sessions_in_the_shared_layout(
    diagnose: Diagnose, server: Server, raw: redis.Redis
) -> None:
    """Those that redialog has written to, where LangChain has them too."""
    with ChatMemory.from_url(server.url, key_prefix="message_store:") as memory:
        memory.session("a}b").append(Message.user("x"))
    raw.lpush(SharedLayout("default", "message_store:").session("a}b").log, "{")
    found = diagnose(server.url, key_prefix="message_store:")
    assert one(found, "elements").facts == {"looked_at": 2, "damaged": 1, "sessions": ("a}b",)}
    assert one(found, "acl").level == "ok"
    assert one(diagnose(server.url), "sessions").facts["looked_at"] == 0


def test_no_sessions(diagnose: Diagnose, server: Server) -> None:
    """Nothing to say, and nothing wrong."""
    found = diagnose(server.url)
    assert one(found, "sessions").text == "0 sessions in the catalogue, all looked at"
    assert one(found, "ttl").text == "no sessions"
