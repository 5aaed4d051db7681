"""Tokens of operations, and the message ids that follow from them.

Everything that an append adds on its own (ids, times) is a function of its token, so that the
same append under the same token is the same bytes, in whichever process it is sent again.
"""

from __future__ import annotations

import hashlib
import re

import msgspec

_FRESH = re.compile(r"t[0-9a-f]{12}[89ab][0-9a-f]{15}")
_LOW_62 = (1 << 62) - 1
_LOW_48 = (1 << 48) - 1
_LOW_12 = (1 << 12) - 1
# A UUID's variant: the two highest bits of a byte are 10.
_VARIANT = [bytes([byte & 0x3F | 0x80]) for byte in range(256)]


class Token(msgspec.Struct, frozen=True):
    """The identity of one operation.

    Attributes:
        text: how it stands in a key.
        at: when it was made, ms since the epoch; None where it was made from an application's key.
    """

    text: str
    at: int | None
    # A UUID, before and after the index.
    _head: str
    _tail: str

    def message_id(self, index: int) -> str:
        """The id of the operation's ``index``-th message: a UUID.

        Version 7 (RFC 9562: time-ordered) where the token has a time, else version 8 (RFC 9562:
        custom). The index stands in the 12 bits after the version, so that ids of one append sort
        as their messages; what does not fit there is added to the time.
        """
        head = self._head
        if index > _LOW_12:
            time = int(head[:8] + head[9:13], 16) + (index >> 12) & _LOW_48
            head = _groups(f"{time:012x}") + head[13:]
        return f"{head}{index & _LOW_12:03x}{self._tail}"

    def draw(self, sides: int) -> int:
        """A number below ``sides``, the same each time: chance for an operation, which has none."""
        return int(self._tail[-8:], 16) % sides


def fresh(at: int, random: bytes) -> Token:
    """A token of a new operation.

    Args:
        at: now, ms since the epoch.
        random: 8 bytes from ``os.urandom``.
    """
    time = (at & _LOW_48).to_bytes(6, "big")
    text = (time + _VARIANT[random[0]] + random[1:]).hex()
    return Token(f"t{text}", at, f"{text[:8]}-{text[8:12]}-7", f"-{text[12:16]}-{text[16:]}")


def from_key(key: str, log: bytes) -> Token:
    """The token that stands for an application's idempotency key in one session.

    Args:
        key: any text; the token of an earlier operation, as an error gave it, is that token.
        log: the session's log: keys of different sessions must not meet.
    """
    if _FRESH.fullmatch(key):
        return _token("t", key[1:13], int(key[13:], 16), int(key[1:13], 16))
    digest = hashlib.blake2b(log + b"\0" + key.encode(), digest_size=14).digest()
    return _token("k", digest[:6].hex(), int.from_bytes(digest[6:], "big"), None)


def _token(kind: str, head: str, random: int, at: int | None) -> Token:
    # The variant 10 and 62 bits, as they end a UUID.
    tail = f"{random & _LOW_62 | 2 << 62:016x}"
    version = "8" if at is None else "7"
    return Token(kind + head + tail, at, f"{_groups(head)}-{version}", f"-{tail[:4]}-{tail[4:]}")


def _groups(head: str) -> str:
    """The first two groups of a UUID."""
    return f"{head[:8]}-{head[8:]}"
