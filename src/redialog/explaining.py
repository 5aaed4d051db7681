"""`Explanation`: why each stored message is in a context, or is not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import groupby
from typing import Literal, TypeAlias

import msgspec

from redialog._checks import StoredRole
from redialog.budget import Fitted
from redialog.messages import Message
from redialog.summary import Summary, SummaryFailure
from redialog.tokens import Costs

Status: TypeAlias = Literal["in", "summarised", "dropped", "damaged"]
"""What became of a message."""

Reason: TypeAlias = Literal["window", "budget", "orphan", "remove"]
"""Why it was dropped: the window or the budget was full; a call without all of its results or a
result without its call; a request to remove another message."""

LONG_RUN = 8
"""More messages than that in a row of which the same became, but for those that are in, are shown
as one range."""

_Fate: TypeAlias = tuple[Status, Reason | None]


class Tokens(msgspec.Struct, frozen=True):
    """How many tokens a context has.

    Attributes:
        system: of the call's system message and the leading ones.
        summary: of the message that holds the summary.
        history: of the other messages.
        limit: how many all of them may have: ``max_tokens`` without the reserve; None for any
            number.
        reserve: how many are left free on top of that.
    """

    system: int
    summary: int
    history: int
    limit: int | None
    reserve: int

    @property
    def total(self) -> int:
        """Of all messages."""
        return self.system + self.summary + self.history


class Entry(msgspec.Struct, frozen=True):
    """What became of a stored message, or of several in a row.

    Attributes:
        first: position of the oldest of them; 1 is the oldest message of the conversation.
        last: position of the newest of them.
        status: ``in``, ``summarised``, ``dropped`` or ``damaged``.
        reason: why it was dropped; ``window`` and ``budget``: the limit that was reached first,
            looking back from the newest message.
        role: of the messages, where they have the same; None also where they were not read.
        tokens: of the messages, by the same count as for a context; None where they were not read.
        message: the message, where it is one that was read.
    """

    first: int
    last: int
    status: Status
    reason: Reason | None = None
    role: StoredRole | None = None
    tokens: int | None = None
    message: Message | None = None

    @property
    def fate(self) -> str:
        """Status and reason in words."""
        return self.status if self.reason is None else f"{self.status}: {self.reason}"

    def to_dict(self) -> dict[str, object]:
        """The entry as JSON can hold it, without text; with the message's id, where it is one."""
        return {
            "first": self.first,
            "last": self.last,
            "status": self.status,
            "reason": self.reason,
            "role": self.role,
            "tokens": self.tokens,
            "id": None if self.message is None else self.message.id,
        }


class Explanation(msgspec.Struct, frozen=True):
    """Why each stored message is in a context, or is not; ``str()`` makes a table of it.

    Attributes:
        total: how many messages are stored.
        window_turns: how many turns were allowed; None for any number.
        tokens: of the context.
        given: those of the call's system message, which is not stored.
        summary: what is summarised; None where nothing is.
        summary_in: whether the summary is in the context.
        failure: that the last attempts to summarise failed.
        entries: oldest first; their positions are 1 to ``total``, each once. Messages that were
            not read, and long runs of messages that are out, are one entry.
    """

    total: int
    window_turns: int | None
    tokens: Tokens
    given: int
    summary: Summary | None
    summary_in: bool
    failure: SummaryFailure | None
    entries: tuple[Entry, ...]

    def to_dict(self) -> dict[str, object]:
        """The explanation as JSON can hold it, without any text of messages."""
        tokens = msgspec.structs.asdict(self.tokens) | {"total": self.tokens.total}
        return {
            "messages": self.total,
            "window_turns": self.window_turns,
            "tokens": tokens | {"given": self.given},
            "summary": self._summary(),
            "failure": self._failure(),
            "entries": [entry.to_dict() for entry in self.entries],
        }

    def _summary(self) -> dict[str, object] | None:
        found = self.summary
        if found is None:
            return None
        return {
            "in": self.summary_in,
            "covers": found.covers,
            "created_at": _iso(found.created_at),
            "by": found.by,
            "id": found.id,
        }

    def _failure(self) -> dict[str, object] | None:
        found = self.failure
        if found is None:
            return None
        return {
            "reason": found.reason,
            "cause": found.cause,
            "times": found.times,
            "at": _iso(found.at),
            "retry_at": _iso(found.retry_at),
        }

    def heading(self) -> list[str]:
        """Sums, limits, the summary and its last failure in words, a line each."""
        tokens, limits = self.tokens, []
        used = sum(entry.last - entry.first + 1 for entry in self.entries if entry.status == "in")
        if tokens.limit is not None:
            spare = f" beside a reserve of {tokens.reserve:,}" if tokens.reserve else ""
            limits.append(f"{tokens.limit:,} tokens{spare}")
        if self.window_turns is not None:
            limits.append(_times(self.window_turns, "turn"))
        parts = f"{tokens.system:,} system, {tokens.summary:,} summary, {tokens.history:,} history"
        lines = [
            f"in:      {used:,} of {_times(self.total, 'stored message')}",
            f"tokens:  {tokens.total:,} ({parts})",
            f"limits:  {', '.join(limits) or 'none'}",
        ]
        if self.summary is not None:
            found, place = self.summary, "in" if self.summary_in else "left out"
            what = f"messages 1-{found.covers:,}" if found.covers else "messages that were removed"
            lines.append(
                f"summary: {place}, of {what}, by {found.by!r}, written {_when(found.created_at)}"
            )
        if self.failure is not None:
            failed = self.failure
            cause = f" ({failed.cause})" if failed.cause else ""
            lines.append(
                f"failure: {failed.reason}{cause}, {_times(failed.times, 'time')}, "
                f"last {_when(failed.at)}, next try {_when(failed.retry_at)}"
            )
        return lines

    def __str__(self) -> str:
        return "\n".join([*self.heading(), "", *_table(self.entries)])


