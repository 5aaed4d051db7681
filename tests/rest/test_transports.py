"""What both transports promise to whoever calls them, beside what a memory does with them."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest
import upstash_redis
import upstash_redis.asyncio

from redialog import (
    AsyncChatMemory,
    AuthError,
    ChatMemory,
    Closed,
    ConnectError,
    DataError,
    Message,
    MessageTooLarge,
    RateLimited,
    ReplyTimeout,
    TransportError,
)
from redialog.effect import Batch, Command, CommandError, Patience
from tests.rest.conftest import Open
from tests.rest.front import Front, answers, dropped, held, trickles
from tests.support.gateways import Gateway
from tests.support.servers import Server, wait_until

PING: Command = (b"PING",)


def write(*values: bytes) -> Batch:
    """A batch of several commands that change something."""
    return Batch(tuple((b"RPUSH", b"log", value) for value in values), writes=True)


def test_replies_are_those_of_resp2(front: Front, transport_to: Open, server: Server) -> None:
    """Bytes, integers, None, lists at any depth, scores, and errors in their places."""
    transport = transport_to(front.url)
    script = b"return {1, 'a', {'OK', {}}, redis.status_reply('FINE'), false}"
    batch: tuple[Command, ...] = (
        (b"SET", b"k", b"OK"),
        (b"GET", b"k"),
        (b"GET", b"nothing"),
        (b"ZADD", b"z", 1732212345678, b"\xc3\xa9", 5, b"list"),
        (b"ZRANGE", b"z", 0, -1, b"WITHSCORES"),
        (b"LRANGE", b"nothing", 0, -1),
        (b"EVAL", script, 0),
        (b"LPUSH", b"k", b"x"),
        (b"EVALSHA", b"0" * 40, 0),
        (b"PING",),
        (b"TYPE", b"z"),
    )
    assert transport.execute(Batch(batch, writes=True)) == [
        b"OK",
        b"OK",
        None,
        2,
        [b"list", b"5", b"\xc3\xa9", b"1732212345678"],
        [],
        [1, b"a", [b"OK", []], b"FINE", None],
        CommandError("WRONGTYPE", "Operation against a key holding the wrong kind of value"),
        CommandError("NOSCRIPT", "No matching script. Please use EVAL."),
        b"PONG",
        b"zset",
    ]
    for command in batch[1:3] + batch[4:7] + batch[9:]:
        [alone] = transport.execute(Batch((command,)))
        assert [alone] == transport.execute(Batch((PING, command)))[1:]
    [error] = transport.execute(Batch(((b"EVALSHA", b"0" * 40, 0),)))
    assert isinstance(error, CommandError)
    assert error.code == "NOSCRIPT"


def test_any_bytes_come_back(front: Front, transport_to: Open, server: Server) -> None:
    """Each value of a byte, and texts that look like base64 or like a status."""
    values = [bytes([number]) for number in range(256)]
    values += [bytes(range(256)), b"list", b"OK", b"T0s=", b"", b"AAAA"]
    with server.client() as raw:
        raw.rpush("log", *values)
    transport = transport_to(front.url)
    assert transport.execute(Batch(((b"LRANGE", b"log", 0, -1),))) == [values]
    for number, value in enumerate(values):
        if number > 250:
            assert transport.execute(Batch(((b"LINDEX", b"log", number),))) == [value]


def test_who_is_asked(front: Front, transport_to: Open) -> None:
    """One server stands for all primaries; there are no sentinels, and nobody is asked for them."""
    transport = transport_to(front.url)
    assert transport.address == front.url
    assert transport.patience == Patience()
    assert transport.execute(Batch((PING, PING), to="primaries")) == [[(front.url, b"PONG")]] * 2
    assert len(front.seen) == 1
    assert transport.execute(Batch((PING, PING), to="sentinels")) == [[], []]
    assert len(front.seen) == 1


def test_nothing_is_sent_twice(front: Front, transport_to: Open) -> None:
    """That is the driver's part, who knows what may be: one attempt, one request."""
    transport = transport_to(front.url)
    transport.execute(Batch((PING,)))
    for behaviour in (dropped, answers(503), answers(429), answers(307, b"", [("Location", "/")])):
        before = len(front.seen)
        front.on(behaviour)
        with pytest.raises(TransportError):
            transport.execute(write(b"x"))
        assert len(front.seen) == before + 1


