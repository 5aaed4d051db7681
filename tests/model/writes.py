"""Steps in which sessions are changed as an application does it, and sent again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from redialog import Conflict, IdempotencyMismatch, Message, NotFound, codec
from redialog.ops import append as append_ops
from redialog.ops import edit, fork, read, session, write
from redialog.ops._scripts import TOKEN_TTL_MS, mismatch, mutate
from redialog.testing import Handle
from tests.model.appends import Appends, Done
from tests.model.sides import IDS, STEP, TICK, handles, ids, kinds, numbers, ttls


class Writes(Appends):
    """Edits, titles, TTLs, clears and forks; and what is sent again."""

    @initialize(
        handles=st.lists(
            handles, min_size=1, max_size=4, unique_by=lambda handle: handle.session_id
        ),
        kinds=kinds,
        title=st.sampled_from(["", "On keys"]),
    )
    def some_sessions(
        self, handles: Sequence[Handle], kinds: Sequence[str | int], title: str
    ) -> None:
        """What is there at the beginning."""
        for handle in handles:
            self.append(handle, kinds, None, False)
            self.set_title(handle, title)
            self.passes(TICK)

    @rule(
        handle=handles,
        position=numbers,
        action=st.sampled_from(["replace", "remove", "rewind"]),
        changed=st.sampled_from([False, False, False, True]),
        kinds=kinds,
    )
    def edit(
        self,
        handle: Handle,
        position: int,
        action: Any,
        changed: bool,
        kinds: Sequence[str | int],
    ) -> None:
        """A message is edited where it was found, or where another lies by now."""
        handle = self.there(handle)
        elements = self.model.elements(handle.session_id)
        position = position % len(elements) if elements else 0
        new, token = self.elements(kinds)[0], self.fresh("t")
        expected = elements[position] if elements and not changed else b"another"

        self.do(
            handle,
            token,
            lambda: self.edited(handle, token, action, position, expected, new),
            lambda: self.predicted(handle, token, action, position, expected, new),
        )

    def edited(self, handle: Handle, token: str, action: str, *where: Any) -> int:
        """How many messages go, as the server says."""
        position, expected, new = where
        by, digest = self.write(handle, token), f"{action} {new.hex()}"
        element = {"replace": new, "remove": b"removed", "rewind": b""}[action]
        sent = "reword" if action == "replace" and is_system(new) else action
        place = [-position - 1, expected, sent, element, digest]
        args = [TOKEN_TTL_MS, *by.ttl, by.owner, by.keys.member, *place]
        asked, _, dropped = self.real.run(mutate("edit", by, args, noted="known")).answer.partition(
            b":"
        )
        if asked.decode() != digest:
            raise mismatch()
        return int(dropped)

    def predicted(self, handle: Handle, token: str, action: str, *where: Any) -> int:
        """The same, as the model says."""
        position, expected, new = where
        digest = f"{action} {new.hex()}"
        if action == "replace":
            system = is_system(new)
            return self.model.replace(
                handle, token, position, expected, new, digest=digest, system=system
            )
        remove_or_rewind = {"remove": self.model.remove, "rewind": self.model.rewind}[action]
        return remove_or_rewind(handle, token, position, expected, digest=digest)

    @rule(handle=handles)
    def remove_all(self, handle: Handle) -> None:
        """A session is emptied, message by message at the end."""
        handle = self.there(handle)
        self.edit(handle, 0, "rewind", False, ["user"])
        self.passes(TICK)
        self.edit(handle, 0, "remove", False, ["user"])

    def placed(self, session_id: str, message_id: str) -> tuple[int, bytes]:
        """The one message with an id of its own."""
        found = [
            (position, element)
            for position, element in enumerate(self.model.elements(session_id))
            if id_of(element) == message_id
        ]
        if not found:
            raise NotFound("no message")
        if len(found) > 1:
            raise Conflict("several")
        return found[0]

    @rule(
        handle=handles,
        which=numbers,
        action=st.sampled_from(["replace", "remove", "rewind"]),
        role=st.sampled_from([Message.user, Message.system]),
    )
    def edit_by_id(
        self, handle: Handle, which: int, action: str, role: Callable[[str], Message]
    ) -> None:
        """A message is found by its id, and edited."""
        handle = self.there(handle)
        message_id = self.an_id(handle.session_id, which)
        token, text = self.fresh("t"), self.fresh("m")

        def real() -> object:
            by = self.write(handle, token)
            if action == "replace":
                new = edit.New(role(text), 1000)
                return self.real.run(edit.replace(by, message_id, new)).id
            op: Any = {"remove": edit.remove, "rewind": edit.rewind}[action](by, message_id)
            return self.real.run(op)

        def model() -> object:
            try:
                position, element = self.placed(handle.session_id, message_id)
            except NotFound:
                if action == "remove":
                    return False
                raise
            if action == "replace":
                new = codec.element(codec.stored(role(text), message_id, 0))
                self.predicted(handle, token, action, position, element, new)
                return message_id
            return self.predicted(handle, token, action, position, element, b"")

        self.both(real, model)

    def an_id(self, session_id: str, which: int) -> str:
        """The id of a message of a session, or one that none has."""
        found = [one for element in self.model.elements(session_id) if (one := id_of(element))]
        return found[which % len(found)] if found else "id-none"

    @rule(handle=handles, title=st.sampled_from(["", "", "On lockers", "On keys"]))
    def set_title(self, handle: Handle, title: str) -> None:
        """A title, or none."""
        token = self.fresh("t")
        self.do(
            handle,
            token,
            lambda: self.real.run(session.set_title(self.write(handle, token), title)),
            lambda: self.model.set_title(handle, token, title),
        )

    @rule(handle=handles, ttl=ttls)
    def expire(self, handle: Handle, ttl: int | None) -> None:
        """A TTL, or none."""
        token = self.fresh("t")
        self.do(
            handle,
            token,
            lambda: self.real.run(write.expire(self.write(handle, token), ttl or "persist")),
            lambda: self.model.expire(handle, token, ttl),
        )

    @rule(handle=handles)
    def touch(self, handle: Handle) -> None:
        """A sign of life."""
        token = self.fresh("t")
        self.do(
            handle,
            token,
            lambda: self.real.run(
                write.expire(self.write(handle, token), handle.ttl, activity=True)
            ),
            lambda: self.model.touch(handle, token),
        )

    @rule(one=ids)
    def read_and_renew(self, one: str) -> None:
        """A read that renews the TTL."""

        def real() -> object:
            keys = self.keys(one)
            op = write.renewed(read.everything(keys.log, strict=False), keys, 3 * STEP)
            return len(self.real.run(op))

        def model() -> object:
            self.model.renew(one, 3 * STEP)
            return len(self.model.elements(one))

        self.both(real, model)

    @rule(handle=handles)
    def clear(self, handle: Handle) -> None:
        """A session is deleted."""
        token = self.fresh("t")
        self.do(
            handle,
            token,
            lambda: self.real.run(write.clear(self.write(handle, token))),
            lambda: self.model.clear(handle, token),
        )

    @rule(handle=handles, new_id=ids, which=st.none() | numbers, again=st.booleans())
    def fork(self, handle: Handle, new_id: str, which: int | None, again: bool) -> None:
        """A copy, whole or up to a message."""
        handle, token = self.there(handle), self.fresh("t")
        one = handle.session_id
        if new_id == one:
            return
        at = None if which is None else self.an_id(one, which)

        def real() -> object:
            by = self.write(handle, token, resent=again)
            return self.real.run(fork.fork(self.real.layout, by, new_id, at))

        def model() -> object:
            done = again and self.remembered(Handle(new_id), token) is not None
            place = (None, b"") if at is None or done else self.placed(one, at)
            digest = f"{one} {at} {new_id}"
            self.model.fork(handle, token, new_id, *place, digest=digest, again=again)
            return None

        # Sent again, it looks for the old session first, which may have gone.
        self.do(Handle(new_id), token, real, model, looks=not again)

    @precondition(lambda self: self.done)
    @rule()
    def send_at_once_again(self) -> None:
        """The reply of the step before was lost."""
        self.send_again(0)

    @precondition(lambda self: self.done)
    @rule(which=st.integers(0, 30))
    def send_again(self, which: int) -> None:
        """A step is sent again: under a token that lives, nothing but an activity is stored."""
        done = self.done[-1 - which % len(self.done)]
        before, now = self.contents(done), self.remembered(done.handle, done.token)
        answer = self.both(done.real, done.model)
        if now is not None and now is done.remembered:
            assert answer == done.answer or (done.looks and isinstance(answer, type))
            assert self.contents(done) == before

    def contents(self, done: Done) -> object:
        """What the server holds, but for catalogues and stages, and for times.

        Where the step frees what is left of sessions that are gone, but for that, too.
        """
        found = self.real.stored()
        gone = {self.keys(one).meta for one in IDS if done.sweeps and one not in self.model.logs}
        return {
            key: (value.content, value.left is None)
            for key, value in found.items()
            if value.kind != "zset" and b"stage:" not in key and key not in gone
        }

    @precondition(lambda self: self.done)
    @rule(
        handle=handles,
        which=st.integers(0, 30),
        kinds=kinds,
        action=st.sampled_from(["append", "clear", "title", "touch", "edit"]),
    )
    def use_a_token_again(
        self, handle: Handle, which: int, kinds: Sequence[str | int], action: str
    ) -> None:
        """A token is used for something else."""
        token = self.done[-1 - which % len(self.done)].token
        first = self.remembered(handle, token)
        if token in self.internal or (first is not None and first.answer == (False,)):
            return
        elements, digest = self.elements(kinds), self.fresh("d")
        by, place = self.write(handle, token), ("rewind", 0, b"another", b"")
        steps: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
            "append": (
                lambda: self.real.run(append_ops.append(by, elements, digest=digest, at=1)),
                lambda: self.model.append(handle, token, elements, digest=digest, at=1),
            ),
            "clear": (
                lambda: self.real.run(write.clear(by)),
                lambda: self.model.clear(handle, token),
            ),
            "title": (
                lambda: self.real.run(session.set_title(by, "On tokens")),
                lambda: self.model.set_title(handle, token, "On tokens"),
            ),
            "touch": (
                lambda: self.real.run(write.expire(by, handle.ttl, activity=True)),
                lambda: self.model.touch(handle, token),
            ),
            "edit": (
                lambda: self.edited(handle, token, *place),
                lambda: self.predicted(handle, token, *place),
            ),
        }
        answer = self.both(*steps[action])
        if first is not None and action in ("append", "edit"):
            assert answer is IdempotencyMismatch


def is_system(element: bytes) -> bool:
    """Whether an element is a system message."""
    return codec.decode(element, key="", position=-1).role == "system"


def id_of(element: bytes) -> str | None:
    """The id of a message that this library stored."""
    found = codec.decode(element, key="", position=-1).id
    return found if found and found.startswith("id-") else None
