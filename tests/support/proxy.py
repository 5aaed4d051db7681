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

from typing import TYPE_CHECKING, Self

from tests.support.relay.exchange import HOST, Exchange, bound
from tests.support.relay.faults import Fault
from tests.support.relay.links import Traffic
from tests.support.relay.loop import LoopThread
from tests.support.relay.resp import ProtocolError

if TYPE_CHECKING:
    import socket


class FaultProxy:
    """A proxy on a free port of 127.0.0.1 with faults on command; see the module for the rules.

    Faults that strike requests (`cut_reply`, `drop_request`) are armed and then strike by
    themselves; each request is struck by one fault at most, the one armed first. A client's own
    greeting (HELLO, CLIENT SETINFO) consists of requests like any others: give `match`, or connect
    before arming.

    Attributes:
        host: Always 127.0.0.1.
        port: Kept for the proxy's life, also while it refuses.
        errors: What the proxy could not make sense of; raised at the end of the `with`.
    """

    def __init__(self, target_host: str, target_port: int) -> None:
        """Prepare a proxy; `start` or `with` runs it.

        Args:
            target_host: Of the server. It is connected to anew for each client, so it may restart.
            target_port: Of the server.
        """
        self.host = HOST
        self.port = 0
        self.errors: list[str] = []
        self._traffic = Traffic()
        self._exchange = Exchange((target_host, target_port), self._traffic, self.errors)
        self._thread = LoopThread(self.errors)
        self._reserved: socket.socket | None = None

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
        return list(self._traffic.counters.names)

    @property
    def connections(self) -> int:
        """How many connections were accepted."""
        return self._traffic.counters.connections

    @property
    def open_connections(self) -> int:
        """How many of them are open."""
        return len(self._traffic.links)

    @property
    def bytes_up(self) -> int:
        """How many bytes were read from clients."""
        return self._traffic.counters.bytes_up

    @property
    def bytes_down(self) -> int:
        """How many bytes were written to clients."""
        return self._traffic.counters.bytes_down

    @property
    def round_trips(self) -> int:
        """How often a client wrote when nothing was outstanding on its connection.

        That is on connecting, or after the last reply. A pipeline counts once. A client that writes
        a big one in pieces (redis-py does from 6 kB on) may be answered between two of them, which
        counts as two; a `delay` of some milliseconds rules that out.
        """
        return self._traffic.counters.round_trips

    def reset_counters(self) -> None:
        """Set all counters back to 0 (and `requests` to empty); open connections stay."""
        self._thread.call(self._traffic.reset_counters)

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
        self._thread.call(lambda: self._traffic.faults.set_delay(seconds, match))

    def stall(self) -> None:
        """Go silent: accept and read on, but forward nothing in either direction."""
        self._thread.call(self._traffic.stall)

    def unstall(self) -> None:
        """Forward what was held back, and go on.

        What a client sent that has closed its connection since then is never forwarded.
        """
        self._thread.call(self._traffic.unstall)

    def refuse(self) -> None:
        """Refuse new connections; open ones go on."""
        self._thread.call_async(self._exchange.refuse)

    def accept(self) -> None:
        """Accept connections again, on the same port."""
        self._thread.call_async(lambda: self._exchange.listen(self.port))

    def cut_all(self, *, reset: bool = False) -> None:
        """Close all open connections; on return they are closed.

        Args:
            reset: With an RST (a client's read fails) rather than a FIN (it reads the end).
        """
        self._thread.call_async(lambda: self._exchange.cut_all(reset=reset))

    def clear(self) -> None:
        """Disarm every fault, end delay and stall, and accept again."""
        self._thread.call(self._traffic.faults.disarm)
        self.delay(0)
        self.unstall()
        self.accept()

    def _arm(self, fault: Fault) -> Fault:
        self._thread.call(lambda: self._traffic.faults.arm(fault))
        return fault

    # Life

    def start(self) -> Self:
        """Listen on a free port.

        Raises:
            RuntimeError: It was started before.
        """
        if self._reserved is not None:
            msg = "a FaultProxy starts once"
            raise RuntimeError(msg)
        # Bound and never listening, it reserves the port: while the proxy refuses, nobody else
        # can take it, and a connection is refused all the same.
        self._reserved = bound(0)
        self.port = self._reserved.getsockname()[1]
        self._thread.start()
        try:
            self.accept()
        except BaseException:
            self.close()
            raise
        return self

    def close(self) -> None:
        """Close everything and end the thread; closing twice is fine."""
        if self._thread.running:
            self.refuse()
            self._thread.call_async(self._exchange.settle)
            self._thread.stop()
        if self._reserved is not None:
            self._reserved.close()
