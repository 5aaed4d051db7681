"""The summaries of a session in the reference model, and what becomes of them with its messages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

import msgspec
from msgspec import structs

Action: TypeAlias = Literal["replace", "reword", "remove", "rewind"]


class Kept(msgspec.Struct, frozen=True):
    """A summary that is kept.

    Attributes:
        id: of the summary.
        text: of the summary.
        place: of the newest message that it covers, from the oldest, from 1; None where that was
            removed with all that it speaks for, by a limit or by the fold itself.
        edge: that message.
        readable: False where another client has written over it.
    """

    id: str
    text: bytes
    place: int | None
    edge: bytes
    readable: bool = True


class Failed(msgspec.Struct, frozen=True):
    """That the last attempts to write a summary failed.

    Attributes:
        times: how often, since the last one that did not.
        at: when.
        until: when it may be tried again.
        reason: why.
    """

    times: int
    at: int
    until: int
    reason: str


class Planned(msgspec.Struct, frozen=True):
    """What was given to a summariser.

    Attributes:
        base: id of the summary that it continues, or empty.
        first: place of the oldest message, from 1.
        elements: all of them, oldest first.
        shift: of the session when they were read.
        spare: how many system messages it began with.
    """

    base: str
    first: int
    elements: Sequence[bytes]
    shift: int = 0
    spare: int = 0


class Rolling(msgspec.Struct, frozen=True):
    """All summaries of a session, of which the newest that stands speaks for it.

    Attributes:
        kept: oldest first.
        spare: how many messages at the beginning are system messages, which were not folded.
        shift: how many messages were removed from beneath. What was read before and what is there
            now differ by that in their places.
    """

    kept: tuple[Kept, ...] = ()
    spare: int = 0
    shift: int = 0

    def covers(self, one: Kept) -> int:
        """For how many of the oldest messages a summary speaks."""
        return self.spare if one.place is None else one.place

    def stands(self, one: Kept, elements: Sequence[bytes]) -> bool:
        """Whether a summary still speaks for a log: it ends with the message that it ended with."""
        if not one.readable or one.place is None:
            return one.readable and self.spare <= len(elements)
        return elements[one.place - 1 : one.place] == [one.edge]

    def newest(self, elements: Sequence[bytes]) -> Kept | None:
        """The newest one that stands."""
        standing = [one for one in self.kept if self.stands(one, elements)]
        return standing[-1] if standing else None

    def edited(self, place: int, action: Action) -> Rolling:
        """After one of our own edits.

        What speaks for the message goes. It does not where that is a spare one, unless everything
        after it went, or the new one is no system message and is not to be found above the summary.

        Args:
            place: of the message, from the oldest, from 1.
            action: what was done; ``reword`` puts a system message in its place, ``replace``
                another one.
        """
        kept = list(self.kept)
        while kept and not self._outlives(kept[-1], place, action):
            kept.pop()
        if not kept:
            return Rolling()
        if place > self.spare or action == "reword":
            return structs.replace(self, kept=tuple(kept))
        # The beginning ends before a message that is none of the system's.
        return self._moved(kept, 1 if action == "remove" else self.spare - place + 1)

    def _outlives(self, one: Kept, place: int, action: Action) -> bool:
        if not one.readable or place > self.covers(one):
            return one.readable
        if place > self.spare or action == "rewind":
            return False
        return action != "replace" or one.place is None

    def _moved(self, kept: Sequence[Kept], by: int) -> Rolling:
        """All places are nearer to the oldest."""
        moved = [
            one if one.place is None else structs.replace(one, place=one.place - by) for one in kept
        ]
        return Rolling(tuple(moved), self.spare - by, self.shift + by)

    def cut(self, spare: int, drop: int) -> Rolling:
        """After the oldest messages but ``spare`` went, so many as ``drop`` says.

        A summary of messages that all went speaks for what is no longer there. From now on the
        beginning that a limit leaves is no summary's.
        """
        if not self.kept or not drop:
            return self
        beginning = max(spare, self.spare - drop)
        kept = [
            one
            if one.place is None
            else structs.replace(
                one, place=one.place - drop if one.place - drop > beginning else None
            )
            for one in self.kept
        ]
        return Rolling(tuple(kept), beginning, self.shift + drop)

    def copied(self, count: int | None) -> Rolling:
        """What speaks for a copy of so many of the oldest messages, or of all."""
        kept = [
            one for one in self.kept if one.readable and (count is None or self.covers(one) < count)
        ]
        return structs.replace(self, kept=tuple(kept)) if kept else Rolling()

    def fold(self, plan: Planned, elements: Sequence[bytes]) -> int | None:
        """The place where the newest planned message lies now; None where it is too late.

        The summary that was continued must be the newest that stands, the messages the same, and
        another one must follow them.
        """
        base = self.newest(elements)
        first = plan.first + plan.shift - self.shift
        last = first + len(plan.elements) - 1
        same = plan.base == ("" if base is None else base.id)
        begins = first > (0 if base is None else self.spare)
        if not (same and begins and last < len(elements)):
            return None
        return last if elements[first - 1 : last] == plan.elements else None

    def added(
        self, new: Kept, plan: Planned, elements: Sequence[bytes], *, most: int, drop: bool
    ) -> tuple[Rolling, int]:
        """With a new summary, of which ``fold`` says that it can be kept.

        Args:
            new: the summary; its place is that of the newest message, now.
            plan: what it was made of.
            elements: the log's.
            most: how many are kept with it.
            drop: whether the folded messages go.

        Returns:
            The summaries, and how many messages go, all after the spare ones.
        """
        base = self.newest(elements)
        number = 0 if base is None else self.kept.index(base) + 1
        below, last = base, new.place or 0
        while below is not None and self.covers(below) >= last:
            # What it speaks for was summarised anew: it was not readable.
            number -= 1
            below = self.kept[number - 1] if number else None
            below = below if below is not None and below.readable else None
        spare = 0 if base is None else self.spare
        if below is None or below.place is None:
            first = plan.first + plan.shift - self.shift
            spare = max(spare, min(plan.spare, first - 1))
        kept = (*self.kept[:number], new)[-most:]
        kept = tuple(
            structs.replace(one, place=None) if drop or (one.place or 0) <= spare else one
            for one in kept
        )
        dropped = last - spare if drop else 0
        return Rolling(kept, spare, self.shift + dropped), dropped
