"""A TCP proxy between a client and a Redis server that loses things on purpose.

    with Server() as server, FaultProxy(server.host, server.port) as proxy:
        proxy.cut_reply(match=b"INCR")
        with plain_client(port=proxy.port) as client:
            client.incr("n")  # ConnectionError, and yet the server has counted

What makes the faults deterministic:

1. The proxy forwards whole requests and whole replies, never a part of one, unless a fault says
   so. A request that is dropped has not reached the server, not even its first byte; a reply that
   is cut was there in full, so its command has run.
2. A reply belongs to the oldest unanswered request of its connection. RESP has no other rule; the
   exceptions (RESP3 pushes, messages to a RESP2 subscriber) are known by their type or kind.
3. `cut_reply` and `drop_request` end their connection: what was asked before is answered first,
   what was asked after on that connection never reaches the server.
4. Every method takes effect before it returns, whether or not connections are open.
5. What the proxy cannot parse is an error, raised at the end of the `with`.

One thread runs one asyncio loop with plain callbacks, so no two things happen at once; the methods
hand their work to that thread and wait.

Not for TLS, replication links, MONITOR in a pipeline, or CLIENT REPLY OFF and SKIP.
"""

from __future__ import annotations

import asyncio
import functools
import socket
import struct
import threading
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Self, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

T = TypeVar("T")

CALL_TIMEOUT_S = 10.0

_BULKS = frozenset(b"$=!")  # bulk string, verbatim string, bulk error
_FLATS = frozenset(b"+-:_#,(")  # all that ends with its line
_MEMBERS = {ord("*"): 1, ord("~"): 1, ord(">"): 1, ord("%"): 2, ord("|"): 2}
_SUBSCRIBING = frozenset(
    prefix + verb for prefix in ("", "P", "S") for verb in ("SUBSCRIBE", "UNSUBSCRIBE")
)
_MESSAGES = frozenset({"MESSAGE", "PMESSAGE", "SMESSAGE"})


class ProtocolError(ValueError):
    """Bytes that are not RESP."""


