"""What a memory does over REST, in how many HTTP requests, and what these hold."""

from __future__ import annotations

import json
from typing import Any

import pytest

from redialog import (
    AuthError,
    ChatMemory,
    DataError,
    Message,
    MessageTooLarge,
    OwnerMismatch,
    PermissionDenied,
    WrongType,
)
from tests.rest.conftest import Connect
from tests.rest.front import Front
from tests.support.gateways import Gateway
from tests.support.servers import Server

BINARY_ISH = 'nul \x00, DEL \x7f, \u2028, \ufffd, é, 漢, \U0001f600, OK, bGlzdA==, "\\\n'


def turn(number: int) -> tuple[Message, Message]:
    return Message.user(f"{number}.q"), Message.assistant(f"{number}.a")


class Counted:
    """Counts the requests of a block."""

    def __init__(self, front: Front) -> None:
        self._front = front
        self.requests = 0

    def __enter__(self) -> Counted:
        self._before = len(self._front.seen)
        return self

    def __exit__(self, *_: object) -> None:
        self.requests = len(self._front.seen) - self._before


@pytest.fixture(params=["own", "shared"])
def memory(request: pytest.FixtureRequest, connect: Connect, front: Front) -> ChatMemory:
    """A memory of each layout that has sent its scripts already."""
    layout: dict[str, Any] = {} if request.param == "own" else {"key_prefix": "chat:"}
    found = connect(front.url, ttl=600, **layout)
    found.session("before", user_id="u").append(*turn(0))
    return found


def test_a_turn_is_one_request(memory: ChatMemory, front: Front) -> None:
    """Messages, TTL, token and catalogue together, in both layouts."""
    chat = memory.session("before", user_id="u")
    for number in range(3):
        with Counted(front) as counted:
            chat.append(*turn(number))
        assert counted.requests == 1


def test_a_window_is_one_request(memory: ChatMemory, front: Front) -> None:
    """Whatever it is cut by."""
    chat = memory.session("s")
    for number in range(5):
        chat.append(*turn(number))
    with Counted(front) as counted:
        assert len(chat.window(turns=2)) == 4
    assert counted.requests == 1
    with Counted(front) as counted:
        assert len(chat.window(messages=3)) == 3
    assert counted.requests == 1


def test_a_listing_is_a_pipeline(memory: ChatMemory, front: Front) -> None:
    """256 reads of the catalogue go in one request; so do those of what was found."""
    for number in range(5):
        memory.session(f"s{number}", user_id="u").append(*turn(number))
    with Counted(front) as counted:
        page = memory.sessions("u").page()
    assert [one.session_id for one in page.sessions] == ["s4", "s3", "s2", "s1", "s0", "before"]
    assert counted.requests <= 3


def test_a_conversation_as_with_any_redis(memory: ChatMemory) -> None:
    """Each kind of operation, with texts that are hard to carry."""
    chat = memory.session("s", user_id="u")
    assert chat.messages() == []
    stored = chat.append(Message.user(BINARY_ISH), Message.assistant("é" * 500))
    assert chat.messages() == stored
    assert chat.info().user_id == "u"
    assert chat.context(max_tokens=5000).messages
    assert chat.replace(stored[0].id or "", Message.user("new")).text == "new"
    assert [one.text for one in chat.window(turns=1)] == ["new", "é" * 500]
    assert chat.fork("forked").count() == 2
    assert chat.rewind(stored[0].id or "") == 1
    assert chat.set_title("漢 title") is True
    assert chat.info().title == "漢 title"
    assert chat.clear() == 1
    with pytest.raises(OwnerMismatch):
        memory.session("forked", user_id="other").append(Message.user("x"))


def test_both_protocols_share_a_session(server: Server, connect: Connect, front: Front) -> None:
    """Bytes are the same, whichever way they come."""
    with ChatMemory.from_url(server.url) as direct:
        there, here = direct.session("s"), connect(front.url).session("s")
        here.append(Message.user(BINARY_ISH))
        there.append(Message.assistant(BINARY_ISH))
        assert [one.text for one in here.messages()] == [BINARY_ISH] * 2
        assert there.messages() == here.messages()


def test_foreign_elements_that_are_no_text(server: Server, connect: Connect, front: Front) -> None:
    """Bytes that JSON cannot hold come back as they are, in base64; none are sent."""
    damaged = b"\xff\xfe\x00"
    with server.client() as raw:
        raw.rpush("chat:s", damaged, b'{"type":"human","data":{"content":"ok"}}')
        chat = connect(front.url, key_prefix="chat:").session("s")
        found = chat.messages(strict=False)
        assert [one.text for one in found if one.role == "user"] == ["ok"]
        [other] = [one for one in found if one.role != "user"]
        with pytest.raises(DataError, match="UTF-8"):
            chat.remove(other.id or "")
        assert raw.lrange("chat:s", 0, 0) == [damaged]


