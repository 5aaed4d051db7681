"""What a memory gives to its sessions: checked, with the session's own choices on top."""

from __future__ import annotations

import enum
import math
from datetime import timedelta
from typing import Literal, TypeAlias

import msgspec

from redialog._recent import Recent
from redialog.errors import ConfigurationError, InvalidTTL
from redialog.keys import Layout, OwnLayout, SharedLayout

MAX_MESSAGE_BYTES = 8 << 20
"""The default limit of one stored message. A request of Upstash's ordinary plans holds 10 MB."""

# So many sessions, up to twice as many.
_LOOKS = 4096

# Some 4,000 years: Redis adds the TTL to its clock in 64 bits, and refuses what overflows.
_MAX_TTL_MS = 1 << 47


class Unset(enum.Enum):
    """Stands for an argument that was not given, where None means something."""

    UNSET = "unset"

    def __repr__(self) -> str:
        return "UNSET"


UNSET = Unset.UNSET
TTL: TypeAlias = timedelta | float | None
"""A time to live: a duration, or seconds; None sets none and leaves a running one alone."""


TTLMode: TypeAlias = Literal["sliding", "fixed", "on_read"]
"""What renews a TTL: each write; nothing; or each write and each reading of messages."""

Durability: TypeAlias = Literal["acknowledged", "replicated"]
"""When a write counts as done: when the primary has it, or when a failover cannot lose it."""

_MODES: tuple[TTLMode, ...] = ("sliding", "fixed", "on_read")


class Settings(msgspec.Struct, frozen=True):
    """What a memory gives to its sessions.

    Attributes:
        ids: whether a message that has no id gets one; else it is stored without, as LangChain
            does, and what it was given is what it comes back as.
        looks: how many messages the next context of a session will probably take, by the key of its
            log and the limits, from what the one before took.
    """

    layout: Layout
    ttl_ms: int | None
    ttl_mode: TTLMode
    max_messages: int | None
    max_message_bytes: int
    ids: bool = True
    looks: Recent[tuple[object, ...], int] = msgspec.field(default_factory=lambda: Recent(_LOOKS))

    def of_session(
        self, ttl: TTL | Unset, ttl_mode: TTLMode | Unset, max_messages: int | Unset | None
    ) -> Settings:
        """The settings of a session that makes choices of its own.

        Raises:
            ConfigurationError: one of them is wrong.
        """
        if ttl is UNSET and ttl_mode is UNSET and max_messages is UNSET:
            return self
        return Settings(
            self.layout,
            self.ttl_ms if isinstance(ttl, Unset) else ttl_to_ms(ttl),
            self.ttl_mode if isinstance(ttl_mode, Unset) else _mode(ttl_mode),
            self.max_messages if isinstance(max_messages, Unset) else _cap(max_messages),
            self.max_message_bytes,
            self.ids,
            self.looks,
        )


def settings(
    *,
    namespace: str = "default",
    key_prefix: str | None = None,
    ttl: TTL = None,
    ttl_mode: TTLMode = "sliding",
    max_messages: int | None = None,
    max_message_bytes: int = MAX_MESSAGE_BYTES,
) -> Settings:
    """The checked settings of a memory; the arguments are those of `ChatMemory.from_url`.

    Raises:
        ConfigurationError: one of them is wrong.
    """
    if type(max_message_bytes) is not int or max_message_bytes < 1:
        raise ConfigurationError("max_message_bytes must be a whole number of at least 1")
    layout = OwnLayout(namespace) if key_prefix is None else SharedLayout(namespace, key_prefix)
    return Settings(layout, ttl_to_ms(ttl), _mode(ttl_mode), _cap(max_messages), max_message_bytes)


def _mode(mode: object) -> TTLMode:
    for known in _MODES:
        if mode == known:
            return known
    raise ConfigurationError(f"ttl_mode must be one of {', '.join(_MODES)}")


def _cap(value: object) -> int | None:
    if value is None or (type(value) is int and value > 0):
        return value
    raise ConfigurationError("max_messages must be a whole number of at least 1, or None")


def ttl_to_ms(ttl: object) -> int | None:
    """A TTL in whole milliseconds; None for None.

    Raises:
        InvalidTTL: it is not a positive, finite duration.
    """
    if ttl is None:
        return None
    if isinstance(ttl, timedelta):
        seconds = ttl.total_seconds()
    elif isinstance(ttl, int | float) and not isinstance(ttl, bool):
        # Longer than all that a float holds is longer than all that is allowed.
        seconds = max(-1, min(ttl, _MAX_TTL_MS)) if isinstance(ttl, int) else ttl
    else:
        raise InvalidTTL(
            f"a ttl must be a timedelta or a number of seconds, not {type(ttl).__name__}"
        )
    if math.isnan(seconds) or seconds <= 0:
        raise InvalidTTL(
            "a ttl must be longer than zero; None leaves the session's ttl alone, persist() "
            "removes it, clear() deletes the session"
        )
    if seconds * 1000 > _MAX_TTL_MS:
        raise InvalidTTL("a ttl of more than 4,000 years is none; use persist()")
    return max(1, round(seconds * 1000))
