"""No answer from the server."""

from __future__ import annotations

from redialog.errors._root import RedialogError, _rebuild


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
