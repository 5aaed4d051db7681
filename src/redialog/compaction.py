"""Contexts and rolling summaries, from a user's call to its steps.

A summariser is the application's: it is never called inside an operation. So these are **flows**:
generators that yield operations, and between two of them an `Ask`, which the facade's driver
carries out (`redialog.callbacks`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from redialog import folding
from redialog.callbacks import Ask, Flow
from redialog.context import Context, Limits, fit
from redialog.effect import Op
from redialog.errors import ConfigurationError, RedialogError, SummaryError
from redialog.messages import Content, Message
from redialog.ops import context as context_ops
from redialog.ops import fold as fold_ops
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


def context(plan: SessionPlan, wanted: Wanted) -> Flow[Made]:
    """What `Session.context` does.

    Raises:
        ConfigurationError: an argument is not usable.
        BudgetTooSmall: what is always kept does not fit.
        CounterError: the counter failed.
    """
    limits = Limits.checked(wanted.window_turns, wanted.max_tokens, wanted.reserve)
    costs = Costs(wanted.counter)
    system = _system(wanted.system)
    policy = None if wanted.summarizer is None else RollingSummary.of(wanted.summarizer)
    reading = _Reading(limits, costs, system, policy)
    made, due = yield plan.reading(reading.op(plan))
    if not due or policy is None:
        return Made(made, None)
    if policy.when == "background":
        return Made(made, _quiet(plan, policy, costs, None))
    yield from _quiet(plan, policy, costs, 1)
    # Once more: the fold has changed what is seen, or its failure should be told.
    made, _ = yield plan.reading(_Reading(limits, costs, system, None).op(plan))
    return Made(made, None)


def compact(
    plan: SessionPlan, summarizer: Summarizer | RollingSummary, counter: Counter | None
) -> Flow[Summary | None]:
    """What `Session.compact` does.

    Raises:
        ConfigurationError: an argument is not usable.
        SummaryError: the summariser failed; what was folded before stays folded.
    """
    policy, costs = RollingSummary.of(summarizer), Costs(counter)
    folded = yield from _folded(plan, policy, costs, manual=True, calls=None)
    if not folded:
        return None
    found = yield fold_ops.summaries(plan.fresh_write())
    return found[0] if found else None


def summaries(plan: SessionPlan) -> Op[list[Summary]]:
    """What `Session.summaries` asks for."""
    return plan.reading(fold_ops.summaries(plan.fresh_write()))


def latest(plan: SessionPlan) -> Op[Summary | None]:
    """What `Session.summary` asks for."""
    found = yield from summaries(plan)
    return found[0] if found else None


class _Reading(NamedTuple):
    limits: Limits
    costs: Costs
    system: Message | None
    policy: RollingSummary | None

    def op(self, plan: SessionPlan) -> Op[tuple[Context, bool]]:
        """The read behind a context, and whether messages should be folded."""
        return context_ops.seen(plan.keys, self._guess(), self._wanted())

    def _wanted(self) -> Callable[[Look], tuple[Context, bool] | None]:
        policy = self.policy
        folds = policy is not None and policy.when != "manual"

        def wanted(look: Look) -> tuple[Context, bool] | None:
            due: int | None = 0
            if policy is not None and folds and not fold_ops.paused(look):
                due = folding.due(look.view, policy, self.costs, policy.trigger_tokens)
            if due is None:
                return None
            made = fit(look.view, self.limits, self.costs, self.system)
            return None if made is None else (made, due >= folding.start(look.view))

        return wanted

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
    folded = False
    while calls is None or calls > 0:
        write = plan.fresh_write()
        fold = yield fold_ops.plan(write, policy, costs, manual=manual)
        if fold is None:
            break
        try:
            text = yield Ask(policy.summarizer, fold.previous, fold.messages, policy.timeout)
            tokens = folding.accepted(text, fold.tokens, policy, costs)
        except SummaryError as error:
            yield fold_ops.give_up(write, error.reason)
            raise
        kept = yield fold_ops.commit(write, fold, text, tokens, policy)
        folded = folded or kept
        calls = None if calls is None else calls - 1
        if not kept and not manual:
            break
    return folded


def _system(value: Content | Message | None) -> Message | None:
    if value is None:
        return None
    message = value if isinstance(value, Message) else Message.system(value)
    if message.role != "system":
        raise ConfigurationError("system must be text or a system message")
    return message
