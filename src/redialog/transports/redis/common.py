"""What the blocking and the asyncio transport over redis-py have in common.

Both send a packed batch over a connection of the client's own pool and read its replies, instead
of going through the client's command methods. That says exactly whether a batch was sent, adds no
hidden retries (redis-py 8 makes ten by default, which is how its users store messages twice) and
leaves the replies undecoded, whatever the client's settings.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable
from typing import Any, cast

import hiredis
import redis.exceptions as rex
from redis.backoff import NoBackoff

from redialog.effect import Batch, Command, CommandError, Replies
from redialog.errors import (
    AuthError,
    ConnectError,
    ConnectionLost,
    NotRedis,
    ReplyTimeout,
    TLSError,
    TransportError,
    Unavailable,
)
from redialog.transports._credentials import NoCredentials
from redialog.transports._tls import chain, refusal

CONNECT_TIMEOUT_S = 2.0
REPLY_TIMEOUT_S = 5.0
MAX_CONNECTIONS = 100
WATCH_S = 0.5
"""How often somebody who waits for a reply is asked whether to go on."""

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

# What is wrong with a login: who, the password, or what this user may.
_LOGIN = (rex.AuthenticationError, rex.AuthorizationError, rex.NoPermissionError)
# The first bytes of an alert and of a handshake, as the parser names them.
_TLS_RECORDS = (r"\x15", r"\x16")

# Its stub asks for a tuple of one; it takes any.
_packed: Callable[[Command], bytes] = cast(Any, hiredis.pack_command)

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
    commands = batch.commands
    if len(commands) == 1:
        return _packed(commands[0])
    return b"".join(map(_packed, commands))


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
    if getattr(error, "status_code", None) == "ERR" and " " in text:
        # Its text can begin with a word in capitals: "XX and NX options ...". One word alone is a
        # script's own code, before which the server has put ERR.
        return CommandError("ERR", text)
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
    refused = _refusal(error, address, sent)
    if refused is not None:
        return refused
    if not sent:
        return ConnectError(
            f"cannot connect to {address}: {_reason(error, address)}", address=address
        )
    if isinstance(error, rex.TimeoutError | TimeoutError):
        return ReplyTimeout(
            f"no reply from {address} in time", address=address, maybe_applied=writes
        )
    return ConnectionLost(
        f"the connection to {address} broke before the reply", address=address, maybe_applied=writes
    )


def _refusal(error: BaseException, address: str, sent: bool) -> TransportError | None:
    """The error for a server that was reached and did not take the connection, else None."""
    if isinstance(error, _LOGIN):
        return _no_login(error, address)
    why = refusal(error, sent=sent)
    if why is not None:
        return TLSError(f"no TLS connection to {address}: {why}", address=address)
    text = str(error)
    if isinstance(error, rex.InvalidResponse | rex.ResponseError) or "rotocol error" in text:
        return _unfit(error, address)
    if isinstance(error, rex.MaxConnectionsError) or "No connection available" in text:
        return ConnectError(
            f"all connections to {address} are in use; raise max_connections", address=address
        )
    if isinstance(error, rex.BusyLoadingError):
        return Unavailable(f"the server at {address} is loading its data", address=address)
    return None


def _unfit(error: BaseException, address: str) -> TransportError:
    """The error for an answer that is none of Redis, or that ends the connection's setup."""
    if isinstance(error, rex.ResponseError):
        return NotRedis(
            f"the server at {address} refused the connection's setup (is there such a database?)",
            address=address,
        )
    if any(byte in str(error) for byte in _TLS_RECORDS):
        return TLSError(
            f"what answers at {address} speaks TLS: the url must begin with rediss://",
            address=address,
        )
    return NotRedis(f"what answers at {address} does not speak the Redis protocol", address=address)


def _no_login(error: BaseException, address: str) -> AuthError:
    if isinstance(error, NoCredentials):
        return AuthError(
            f"the credential provider gave nothing to log in to {address} with: {error}",
            address=address,
        )
    if isinstance(error, rex.NoPermissionError):
        return AuthError(
            f"the ACL user may not do what a connection to {address} begins with (SELECT?)",
            address=address,
        )
    return AuthError(f"the server at {address} refused the user name or password", address=address)


def _reason(error: BaseException, address: str) -> str:
    """Why a connection failed, in words that hold no secret and no URL."""
    for found in chain(error):
        if isinstance(found, rex.TimeoutError | TimeoutError):
            return "no answer in time"
        if isinstance(found, EOFError | ssl.SSLError | ConnectionResetError | BrokenPipeError):
            return _closed(address)
        if isinstance(found, OSError) and found.errno is not None and found.errno > 0:
            # asyncio's own text of it holds the address and not the reason.
            return os.strerror(found.errno).lower()
    text = str(error).lower()
    if "closed by server" in text:
        return _closed(address)
    for reason in ("refused", "no such file", "name or service not known"):
        if reason in text:
            return f"connection {reason}" if reason == "refused" else reason
    return "connection failed"


def _closed(address: str) -> str:
    scheme = address.partition("://")[0]
    with_tls = scheme.startswith("rediss") or scheme == "unix"
    return "it hung up" if with_tls else "it hung up (does it want TLS, a rediss:// url?)"


def nobody(batch: Batch) -> Replies:
    """The replies where each sentinel is asked and there are none."""
    return [[] for _ in batch.commands]


def replaced(replies: Replies) -> bool:
    """Whether a server said that it is a replica: behind its name there may be another one by now,
    and an open connection would never find out."""
    for reply in replies:  # noqa: SIM110 - asked of each batch, and three times as fast as any()
        if isinstance(reply, CommandError) and reply.code == "READONLY":
            return True
    return False
