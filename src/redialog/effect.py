"""What operations and drivers say to each other.

An operation is a generator: it yields a `Batch` of Redis commands, is sent back one `Reply` per
command, and returns a domain value. It never touches a connection, a clock or a source of
randomness, so the same generator runs over a blocking client, an asyncio client, a Cluster or
REST, and a test runs it with scripted replies and no server at all::

    def length(log: bytes) -> Op[int]:
        [reply] = yield Batch(((b"LLEN", log),))
        return replies.integer(reply)

    run(length(b"chat"), transport)            # blocking
    await arun(length(b"chat"), transport)     # asyncio

One yield is one round trip. The error of a command arrives as a `CommandError` among the replies,
so that an operation can react to it; a failed transport is thrown in at the yield.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any, Literal, Protocol, TypeAlias, TypeVar

import msgspec

Argument: TypeAlias = bytes | str | int
Command: TypeAlias = tuple[Argument, ...]


class Batch(msgspec.Struct, frozen=True):
    """Commands that travel together: one request, one round trip.

    Attributes:
        commands: each a tuple of its name and arguments.
        writes: whether it changes anything. It can be sent again all the same: its script knows
            the operation's token and does nothing twice.
        resend_key: under which idempotency key an application can repeat the operation itself,
            where the operation takes one.
        to: who is asked: the node that has the keys; or each primary, or each sentinel, and then
            the reply to a command is a list of pairs, the address of a node and its reply. One that
            cannot be reached has ``CommandError("UNREACHABLE")``.
        alone: whether others must not wait behind it: its replies are large, or long in coming.
    """

    commands: tuple[Command, ...]
    writes: bool = False
    resend_key: str | None = None
    to: Literal["", "primaries", "sentinels"] = ""
    alone: bool = False


class CommandError(msgspec.Struct, frozen=True):
    """A command's error reply, as a value.

    Attributes:
        code: its first word, such as ``NOSCRIPT``.
        text: the rest, as the server wrote it. It can quote arguments, so it is never shown.
    """

    code: str
    text: str = ""


# bytes, int, None, a CommandError or a list of such; RESP3 adds float, bool and dict.
Reply: TypeAlias = Any
Replies: TypeAlias = Sequence[Reply]

T = TypeVar("T")
Op: TypeAlias = Generator[Batch, Replies, T]


DEADLINE_S = 20.0
"""How many seconds an operation loses at most to what fails. Far below the 60 s that a token lives,
so that a late resend always meets the token of the first."""


class Patience(msgspec.Struct, frozen=True):
    """How long and how often an operation is tried again.

    Attributes:
        deadline_s: seconds that an operation loses at most to attempts that fail and to the pauses
            between them.
        attempts: how many for one batch; None: as many as the deadline allows.
        connect_s: the deadline where nobody is there at all.
    """

    deadline_s: float = DEADLINE_S
    attempts: int | None = 3
    connect_s: float = 1.0


class Transport(Protocol):
    """Carries batches to one Redis and replies back, blocking."""

    address: str
    """Where it leads, without secrets."""
    patience: Patience
    """How its failures are met."""

    def execute(self, batch: Batch, within: float | None = None) -> Replies:
        """One reply per command, text as bytes, errors as `CommandError`; it sends nothing twice.

        Args:
            batch: what to send.
            within: seconds that it may take at most; None: the connection's own limits.

        Raises:
            TransportError: no complete answer; ``maybe_applied`` says whether it was sent.
        """

    def close(self) -> None:
        """Gives back what the transport owns; it is idempotent."""


class AsyncTransport(Protocol):
    """The same for asyncio."""

    address: str
    patience: Patience

    async def execute(self, batch: Batch, within: float | None = None) -> Replies:
        """As `Transport.execute`."""

    async def close(self) -> None:
        """As `Transport.close`."""
