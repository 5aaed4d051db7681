"""What the tests of the test support share: clients of a proxy, and whether a process is gone."""

from __future__ import annotations

import os
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import redis

from tests.support.proxy import FaultProxy
from tests.support.servers import Server, plain_client

if TYPE_CHECKING:
    from collections.abc import Iterator

BIG = b"0123456789abcdef" * (5 * 1024**2 // 16)


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


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False
