"""Calling scripts, and saying which key is at fault."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Literal

from redialog import replies, scripts
from redialog.effect import Argument, Batch, Command, CommandError, Op, Reply
from redialog.errors import TransportError
from redialog.keys import SessionKeys

TOKEN_TTL_MS = 60_000
"""How long an operation's token lives. The driver stops resending long before."""

Call = tuple[str, Sequence[bytes], Sequence[Argument]]


def call(*calls: Call, resend_key: str | None = None) -> Op[list[Reply]]:
    """Runs scripts in one batch, loading them where the server does not know them.

    Args:
        *calls: name, keys and arguments of each.
        resend_key: as in `Batch`.

    Cost: 1 round trip; 2 after a restart or SCRIPT FLUSH of the server.
    """
    commands = tuple(_evalsha(*one) for one in calls)
    answers = yield Batch(commands, writes=True, resend_key=resend_key)
    if any(isinstance(answer, CommandError) and answer.code == "NOSCRIPT" for answer in answers):
        # All of them again: those that ran have left their token or can be repeated.
        commands = tuple(_eval(*one) for one in calls)
        answers = yield Batch(commands, writes=True, resend_key=resend_key)
    return list(answers)


def mutate(
    name: str,
    keys: SessionKeys,
    token: str,
    args: Sequence[Argument],
    *,
    noted: Literal["always", "known"] | None = None,
    resend_key: str | None = None,
) -> Op[bytes]:
    """Runs the one script of a mutation on a session's keys.

    Args:
        name: of the script.
        keys: of the session.
        token: of the operation.
        args: the script's.
        noted: whether a catalogue that lies in another slot is told of it: ``always``, or only
            where it knows the session.
        resend_key: as in `Batch`.

    Returns:
        The script's answer; of the first time, where its token was seen before.

    Raises:
        RedialogError: the server refused it; nothing was changed.

    Cost: 1 round trip.
    """
    touched = [keys.log, keys.meta, keys.op(token)]
    if keys.together:
        [reply] = yield from call(
            (name, [*touched, *keys.catalogue()], args), resend_key=resend_key
        )
    elif noted is None:
        [reply] = yield from call((name, touched, args), resend_key=resend_key)
    else:
        # What the note answers does not matter: where it fails, the write stands, and the next
        # write of the session notes it again.
        note = ("note", keys.catalogue(), [keys.member, "XX" if noted == "known" else ""])
        [_, reply] = yield from call(note, (name, touched, args), resend_key=resend_key)
    if isinstance(reply, CommandError) and reply.code == "WRONGTYPE":
        yield from _name_culprit(keys)
    if noted and isinstance(reply, CommandError) and reply.code == "OWNER":
        yield from _take_back_note(keys)
    _, answer = replies.checked(reply, keys.log)
    return replies.text(answer)


def _take_back_note(keys: SessionKeys) -> Op[None]:
    """Drops what was noted for a user whose session it is not."""
    if keys.user is not None and not keys.together:
        # The refusal is what the caller must see, whatever becomes of this.
        with suppress(TransportError):
            yield Batch(((b"ZREM", keys.user, keys.member),), writes=True)


def _name_culprit(keys: SessionKeys) -> Op[None]:
    expected = {keys.log: b"list", keys.meta: b"hash", keys.sessions: b"zset"}
    if keys.user is not None:
        expected[keys.user] = b"zset"
    found = yield Batch(tuple((b"TYPE", key) for key in expected))
    for key, reply in zip(expected, found, strict=True):
        if not isinstance(reply, CommandError):
            kind = replies.text(reply)
            if kind not in (b"none", expected[key]):
                raise replies.wrong_type(key.decode("utf-8", "backslashreplace"), kind.decode())


def _evalsha(name: str, keys: Sequence[bytes], args: Sequence[Argument]) -> Command:
    return (b"EVALSHA", scripts.get(name).sha, len(keys), *keys, *args)


def _eval(name: str, keys: Sequence[bytes], args: Sequence[Argument]) -> Command:
    return (b"EVAL", scripts.get(name).body, len(keys), *keys, *args)
