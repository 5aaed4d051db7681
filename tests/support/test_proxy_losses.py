"""Requests and replies that the proxy loses: the ones it was told to, and no others."""

from __future__ import annotations

import pytest
import redis

from tests.support.proxy import FaultProxy
from tests.support.servers import Server
from tests.support.tools import BIG, direct, raw, read_all, read_exactly, request, through


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
