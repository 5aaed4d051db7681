"""Steps on sessions that are long enough for summaries, and none that do nothing to those."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from redialog.summary import Retention
from redialog.testing import Handle
from tests.model.folds import Other, others, retentions
from tests.model.others import Others
from tests.model.sides import FOREIGN, IDS, KINDS, TICK, ids, numbers

talks = st.lists(st.sampled_from([*KINDS, "user", "user", "system"]), min_size=5, max_size=9)
without: Any = None

BETWEEN = ["cut", "talk", "fold", "set", "replace", "remove", "rewind"]


class Summarised(Others):
    """Two sessions, and the copies that become of them."""

    @initialize(kinds=talks, owner=st.sampled_from([None, "ada"]))
    def some_sessions(self, kinds: Sequence[str | int], owner: str | None) -> None:
        """What is there at the beginning: the second one has instructions for the model."""
        for handle, leading in ((Handle(IDS[0], owner), 0), (Handle(IDS[-1]), 2)):
            super().append(handle, ["system"] * leading + list(kinds), None, False)
            self.passes(TICK)

    def session(self, which: int) -> str:
        """A session that is there, more often one with a summary."""
        found = sorted(self.model.logs) or IDS
        chosen = [one for one in found if self.kept(one)]
        return (
            (chosen or found)[which // 2] if which // 2 < len(chosen) else found[which % len(found)]
        )

    @rule(which=numbers, kinds=talks, cap=st.sampled_from([None, None, 3, 6, 9]))
    def talk(self, which: int, kinds: Sequence[str | int], cap: int | None) -> None:
        """A conversation goes on, in a session of any length or of a few messages."""
        super().append(Handle(self.session(which)), kinds, cap, False)

    @precondition(lambda self: self.model.logs)
    @rule(
        which=numbers,
        numbers=st.lists(st.integers(0, 2), min_size=2, max_size=4),
        retention=retentions,
    )
    def fold_often(self, which: int, numbers: Sequence[int], retention: Retention) -> None:
        """More summaries than are dropped at once; the last one perhaps with what it covers."""
        for number in numbers[1:]:
            self.fold(which, number, "keep")
        self.fold(which, numbers[0], retention)

    @precondition(lambda self: self.model.logs)
    @rule(
        which=numbers,
        number=numbers,
        other=others,
        between=st.sampled_from(BETWEEN),
        position=numbers,
        retention=retentions,
        late=st.sampled_from([0, 0, 0, 1]),
    )
    def fold_late(
        self,
        *,
        which: int,
        number: int,
        other: Other,
        between: str,
        position: int,
        retention: Retention,
        late: int,
    ) -> None:
        """Something happens while a summariser is at work; at times its answer comes even later."""
        handle = Handle(self.session(which))
        self.begin_any(which, None, number, other, False)
        if between == "cut":
            self.append_with_a_cut(handle, ["user"], position % 3, 1 + number % 3, "")
        elif between == "talk":
            self.talk(which, ["user", "assistant"], 2 + position)
        elif between == "fold":
            self.fold(which, position, retention)
        elif between == "set":
            self.foreign_set(which, position, FOREIGN[0], False)
        else:
            self.edit(handle, position, between, False, ["user" if number % 2 else "system"])
        if self.begun:
            self.commit(late, retention, None)

    @rule(
        which=numbers,
        position=numbers,
        action=st.sampled_from(["replace", "remove", "rewind"]),
        kinds=st.sampled_from([["user"], ["system"]]),
    )
    def edit_one(self, which: int, position: int, action: str, kinds: Sequence[str]) -> None:
        """A message becomes another one, or goes."""
        self.edit(Handle(self.session(which)), position, action, False, kinds)

    @precondition(lambda self: self.instructed())
    @rule(
        which=numbers,
        position=numbers,
        action=st.sampled_from(["replace", "replace", "remove", "rewind"]),
        kinds=st.sampled_from([["user"], ["user"], ["system"]]),
    )
    def edit_the_beginning(
        self, which: int, position: int, action: str, kinds: Sequence[str]
    ) -> None:
        """The instructions to the model, below a summary, become others, or none."""
        one = self.instructed()[which % len(self.instructed())]
        position %= self.model.companions[one].rolling.spare
        self.edit(Handle(one), position, action, False, kinds)

    def instructed(self) -> list[str]:
        """The sessions with a summary and system messages below it."""
        known = self.model.companions
        return [one for one in sorted(self.model.logs) if one in known and known[one].rolling.spare]

    @rule(which=numbers, spare=st.integers(0, 3), drop=st.integers(1, 4))
    def cut_one(self, which: int, spare: int, drop: int) -> None:
        """A few of the oldest messages go, below a summary, within it or beyond."""
        self.append_with_a_cut(Handle(self.session(which)), ["user"], spare, drop, "")

    @rule(which=numbers, new_id=ids, at=st.none() | numbers)
    def fork_one(self, which: int, new_id: str, at: int | None) -> None:
        """A copy, with the summaries that speak for it."""
        self.fork(Handle(self.session(which)), new_id, at, False)

    @rule(
        which=numbers,
        how=st.sampled_from(["clear", "evict", "delete", "oldest", *["newest", "append"] * 2]),
        count=st.integers(1, 3),
    )
    def others_come(self, which: int, how: str, count: int) -> None:
        """Of all that ends summaries, one at a time: they would not become many else."""
        one = self.session(which)
        if how == "clear":
            super().clear(Handle(one))
        elif how == "evict":
            super().foreign_evict(one)
        elif how == "delete":
            super().foreign_delete(one)
        elif how == "append":
            super().foreign_append(one, FOREIGN[:count])
        else:
            super().foreign_trim(one, **{"oldest": 0, "newest": 0, how: count})

    clear = foreign_evict = foreign_delete = foreign_trim = foreign_append = without
    append = append_in_parts = stage = stage_is_lost = publish = snapshot = without
    listing = drop = forget = note = remove_all = edit_by_id = use_a_token_again = without
    expire = touch = read_and_renew = time_passes = scripts_are_lost = without
    foreign_begins_anew = foreign_expire = expire_now = foreign_upgrade = without

    # Those of other classes that are no steps here by themselves.
    def edit(self, *given: Any) -> None:
        """A step of others."""
        super().edit(*given)

    def fork(self, *given: Any) -> None:
        """A step of others."""
        super().fork(*given)

    def append_with_a_cut(self, *given: Any) -> None:
        """A step of others."""
        super().append_with_a_cut(*given)

    def begin_any(self, *given: Any) -> None:
        """A step of others."""
        super().begin_any(*given)