def explained(fitted: Fitted, tokens: Tokens, costs: Costs) -> Explanation:
    """The explanation of a context.

    Args:
        fitted: what it is made of.
        tokens: its sums.
        costs: tokens of messages.
    """
    return Explanation(
        fitted.view.total,
        fitted.limits.window_turns,
        tokens,
        0 if fitted.system is None else costs.of(fitted.system),
        fitted.view.summary,
        fitted.summary is not None,
        fitted.view.failure,
        tuple(_brief(_entries(fitted, costs))),
    )


def _entries(fitted: Fitted, costs: Costs) -> Iterator[Entry]:
    """One for each message that was read, and one for those between that were not."""
    view, leading = fitted.view, len(fitted.view.leading)
    for position, message in enumerate(view.leading, 1):
        yield _entry(position, ("in", None), message, costs)
    read = view.total - len(view.newest)
    for first, last in ((leading + 1, view.covered), (view.covered + 1, view.total)):
        if first <= min(last, read):
            status, reason = _older(fitted) if first > view.covered else _covered(fitted)
            yield Entry(first, min(last, read), status, reason)
    for position in range(max(read, leading) + 1, view.covered + 1):
        yield _entry(position, _covered(fitted), view.newest[position - read - 1], costs)
    history = fitted.history.messages
    fates = _fates(fitted)
    for position, message in enumerate(history, view.total - len(history) + 1):
        yield _entry(position, next(fates), message, costs)


def _covered(fitted: Fitted) -> _Fate:
    """What became of the messages that the summary covers."""
    if fitted.summary is not None:
        return "summarised", None
    return "dropped", "window" if fitted.limits.window_turns == 0 else "budget"


def _older(fitted: Fitted) -> _Fate:
    """What became of the messages before those that the limits allow."""
    return "dropped", fitted.choice.closed_by


def _fates(fitted: Fitted) -> Iterator[_Fate]:
    """What became of the messages of the history."""
    kept = set(fitted.choice.kept)
    for index, message in enumerate(fitted.history.messages):
        if index in kept:
            yield "in", None
        elif index < fitted.choice.start:
            yield _older(fitted)
        elif message.role == "damaged":
            yield "damaged", None
        else:
            yield "dropped", "remove" if message.role == "remove" else "orphan"


def _entry(position: int, fate: _Fate, message: Message, costs: Costs) -> Entry:
    tokens = 0 if message.role == "damaged" else costs.of(message)
    return Entry(position, position, *fate, message.role, tokens, message)


def _brief(entries: Iterable[Entry]) -> Iterator[Entry]:
    """The same with long runs as ranges."""
    for (fate, read), run in groupby(entries, lambda entry: (entry.fate, bool(entry.role))):
        same = list(run)
        if len(same) <= LONG_RUN or fate == "in" or not read:
            yield from same
            continue
        roles = {entry.role for entry in same}
        yield Entry(
            same[0].first,
            same[-1].last,
            same[0].status,
            same[0].reason,
            roles.pop() if len(roles) == 1 else None,
            sum(entry.tokens or 0 for entry in same),
        )


_HEADINGS = ("messages", "role", "status", "tokens")


def _table(entries: Sequence[Entry]) -> list[str]:
    rows = [_HEADINGS, *map(_row, entries)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS))]
    return [
        f"{place:<{widths[0]}}  {role:<{widths[1]}}  {fate:<{widths[2]}}  {tokens:>{widths[3]}}"
        for place, role, fate, tokens in rows
    ]


def _row(entry: Entry) -> tuple[str, str, str, str]:
    place = f"{entry.first:,}"
    if entry.last > entry.first:
        place += f"-{entry.last:,}"
    tokens = "not read" if entry.tokens is None else f"{entry.tokens:,}"
    return place, entry.role or "", entry.fate, tokens


def _times(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _when(time: datetime | None) -> str:
    return "unknown" if time is None else f"{time:%Y-%m-%d %H:%M:%S} UTC"


def _iso(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat()
