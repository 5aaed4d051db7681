"""Which messages of a source are the history: what each memory object asks for."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile
from typing import Any

import msgspec

from redialog import groups, turns
from redialog.context import Limits, View, fit
from redialog.errors import BudgetTooSmall
from redialog.memory.steps import Steps
from redialog.messages import Message
from redialog.summary import RollingSummary, as_message
from redialog.tokens import Costs, Counter

MAX_LEADING = 16
"""So many system messages at the beginning are always kept, as in every context."""

ROOM = 3
"""A session is read up to so many times what may be given: beside it there are system messages, and
where the summariser fails more than may be given."""


class Wanted(msgspec.Struct, frozen=True):
    """What a memory object asks for: everything, but for one of the limits.

    Attributes:
        turns: so many of the newest turns.
        tokens: so many tokens; with a policy only of what no summary covers.
        policy: of the summary that stands for what is older.
        counter: of tokens.
    """

    turns: int | None = None
    tokens: int | None = None
    policy: RollingSummary | None = None
    counter: Counter | None = None


def of_session(session: Any, wanted: Wanted) -> Steps[Sequence[Message]]:
    """Reads what is wanted from a session.

    Cost: the round trips of `Session.messages`, `Session.window` or `Session.context`.
    """
    if wanted.policy is not None:
        return (yield from _summarised(session, wanted, wanted.policy))
    if wanted.tokens is not None:
        try:
            context = yield session.context(max_tokens=wanted.tokens, counter=wanted.counter)
        except BudgetTooSmall:
            return []
        return context.messages  # type: ignore[no-any-return]
    if wanted.turns is not None:
        return usable((yield session.window(turns=wanted.turns)))
    return usable((yield session.messages()))


def _summarised(session: Any, wanted: Wanted, policy: RollingSummary) -> Steps[Sequence[Message]]:
    tokens, counter = wanted.tokens or 0, wanted.counter
    room = ROOM * (tokens + policy.summary_max_tokens)

    def context(room: int) -> Any:
        return session.context(max_tokens=room, summarizer=policy, counter=counter)

    try:
        try:
            made = yield context(room)
            beside = made.tokens.system
        except BudgetTooSmall as error:
            beside = error.needed
        if beside > tokens:
            # System messages of that size would take the room that all else has.
            made = yield context(room + beside)
        return bounded(made.messages, tokens, Costs(counter))
    except BudgetTooSmall:
        # The newest turn alone is larger: there is what stands before it.
        made = yield session.context(window_turns=0)
        found = yield session.summary()
        return [*made.messages, *([] if found is None else [as_message(found)])]


def of_view(view: View, wanted: Wanted) -> Sequence[Message]:
    """What is wanted of a chat history, all of which was read."""
    if wanted.tokens is not None:
        costs, within = Costs(wanted.counter), Limits(max_tokens=wanted.tokens)
        summarised = wanted.policy is not None
        try:
            if summarised:
                return bounded(_fitted(view, Limits(), costs), wanted.tokens, costs)
            return _fitted(view, within, costs)
        except BudgetTooSmall:
            return _before(_fitted(view, Limits(), costs)) if summarised else []
    if wanted.turns is None:
        return usable(view.newest)
    newest = turns.newest_turns(view.newest, wanted.turns, whole=True) if wanted.turns else None
    return usable(view.newest[newest:]) if wanted.turns else []


def bounded(messages: Sequence[Message], tokens: int, costs: Costs) -> Sequence[Message]:
    """A context whose messages, but for the system ones and the summary before them, are bounded.

    Raises:
        BudgetTooSmall: the newest user message and what came last do not fit.
    """
    before = _before(messages)
    raw = messages[len(before) :]
    view = View(len(raw), (), raw)
    return [*before, *_fitted(view, Limits(max_tokens=tokens), costs)] if raw else before


def usable(messages: Sequence[Message]) -> Sequence[Message]:
    """The messages without what no model may be given."""
    units = groups.units(messages, begins=True)
    return [message for message, unit in zip(messages, units, strict=True) if unit != groups.OUT]


def leading(messages: Sequence[Message]) -> Sequence[Message]:
    """The system messages at the beginning of a conversation."""
    return _before(messages[:MAX_LEADING])


def _before(messages: Sequence[Message]) -> Sequence[Message]:
    return list(takewhile(lambda message: message.role == "system", messages))


def _fitted(view: View, limits: Limits, costs: Costs) -> Sequence[Message]:
    context = fit(view, limits, costs, None)
    assert context is not None  # noqa: S101 - all was read
    return context.messages
