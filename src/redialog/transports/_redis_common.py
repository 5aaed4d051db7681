"""What the blocking and the asyncio transport over redis-py have in common.

Both send a packed batch over a connection of the client's own pool and read its replies, instead
of going through the client's command methods. That says exactly whether a batch was sent, adds no
hidden retries (redis-py 8 makes ten by default, which is how its users store messages twice) and
leaves the replies undecoded, whatever the client's settings.
"""

from __future__ import annotations

import os
from typing import Any, cast

import hiredis
import redis.exceptions as rex
from redis.backoff import NoBackoff

from redialog.effect import Batch, CommandError
from redialog.errors import (
    AuthError,
    ConnectError,
    ConnectionLost,
    NotRedis,
    ReplyTimeout,
    TransportError,
)

CONNECT_TIMEOUT_S = 1.5
REPLY_TIMEOUT_S = 5.0
MAX_CONNECTIONS = 100

# redis-py strips the code of the errors that it knows.
_CODES: tuple[tuple[type[rex.ResponseError], str], ...] = (
    (rex.NoScriptError, "NOSCRIPT"),
    (rex.ReadOnlyError, "READONLY"),
    (rex.OutOfMemoryError, "OOM"),
    (rex.NoPermissionError, "NOPERM"),
    (rex.ClusterCrossSlotError, "CROSSSLOT"),
    (rex.ExecAbortError, "EXECABORT"),
    (rex.MasterDownError, "MASTERDOWN"),
    (rex.ClusterDownError, "CLUSTERDOWN"),
    (rex.TryAgainError, "TRYAGAIN"),
    (rex.MovedError, "MOVED"),
    (rex.AskError, "ASK"),
)

# What can go wrong before there is one: a host name can be none.
UNREACHED = (rex.RedisError, OSError, EOFError, UnicodeError)
# What can go wrong on a connection. A socket's own errors reach us too: redis-py lets some pass.
FAILURES = (rex.RedisError, OSError, EOFError)


def client_defaults() -> dict[str, object]:
    """Options of a client that is made from a URL.

    redis-py's own wait 4.6 s for a dead server and send again behind our back. RESP2 says all that
    is needed here and saves a round trip when a connection is made.
    """
    from redis.retry import Retry

    return {
        "socket_connect_timeout": CONNECT_TIMEOUT_S,
        "socket_timeout": REPLY_TIMEOUT_S,
        "socket_keepalive": True,
        "protocol": 2,
        "retry": Retry(NoBackoff(), 0),
        "max_connections": MAX_CONNECTIONS,
        # How long a caller waits for one of them.
        "timeout": REPLY_TIMEOUT_S,
    }


def pack(batch: Batch) -> bytes:
    """The bytes of a batch. redis-py's own packer looks at each argument twice in Python."""
    # Its stub asks for a tuple of one; it takes any.
    return b"".join([hiredis.pack_command(cast(Any, one)) for one in batch.commands])


def command_error(error: rex.ResponseError) -> CommandError:
    """The error of one command, as a value.

    Raises:
        AuthenticationError: the server asks for a password.
    """
    text = str(error)
    if "rotocol error: unauthenticated" in text:
        # Servers give a client that has not logged in 10 arguments and hang up on more.
        raise rex.AuthenticationError(text)
    for kind, code in _CODES:
        if isinstance(error, kind):
            return CommandError(code, text)
    code, _, rest = text.partition(" ")
    # Servers write codes in capitals; a text without one is a plain error.
    return CommandError(code, rest) if code.isupper() else CommandError("ERR", text)


def failure(
    error: BaseException, address: str, *, sent: bool = False, writes: bool = False
) -> TransportError:
    """The typed error for a failed connection.

    Args:
        error: what redis-py raised.
        address: of the server, without secrets.
        sent: whether the batch had been sent, wholly or in part.
        writes: whether it changes anything; a read that failed is never in doubt.
    """
    refused = _refusal(error, address)
    if refused is not None:
        return refused
    if not sent:
        return ConnectError(f"cannot connect to {address}: {_reason(error)}", address=address)
    if isinstance(error, rex.TimeoutError | TimeoutError):
        return ReplyTimeout(
            f"no reply from {address} in time", address=address, maybe_applied=writes
        )
    return ConnectionLost(
        f"the connection to {address} broke before the reply", address=address, maybe_applied=writes
    )


def _refusal(error: BaseException, address: str) -> TransportError | None:
    """The error for a server that was reached and did not take the connection, else None."""
    text = str(error)
    if isinstance(error, rex.AuthenticationError | rex.AuthorizationError | rex.NoPermissionError):
        return AuthError(
            f"the server at {address} refused the user name or password", address=address
        )
    if isinstance(error, rex.InvalidResponse) or "rotocol error" in text:
        return NotRedis(
            f"what answers at {address} does not speak the Redis protocol", address=address
        )
    if isinstance(error, rex.MaxConnectionsError) or "No connection available" in text:
        return ConnectError(
            f"all connections to {address} are in use; raise max_connections", address=address
        )
    if isinstance(error, rex.BusyLoadingError):
        return ConnectError(f"the server at {address} is loading its data", address=address)
    if isinstance(error, rex.ResponseError):
        return NotRedis(
            f"the server at {address} refused the connection's setup (is there such a database?)",
            address=address,
        )
    return None


def _reason(error: BaseException) -> str:
    """Why a connection failed, in words that hold no secret and no URL."""
    found: BaseException | None = error
    while found is not None:
        if isinstance(found, rex.TimeoutError | TimeoutError):
            return "no answer in time"
        if isinstance(found, OSError) and found.errno is not None and found.errno > 0:
            # asyncio's own text of it holds the address and not the reason.
            return os.strerror(found.errno).lower()
        found = found.__cause__ or found.__context__
    text = str(error).lower()
    for reason in ("refused", "no such file", "name or service not known", "certificate"):
        if reason in text:
            return f"connection {reason}" if reason == "refused" else reason
    return "connection failed"
