"""The Upstash REST protocol: the requests of a batch, and the texts of its results. All is pure.

A batch of one command is a ``POST /``, one of several a ``POST /pipeline``. Texts are asked for in
base64, so that bytes come back as they are. What an answer means is in `_answers`.
"""

from __future__ import annotations

import binascii
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from redialog.effect import Argument, Batch, Command, Reply
from redialog.errors import DataError, MessageTooLarge

SYNC_TOKEN = "Upstash-Sync-Token"  # noqa: S105 - the name of a header
HEADERS = {"Upstash-Encoding": "base64", "Content-Type": "application/json"}
_SYNC_TOKEN_CHARS = 1024


class Request(msgspec.Struct, frozen=True):
    """One HTTP request.

    Attributes:
        path: behind the service's URL.
        body: JSON.
        count: how many commands it holds.
    """

    path: str
    body: bytes
    count: int

    def __repr__(self) -> str:
        return f"<Request {self.path}: {self.count} commands, {len(self.body)} bytes>"


class Answer(msgspec.Struct, frozen=True):
    """One HTTP response.

    Attributes:
        status: its number.
        headers: by name, of any case.
        body: whole.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes

    def __repr__(self) -> str:
        return f"<Answer {self.status}: {len(self.body)} bytes>"


def requests(batch: Batch, limit: int) -> list[Request]:
    """The requests that a batch takes: one, or more where it is larger than a request may be.

    Args:
        batch: what to send. It is not atomic anyway, so it may be cut between two commands.
        limit: bytes of a body.

    Raises:
        MessageTooLarge: one command is larger than that.
        DataError: an argument is no UTF-8, which JSON cannot carry.
    """
    return cut(rows(batch, limit), limit)


def rows(batch: Batch, limit: int) -> list[bytes]:
    """The commands of a batch, each as it stands in a request; as `requests`."""
    found = [_row(command) for command in batch.commands]
    largest = max(map(len, found), default=0)
    if largest > limit:
        raise MessageTooLarge(size=largest, limit=limit, what="request")
    return found


def cut(found: Sequence[bytes], limit: int) -> list[Request]:
    """As few requests as hold these commands, none of which is larger than the limit."""
    parts: list[list[bytes]] = []
    size = 0
    for row in found:
        if not parts or size + len(row) + 1 > limit:
            parts.append([])
            size = 1
        parts[-1].append(row)
        # With the comma or bracket behind it.
        size += len(row) + 1
    return [one_request(part) for part in parts]


def one_request(found: Sequence[bytes]) -> Request:
    """The request of these commands."""
    if len(found) == 1:
        return Request("/", found[0], 1)
    return Request("/pipeline", b"[" + b",".join(found) + b"]", len(found))


def _row(command: Command) -> bytes:
    try:
        return msgspec.json.encode([_text(argument) for argument in command])
    except UnicodeError:
        # Not the argument: it is somebody's text.
        raise DataError(
            "an argument holds bytes that are no UTF-8, which the REST protocol cannot carry; "
            "nothing was sent. Such data needs a redis:// url"
        ) from None


def _text(argument: Argument) -> str:
    """An argument as text, also a number: as one of JSON's it could come out as 1.7e+12."""
    return argument.decode() if isinstance(argument, bytes) else str(argument)


def sync_token(answer: Answer) -> str | None:
    """What lets the next request read what this one wrote; None where there is nothing."""
    token = answer.headers.get(SYNC_TOKEN)
    usable = token and token.isascii() and token.isprintable() and len(token) <= _SYNC_TOKEN_CHARS
    return token if usable else None


class Wording:
    """Makes bytes of the texts in results, and notices a server that does not encode them.

    A server that ignores the header answers in plain text, and says so nowhere. What is stored
    tells: messages, scores and answers of scripts hold characters or lengths that base64 has not.
    A list with one text that is no base64 is plain as a whole. A single text can be both (``list``,
    ``PONG``): it is taken as the last list was. ``OK`` is no base64, and plain wherever it stands.

    Attributes:
        plain: whether the last list with a text in it was plain.
    """

    def __init__(self) -> None:
        self.plain = False

    def decoded(self, result: Any) -> Reply:
        """A result with its texts as bytes, at every depth.

        Raises:
            TypeError: it is none of the protocol.
        """
        if isinstance(result, str):
            return _either(result) if not self.plain else result.encode()
        if not isinstance(result, list):
            return _other(result)
        texts = [False]
        try:
            found = _mapped(result, _from_base64, texts)
            plain = False
        except ValueError:
            found, plain = _mapped(result, str.encode, texts), True
        if texts[0]:
            self.plain = plain
        return found


def _mapped(result: list[Any], decode: Callable[[str], bytes], texts: list[bool]) -> list[Reply]:
    found: list[Reply] = []
    for item in result:
        if isinstance(item, str):
            texts[0] = texts[0] or item not in ("", "OK")
            found.append(decode(item))
        else:
            found.append(_mapped(item, decode, texts) if isinstance(item, list) else _other(item))
    return found


def _other(item: object) -> Reply:
    if item is None or isinstance(item, int | float):
        return item
    raise TypeError(type(item).__name__)


def _from_base64(text: str) -> bytes:
    return b"OK" if text == "OK" else binascii.a2b_base64(text, strict_mode=True)


def _either(text: str) -> bytes:
    try:
        return _from_base64(text)
    except ValueError:
        return text.encode()