def test_the_requests_are_those_of_the_protocol(memory: ChatMemory, front: Front) -> None:
    """POST of one command or of several, texts alone, and the headers that the service reads."""
    memory.session("s", user_id="u").append(*turn(1))
    memory.sessions().page()
    for one in front.seen:
        document = json.loads(one.body)
        commands = [document] if one.path == "/" else document
        assert one.path == ("/pipeline" if len(commands) > 1 else "/")
        assert all(isinstance(part, str) for command in commands for part in command)
        assert one.headers["authorization"] == "Bearer full-token-of-the-tests"
        assert one.headers["upstash-encoding"] == "base64"
        assert one.headers["content-type"] == "application/json"


def test_the_sync_token_comes_back_with_the_next_request(connect: Connect, front: Front) -> None:
    """Empty at first, then what the last reply brought; each transport has its own."""
    first, second = connect(front.url), connect(front.url)
    for memory in (first, first, second, first):
        memory.ping()
    sent = [one.headers["upstash-sync-token"] for one in front.seen]
    assert sent[0] == ""
    assert sent[2] == ""
    assert sent[1]
    assert sent[3] not in ("", sent[1])


def test_connections_are_kept(connect: Connect, front: Front) -> None:
    """Calls one after the other need one connection, also those of two memories."""
    for memory in (connect(front.url), connect(front.url, namespace="other")):
        chat = memory.session("s")
        for number in range(5):
            chat.append(*turn(number))
    assert front.accepted == 1


@pytest.mark.parametrize("limit", [2000, 12_000])
def test_a_batch_above_the_limit_goes_in_several_requests(
    limit: int, connect: Connect, front: Front
) -> None:
    """At the boundaries of commands; the replies are those of the whole."""
    chat = connect(front.url, max_request_bytes=limit).session
    with ChatMemory.from_url(front.url, token="full-token-of-the-tests") as unlimited:
        for number in range(40):
            unlimited.session(f"s{number}").append(Message.user("x"))
    before = len(front.seen)
    memory = connect(front.url, max_request_bytes=limit)
    assert len(memory.sessions().page().sessions) == 40
    sent = front.seen[before:]
    assert len(sent) > 3
    assert all(len(one.body) <= limit for one in sent)
    with pytest.raises(MessageTooLarge) as caught:
        chat("big").append(Message.user("SECRET" * limit))
    assert caught.value.limit == limit
    assert caught.value.size > limit
    assert "max_request_bytes" in str(caught.value)
    assert "SECRET" not in str(caught.value)
    assert len(front.seen) == before + len(sent)


def test_scripts_that_the_server_lost_are_sent_again(
    memory: ChatMemory, server: Server, front: Front
) -> None:
    """NOSCRIPT comes as an error of one command, and the text goes with the next request."""
    with server.client() as raw:
        raw.script_flush()
    with Counted(front) as counted:
        memory.session("before", user_id="u").append(*turn(1))
    assert counted.requests == 2
    assert memory.session("before").count() == 4


def test_errors_of_commands_are_typed(
    server: Server, gateway: Gateway, connect: Connect, front: Front
) -> None:
    """In a single command with HTTP 400, and inside a pipeline."""
    with server.client() as raw:
        raw.set("chat:s", "a text")
        raw.set("chat:t", "a text")
    memory = connect(front.url, key_prefix="chat:")
    for call in (memory.session("s").messages, memory.session("s").count):
        with pytest.raises(WrongType):
            call()
    with pytest.raises(WrongType):
        memory.session("t").append(Message.user("SECRET"))
    reader = connect(front.url, token=gateway.read_only_token)
    assert reader.session("s").count() == 0
    with pytest.raises(PermissionDenied):
        reader.session("s").append(Message.user("SECRET"))
    with pytest.raises(AuthError) as caught:
        connect(front.url, token="WRONG-TOKEN").ping()
    assert "WRONG-TOKEN" not in str(caught.value)


def test_a_long_conversation_comes_in_pages(connect: Connect, front: Front) -> None:
    """Staged in parts, published at once, read back whole."""
    chat = connect(front.url).session("s")
    texts = [f"{number} {'é' * 50}" for number in range(2500)]
    chat.append(*map(Message.user, texts))
    assert [one.text for one in chat.messages()] == texts
