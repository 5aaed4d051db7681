"""The faults that other tests rely on: each does what it says, and nothing else."""

from __future__ import annotations

import asyncio
import itertools
import socket
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
import redis
import redis.asyncio
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.proxy import FaultProxy, FrameSplitter, ProtocolError, words
from tests.support.servers import KINDS, Server, plain_client, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BIG = b"0123456789abcdef" * (5 * 1024**2 // 16)


@pytest.fixture(scope="module", params=KINDS)
def shared_server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with Server(request.param) as server:
        yield server


@pytest.fixture
def server(shared_server: Server) -> Server:
    shared_server.flush()
    return shared_server


@pytest.fixture
def proxy(server: Server) -> Iterator[FaultProxy]:
    with FaultProxy(server.host, server.port) as proxy:
        yield proxy


@contextmanager
def direct(server: Server) -> Iterator[redis.Redis]:
    """Past the proxy, to see what the server has really done."""
    with server.client() as client:
        yield client


def through(proxy: FaultProxy, **options: Any) -> redis.Redis:
    return plain_client(host=proxy.host, port=proxy.port, **options)


def request(*parts: bytes) -> bytes:
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(p), p) for p in parts)


@contextmanager
def raw(proxy: FaultProxy) -> Iterator[socket.socket]:
    """A client without a greeting, whose every byte the test chooses."""
    with socket.create_connection((proxy.host, proxy.port), timeout=5) as sock:
        yield sock


def read_all(sock: socket.socket) -> bytes:
    """Return what arrives until the other side closes."""
    return b"".join(iter(lambda: sock.recv(65536), b""))


