"""What travels on a lane, and which connections can be one."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final

import hiredis
import redis.exceptions as rex
from redis._parsers import _AsyncHiredisParser
from redis.asyncio.connection import AbstractConnection, ConnectionPool

from redialog.effect import Batch, CommandError, Reply
from redialog.transports.redis.common import command_error
from redialog.transports.redis.waiting import Watch, at_end

OPEN: Final = "open"
"""Said to a call: no connection is there, and it is its turn to take one."""
ASK: Final = "ask"
"""Said to a call: its reply is late, and it should ask whether to go on waiting."""

PLAIN = frozenset({bytes, int, list, type(None), float, bool, dict, set})
"""The types of replies that need no second look."""

_PUSH: Any = getattr(hiredis, "PushNotification", ())


class Call:
    """A batch on its way.

    Args:
        packed: its bytes.
        batch: the same.
        watch: asked now and then whether to go on waiting.
        future: what its task waits for: the replies, an error, or None where there is a word.

    Attributes:
        since: when it was written; 0 before.
        word: what its task is told to do: `OPEN` or `ASK`.
        replies: those that have come.
        sent: whether it was written, and its task still waits for a reply.
        asked: whether its task is about to ask ``watch``.
    """

    __slots__ = (
        *("asked", "count", "future", "packed", "replies", "sent", "since", "watch", "word"),
        "writes",
    )

    def __init__(
        self,
        packed: bytes,
        batch: Batch,
        watch: Watch | None,
        future: asyncio.Future[Any],
    ) -> None:
        self.packed = packed
        self.count = len(batch.commands)
        self.writes = batch.writes
        self.watch = watch
        self.future = future
        self.since = 0.0
        self.replies: list[Reply] = []
        self.word: str | None = None
        self.sent = False
        self.asked = False

    def end(self, found: list[Reply] | Exception) -> None:
        """Gives its task the replies or an error, where it still waits."""
        self.sent = False
        if not self.future.done():
            self.future.set_result(found)

    def say(self, word: str) -> None:
        """Tells its task to do something; what comes meanwhile is not lost."""
        self.word = word
        waited, self.future = self.future, self.future.get_loop().create_future()
        waited.set_result(None)

    def ask(self) -> None:
        """Has its task ask ``watch``, where it is not about to."""
        if not self.asked:
            self.asked = True
            self.say(ASK)


class Unasked:
    """A message of the server's that is no reply, and that redis-py knows what to do with."""

    def __init__(self, message: Any) -> None:
        self.message = message


async def handle(connection: AbstractConnection, unasked: Sequence[Unasked]) -> None:
    """Hands what came besides replies to redis-py."""
    parser: Any = connection._parser
    for one in unasked:
        await parser.handle_push_response(one.message)


def value(found: Any) -> Reply | Unasked:
    """A reply that is none of the plain types.

    Raises:
        RedisError: it is the end of the connection, not of one command.
    """
    if isinstance(found, rex.ResponseError) and not isinstance(found, rex.ConnectionError):
        return command_error(found)
    if isinstance(found, Exception):
        raise found
    return Unasked(found) if isinstance(found, _PUSH) else found


def is_readonly(found: Reply) -> bool:
    """Whether a server says that it is a replica: as `replaced` has it."""
    return isinstance(found, CommandError) and found.code == "READONLY"


def can_have_lane(pool: Any) -> bool:
    """Whether a pool and its connections are redis-py's own, with the parser that is known here.

    What an application has made of them itself, and what asks after their health, goes its own way.
    """
    if not isinstance(pool, ConnectionPool):
        return False
    try:
        one = pool.connection_class(**pool.connection_kwargs)
    except Exception:
        # It may need what only its pool knows.
        return False
    kind = type(one)
    return (
        type(getattr(one, "_parser", None)) is _AsyncHiredisParser
        and not one.health_check_interval
        and kind.read_response is AbstractConnection.read_response
        and kind.send_packed_command is AbstractConnection.send_packed_command
    )


def is_clean(connection: AbstractConnection) -> bool:
    """Whether a connection is open, and nothing came on it that nobody asked for."""
    parser: Any = connection._parser
    stream: Any = connection._reader
    return not (at_end(connection) or stream._buffer or parser._reader.has_data())
