"""Connections with TLS: their handshake has the time of a connection, and what refuses it a name.

Redis-py gives the handshake of a blocking connection the time of a reply, so one without a limit
for replies hangs for ever. And two refusals look like a network that fails, which would be tried
again:

1. A server without TLS takes the first bytes of a handshake for the beginning of a command, and
   waits for the rest.
2. With TLS 1.3 a server refuses a client's certificate after the client's part of the handshake,
   and closes. The client most often notices the end, sending, before the reason, reading: 189 of
   200 times on loopback.

So after such a failure somebody looks again at what is there.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import redis
import redis.asyncio
import redis.exceptions as rex

LOOK_S = 0.5
"""How long such a look waits for an answer."""

_CUT = (ssl.SSLEOFError, ssl.SSLZeroReturnError)
"""TLS's own words for a connection that ended."""

_OF_CERTIFICATES = ("CERTIFICATE", "UNKNOWN_CA", "ACCESS_DENIED")


class WithoutTLS(ssl.SSLError):
    """What answers speaks Redis, but not TLS."""


class TLSConnection(redis.SSLConnection):
    """A blocking connection with TLS."""

    def connect(self) -> None:
        """As redis-py's."""
        try:
            super().connect()  # type: ignore[no-untyped-call]
        except (rex.ConnectionError, rex.TimeoutError) as error:
            if not _open_question(error):
                raise
            found = _look(error, self.host, self.port, super()._wrap_socket_with_ssl)
            if found is None:
                raise
            raise rex.ConnectionError("TLS") from found

    def _wrap_socket_with_ssl(self, sock: socket.socket) -> ssl.SSLSocket:
        sock.settimeout(self.socket_connect_timeout)
        secured: ssl.SSLSocket = super()._wrap_socket_with_ssl(sock)  # type: ignore[no-untyped-call]
        secured.settimeout(self.socket_timeout)
        return secured


class AsyncTLSConnection(redis.asyncio.SSLConnection):
    """The same for asyncio."""

    async def connect(self) -> None:
        """As redis-py's."""
        try:
            await super().connect()  # type: ignore[no-untyped-call]
        except (rex.ConnectionError, rex.TimeoutError) as error:
            if not _open_question(error):
                raise
            found = await asyncio.to_thread(_look, error, self.host, self.port, self._secured)
            if found is None:
                raise
            raise rex.ConnectionError("TLS") from found

    def _secured(self, sock: socket.socket) -> ssl.SSLSocket:
        return self.ssl_context.get().wrap_socket(sock, server_hostname=self.host)


Wrap: TypeAlias = Callable[[socket.socket], ssl.SSLSocket]


def _open_question(error: BaseException) -> bool:
    """Whether a connection failed in one of the two ways that say nothing."""
    if isinstance(error, rex.TimeoutError):
        return True
    if isinstance(error, rex.AuthenticationError | rex.AuthorizationError | rex.BusyLoadingError):
        return False
    causes = [one for one in chain(error) if isinstance(one, OSError)]
    ended = (*_CUT, ConnectionResetError, BrokenPipeError)
    # Without any cause it is redis-py's own "Connection closed by server".
    return all(isinstance(one, ended) for one in causes)


def _look(error: BaseException, host: str, port: int, wrap: Wrap) -> ssl.SSLError | None:
    """Why a connection failed; None: still nobody knows."""
    if isinstance(error, rex.TimeoutError):
        return _without_tls(host, port)
    return _alert(host, port, wrap) or _without_tls(host, port)


def _without_tls(host: str, port: int) -> ssl.SSLError | None:
    """Whether what is there answers as Redis does."""
    try:
        with socket.create_connection((host, port), LOOK_S) as sock:
            sock.sendall(b"PING\r\n")
            return WithoutTLS() if sock.recv(1) in (b"+", b"-") else None
    except OSError:
        return None


def _alert(host: str, port: int, wrap: Wrap) -> ssl.SSLError | None:
    """Why a handshake is refused: it is made again, and the answer read before anything is sent."""
    try:
        with socket.create_connection((host, port), LOOK_S) as sock, wrap(sock) as secured:
            secured.recv(1)
    except _CUT:
        return None
    except ssl.SSLError as error:
        return error
    except OSError:
        return None
    return None


def chain(error: BaseException) -> Iterator[BaseException]:
    """An error and what led to it."""
    found: BaseException | None = error
    while found is not None:
        yield found
        found = found.__cause__ or found.__context__


def refusal(error: BaseException, *, sent: bool = False) -> str | None:
    """Why TLS was refused, in words without a secret; None where it was not.

    Args:
        error: what redis-py raised.
        sent: whether a batch was on its way. Then only a refused certificate counts, which is told
            late; anything else is a connection that broke.
    """
    for one in chain(error):
        if isinstance(one, ssl.SSLError) and not isinstance(one, _CUT):
            reason = getattr(one, "reason", None) or ""
            _, alert, of = reason.partition("_ALERT_")
            if sent and not (alert and any(word in of for word in _OF_CERTIFICATES)):
                return None
            return _words(one, reason)
    return None


def _words(error: ssl.SSLError, reason: str) -> str:
    if isinstance(error, WithoutTLS):
        return "it speaks Redis, but without TLS; a url for that begins with redis://"
    if isinstance(error, ssl.SSLCertVerificationError):
        return _VERIFICATION.get(error.verify_code, f"its certificate: {error.verify_message}")
    for part, words in _REASONS:
        if part in reason:
            return words
    return f"the handshake failed ({reason or 'for no known reason'})"


_UNTRUSTED = "nobody who is trusted here has signed its certificate; ssl_ca_certs names who is"
_OTHER = "its certificate is for another host name"
_VERIFICATION: dict[Any, str] = {
    9: "its certificate is not valid yet",
    10: "its certificate has expired",
    **dict.fromkeys((18, 19, 20, 21), _UNTRUSTED),
    **dict.fromkeys((62, 64), _OTHER),
}
_REASONS = (
    ("CERTIFICATE_REQUIRED", "it asks for a certificate: ssl_certfile and ssl_keyfile"),
    # With TLS 1.2 a missing certificate is told like any other failure.
    (
        "ALERT_HANDSHAKE_FAILURE",
        "it refused the handshake: does it ask for a certificate (ssl_certfile, ssl_keyfile)?",
    ),
    ("ALERT_CERTIFICATE_EXPIRED", "the certificate of ssl_certfile has expired"),
    ("ALERT_UNKNOWN_CA", "it does not trust who has signed the certificate of ssl_certfile"),
    ("PROTOCOL_VERSION", "there is no version of TLS that both allow"),
    ("UNSUPPORTED_PROTOCOL", "there is no version of TLS that both allow"),
    ("WRONG_VERSION_NUMBER", "what answers does not speak TLS"),
    ("NO_CIPHER", "there is no cipher that both allow"),
    ("NO_SHARED_CIPHER", "there is no cipher that both allow"),
)
