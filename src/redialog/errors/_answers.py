"""What the server answered, or what was found there."""

from __future__ import annotations

from redialog.errors._root import RedialogError


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
