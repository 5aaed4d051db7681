"""What lies under the keys of one namespace, as plain values, and what others do to it."""

from __future__ import annotations

import binascii
from collections.abc import Iterable
from typing import TypeAlias

import msgspec

from redialog.errors import OwnerMismatch, UnknownVersion
from redialog.testing.model_summaries import Failed, Rolling

TOKEN_TTL = 60_000
"""How long a token lives, and what was staged; milliseconds."""

Place: TypeAlias = int | str
"""Where tokens and stages lie: in the own layout a bucket of sessions, in a shared one a log."""

Mark: TypeAlias = tuple[int, bytes, bytes]
"""What an anchor remembers of an element: its length and both its ends."""

_MARKED, _ENDS, _BUCKETS = 4, 512, 256


class Handle(msgspec.Struct, frozen=True):
    """A handle of a session, as an application has it.

    Attributes:
        session_id: of the session.
        user_id: whom the application names as its owner, or None.
        ttl: that a write gives the session, ms; None leaves a running one alone.
        fixed: whether a running one is left alone all the same.
    """

    session_id: str
    user_id: str | None = None
    ttl: int | None = None
    fixed: bool = False


class Info(msgspec.Struct, frozen=True):
    """What `redialog.Session.info` tells, but for the times.

    Attributes:
        count: number of messages.
        ttl: ms that it lives on without a write; None where it does not expire.
        owner: the user, where one is known.
        title: where one was set.
        trimmed: how many of its oldest messages a cap has removed, or a summary's retention.
        summarised: for how many of its oldest messages a summary speaks.
        failed: how often no summary could be written since the last one.
    """

    count: int
    ttl: int | None
    owner: str | None
    title: str | None
    trimmed: int
    summarised: int
    failed: int


class Log(msgspec.Struct):
    """A session's messages; a log without any does not exist.

    Attributes:
        elements: oldest first.
        until: when it expires; None where it does not.
    """

    elements: list[bytes]
    until: int | None = None


class Companions(msgspec.Struct):
    """What is kept of a session besides its messages; they exist only where there is something.

    Attributes:
        anchor: marks of the log's oldest elements at the last write: for them they were written.
        owner: the user that the session belongs to.
        title: of the session.
        trimmed: how many messages a cap has removed, or a summary's retention.
        rolling: the summaries.
        failed: that the last attempts to write one failed.
        until: when they expire; None where they do not.
        newer: whether a newer redialog wrote them, with a layout that this one does not know.
    """

    anchor: tuple[Mark, ...]
    owner: str | None = None
    title: str | None = None
    trimmed: int = 0
    rolling: Rolling = Rolling()
    failed: Failed | None = None
    until: int | None = None
    newer: bool = False


class Stage(msgspec.Struct):
    """Elements that are gathered for one publication, oldest first, and when they expire."""

    elements: list[bytes]
    until: int


class Token(msgspec.Struct):
    """That an operation was done.

    Attributes:
        kind: what kind of answer it has; one token is for one operation.
        answer: what the operation answered.
        until: when it is forgotten.
    """

    kind: str
    answer: tuple[object, ...]
    until: int


class Lease(msgspec.Struct):
    """Who writes a summary, and until when nobody else begins one."""

    holder: str
    until: int


