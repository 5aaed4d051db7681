"""Servers that are down, silent, strange or guarded: a typed error soon, without a secret in it."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from redialog import AuthError, ConnectError, Message, NotRedis, ReadOnly, TransportError
from tests.faults.conftest import Connect
from tests.support.proxy import FaultProxy
from tests.support.servers import Server


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_server_that_is_down_is_named_within_two_seconds(connect: Connect) -> None:
    """Nobody listens: a typed error soon, with the address and without the password."""
    port = free_port()
    memory = connect(f"redis://bob:hunter2@127.0.0.1:{port}/3")
    started = time.monotonic()
    with pytest.raises(ConnectError) as caught:
        memory.session("s").append(Message.user("x"))
    assert time.monotonic() - started < 2
    assert f"redis://127.0.0.1:{port}/3" in str(caught.value)
    assert "refused" in str(caught.value)
    assert (caught.value.maybe_applied, caught.value.retryable) == (False, True)
    for text in (str(caught.value), repr(caught.value), str(caught.value.__cause__), repr(memory)):
        assert "hunter2" not in text


def test_a_server_that_does_not_answer_is_given_up_within_two_seconds(connect: Connect) -> None:
    """A full backlog swallows the connection attempt: the connect timeout ends it."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        filling = [socket.socket() for _ in range(3)]
        for one in filling:
            one.setblocking(False)
            one.connect_ex(address)
        memory = connect(f"redis://127.0.0.1:{address[1]}", socket_timeout=0.5)
        started = time.monotonic()
        with pytest.raises(TransportError):
            memory.ping()
        assert time.monotonic() - started < 4
        for one in filling:
            one.close()


def test_a_wrong_password_is_tried_once(connect: Connect) -> None:
    """Credentials that are refused are an error of their own, not retried and not shown."""
    with Server("redis", password="right") as server:
        with FaultProxy(server.host, server.port) as proxy:
            url = proxy.url.replace("redis://", "redis://:wr0ng-s3cret@")
            with pytest.raises(AuthError) as caught:
                connect(url).session("s").append(Message.user("x"))
            assert proxy.connections == 1
        assert "wr0ng" not in str(caught.value) + repr(caught.value)
        with pytest.raises(AuthError):
            connect(f"redis://{server.host}:{server.port}").ping()
        with pytest.raises(AuthError):
            connect(f"redis://{server.host}:{server.port}").session("s").append(Message.user("x"))
        connect(server.url).ping()


@pytest.fixture(params=[b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x16\x03\x01\x00\x00", b""])
def strange_port(request: pytest.FixtureRequest) -> Iterator[int]:
    """Something that answers, but not as Redis does; the last one hangs up."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()

        def serve() -> None:
            while True:
                try:
                    client, _ = listener.accept()
                except OSError:
                    return
                with client:
                    client.recv(1000)
                    client.sendall(request.param)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
    thread.join()


def test_a_port_without_redis_is_recognised(connect: Connect, strange_port: int) -> None:
    """A web server, a TLS port and one that hangs up are told from Redis, without a hang."""
    started = time.monotonic()
    with pytest.raises(TransportError) as caught:
        connect(f"redis://127.0.0.1:{strange_port}").session("s").append(Message.user("x"))
    assert time.monotonic() - started < 3
    assert isinstance(caught.value, NotRedis | ConnectError | TransportError)
    assert str(strange_port) in str(caught.value)


def test_a_connection_to_a_replica_is_not_kept(connect: Connect) -> None:
    """Behind the name of a managed primary another node stands after a failover."""
    with Server("redis") as first, Server("redis") as second:
        memory = connect(first.url)
        chat = memory.session("s")
        chat.append(Message.user("before"))
        with first.client() as raw:
            mine = {one["id"] for one in raw.client_list() if one["id"] != str(raw.client_id())}
            raw.replicaof(second.host, second.port)
            with pytest.raises(ReadOnly):
                chat.append(Message.user("refused"))
            assert not mine & {one["id"] for one in raw.client_list()}
            raw.replicaof("NO", "ONE")
        chat.append(Message.user("after"))
        assert chat.messages()[-1].text == "after"
