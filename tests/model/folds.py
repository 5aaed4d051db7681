"""Steps in which summaries are planned, kept and given up, in any order and beside all others."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import takewhile
from typing import Any, NamedTuple, TypeAlias

import msgspec
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from redialog import Conflict, Message, OwnerMismatch, RollingSummary, Summary, codec, folding
from redialog import summary as summary_values
from redialog.context import View
from redialog.folding import Fold
from redialog.ops import context
from redialog.ops import fold as fold_ops
from redialog.summary import Retention
from redialog.testing import Companions, Handle, Kept, Planned
from redialog.tokens import Costs
from tests.model.real import Real
from tests.model.sides import FOREIGN, IDS, STEP, numbers, users
from tests.model.writes import Writes

LEASE = 2 * STEP
MOST = 3
COSTS = Costs(lambda _: 10)
POLICIES: dict[Retention, RollingSummary] = {
    retention: RollingSummary(
        lambda *_: "",
        trigger_tokens=60,
        keep_turns=1,
        retention=retention,
        timeout=(LEASE - fold_ops.LEASE_MARGIN_MS) / 1000,
    )
    for retention in ("keep", "drop")
}
retentions = st.sampled_from(["keep", "keep", "drop"])

# What a process took for the beginning of what is to be folded, or of all that is never folded.
Other: TypeAlias = dict[str, int]
OTHER = [{"first": 1}, {"first": 2}, {"first": 3}, {"spare": 0}, {"spare": 2}, {"again": 1}]
others: st.SearchStrategy[Other] = st.sampled_from([{}, {}, {}, {}, *OTHER])


class Begun(NamedTuple):
    """A summary that somebody is writing.

    Attributes:
        handle: under which.
        fold: what the summariser gets.
        plan: the same for the model.
    """

    handle: Handle
    fold: Fold
    plan: Planned


class Folds(Writes):
    """Summaries, several at a time."""

    def __init__(self, real: Real) -> None:
        super().__init__(real)
        self.begun: list[Begun] = []

    def session(self, which: int) -> str:
        """A session that is there, or else any."""
        found = sorted(self.model.logs) or IDS
        return found[which % len(found)]

    @rule(which=numbers, user_id=users, manual=st.booleans())
    def begin(self, which: int, user_id: str | None, manual: bool) -> None:
        """What is to be folded is found, and the lease is taken."""
        handle, token = Handle(self.session(which), user_id), self.fresh("t")
        policy = POLICIES["keep"]

        def real() -> object:
            fold = self.real.run(
                fold_ops.plan(self.write(handle, token), policy, COSTS, manual=manual)
            )
            return None if fold is None else (fold, fold.previous)

        def model() -> object:
            plan = self.due(handle.session_id, policy, manual=manual)
            if plan is None or self.model.lease(handle.session_id, token, LEASE) is not None:
                return None
            self.begun.append(Begun(handle, folded(token, plan), plan))
            return self.begun[-1].fold, self.previous(handle.session_id)

        self.both(lambda: shown(real()), lambda: shown(model()))

    def due(self, session_id: str, policy: RollingSummary, *, manual: bool) -> Planned | None:
        """What must be folded, of a session that is read whole."""
        known = self.model.guarded(session_id, None) or Companions(())
        if not manual and known.failed is not None and self.model.now < known.failed.until:
            return None
        view = self.view(session_id)
        over = policy.trigger_tokens // 2 if manual else policy.trigger_tokens
        until, first = folding.due(view, policy, COSTS, over), folding.start(view)
        if until is None or until < first:
            return None
        number = folding.part(view.newest[first - 1 :], until - first + 1, policy, COSTS)
        assert number is not None
        return self.planned(session_id, first, number)

    def view(self, session_id: str) -> View:
        """A session as a context sees it, whole."""
        known = self.model.guarded(session_id, None) or Companions(())
        elements = self.model.elements(session_id)
        newest = known.rolling.newest(elements)
        positions = range(-1, -1 - len(elements), -1)
        messages = codec.decode_many(elements, key="", positions=positions)
        covers = 0 if newest is None else known.rolling.covers(newest)
        shown = None if newest is None else Summary("", covers, None, None, "", 0, newest.id)
        return View(len(elements), leading(messages), messages, shown)

    def planned(self, session_id: str, first: int, number: int) -> Planned:
        """So many messages from a place on, to be added to the summary that there is."""
        known = self.model.guarded(session_id, None) or Companions(())
        elements = self.model.elements(session_id)
        newest = known.rolling.newest(elements)
        return Planned(
            "" if newest is None else newest.id,
            first,
            elements[first - 1 : first - 1 + number],
            known.rolling.shift,
            len(self.view(session_id).leading),
        )

    def previous(self, session_id: str) -> str | None:
        """The text of the summary that there is."""
        found = self.model.summaries(session_id)
        return msgspec.json.decode(found[-1][2])["text"] if found else None

    @precondition(lambda self: self.model.logs)
    @rule(
        which=numbers,
        user_id=users,
        number=numbers,
        other=others,
        leased=st.booleans(),
    )
    def begin_any(
        self, which: int, user_id: str | None, number: int, other: Other, leased: bool
    ) -> None:
        """More than one process works at once: a lease has expired, or somebody needs none."""
        handle, token = Handle(self.session(which), user_id), self.fresh("t")
        one = handle.session_id
        kept = self.model.companions.get(one)
        if kept is not None and kept.newer:
            return
        if leased:
            key = self.keys(one).lease
            self.both(
                lambda: self.raw.set(key, token, nx=True, get=True, px=LEASE),
                lambda: (held := self.model.lease(one, token, LEASE)) and held.encode(),
            )
        view = self.view(one)
        first = other.get("first", folding.start(view))
        # One stays, most of the time.
        number = 1 + (number % max(view.total - first, 1) if number < 7 else number)
        if "again" in other and view.summary is not None:
            # It was not readable.
            first = kept.rolling.spare + 1 if kept is not None else 1
            number = view.summary.covers - first + 1
        plan = self.planned(one, first, number)
        plan = msgspec.structs.replace(plan, spare=other.get("spare", plan.spare))
        if plan.elements:
            self.begun.append(Begun(handle, folded(token, plan), plan))

    @precondition(lambda self: self.begun)
    @rule(
        which=st.sampled_from([0, 0, 1, 2, 3]),
        retention=retentions,
        other=st.sampled_from([None, None, None, "ada", "bob"]),
    )
    def commit(self, which: int, retention: Retention, other: str | None) -> None:
        """The summariser has answered, at once or late."""
        begun = self.begun[-1 - which % len(self.begun)]
        handle, text = begun.handle, self.fresh("summary ")
        if other is not None:
            handle = msgspec.structs.replace(handle, user_id=other)
        policy, token = POLICIES[retention], begun.fold.id
        self.internal.add(token)

        def real() -> object:
            op = fold_ops.commit(self.write(handle, token), begun.fold, text, 5, policy)
            with kept_at_most(MOST):
                return self.real.run(op)

        def model() -> object:
            last_id = begun.fold.last_id
            stored = summary_values.stored(text, by=policy.name, tokens=5, last_id=last_id)
            drop = retention == "drop"
            try:
                self.model.fold(handle, token, begun.plan, stored, most=MOST, drop=drop)
            except Conflict as error:
                self.model.unfold(handle, token, "")
                if isinstance(error, OwnerMismatch):
                    raise
                return False
            return True

        self.do(handle, token, real, model)

    @precondition(lambda self: self.model.logs)
    @rule(which=numbers, number=numbers, retention=retentions)
    def fold(self, which: int, number: int, retention: Retention) -> None:
        """A summary is written, and nobody comes between."""
        self.begin_any(which, None, number, {}, True)
        if self.begun:
            self.commit(0, retention, None)

    @precondition(lambda self: self.model.logs)
    @rule(which=numbers, times=st.integers(1, 7), other=st.sampled_from([None, None, "bob"]))
    def fail(self, which: int, times: int, other: str | None) -> None:
        """A summariser fails, and fails again; at times it is not known whose session it is."""
        for _ in range(times):
            self.begin_any(which, None, 0, {}, True)
            if self.begun:
                self.give_up(0, "failed", other)

    @precondition(lambda self: self.begun)
    @rule(
        which=st.sampled_from([0, 0, 1, 2]),
        reason=st.sampled_from(["", "failed", "timeout"]),
        other=st.sampled_from([None, None, "bob"]),
    )
    def give_up(self, which: int, reason: str, other: str | None) -> None:
        """The summariser has failed, or there was nothing to do."""
        begun = self.begun[-1 - which % len(self.begun)]
        handle = begun.handle
        if other is not None:
            handle = msgspec.structs.replace(handle, user_id=other)

        def model() -> None:
            self.model.unfold(handle, begun.fold.id, reason)

        by = self.write(handle, begun.fold.id)
        self.both(lambda: self.real.run(fold_ops.give_up(by, reason)), model)

    @rule(which=numbers, position=numbers, element=st.sampled_from(FOREIGN), edge=st.booleans())
    def foreign_set(self, which: int, position: int, element: bytes, edge: bool) -> None:
        """Another client puts another element into a log, also where a summary ends."""
        one = self.session(which)
        places = [kept.place for kept in self.kept(one) if kept.place is not None]
        if edge and places:
            position = places[position % len(places)] - 1
        if position < len(self.model.elements(one)):
            run: Any = self.raw.lset
            run(self.keys(one).log, -position - 1, element)
            self.model.foreign_set(one, position, element)

    @precondition(lambda self: any(self.kept(one) for one in self.model.companions))
    @rule(which=numbers)
    def foreign_damage(self, which: int) -> None:
        """Another client writes over a summary."""
        found = [(one, kept) for one in sorted(self.model.companions) for kept in self.kept(one)]
        one, kept = found[-1 - which % len(found)]
        self.raw.hset(self.keys(one).meta, f"summary:{kept.id}", "nothing")
        self.model.foreign_damage(one, kept.id)

    def kept(self, session_id: str) -> Sequence[Kept]:
        """The summaries that lie with a session, whether they stand or not."""
        found = self.model.companions.get(session_id)
        return () if found is None else found.rolling.kept


def leading(messages: Sequence[Message]) -> list[Message]:
    """The system messages at the beginning."""
    few = messages[: context.MAX_LEADING]
    return list(takewhile(lambda message: message.role == "system", few))


def folded(token: str, plan: Planned) -> Fold:
    """What a process knows that has read these messages."""
    last = plan.first + len(plan.elements) - 1
    position = range(-plan.first, -last - 1, -1)
    messages = codec.decode_many(plan.elements, key="", positions=position)
    parts = [hashlib.sha1(element).hexdigest() for element in plan.elements]
    return Fold(
        id=token,
        base=plan.base.encode(),
        previous=None,
        messages=messages,
        first=plan.first + plan.shift,
        last=last + plan.shift,
        digest=hashlib.sha1("".join(parts).encode()).hexdigest(),
        spare=plan.spare,
        last_id=messages[-1].id if messages else None,
        tokens=0,
    )


def shown(found: object) -> object:
    """What of a fold and the summary before it both sides can tell."""
    if not isinstance(found, tuple):
        return found
    fold, previous = found
    return msgspec.structs.replace(fold, previous=previous, tokens=0)


@contextmanager
def kept_at_most(number: int) -> Iterator[None]:
    """More summaries than that are not kept, as otherwise more than sixteen are not."""
    before, fold_ops.KEPT = fold_ops.KEPT, number
    try:
        yield
    finally:
        fold_ops.KEPT = before
