"""What the writes of the reference model have in common: tokens, activities, companions, TTLs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from redialog.errors import Conflict, IdempotencyMismatch, OwnerMismatch
from redialog.testing.model_catalogue import Catalogue, listings
from redialog.testing.model_state import TOKEN_TTL, Companions, Handle, Token, marks


class Writing(Catalogue):
    """The parts that operations are made of."""

    def _first(self, handle: Handle, token: str, kind: str) -> tuple[object, ...] | None:
        """What the operation answered the first time; None where this is the first time."""
        where = (self.place(handle.session_id), token)
        found = self.tokens.get(where)
        if found is not None:
            # An answer from a token renews it.
            found.until = self.now + TOKEN_TTL
        if found is not None and found.kind != kind:
            raise IdempotencyMismatch("this idempotency key was used for something else")
        return None if found is None else found.answer

    def _remember(
        self, handle: Handle, token: str, kind: str, *answer: object
    ) -> tuple[object, ...]:
        where = (self.place(handle.session_id), token)
        self.tokens[where] = Token(kind, answer, self.now + TOKEN_TTL)
        return answer

    @contextmanager
    def _activity(self, handle: Handle, *, known: bool = False) -> Iterator[None]:
        """Around a write: in a shared layout its activity is noted ahead of it, come what may.

        Only the user whose session it is not gets no entry. The owner is told afterwards also where
        the token turns out to stand for something else.
        """
        if self.shared:
            self.note(handle.session_id, listings(handle), known=known)
        try:
            yield
        except OwnerMismatch:
            if self.shared and handle.user_id is not None:
                self.entries(handle.user_id).pop(handle.session_id, None)
            raise
        except IdempotencyMismatch:
            self._tell_owner(handle, self.known(handle.session_id))
            raise

    def _noted(self, handle: Handle) -> None:
        """In the own layout an activity is noted by the write itself."""
        if not self.shared:
            self.note(handle.session_id, listings(handle))

    def _tell_owner(self, handle: Handle, known: Companions | None) -> None:
        """An owner whom the handle does not name is told of the activity afterwards."""
        if handle.user_id is None and known is not None and known.owner is not None:
            self.note(handle.session_id, [known.owner])

    def _renew(self, handle: Handle, known: Companions | None) -> None:
        """A write renews the TTL, unless it is fixed and runs; companions live as long."""
        log = self.logs[handle.session_id]
        if handle.ttl is not None and not (handle.fixed and log.until is not None):
            log.until = self.now + handle.ttl
        if known is not None:
            known.until = log.until

    def _keep(self, handle: Handle, kept: Companions) -> None:
        """After a write the companions speak for the log as it is; without content there are none.

        What was stale is replaced.
        """
        self.companions.pop(handle.session_id, None)
        if kept.owner or kept.title or kept.trimmed or kept.rolling.kept or kept.failed:
            kept.anchor = marks(self.elements(handle.session_id))
            self.companions[handle.session_id] = kept
        self._renew(handle, kept)

    def _removed(self, handle: Handle) -> None:
        """The session is gone, with its entries where they lie together with it."""
        self.logs.pop(handle.session_id, None)
        self.companions.pop(handle.session_id, None)
        if not self.shared:
            for user_id in listings(handle):
                self.entries(user_id).pop(handle.session_id, None)

    def _expect(self, session_id: str, position: int, expected: bytes) -> list[bytes]:
        elements = self.elements(session_id)
        if position >= len(elements) or elements[position] != expected:
            raise Conflict("the message was changed by somebody else meanwhile")
        return elements