def read_exactly(sock: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        chunk = sock.recv(size - len(data))
        assert chunk, f"closed after {data!r}"
        data += chunk
    return data


# Transparency


@pytest.mark.parametrize("protocol", [2, 3])
def test_without_faults_nothing_changes(proxy: FaultProxy, protocol: int) -> None:
    """Commands, types of both protocols, errors, scripts and transactions pass unchanged."""
    with through(proxy, protocol=protocol) as client:
        client.hset("hash", mapping={"a": 1, "b": 2})
        assert client.hgetall("hash") == {b"a": b"1", b"b": b"2"}
        client.zadd("zset", {"m": 1.5})
        assert client.zscore("zset", "m") == 1.5
        assert client.sadd("set", "x") == 1
        assert client.smembers("set") == {b"x"}
        assert client.get("none") is None
        assert client.eval("return {1, false, {'a', {}}, 'b'}", 0) == [1, None, [b"a", []], b"b"]
        assert client.xadd("stream", {"f": "v"}, id="1-1") == b"1-1"
        assert client.xrange("stream") == [(b"1-1", {b"f": b"v"})]
        with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
            client.get("hash")
        with client.pipeline(transaction=True) as pipe:
            assert pipe.incr("n").incr("n").execute() == [1, 2]
        assert client.info("server")["tcp_port"]


def test_big_values_pass_intact(proxy: FaultProxy) -> None:
    """A request and a reply of 5 MB arrive byte for byte, and are counted."""
    with through(proxy) as client:
        client.set("big", BIG)
        assert client.get("big") == BIG
        with client.pipeline(transaction=False) as pipe:
            assert pipe.get("big").get("big").strlen("big").execute() == [BIG, BIG, len(BIG)]
    assert proxy.bytes_up > len(BIG)
    assert proxy.bytes_down > 3 * len(BIG)


@pytest.mark.parametrize("protocol", [2, 3])
def test_published_messages_pass(server: Server, proxy: FaultProxy, protocol: int) -> None:
    """A subscriber through the proxy gets what is published."""
    with (
        through(proxy, protocol=protocol) as client,
        client.pubsub() as subscriber,
        direct(server) as publisher,
    ):
        subscribe: Callable[..., object] = subscriber.subscribe  # has no types in redis-py
        subscribe("one", "two")
        for kind in ("subscribe", "subscribe", "message"):
            if kind == "message":
                assert publisher.publish("one", b"1") == 1
            message = subscriber.get_message(timeout=5)
            assert message is not None
            assert message["type"] == kind
        assert message["data"] == b"1"


def test_asyncio_clients_pass(proxy: FaultProxy) -> None:
    """A client in an event loop works through the proxy, whose loop is another one."""

    async def main() -> object:
        async with redis.asyncio.Redis.from_url(proxy.url) as client:
            await client.set("key", "value")
            return await client.get("key")

    assert asyncio.run(main()) == b"value"


def test_a_request_in_single_bytes_is_one_request(proxy: FaultProxy) -> None:
    """Bytes that arrive one by one make the same requests, plain lines among them."""
    with raw(proxy) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in request(b"set", b"key", b"a\r\nb") + b"\r\nget key\r\n" + b"*0\r\n":
            sock.send(bytes([byte]))
        assert read_exactly(sock, 15) == b"+OK\r\n$4\r\na\r\nb\r\n"
    assert proxy.requests == ["SET", "GET"]


# Cut replies


@pytest.mark.parametrize("protocol", [2, 3])
def test_cut_reply_loses_the_reply_of_a_command_that_ran(
    server: Server, proxy: FaultProxy, protocol: int
) -> None:
    """The client gets ConnectionError, and the server has counted once."""
    with through(proxy, protocol=protocol) as client, direct(server) as truth:
        fault = proxy.cut_reply(match=b"INCR")
        assert client.ping()
        with pytest.raises(redis.ConnectionError):
            client.incr("n")
        assert fault.hits == 1
        assert truth.get("n") == b"1"
        assert proxy.open_connections == 0
        assert client.incr("n") == 2
        assert fault.hits == 1


@pytest.mark.parametrize("after_bytes", [0, 1, 4, 8, 100])
def test_cut_reply_after_some_bytes(proxy: FaultProxy, after_bytes: int) -> None:
    """Exactly the first bytes of the reply arrive, all of them if there are fewer."""
    reply = b"$5\r\nhello\r\n"
    with raw(proxy) as sock:
        proxy.cut_reply(after_bytes)
        sock.sendall(request(b"ECHO", b"hello"))
        assert read_all(sock) == reply[:after_bytes]


@pytest.mark.parametrize("nth", [1, 2, 3])
def test_cut_reply_in_a_pipeline(server: Server, proxy: FaultProxy, nth: int) -> None:
    """The replies before the cut one arrive; the requests after it never reach the server."""
    proxy.cut_reply(2, nth, match=b"INCR")
    with raw(proxy) as sock, direct(server) as truth:
        sock.sendall(request(b"PING") + request(b"INCR", b"n") * 3)
        replies = b"".join(b":%d\r\n" % n for n in range(1, nth))
        assert read_all(sock) == b"+PONG\r\n" + replies + b":%d" % nth
        assert truth.get("n") == b"%d" % nth


def test_cut_reply_of_a_transaction(server: Server, proxy: FaultProxy) -> None:
    """A transaction whose EXEC is cut is done, and its client does not know."""
    proxy.cut_reply(5, match=b"EXEC")
    with through(proxy) as client, direct(server) as truth:
        with client.pipeline(transaction=True) as pipe, pytest.raises(redis.ConnectionError):
            pipe.incr("n").incr("n").incr("n").execute()
        assert truth.get("n") == b"3"


def test_cut_reply_in_the_middle_of_a_big_reply(proxy: FaultProxy) -> None:
    """Of a reply of 5 MB, the half arrives."""
    with through(proxy) as client:
        client.set("big", BIG)
    with raw(proxy) as sock:
        proxy.cut_reply(len(BIG) // 2)
        sock.sendall(request(b"GET", b"big"))
        assert len(read_all(sock)) == len(BIG) // 2


def test_cut_reply_counts_replies_not_pushes(server: Server, proxy: FaultProxy) -> None:
    """With RESP3, an invalidation between a request and its reply is not taken for the reply."""
    with raw(proxy) as sock, direct(server) as other:
        sock.sendall(request(b"HELLO", b"3") + request(b"CLIENT", b"TRACKING", b"ON", b"BCAST"))
        tail = b""
        while not tail.endswith(b"+OK\r\n"):
            tail += sock.recv(65536)
        proxy.cut_reply(3, match=b"ECHO")
        sock.sendall(request(b"BLPOP", b"list", b"0") + request(b"ECHO", b"hello"))
        other.set("key", "1")
        push = b">2\r\n$10\r\ninvalidate\r\n*1\r\n$3\r\nkey\r\n"
        assert read_exactly(sock, len(push)) == push
        other.rpush("list", "x")
        got = read_all(sock)
        assert b"*2\r\n$4\r\nlist\r\n$1\r\nx\r\n" in got
        assert got.endswith(b"$5\r")


@pytest.mark.parametrize("protocol", [2, 3])
def test_cut_reply_of_a_subscriber(proxy: FaultProxy, server: Server, protocol: int) -> None:
    """Confirmations and messages of a subscriber are told from the reply that is cut."""
    with raw(proxy) as sock, direct(server) as other:
        sock.sendall(request(b"HELLO", b"%d" % protocol) + request(b"SUBSCRIBE", b"a", b"b"))
        got = b""
        while b"$1\r\nb\r\n:2\r\n" not in got:
            got += sock.recv(65536)
        assert other.publish("a", b"x") == 1
        message = b"3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nx\r\n"
        message = (b"*" if protocol == 2 else b">") + message
        assert read_exactly(sock, len(message)) == message
        proxy.cut_reply(1)
        sock.sendall(request(b"PING"))
        assert read_all(sock) == (b"*" if protocol == 2 else b"+")


def test_times_strikes_several_in_a_row(server: Server, proxy: FaultProxy) -> None:
    """With times=2 the second and third matching request are struck, the fourth is not."""
    fault = proxy.cut_reply(nth=2, times=2, match=b"INCR")
    with through(proxy) as client, direct(server) as truth:
        assert client.incr("n") == 1
        for _ in range(2):
            with pytest.raises(redis.ConnectionError):
                client.incr("n")
        assert client.incr("n") == 4
        assert truth.get("n") == b"4"
    assert fault.hits == 2


# Dropped requests


def test_drop_request_never_reaches_the_server(server: Server, proxy: FaultProxy) -> None:
    """The client gets ConnectionError, and the server has not counted."""
    with through(proxy) as client, direct(server) as truth:
        fault = proxy.drop_request(match=b"INCR")
        assert client.ping()
        with pytest.raises(redis.ConnectionError):
            client.incr("n")
        assert fault.hits == 1
        assert truth.get("n") is None
        assert client.incr("n") == 1
    assert proxy.requests.count("INCRBY") == 2  # redis-py's incr


def test_drop_request_in_a_pipeline(server: Server, proxy: FaultProxy) -> None:
    """What precedes the dropped request is answered; it and what follows it is lost."""
    proxy.drop_request(2, match=b"INCR")
    with raw(proxy) as sock, direct(server) as truth:
        sock.sendall(request(b"INCR", b"n") * 3)
        assert read_all(sock) == b":1\r\n"
        assert truth.get("n") == b"1"
    assert proxy.requests == ["INCR"] * 3


def test_the_fault_armed_first_strikes_first(server: Server, proxy: FaultProxy) -> None:
    """A request is struck by one fault at most; the next one by the fault armed next."""
    proxy.drop_request(match=b"INCR")
    proxy.cut_reply(match=b"INCR")
    with through(proxy) as client, direct(server) as truth:
        for value in (None, b"1"):
            with pytest.raises(redis.ConnectionError):
                client.incr("n")
            assert truth.get("n") == value


def test_faults_without_match_strike_the_greeting(proxy: FaultProxy) -> None:
    """Without match, the first request of a new connection is struck, whatever it is."""
    fault = proxy.drop_request()
    with through(proxy) as client, pytest.raises(redis.ConnectionError):
        client.ping()
    assert fault.hits == 1
    assert "PING" not in proxy.requests


def test_senseless_faults_are_refused(proxy: FaultProxy) -> None:
    """A fault that could never strike is an error where it is armed."""
    with pytest.raises(ValueError, match="count from"):
        proxy.cut_reply(nth=0)
    with pytest.raises(ValueError, match="count from"):
        proxy.cut_reply(-1)
    with pytest.raises(ValueError, match="count from"):
        proxy.drop_request(times=0)


# Delay and silence


def test_delay_holds_replies_back(proxy: FaultProxy) -> None:
    """Each reply comes later by the delay, those of one pipeline together; 0 ends it."""
    with through(proxy) as client:
        client.ping()
        proxy.delay(0.05)
        begin = time.monotonic()
        client.ping()
        assert 0.05 <= time.monotonic() - begin < 1
        proxy.delay(0.2)
        begin = time.monotonic()
        with client.pipeline(transaction=False) as pipe:
            assert pipe.incr("n").incr("n").incr("n").execute() == [1, 2, 3]
        assert 0.2 <= time.monotonic() - begin < 0.6
        proxy.delay(0)
        begin = time.monotonic()
        client.ping()
        assert time.monotonic() - begin < 0.2


def test_a_delayed_command_has_run(server: Server, proxy: FaultProxy) -> None:
    """A client that times out on a delayed reply has changed the server; others are not delayed."""
    proxy.delay(30, match=b"INCR")
    with through(proxy, socket_timeout=0.05) as client, direct(server) as truth:
        with pytest.raises(redis.TimeoutError):
            client.incr("n")
        client.ping()
        wait_until(lambda: truth.get("n") == b"1", what="the delayed command")


def test_stall_is_silence(server: Server, proxy: FaultProxy) -> None:
    """A stalled proxy accepts and says nothing; what a client gave up on never arrives."""
    with through(proxy, socket_timeout=0.05) as client, direct(server) as truth:
        client.ping()
        proxy.stall()
        for _ in range(2):  # the open connection, then a new one
            with pytest.raises(redis.TimeoutError):
                client.incr("n")
        wait_until(lambda: proxy.open_connections == 0, what="the client's end")
        proxy.unstall()
        assert client.ping()
        assert truth.get("n") is None
    assert proxy.connections == 3


def test_unstall_goes_on_where_it_was(proxy: FaultProxy) -> None:
    """A client that waits gets its reply after unstall, on a new connection as well."""
    with raw(proxy) as old:
        old.sendall(request(b"PING"))
        assert read_exactly(old, 7) == b"+PONG\r\n"
        proxy.stall()
        with raw(proxy) as new:
            for sock in (old, new):
                sock.sendall(request(b"PING"))
                sock.settimeout(0.02)
                with pytest.raises(TimeoutError):
                    sock.recv(1)
                sock.settimeout(5)
            wait_until(lambda: len(proxy.requests) == 3, what="three requests read")
            proxy.unstall()
            for sock in (old, new):
                assert read_exactly(sock, 7) == b"+PONG\r\n"


# Connections


def test_refuse_and_accept(proxy: FaultProxy) -> None:
    """New connections are refused and open ones go on, until accept on the same port."""
    with through(proxy) as client, through(proxy) as late:
        client.ping()
        proxy.refuse()
        proxy.refuse()
        assert client.ping()
        for _ in range(3):
            with pytest.raises(redis.ConnectionError, match=r"refused|61|111"):
                late.ping()
        proxy.accept()
        proxy.accept()
        assert late.ping()
    assert proxy.connections == 2


@pytest.mark.parametrize("reset", [False, True])
def test_cut_all(proxy: FaultProxy, reset: bool) -> None:
    """All open connections end at once, by a FIN or by an RST; new ones are welcome."""
    with raw(proxy) as one, raw(proxy) as two:
        for sock in (one, two):
            sock.sendall(request(b"PING"))
            assert read_exactly(sock, 7) == b"+PONG\r\n"
        assert proxy.open_connections == 2
        proxy.cut_all(reset=reset)
        assert proxy.open_connections == 0
        for sock in (one, two):
            if reset:
                with pytest.raises(ConnectionResetError):
                    sock.recv(1)
            else:
                assert sock.recv(1) == b""
    with through(proxy) as client:
        assert client.ping()


def test_cut_all_while_a_client_waits(server: Server, proxy: FaultProxy) -> None:
    """A client that blocks on a command is woken by the cut."""
    errors: list[Exception] = []

    def wait() -> None:
        with through(proxy) as client:
            try:
                client.execute_command("BLPOP", "list", 30)
            except redis.ConnectionError as error:
                errors.append(error)

    with direct(server) as truth:
        thread = threading.Thread(target=wait)
        thread.start()
        wait_until(lambda: truth.info("clients")["blocked_clients"] == 1, what="the wait")
        proxy.cut_all(reset=True)
        thread.join(5)
        assert len(errors) == 1
        wait_until(lambda: truth.info("clients")["blocked_clients"] == 0, what="the server's end")


def test_clear_ends_every_fault(proxy: FaultProxy) -> None:
    """After clear the proxy is as new, whatever was armed."""
    proxy.drop_request()
    proxy.cut_reply()
    proxy.delay(60)
    proxy.delay(60, match=b"PING")
    proxy.stall()
    proxy.refuse()
    proxy.clear()
    with through(proxy) as client:
        assert client.ping()


def test_the_servers_end_is_passed_on() -> None:
    """When the server dies its clients see that; one that is back is found again."""
    with Server() as server, FaultProxy(server.host, server.port) as proxy:
        with raw(proxy) as sock:
            sock.sendall(request(b"PING"))
            assert read_exactly(sock, 7) == b"+PONG\r\n"
            server.kill()
            assert sock.recv(1) == b""
        with raw(proxy) as sock:
            assert sock.recv(1) == b""
        server.start()
        with through(proxy) as client:
            assert client.ping()


# Counters and life


def test_counters(proxy: FaultProxy) -> None:
    """Connections, names, bytes and round trips are what a raw client did."""
    pipeline = request(b"incr", b"n") * 3
    with raw(proxy) as sock:
        sock.sendall(request(b"PING"))
        read_exactly(sock, 7)
        sock.sendall(pipeline)
        read_exactly(sock, 12)
        with raw(proxy) as other:
            other.sendall(request(b"Echo", b"secret"))
            read_exactly(other, 12)
            assert (proxy.connections, proxy.open_connections) == (2, 2)
    assert proxy.requests == ["PING", "INCR", "INCR", "INCR", "ECHO"]
    assert proxy.bytes_up == 14 + len(pipeline) + len(request(b"Echo", b"secret"))
    assert proxy.bytes_down == 7 + 12 + 12
    assert proxy.round_trips == 3
    wait_until(lambda: proxy.open_connections == 0, what="the clients' ends")
    assert proxy.connections == 2


def test_round_trips_of_a_client(proxy: FaultProxy) -> None:
    """A call is one round trip, and so is a pipeline; counters restart on a warm connection."""
    with through(proxy) as client:
        client.ping()
        proxy.reset_counters()
        client.incr("n")
        with client.pipeline(transaction=True) as pipe:
            pipe.incr("n").get("n").execute()
        assert proxy.requests == ["INCRBY", "MULTI", "INCRBY", "GET", "EXEC"]
        assert proxy.round_trips == 2
        assert proxy.connections == 0
        proxy.delay(0.02)
        with client.pipeline(transaction=False) as pipe:
            for _ in range(2000):
                pipe.incr("n")
            pipe.execute()
        assert proxy.round_trips == 3


def test_bytes_that_are_no_resp_are_raised(server: Server) -> None:
    """What cannot be parsed ends its connection and is an error at the end, without content."""

    def talk_nonsense() -> None:
        with FaultProxy(server.host, server.port) as proxy, raw(proxy) as sock:
            sock.sendall(b"*1\r\n$x-secret\r\n")
            assert sock.recv(1) == b""

    with pytest.raises(ProtocolError, match="from the client") as caught:
        talk_nonsense()
    assert "secret" not in str(caught.value)


def test_a_failing_test_keeps_its_own_error(server: Server) -> None:
    """An error inside the with is not replaced by one of the proxy."""

    def fail() -> None:
        with FaultProxy(server.host, server.port) as proxy:
            proxy.errors.append("something")
            raise KeyError

    with pytest.raises(KeyError):
        fail()


def test_nothing_is_left_after_the_end(server: Server) -> None:
    """Closing ends thread and connections; a closed proxy is closed, and does not start again."""
    with FaultProxy(server.host, server.port) as proxy:
        client = through(proxy)
        client.ping()
        proxy.stall()
    with client, pytest.raises(redis.ConnectionError):
        client.ping()
    assert not any(thread.name == "fault-proxy" for thread in threading.enumerate())
    proxy.close()
    with pytest.raises(RuntimeError, match="once"):
        proxy.start()
    with pytest.raises(RuntimeError, match="not running"):
        proxy.stall()


# The splitter

REPLIES = st.recursive(
    st.sampled_from(
        [b"+OK\r\n", b"-ERR no\r\n", b":-7\r\n", b"_\r\n", b"#t\r\n", b",1.5\r\n", b"(123\r\n"]
    )
    | st.sampled_from([b"$-1\r\n", b"*-1\r\n", b"*0\r\n", b"%0\r\n", b"$0\r\n\r\n"])
    | st.tuples(st.sampled_from([b"$", b"=", b"!"]), st.binary(max_size=9)).map(
        lambda pair: b"%b%d\r\n%b\r\n" % (pair[0], len(pair[1]), pair[1])
    ),
    lambda children: (
        st.tuples(st.sampled_from([b"*", b"~", b">"]), st.lists(children, max_size=4)).map(
            lambda pair: b"%b%d\r\n%b" % (pair[0], len(pair[1]), b"".join(pair[1]))
        )
        | st.lists(st.tuples(children, children), max_size=3).map(
            lambda pairs: b"%%%d\r\n%b" % (len(pairs), b"".join(k + v for k, v in pairs))
        )
        | st.tuples(children, children, children).map(lambda three: b"|1\r\n" + b"".join(three))
    ),
    max_leaves=12,
)


@settings(deadline=None)
@given(st.lists(REPLIES, max_size=5), st.lists(st.integers(0, 400), max_size=8))
def test_replies_are_split_wherever_chunks_end(replies: list[bytes], cuts: list[int]) -> None:
    """Replies of all types of RESP2 and RESP3 come out as they went in, in any chunks."""
    stream = b"".join(replies)
    edges = [0, *sorted(cuts), len(stream)]
    splitter = FrameSplitter()
    chunks = [stream[a:b] for a, b in itertools.pairwise(edges)]
    assert [frame for chunk in chunks for frame in splitter.feed(chunk)] == replies
    assert not splitter


@given(st.lists(st.lists(st.binary(max_size=20), min_size=1, max_size=4), max_size=4))
def test_requests_are_split_byte_by_byte(commands: list[list[bytes]]) -> None:
    """Requests with any content come out whole, and the words of each are found."""
    stream = b"".join(request(*parts) for parts in commands)
    splitter = FrameSplitter(inline=True)
    frames = [frame for byte in stream for frame in splitter.feed(bytes([byte]))]
    assert frames == [request(*parts) for parts in commands]
    for frame, parts in zip(frames, commands, strict=True):
        assert words(frame, 9) == [part.decode(errors="replace").upper() for part in parts]


@pytest.mark.parametrize("data", [b"hello\r\n", b"$?\r\n", b"*x\r\n", b"$1\r\nabc", b"\r\n"])
def test_what_is_no_reply_is_an_error(data: bytes) -> None:
    """Bytes that begin no known type, or do not keep what they promise, are refused."""
    with pytest.raises(ProtocolError):
        list(FrameSplitter().feed(data))
