"""Whether a history of concurrent calls fits some order of calls one after the other.

The search of Wing and Gong with the memory of Lowe: a call may come next where no other call that
is still to come ended before it began; a set of calls done together with the state they left is
tried once. A call whose outcome nobody knows may come at any time after its beginning, or never.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import reduce
from itertools import pairwise
from operator import or_

from tests.races.specification import NEVER, Event, State, after, contended, label

MOST_STEPS = 300_000
_SHOWN = 100


class NotLinearizable(AssertionError):
    """No order explains the history; the text shows it, and how far the best attempt came."""


class Undecided(RuntimeError):
    """So many orders are possible that they cannot all be tried."""


def check(history: Sequence[Event], start: State) -> int:
    """Looks for an order of the calls that explains every answer.

    Args:
        history: what was called; to say how it ended, its last event is a ``state``.
        start: of the session before.

    Returns:
        How many steps it took to find one.

    Raises:
        NotLinearizable: there is none.
        Undecided: more than `MOST_STEPS` were needed.
    """
    events = sorted(
        (replace(event, contended=contended(event, history)) for event in history),
        key=lambda event: event.begin,
    )
    doubtful = sum(event.end == NEVER for event in events)
    search = _Search(events, start)
    # Most of what is in doubt has not happened: orders with little of it are tried first.
    if not any(search.finds(applied) for applied in range(doubtful + 1)):
        raise NotLinearizable(search.report())
    return search.steps


class _Search:
    """A search for an order.

    Attributes:
        steps: how many it has taken.
        furthest: the node that explains the most calls: which are done, and the state then.
    """

    def __init__(self, events: Sequence[Event], start: State) -> None:
        self.events = events
        self.start = start
        self.steps = 0
        self.furthest = (0, start)
        self._required = sum(1 << i for i, event in enumerate(events) if event.end < NEVER)
        self._earlier = _orders(events)
        self._presence = _Presence(events, start)

    def finds(self, applied: int) -> bool:
        """Whether there is an order in which no more than so many doubtful calls happen.

        Raises:
            Undecided: it took too long to tell.
        """
        node = (0, self.start)
        stack, seen = [node], {node}
        while stack:
            done, state = node = stack.pop()
            if done & self._required == self._required:
                return True
            self._count(node)
            for index, new in self._next(done, state):
                node = (done | 1 << index, new)
                few = (node[0] & ~self._required).bit_count() <= applied
                if few and node not in seen:
                    seen.add(node)
                    if self._presence.possible(*node):
                        stack.append(node)
        return False

    def _count(self, node: tuple[int, State]) -> None:
        self.steps += 1
        if self.steps > MOST_STEPS:
            raise Undecided(f"after {self.steps} steps\n{self.report()}")
        if self._explained(node) > self._explained(self.furthest):
            self.furthest = node

    def _explained(self, node: tuple[int, State]) -> int:
        return (node[0] & self._required).bit_count()

    def report(self) -> str:
        """The history in short, and how far the best attempt came."""
        return _report(self.events, self.start, self.furthest)

    def _next(self, done: int, state: State) -> Iterator[tuple[int, State]]:
        """Which calls can come next, the most likely one last, and the states that they leave."""
        events, candidates = self.events, self._candidates(done)
        for index in candidates:
            if not events[index].changes and after(state, events[index]):
                # What changes nothing can come as soon as it is right: no order is lost by that.
                yield index, state
                return
        # The one that ended first is most likely the first; tried first, as it is pushed last.
        for index in sorted(candidates, key=lambda index: -events[index].end):
            for new in after(state, events[index]):
                yield index, new

    def _candidates(self, done: int) -> list[int]:
        found: list[int] = []
        first_end = NEVER
        for index, event in enumerate(self.events):
            if done >> index & 1:
                continue
            if event.begin > first_end:
                break
            first_end = min(first_end, event.end)
            if not self._earlier[index] & ~done:
                found.append(index)
        return [index for index in found if self.events[index].begin <= first_end]


class _Presence:
    """Which messages are gone for good, and whether a call that is still to come needs one.

    A message is appended once, so what is gone never comes back: that ends most wrong attempts
    long before the call is reached.
    """

    def __init__(self, events: Sequence[Event], start: State) -> None:
        appended = [event.args[0] if event.op == "append" else () for event in events]
        names = [label(text) for texts in (start.texts, *appended) for text in texts]
        self._bits = {name: 1 << i for i, name in enumerate(names)}
        self._first = self._mask(map(label, start.texts))
        self._written = [self._mask(map(label, texts)) for texts in appended]
        self._needed = [self._mask(event.needed) for event in events]
        self._present: dict[State, int] = {}

    def _mask(self, names: Iterable[str]) -> int:
        return reduce(or_, (self._bits.get(name, 0) for name in names), 0)

    def possible(self, done: int, state: State) -> bool:
        """Whether no call that is still to come needs a message that is gone."""
        present = self._present.get(state)
        if present is None:
            present = self._present[state] = self._mask(map(label, state.texts))
        written, needed = self._first, 0
        for index, (texts, needs) in enumerate(zip(self._written, self._needed, strict=True)):
            if done >> index & 1:
                written |= texts
            else:
                needed |= needs
        return not needed & written & ~present


def _orders(events: Sequence[Event]) -> list[int]:
    """Of each call, those that must come before it: messages are listed in the order of appends."""
    wrote = {
        label(text): index
        for index, event in enumerate(events)
        if event.op == "append"
        for text in event.args[0]
    }
    earlier = [0] * len(events)
    for event in events:
        shown = [wrote[name] for text in event.shown if (name := label(text)) in wrote]
        for first, second in pairwise(shown):
            if first != second:
                earlier[second] |= 1 << first
    return earlier


def _report(events: Sequence[Event], start: State, best: tuple[int, State]) -> str:
    done, state = best
    zero = events[0].begin
    lines = [
        "no order of these calls explains their answers; the longest attempt lacks those with *",
        f"at first: {_brief(start)}",
    ]
    for index, event in enumerate(events):
        mark = " " if done >> index & 1 else "?" if event.end == NEVER else "*"
        end = "..." if event.end == NEVER else (event.end - zero) // 1000
        args = ", ".join(map(_brief, event.args))
        answer = _brief(event.answer) if event.outcome == "ok" else event.outcome
        begin = (event.begin - zero) // 1000
        lines.append(f"{mark} {event.lane} {begin}-{end} µs {event.op}({args}) -> {answer}")
    lines.append(f"its state: {_brief(state)}")
    return "\n".join(lines)


def _brief(value: object) -> str:
    text = f"{len(value)}: {' '.join(map(str, value))}" if isinstance(value, list) else str(value)
    return text if len(text) <= 2 * _SHOWN else f"{text[:_SHOWN]} .. {text[-_SHOWN:]}"
