"""Frames of RESP2 and RESP3: where requests and replies end, and the first words in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_BULKS = frozenset(b"$=!")  # bulk string, verbatim string, bulk error
_FLATS = frozenset(b"+-:_#,(")  # all that ends with its line
_MEMBERS = {ord("*"): 1, ord("~"): 1, ord(">"): 1, ord("%"): 2, ord("|"): 2}


class ProtocolError(ValueError):
    """Bytes that are not RESP."""


class FrameSplitter:
    """Finds where requests and replies end, in chunks that end anywhere.

    No tree is built. A frame is complete when as many values were read as are owed: one at first,
    and each aggregate owes its members on top. An attribute (`|`) owes its members and is no value
    itself, as the value that it describes follows it.

    Streamed strings and aggregates (`$?`, `*?`) are in the specification of RESP3, but no released
    server sends them; they are errors here.
    """

    def __init__(self, *, inline: bool = False) -> None:
        """Start with nothing read.

        Args:
            inline: Whether a frame may be a plain line of text, as a request may.
        """
        self._inline = inline
        self._buffer = bytearray()
        self._position = 0
        self._owed = 1

    @property
    def rest(self) -> bytes:
        """The bytes of a frame that has begun and is not complete."""
        return bytes(self._buffer)

    def __bool__(self) -> bool:
        """Whether a frame has begun and is not complete."""
        return bool(self._buffer)

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Take in `data` and yield each frame that is complete now.

        Raises:
            ProtocolError: These bytes are not RESP.
        """
        self._buffer += data
        while self._read_value():
            if self._owed == 0:
                frame = bytes(self._buffer[: self._position])
                del self._buffer[: self._position]
                self._position, self._owed = 0, 1
                yield frame

    def _read_value(self) -> bool:
        """Step over one value (an aggregate's header); False if it is not all there."""
        buffer, start = self._buffer, self._position
        newline = buffer.find(b"\n", start)
        if newline < 0:
            return False
        kind, end = buffer[start], newline + 1
        if kind in _FLATS or (self._inline and start == 0 and kind != ord("*")):
            owed = -1
        elif kind in _BULKS:
            size = self._length(start, newline)
            if size >= 0:
                end += size + 2
                if len(buffer) < end:
                    return False
                if buffer[end - 2 : end] != b"\r\n":
                    msg = "a bulk string does not end where it says"
                    raise ProtocolError(msg)
            owed = -1
        elif kind in _MEMBERS:
            owed = max(self._length(start, newline), 0) * _MEMBERS[kind]
            owed -= kind != ord("|")
        else:
            msg = f"no RESP type begins with {bytes([kind])!r}"
            raise ProtocolError(msg)
        self._owed += owed
        self._position = end
        return True

    def _length(self, start: int, newline: int) -> int:
        digits = bytes(self._buffer[start + 1 : newline])
        try:
            return int(digits)
        except ValueError as error:
            # The type only: what is on the wire may be somebody's message.
            msg = f"no length after {bytes(self._buffer[start : start + 1])!r}"
            raise ProtocolError(msg) from error


def words(frame: bytes, count: int) -> list[str]:
    """Return the first `count` strings of an array or push (or of a line), upper-cased.

    For a request the first is the command's name, for a push its kind. Fewer come back when there
    are fewer, or when something other than a bulk string is among them.
    """
    if frame[:1] not in (b"*", b">"):
        return [word.decode(errors="replace").upper() for word in frame.split()[:count]]
    found: list[str] = []
    position = frame.find(b"\n") + 1
    while len(found) < count and frame[position : position + 1] == b"$":
        body = frame.find(b"\n", position) + 1
        size = int(frame[position + 1 : body])
        found.append(frame[body : body + size].decode(errors="replace").upper())
        position = body + size + 2
    return found
