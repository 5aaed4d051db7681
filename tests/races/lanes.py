"""What a caller does in a round: random calls on one session, and a record of each.

A lane is a generator of calls, so that the same lane runs in a thread and in an asyncio task. What
it records is plain JSON; `event` makes an `Event` of it.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from redialog import Conflict, Message, NotFound, SessionExists, TransportError
from tests.races.calling import Call, Calls
from tests.races.specification import NEVER, Event, label, role

WEIGHTS = {
    "append": 30,
    "replace": 15,
    "remove": 8,
    "rewind": 5,
    "clear": 3,
    "set_title": 6,
    "fork": 6,
    "messages": 9,
    "count": 4,
    "info": 7,
    "window": 7,
}
ROLES = {"u": "user", "a": "assistant", "s": "system"}
_REFUSALS = (SessionExists, Conflict, NotFound)
_RECENT = 8
_RESENDS = 3


class Round(msgspec.Struct):
    """What all lanes of a round are told.

    Attributes:
        number: of the round.
        seed: of the choices.
        calls: how many each lane makes.
        known: the session's messages at first, id and text.
        twin: id of a session that several lanes try to make.
    """

    number: int
    seed: int
    calls: int
    known: list[tuple[str, str]]
    twin: str


class Record(msgspec.Struct):
    """A call as a lane saw it; see `Event`."""

    lane: str
    begin: int
    end: int
    op: str
    args: list[Any]
    outcome: str
    answer: Any


class Lane:
    """One caller in one round.

    Args:
        name: a letter that no other lane has.
        session: a handle of either facade.
        told: of the round.
        cap: of the handle.
    """

    def __init__(self, name: str, session: Any, told: Round, cap: int | None) -> None:
        self.name = name
        self.session = session
        self.told = told
        self.cap = cap
        self.chance = random.Random(f"{told.seed}.{name}")
        self.known = {label(text): (identity, text) for identity, text in told.known}
        self.read: dict[str, Message] = {}
        self.records: list[Record] = []
        self.system = True

    def calls(self) -> Calls[list[Record]]:
        """All calls, one after the other; returns the records."""
        names, weights = list(WEIGHTS), list(WEIGHTS.values())
        for number in range(self.told.calls):
            [op] = self.chance.choices(names, weights)
            if op in ("replace", "remove", "rewind") and not self.known:
                op = "messages"
            yield from getattr(self, f"_{op}")(f"{self.name}.{self.told.number}.{number}")
        return self.records

    # Changes

    def _append(self, name: str) -> Calls[None]:
        kinds = self.chance.choice(["u", "ua", "ua", "a", "s"])
        if kinds == "s" and not self.system:
            kinds = "u"
        # Few system messages, so that they never fill a small cap.
        self.system = self.system and kinds != "s"
        texts = [f"{kind}{name}.{part}" for part, kind in enumerate(kinds)]
        messages = [Message.parse({"role": ROLES[role(one)], "content": one}) for one in texts]
        yield from self._recorded("append", [texts, self.cap], messages, answer=self._seen)

    def _replace(self, name: str) -> Calls[None]:
        wanted, identity = self._some()
        text = f"{wanted}/{name}"
        found = self.read.get(wanted)
        if found is None or self.chance.random() < 0.5:
            base, new = None, Message.parse({"role": ROLES[role(text)], "content": text})
        else:
            base, new = found.text, found.replace(content=text)
        yield from self._recorded(
            "replace",
            [wanted, text, base],
            [identity, new],
            answer=lambda one: self._seen([one])[0],
        )

    def _remove(self, _: str) -> Calls[None]:
        wanted, identity = self._some()
        yield from self._recorded("remove", [wanted], [identity])

    def _rewind(self, _: str) -> Calls[None]:
        wanted, identity = self._some()
        yield from self._recorded("rewind", [wanted], [identity])

    def _clear(self, _: str) -> Calls[None]:
        yield from self._recorded("clear", [])

    def _set_title(self, name: str) -> Calls[None]:
        title = self.chance.choice(["", name])
        yield from self._recorded("set_title", [title], [title])

    # Reads

    def _messages(self, _: str) -> Calls[None]:
        yield from self._recorded("messages", [], answer=self._seen)

    def _count(self, _: str) -> Calls[None]:
        yield from self._recorded("count", [])

    def _info(self, _: str) -> Calls[None]:
        yield from self._recorded("info", [], answer=_told)

    def _window(self, _: str) -> Calls[None]:
        unit, size = self.chance.choice(["turns", "messages"]), self.chance.randint(1, 4)
        if unit == "turns" and self.cap is not None:
            # Only what is read in one round trip is the session of one moment, and in a shared
            # layout that is a window of two messages a turn.
            size = self.cap // 2
        yield from self._recorded("window", [unit, size], options={unit: size}, answer=self._seen)

    def _fork(self, _: str) -> Calls[None]:
        at = self._some() if self.known and self.chance.random() < 0.5 else (None, None)
        twin = self.chance.random() < 0.4
        options = {"at": at[1], "new_id": self.told.twin if twin else None}
        made: list[Any] = []
        record = yield from self._recorded(
            "fork", [at[0], twin], options=options, answer=made.append
        )
        for fork in made:
            messages = yield from _read_back(Call(fork, "messages"))
            info = yield from _read_back(Call(fork, "info"))
            if messages is not None and info is not None:
                record.answer = [self._seen(messages), *_told(info)[1:]]
            if not twin:
                yield from _read_back(Call(fork, "clear"))

    # Recording

    def _some(self) -> tuple[str, str]:
        """A message that was seen some time, with its id; likely one that others choose too."""
        wanted = self.chance.choice(list(self.known)[-_RECENT:])
        return wanted, self.known[wanted][0]

    def _seen(self, messages: list[Message]) -> list[str]:
        """The texts of messages, which are noted."""
        for message in messages:
            name = label(message.text)
            identity, _ = self.known.setdefault(name, (message.id or "", message.text))
            assert identity == message.id, f"{name} has two ids"
            assert message.role == ROLES[role(name)]
            self.read[name] = message
        return [message.text for message in messages]

    def _recorded(
        self,
        op: str,
        shown: list[Any],
        args: Iterable[Any] = (),
        *,
        options: Mapping[str, Any] | None = None,
        answer: Any = None,
    ) -> Calls[Record]:
        """Makes a call, again under its token where it is left in doubt, and records it."""
        record = Record(self.name, time.monotonic_ns(), NEVER, op, shown, "doubt", None)
        call = Call(self.session, op, args, options)
        resent = False
        while record.outcome == "doubt":
            try:
                value = yield call
            except _REFUSALS as error:
                # A message that is there twice is nothing that the specification knows.
                repeated = bool(getattr(error, "ids", ()))
                record.outcome = "Repeated" if repeated else type(error).__name__
            except TransportError as error:
                if not error.maybe_applied and not resent:
                    # What is certain not to have happened need not be explained.
                    return record
                if resent and self.chance.random() < 1 / _RESENDS:
                    break
                if not resent and self.chance.random() < 0.3:
                    break
                key = error.token or (call.options or {})["idempotency_key"]
                resent, call.options = True, {**(options or {}), "idempotency_key": key}
            else:
                record.outcome = "ok"
                record.answer = value if answer is None else answer(value)
        other = record.outcome in ("ok", "NotFound") and record.answer not in shown[1:2]
        if resent and op == "replace" and other:
            # Where it was done before, the answer is what is there now, if anything.
            record.outcome, record.answer = "doubt", None
        record.end = NEVER if record.outcome == "doubt" else time.monotonic_ns()
        self.records.append(record)
        return record


def _told(info: Any) -> list[Any]:
    return [info.count, info.title or "", info.trimmed]


def _read_back(call: Call) -> Calls[Any]:
    """What a call returns that may be repeated; None where the server does not answer."""
    for _ in range(_RESENDS):
        try:
            return (yield call)
        except TransportError:
            continue
    return None


def event(record: Record) -> Event:
    """The record as the checker takes it."""
    args = tuple(tuple(arg) if isinstance(arg, list) else arg for arg in record.args)
    end = NEVER if record.outcome == "doubt" else record.end
    return Event(record.lane, record.begin, end, record.op, args, record.outcome, record.answer)
