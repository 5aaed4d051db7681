"""All connections of a proxy: accepted, joined to one to the server each, and ended."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, cast

from tests.support.relay.links import Link, Traffic
from tests.support.relay.resp import ProtocolError

if TYPE_CHECKING:
    from collections.abc import Callable

HOST = "127.0.0.1"


def bound(port: int) -> socket.socket:
    """Return a socket that has `port` (0 is any free one) and does not listen yet."""
    # With its protocol's name: without it asyncio leaves Nagle's algorithm on for what it accepts,
    # and the second piece of a reply waits 40 ms for the client's acknowledgement.
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind((HOST, port))
    except BaseException:
        sock.close()
        raise
    return sock


class Exchange:
    """Accepts clients and dials the server for each. Runs in the proxy's thread.

    Attributes:
        traffic: What the links share.
        errors: What could not be parsed, without its content.
        sides: The ends of all links, also of those that are closing.
    """

    def __init__(self, target: tuple[str, int], traffic: Traffic, errors: list[str]) -> None:
        self.traffic = traffic
        self.errors = errors
        self.sides: set[_Side] = set()
        self._target = target
        self._dialling: set[asyncio.Task[None]] = set()
        self._listener: asyncio.Server | None = None

    async def listen(self, port: int) -> None:
        """Accept connections; doing so already is fine."""
        if self._listener is None:
            self._listener = await asyncio.get_running_loop().create_server(
                lambda: _Client(self, Link(self.traffic)), sock=bound(port)
            )

    async def refuse(self) -> None:
        """Accept no more connections; open ones go on."""
        if self._listener is not None:
            listener, self._listener = self._listener, None
            loop = asyncio.get_running_loop()
            for sock in listener.sockets:
                loop.remove_reader(sock.fileno())
            # asyncio joins what it has just accepted to its server in the loop's next turn, and
            # loses the socket where that is closed by then.
            await asyncio.sleep(0)
            listener.close()

    async def settle(self) -> None:
        """End every connection, also one that was accepted in this moment, and every task."""
        while self._dialling or self.traffic.links or self.sides or self._other_tasks():
            await self.cut_all()
            await asyncio.gather(*self._other_tasks(), return_exceptions=True)

    def _other_tasks(self) -> set[asyncio.Task[object]]:
        return asyncio.all_tasks() - {asyncio.current_task()}

    async def cut_all(self, *, reset: bool = False) -> None:
        """Close all open connections, with an RST to the client if `reset`."""
        for task in self._dialling:
            task.cancel()
        await asyncio.gather(*self._dialling, return_exceptions=True)
        sides = list(self.sides)
        for link in list(self.traffic.links):
            link.close(abort=True, reset=reset)
        for side in sides:  # also those of links that are closing, but not through with it
            if side.transport is not None:
                side.transport.abort()
        await asyncio.gather(*(side.gone.wait() for side in sides))

    def accepted(self, link: Link) -> None:
        """Take in the link of a new client, and connect it to the server."""
        self.traffic.counters.connections += 1
        self.traffic.links.add(link)
        task = asyncio.get_running_loop().create_task(self._dial(link))
        self._dialling.add(task)
        task.add_done_callback(self._dialling.discard)

    async def _dial(self, link: Link) -> None:
        try:
            await asyncio.get_running_loop().create_connection(
                lambda: _Server(self, link), *self._target
            )
        except OSError:
            link.server_gone()


class _Side(asyncio.Protocol):
    """What both ends of a link share: the exchange knows its transport from first to last."""

    def __init__(self, exchange: Exchange, link: Link) -> None:
        self.exchange = exchange
        self.link = link
        self.gone = asyncio.Event()
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.exchange.sides.add(self)

    def connection_lost(self, _: Exception | None) -> None:
        self.exchange.sides.discard(self)
        self.gone.set()

    def guarded(self, receive: Callable[[bytes], None], data: bytes) -> None:
        if self.link.closed:
            return
        try:
            receive(data)
        except ProtocolError as error:
            self.exchange.errors.append(f"from the {type(self).__name__[1:].lower()}: {error}")
            self.link.close(abort=True)


class _Client(_Side):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.link.client = self.transport
        self.exchange.accepted(self.link)

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
