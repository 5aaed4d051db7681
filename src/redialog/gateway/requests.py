"""From an HTTP request to the commands that it asks for."""

from __future__ import annotations

import json
from typing import NoReturn, TypeAlias
from urllib.parse import unquote_to_bytes

import msgspec

Command: TypeAlias = tuple[bytes, ...]

TOKEN_PARAMETER = b"_token"


class BadRequest(Exception):
    """The request is none of the protocol; nothing was done.

    Args:
        text: what is wrong with it, as the client is told.
    """


def of_body(body: bytes) -> Command:
    """The command of a ``POST /``: a JSON array.

    Raises:
        BadRequest: it is none.
    """
    try:
        row = _ONE.decode(body)
    except ValueError:
        # Something else than texts is in it, or it is no JSON: the plain way says which.
        row = None
    return _command(_json(body)) if row is None else _texts(row)


def batch_of_body(body: bytes) -> list[Command]:
    """The commands of a ``POST /pipeline`` or ``/multi-exec``: an array of such arrays.

    Raises:
        BadRequest: it is none, or one of them is none; none of the others counts then.
    """
    try:
        found = _MANY.decode(body)
    except ValueError:
        found = []
    if found:
        return [_texts(row) for row in found]
    rows = _json(body)
    if not isinstance(rows, list) or not rows:
        raise BadRequest("ERR the body must be a JSON array of commands")
    return [_command(row) for row in rows]


def of_path(path: bytes, query: bytes, body: bytes) -> Command:
    """The command of a request such as ``POST /set/key?EX=10`` with the value as its body.

    Args:
        path: percent-encoded, as it was sent; each part of it is an argument.
        query: percent-encoded; each parameter's name and, where there is one, value follow.
        body: the argument between them; an empty one is none.

    Raises:
        BadRequest: there is no command in it.
    """
    words = [unquote_to_bytes(part) for part in path.removeprefix(b"/").split(b"/")]
    if body:
        words.append(body)
    for name, value in parameters(query):
        if name != TOKEN_PARAMETER:
            words += [name, value] if value else [name]
    if not words[0]:
        raise BadRequest("ERR empty command")
    return tuple(words)


def parameters(query: bytes) -> list[tuple[bytes, bytes]]:
    """The parameters of a query, decoded, in their order."""
    found = []
    for part in query.split(b"&"):
        if part:
            name, _, value = part.replace(b"+", b" ").partition(b"=")
            found.append((unquote_to_bytes(name), unquote_to_bytes(value)))
    return found


def _json(body: bytes) -> object:
    """The document, with its numbers as they were written.

    An argument is text in the end, and 1e21 or 1.10 must not become another.
    """
    try:
        return _PLAIN.decode(body.decode(json.detect_encoding(body), "surrogatepass"))
    except RecursionError:
        raise BadRequest("ERR the arguments of a command must be text or numbers") from None
    except ValueError:
        # The parser's own text can quote the document.
        raise BadRequest("ERR the body is not valid JSON") from None


def _no_constant(_name: str) -> NoReturn:
    raise ValueError


_PLAIN = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=_no_constant)
# Most commands are of nothing but texts. These decoders take no more than the plain one does: no
# other encoding, no halves of surrogate pairs.
_ONE = msgspec.json.Decoder(list[str])
_MANY = msgspec.json.Decoder(list[list[str]])


def _texts(row: list[str]) -> Command:
    if not row or not row[0]:
        raise BadRequest("ERR empty command")
    return tuple(map(str.encode, row))


def _command(row: object) -> Command:
    if not isinstance(row, list):
        raise BadRequest("ERR a command must be a JSON array")
    if not row or not row[0]:
        raise BadRequest("ERR empty command")
    return tuple([_argument(value) for value in row])


def _argument(value: object) -> bytes:
    match value:
        case str():
            return _utf8(value)
        case True:
            return b"true"
        case False:
            return b"false"
        case None:
            raise BadRequest("ERR null args are not supported")
        case _:
            raise BadRequest("ERR the arguments of a command must be text or numbers")


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        # Half of a surrogate pair, which JSON can write and UTF-8 cannot.
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()
