"""Forking: a copy of a session, whole or up to one of its messages, that goes its own way."""

from __future__ import annotations

from redialog import replies
from redialog.effect import Argument, Batch, CommandError, Op
from redialog.errors import Conflict, NotFound
from redialog.keys import Layout, SessionKeys
from redialog.ops import find, read, stage
from redialog.ops._scripts import (
    GONE,
    RESTARTS,
    TOKEN_TTL_MS,
    Call,
    Write,
    call,
    mismatch,
    mutate,
    said,
    seen,
)
from redialog.ops.append import gone
from redialog.ops.stage import STAGE_TTL_MS


def fork(
    layout: Layout, write: Write, new_id: str, at: str | None, *, random: bool = False
) -> Op[None]:
    """Makes a new session of an old one's messages, companions and owner, all at once.

    Args:
        layout: where the sessions lie.
        write: the old session; the token; the new one's TTL, where None takes over what is left
            of the old one's.
        new_id: of the new session.
        at: id of the newest message to take over; None for all.
        random: whether the id follows from the token, so that the caller did not ask for it.

    Raises:
        NotFound: there is no such session or message.
        Conflict: there is a session of the new id; or the message was changed meanwhile, or
            several have that id.
        IdempotencyMismatch: the token was used for something else.

    Cost: 2 round trips where both lie in one slot, as they do under a random id in the own
    layout; else 7 for up to 99 messages, then 3 for each 1,000 or 4 MB. Finding ``at`` comes on
    top, and 2 where the application named the token.
    """
    bare = layout.session(new_id)
    named = b"" if random else bare.member
    asked = said(b"fork", write.keys.log, (at or "").encode(), named)
    earlier = yield from seen(
        Write(bare, write.token, resend_key=write.resend_key, resent=write.resent)
    )
    if earlier is not None:
        _check(earlier, asked)
        return
    for _ in range(RESTARTS):
        answer = yield from _snapshot(write, at)
        if answer is None:
            continue
        yield from _not_another(write, asked)
        count, left, owner, companions = answer
        user = write.keys.owner or owner
        target = layout.session(new_id, user.decode("utf-8", "replace") if user else None)
        if target.stage(write.token) != write.keys.stage(write.token):
            yield from _carried(write, target)
        ttl = write.ttl_ms if write.ttl_ms is not None else (max(left, 1) if left >= 0 else None)
        new = Write(target, write.token, ttl, resend_key=write.resend_key)
        head: list[Argument] = [asked, TOKEN_TTL_MS, *new.ttl, new.owner, target.member]
        outcome = yield from mutate(
            "publish",
            new,
            [*head, "", "", count, "1", *companions],
            noted="always",
            stage=target.stage(write.token),
        )
        if outcome.code != GONE:
            _check(outcome.answer, asked)
            return
    raise gone()


def _not_another(write: Write, asked: str) -> Op[None]:
    """Sees that an application's token does not stand for a fork to another id.

    The token itself lies with the new session, where a fork to another one does not look.
    """
    if write.resent:
        mark = (b"SET", write.keys.op(f"{write.token}.fork"), asked, b"PX", TOKEN_TTL_MS)
        [reply] = yield Batch(((*mark, b"NX", b"GET"),))
        earlier = replies.checked(reply, write.keys.log)
        if earlier is not None:
            _check(replies.text(earlier), asked)


def _check(answer: bytes, asked: str) -> None:
    if answer != asked.encode():
        raise mismatch()


def _snapshot(write: Write, at: str | None) -> Op[tuple[int, int, bytes, list[bytes]] | None]:
    """Copies the log into a stage; None where the message is no longer where it was found."""
    keys = write.keys
    place: tuple[Argument, Argument] = ("", "")
    if at is not None:
        found = yield from find.one(keys.log, at)
        place = (found.position, found.raw)
    where = [keys.log, keys.meta, keys.stage(write.token)]
    one = Call("snapshot", where, [write.owner, STAGE_TTL_MS, *place])
    # Nobody sees the stage, so a failure leaves no doubt.
    [reply] = yield from call(one, writes=False)
    if isinstance(reply, CommandError) and reply.code == "CHANGED":
        return None
    count, *rest = replies.checked(reply, keys.log)
    if not rest:
        raise NotFound(f"there is no session {keys.member.decode()!r} to fork")
    left, owner, companions = rest
    return (
        replies.integer(count),
        replies.integer(left),
        replies.text(owner),
        replies.texts(companions),
    )


def _carried(write: Write, target: SessionKeys) -> Op[None]:
    """Takes a stage into another slot."""
    source = write.keys.stage(write.token)
    there, op = target.stage(write.token), target.op(write.token)
    answers = yield Batch(((b"UNLINK", there), (b"EXISTS", target.log), (b"EXISTS", op)))
    _, taken, done = (replies.integer(replies.checked(one, target.log)) for one in answers)
    if taken and not done:
        # Before anything is carried, and before a catalogue that lies elsewhere is told of it.
        raise replies.error(CommandError("EXISTS"), target.log)
    cursor: read.Cursor | None = read.Cursor()
    while cursor is not None:
        try:
            page = yield from read.raw_page(source, cursor)
        except Conflict:
            # It expired: publishing will tell.
            return
        yield Batch(((b"PEXPIRE", source, STAGE_TTL_MS),))
        if page.elements:
            parts = stage.parts(page.elements)
            yield from stage.stage(there, op, target.log, parts, offset=page.start)
        cursor = page.next
    yield Batch(((b"UNLINK", source),))
