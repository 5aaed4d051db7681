"""One connection through a proxy: what is forwarded, held back and lost on it, and when it ends."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import deque
from dataclasses import dataclass, field

from tests.support.relay.faults import Fault, Faults
from tests.support.relay.resp import FrameSplitter, words

_SUBSCRIBING = frozenset(
    prefix + verb for prefix in ("", "P", "S") for verb in ("SUBSCRIBE", "UNSUBSCRIBE")
)
_MESSAGES = frozenset({"MESSAGE", "PMESSAGE", "SMESSAGE"})


@dataclass(eq=False)
class Counters:
    """What went through a proxy; see `FaultProxy`."""

    connections: int = 0
    bytes_up: int = 0
    bytes_down: int = 0
    round_trips: int = 0
    names: list[str] = field(default_factory=list)


class Traffic:
    """What the links of one proxy share. Changed in the proxy's thread only.

    Attributes:
        faults: What strikes their requests.
        counters: What went through them.
        stalled: Whether they forward nothing.
        links: Those that are open.
    """

    def __init__(self) -> None:
        self.faults = Faults()
        self.counters = Counters()
        self.stalled = False
        self.links: set[Link] = set()

    def reset_counters(self) -> None:
        """Count from 0 again; what a link is asked next is a new round trip."""
        self.counters = Counters()
        for link in self.links:
            link.new_batch = True

    def stall(self) -> None:
        """Forward nothing from now on."""
        self.stalled = True

    def unstall(self) -> None:
        """Forward what was held back, and go on."""
        self.stalled = False
        for link in list(self.links):
            link.pump_up()
            link.pump_down()


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


class Link:
    """One client's connection together with ours to the server. Runs in the proxy's thread."""

    def __init__(self, traffic: Traffic) -> None:
        self.traffic = traffic
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
        self.new_batch = True
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None

    # From the client to the server

    def from_client(self, data: bytes) -> None:
        self.traffic.counters.bytes_up += len(data)
        outstanding = self._requests or self._inbox or self._expected or self._outbox
        if self.new_batch and not outstanding:
            self.traffic.counters.round_trips += 1
            self.new_batch = False
        for request in self._requests.feed(data):
            self._inbox.append(request)
            self.traffic.counters.names.extend(words(request, 1))
        self.pump_up()

    def pump_up(self) -> None:
        """Forward the requests that may go."""
        if self.traffic.stalled or self.upstream is None:
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
        fault = self.traffic.faults.strike(request)
        self._swallow = fault is not None
        if fault is not None and fault.kind == "drop":
            self._expected.append(_Expected(0))
            self._end_if_next()
            return
        replies = 1
        if name[0] in _SUBSCRIBING:  # one confirmation for each channel
            self._subscribed = True
            replies = max(1, len(words(request, len(request))) - 1)
        self._expected.append(_Expected(replies, fault, self.traffic.faults.delay_of(request)))
        upstream.write(request)

    # From the server to the client

    def from_server(self, data: bytes) -> None:
        for reply in self._replies.feed(data):
            self._route(reply)
        self.pump_down()

    def _route(self, reply: bytes) -> None:
        expected = self._expected[0] if self._expected else None
        if expected is None or expected.replies == 0 or self._is_unasked(reply):
            self._send(reply, self.traffic.faults.delay_of(b""))
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
        self._outbox.append(_Outgoing(self._loop.time() + delay, data, last))

    def pump_down(self) -> None:
        """Deliver what is due."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._outbox and not (self.traffic.stalled or self.closed or self.client is None):
            first = self._outbox[0]
            if first.due > self._loop.time():
                self._timer = self._loop.call_at(first.due, self.pump_down)
                return
            self._outbox.popleft()
            if first.data:
                self.traffic.counters.bytes_down += len(first.data)
                self.new_batch = True
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
        self.traffic.links.discard(self)
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
