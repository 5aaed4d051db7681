"""Connections through the proxy that are delayed, silent, refused or cut."""

from __future__ import annotations

import threading
import time

import pytest
import redis

from tests.support.proxy import FaultProxy
from tests.support.servers import Server, wait_until
from tests.support.tools import direct, raw, read_exactly, request, through


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
