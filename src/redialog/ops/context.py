"""Reading what a context is made of: from the newest end, until there is enough."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from itertools import takewhile
from typing import TypeVar

import msgspec
from msgspec import structs

from redialog import codec, replies, scripts, summary
from redialog.context import View
from redialog.effect import Batch, CommandError, Op
from redialog.keys import SessionKeys
from redialog.messages import Message
from redialog.ops import read
from redialog.ops._scripts import RESTARTS, Call, call

T = TypeVar("T")

MAX_LEADING = 16
"""So many system messages at the beginning are always kept; a later one belongs to its turn."""

_FEW_LEADING, _LEADING_BYTES = 4, 64 << 10
"""So many of the oldest messages, of that size, travel with each context; more of them only where
these are all leading."""


class Look(msgspec.Struct):
    """A session as it was seen in one moment.

    Attributes:
        view: what a context is made from.
        base: id of the summary that stands, or empty.
        shift: how many messages were removed from beneath; see ``scripts/include/folds.lua``.
        now: the server's time, ms, where a fold has failed; else 0.
        ids: of all summaries, as the companions list them; they can be stale.
    """

    view: View
    base: bytes
    shift: int
    now: int
    ids: bytes
    _page: list[bytes]
    _top: bytes


def seen(
    keys: SessionKeys, guess: int, wanted: Callable[[Look], T | None], *, known: bool = False
) -> Op[T]:
    """Reads a session from its newest end until that is enough.

    Args:
        keys: of the session.
        guess: how many messages will probably do.
        wanted: what is made of it; None where more must be read. It must not be None where all
            was read.
        known: whether so many did the last time; where they are more than a first page has, the
            rest of them comes next, and not more.

    Raises:
        Conflict: the session was cleared or cut again and again while it was read.

    Cost: 1 round trip where the guess holds; then 1 for each further page.
    """
    for _ in range(RESTARTS):
        look = yield from _look(keys, max(2, min(guess, read.FIRST_PAGE)))
        while look is not None:
            made = wanted(look)
            if made is not None:
                return made
            look = yield from _further(keys.log, look, guess if known else 0)
    raise read.changed(keys.log)


def _look(keys: SessionKeys, size: int) -> Op[Look | None]:
    """The newest messages and what is known besides; None where they changed in between.

    The messages do not go through the script: that would cost the server three times as much. Both
    travel together, and where neither the length nor the newest message has changed, each message
    is in its place: an append to a full session changes that, any other write that moves messages
    the length.
    """
    log = keys.log
    script, args = scripts.get("view"), (2, log, keys.meta, size, _FEW_LEADING, _LEADING_BYTES)
    beside = ((b"LRANGE", log, 0, size - 1), (b"LLEN", log))
    # As `call` does, in 0.5 µs of the client's instead of 1.6.
    reply, elements, after = yield Batch(((b"EVALSHA", script.sha, *args), *beside))
    if isinstance(reply, CommandError) and reply.code == "NOSCRIPT":
        reply, elements, after = yield Batch(((b"EVAL", script.body, *args), *beside))
    total, mark, oldest, found, failed, now, shift, ids = replies.checked(reply, log)
    page, total = replies.texts(replies.checked(elements, log)), replies.integer(total)
    same = replies.integer(replies.checked(after, log)) == total
    if not same or replies.text(mark) != _mark(page):
        return None
    messages = read.decoded(log, page, total)
    if len(messages) == total:
        leading = _leading(messages)
    elif (
        len(oldest) == 1
        and codec.decode(replies.text(oldest[0]), key="", position=-1).role != "system"
    ):
        leading = []
    else:
        leading = yield from _oldest(keys, total, replies.texts(oldest))
    known = None
    if found:
        one, covers, time, text = found
        known = summary.read(
            replies.text(one), replies.integer(covers), replies.text(time), replies.text(text)
        )
    failure = summary.failure(replies.text(failed)) if failed else None
    view = View(total, leading, messages, known, failure)
    base = replies.text(found[0]) if found else b""
    top = page[0] if page else b""
    time, listed = replies.integer(replies.text(now)), replies.text(ids)
    return Look(view, base, replies.integer(shift), time, listed, page, top)


def _mark(newest_first: Sequence[bytes]) -> bytes:
    """Of the newest message, as ``scripts/include/folds.lua`` has it."""
    if not newest_first:
        return b""
    return hashlib.sha1(newest_first[0], usedforsecurity=False).hexdigest()[:16].encode()


def _leading(oldest_first: Sequence[Message]) -> list[Message]:
    return list(takewhile(lambda message: message.role == "system", oldest_first[:MAX_LEADING]))


def _oldest(keys: SessionKeys, total: int, elements: list[bytes]) -> Op[list[Message]]:
    """The leading system messages, from the elements that were sent and, where need be, more."""
    log = keys.log
    found: list[Message] = []
    few = len(elements) == _FEW_LEADING
    for number in range(1, min(total, MAX_LEADING) + 1):
        if few and number > _FEW_LEADING:
            few = False
            again = Call("view", [log, keys.meta], [0, MAX_LEADING, _LEADING_BYTES])
            [reply] = yield from call(again, writes=False)
            elements += replies.texts(replies.checked(reply, log)[2])[_FEW_LEADING:]
        if number > len(elements):
            # They are large: each asked for, since most probably it is the last.
            [reply] = yield Batch(((b"LINDEX", log, -number),))
            element = replies.checked(reply, log)
            if element is None:
                break
            elements.append(replies.text(element))
        raw = elements[number - 1]
        message = codec.decode(raw, key=replies.shown(log), position=-number)
        if message.role != "system":
            break
        found.append(message)
    return found


def _further(log: bytes, look: Look, guess: int) -> Op[Look | None]:
    """The same with older messages; None where what was read is no more.

    As many as are guessed, or at least as many as were read before: what is made of them looks at
    all of them each time.
    """
    view, page = look.view, look._page
    done = len(view.newest)
    if done >= view.total:
        return None
    guessed = guess > done
    most = min(guess if guessed else 2 * done, view.total)
    parts = [view.newest]
    while done < most:
        where = read.Seen(view.total, done, page[-1], look._top)
        size = read.next_size(page, most - done if guessed else 4 * done)
        page = yield from read.older(log, where, size)
        if not page:
            return None
        parts.append(read.decoded(log, page, view.total - done))
        done += len(page)
    newest = [message for part in reversed(parts) for message in part]
    return structs.replace(look, view=structs.replace(view, newest=newest), _page=page)