class FrameSplitter:
    """Finds where requests and replies end, in chunks that end anywhere.

    No tree is built. A frame is complete when as many values were read as are owed: one at first,
    and each aggregate owes its members on top. An attribute (`|`) owes its members and is no value
    itself, as the value that it describes follows it.

    Streamed strings and aggregates (`$?`, `*?`) are in the specification of RESP3, but no released
    server sends them; they are errors here.
    """

    def __init__(self, *, inline: bool = False) -> None:
        """Start with nothing read.

        Args:
            inline: Whether a frame may be a plain line of text, as a request may.
        """
        self._inline = inline
        self._buffer = bytearray()
        self._position = 0
        self._owed = 1

    @property
    def rest(self) -> bytes:
        """The bytes of a frame that has begun and is not complete."""
        return bytes(self._buffer)

    def __bool__(self) -> bool:
        """Whether a frame has begun and is not complete."""
        return bool(self._buffer)

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Take in `data` and yield each frame that is complete now.

        Raises:
            ProtocolError: These bytes are not RESP.
        """
        self._buffer += data
        while self._read_value():
            if self._owed == 0:
                frame = bytes(self._buffer[: self._position])
                del self._buffer[: self._position]
                self._position, self._owed = 0, 1
                yield frame

    def _read_value(self) -> bool:
        """Step over one value (an aggregate's header); False if it is not all there."""
        buffer, start = self._buffer, self._position
        newline = buffer.find(b"\n", start)
        if newline < 0:
            return False
        kind, end = buffer[start], newline + 1
        if kind in _FLATS or (self._inline and start == 0 and kind != ord("*")):
            owed = -1
        elif kind in _BULKS:
            size = self._length(start, newline)
            if size >= 0:
                end += size + 2
                if len(buffer) < end:
                    return False
                if buffer[end - 2 : end] != b"\r\n":
                    msg = "a bulk string does not end where it says"
                    raise ProtocolError(msg)
            owed = -1
        elif kind in _MEMBERS:
            owed = max(self._length(start, newline), 0) * _MEMBERS[kind]
            owed -= kind != ord("|")
        else:
            msg = f"no RESP type begins with {bytes([kind])!r}"
            raise ProtocolError(msg)
        self._owed += owed
        self._position = end
        return True

    def _length(self, start: int, newline: int) -> int:
        digits = bytes(self._buffer[start + 1 : newline])
        try:
            return int(digits)
        except ValueError as error:
            # The type only: what is on the wire may be somebody's message.
            msg = f"no length after {bytes(self._buffer[start : start + 1])!r}"
            raise ProtocolError(msg) from error


def words(frame: bytes, count: int) -> list[str]:
    """Return the first `count` strings of an array or push (or of a line), upper-cased.

    For a request the first is the command's name, for a push its kind. Fewer come back when there
    are fewer, or when something other than a bulk string is among them.
    """
    if frame[:1] not in (b"*", b">"):
        return [word.decode(errors="replace").upper() for word in frame.split()[:count]]
    found: list[str] = []
    position = frame.find(b"\n") + 1
    while len(found) < count and frame[position : position + 1] == b"$":
        body = frame.find(b"\n", position) + 1
        size = int(frame[position + 1 : body])
        found.append(frame[body : body + size].decode(errors="replace").upper())
        position = body + size + 2
    return found


@dataclass(eq=False)
class Fault:
    """A fault that was armed; keep it to see whether it has struck.

    Attributes:
        kind: What it does.
        match: Only requests with these bytes in them count; None is any request.
        nth: The first matching request that it strikes, counted from 1.
        times: How many it strikes in a row from there on.
        after_bytes: For a cut, how much of the reply still arrives.
        hits: How often it has struck.
    """

    kind: Literal["cut", "drop"]
    match: bytes | None
    nth: int
    times: int
    after_bytes: int = 0
    hits: int = 0
    _seen: int = 0

    def strikes(self, request: bytes) -> bool:
        """Count `request` if it matches, and say whether it is struck."""
        if self.hits >= self.times or (self.match is not None and self.match not in request):
            return False
        self._seen += 1
        if self._seen < self.nth:
            return False
        self.hits += 1
        return True


@dataclass(eq=False)
class _Expected:
    """A request that the server has, or (`replies` 0) the place in the queue of a dropped one."""

    replies: int
    fault: Fault | None = None
    delay: float = 0.0


@dataclass(eq=False)
class _Outgoing:
    """Bytes for the client, not before `due`; after them the connection may end."""

    due: float
    data: bytes
    last: bool = False


class _Link:
    """One client's connection together with ours to the server. Runs in the proxy's thread."""

    def __init__(self, proxy: FaultProxy) -> None:
        self.proxy = proxy
        self.client: asyncio.Transport | None = None
        self.upstream: asyncio.Transport | None = None
        self.closed = False
        self._requests = FrameSplitter(inline=True)
        self._replies = FrameSplitter()
        self._inbox: deque[bytes] = deque()
        self._expected: deque[_Expected] = deque()
        self._outbox: deque[_Outgoing] = deque()
        self._swallow = False  # a fault has ended this connection for further requests
        self._subscribed = False
        self._new_batch = True
        self._timer: asyncio.TimerHandle | None = None

    # From the client to the server

    def from_client(self, data: bytes) -> None:
        self.proxy.bytes_up += len(data)
        outstanding = self._requests or self._inbox or self._expected or self._outbox
        if self._new_batch and not outstanding:
            self.proxy.round_trips += 1
            self._new_batch = False
        for request in self._requests.feed(data):
            self._inbox.append(request)
            self.proxy._names.extend(words(request, 1))
        self.pump_up()

    def pump_up(self) -> None:
        """Forward the requests that may go."""
        if self.proxy._stalled or self.upstream is None:
            return
        while self._inbox:
            request = self._inbox.popleft()
            if not self._swallow:
                self._forward(request, self.upstream)

    def _forward(self, request: bytes, upstream: asyncio.Transport) -> None:
        name = words(request, 1)
        if not name:  # an empty line or array has no reply, and is no request to a fault
            upstream.write(request)
            return
        fault = self.proxy._strike(request)
        self._swallow = fault is not None
        if fault is not None and fault.kind == "drop":
            self._expected.append(_Expected(0))
            self._end_if_next()
            return
        replies = 1
        if name[0] in _SUBSCRIBING:  # one confirmation for each channel
            self._subscribed = True
            replies = max(1, len(words(request, len(request))) - 1)
        self._expected.append(_Expected(replies, fault, self.proxy._delay_of(request)))
        upstream.write(request)

    # From the server to the client

    def from_server(self, data: bytes) -> None:
        for reply in self._replies.feed(data):
            self._route(reply)
        self.pump_down()

    def _route(self, reply: bytes) -> None:
        expected = self._expected[0] if self._expected else None
        if expected is None or expected.replies == 0 or self._is_unasked(reply):
            self._send(reply, self.proxy._delay_of(b""))
            return
        expected.replies -= 1
        if expected.replies > 0 or expected.fault is None:
            self._send(reply, expected.delay)
        else:
            self._send(reply[: expected.fault.after_bytes], expected.delay, last=True)
        if expected.replies == 0:
            self._expected.popleft()
            self._end_if_next()

    def _is_unasked(self, reply: bytes) -> bool:
        if reply[:1] == b">":
            # In RESP3 the confirmation of a subscription is a push, too, and it was asked for.
            return not _SUBSCRIBING.issuperset(words(reply, 1) or [""])
        return self._subscribed and reply[:1] == b"*" and not _MESSAGES.isdisjoint(words(reply, 1))

    def _end_if_next(self) -> None:
        """End the connection if all that precedes a dropped request is answered."""
        if self._expected and self._expected[0].replies == 0:
            self._send(b"", 0, last=True)
            self.pump_down()

    def server_gone(self) -> None:
        """Pass on that the server has closed, after what it said before."""
        self._send(self._replies.rest, 0, last=True)
        self.pump_down()

    def _send(self, data: bytes, delay: float, *, last: bool = False) -> None:
        self._outbox.append(_Outgoing(self.proxy._loop.time() + delay, data, last))

    def pump_down(self) -> None:
        """Deliver what is due."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._outbox and not (self.proxy._stalled or self.closed or self.client is None):
            first = self._outbox[0]
            if first.due > self.proxy._loop.time():
                self._timer = self.proxy._loop.call_at(first.due, self.pump_down)
                return
            self._outbox.popleft()
            if first.data:
                self.proxy.bytes_down += len(first.data)
                self._new_batch = True
                self.client.write(first.data)
            if first.last:
                self.close()

    # The end

    def close(self, *, abort: bool = False, reset: bool = False) -> None:
        """Close both sides; what was already handed to the client's socket still arrives.

        Args:
            abort: At once, without that.
            reset: With an RST to the client in place of a FIN.
        """
        if self.closed:
            return
        self.closed = True
        self.proxy._links.discard(self)
        self._inbox.clear()
        self._outbox.clear()
        if self._timer is not None:
            self._timer.cancel()
        if reset and self.client is not None:
            # Linger for 0 seconds: close() throws away what is queued and sends an RST.
            sock = self.client.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        for transport in (self.client, self.upstream):
            if transport is not None and abort:
                transport.abort()
            elif transport is not None:
                transport.close()


class _Side(asyncio.Protocol):
    """What both ends of a link share: the proxy knows its transport from first to last."""

    def __init__(self, link: _Link) -> None:
        self.link = link
        self.gone = asyncio.Event()
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.link.proxy._sides.add(self)

    def connection_lost(self, _: Exception | None) -> None:
        self.link.proxy._sides.discard(self)
        self.gone.set()

    def guarded(self, receive: Callable[[bytes], None], data: bytes) -> None:
        if self.link.closed:
            return
        try:
            receive(data)
        except ProtocolError as error:
            self.link.proxy.errors.append(f"from the {type(self).__name__[1:].lower()}: {error}")
            self.link.close(abort=True)


class _Client(_Side):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.link.client = self.transport
        self.link.proxy._accepted(self.link)

    def data_received(self, data: bytes) -> None:
        self.guarded(self.link.from_client, data)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.link.close()


class _Server(_Side):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.link.upstream = self.transport
        if self.link.closed and self.transport is not None:
            self.transport.abort()
        self.link.pump_up()

    def data_received(self, data: bytes) -> None:
        self.guarded(self.link.from_server, data)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.link.server_gone()


class FaultProxy:
    """A proxy on a free port of 127.0.0.1 with faults on command; see the module for the rules.

    Faults that strike requests (`cut_reply`, `drop_request`) are armed and then strike by
    themselves; each request is struck by one fault at most, the one armed first. A client's own
    greeting (HELLO, CLIENT SETINFO) consists of requests like any others: give `match`, or connect
    before arming.

    Attributes:
        host: Always 127.0.0.1.
        port: Kept for the proxy's life, also while it refuses.
        connections: How many were accepted.
        bytes_up: Read from clients.
        bytes_down: Written to clients.
        round_trips: How often a client wrote when nothing was outstanding on its connection: on
            connecting, or after the last reply. A pipeline counts once. A client that writes a
            big one in pieces (redis-py does from 6 kB on) may be answered between two of them,
            which counts as two; a `delay` of some milliseconds rules that out.
        errors: What the proxy could not make sense of; raised at the end of the `with`.
    """

    def __init__(self, target_host: str, target_port: int) -> None:
        """Prepare a proxy; `start` or `with` runs it.

        Args:
            target_host: Of the server. It is connected to anew for each client, so it may restart.
            target_port: Of the server.
        """
        self.target = (target_host, target_port)
        self.host = "127.0.0.1"
        self.port = 0
        self.errors: list[str] = []
        self._faults: list[Fault] = []
        self._delays: list[tuple[bytes | None, float]] = []
        self._stalled = False
        self._links: set[_Link] = set()
        self._sides: set[_Side] = set()
        self._dialling: set[asyncio.Task[None]] = set()
        self._reserved: socket.socket | None = None
        self._listener: asyncio.Server | None = None
        self._thread: threading.Thread | None = None
        self._zero()

    def _zero(self) -> None:
        self.connections = 0
        self.bytes_up = 0
        self.bytes_down = 0
        self.round_trips = 0
        self._names: list[str] = []

    def __enter__(self) -> Self:
        """Start the proxy."""
        return self.start()

    def __exit__(self, exc_type: object, *_: object) -> None:
        """Close everything; what went wrong inside is raised unless the test failed anyway."""
        self.close()
        if self.errors and exc_type is None:
            msg = "; ".join(self.errors)
            raise ProtocolError(msg)

    # Reading

    @property
    def url(self) -> str:
        """The address for a client, without any password."""
        return f"redis://{self.host}:{self.port}/0"

    @property
    def requests(self) -> list[str]:
        """The names of all commands that clients have sent, upper-cased, swallowed ones too."""
        return list(self._names)

    @property
    def open_connections(self) -> int:
        """How many of the accepted connections are open."""
        return len(self._links)

    def reset_counters(self) -> None:
        """Set all counters back to 0 (and `requests` to empty); open connections stay."""

        def reset() -> None:
            self._zero()
            for link in self._links:
                link._new_batch = True

        self._call(reset)

    # Faults

    def cut_reply(
        self,
        after_bytes: int = 0,
        nth: int = 1,
        *,
        match: bytes | None = None,
        times: int = 1,
    ) -> Fault:
        """Let the server execute a request, and lose its reply together with the connection.

        The proxy waits for the whole reply, forwards its first `after_bytes` bytes and closes.

        Args:
            after_bytes: How much of the reply arrives.
            nth: Strike the nth matching request from now on.
            match: Only requests with these bytes in them count.
            times: How many matching requests in a row are struck.
        """
        return self._arm(Fault("cut", match, nth, times, after_bytes))

    def drop_request(self, nth: int = 1, *, match: bytes | None = None, times: int = 1) -> Fault:
        """Lose a request before the server sees it, together with the connection.

        Args:
            nth: Strike the nth matching request from now on.
            match: Only requests with these bytes in them count.
            times: How many matching requests in a row are struck.
        """
        return self._arm(Fault("drop", match, nth, times))

    def delay(self, seconds: float, *, match: bytes | None = None) -> None:
        """Hold each reply back for that long, from its arrival on; 0 ends it.

        A latency, not a rate: replies that arrive together leave together, and in their order.
        The server has executed the command all the while, so a long delay is also the way to a
        client that times out on a command that ran.

        Args:
            seconds: For requests that are forwarded from now on.
            match: Only for requests with these bytes in them; such a delay goes before one for
                all. A delay of 0 without `match` ends them all.
        """

        def change() -> None:
            keep = [] if match is None and not seconds else self._delays
            rest = [pair for pair in keep if pair[0] != match]
            rest += [(match, seconds)] if seconds else []
            self._delays = sorted(rest, key=lambda pair: pair[0] is None)

        self._call(change)

    def stall(self) -> None:
        """Go silent: accept and read on, but forward nothing in either direction."""
        self._call(lambda: setattr(self, "_stalled", True))

    def unstall(self) -> None:
        """Forward what was held back, and go on.

        What a client sent that has closed its connection since then is never forwarded.
        """

        def resume() -> None:
            self._stalled = False
            for link in list(self._links):
                link.pump_up()
                link.pump_down()

        self._call(resume)

    def refuse(self) -> None:
        """Refuse new connections; open ones go on."""

        def close() -> None:
            if self._listener is not None:
                self._listener.close()
                self._listener = None

        self._call(close)

    def accept(self) -> None:
        """Accept connections again, on the same port."""
        self._call_async(self._listen)

    def cut_all(self, *, reset: bool = False) -> None:
        """Close all open connections; on return they are closed.

        Args:
            reset: With an RST (a client's read fails) rather than a FIN (it reads the end).
        """
        self._call_async(functools.partial(self._cut_all, reset=reset))

    def clear(self) -> None:
        """Disarm every fault, end delay and stall, and accept again."""
        self._call(self._faults.clear)
        self.delay(0)
        self.unstall()
        self.accept()

    # Life

    def start(self) -> Self:
        """Listen on a free port.

        Raises:
            RuntimeError: It was started before.
        """
        if self._thread is not None:
            msg = "a FaultProxy starts once"
            raise RuntimeError(msg)
        # Bound and never listening, it reserves the port: while the proxy refuses, nobody else
        # can take it, and a connection is refused all the same.
        self._reserved = self._bind(0)
        self.port = self._reserved.getsockname()[1]
        self._loop = asyncio.new_event_loop()
        self._loop.set_exception_handler(self._unexpected)
        self._thread = threading.Thread(target=self._run, name="fault-proxy", daemon=True)
        self._thread.start()
        try:
            self.accept()
        except BaseException:
            self.close()
            raise
        return self

    def close(self) -> None:
        """Close everything and end the thread; closing twice is fine."""
        if self._thread is not None and self._thread.is_alive():
            self.refuse()
            self._call_async(self._settle)
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(CALL_TIMEOUT_S)
        if self._reserved is not None:
            self._reserved.close()

    def _run(self) -> None:
        try:
            self._loop.run_forever()
        finally:
            self._loop.close()

    def _bind(self, port: int) -> socket.socket:
        sock = socket.socket()
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            sock.bind((self.host, port))
        except BaseException:
            sock.close()
            raise
        return sock

    def _call(self, function: Callable[[], T]) -> T:
        """Run `function` in the proxy's thread and wait for its result."""

        async def run() -> T:
            return function()

        return self._call_async(run)

    def _call_async(self, function: Callable[[], Coroutine[object, object, T]]) -> T:
        """Run the coroutine that `function` returns in the proxy's thread and wait for it."""
        if self._thread is None or not self._thread.is_alive():
            msg = "the FaultProxy is not running"
            raise RuntimeError(msg)
        return asyncio.run_coroutine_threadsafe(function(), self._loop).result(CALL_TIMEOUT_S)

    # From here on in the proxy's thread

    async def _listen(self) -> None:
        if self._listener is None:
            self._listener = await self._loop.create_server(
                lambda: _Client(_Link(self)), sock=self._bind(self.port)
            )

    async def _settle(self) -> None:
        """End every connection, also one that was accepted in this moment, and every task."""
        while self._dialling or self._links or self._sides or self._other_tasks():
            await self._cut_all()
            await asyncio.gather(*self._other_tasks(), return_exceptions=True)

    def _other_tasks(self) -> set[asyncio.Task[object]]:
        return asyncio.all_tasks() - {asyncio.current_task()}

    async def _cut_all(self, *, reset: bool = False) -> None:
        for task in self._dialling:
            task.cancel()
        await asyncio.gather(*self._dialling, return_exceptions=True)
        sides = list(self._sides)
        for link in list(self._links):
            link.close(abort=True, reset=reset)
        for side in sides:  # also those of links that are closing, but not through with it
            if side.transport is not None:
                side.transport.abort()
        await asyncio.gather(*(side.gone.wait() for side in sides))

    def _accepted(self, link: _Link) -> None:
        self.connections += 1
        self._links.add(link)
        task = self._loop.create_task(self._dial(link))
        self._dialling.add(task)
        task.add_done_callback(self._dialling.discard)

    async def _dial(self, link: _Link) -> None:
        try:
            await self._loop.create_connection(lambda: _Server(link), *self.target)
        except OSError:
            link.server_gone()

    def _arm(self, fault: Fault) -> Fault:
        if fault.nth < 1 or fault.times < 1 or fault.after_bytes < 0:
            msg = "nth and times count from 1, after_bytes from 0"
            raise ValueError(msg)
        self._call(lambda: self._faults.append(fault))
        return fault

    def _strike(self, request: bytes) -> Fault | None:
        struck = next((fault for fault in self._faults if fault.strikes(request)), None)
        if struck is not None and struck.hits >= struck.times:
            self._faults.remove(struck)
        return struck

    def _delay_of(self, request: bytes) -> float:
        hits = (wait for match, wait in self._delays if match is None or match in request)
        return next(hits, 0.0)

    def _unexpected(self, _: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
        self.errors.append(f"{context.get('message')}: {context.get('exception')!r}")
