"""Ids of messages that have none of their own: made of their bytes and their place."""

from __future__ import annotations

import hashlib
import re

import msgspec

# At most what a list can hold, and never a number that Redis refuses.
_DERIVED = re.compile(r"x-([0-9a-f]{16})-(0|[1-9][0-9]{0,9})")


class Derived(msgspec.Struct, frozen=True):
    """What the id says that a message got from its bytes and its place.

    Attributes:
        digest: of its element.
        position: of it in the log when it was read, negative, counted from the oldest.
    """

    digest: str
    position: int


def derived_id(raw: bytes, position: int) -> str:
    """The id of a message that has none of its own: ``x-<digest>-<sequence from the oldest>``.

    Args:
        raw: its element.
        position: negative, counted from the oldest.
    """
    return f"x-{digest(raw)}-{-position - 1}"


def derived(message_id: str) -> Derived | None:
    """What such an id says; None for any other."""
    found = _DERIVED.fullmatch(message_id)
    return None if found is None else Derived(found[1], -int(found[2]) - 1)


def digest(raw: bytes) -> str:
    """The digest of an element in such an id."""
    return hashlib.blake2b(raw, digest_size=8).hexdigest()
