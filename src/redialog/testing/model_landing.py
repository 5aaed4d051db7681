"""How new messages land in a session of the reference model: in one call, or staged in parts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from redialog.errors import IdempotencyMismatch, SessionExists
from redialog.testing.model_parts import Writing
from redialog.testing.model_state import TOKEN_TTL, Companions, Handle, Log, Stage


class Full(msgspec.Struct, frozen=True):
    """The log is at its cap and was not cut: of so many messages. Nothing was added."""

    length: int


class Gone(msgspec.Struct, frozen=True):
    """Of what was staged, only so many elements are there. Nothing was published."""

    found: int


class Cut(msgspec.Struct, frozen=True):
    """A limit of a log's length, and where it is cut for more messages.

    Only who can read messages knows where, so an append is tried without a place first.

    Attributes:
        cap: how many messages the log may hold.
        place: how many of the oldest stay, how many after them go, and the length of the log that
            this was found for.
        edge: shows that it is the same log: the oldest element after the cut, or where that is
            among the new ones, the newest that stays before it; empty where none does.
    """

    cap: int
    place: tuple[int, int, int] | None = None
    edge: bytes = b""

    def fits(self, elements: Sequence[bytes], adding: int) -> bool:
        """Whether so many can be added to this log: below the cap, or the cut is for this log."""
        if self.place is None:
            return len(elements) + adding <= self.cap
        spare, drop, length = self.place
        if len(elements) != length:
            return False
        near = elements[spare + drop :][:1] or elements[:spare][-1:]
        return near in ([], [self.edge])


class Landing(Writing):
    """Appending, and publishing what was staged."""

    def append(
        self,
        handle: Handle,
        token: str,
        elements: Sequence[bytes],
        *,
        digest: str,
        at: int,
        cut: Cut | None = None,
    ) -> int | Full:
        """Messages are added at the new end; the first user who is named owns the session.

        Args:
            handle: of the session.
            token: of the operation.
            elements: oldest first, at least one.
            digest: of what they say.
            at: when they were made.
            cut: the limit of the log's length, if there is one.

        Returns:
            When they were made; of the first time, where the token was seen.

        Raises:
            OwnerMismatch: the session belongs to another user.
            IdempotencyMismatch: the token was used for something else.
        """
        with self._activity(handle):
            first = self._first(handle, token, "written")
            if first is None:
                return self._landed(handle, token, elements, (digest, at), cut=cut)
            self._tell_owner(handle, self.known(handle.session_id))
        return same(first, digest)

    def stage(
        self, session_id: str, name: str, token: str, offset: int, elements: Sequence[bytes]
    ) -> tuple[Literal["staged", "done", "missing"], int]:
        """A part of many messages is put behind the parts before it, where nobody sees it yet.

        Args:
            session_id: of the session that they will belong to.
            name: of the stage.
            token: of the operation that will publish it.
            offset: how many elements the parts before this one have.
            elements: oldest first.

        Returns:
            ``staged`` and how many lie there now, also where this part lay there before; ``done``
            where the operation was done; ``missing`` where parts before this one are gone.
        """
        place = self.place(session_id)
        if (place, token) in self.tokens:
            return "done", 0
        found = self.stages.get((place, name), Stage([], 0))
        if len(found.elements) < offset:
            return "missing", len(found.elements)
        if len(found.elements) == offset:
            found.elements += elements
        found.until = self.now + TOKEN_TTL
        self.stages[place, name] = found
        return "staged", len(found.elements)

    def publish(
        self,
        handle: Handle,
        token: str,
        name: str,
        count: int,
        *,
        digest: str,
        at: int,
        cut: Cut | None = None,
        new: Companions | None = None,
    ) -> int | Full | Gone:
        """What was staged becomes part of a session, all at once; the rest as in `append`.

        Args:
            handle: of the session.
            token: of the operation.
            name: of the stage.
            count: how many elements were staged.
            digest: as in `append`.
            at: the same.
            cut: the same.
            new: what is known of a session that must not exist yet.

        Raises:
            SessionExists: it does.
        """
        with self._activity(handle):
            first = self._first(handle, token, "written")
            if first is None:
                where = (self.place(handle.session_id), name)
                staged = self.stages.get(where, Stage([], 0)).elements
                if len(staged) != count:
                    return Gone(len(staged))
                if new is not None and handle.session_id in self.logs:
                    raise SessionExists("there is a session of this id already")
                landed = self._landed(handle, token, staged, (digest, at), cut=cut, new=new)
                if not isinstance(landed, Full):
                    del self.stages[where]
                return landed
            self._tell_owner(handle, self.known(handle.session_id))
        return same(first, digest)

    def _landed(
        self,
        handle: Handle,
        token: str,
        elements: Sequence[bytes],
        written: tuple[str, int],
        *,
        cut: Cut | None,
        new: Companions | None = None,
    ) -> int | Full:
        """New messages are added, and the oldest go where the log is cut."""
        session_id = handle.session_id
        known = self.guarded(session_id, handle.user_id)
        before = self.elements(session_id)
        if cut is not None and not cut.fits(before, len(elements)):
            return Full(len(before))
        log = self.logs.setdefault(session_id, Log([]))
        log.elements += elements
        kept = msgspec.structs.replace(known or new or Companions(()))
        kept.owner = (known.owner if known is not None else None) or handle.user_id
        if cut is not None and cut.place is not None:
            spare, drop, _ = cut.place
            del log.elements[spare : spare + drop]
            kept.trimmed += drop
            kept.rolling = kept.rolling.cut(spare, drop)
        self._keep(handle, kept)
        self._noted(handle)
        self._remember(handle, token, "written", *written)
        self._tell_owner(handle, known)
        return written[1]


def same(first: tuple[object, ...], digest: str) -> int:
    """The answer of the first time, where that was asked for the same.

    Raises:
        IdempotencyMismatch: it was not.
    """
    asked, answer = first
    if asked != digest:
        raise IdempotencyMismatch("this idempotency key was used for something else")
    return msgspec.convert(answer, int)