class State:
    """All that is stored in one namespace at one moment.

    Args:
        shared: whether the logs lie where another library puts them; the catalogue then lies apart
            from them, and its entries are written on their own.

    Attributes:
        now: the clock, ms; only `advance` moves it.
        logs: by session id.
        companions: by session id, also those that have gone stale.
        tokens: by place and token.
        stages: by place and name.
        leases: by session id.
        sessions: the catalogue: session id -> last activity.
        users: the same for each user's sessions.
    """

    def __init__(self, *, shared: bool = False) -> None:
        self.shared = shared
        self.now = 0
        self.logs: dict[str, Log] = {}
        self.companions: dict[str, Companions] = {}
        self.tokens: dict[tuple[Place, str], Token] = {}
        self.stages: dict[tuple[Place, str], Stage] = {}
        self.leases: dict[str, Lease] = {}
        self.sessions: dict[str, int] = {}
        self.users: dict[str, dict[str, int]] = {}

    def advance(self, ms: int) -> None:
        """Time passes; what has come to its end is gone."""
        self.now += ms
        self.logs = {k: v for k, v in self.logs.items() if self._lives(v.until)}
        self.companions = {k: v for k, v in self.companions.items() if self._lives(v.until)}
        self.tokens = {k: v for k, v in self.tokens.items() if self._lives(v.until)}
        self.stages = {k: v for k, v in self.stages.items() if self._lives(v.until)}
        self.leases = {k: v for k, v in self.leases.items() if self._lives(v.until)}

    def _lives(self, until: int | None) -> bool:
        return until is None or until > self.now

    def place(self, session_id: str) -> Place:
        """Where the tokens and stages of a session lie.

        A copy between two sessions of one place never leaves the server.
        """
        return session_id if self.shared else binascii.crc32(session_id.encode()) % _BUCKETS

    def elements(self, session_id: str) -> list[bytes]:
        """A session's messages, oldest first; none where there is no such session."""
        log = self.logs.get(session_id)
        return [] if log is None else log.elements

    def info(self, session_id: str) -> Info | None:
        """What is known of a session; None where there is none.

        Raises:
            UnknownVersion: a newer redialog wrote its companions.
        """
        log = self.logs.get(session_id)
        if log is None:
            return None
        known = self.guarded(session_id, None) or Companions(())
        newest = known.rolling.newest(log.elements)
        return Info(
            count=len(log.elements),
            ttl=None if log.until is None else log.until - self.now,
            owner=known.owner,
            title=known.title,
            trimmed=known.trimmed,
            summarised=0 if newest is None else known.rolling.covers(newest),
            failed=0 if known.failed is None else known.failed.times,
        )

    def known(self, session_id: str) -> Companions | None:
        """The companions of a session, where they speak for it.

        They are stale where the oldest elements of the log are not the ones that they were written
        for: another client deleted the log, or cut its oldest end, or began another one. Stale
        companions count as absent. Those of a newer layout cannot be judged.
        """
        kept = self.companions.get(session_id)
        if kept is None or kept.newer:
            return kept
        oldest = self.elements(session_id)[: len(kept.anchor)]
        return kept if marks(oldest) == kept.anchor else None

    def guarded(self, session_id: str, user_id: str | None) -> Companions | None:
        """The companions of a session, for somebody who may use it.

        Args:
            session_id: of the session.
            user_id: whom the handle names; one that names nobody may use every session.

        Raises:
            UnknownVersion: a newer redialog wrote them.
            OwnerMismatch: they name another user.
        """
        known = self.known(session_id)
        if known is not None and known.newer:
            raise UnknownVersion("the session has a layout of a newer redialog")
        if known is not None and None not in (known.owner, user_id) and known.owner != user_id:
            raise OwnerMismatch("the session belongs to another user")
        return known

    # What other clients do, who know nothing of companions and catalogues.

    def foreign_append(self, session_id: str, elements: Iterable[bytes]) -> None:
        """Another client pushes elements at the new end; a TTL that runs is left alone."""
        self.logs.setdefault(session_id, Log([])).elements.extend(elements)

    def foreign_delete(self, session_id: str) -> None:
        """Another client deletes the log; its companions and entries stay behind."""
        self.logs.pop(session_id, None)

    def foreign_expire(self, session_id: str, ms: int | None) -> None:
        """Another client gives the log a TTL, or takes it away, and nothing else."""
        if session_id in self.logs:
            self.logs[session_id].until = None if ms is None else self.now + ms

    def foreign_trim(self, session_id: str, *, oldest: int = 0, newest: int = 0) -> None:
        """Another client cuts so many elements off the log; without any left it is gone."""
        elements = self.elements(session_id)
        del elements[:oldest]
        del elements[len(elements) - min(newest, len(elements)) :]
        if not elements:
            self.foreign_delete(session_id)

    def foreign_set(self, session_id: str, position: int, element: bytes) -> None:
        """Another client puts another element in the place of one; 0 is the oldest."""
        if position < len(self.elements(session_id)):
            self.elements(session_id)[position] = element

    def foreign_evict(self, session_id: str) -> None:
        """The server needs memory and evicts the companions; the log stays."""
        self.companions.pop(session_id, None)

    def foreign_upgrade(self, session_id: str) -> None:
        """A newer redialog takes the companions over, where there are any."""
        if session_id in self.companions:
            self.companions[session_id].newer = True


def marks(elements: Iterable[bytes]) -> tuple[Mark, ...]:
    """What an anchor in a log remembers: of its four oldest elements the length and both ends."""
    oldest = list(elements)[:_MARKED]
    return tuple((len(one), one[:_ENDS], one[-_ENDS:]) for one in oldest)
