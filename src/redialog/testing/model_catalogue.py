"""The catalogue of the reference model: which sessions there are, by their last activity."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress

from redialog.errors import RedialogError, UnknownVersion
from redialog.testing.model_state import Handle, State

GRACE = 60_000
"""How long an entry of a shared layout, which stands before its session does, is not dropped."""


class Catalogue(State):
    """The catalogue of a namespace and those of its users; None stands for the namespace's."""

    def entries(self, user_id: str | None) -> dict[str, int]:
        """The entries of one catalogue: session id -> last activity."""
        return self.sessions if user_id is None else self.users.setdefault(user_id, {})

    def note(
        self, session_id: str, users: Iterable[str | None] = (None,), *, known: bool = False
    ) -> None:
        """An activity is noted in catalogues.

        Args:
            session_id: of the session, which need not exist.
            users: whose catalogues.
            known: whether only those note it that know the session already.
        """
        for user_id in users:
            entries = self.entries(user_id)
            if not known or session_id in entries:
                entries[session_id] = self.now

    def forget(self, session_id: str, users: Iterable[str | None], cleared_at: int) -> None:
        """The entries of a cleared session go, but for an activity from that moment on."""
        for user_id in users:
            entries = self.entries(user_id)
            if entries.get(session_id, cleared_at) < cleared_at:
                del entries[session_id]

    def drop(self, session_id: str, user_id: str | None, seen: int) -> bool:
        """An entry goes that somebody found to lead to no session, or to another user's.

        It stays where there was an activity since. In the own layout it stays also where it does
        lead to a session by now, else companions that were left go with it. In a shared one it
        stays for a minute: the write that it announces may be on its way.

        Args:
            session_id: the entry's.
            user_id: whose catalogue it stands in; None for the namespace's.
            seen: the activity that it told when it was looked at.

        Returns:
            Whether it went.

        Raises:
            UnknownVersion: a newer redialog knows whose session it is.
        """
        entries = self.entries(user_id)
        at = entries.get(session_id)
        if at is None or at != seen or (self.shared and at > self.now - GRACE):
            return False
        if not self.shared and session_id not in self.logs:
            self.companions.pop(session_id, None)
        elif not self.shared:
            if user_id is None:
                return False
            known = self.guarded(session_id, None)
            if known is not None and known.owner == user_id:
                return False
        del entries[session_id]
        return True

    def sweep(self, handle: Handle, session_ids: Sequence[str]) -> None:
        """A write frees the catalogues that it uses of entries without a session.

        Args:
            handle: of the session that is written; its own entries stay.
            session_ids: whose entries are looked at: a few of those that lie with it.
        """
        for user_id in listings(handle):
            for one in session_ids:
                seen = self.entries(user_id).get(one)
                if seen is not None and one != handle.session_id and one not in self.logs:
                    self.drop(one, user_id, seen)

    def listing(self, user_id: str | None = None) -> list[str]:
        """The sessions of a catalogue, newest activity first, then by id, last first.

        Those that are gone are left out, as are those that do not belong to the user; their
        entries are dropped. A session that this library cannot read is left out and stays.
        """
        found = []
        places = [(at, one) for one, at in self.entries(user_id).items()]
        for at, one in sorted(places, key=lambda place: (place[0], place[1].encode()))[::-1]:
            try:
                info = self.info(one)
            except UnknownVersion:
                continue
            if info is not None and user_id in (None, info.owner):
                found.append(one)
            else:
                with suppress(RedialogError):
                    self.drop(one, user_id, at)
        return found


def listings(handle: Handle) -> list[str | None]:
    """Whose catalogues a write under this handle touches."""
    return [None] if handle.user_id is None else [None, handle.user_id]
