"""What the blocking and the asyncio transport over httpx have in common."""

from __future__ import annotations

import os
import re
import socket
import ssl
from collections.abc import Generator, Iterator
from datetime import UTC, datetime

from redialog.effect import Batch, CommandError, Replies, Reply
from redialog.errors import (
    ConnectError,
    ConnectionLost,
    ReplyTimeout,
    TLSError,
    TransportError,
)
from redialog.transports.rest._answers import Reader, Rows
from redialog.transports.rest._common import SYNC_TOKEN, Answer, Request, sync_token
from redialog.transports.rest._needs import httpx
from redialog.transports.rest._options import Secret, Site

FAILURES = (httpx.HTTPError, httpx.StreamError, OSError, EOFError)
"""What can go wrong with a request; a socket's own errors too, where httpx lets one pass."""

_NOT_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.UnsupportedProtocol,
    httpx.LocalProtocolError,
)


class Talk:
    """One transport's conversation with a service: what the next request must say of the last.

    Args:
        site: the service.
    """

    def __init__(self, site: Site) -> None:
        self.reader = Reader(site.address)
        self._sync_token = ""

    def headers(self) -> dict[str, str]:
        """What a request has beside the headers that all have."""
        return {SYNC_TOKEN: self._sync_token}

    def replies(self, response: httpx.Response, request: Request, *, writes: bool) -> list[Reply]:
        """The replies in a response.

        Raises:
            RedialogError: there are none.
        """
        answer, now = self._answer(response, writes), datetime.now(UTC)
        return self.reader.replies(answer, request, writes=writes, now=now)

    def rows(
        self, response: httpx.Response, request: Request, *, writes: bool
    ) -> Rows | CommandError:
        """What a response says of each command, unread; an error: it refuses all of them as one.

        Raises:
            RedialogError: there is nothing.
        """
        answer, now = self._answer(response, writes), datetime.now(UTC)
        return self.reader.rows(answer, request, writes=writes, now=now)

    def _answer(self, response: httpx.Response, writes: bool) -> Answer:
        answer = Answer(response.status_code, response.headers, response.content)
        token = sync_token(answer)
        # Of replies that cross, a read's says nothing of the write that another thread has sent
        # meanwhile.
        if token is not None and (
            writes or self._sync_token == response.request.headers[SYNC_TOKEN]
        ):
            self._sync_token = token
        return answer


class Login(httpx.Auth):
    """Puts the token into a request when it is sent, so that nothing else has to hold it.

    Args:
        token: the service's.
    """

    def __init__(self, token: Secret) -> None:
        self._token = token

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """As httpx has it."""
        request.headers["Authorization"] = f"Bearer {self._token.reveal()}"
        yield request


def nobody(batch: Batch) -> Replies:
    """The replies where each sentinel is asked and there are none."""
    return [[] for _ in batch.commands]


def after(number: int, error: TransportError, *, writes: bool) -> TransportError:
    """The error of the request that came after so many others of the same batch."""
    return error.in_doubt(None) if number and writes else error


def all_in_use(address: str) -> ConnectError:
    """The error for a call that waited for a connection, and got none."""
    return ConnectError(
        f"all connections to {address} are in use; raise max_connections", address=address
    )


def failure(error: BaseException, address: str, *, writes: bool) -> TransportError:
    """The typed error for a request that failed.

    Args:
        error: what httpx raised.
        address: of the service, without secrets.
        writes: whether the request changes anything; a read that failed is never in doubt.
    """
    refused = next((one for one in _chain(error) if isinstance(one, ssl.SSLError)), None)
    connecting = isinstance(error, _NOT_SENT)
    if refused is not None and (_refuses_us(refused) or (connecting and not _is_cut(refused))):
        return TLSError(f"cannot connect to {address}: {_tls_reason(refused)}", address=address)
    if connecting:
        return ConnectError(f"cannot connect to {address}: {_reason(error)}", address=address)
    if isinstance(error, httpx.TimeoutException | TimeoutError):
        return ReplyTimeout(
            f"no reply from {address} in time", address=address, maybe_applied=writes
        )
    return ConnectionLost(
        f"the connection to {address} broke before the reply", address=address, maybe_applied=writes
    )


def bare(error: BaseException) -> BaseException:
    """The same error as a cause that holds no secret: httpx's have the request, with the token."""
    for one in _chain(error):
        request = getattr(one, "_request", None)
        if isinstance(one, httpx.RequestError) and request is not None:
            one.request = httpx.Request(request.method, request.url)
    return error


def _chain(error: BaseException) -> Iterator[BaseException]:
    found: BaseException | None = error
    while found is not None:
        yield found
        if isinstance(found, BaseExceptionGroup):
            # One for each address of a name.
            yield from _chain(found.exceptions[0])
        found = found.__cause__ or found.__context__


def _is_cut(error: ssl.SSLError) -> bool:
    """Whether the other side just hung up, as a server does that is starting."""
    return isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError | ssl.SSLSyscallError)


def _refuses_us(error: ssl.SSLError) -> bool:
    """Whether the server refused our certificate, which in TLS 1.3 it says after the handshake."""
    return "ALERT" in (error.reason or "") and re.search("CERT|CA$", error.reason or "") is not None


def _tls_reason(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate was refused ({error.verify_message})"
    return "the TLS handshake failed" + (f" ({error.reason})" if error.reason else "")


def _reason(error: BaseException) -> str:
    """Why a connection failed, in words that hold no secret and no URL."""
    for one in _chain(error):
        if isinstance(one, httpx.TimeoutException | TimeoutError):
            return "no answer in time"
        if isinstance(one, socket.gaierror):
            return "the name is not known"
        if isinstance(one, OSError) and one.errno is not None and one.errno > 0:
            # asyncio's own text of it holds the address and not the reason.
            return os.strerror(one.errno).lower()
    return "connection failed"
