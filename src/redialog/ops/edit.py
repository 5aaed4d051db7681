"""Changing a session at one message: the one that was read, byte for byte, or none."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from redialog import _places, codec, replies
from redialog.effect import Batch, Op
from redialog.errors import Conflict, InvalidMessage, MessageTooLarge
from redialog.messages import Message
from redialog.ops import find
from redialog.ops._scripts import RESTARTS, TOKEN_TTL_MS, Write, mismatch, mutate, said, seen
from redialog.ops.find import Found

_Action: TypeAlias = Literal["replace", "reword", "remove", "rewind"]


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
        IdempotencyMismatch: the token was used for something else.

    Cost: 1 round trip besides finding it.
    """
    log = write.keys.log
    content = codec.element(codec.stored_as(new.message, message_id, None))
    asked = said(b"replace", log, message_id.encode(), content)
    if (answer := (yield from seen(write))) is not None:
        _dropped(answer, asked)
        # What the first call stored, also where another has changed it since.
        try:
            present = yield from find.find(log, message_id)
        except Conflict:
            present = None
        return (
            codec.stored_as(new.message, message_id, None)
            if present is None
            else (_stored(log, present, message_id, new))
        )
    expected: bytes | None = None
    for _ in range(RESTARTS):
        found = yield from find.one(log, message_id)
        stored = _stored(log, found, message_id, new)
        element = codec.element(stored)
        expected = expected or _expected(found, message_id, new.message)
        # It may be there already: an earlier try of the caller, whose answer was lost.
        if found.raw not in (expected, element):
            raise _changed()
        action: _Action = "reword" if stored.role == "system" else "replace"
        if (yield from _edited(write, asked, found, action, element)) is not None:
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
    asked = said(b"remove", write.keys.log, message_id.encode())
    if (answer := (yield from seen(write))) is not None:
        return _dropped(answer, asked) == 1
    expected: bytes | None = None
    for _ in range(RESTARTS):
        found = yield from find.find(write.keys.log, message_id)
        if found is None:
            return (yield from _nothing_done(write, asked)) == 1
        expected = expected or found.raw
        if found.raw != expected:
            raise _changed()
        marker = f"redialog:removed:{write.token}"
        if (yield from _edited(write, asked, found, "remove", marker)) is not None:
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
    asked = said(b"rewind", write.keys.log, message_id.encode())
    if (answer := (yield from seen(write))) is not None:
        return _dropped(answer, asked)
    expected: bytes | None = None
    for _ in range(RESTARTS):
        found = yield from find.one(write.keys.log, message_id)
        expected = expected or found.raw
        if found.raw != expected:
            raise _changed()
        dropped = yield from _edited(write, asked, found, "rewind", "")
        if dropped is not None:
            return dropped
    raise _changed()


def _edited(
    write: Write,
    asked: str,
    found: Found,
    action: _Action,
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
        asked,
    ]
    try:
        outcome = yield from mutate("edit", write, args, noted="known")
    except Conflict as conflict:
        if type(conflict) is not Conflict:
            raise
        return None
    return _dropped(outcome.answer, asked)


def _nothing_done(write: Write, asked: str) -> Op[int]:
    """Remembers under an application's token that there was nothing to do, for a resend.

    Returns:
        How many messages the operation has dropped: more than none where its first call was still
        on its way, and came between the look at the token and the search.
    """
    if not write.resent:
        return 0
    op = write.keys.op(write.token)
    token = (b"SET", op, f"{asked}:0", b"PX", TOKEN_TTL_MS, b"NX", b"GET")
    # Renewed where it was there, as in `seen`.
    commands = (token, (b"PEXPIRE", op, TOKEN_TTL_MS))
    reply, _ = yield Batch(commands, writes=True, resend_key=write.resend_key)
    earlier = replies.checked(reply, write.keys.log)
    return 0 if earlier is None else _dropped(replies.text(earlier), asked)


def _dropped(answer: bytes, asked: str) -> int:
    before, _, dropped = answer.partition(b":")
    if before != asked.encode() or not dropped.isdigit():
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
