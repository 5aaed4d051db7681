"""Changing a session at one message: the one that was read, byte for byte, or none."""

from __future__ import annotations

from typing import Literal

import msgspec

from redialog import _places, codec
from redialog.effect import Op
from redialog.errors import Conflict, InvalidMessage, MessageTooLarge
from redialog.messages import Message
from redialog.ops import find
from redialog.ops._scripts import RESTARTS, TOKEN_TTL_MS, Write, mismatch, mutate, seen
from redialog.ops.find import Found


class New(msgspec.Struct, frozen=True):
    """What a message is replaced with.

    Attributes:
        message: as the caller gave it.
        limit: of the bytes of a stored message.
    """

    message: Message
    limit: int


def replace(write: Write, message_id: str, new: New) -> Op[Message]:
    """Puts another message in the place of one, under the same id.

    Args:
        write: the session, the token and the TTL.
        message_id: of the message to replace.
        new: what to put there.

    Returns:
        The message as stored.

    Raises:
        NotFound: there is no such message.
        Conflict: the message was changed since the new one was derived from it, or several have
            that id.
        InvalidMessage: the new one is too large, or has another id.

    Cost: 1 round trip besides finding it.
    """
    log = write.keys.log
    if (answer := (yield from seen(write))) is not None:
        _dropped(answer)
        return find.decoded(log, (yield from find.one(log, message_id)))
    expected: bytes | None = None
    for _ in range(RESTARTS):
        found = yield from find.one(log, message_id)
        stored = _stored(log, found, message_id, new)
        element = codec.element(stored)
        if found.raw == element:
            # As an earlier try of the caller left it, whose answer was lost.
            return stored
        expected = expected or _expected(found, message_id, new.message)
        if found.raw != expected:
            raise _changed()
        if (yield from _edited(write, found, "replace", element)) is not None:
            return stored
    raise _changed()


def remove(write: Write, message_id: str) -> Op[bool]:
    """Takes a message out.

    Args:
        write: the session, the token and the TTL.
        message_id: of the message.

    Returns:
        Whether there was such a message.

    Raises:
        Conflict: it was changed meanwhile, or several have that id.

    Cost: 1 round trip besides finding it.
    """
    if (answer := (yield from seen(write))) is not None:
        return _dropped(answer) == 1
    expected: bytes | None = None
    for _ in range(RESTARTS):
        found = yield from find.find(write.keys.log, message_id)
        if found is None:
            return False
        expected = expected or found.raw
        if found.raw != expected:
            raise _changed()
        marker = f"redialog:removed:{write.token}"
        if (yield from _edited(write, found, "remove", marker)) is not None:
            return True
    raise _changed()


def rewind(write: Write, message_id: str) -> Op[int]:
    """Drops what came after a message.

    Args:
        write: the session, the token and the TTL.
        message_id: of the message, which stays.

    Returns:
        How many messages were dropped.

    Raises:
        NotFound: there is no such message.
        Conflict: it was changed meanwhile, or several have that id.

    Cost: 1 round trip besides finding it.
    """
    if (answer := (yield from seen(write))) is not None:
        return _dropped(answer)
    expected: bytes | None = None
    for _ in range(RESTARTS):
        found = yield from find.one(write.keys.log, message_id)
        expected = expected or found.raw
        if found.raw != expected:
            raise _changed()
        dropped = yield from _edited(write, found, "rewind", "")
        if dropped is not None:
            return dropped
    raise _changed()


def _edited(
    write: Write,
    found: Found,
    action: Literal["replace", "remove", "rewind"],
    element: bytes | str,
) -> Op[int | None]:
    """How many messages were dropped; None where another element lies there by now."""
    args = [
        TOKEN_TTL_MS,
        *write.ttl,
        write.owner,
        write.keys.member,
        found.position,
        found.raw,
        action,
        element,
    ]
    try:
        outcome = yield from mutate("edit", write, args, noted="known")
    except Conflict as conflict:
        if type(conflict) is not Conflict:
            raise
        return None
    return _dropped(outcome.answer)


def _dropped(answer: bytes) -> int:
    digest, _, dropped = answer.partition(b":")
    if len(digest) != 40 or not dropped.isdigit():  # noqa: PLR2004 - of a SHA-1
        raise mismatch()
    return int(dropped)


def _stored(log: bytes, found: Found, message_id: str, new: New) -> Message:
    before = find.decoded(log, found)
    kept = before.id if before.id and not _places.derived(before.id) else message_id
    if new.message.id not in (None, kept, message_id):
        raise InvalidMessage(
            "the new message has an id of its own; a message keeps its id when it is replaced: "
            "leave the new one's out, or make it with old.replace(...)"
        )
    stored = codec.stored_as(new.message, kept, before._at)
    if (size := len(codec.element(stored))) > new.limit:
        raise MessageTooLarge(size=size, limit=new.limit)
    return stored


def _expected(found: Found, message_id: str, message: Message) -> bytes:
    """What must lie there: what the new message was derived from, where that was this one."""
    origin = message._raw or message._base
    if origin is not None and codec.has_id(origin, message_id):
        return origin
    return found.raw


def _changed() -> Conflict:
    return Conflict("the message was changed by somebody else meanwhile; read it again")
