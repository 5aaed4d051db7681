"""The process that carries a Cluster's bus; run by `bus.Bus` on the standard library alone.

For each node it has a port that the others take for the node's bus port. A connection begins with
a message that names its sender, so each one is known to lead from one node to another, and those
of a node that is to be cut off are closed and not opened again.

It takes its orders as lines on its standard input, answers each with a line, and ends with it:

    listen            -> ok PORT      a port for one more node
    lead PORT BUS ID  -> ok           connections to PORT go to the node ID, whose bus port is BUS
    part ID ...       -> ok           these nodes are cut off, and no others
"""

from __future__ import annotations

import asyncio
import contextlib
import sys

HOST = "127.0.0.1"
# Signature, length, version, port, type, count, two epochs and an offset come before the sender.
SENDER_FROM, SENDER_TO = 40, 80


class Carrier:
    """All connections of the bus."""

    def __init__(self) -> None:
        """Begin without nodes."""
        self._servers: list[asyncio.Server] = []
        self._leads: dict[int, tuple[int, str]] = {}
        self._cut: set[str] = set()
        self._links: dict[asyncio.StreamWriter, tuple[str, str]] = {}

    async def obey(self, order: str, *words: str) -> str:
        """Carry out one order and return the answer."""
        if order == "listen":
            server = await asyncio.start_server(self._carry, HOST, 0)
            self._servers.append(server)
            return f"ok {server.sockets[0].getsockname()[1]}"
        if order == "lead":
            port, bus_port, name = words
            self._leads[int(port)] = (int(bus_port), name)
        else:
            self._cut = set(words)
            for writer, ends in self._links.items():
                if self._cut.intersection(ends):
                    writer.transport.abort()
        return "ok"

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection until one of its ends closes it or loses it."""
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, KeyError):
            first = await reader.readexactly(SENDER_TO)
            bus_port, name = self._leads[writer.get_extra_info("sockname")[1]]
            self._links[writer] = (first[SENDER_FROM:].decode("latin-1"), name)
            if not self._cut.intersection(self._links[writer]):
                to_reader, to_writer = await asyncio.open_connection(HOST, bus_port)
                to_writer.write(first)
                back = asyncio.ensure_future(_pump(to_reader, writer))
                await _pump(reader, to_writer)
                await back
        self._links.pop(writer, None)
        writer.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Hand on what arrives, until there is no more, and then close."""
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


async def main() -> None:
    """Obey until the standard input ends."""
    orders = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    carrier = Carrier()
    while line := await orders.readline():
        print(await carrier.obey(*line.decode().split()), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
