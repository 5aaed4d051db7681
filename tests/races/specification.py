"""What one session does, call after call: the sequential specification that a history must fit.

A message is known by its text, which begins with a label that no other message has: ``ua.3.1`` is
a user's; after a replacement it reads ``ua.3.1/b.3.4``. So a state is three small values, cheap to
copy and to compare, and the message that a call names is found without any id.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

MOST_LEADING = 16

NEVER = 1 << 80
"""When a call ended whose caller does not know whether it was done: it may happen at any time."""


class State(NamedTuple):
    """A session: texts oldest first, title, and how many messages its cap has removed."""

    texts: tuple[str, ...] = ()
    title: str = ""
    trimmed: int = 0


@dataclass(frozen=True)
class Event:
    """One call and what its caller was told.

    Attributes:
        lane: who called; one after the other.
        begin: before the call, by a clock that all lanes share.
        end: after it, or `NEVER`.
        op: its name.
        args: of the call; messages by their labels.
        outcome: ``ok``; the name of an error; or ``doubt``, where any outcome is possible.
        answer: what it returned; None with an outcome that is not ``ok``.
        contended: whether so many calls came between that it may have given up (`CONTENDED`).
    """

    lane: str
    begin: int
    end: int
    op: str
    args: tuple[Any, ...] = ()
    outcome: str = "ok"
    answer: Any = None
    contended: bool = False

    @property
    def changes(self) -> bool:
        """Whether it can have changed the session."""
        if self.op not in _CHANGES or self.outcome not in ("ok", "doubt"):
            return False
        return self.outcome == "doubt" or self.answer is not False

    @property
    def shown(self) -> Sequence[str]:
        """The messages that the answer lists, oldest first."""
        if self.op in ("messages", "window"):
            return self.answer or ()
        if self.op == "fork":
            return self.answer[0] if self.answer else ()
        return self.answer.texts if self.op == "state" else ()

    @property
    def needed(self) -> set[str]:
        """The labels of messages that are there when it comes."""
        if self.outcome != "ok":
            return set()
        needed = {label(text) for text in self.shown}
        if self.op in ("replace", "rewind") or (self.op == "remove" and self.answer):
            needed.add(self.args[0])
        return needed

    def overlaps(self, other: Event) -> bool:
        """Whether neither ended before the other began."""
        return self.begin < other.end and other.begin < self.end


def label(text: str) -> str:
    """The part of a text that stays when its message is replaced."""
    return text.partition("/")[0]


def role(text: str) -> str:
    """Its first letter: ``u`` user, ``a`` assistant, ``s`` system."""
    return text[0]


def after(state: State, event: Event) -> list[State]:
    """The states in which a call can leave a session; none where its answer is wrong there."""
    if event.op == "state":
        return [state] if event.answer == state else []
    if event.outcome == "doubt":
        # Whether it was done at all is not known: one that does nothing need not be looked at.
        changed = _CHANGES.get(event.op, _nothing)(state, event)
        return [new for new, _ in changed if new != state]
    if event.outcome == "ok":
        found = _CHANGES[event.op] if event.op in _CHANGES else _READS[event.op]
        return [new for new, answer in found(state, event) if answer == event.answer]
    return [state] if _refused(state, event) else []


def _refused(state: State, event: Event) -> bool:
    """Whether the error that the caller got is right in this state, where nothing changes."""
    at = event.args[0]
    there = bool(state.texts) if at is None else _find(state, at) is not None
    if event.outcome == "NotFound":
        return not there and event.op in ("replace", "rewind", "fork")
    if event.outcome == "SessionExists":
        return there and event.op == "fork"
    if event.outcome != "Conflict":
        return False
    if event.contended:
        return True
    if event.op != "replace" or event.args[2] is None:
        return False
    index = _find(state, at)
    return index is not None and state.texts[index] != event.args[2]


def _find(state: State, wanted: str) -> int | None:
    for index, text in enumerate(state.texts):
        if label(text) == wanted:
            return index
    return None


Outcomes = Sequence[tuple[State, Any]]
"""The states that a call can leave, each with what it returns then."""


def _append(state: State, event: Event) -> Outcomes:
    new, cap = event.args
    texts = state.texts + tuple(new)
    whole = state._replace(texts=texts)
    if cap is None or len(texts) <= cap:
        return [(whole, list(new))]
    spare = 0
    while spare < min(len(texts), MOST_LEADING, cap - 1) and role(texts[spare]) == "s":
        spare += 1
    dropped = len(texts) - cap
    kept = texts[:spare] + texts[spare + dropped :]
    cut = State(kept, state.title, state.trimmed + dropped)
    return [*([(whole, list(new))] if event.contended else []), (cut, list(new))]


def _replace(state: State, event: Event) -> Outcomes:
    wanted, text, base = event.args
    index = _find(state, wanted)
    if index is None or (base is not None and state.texts[index] != base):
        return []
    texts = (*state.texts[:index], text, *state.texts[index + 1 :])
    return [(state._replace(texts=texts), text)]


def _remove(state: State, event: Event) -> Outcomes:
    index = _find(state, event.args[0])
    if index is None:
        return [(state, False)]
    texts = state.texts[:index] + state.texts[index + 1 :]
    return [(state._replace(texts=texts) if texts else State(), True)]


def _rewind(state: State, event: Event) -> Outcomes:
    index = _find(state, event.args[0])
    if index is None:
        return []
    return [(state._replace(texts=state.texts[: index + 1]), len(state.texts) - index - 1)]


def _clear(state: State, event: Event) -> Outcomes:
    return [(State(), len(state.texts))]


def _set_title(state: State, event: Event) -> Outcomes:
    if not state.texts:
        return [(state, False)]
    return [(state._replace(title=event.args[0]), True)]


_CHANGES: dict[str, Callable[[State, Event], Outcomes]] = {
    "append": _append,
    "replace": _replace,
    "remove": _remove,
    "rewind": _rewind,
    "clear": _clear,
    "set_title": _set_title,
}


def _nothing(_: State, __: Event) -> Outcomes:
    return []


def _window(state: State, event: Event) -> list[str]:
    unit, size = event.args
    texts = list(state.texts)
    if unit == "messages":
        return texts[-size:]
    starts = [
        index
        for index, text in enumerate(texts)
        if role(text) == "u" and (index == 0 or role(texts[index - 1]) != "u")
    ]
    return texts if len(starts) <= size else texts[starts[-size] :]


def _fork(state: State, event: Event) -> Outcomes:
    at = event.args[0]
    end = len(state.texts) if at is None else 1 + (-1 if (i := _find(state, at)) is None else i)
    copy = [list(state.texts[:end]), state.title, state.trimmed]
    # Where the copy could not be read back, that it was made is all that is known.
    return [(state, event.answer if event.answer is None else copy)] if end else []


_READS: dict[str, Callable[[State, Event], Outcomes]] = {
    "messages": lambda state, _: [(state, list(state.texts))],
    "count": lambda state, _: [(state, len(state.texts))],
    "info": lambda state, _: [(state, [len(state.texts), state.title, state.trimmed])],
    "window": lambda state, event: [(state, _window(state, event))],
    "fork": _fork,
}

CONTENDED = {"append": 7, "window": 5, "messages": 5}
"""How many changes must come between for a call to give up (5 for all others): a capped append
then leaves the cut to the next one, the others raise Conflict."""


def contended(event: Event, history: Sequence[Event]) -> bool:
    """Whether the library may say that others were in its way, judged by what ran meanwhile."""
    others = [one for one in history if one is not event and one.changes and one.overlaps(event)]
    if event.op in ("replace", "remove", "rewind") and any(
        one.op == "replace" and one.args[0] == event.args[0] for one in others
    ):
        return True
    return len(others) >= CONTENDED.get(event.op, 5)
