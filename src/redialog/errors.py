"""Every error that redialog raises, as one tree.

::

    RedialogError
    ├── ConfigurationError (ValueError)   an argument, option or URL is wrong: change the call
    │   ├── InvalidSessionId
    │   ├── InvalidTTL
    │   ├── InvalidMessage
    │   │   └── MessageTooLarge
    │   ├── BudgetTooSmall                what a context must hold has more tokens than max_tokens
    │   ├── CounterError                  the token counter failed, or returned no number
    │   └── WrongEventLoop
    ├── MissingExtra (ImportError)        an optional part is not installed: names the install line
    ├── TransportError (ConnectionError)  no answer from the server
    │   ├── ConnectError                  not reached, so nothing was sent
    │   ├── ReplyTimeout (TimeoutError)   no reply in time
    │   ├── ConnectionLost                cut before the reply was complete
    │   ├── Unavailable                   nobody can serve it now: a failover, a resharding
    │   ├── RateLimited                   too many requests for the plan: wait retry_after seconds
    │   ├── AuthError                     the server refused the credentials
    │   ├── TLSError                      a certificate or the TLS handshake was refused
    │   └── NotRedis                      something answered that does not speak the protocol
    ├── ServerError                       the server answered with an error
    │   ├── WrongType                     the key holds something else than a conversation
    │   ├── OutOfMemory
    │   ├── ReadOnly                      a replica, or a primary that may not write now
    │   ├── PermissionDenied              the ACL user may not run the command
    │   └── CrossSlot
    ├── DataError                         what is stored cannot be understood
    │   ├── CorruptElement                one element of a log; the others are readable
    │   └── UnknownVersion                written by a newer redialog
    ├── Conflict                          somebody else changed it meanwhile, or got there first
    │   ├── OwnerMismatch
    │   ├── SessionExists
    │   └── IdempotencyMismatch
    ├── NotFound (LookupError)            there is no such session or message
    ├── SummaryError                      the summariser failed; the conversation is as it was
    ├── EmbeddedError                     the embedded server cannot be found, started or stopped
    └── Closed                            used after close()

A caller asks two questions of an error: whose fault is it (the class), and may I try again
(``retryable``). A `TransportError` also says whether the write may have happened
(``maybe_applied``) and, where it may have, under which ``token`` the same write can be sent again
without being stored twice.

Errors are composed from fields, so they survive pickling, and no field ever holds message text or
a secret.
"""

from __future__ import annotations


class RedialogError(Exception):
    """The root of all errors of this library.

    Args:
        text: what happened and what to do about it; never message text, never a secret.
        **fields: what the text was composed from; each becomes an attribute.
    """

    retryable: bool = False
    """Whether the same call can succeed later without a change on the caller's side."""

    def __init__(self, text: str, **fields: object) -> None:
        super().__init__(text)
        self._fields = fields
        for name, value in fields.items():
            setattr(self, name, value)

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), str(self), self._fields)


def _rebuild(cls: type[RedialogError], text: str, fields: dict[str, object]) -> RedialogError:
    error = cls.__new__(cls)
    RedialogError.__init__(error, text, **fields)
    return error


class ConfigurationError(RedialogError, ValueError):
    """An argument, an option or a URL is wrong; nothing was changed."""


class InvalidSessionId(ConfigurationError):
    """The session id is empty, no text, too long, or not encodable as UTF-8."""


class InvalidTTL(ConfigurationError):
    """The time to live is zero, negative, not finite, or of a wrong type."""


class InvalidMessage(ConfigurationError):
    """A message has an unknown role, or content that cannot be stored."""


class MessageTooLarge(InvalidMessage):
    """The stored form of a message is larger than ``max_message_bytes``."""

    size: int
    limit: int

    def __init__(self, *, size: int, limit: int) -> None:
        super().__init__(
            f"the message takes {size:,} bytes, the limit is {limit:,}; store large files "
            "elsewhere and keep a link, or raise max_message_bytes",
            size=size,
            limit=limit,
        )


class BudgetTooSmall(ConfigurationError):
    """What a context always holds does not fit into the token budget.

    Attributes:
        needed: tokens of what is always held.
        limit: ``max_tokens`` without the reserve.
    """

    needed: int
    limit: int

    def __init__(self, *, needed: int, limit: int) -> None:
        super().__init__(
            f"the system messages, the newest user message and what came last have {needed:,} "
            f"tokens, and {limit:,} are allowed; raise max_tokens, or lower reserve",
            needed=needed,
            limit=limit,
        )


class CounterError(ConfigurationError):
    """The token counter raised an error, or returned something else than a number of tokens."""


class WrongEventLoop(ConfigurationError):
    """An asynchronous memory is used in another event loop than the one it first ran in."""


class MissingExtra(RedialogError, ImportError):
    """A part of redialog that is an extra is used but not installed.

    Args:
        extra: the name of the extra, as in ``redialog[extra]``.
        purpose: what needs it.
    """

    extra: str

    def __init__(self, *, extra: str, purpose: str) -> None:
        super().__init__(
            f"{purpose} needs the extra {extra!r}: pip install 'redialog[{extra}]'",
            extra=extra,
            purpose=purpose,
        )


