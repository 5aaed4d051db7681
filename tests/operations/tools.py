"""Drives operations by hand: replies in, batches and the result out. No server, no client."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec

import redialog
from redialog import Message, codec, scripts
from redialog.effect import Batch, CommandError, Op, Replies
from redialog.keys import OwnLayout, SessionKeys, SharedLayout, bucket
from redialog.ops._scripts import Write

T = TypeVar("T")

SCRIPTS = sorted(path.stem for path in (Path(redialog.__file__).parent / "scripts").glob("*.lua"))
TOKEN = "t0123"
KEY = "order-1"

OWN = OwnLayout("n").session("chat", "ada")
ALONE = OwnLayout("n").session("chat")
SHARED = SharedLayout("n", "").session("chat", "ada")

NEAR = next(f"s{i}" for i in range(9999) if bucket(b"s%d" % i) == bucket(b"chat"))
"""A session in the same bucket, and so in the same slot."""

NOSCRIPT = CommandError("NOSCRIPT", "No matching script. Please use EVAL.")


def writing(keys: SessionKeys = OWN, ttl_ms: int | None = 60_000, **fields: Any) -> Write:
    """What a mutation of the session is called with, under `TOKEN`, which `KEY` stands for."""
    return Write(keys, TOKEN, ttl_ms, **({"resend_key": KEY} | fields))


class Asked(msgspec.Struct, frozen=True):
    """Stands in a script's answer for the digest of what was asked for, which its call holds."""

    tail: bytes = b""


def resolved(batch: Batch, answers: Replies) -> list[Any]:
    """The replies with what stands for a digest replaced."""
    found = list(answers)
    for index, (command, reply) in enumerate(zip(batch.commands, found, strict=True)):
        if isinstance(reply, list) and len(reply) > 1 and isinstance(reply[1], Asked):
            args = arguments_of(command)
            digest = args[{"edit": 9, "title": 5, "expire": 6}.get(script_name(command), 0)]
            found[index] = [reply[0], f"{digest}".encode() + reply[1].tail, *reply[2:]]
    return found


def play(op: Op[T], *replies: Replies) -> tuple[list[Batch], T]:
    """The batches that an operation yields for these replies, and what it returns.

    Each reply must be asked for, and none more.
    """
    batches: list[Batch] = []
    waiting = list(replies)
    try:
        batch = next(op)
        while True:
            batches.append(batch)
            assert waiting, f"one more batch than expected: {batch}"
            reply = waiting.pop(0)
            assert len(reply) == len(batch.commands), "one reply for each command"
            batch = op.send(resolved(batch, reply))
    except StopIteration as stop:
        assert not waiting, f"{len(waiting)} replies were not asked for"
        return batches, stop.value


def answered(
    op: Op[T], answer: Callable[[Batch], Replies], *, most: int = 100
) -> tuple[list[Batch], T]:
    """The same, where the replies follow from the batches."""
    batches: list[Batch] = []
    try:
        batch = next(op)
        while True:
            batches.append(batch)
            assert len(batches) <= most, "the operation does not end"
            batch = op.send(resolved(batch, answer(batch)))
    except StopIteration as stop:
        return batches, stop.value


def element(number: int, role: Any = "user", content: str | None = None) -> bytes:
    """A stored message whose text and id tell its number."""
    message = Message(role, f"m{number}" if content is None else content)
    return codec.element(codec.stored(message, f"id-{number}", 1_700_000_000_000 + number))


def bounds(batch: Batch) -> tuple[int, int]:
    """From where to where the one LRANGE of a batch asks."""
    [(start, stop)] = [command[2:] for command in batch.commands if command[0] == b"LRANGE"]
    assert isinstance(start, int)
    assert isinstance(stop, int)
    return start, stop


def lrange(newest_first: Sequence[bytes], batch: Batch) -> list[list[bytes]]:
    """The reply of a list to a batch of one LRANGE."""
    [(name, _, _, _)] = batch.commands
    assert name == b"LRANGE"
    start, stop = bounds(batch)
    size = len(newest_first)
    first = max(start + size, 0) if start < 0 else start
    last = stop + size if stop < 0 else stop
    return [list(newest_first[first : last + 1])]


def script_name(command: Sequence[Any]) -> str:
    """Which script a command runs, by digest or by text."""
    for name in SCRIPTS:
        script = scripts.get(name)
        if command[:2] in ((b"EVALSHA", script.sha), (b"EVAL", script.body)):
            return name
    raise AssertionError(f"no script: {command[:2]}")


def keys_of(command: Sequence[Any]) -> tuple[Any, ...]:
    """The keys of a script's call."""
    return tuple(command[3 : 3 + command[2]])


def arguments_of(command: Sequence[Any]) -> tuple[Any, ...]:
    """The arguments of a script's call."""
    return tuple(command[3 + command[2] :])
