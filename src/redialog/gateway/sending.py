"""What clients ask, on its way to Redis: together with others, or over a connection of its own.

What is asked together shares its fate: a connection that breaks or is late does so for all. So only
that goes together which can hardly bring it about: commands of little work whose replies are small,
whatever the data is, while no reply is late.
"""

from __future__ import annotations

from collections.abc import Sequence
from time import monotonic

from redialog import scripts
from redialog.effect import AsyncTransport, Batch, Replies
from redialog.gateway.requests import Command

LATE_S = 0.25
"""How long what went together may take before nothing more joins it. A connection is given up when
the first reply on it does not come in time, and what came after loses its own with it: by no more
than this earlier than it would have, alone."""

MOST = 100
"""So many commands of one request go together with others at most."""

BRIEF = frozenset(
    (
        *("SETNX", "INCR", "INCRBY", "INCRBYFLOAT", "DECR", "DECRBY", "APPEND", "STRLEN"),
        *("EXISTS", "TYPE", "TOUCH", "UNLINK", "TTL", "PTTL", "PERSIST"),
        *("EXPIRE", "PEXPIRE", "EXPIREAT", "PEXPIREAT"),
        *("HSET", "HSETNX", "HDEL", "HINCRBY", "HINCRBYFLOAT", "HEXISTS", "HLEN", "HSTRLEN"),
        *("LPUSH", "RPUSH", "LPUSHX", "RPUSHX", "LLEN"),
        *("SADD", "SREM", "SCARD", "SISMEMBER"),
        *("ZADD", "ZREM", "ZINCRBY", "ZCARD", "ZCOUNT", "ZSCORE"),
        *("PING",),
    )
)
"""Commands whose replies are numbers or a word, and whose work does not grow with the data."""

BRIEF_SCRIPTS = frozenset(
    scripts.get(name).sha for name in ("append", "expire", "forget", "note", "renew", "title")
)
"""Digests of this library's own scripts of which the same holds."""

_APPEND = scripts.get("append").sha
# Where the number of its keys stands, and how far behind those its seventh argument.
_KEYS, _LIMIT = 2, 9
_FEW_KEYS = (b"3", b"4", b"5")

_BRIEF = frozenset(word.encode() for name in BRIEF for word in (name, name.lower()))
_SET = (b"SET", b"set")
_EVALSHA = (b"EVALSHA", b"evalsha")
_OPTIONS = 3


def is_brief(command: Command) -> bool:
    """Whether a command may go together with others."""
    name = command[0]
    if name in _EVALSHA:
        return len(command) > 1 and command[1] in BRIEF_SCRIPTS and not _may_be_full(command)
    if name in _SET:
        # With this option the old value is its reply.
        return all(word.upper() != b"GET" for word in command[_OPTIONS:])
    return name in _BRIEF


def _may_be_full(command: Command) -> bool:
    """Whether it is an append to a log with a limit, which can be answered with its oldest
    messages."""
    if command[1] != _APPEND:
        return False
    keys = command[_KEYS] if len(command) > _KEYS else b""
    limit = _LIMIT + int(keys) if keys in _FEW_KEYS else len(command)
    return limit >= len(command) or command[limit] != b""


class Sender:
    """Sends commands, each once.

    Args:
        transport: to the Redis behind the gateway.
    """

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport
        self._together: dict[object, float] = {}  # Since when, in that order.

    async def alone(self, commands: Sequence[Command], *, writes: bool = True) -> Replies:
        """The replies to commands that have a connection of their own.

        Args:
            commands: in their order, in one piece.
            writes: whether any of them may change something.

        Raises:
            TransportError: no complete answer.
        """
        return await self._transport.execute(Batch(tuple(commands), writes=writes, alone=True))

    async def send(self, commands: Sequence[Command]) -> Replies:
        """The same, over a connection that others use too where that can do them no harm."""
        now = monotonic()
        if len(commands) > MOST or not all(map(is_brief, commands)) or self._late(now):
            return await self.alone(commands)
        mine = object()
        self._together[mine] = now
        try:
            return await self._transport.execute(Batch(tuple(commands), writes=True))
        finally:
            del self._together[mine]

    def _late(self, now: float) -> bool:
        return bool(self._together) and now - next(iter(self._together.values())) > LATE_S
