"""Which commands the gateway refuses.

It guards against accidents: a client that empties the wrong database, or a command that would hold
up the connections that all clients share. Scripts can call what a client cannot, so what an
untrusted client may do is for the ACL of the user in the gateway's URL to say.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Set
from itertools import takewhile
from typing import Any

from redialog.effect import CommandError
from redialog.errors import ConfigurationError
from redialog.gateway.requests import Command

_STATE = (
    *("AUTH", "HELLO", "SELECT", "QUIT", "RESET", "ASKING", "READONLY", "READWRITE"),
    *("MULTI", "EXEC", "DISCARD", "WATCH", "UNWATCH"),
    *("CLIENT|REPLY", "CLIENT|TRACKING", "CLIENT|CACHING", "CLIENT|NO-TOUCH"),
)
"""They change the connection, which a client has for one request only."""

_ENDLESS = (
    *("SUBSCRIBE", "UNSUBSCRIBE", "PSUBSCRIBE", "PUNSUBSCRIBE", "SSUBSCRIBE", "SUNSUBSCRIBE"),
    *("MONITOR", "SYNC", "PSYNC", "REPLCONF"),
)
"""Their replies go on and on."""

NEVER = frozenset((*_STATE, *_ENDLESS))
"""Refused whatever is allowed."""

REFUSED = frozenset(
    (
        *("ACL", "CLIENT", "CLUSTER", "COMMANDLOG", "CONFIG", "DEBUG", "FAILOVER", "FUNCTION"),
        *("LATENCY", "MODULE", "PFDEBUG", "PFSELFTEST", "SENTINEL", "SHUTDOWN", "SLOWLOG"),
        *("BGREWRITEAOF", "BGSAVE", "SAVE", "REPLICAOF", "SLAVEOF"),
        *("FLUSHALL", "FLUSHDB", "KEYS", "SWAPDB", "MIGRATE", "RESTORE", "RESTORE-ASKING"),
        *("BLPOP", "BRPOP", "BLMOVE", "BRPOPLPUSH", "BLMPOP", "BZPOPMIN", "BZPOPMAX", "BZMPOP"),
        *("WAIT", "WAITAOF"),
    )
)
"""Refused unless allowed by name."""

SOME_SUBCOMMANDS = {
    "SCRIPT": frozenset({"LOAD", "EXISTS", "FLUSH"}),
    "MEMORY": frozenset({"USAGE"}),
}
"""Commands of which only these subcommands are not refused."""

_BLOCKING_BY_OPTION = frozenset({"XREAD", "XREADGROUP"})
_REFUSED_FLAGS = frozenset({"admin", "blocking"})

READ_ONLY_TOO = frozenset({"PING", "ECHO", "TIME"})
"""With the read-only token as well, though the server has no such flag for them."""

OF_ONE_NODE = frozenset({"DBSIZE", "KEYS", "RANDOMKEY", "SCAN"})
"""Refused on a Cluster, where they would see the keys of one node and pass for all."""

NOT_READ_ONLY = frozenset({"SCAN"})
"""Not with the read-only token: it may be in public, and not everybody is to know all keys."""

_REASON = "the clients of this gateway share its connections, each of which leads to one node"

_LONGEST_NAME = 64
_NAME = re.compile(r"[a-z][a-z0-9._-]*(\|[a-z0-9_-]+)?", re.IGNORECASE)


class Flags:
    """What the server says of its commands.

    Args:
        reply: to COMMAND; None where the server does not say.
    """

    def __init__(self, reply: object = None) -> None:
        self._flags: dict[str, frozenset[str]] = {}
        if isinstance(reply, list):
            self._add(reply)

    def _add(self, rows: Iterable[Any]) -> None:
        for row in rows:
            self._flags[_text(row[0]).upper()] = frozenset(_text(flag) for flag in row[2])
            # The subcommands came with Redis 7.0.
            self._add(row[9] if len(row) > 9 else ())  # noqa: PLR2004

    @property
    def known(self) -> Set[str]:
        """The names of all commands and subcommands."""
        return self._flags.keys()

    def of(self, name: str, both: str) -> frozenset[str] | None:
        """The flags of a command or subcommand; None where there is no such.

        Args:
            name: of the command, as `names` has it.
            both: with its subcommand.
        """
        return self._flags.get(both) or self._flags.get(name)


class Policy:
    """What is refused.

    Args:
        allowed: names of commands that are not, such as ``KEYS`` or ``CLIENT|LIST``.
        cluster: whether the commands go to a Cluster.

    Raises:
        ConfigurationError: one is no name, or cannot be allowed.
    """

    def __init__(self, allowed: Iterable[str] = (), *, cluster: bool = False) -> None:
        if isinstance(allowed, str):
            raise ConfigurationError("the commands to allow must be several names, not one text")
        self._never = NEVER | OF_ONE_NODE if cluster else NEVER
        self._allowed = frozenset(name.strip().upper() for name in allowed)
        for name in sorted(self._allowed):
            if _NAME.fullmatch(name) is None:
                raise ConfigurationError(
                    "a command to allow must be a name such as flushdb or client|list"
                )
            if name in self._never:
                raise ConfigurationError(f"the command {name} cannot be allowed: {_REASON}")
        self._seen: Flags | None = None
        self._served: dict[bool, frozenset[bytes]] = {}

    def refusal(self, command: Command, flags: Flags, *, read_only: bool) -> CommandError | None:
        """The error for a command that is refused, else None.

        Args:
            command: to be run.
            flags: of the server's commands.
            read_only: whether it came with the read-only token.
        """
        if flags is not self._seen:
            self._served = {token: self._by_name(flags, read_only=token) for token in (False, True)}
            self._seen = flags
        if command[0] in self._served[read_only]:
            return None
        return self._judged(command, flags, read_only=read_only)

    def _by_name(self, flags: Flags, *, read_only: bool) -> frozenset[bytes]:
        """The words that are served whatever follows them.

        They are names that the server has, in small and in capital letters, so no request adds one.
        """
        tables = {*flags.known, *self._allowed, *self._never}
        looked_into = {name.partition("|")[0] for name in tables if "|" in name}
        looked_into |= _BLOCKING_BY_OPTION | SOME_SUBCOMMANDS.keys()
        words = [name.encode() for name in flags.known - looked_into if name.isascii()]
        return frozenset(
            form
            for word in words
            if b"|" not in word and self._judged((word,), flags, read_only=read_only) is None
            for form in (word, word.lower())
        )

    def _judged(self, command: Command, flags: Flags, *, read_only: bool) -> CommandError | None:
        """The same, by all that is known of a command."""
        name, both = names(command)
        for never in {name, both} & self._never:
            return _error(never, f"cannot be served: {_REASON}")
        found = flags.of(name, both)
        allowed = name in self._allowed or both in self._allowed
        if not allowed and self._dangerous(command, name, both, found or frozenset()):
            return _error(
                name, "is refused by this gateway, which can be started with --allow-commands"
            )
        if read_only and not self._reads(name, found, allowed=allowed):
            return _error(name, "is refused with the read-only token")
        return None

    def _dangerous(self, command: Command, name: str, both: str, flags: frozenset[str]) -> bool:
        if name in REFUSED:
            return True
        if name in SOME_SUBCOMMANDS:
            return both.partition("|")[2] not in SOME_SUBCOMMANDS[name]
        if name in _BLOCKING_BY_OPTION:
            options = takewhile(lambda word: word.upper() != b"STREAMS", command)
            return any(word.upper() == b"BLOCK" for word in options)
        # Those of servers and modules that nobody here has heard of.
        return bool(flags & _REFUSED_FLAGS)

    def _reads(self, name: str, flags: frozenset[str] | None, *, allowed: bool) -> bool:
        if name in READ_ONLY_TOO:
            return True
        if name in NOT_READ_ONLY and not allowed:
            return False
        return flags is not None and "readonly" in flags


def names(command: Command) -> tuple[str, str]:
    """The name of a command, and the name with what may be its subcommand, as ``SCRIPT|LOAD``."""
    name = _name(command[0])
    return name, f"{name}|{_name(command[1])}" if len(command) > 1 else name


def _name(word: bytes) -> str:
    # What is longer is a key or a value, and those can be long.
    return _text(word).upper() if len(word) <= _LONGEST_NAME else "?"


def _text(word: object) -> str:
    return word.decode("latin-1") if isinstance(word, bytes) else str(word)


def _error(name: str, why: str) -> CommandError:
    return CommandError("NOPERM", f"the command '{name.lower()}' {why}")
