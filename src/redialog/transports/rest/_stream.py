"""Blocking connections that keep to a deadline, however slowly the other side sends.

The timeouts of httpx hold for each read from a socket, so a server that sends a byte now and then
is waited for without an end. These count from the beginning.
"""

from __future__ import annotations

import select
import socket
import ssl
import time
from collections.abc import Iterable
from typing import Any

from redialog.transports.rest._needs import httpcore


class Backend(httpcore.NetworkBackend):
    """Makes connections that one thread uses at a time.

    Attributes:
        open: those that are not closed.
    """

    def __init__(self) -> None:
        self.open: set[Stream] = set()
        self._until: float | None = None
        self._reply_until: float | None = None

    def begin(self, until: float | None) -> None:
        """Starts anew, for the next request.

        Args:
            until: when it must be over, by the monotonic clock; None: the timeouts alone count.
        """
        self._until = until
        self._reply_until = None

    def end(self, timeout: float | None) -> float | None:
        """When something must be over that begins now."""
        if timeout is None:
            return self._until
        end = time.monotonic() + timeout
        return end if self._until is None else min(end, self._until)

    def reply_end(self, timeout: float | None) -> float | None:
        """When the reply must be there; counted from the first byte of the request."""
        if self._reply_until is None:
            self._reply_until = self.end(timeout)
        return self._reply_until

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,  # noqa: ARG002 - of the interface
        socket_options: Iterable[Any] | None = None,  # noqa: ARG002
    ) -> httpcore.NetworkStream:
        """A connection; its TLS handshake has to fit into the same time."""
        end = self.end(timeout)
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            return Stream(_connected([one[4] for one in found], end), end, self)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(error) from error
        except OSError as error:
            raise httpcore.ConnectError(error) from error


def _left(end: float | None) -> float | None:
    """Seconds that are left.

    Raises:
        TimeoutError: there are none.
    """
    if end is None:
        return None
    left = end - time.monotonic()
    if left <= 0:
        raise TimeoutError("timed out")
    return left


def _connected(addresses: list[Any], end: float | None) -> socket.socket:
    """A socket to the first address that answers; each has its share of the time."""
    for number, address in enumerate(addresses):
        left = _left(end)
        share = left if left is None else left / (len(addresses) - number)
        try:
            sock = socket.create_connection(address[:2], share)
        except OSError:
            if number + 1 == len(addresses):
                raise
        else:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return sock
    raise OSError("the name has no address")


class Stream(httpcore.NetworkStream):
    """One connection.

    Args:
        sock: connected.
        end: when its TLS handshake must be over.
        backend: whose it is.
    """

    def __init__(self, sock: socket.socket, end: float | None, backend: Backend) -> None:
        self._sock = sock
        self._end = end
        self._backend = backend
        backend.open.add(self)

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """What arrives next."""
        try:
            self._sock.settimeout(_left(self._backend.reply_end(timeout)))
            return self._sock.recv(max_bytes)
        except TimeoutError as error:
            raise httpcore.ReadTimeout(error) from error
        except OSError as error:
            raise httpcore.ReadError(error) from error

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Sends all of it."""
        rest = memoryview(buffer)
        try:
            while rest:
                self._sock.settimeout(_left(self._backend.reply_end(timeout)))
                rest = rest[self._sock.send(rest) :]
        except TimeoutError as error:
            raise httpcore.WriteTimeout(error) from error
        except OSError as error:
            raise httpcore.WriteError(error) from error

    def close(self) -> None:
        """Closes it, here only: a forked parent goes on."""
        self._backend.open.discard(self)
        self._sock.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002 - it began with the connection
    ) -> httpcore.NetworkStream:
        """The same connection, encrypted."""
        try:
            self._sock.settimeout(_left(self._end))
            wrapped = ssl_context.wrap_socket(self._sock, server_hostname=server_hostname)
        except BaseException as error:
            self.close()
            if isinstance(error, TimeoutError):
                raise httpcore.ConnectTimeout(error) from error
            if isinstance(error, OSError):
                raise httpcore.ConnectError(error) from error
            raise
        self._backend.open.discard(self)
        return Stream(wrapped, self._end, self._backend)

    def get_extra_info(self, info: str) -> Any:
        """Of what can be asked: whether an idle connection has been closed by the other side."""
        return is_readable(self._sock) if info == "is_readable" else None


def is_readable(sock: socket.socket) -> bool:
    """Whether a socket has something to read, be it that the other side has closed it."""
    if sock.fileno() < 0:
        return True
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(0))