def test_a_batch_of_which_a_part_was_done(front: Front, transport_to: Open, server: Server) -> None:
    """Where it went in several requests and a later one failed, the whole is in doubt."""
    transport = transport_to(front.url, max_request_bytes=100)
    batch = write(b"a" * 60, b"b" * 60, b"c" * 60)
    for behaviour, kind in ((answers(401), AuthError), (answers(429), RateLimited)):
        for value, doubt in ((b"aaa", False), (b"bbb", True), (b"ccc", True)):
            fault = front.on(behaviour, match=value)
            with pytest.raises(kind) as caught:
                transport.execute(batch)
            assert fault.hits == 1
            assert caught.value.maybe_applied is doubt
    front.on(answers(429), match=b"bbb")
    with pytest.raises(RateLimited) as read:
        transport.execute(Batch(batch.commands))
    assert read.value.maybe_applied is False
    with server.client() as raw:
        raw.delete("log")
    assert transport.execute(batch) == [1, 2, 3]


def test_what_cannot_be_sent(front: Front, transport_to: Open) -> None:
    """Nothing of the batch is."""
    transport = transport_to(front.url, max_request_bytes=100)
    with pytest.raises(DataError):
        transport.execute(write(b"fine", b"\xff"))
    with pytest.raises(MessageTooLarge):
        transport.execute(write(b"fine", b"x" * 100))
    assert front.seen == []


@pytest.mark.parametrize("reset", [False, True])
def test_an_idle_connection_that_was_closed_is_not_used(
    reset: bool, front: Front, transport_to: Open
) -> None:
    """It is noticed before a request is sent over it, so it is no failure at all."""
    transport = transport_to(front.url)
    transport.execute(Batch((PING,)))
    front.cut_all(reset=reset)
    wait_until(lambda: front.connected == 0, what="it is closed")
    assert transport.execute(write(b"x")) == [1]
    assert front.accepted == 2


def test_a_closed_transport_says_so(front: Front, transport_to: Open) -> None:
    """Closed twice, used or not; nothing is sent any more."""
    for used in (True, False):
        transport = transport_to(front.url)
        if used:
            transport.execute(Batch((PING,)))
        before = len(front.seen)
        transport.close()
        transport.close()
        for batch in (Batch((PING,)), Batch((PING,), to="sentinels")):
            with pytest.raises(Closed):
                transport.execute(batch)
        assert len(front.seen) == before


SLOW: list[Any] = [held, trickles("head"), trickles("body")]


@pytest.mark.parametrize("behaviour", SLOW)
@pytest.mark.parametrize("limit", ["option", "within", "within alone"])
@pytest.mark.parametrize("warm", [True, False])
def test_a_reply_is_waited_for_so_long(
    behaviour: Any, limit: str, warm: bool, front: Front, transport_to: Open
) -> None:
    """However it comes, or does not: the time counts from the request to the end of the reply."""
    choices: dict[str, dict[str, Any]] = {
        "option": {"socket_timeout": 0.3},
        "within": {"socket_timeout": 20},
        "within alone": dict.fromkeys(("socket_timeout", "socket_connect_timeout", "timeout")),
    }
    options = choices[limit]
    transport = transport_to(front.url, **options)
    if warm:
        transport.execute(Batch((PING,)))
    front.on(behaviour)
    started = time.monotonic()
    with pytest.raises(ReplyTimeout) as caught:
        transport.execute(write(b"x"), None if limit == "option" else 0.3)
    assert time.monotonic() - started < 10
    assert caught.value.maybe_applied is True
    front.calm()
    assert transport.execute(Batch((PING,))) == [b"PONG"]


