"""A call, an option or an installation is wrong: nothing was sent."""

from __future__ import annotations

from redialog.errors._root import RedialogError


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

    def __init__(self, *, size: int, limit: int, what: str = "message") -> None:
        super().__init__(
            f"the {what} takes {size:,} bytes, the limit is {limit:,}; store large files "
            f"elsewhere and keep a link, or raise max_{what}_bytes",
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


class UnverifiedTLSWarning(UserWarning):
    """TLS is used without verifying who is at the other end."""


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
