"""Which messages of a history a model sees: the newest turns that a window and a budget allow.

The history is what comes after the leading system messages and after what a summary covers. It is
looked at from its newest message on, until one of the limits closes it:

- the **window**, at a user's message that stands before the start of a turn at which the history
  can be cut (no group has messages on both sides) and from which it has as many turns as allowed;
- the **budget**, at the first message with which there are more tokens than allowed. The cut is
  then the oldest start of a turn that was met and at which the history can be cut.

So the preamble, which stands before the first turn, is seen only where all turns are. Where the
budget is closed before any cut is met, the newest turn is **trimmed**: its newest user message
stays, and of its units as many of the newest as fit beside that. A unit has the place of its
newest message, so a call that was made before the turn belongs to it if it was answered within.

What lies before the place of closing cannot change that, but for one thing: whether a result whose
call was not met so far is a member of a group or an orphan. As long as a cut, or the trimmed turn,
depends on such a result, more of the log must be read; `redialog.groups.REACH_TURNS` says how much
at most.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import inf
from typing import Literal, TypeAlias

import msgspec

from redialog.errors import ConfigurationError
from redialog.groups import OUT, WAITING, boundaries, turn_starts, units
from redialog.messages import Message
from redialog.summary import Summary, SummaryFailure
from redialog.tokens import Costs

Limit: TypeAlias = Literal["window", "budget"]
"""What closed a history: the tighter of the limits."""

CostOf: TypeAlias = Callable[[Message], int]
"""Tokens of a message."""


class Limits(msgspec.Struct, frozen=True):
    """How much a context may hold; where both limits are set, the tighter one holds.

    Attributes:
        window_turns: so many of the newest turns; None for any number, 0 for no history.
        max_tokens: of all that is returned and the reserve; None for any number.
        reserve: tokens that are left free, for the answer.
    """

    window_turns: int | None = None
    max_tokens: int | None = None
    reserve: int = 0

    @classmethod
    def checked(cls, window_turns: object, max_tokens: object, reserve: object) -> Limits:
        """The limits that a caller gave.

        Raises:
            ConfigurationError: one is no whole number or negative, or the reserve is of nothing or
                of more than there is.
        """
        turns = None if window_turns is None else _whole_number(window_turns, "window_turns")
        most = None if max_tokens is None else _whole_number(max_tokens, "max_tokens")
        kept = _whole_number(reserve, "reserve")
        if kept and most is None:
            raise ConfigurationError("reserve is a part of max_tokens, which is not given")
        if most is not None and kept > most:
            raise ConfigurationError("reserve must not be more than max_tokens")
        return cls(turns, most, kept)

    @property
    def room(self) -> int | None:
        """How many tokens all that is returned may have; None for any number."""
        return None if self.max_tokens is None else self.max_tokens - self.reserve


class View(msgspec.Struct, frozen=True):
    """A conversation, as far as it was read.

    Attributes:
        total: how many messages are stored.
        leading: the system messages at its very beginning that every context holds.
        newest: the newest messages, oldest first: ``newest[-1]`` is the newest of all.
        summary: what speaks for the oldest ``summary.covers`` messages.
        failure: that the last attempts to write a summary failed.
    """

    total: int
    leading: Sequence[Message]
    newest: Sequence[Message]
    summary: Summary | None = None
    failure: SummaryFailure | None = None

    @property
    def covered(self) -> int:
        """How many of the oldest messages are no part of the history."""
        covers = 0 if self.summary is None else min(self.summary.covers, self.total)
        return max(len(self.leading), covers)

    def history(self) -> tuple[Sequence[Message], bool]:
        """The newest part of what no summary covers, and whether that is all of it."""
        unread = self.total - len(self.newest) - self.covered
        return (self.newest[-unread:] if unread < 0 else self.newest), unread <= 0


class History(msgspec.Struct, frozen=True):
    """A history as far as it was read.

    Attributes:
        messages: its newest part, oldest first.
        belongs: the unit of each; see `redialog.groups.units`.
        begins: whether that is all of it.
    """

    messages: Sequence[Message]
    belongs: Sequence[int]
    begins: bool

    @classmethod
    def of(cls, messages: Sequence[Message], *, begins: bool) -> History:
        """The history with its units."""
        return cls(messages, units(messages, begins=begins), begins)

    def boundaries(self) -> Mapping[int, bool | None]:
        """Whether it can be cut where a turn starts; see `redialog.groups.boundaries`."""
        return boundaries(self.messages, self.belongs, begins=self.begins)


class Choice(msgspec.Struct, frozen=True):
    """What a model sees of a history.

    Attributes:
        kept: the indexes of the messages, ascending.
        start: messages from that index on are left out for what they are, those before it because
            of the limit.
        closed_by: that limit; None where all of the history was looked at, and fits.
        looked: the index of the oldest message that was looked at to know that.
    """

    kept: Sequence[int]
    start: int
    closed_by: Limit | None
    looked: int = 0


class Fitted(msgspec.Struct, frozen=True):
    """What a context is made of.

    Attributes:
        view: what was read.
        limits: that were to hold.
        system: the message of the call, where it is in.
        summary: the message that stands for what is summarised, where it is in.
        history: the part of the view that comes after the leading messages and the summary.
        choice: what is kept of it.
    """

    view: View
    limits: Limits
    system: Message | None
    summary: Message | None
    history: History
    choice: Choice

    @property
    def needed(self) -> int | None:
        """How many of the newest messages had to be read for this; None where that is not known.

        It is not where no limit was reached, and where the fate of a message can depend on how far
        back was looked for a call.
        """
        belongs, looked = self.history.belongs, self.choice.looked
        if self.choice.closed_by is None:
            return None
        if not isinstance(belongs, range):
            if min(belongs, default=0) < 0:
                return None
            # With the call of a result.
            looked = min(belongs[looked:], default=looked)
        return len(belongs) - looked


def always(history: History) -> list[int] | None:
    """The indexes of what every budget must hold: the newest user message and the newest unit.

    Returns:
        None where more of the history must be read to know.
    """
    belongs, user = history.belongs, _newest_user(history.messages)
    newest = len(belongs) - 1
    while newest >= 0 and belongs[newest] == OUT:
        newest -= 1
    if newest < 0:
        return [] if history.begins else None
    unit = belongs[newest]
    if unit == WAITING or (user is None and not history.begins):
        return None
    kept = [index for index in range(unit, newest + 1) if belongs[index] == unit]
    return kept if user is None or user in kept else sorted([user, *kept])


def choose(
    history: History, window_turns: int | None, room: int | None, costs: Costs
) -> Choice | None:
    """What a model sees of a history, as the module's docstring says.

    Args:
        history: as far as it was read.
        window_turns: how many turns are allowed, at least 1; None for any number.
        room: how many tokens, at least those of `always`; None for any number.
        costs: tokens of messages; counted only of what is looked at, and not without ``room``.

    Returns:
        None where more of the history must be read to know.
    """
    if window_turns is None and room is None:
        return _from(history, 0, None) if history.begins else None
    most: float = inf if window_turns is None else window_turns
    left: float = inf if room is None else room
    of = _nothing if room is None else costs.of
    if not isinstance(history.belongs, range):
        return _grouped(history, most, left, of)
    known: list[int | None] = [0] * len(history.belongs)
    if room is not None:
        known = costs.known(history.messages)
    return _plainly(history, most, left, of, known)


def _grouped(history: History, most: float, left: float, cost: CostOf) -> Choice | None:
    """The choice from a history with groups, or with messages that are in no unit."""
    belongs, free = history.belongs, history.boundaries()
    cut: int | None = None
    window: int | None = None  # the cut with which the window is full
    turns = spent = 0
    out = 0  # tokens before a full window that are not spent, or perhaps not: a result may wait
    for index in range(len(belongs) - 1, -1, -1):
        message = history.messages[index]
        if window is not None and message.role == "user":
            # Which limit was met first must not depend on how much was read.
            return _from(history, window, "budget" if spent + out > left else "window", index)
        if belongs[index] >= 0:
            spent += cost(message)
            if spent > left:
                if cut is None:
                    return _trimmed(history, left, cost)
                return _from(history, cut, "budget", index)
        elif window is not None:
            out += cost(message)
        if index in free:
            if free[index] is None:
                return None
            turns += 1
            cut = index if free[index] else cut
            window = index if free[index] and turns >= most else None
    return _from(history, 0, None) if history.begins else None


def _plainly(
    history: History, most: float, left: float, cost: CostOf, known: list[int | None]
) -> Choice | None:
    """The same from one where each message is a unit by itself, in half the time.

    It can be cut at each turn, so where turns start is seen on the way.
    """
    cut: int | None = None
    turns = spent = 0
    newer = ""  # the role of the message after
    index = len(history.messages)
    for message, counted in zip(reversed(history.messages), reversed(known), strict=True):
        index -= 1
        role = message.role
        if role != "user":
            if newer == "user":
                cut, turns = index + 1, turns + 1
        elif cut is not None and turns >= most:
            return _from(history, cut, "window", index)
        newer = role
        tokens = counted
        if tokens is None:
            tokens = known[index] = cost(message)
        spent += tokens
        if spent > left:
            if cut is None:
                return _trimmed(history, left, cost)
            return _from(history, cut, "budget", index)
    return _from(history, 0, None) if history.begins else None


def _from(history: History, start: int, limit: Limit | None, looked: int = 0) -> Choice:
    """All from an index on that is in a unit."""
    belongs = history.belongs
    if isinstance(belongs, range):
        return Choice(belongs[start:], start, limit, looked)
    kept = [index for index in range(start, len(belongs)) if belongs[index] >= 0]
    return Choice(kept, start, limit, looked)


def _nothing(_: Message) -> int:
    return 0


def _trimmed(history: History, room: float, cost: CostOf) -> Choice | None:
    """The newest turn, of which not all fits."""
    messages, belongs = history.messages, history.belongs
    # Where its start was not read, all that was read is of it.
    starts = turn_starts(messages, begins=history.begins)
    start = starts[-1] if starts else 0
    members: dict[int, list[int]] = {}
    for index, unit in enumerate(belongs):
        members.setdefault(unit, []).append(index)
    user = _newest_user(messages)
    kept = set() if user is None else {user}
    spent = 0 if user is None else cost(messages[user])
    for index in range(len(messages) - 1, start - 1, -1):
        unit = belongs[index]
        if unit == WAITING:
            return None
        if unit == OUT or index in kept:
            continue
        spent += sum(cost(messages[member]) for member in members[unit])
        if spent > room:
            return Choice(sorted(kept), index + 1, "budget", start)
        kept.update(members[unit])
    return Choice(sorted(kept), start, "budget", start)


def _newest_user(messages: Sequence[Message]) -> int | None:
    for index in range(len(messages) - 1, -1, -1):
        if messages[index].role == "user":
            return index
    return None


def _whole_number(value: object, name: str) -> int:
    if type(value) is not int or value < 0:
        raise ConfigurationError(f"{name} must be a whole number, 0 or more")
    return value
