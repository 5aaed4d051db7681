"""Steps of others: foreign clients, time, listings, and scripts that come too late."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from redialog import replies
from redialog.ops import catalogue
from redialog.ops._scripts import FULL, GONE, TOKEN_TTL_MS, Call, call, mismatch, mutate
from redialog.testing import Companions, Cut, Full, Gone, Handle
from tests.model.appends import edge_of
from tests.model.folds import Folds
from tests.model.sides import (
    FOREIGN,
    STEP,
    USERS,
    handles,
    ids,
    kinds,
    numbers,
    told,
    told_of,
    users,
)
from tests.support.servers import wait_until

foreign = st.lists(st.sampled_from(FOREIGN), min_size=1, max_size=5)
stages = st.sampled_from(["x", "y"])


class Others(Folds):
    """What happens to sessions besides their own application's writes."""

    @precondition(lambda self: self.model.companions)
    @rule(which=numbers, elements=foreign)
    def foreign_begins_anew(self, which: int, elements: list[bytes]) -> None:
        """Another client deletes a log of which more is known, and starts another one."""
        known = sorted(self.model.companions)
        one = known[which % len(known)]
        self.foreign_delete(one)
        self.foreign_append(one, elements)

    @rule(one=ids, elements=foreign)
    def foreign_append(self, one: str, elements: list[bytes]) -> None:
        """Another client writes."""
        self.raw.lpush(self.keys(one).log, *elements)
        self.model.foreign_append(one, elements)

    @rule(one=ids)
    def foreign_delete(self, one: str) -> None:
        """Another client deletes a log."""
        self.raw.delete(self.keys(one).log)
        self.model.foreign_delete(one)

    @rule(one=ids, oldest=st.integers(0, 3), newest=st.integers(0, 3))
    def foreign_trim(self, one: str, oldest: int, newest: int) -> None:
        """Another client cuts a log at its ends."""
        self.raw.ltrim(self.keys(one).log, newest, -oldest - 1)
        self.model.foreign_trim(one, oldest=oldest, newest=newest)

    @rule(one=ids, steps=st.none() | st.integers(1, 6))
    def foreign_expire(self, one: str, steps: int | None) -> None:
        """Another client lets a log expire, and not its companions, or live for ever."""
        if steps is None:
            self.raw.persist(self.keys(one).log)
            self.model.foreign_expire(one, None)
        else:
            self.raw.pexpire(self.keys(one).log, steps * STEP)
            self.model.foreign_expire(one, steps * STEP)

    @rule(one=ids, all_of_it=st.booleans())
    def expire_now(self, one: str, all_of_it: bool) -> None:
        """A log comes to its end, alone or with its companions."""
        keys = self.keys(one)
        for key in [keys.log, keys.meta] if all_of_it else [keys.log]:
            self.raw.pexpire(key, 1)
            wait_until(lambda key=key: not self.raw.exists(key), what="expired")  # type: ignore[misc]
        self.model.foreign_delete(one)
        if all_of_it:
            self.model.foreign_evict(one)

    @rule(one=ids)
    def foreign_evict(self, one: str) -> None:
        """The server needs memory, and companions go."""
        self.raw.delete(self.keys(one).meta)
        self.model.foreign_evict(one)

    @precondition(lambda self: self.model.companions)
    @rule(which=numbers)
    def foreign_upgrade(self, which: int) -> None:
        """A newer redialog takes a session over."""
        known = sorted(self.model.companions)
        one = known[which % len(known)]
        self.raw.hset(self.keys(one).meta, "layout", "2")
        self.model.foreign_upgrade(one)

    @rule(steps=st.sampled_from([1, 1, 2, 3, 10]))
    def time_passes(self, steps: int) -> None:
        """From half a minute to five."""
        self.passes(steps * STEP)

    @rule()
    def scripts_are_lost(self) -> None:
        """The server has restarted, or somebody flushed its scripts."""
        self.raw.script_flush()

    @rule(user_id=users, limit=st.integers(1, 3))
    def listing(self, user_id: str | None, limit: int) -> None:
        """All sessions, a page at a time; what leads to none is dropped on the way."""

        def real() -> object:
            found: list[str] = []
            cursor: str | None = None
            while True:
                page = self.real.run(
                    catalogue.page(self.real.layout, user_id, limit=limit, cursor=cursor)
                )
                assert len(page.sessions) <= limit
                found += [info.session_id for info in page.sessions]
                cursor = page.cursor
                if cursor is None:
                    return found

        self.both(real, lambda: self.model.listing(user_id))

    # One script by itself, as it comes after something else has happened.

    @rule(one=ids, which=st.lists(users, min_size=1, max_size=2, unique=True), known=st.booleans())
    def note(self, one: str, which: list[str | None], known: bool) -> None:
        """An activity is noted, of which nothing may come."""
        self.script("note", self.catalogues(one, which), [one, "XX" if known else ""])
        self.model.note(one, which, known=known)

    @precondition(lambda self: self.places())
    @rule(which=st.integers(0, 11), late=st.booleans())
    def forget(self, which: int, late: bool) -> None:
        """An entry goes after a clear, unless there was an activity since."""
        user_id, one, at = self.places()[which % len(self.places())]
        [key] = self.catalogues(one, [user_id])
        score: Any = self.raw.zscore(key, one)
        self.script("forget", [key], [one, int(score) + (not late)])
        self.model.forget(one, [user_id], at + (not late))

    def places(self) -> list[tuple[str | None, str, int]]:
        """All entries of all catalogues: of whom, which session, and its last activity."""
        found: list[str | None] = [None, *USERS]
        return [(user, *item) for user in found for item in self.model.entries(user).items()]

    @precondition(lambda self: self.places())
    @rule(which=st.integers(0, 11), late=st.sampled_from([False, False, True]))
    def drop(self, which: int, late: bool) -> None:
        """An entry is dropped that somebody has seen, before an activity or after."""
        user_id, one, at = self.places()[which % len(self.places())]
        [key] = self.catalogues(one, [user_id])
        score: Any = self.raw.zscore(key, one)
        keys, shared = self.keys(one, user_id), self.real.shared
        where = [key] if shared else [key, keys.log, keys.meta]
        grace = catalogue.GRACE_MS if shared else 0
        args = [one, int(score) - late, user_id or "", grace]
        self.both(
            lambda: self.script("drop", where, args) == 1,
            lambda: self.model.drop(one, user_id, at - late),
        )

    @rule(
        one=ids,
        name=stages,
        offset=st.integers(0, 3),
        kinds=kinds,
        old=st.none() | st.integers(0, 30),
    )
    def stage(
        self, one: str, name: str, offset: int, kinds: Sequence[str | int], old: int | None
    ) -> None:
        """A part is staged, also out of order, twice, or after the publication."""
        used = [done.token for done in self.done]
        token = self.fresh("t") if old is None or not used else used[-1 - old % len(used)]
        part, keys = self.elements(kinds), self.keys(one)
        where = [keys.stage(name), keys.op(token)]

        def real() -> object:
            code, length = self.script("stage", where, [offset, TOKEN_TTL_MS, *part])
            return ("staged", "done", "missing")[code], length

        self.both(real, lambda: self.model.stage(one, name, token, offset, part))

    @rule(one=ids, name=stages)
    def stage_is_lost(self, one: str, name: str) -> None:
        """The server needs memory, and a stage goes."""
        self.raw.delete(self.keys(one).stage(name))
        self.model.stages.pop((self.model.place(one), name), None)

    @rule(
        handle=handles,
        name=stages,
        more=st.sampled_from([0, 0, 0, 1]),
        new=st.none() | st.sampled_from([(None, 0), ("On forks", 0), ("On forks", 3)]),
    )
    def publish(
        self, handle: Handle, name: str, more: int, new: tuple[str | None, int] | None
    ) -> None:
        """What was staged is published, complete or not, into a new session or an old one."""
        token, one = self.fresh("t"), handle.session_id
        staged = self.model.stages.get((self.model.place(one), name))
        count = more + (0 if staged is None else len(staged.elements)) or 1
        title, trimmed = (None, 0) if new is None else new
        companions = None if new is None else Companions((), title=title, trimmed=trimmed)
        fields = [*(("title", title) if title else ()), *(("trimmed", trimmed) if trimmed else ())]

        def real() -> object:
            tail = [count, "" if new is None else "1", *fields]
            return self.landed("publish", handle, token, "", "", *tail, name=name)

        def model() -> object:
            return self.model.publish(
                handle, token, name, count, digest=token, at=1, new=companions
            )

        self.do(handle, token, real, model)

    @rule(
        handle=handles,
        kinds=kinds,
        spare=numbers,
        drop=numbers,
        other=st.sampled_from(["", "", "", "length", "no edge", "edge"]),
    )
    def append_with_a_cut(
        self,
        handle: Handle,
        kinds: Sequence[str | int],
        spare: int,
        drop: int,
        other: str,
    ) -> None:
        """A cut that was found for the log as it is, or as it was."""
        elements, token = self.elements(kinds), self.fresh("t")
        log = self.model.elements(handle.session_id)
        spare %= len(log) + 1
        drop %= len(log) - spare + len(elements)
        length = len(log) + (other == "length")
        edge = edge_of(log, spare, spare + drop)
        edge = {"no edge": b"", "edge": b"another"}.get(other, edge)
        cut = Cut(2, (spare, drop, length), edge)

        def real() -> object:
            shown = f"2:{spare}:{drop}:{length}"
            return self.landed("append", handle, token, shown, edge, *elements)

        def model() -> object:
            return self.model.append(handle, token, elements, digest=token, at=1, cut=cut)

        self.do(handle, token, real, model)

    def landed(
        self, script: str, handle: Handle, token: str, *tail: Any, name: str | None = None
    ) -> object:
        """What a script answers that appends."""
        by = self.write(handle, token)
        stage = None if name is None else by.keys.stage(name)
        args = [f"{token}:1", TOKEN_TTL_MS, *by.ttl, by.owner, by.keys.member, *tail]
        found = self.real.run(mutate(script, by, args, noted="always", stage=stage))
        if found.code in (FULL, GONE):
            return {FULL: Full, GONE: Gone}[found.code](int(found.answer))
        written, _, at = found.answer.partition(b":")
        if written.decode() != token:
            raise mismatch()
        return int(at)

    @rule(handle=handles, name=stages, which=numbers, changed=st.booleans(), whole=st.booleans())
    def snapshot(self, handle: Handle, name: str, which: int, changed: bool, whole: bool) -> None:
        """A copy is staged, and nothing else comes of it."""
        handle = self.there(handle)
        keys = self.keys(handle.session_id)
        log = self.model.elements(handle.session_id)
        position = which % len(log) if log else 0
        expected = log[position] if log and not changed else b"another"
        place: list[Any] = ["", ""] if whole else [-position - 1, expected]

        def real() -> object:
            where = [keys.log, keys.meta, keys.stage(name)]
            args = [handle.user_id or "", TOKEN_TTL_MS, *place]
            count, *rest = self.script("snapshot", where, args)
            if not rest:
                return None
            _, owner, flat = rest
            return count, owner, told(dict(zip(flat[::2], flat[1::2], strict=True)))

        def model() -> object:
            taken = self.model.snapshot(
                handle, name, *((None, b"") if whole else (position, expected))
            )
            if taken is None:
                return None
            count, kept = taken
            return count, (kept.owner or "").encode(), told_of(kept)

        self.both(real, model)

    def script(self, name: str, keys: Sequence[bytes], args: Sequence[Any]) -> Any:
        """What a script answers."""
        [reply] = self.real.run(call(Call(name, keys, args)))
        return replies.checked(reply, b"")

    def catalogues(self, one: str, which: Sequence[str | None]) -> list[bytes]:
        """The catalogues in which a session stands."""
        keys = self.keys(one)
        assert set(which) <= {None, *USERS}
        return [keys.sessions if user is None else keys.of_user(user.encode()) for user in which]