class TransportError(RedialogError, ConnectionError):
    """The server gave no answer.

    Attributes:
        address: where it was looked for, without secrets.
        maybe_applied: True where a write was sent and its reply is missing.
        token: of a write that is in doubt: the same call again with
            ``idempotency_key=error.token`` within 60 seconds does it once.
    """

    retryable = True
    address: str = ""
    maybe_applied: bool = False
    token: str | None = None

    def __str__(self) -> str:
        text = super().__str__()
        if not self.maybe_applied:
            return text
        if self.token is None:
            return f"{text} (the write may have happened)"
        return (
            f"{text} (the write may have happened; to send it again safely, pass "
            f"idempotency_key={self.token!r} within 60 seconds)"
        )

    def in_doubt(self, token: str | None) -> TransportError:
        """The same error, saying that a write under ``token`` may have happened."""
        fields = {**self._fields, "maybe_applied": True, "token": token}
        error = _rebuild(type(self), str(self.args[0]), fields)
        assert isinstance(error, TransportError)  # noqa: S101 - for the type checker
        error.__cause__ = self.__cause__
        return error

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), str(self.args[0]), self._fields)


class ConnectError(TransportError):
    """The server could not be reached; nothing was sent."""


class ReplyTimeout(TransportError, TimeoutError):
    """The server did not reply in time."""


class ConnectionLost(TransportError):
    """The connection broke before the reply was complete."""


class Unavailable(TransportError):
    """Servers answered, and none can serve it now: a failover, a resharding, or one is loading."""


class RateLimited(TransportError):
    """More requests were sent than the plan allows.

    Attributes:
        retry_after: seconds after which the server takes requests again; None where it did not say.
    """

    retry_after: float | None = None


class AuthError(TransportError):
    """The server refused the user name, the password or the token."""

    retryable = False


class TLSError(TransportError):
    """A certificate, a host name or the TLS handshake was refused; nothing was sent."""

    retryable = False


class NotRedis(TransportError):
    """Something answered that does not speak the Redis protocol."""

    retryable = False


class ServerError(RedialogError):
    """The server answered with an error; nothing was changed.

    Attributes:
        code: the first word of the server's error, such as ``OOM``.
    """

    code: str = "ERR"


class WrongType(ServerError):
    """A key of the session holds a value of another type."""


class OutOfMemory(ServerError):
    """The server is at ``maxmemory`` and refuses writes."""

    retryable = True


class ReadOnly(ServerError):
    """The server is a replica, or a primary that currently refuses writes."""

    retryable = True


class PermissionDenied(ServerError):
    """The ACL user may not run a command or touch a key that redialog needs."""


class CrossSlot(ServerError):
    """The keys of one call lie in different Cluster slots."""


class DataError(RedialogError):
    """What is stored cannot be understood."""


class CorruptElement(DataError):
    """One element of a log is not a stored message; the others are readable.

    Attributes:
        key: the Redis key of the list.
        position: its index, as LINDEX takes it: 0 is the newest element, -1 the oldest. Counted
            from the oldest in a full read, since appends do not change that.
        reason: what is wrong with it, without any of its text.
    """

    key: str
    position: int
    reason: str

    def __init__(self, *, key: str, position: int, reason: str) -> None:
        counted = "0 is the newest" if position >= 0 else "-1 is the oldest"
        super().__init__(
            f"element {position} ({counted}) of the list {key!r} is damaged: {reason}",
            key=key,
            position=position,
            reason=reason,
        )


class UnknownVersion(DataError):
    """The session was written by a newer redialog with another layout."""


class Conflict(RedialogError):
    """Somebody else changed it meanwhile, or what was named is not one thing.

    Attributes:
        ids: where several messages have the id: one for each, by its place; else empty.
    """

    ids: tuple[str, ...] = ()


class OwnerMismatch(Conflict):
    """The session belongs to another user than the one that the handle names."""


class SessionExists(Conflict):
    """A session of that id is there already; it was left as it is."""


class IdempotencyMismatch(Conflict):
    """The idempotency key was used for something else within the last 60 seconds."""


class NotFound(RedialogError, LookupError):
    """There is no such session or message; nothing was changed."""


class SummaryError(RedialogError):
    """The summariser gave nothing usable; no message and no earlier summary was touched.

    Attributes:
        reason: ``failed`` (it raised an error, which is the cause), ``timeout``, ``empty`` (no
            text), ``too_long`` (more than ``summary_max_tokens``) or ``not_shorter`` (than what it
            was given).
    """

    retryable = True
    reason: str = "failed"

    def __init__(self, *, reason: str) -> None:
        super().__init__(f"the summariser {_SUMMARY_REASONS.get(reason, reason)}", reason=reason)


_SUMMARY_REASONS = {
    "failed": "raised an error",
    "timeout": "did not answer in time",
    "empty": "returned no text",
    "too_long": "returned more than summary_max_tokens",
    "not_shorter": "returned no less than it was given",
}


class EmbeddedError(RedialogError):
    """The embedded server cannot be found, started or stopped."""


class Closed(RedialogError):
    """The memory was closed."""