@pytest.mark.parametrize("limit", ["option", "within"])
def test_a_connection_is_waited_for_so_long(limit: str, transport_to: Open) -> None:
    """With its TLS handshake, which here nobody answers."""
    options: dict[str, Any] = {"socket_connect_timeout": 0.3 if limit == "option" else 20}
    with socket.create_server(("127.0.0.1", 0)) as silent:
        transport = transport_to(f"https://127.0.0.1:{silent.getsockname()[1]}", **options)
        started = time.monotonic()
        with pytest.raises(ConnectError, match="no answer in time") as caught:
            transport.execute(write(b"x"), None if limit == "option" else 0.3)
    assert time.monotonic() - started < 10
    assert caught.value.maybe_applied is False


@pytest.fixture
def black_hole() -> Iterator[int]:
    """A port where nobody answers, not even with a refusal: as many wait there as may."""
    with socket.socket() as full, contextlib.ExitStack() as waiting:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(3):
            one = waiting.enter_context(socket.socket())
            one.setblocking(False)
            one.connect_ex(full.getsockname())
        yield full.getsockname()[1]


def test_each_address_of_a_name_gets_its_turn(
    black_hole: int, front: Front, transport_to: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where one is dead and one refuses, the next one serves, within the time to connect."""
    with socket.socket() as refusing:
        refusing.bind(("127.0.0.1", 0))
        ports = [black_hole, refusing.getsockname()[1], front.port]
        real = socket.getaddrinfo

        def resolved(host: Any, *args: Any, **options: Any) -> Any:
            if host != "name.test":
                return real(host, *args, **options)
            kind = (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "")
            return [(*kind, ("127.0.0.1", port)) for port in ports]

        monkeypatch.setattr(socket, "getaddrinfo", resolved)
        url = "http://name.test"
        transport = transport_to(url, allow_insecure=True, socket_connect_timeout=0.6)
        assert transport.execute(Batch((PING,))) == [b"PONG"]
        ports[:] = [black_hole, refusing.getsockname()[1]]
        transport.close()
        with pytest.raises(ConnectError, match="connection refused") as caught:
            transport_to(url, allow_insecure=True).execute(write(b"x"), 0.6)
        assert caught.value.maybe_applied is False


def test_several_requests_share_the_time(front: Front, transport_to: Open) -> None:
    """`within` bounds the batch, not each of its requests."""
    transport = transport_to(front.url, max_request_bytes=100)
    front.on(trickles("body"), match=b"bbb")
    with pytest.raises(ReplyTimeout) as caught:
        transport.execute(write(b"a" * 60, b"b" * 60), 0.3)
    assert caught.value.maybe_applied is True


@pytest.mark.parametrize("within", [0.0, -1.0, 1e-9])
def test_no_time_at_all(within: float, front: Front, transport_to: Open) -> None:
    """It fails at once, and says what it knows."""
    transport = transport_to(front.url)
    with pytest.raises(ConnectError) as caught:
        transport.execute(write(b"x"), within)
    assert caught.value.maybe_applied is False
    transport.execute(Batch((PING,)))
    with pytest.raises((ConnectError, ReplyTimeout)):
        transport.execute(write(b"x"), within)


def test_an_adopted_client_is_left_alone(gateway: Gateway, front: Front, facade: str) -> None:
    """Its URL and token are used; its connections, settings and close are the application's."""
    if facade == "sync":
        client = upstash_redis.Redis(front.url, gateway.token)
        client.set("k", "v")
        with ChatMemory.from_client(client) as memory:
            memory.session("s").append(Message.user("x"))
            assert front.accepted == 2
        assert client.get("k") == "v"
        client.close()  # type: ignore[no-untyped-call]
        return

    async def scenario() -> None:
        other = upstash_redis.asyncio.Redis(front.url, gateway.token)
        await other.set("k", "v")
        async with AsyncChatMemory.from_client(other) as memory:
            await memory.session("s").append(Message.user("x"))
            assert front.accepted == 2
        assert await other.get("k") == "v"
        await other.close()

    asyncio.run(scenario())
