"""The gateway as a process: listens, and ends in order at SIGINT and SIGTERM."""

from __future__ import annotations

import asyncio
import re
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from types import FrameType

import uvicorn
from starlette.applications import Starlette

from redialog.errors import ConfigurationError

KEEP_ALIVE_S = 75
"""How long a connection may be idle. Clients send again what they had sent into one that the server
was about to close, so the server is not the first to do it."""

_LISTEN = re.compile(r"(\[(?P<address>.+)\]|(?P<host>[^:\[\]]+)):(?P<port>[0-9]{1,5})")
_LAST_PORT = 65_535

LAST_REQUESTS_S = 10
"""How long requests that are under way may take at the end."""


def listening(listen: str) -> socket.socket:
    """A bound socket.

    Args:
        listen: ``HOST:PORT``, ``[ADDRESS]:PORT`` for IPv6; port 0 for any that is free.

    Raises:
        ConfigurationError: it is none, or cannot be had.
    """
    found = _LISTEN.fullmatch(listen)
    if found is None or int(found["port"]) > _LAST_PORT:
        raise ConfigurationError("--listen must be HOST:PORT, such as 127.0.0.1:8079")
    host, port = found["address"] or found["host"], found["port"]
    try:
        [(family, kind, protocol, _, address), *_] = socket.getaddrinfo(
            host, int(port), type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        # With its protocol: only where it is named does asyncio turn the delay of small packets
        # off, for which each answer would wait 40 ms.
        bound = socket.socket(family, kind, protocol)
        try:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind(address)
        except BaseException:
            bound.close()
            raise
    except (OSError, UnicodeError) as error:
        why = getattr(error, "strerror", None) or "there is no such address"
        raise ConfigurationError(f"cannot listen on {listen}: {why.lower()}") from None
    return bound


def shown(bound: socket.socket) -> str:
    """The URL of a bound socket."""
    host, port = bound.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def is_loopback(bound: socket.socket) -> bool:
    """Whether only this machine can reach it."""
    return ip_address(bound.getsockname()[0].partition("%")[0]).is_loopback


def serve(app: Starlette, bound: socket.socket, ready: Callable[[], None]) -> None:
    """Serves until SIGINT or SIGTERM, and then to the end of what is under way.

    Args:
        app: the gateway.
        bound: where.
        ready: called once connections are taken.

    Raises:
        KeyboardInterrupt: it was SIGINT.
    """
    config = uvicorn.Config(
        app,
        # As tested, whatever else is installed.
        http="h11",
        loop="asyncio",
        ws="none",
        lifespan="on",
        # Paths and queries hold keys, values and tokens.
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=LAST_REQUESTS_S,
    )
    server = _Server(config, ready)
    with bound:
        asyncio.run(server.serve(sockets=[bound]))
    if server.interrupted:
        raise KeyboardInterrupt


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready
        self.interrupted = False

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self._ready()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Ends at a signal, and does not kill the process by it afterwards."""
        wanted = (signal.SIGINT, signal.SIGTERM)
        before = {number: signal.signal(number, self.handle_exit) for number in wanted}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self.interrupted = self.interrupted or sig == signal.SIGINT
        super().handle_exit(sig, frame)
