"""A lean HTTP client: what it costs itself would pull ratios of servers to 1."""

from __future__ import annotations

import asyncio
import re
import time
from collections import deque
from collections.abc import Sequence
from urllib.parse import urlsplit

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)


def request(url: str, token: str = "", body: bytes = b"") -> bytes:
    """One request, a POST where it has a body."""
    head = f"{'POST' if body else 'GET'} / HTTP/1.1\r\nHost: {urlsplit(url).netloc}\r\n"
    if token:
        head += f"Authorization: Bearer {token}\r\nUpstash-Encoding: base64\r\n"
    if body:
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + b"\r\n" + body


async def load(url: str, requests: Sequence[bytes], clients: int) -> float:
    """Sends requests over so many connections, each the next one when it is answered.

    Returns:
        The seconds it took, without connecting.

    Raises:
        RuntimeError: an answer was no success.
    """
    target = urlsplit(url)
    host, port = target.hostname, target.port
    assert host is not None
    assert port is not None
    loop = asyncio.get_running_loop()
    queue = deque(requests)
    made = [
        await loop.create_connection(lambda: _Client(queue), host, port) for _ in range(clients)
    ]
    began = time.perf_counter()
    try:
        for _, client in made:
            client.next()
        await asyncio.gather(*(client.done for _, client in made))
        return time.perf_counter() - began
    finally:
        for transport, _ in made:
            transport.close()


class _Client(asyncio.Protocol):
    def __init__(self, queue: deque[bytes]) -> None:
        self.done = asyncio.get_running_loop().create_future()
        self._queue = queue
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def next(self) -> None:
        """Sends the next request, if there is one."""
        if self._queue:
            self._transport.write(self._queue.popleft())
        elif not self.done.done():
            self.done.set_result(None)

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        length = _LENGTH.search(head + b"\r\n")
        if not end or length is None or len(body) < int(length[1]):
            return
        if not head.startswith(b"HTTP/1.1 200 "):
            self._fail(RuntimeError(self._received.decode(errors="replace")))
            return
        self._received = b""
        self.next()

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(exc or ConnectionError("the server closed the connection"))

    def _fail(self, error: Exception) -> None:
        if not self.done.done():
            self.done.set_exception(error)
