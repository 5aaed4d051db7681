"""The proxy that other tests rely on: transparent without faults, counting, and gone afterwards."""

from __future__ import annotations

import asyncio
import socket
import threading
from typing import TYPE_CHECKING

import pytest
import redis
import redis.asyncio

from tests.support.proxy import FaultProxy
from tests.support.relay.resp import ProtocolError
from tests.support.servers import Server, wait_until
from tests.support.tools import BIG, direct, raw, read_exactly, request, through

if TYPE_CHECKING:
    from collections.abc import Callable


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
