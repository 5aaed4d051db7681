"""A real HTTP server before the gateway that does to requests and replies what a test asks for."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

HTML = b"<!DOCTYPE html><html><body>Bad Gateway: SECRET-BODY</body></html>"


@dataclass(frozen=True)
class Seen:
    """A request that came in; the names of its headers are in small letters."""

    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Reply:
    """What the service behind answered."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def wire(self, *, length: bool = True) -> bytes:
        """As it goes over the connection; without a length it ends where the connection does."""
        lines = [f"HTTP/1.1 {self.status} X"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        lines.append(f"Content-Length: {len(self.body)}" if length else "Connection: close")
        return "\r\n".join([*lines, "", ""]).encode() + self.body


Behaviour = Callable[["Front", "_Handler", Seen], None]


@dataclass
class Fault:
    """Done to the next requests that hold some bytes."""

    behaviour: Behaviour
    match: bytes
    times: int
    hits: int = 0


@dataclass
class _State:
    seen: list[Seen] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    connections: set[socket.socket] = field(default_factory=set)
    forgotten: set[socket.socket] = field(default_factory=set)
    accepted: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


class Front:
    """The server; use it in a ``with``.

    Args:
        behind: URL of the service that requests are passed on to; empty for none.
        context: for TLS.

    Attributes:
        seen: the requests, in their order.
        accepted: how many connections there have been.
        refuse: whether new ones are closed at once.
        released: lets go on what `held` holds; set at the end.
    """

    def __init__(self, behind: str = "", context: ssl.SSLContext | None = None) -> None:
        self._behind = urlsplit(behind)
        self._context = context
        self._state = _State()
        self.refuse = False
        self.released = threading.Event()
        self.closing = threading.Event()
        self._server = _Server(self, context)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.closing.set()
        self.released.set()
        self._server.shutdown()
        self.cut_all()
        self._server.server_close()
        self._thread.join()

    @property
    def port(self) -> int:
        return self._server.server_address[1]

    @property
    def url(self) -> str:
        return f"{'https' if self._context else 'http'}://127.0.0.1:{self.port}"

    @property
    def seen(self) -> list[Seen]:
        return list(self._state.seen)

    @property
    def accepted(self) -> int:
        return self._state.accepted

    @property
    def connected(self) -> int:
        """How many connections there are now."""
        return len(self._state.connections)

    def on(self, behaviour: Behaviour, *, match: bytes = b"", times: int = 1) -> Fault:
        """Does something to the next so many requests that hold ``match``."""
        fault = Fault(behaviour, match, times)
        with self._state.lock:
            self._state.faults.append(fault)
        return fault

    def calm(self) -> None:
        """Does nothing to any further request."""
        with self._state.lock:
            self._state.faults.clear()

    def cut_all(self, *, reset: bool = False) -> None:
        """Closes every connection."""
        for sock in list(self._state.connections):
            hang_up(sock, reset=reset)

    def forget(self) -> None:
        """Answers nothing over the connections that there are, and says so to nobody."""
        self._state.forgotten |= self._state.connections

    def passed(self, one: Seen) -> Reply:
        """What the service behind answers."""
        connection = http.client.HTTPConnection(self._behind.hostname or "", self._behind.port)
        with contextlib.closing(connection):
            connection.request("POST", one.path, one.body, dict(one.headers))
            got = connection.getresponse()
            kept = [(k, v) for k, v in got.getheaders() if k.lower().startswith("upstash")]
            return Reply(got.status, kept, got.read())


def hang_up(sock: socket.socket, *, reset: bool = False, half: bool = False) -> None:
    """Ends a connection, which its own thread then notices; ``half``: only what goes out."""
    with contextlib.suppress(OSError):
        if reset:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            sock.shutdown(socket.SHUT_RD)
        else:
            sock.shutdown(socket.SHUT_WR if half else socket.SHUT_RDWR)


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    block_on_close = True

    def __init__(self, front: Front, context: ssl.SSLContext | None) -> None:
        self.front = front
        self.context = context
        super().__init__(("127.0.0.1", 0), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        state = self.front._state
        with state.lock:
            state.accepted += 1
            state.connections.add(request)
        if self.front.refuse:
            self.shutdown_request(request)
        else:
            super().process_request(request, client_address)

    def finish_request(self, request: Any, client_address: Any) -> None:
        if self.context is None:
            super().finish_request(request, client_address)
            return
        connections = self.front._state.connections
        with self.context.wrap_socket(
            request, server_side=True, do_handshake_on_connect=False
        ) as secure:
            connections.add(secure)
            connections.discard(request)
            try:
                secure.do_handshake()
                super().finish_request(secure, client_address)
            except ssl.SSLError:
                # What the client still sends would reset the connection, and take our reason away.
                hang_up(secure, half=True)
                while secure.recv(65536):
                    pass
            finally:
                connections.discard(secure)

    def shutdown_request(self, request: Any) -> None:
        # Not shut down first: what is to be reset would end in good order.
        self.close_request(request)
        self.front._state.connections.discard(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that hang up are what the tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name there
        """Nothing is printed."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        front = self.server.front
        one = Seen(self.path, {k.lower(): v for k, v in self.headers.items()}, body)
        with front._state.lock:
            front._state.seen.append(one)
            fault = next(
                (f for f in front._state.faults if f.hits < f.times and f.match in body), None
            )
            if fault is not None:
                fault.hits += 1
        if self.request in front._state.forgotten:
            front.released.wait(30)
            self.hang_up()
            return
        (passes if fault is None else fault.behaviour)(front, self, one)

    def write(self, data: bytes) -> None:
        self.wfile.write(data)

    def hang_up(self) -> None:
        self.close_connection = True


def passes(front: Front, handler: _Handler, one: Seen) -> None:
    """As if it were not there."""
    handler.write(front.passed(one).wire())


def dropped(front: Front, handler: _Handler, one: Seen) -> None:
    """The request never arrives."""
    handler.hang_up()


def cut(after: int, *, length: bool = True) -> Behaviour:
    """It is done, and so many bytes of the reply come, or all but so many.

    ``length``: whether the reply says how long it is.
    """

    def behaviour(front: Front, handler: _Handler, one: Seen) -> None:
        handler.write(front.passed(one).wire(length=length)[:after])
        handler.hang_up()

    return behaviour


def answers(
    status: int, body: bytes = b"", headers: Sequence[tuple[str, str]] = (), *, done: bool = False
) -> Behaviour:
    """Something else is answered; ``done``: after the request was passed on all the same."""

    def behaviour(front: Front, handler: _Handler, one: Seen) -> None:
        if done:
            front.passed(one)
        handler.write(Reply(status, list(headers), body).wire())

    return behaviour


def held(front: Front, handler: _Handler, one: Seen) -> None:
    """It is done, and the reply comes when the test says so."""
    reply = front.passed(one)
    front.released.wait(30)
    handler.write(reply.wire())


def trickles(part: str) -> Behaviour:
    """It is done, and the reply comes byte by byte, without an end: of its ``head`` or ``body``."""

    def behaviour(front: Front, handler: _Handler, one: Seen) -> None:
        front.passed(one)
        start = b"HTTP/1.1 200 OK\r\nX: "
        handler.write(
            start if part == "head" else b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n"
        )
        # Not a wait for something, but the pace at which it comes.
        while not front.closing.wait(0.02):
            handler.write(b" ")

    return behaviour


def closes(front: Front, handler: _Handler, one: Seen) -> None:
    """All is well, and then the connection is closed without a word."""
    handler.write(front.passed(one).wire())
    handler.hang_up()
