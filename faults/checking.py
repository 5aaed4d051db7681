"""Whether a session holds what its writers were told that it holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple, TypeAlias

from faults.turns import Place, Said, Turn

Kind: TypeAlias = Literal["lost", "duplicated", "reordered", "split", "no ttl", "stray"]
KINDS: tuple[Kind, ...] = ("lost", "duplicated", "reordered", "split", "no ttl", "stray")


class Finding(NamedTuple):
    """One thing that is not as it must be.

    Attributes:
        kind: ``lost``: an acknowledged turn of which nothing is there. ``duplicated``: once more
            than once. ``reordered``: after a later turn of the same writer. ``split``: not in one
            piece, or a write that was done by half. ``no ttl``: a key that would stay for ever.
            ``stray``: what was refused or never sent, or a key that should not be there.
        session: where.
        turn: which; None: none in particular.
        what: in words.
    """

    kind: Kind
    session: str
    turn: Turn | None
    what: str


def compare(session: str, said: Iterable[Said], stored: Sequence[Place | None]) -> list[Finding]:
    """What is wrong with a session.

    Args:
        session: its id.
        said: what its writers know of their turns.
        stored: its messages, the oldest first; None: one that no writer said.
    """
    fates = {one.turn: one.fate for one in said}
    whole, pieces = _turns(stored)
    counts = Counter(whole)
    found = [
        Finding("stray", session, None, "a message that nobody sent")
        for place in stored
        if place is None
    ]
    for turn, fate in fates.items():
        if fate == "stored" and turn not in counts and turn not in pieces:
            found.append(Finding("lost", session, turn, "acknowledged, and not there"))
    for turn, times in counts.items():
        found += [Finding("duplicated", session, turn, f"there {times} times")] * (times - 1)
    found += [Finding("split", session, turn, "not in one piece") for turn in sorted(pieces)]
    found += [
        Finding("stray", session, turn, "refused or never sent, and there")
        for turn in sorted(counts.keys() | pieces)
        if fates.get(turn, "refused") == "refused"
    ]
    return [*found, *_out_of_order(session, counts)]


def _turns(stored: Sequence[Place | None]) -> tuple[list[Turn], set[Turn]]:
    """The turns that lie in one piece, and those of which there are other pieces."""
    whole: list[Turn] = []
    pieces: set[Turn] = set()
    index = 0
    while index < len(stored):
        place = stored[index]
        index += 1
        if place is None:
            continue
        turn = place.turn
        there = stored[index - 1 : index - 1 + turn.size]
        if there == [Place(turn, part) for part in range(turn.size)]:
            whole.append(turn)
            index += turn.size - 1
        else:
            pieces.add(turn)
    return whole, pieces


def _out_of_order(session: str, once: Iterable[Turn]) -> list[Finding]:
    """Turns that stand behind a later one of their writer."""
    latest: Counter[str] = Counter()
    found = []
    for turn in once:
        if turn.number < latest[turn.writer]:
            what = f"behind turn {latest[turn.writer]} of the same writer"
            found.append(Finding("reordered", session, turn, what))
        latest[turn.writer] = max(latest[turn.writer], turn.number)
    return found
