"""Contexts and rolling summaries, from a user's call to its steps.

A summariser is the application's: it is never called inside an operation. So these are **flows**:
generators that yield operations, and between two of them an `Ask`, which the facade's driver
carries out (`redialog.callbacks`).
"""

from __future__ import annotations

from typing import Any, NamedTuple

from redialog import folding
from redialog.callbacks import Ask, Flow
from redialog.context import Context, Limits, fit
from redialog.effect import Op
from redialog.errors import (
    ConfigurationError,
    Conflict,
    RedialogError,
    SummaryError,
    TransportError,
)
from redialog.messages import Content, Message
from redialog.ops import context as context_ops
from redialog.ops import fold as fold_ops
from redialog.ops._scripts import RESTARTS
from redialog.ops.context import Look
from redialog.plan import SessionPlan
from redialog.summary import RollingSummary, Summarizer, Summary
from redialog.tokens import Costs, Counter


class Wanted(NamedTuple):
    """What a context is asked for; the fields are the arguments of `Session.context`."""

    window_turns: int | None
    max_tokens: int | None
    reserve: int
    system: Content | Message | None
    summarizer: Summarizer | RollingSummary | None
    counter: Counter | None


class Made(NamedTuple):
    """A context, and the fold that should run beside it, where there is one."""

    context: Context
    behind: Flow[None] | None


def context(plan: SessionPlan, wanted: Wanted, first: Op[Any] | None) -> Flow[Made]:
    """What `Session.context` does.

    Args:
        plan: of the session.
        wanted: the arguments of the call.
        first: an append, of what shall be seen.

    Raises:
        ConfigurationError: an argument is not usable.
        BudgetTooSmall: what is always kept does not fit.
        CounterError: the counter failed.
    """
    limits = Limits.checked(wanted.window_turns, wanted.max_tokens, wanted.reserve)
    costs = Costs(wanted.counter, plan.keys.log)
    system = system_message(wanted.system)
    policy = None if wanted.summarizer is None else RollingSummary.of(wanted.summarizer)
    reading = _Reading(limits, costs, system, policy)
    made, due = yield plan.reading(reading.op(plan), first)
    if due is None:
        return Made(made, None)
    if due.when == "background":
        return Made(made, _quiet(plan, due, costs, None))
    yield from _quiet(plan, due, costs, 1)
    # Once more: the fold has changed what is seen, or its failure should be told.
    try:
        made, _ = yield plan.reading(_Reading(limits, costs, system, None).op(plan))
    except TransportError:
        # What was appended is there, and its error would say that nothing was done.
        if first is None:
            raise
    return Made(made, None)


def compact(
    plan: SessionPlan, summarizer: Summarizer | RollingSummary, counter: Counter | None
) -> Flow[Summary | None]:
    """What `Session.compact` does.

    Raises:
        ConfigurationError: an argument is not usable.
        SummaryError: the summariser failed; what was folded before stays folded.
        Conflict: what should be folded was changed again and again.
    """
    policy, costs = RollingSummary.of(summarizer), Costs(counter)
    folded = yield from _folded(plan, policy, costs, manual=True, calls=None)
    if not folded:
        return None
    found = yield fold_ops.summaries(plan.keys)
    return found[0] if found else None


def summaries(plan: SessionPlan) -> Op[list[Summary]]:
    """What `Session.summaries` asks for."""
    return plan.reading(fold_ops.summaries(plan.keys))


def latest(plan: SessionPlan) -> Op[Summary | None]:
    """What `Session.summary` asks for."""
    found = yield from summaries(plan)
    return found[0] if found else None


class _Reading(NamedTuple):
    """What is read for a context, and what decides whether messages should be folded."""

    limits: Limits
    costs: Costs
    system: Message | None
    policy: RollingSummary | None

    def op(self, plan: SessionPlan) -> Op[tuple[Context, RollingSummary | None]]:
        """The read behind a context, and by which policy messages should be folded."""
        guess, looks, known = self._guess(), plan.settings.looks, None
        key = (plan.keys.log, self.limits)
        if self.policy is None:
            known = looks.get(key)
        found = yield from context_ops.seen(
            plan.keys, known or guess, self._wanted, known=known is not None
        )
        if self.policy is None:
            looks.put(key, found[0].next_look(guess))
        return found

    def _wanted(self, look: Look) -> tuple[Context, RollingSummary | None] | None:
        made = fit(look.view, self.limits, self.costs, self.system)
        if made is None:
            return None
        policy = self.policy
        if policy is None or policy.when == "manual" or fold_ops.paused(look):
            return made, None
        # What a limit leaves out should be in the summary, whatever triggers it otherwise.
        if kept := made.left_beside():
            policy = policy.at(min(kept, policy.trigger_tokens))
        due = folding.due(look.view, policy, self.costs, policy.trigger_tokens)
        if due is None:
            return None
        return made, (policy if due >= folding.start(look.view) else None)

    def _guess(self) -> int:
        sizes = []
        if self.limits.window_turns is not None:
            sizes.append(2 * self.limits.window_turns + 2)
        if self.limits.max_tokens is not None:
            sizes.append(fold_ops.guess(self.limits.max_tokens))
        least = min(sizes, default=100)
        if self.policy is not None:
            least = max(least, fold_ops.guess(self.policy.trigger_tokens))
        return least


def _quiet(
    plan: SessionPlan, policy: RollingSummary, costs: Costs, calls: int | None
) -> Flow[None]:
    """Folds, and lets nobody be disturbed where it fails: the messages are there all the same."""
    try:
        yield from _folded(plan, policy, costs, manual=False, calls=calls)
    except RedialogError:
        return


def _folded(
    plan: SessionPlan,
    policy: RollingSummary,
    costs: Costs,
    *,
    manual: bool,
    calls: int | None,
) -> Flow[bool]:
    """Folds until nothing is due, with so many calls of the summariser at most.

    Returns:
        Whether anything was folded.
    """
    folded, lost = False, 0
    while calls is None or calls > 0:
        write = plan.fresh_write()
        fold = yield fold_ops.plan(write, policy, costs, manual=manual)
        if fold is None:
            break
        try:
            text = yield Ask(policy.summarizer, fold.previous, fold.messages, policy.timeout)
            tokens = folding.accepted(text, fold.tokens, policy, costs)
        except BaseException as error:
            if not isinstance(error, GeneratorExit):
                yield fold_ops.give_up(write, _why(error))
            raise
        kept = yield fold_ops.commit(write, fold, text, tokens, policy)
        folded, lost = folded or kept, 0 if kept else lost + 1
        calls = None if calls is None else calls - 1
        if not kept and not manual:
            break
        if lost == RESTARTS:
            raise Conflict("what was folded was changed each time meanwhile; try again")
    return folded


def _why(error: BaseException) -> str:
    """What is noted of a failure: nothing, where the caller was interrupted."""
    if not isinstance(error, Exception):
        return ""
    reason = error.reason if isinstance(error, SummaryError) else "failed"
    cause = error.__cause__ if isinstance(error, SummaryError) else error
    kind = "" if cause is None else type(cause).__name__[:60]
    return f"{reason}.{kind}" if kind.isascii() and kind.isidentifier() else reason


def system_message(value: Content | Message | None) -> Message | None:
    """The system message that a caller gave, as text or as a message.

    Raises:
        ConfigurationError: it is no system message.
    """
    if value is None:
        return None
    message = value if isinstance(value, Message) else Message.system(value)
    if message.role != "system":
        raise ConfigurationError("system must be text or a system message")
    return message
