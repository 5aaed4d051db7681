"""How summaries are written in the reference model: by one at a time, and kept or given up."""

from __future__ import annotations

from msgspec import structs

from redialog.errors import Conflict
from redialog.testing.model_landing import Landing
from redialog.testing.model_state import Companions, Handle, Lease
from redialog.testing.model_summaries import Failed, Kept, Planned

PAUSE, LONGEST_PAUSE = 30_000, 600_000
"""How long nobody tries again after a failure, and at most after several; milliseconds."""


class Folding(Landing):
    """What makes a summary of a session's oldest messages."""

    def lease(self, session_id: str, holder: str, ttl: int) -> str | None:
        """Somebody begins to write a summary, unless another one is at it.

        Args:
            session_id: of the session, which need not exist.
            holder: who.
            ttl: how long nobody else may, ms.

        Returns:
            Who held the lease before, then nothing is changed; None where nobody did.
        """
        held = self.leases.get(session_id)
        if held is not None:
            return held.holder
        self.leases[session_id] = Lease(holder, self.now + ttl)
        return None

    def fold(
        self,
        handle: Handle,
        token: str,
        plan: Planned,
        text: bytes,
        *,
        most: int = 16,
        drop: bool = False,
    ) -> str:
        """A summary is kept, where nothing that it says has changed meanwhile.

        It is no activity, and a TTL that runs is left alone.

        Args:
            handle: of the session.
            token: of the operation, and the summary's id.
            plan: what it was made of.
            text: of the summary.
            most: how many are kept with it; the oldest go.
            drop: whether the folded messages are removed.

        Returns:
            The summary's id.

        Raises:
            Conflict: there is another summary, or the messages are others, or no message would be
                left above it.
            OwnerMismatch: the session belongs to another user.
        """
        if self._first(handle, token, "folded") is not None:
            return token
        known = self.guarded(handle.session_id, handle.user_id) or Companions(())
        elements = self.elements(handle.session_id)
        last = known.rolling.fold(plan, elements)
        if last is None:
            raise Conflict("the session was changed by somebody else meanwhile")
        new = Kept(token, text, last, elements[last - 1])
        rolling, dropped = known.rolling.added(new, plan, elements, most=most, drop=drop)
        if dropped:
            del elements[rolling.spare : rolling.spare + dropped]
        self._remember(handle, token, "folded")
        trimmed = known.trimmed + dropped
        self._beside(handle, structs.replace(known, rolling=rolling, trimmed=trimmed, failed=None))
        held = self.leases.get(handle.session_id)
        if held is not None and held.holder == token:
            del self.leases[handle.session_id]
        return token

    def unfold(self, handle: Handle, holder: str, reason: str) -> bool:
        """Who has begun a summary gives up.

        Args:
            handle: of the session.
            holder: who; only who holds the lease does anything.
            reason: why there is none, kept for a session that exists; empty where there was
                nothing to do.

        Returns:
            Whether the lease was held.
        """
        session_id = handle.session_id
        held = self.leases.get(session_id)
        if held is None or held.holder != holder:
            return False
        del self.leases[session_id]
        known = self.known(session_id) or Companions(())
        another = None not in (known.owner, handle.user_id) and known.owner != handle.user_id
        if reason and not (known.newer or another) and session_id in self.logs:
            times = 1 if known.failed is None else known.failed.times + 1
            pause = min(PAUSE * 2 ** (times - 1), LONGEST_PAUSE)
            failed = Failed(times, self.now, self.now + pause, reason)
            self._beside(handle, structs.replace(known, failed=failed))
        return True

    def summaries(self, session_id: str) -> list[tuple[str, int, bytes]]:
        """Those that speak for a session, oldest first, as (id, messages it covers, text).

        Raises:
            UnknownVersion: a newer redialog wrote its companions.
        """
        known = self.guarded(session_id, None) or Companions(())
        elements = self.elements(session_id)
        return [
            (one.id, known.rolling.covers(one), one.text)
            for one in known.rolling.kept
            if elements and known.rolling.stands(one, elements)
        ]

    def foreign_damage(self, session_id: str, summary_id: str) -> None:
        """Another client writes over a summary."""
        kept = self.companions[session_id]
        kept.rolling = structs.replace(
            kept.rolling,
            kept=tuple(
                structs.replace(one, readable=False) if one.id == summary_id else one
                for one in kept.rolling.kept
            ),
        )

    def _beside(self, handle: Handle, kept: Companions) -> None:
        """Something is kept beside a session whose own TTL goes on."""
        self._keep(structs.replace(handle, ttl=None), kept)
