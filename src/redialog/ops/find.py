"""Finding a message by its id.

An id stands in the element, where no script may look; so elements are read until all have been
seen: the same id twice is a conflict, not a guess.
"""

from __future__ import annotations

import re

import msgspec

from redialog import _places, codec, replies
from redialog.effect import Batch, Op
from redialog.errors import Conflict, NotFound
from redialog.messages import Message
from redialog.ops import read
from redialog.ops._scripts import RESTARTS

# Characters that every JSON writer leaves as they are.
_VERBATIM = re.compile(r"[A-Za-z0-9 _.:,;=@#$*+-]+")


class Found(msgspec.Struct, frozen=True):
    """A message in its log.

    Attributes:
        raw: its element.
        position: its index, negative, counted from the oldest: appends do not change it.
    """

    raw: bytes
    position: int


def find(log: bytes, message_id: str) -> Op[Found | None]:
    """The message with an id; None where there is none.

    Args:
        log: of the session.
        message_id: as in `Message.id`.

    Raises:
        Conflict: several have it, or the session was cut again and again meanwhile.

    Cost: as reading the whole session; 1 round trip for the id of a message that has none of its
    own, as long as no older message goes.
    """
    derived = _places.derived(message_id)
    if derived is not None:
        [reply] = yield Batch(((b"LINDEX", log, derived.position),))
        raw = replies.checked(reply, log)
        if raw is not None and _places.digest(replies.text(raw)) == derived.digest:
            return Found(replies.text(raw), derived.position)
    for _ in range(RESTARTS):
        try:
            found = yield from _all_with(log, message_id)
        except Conflict:
            continue
        if len(found) > 1:
            raise _repeated(log, found)
        return found[0] if found else None
    raise read.changed(log)


def one(log: bytes, message_id: str) -> Op[Found]:
    """As `find`.

    Raises:
        NotFound: there is no such message.
    """
    found = yield from find(log, message_id)
    if found is None:
        raise NotFound(
            "the session has no message with this id; it may have been removed, or belong to "
            "another session",
            key=replies.shown(log),
        )
    return found


def get(log: bytes, message_id: str) -> Op[Message | None]:
    """The message itself; the rest as in `find`."""
    found = yield from find(log, message_id)
    return None if found is None else decoded(log, found)


def decoded(log: bytes, found: Found) -> Message:
    """The message of a found element."""
    return codec.decode(found.raw, key=replies.shown(log), position=found.position)


def _all_with(log: bytes, message_id: str) -> Op[list[Found]]:
    derived = _places.derived(message_id)
    needle = message_id.encode() if _VERBATIM.fullmatch(message_id) else b""
    found: list[Found] = []
    alike: list[Found] = []
    cursor: read.Cursor | None = read.Cursor()
    while cursor is not None:
        page = yield from read.raw_page(log, cursor)
        for index, raw in enumerate(page.elements):
            one = Found(raw, -(page.start + index) - 1)
            # Few elements are worth decoding: those that hold the id, or an escape that can hide
            # it.
            if (needle in raw or b"\\u" in raw) and decoded(log, one).id == message_id:
                found.append(one)
            elif derived is not None and _places.digest(raw) == derived.digest:
                alike.append(one)
        cursor = page.next
    # One that was replaced has such an id as its own; those that still have its old bytes do not.
    return found or alike


def _repeated(log: bytes, found: list[Found]) -> Conflict:
    ids = [_places.derived_id(one.raw, one.position) for one in found]
    return Conflict(
        f"{len(ids)} messages of the session have this id; name one of them by its place: "
        f"{', '.join(ids[:10])}",
        key=replies.shown(log),
        ids=tuple(ids),
    )
