"""How an application writes: what it does after an error. Without I/O, for both facades."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from typing import TypeAlias

import msgspec

from faults.turns import Fate, Said, Turn, messages, turn
from redialog import Message, RedialogError, TransportError

PACE_S = 0.002
"""Between two turns: more writers than the machine can carry measure the machine."""

AGAIN_S = 0.05
"""Between two calls after an error."""

RESEND_S = 45.0
"""For how long a turn in doubt is sent again; its token lives 60 s."""


class Surfaced(msgspec.Struct, frozen=True, array_like=True):
    """An error that reached the application.

    Attributes:
        kind: its class.
        doubt: whether it said that the write may have happened.
        typed: whether it is one of the library's.
    """

    kind: str
    doubt: bool
    typed: bool = True


class Ledger(msgspec.Struct):
    """What one process or several have said and heard.

    Attributes:
        said: session to turns.
        errors: that surfaced.
    """

    said: dict[str, list[Said]] = {}
    errors: list[Surfaced] = []


class Call(msgspec.Struct, frozen=True):
    """An append to make: what, and under which idempotency key."""

    messages: list[Message]
    key: str | None


Talk: TypeAlias = Generator["Call | float", None, None]
"""Yields calls, whose errors are thrown in, and seconds to wait."""


def talk(writer: str, said: list[Said], ledger: Ledger, over: Callable[[], bool]) -> Talk:
    """Says turn after turn until it is over.

    A call whose error says that it may have happened is made again under its token. Of the others
    every second one is repeated as it is, and the rest are given up: nothing of them may be there.

    Args:
        writer: its name.
        said: where the turns of its session are noted.
        ledger: where its errors are.
        over: whether to stop; a turn that was begun is brought to an end.
    """
    number = 0
    while not over():
        number += 1
        begin = time.monotonic()
        one = turn(writer, number)
        fate = yield from _say(one, ledger, begin)
        said.append(Said(*one, fate, begin, time.monotonic()))
        yield PACE_S


def _say(one: Turn, ledger: Ledger, begin: float) -> Generator[Call | float, None, Fate]:
    key: str | None = None
    while True:
        try:
            yield Call(messages(one), key)
        except RedialogError as error:
            ledger.errors.append(Surfaced(type(error).__name__, _in_doubt(error)))
            if isinstance(error, TransportError) and _in_doubt(error):
                key = key or error.token
            doubtful = key is not None or _in_doubt(error)
            late = time.monotonic() - begin > RESEND_S
            if late or (doubtful and key is None):
                return "doubtful" if doubtful else "refused"
            yield AGAIN_S
            if not doubtful and one.number % 2:
                return "refused"
        else:
            return "stored"


def _in_doubt(error: RedialogError) -> bool:
    return isinstance(error, TransportError) and error.maybe_applied
