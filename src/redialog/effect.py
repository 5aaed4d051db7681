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
from typing import Any, Protocol, TypeAlias, TypeVar

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
    """

    commands: tuple[Command, ...]
    writes: bool = False
    resend_key: str | None = None


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


class Transport(Protocol):
    """Carries batches to one Redis and replies back, blocking."""

    address: str
    """Where it leads, without secrets."""

    def execute(self, batch: Batch) -> Replies:
        """One reply per command, text as bytes, errors as `CommandError`.

        Raises:
            TransportError: no complete answer; ``maybe_applied`` says whether it was sent.
        """

    def close(self) -> None:
        """Gives back what the transport owns; it is idempotent."""


class AsyncTransport(Protocol):
    """The same for asyncio."""

    address: str

    async def execute(self, batch: Batch) -> Replies:
        """As `Transport.execute`."""

    async def close(self) -> None:
        """As `Transport.close`."""
