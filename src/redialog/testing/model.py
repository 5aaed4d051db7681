"""`Model`: what redialog's writes do to a namespace, in plain Python.

It is the reference of the semantics: each method says in a few lines what an operation with its
Lua script does, on elements whose text it never reads. A test runs both side by side and compares
what is stored::

    model = Model()
    ada = Handle("support-42", user_id="ada", ttl=60_000)
    model.append(ada, "token-1", [b"hello"], digest="d1", at=0)
    model.foreign_delete("support-42")
    model.info("support-42")          # None: the companions that are left do not count
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from redialog.errors import NotFound, SessionExists
from redialog.testing.model_catalogue import listings
from redialog.testing.model_folding import Folding
from redialog.testing.model_landing import same
from redialog.testing.model_state import TOKEN_TTL, Companions, Handle, Stage
from redialog.testing.model_summaries import Action


class Model(Folding):
    """A namespace with all of its sessions; see `State` for what it holds.

    Every write takes a token. Where a token is used again within a minute, nothing is stored a
    second time and the answer is the first one; only that there was an activity may be noted.
    A refused write stores nothing.
    """

    def replace(
        self,
        handle: Handle,
        token: str,
        position: int,
        expected: bytes,
        new: bytes,
        *,
        digest: str,
        system: bool = False,
    ) -> int:
        """A message is put in the place of another.

        Args:
            handle: of the session.
            token: of the operation.
            position: of the old one; 0 is the oldest.
            expected: the old one.
            new: the new one.
            digest: of what was asked for.
            system: whether the new one is a system message.

        Returns:
            How many messages were dropped: none.

        Raises:
            Conflict: another element lies there.
            OwnerMismatch: the session belongs to another user.
            IdempotencyMismatch: the token was used for something else.
        """

        def put(elements: list[bytes]) -> None:
            elements[position] = new

        action: Action = "reword" if system else "replace"
        return self._edited(handle, token, (position, expected, action), digest, put)

    def remove(
        self, handle: Handle, token: str, position: int, expected: bytes, *, digest: str
    ) -> int:
        """A message is taken out; returns 1. The rest as in `replace`."""

        def take(elements: list[bytes]) -> None:
            del elements[position]

        return self._edited(handle, token, (position, expected, "remove"), digest, take)

    def rewind(
        self, handle: Handle, token: str, position: int, expected: bytes, *, digest: str
    ) -> int:
        """What came after a message is dropped; returns how many. The rest as in `replace`."""

        def drop(elements: list[bytes]) -> None:
            del elements[position + 1 :]

        return self._edited(handle, token, (position, expected, "rewind"), digest, drop)

    def set_title(self, handle: Handle, token: str, title: str) -> bool:
        """A session gets its title, an empty one removes it; it is no activity.

        Returns:
            Whether there is such a session.
        """
        first = self._first(handle, token, f"title {title}")
        if first is not None:
            return bool(first[0])
        known = self.guarded(handle.session_id, handle.user_id)
        found = handle.session_id in self.logs
        self._remember(handle, token, f"title {title}", found)
        if found:
            self._keep(
                handle, msgspec.structs.replace(known or Companions(()), title=title or None)
            )
        return found

    def expire(self, handle: Handle, token: str, ttl: int | None) -> bool:
        """A session gets a TTL, whatever runs; None removes a running one.

        Returns:
            Whether there is such a session.

        Raises:
            OwnerMismatch: the session belongs to another user.
        """
        change = lambda: self._set_ttl(handle.session_id, ttl)  # noqa: E731
        return self._expired(handle, token, f"expire {ttl}", change)

    def touch(self, handle: Handle, token: str) -> bool:
        """The TTL is renewed as by a write, and an activity is noted; the rest as in `expire`."""

        def renewed() -> None:
            if handle.ttl is not None:
                self._renew(handle, self.known(handle.session_id))
            self._noted(handle)

        with self._activity(handle, known=True):
            return self._expired(handle, token, "touch", renewed)

    def renew(self, session_id: str, ttl: int) -> bool:
        """A read renews the TTL of what is there; returns whether there is such a session."""
        if session_id not in self.logs:
            return False
        self.logs[session_id].until = self.now + ttl
        if session_id in self.companions:
            self.companions[session_id].until = self.now + ttl
        return True

    def clear(self, handle: Handle, token: str) -> int:
        """A session goes with all that belongs to it.

        Entries of a shared layout, or of an owner whom the handle does not name, go afterwards,
        unless there was an activity since.

        Returns:
            How many messages it had.

        Raises:
            OwnerMismatch: the session belongs to another user.
        """
        session_id = handle.session_id
        first = self._first(handle, token, "cleared")
        if first is None:
            known = self.guarded(session_id, handle.user_id)
            owner = None if known is None else known.owner
            first = self._remember(
                handle, token, "cleared", len(self.elements(session_id)), self.now, owner
            )
            self._removed(handle)
        count, cleared_at, owner = msgspec.convert(first, tuple[int, int, str | None])
        late = listings(handle) if self.shared else []
        if owner is not None and handle.user_id is None:
            late.append(owner)
        self.forget(session_id, late, cleared_at)
        return count

    def snapshot(
        self, handle: Handle, name: str, position: int | None = None, expected: bytes = b""
    ) -> tuple[int, Companions] | None:
        """A session is copied into a stage, whole or up to one of its messages.

        Args:
            handle: of the session; its TTL does not matter.
            name: of the stage, which is replaced.
            position: of the newest message to copy, 0 is the oldest; None for all.
            expected: the element that must lie there.

        Returns:
            How many messages were copied, and what else is known of the session, with the time
            that its log has left; None where there is no such session.

        Raises:
            OwnerMismatch: the session belongs to another user.
            Conflict: another element lies there.
        """
        known = self.guarded(handle.session_id, handle.user_id) or Companions(())
        log = self.logs.get(handle.session_id)
        if log is None:
            return None
        copied = log.elements[:]
        if position is not None:
            self._expect(handle.session_id, position, expected)
            del copied[position + 1 :]
        where = (self.place(handle.session_id), name)
        self.stages[where] = Stage(copied, self.now + TOKEN_TTL)
        rolling = known.rolling.copied(None if position is None else len(copied))
        kept = msgspec.structs.replace(known, until=log.until, rolling=rolling, failed=None)
        return len(copied), kept

    def fork(
        self,
        handle: Handle,
        token: str,
        new_id: str,
        position: int | None = None,
        expected: bytes = b"",
        *,
        digest: str,
        again: bool = False,
    ) -> None:
        """A new session begins as a copy, with title, owner, summaries and what was trimmed.

        Its TTL is the handle's, else what the old one has left.

        Args:
            handle: of the old session.
            token: of the operation.
            new_id: of the new session.
            position: as in `snapshot`.
            expected: the same.
            digest: of what was asked for, with the new id.
            again: whether the caller asks first whether the token was used.

        Raises:
            NotFound: there is no such session.
            SessionExists: there is a session of the new id; what was copied lies staged.
            Conflict: another element lies at the position.
        """
        new = Handle(new_id)
        first = self._first(new, token, "written") if again else None
        if first is not None:
            same(first, digest)
            return
        taken = self.snapshot(handle, token, position, expected)
        if taken is None:
            raise NotFound("there is no such session to fork")
        if again:
            # The token lies with the new session; that it is for this one, with the old one.
            mark = f"{token}.fork"
            marked = self._first(handle, mark, "forking")
            same(marked or self._remember(handle, mark, "forking", digest, 0), digest)
        count, known = taken
        left = None if known.until is None else known.until - self.now
        new = Handle(new_id, handle.user_id or known.owner, handle.ttl or left)
        here, there = self.place(handle.session_id), self.place(new_id)
        if here != there:
            self.stages.pop((there, token), None)
            if new_id in self.logs and (there, token) not in self.tokens:
                raise SessionExists("there is a session of the new id")
            staged = self.stages.pop((here, token)).elements
            self.stage(new_id, token, token, 0, staged)
        self.publish(new, token, token, count, digest=digest, at=0, new=known)

    def _edited(
        self,
        handle: Handle,
        token: str,
        where: tuple[int, bytes, Action],
        digest: str,
        change: Callable[[list[bytes]], None],
    ) -> int:
        """A log is changed where the expected element lies; returns how many messages go."""
        session_id = handle.session_id
        with self._activity(handle, known=True):
            first = self._first(handle, token, "edited")
            if first is not None:
                self._tell_owner(handle, self.known(session_id))
                return same(first, digest)
            known = self.guarded(session_id, handle.user_id)
            position, expected, action = where
            elements = self._expect(session_id, position, expected)
            before = len(elements)
            change(elements)
            dropped = before - len(elements)
            self._remember(handle, token, "edited", digest, dropped)
            if not elements:
                self._removed(handle)
                return dropped
            kept = msgspec.structs.replace(known or Companions(()))
            kept.rolling = kept.rolling.edited(position + 1, action)
            self._keep(handle, kept)
            self._noted(handle)
            self._tell_owner(handle, known)
        return dropped

    def _expired(self, handle: Handle, token: str, kind: str, change: Callable[[], None]) -> bool:
        """A change of what is there; the answer is whether there is such a session."""
        first = self._first(handle, token, kind)
        if first is None:
            self.guarded(handle.session_id, handle.user_id)
            found = handle.session_id in self.logs
            if found:
                change()
            first = self._remember(handle, token, kind, found)
        if kind == "touch" and first[0]:
            self._tell_owner(handle, self.known(handle.session_id))
        return bool(first[0])

    def _set_ttl(self, session_id: str, ttl: int | None) -> None:
        """Both the log and its companions get it; stale ones only lose theirs."""
        until = None if ttl is None else self.now + ttl
        self.logs[session_id].until = until
        kept = self.companions.get(session_id)
        if kept is not None and (ttl is None or kept is self.known(session_id)):
            kept.until = until
