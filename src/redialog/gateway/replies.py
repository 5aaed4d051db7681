"""From the replies of Redis to the JSON that the clients of the protocol expect."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from typing import TypeAlias

import msgspec

from redialog.effect import CommandError, Reply

OK = b"OK"
_ERRORS = (CommandError, Exception)

Answer: TypeAlias = dict[str, object]
"""``{"result": ...}``, or ``{"error": "ERR ..."}`` of a command that failed."""


def error(text: str) -> Answer:
    """The answer that says what went wrong."""
    return {"error": text}


def answer(reply: Reply, *, base64: bool) -> Answer:
    """The answer for one reply.

    Args:
        reply: of Redis.
        base64: whether all text in it is wanted in base64, which alone keeps bytes that are no
            UTF-8; the reply ``OK`` stays as it is. Without it, such bytes become U+FFFD.
    """
    if isinstance(reply, _ERRORS):
        return error(error_text(reply))
    if reply == OK:
        return {"result": "OK"}
    return {"result": _value(reply, _encoded if base64 else _decoded)}


def document(answers: Answer | list[Answer]) -> bytes:
    """The JSON of answers."""
    return msgspec.json.encode(answers)


def error_text(reply: CommandError | Exception) -> str:
    """An error as Redis wrote it, such as ``WRONGTYPE Operation against a key ...``."""
    if isinstance(reply, Exception):
        # The client library leaves those as they are that stand inside of another reply.
        code = getattr(reply, "status_code", None)
        return f"{code} {reply}" if code else str(reply)
    return f"{reply.code} {reply.text}".rstrip()


def _value(reply: Reply, text: Callable[[bytes], str]) -> object:
    match reply:
        case bytes():
            return text(reply)
        case list():
            return [_value(one, text) for one in reply]
        case CommandError() | Exception():
            return text(error_text(reply).encode())
        case _:
            # A number or nothing: RESP2 has no more.
            return reply


def _encoded(text: bytes) -> str:
    return b64encode(text).decode()


def _decoded(text: bytes) -> str:
    return text.decode("utf-8", "replace")
