"""What was sent, acknowledged and left in doubt, and whether the stored conversations agree."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple


class Turn(NamedTuple):
    """Messages of one append: who said them, his how-manieth append it was, how many they are."""

    name: str
    number: int
    size: int

    def texts(self, padding: str = "") -> list[str]:
        """The messages; they tell where they belong."""
        return [
            f"{self.name}:{self.number}:{self.size}:{part} {padding}" for part in range(self.size)
        ]


def read(text: str) -> tuple[Turn, int]:
    """The turn that a message belongs to, and its place there."""
    name, number, size, part = text.partition(" ")[0].split(":")
    return Turn(name, int(number), int(size)), int(part)


@dataclass
class Ledger:
    """What one talker did, or all of them.

    Attributes:
        sent: of each name, how many appends and replacements it has begun.
        acknowledged: of each session that is only appended to, its turns in their order.
        doubtful: of each such session, the turns whose fate is not known.
        done: calls that ended well, by method.
        refused: calls that ended with an error that others' changes explain.
        failed: calls that got no answer.
    """

    sent: Counter[str] = field(default_factory=Counter)
    acknowledged: defaultdict[str, list[Turn]] = field(default_factory=lambda: defaultdict(list))
    doubtful: defaultdict[str, set[Turn]] = field(default_factory=lambda: defaultdict(set))
    done: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    failed: int = 0

    @classmethod
    def merged(cls, ledgers: Iterable[Ledger]) -> Ledger:
        """One of many talkers'."""
        made = cls()
        for one in ledgers:
            made.sent += one.sent
            made.done += one.done
            made.refused += one.refused
            made.failed += one.failed
            for session, turns in one.acknowledged.items():
                made.acknowledged[session] += turns
            for session, doubts in one.doubtful.items():
                made.doubtful[session] |= doubts
        return made

    def check_sent(self, texts: Sequence[str]) -> None:
        """Nothing is stored that nobody has sent."""
        for text in texts:
            turn, part = read(text)
            assert turn.number <= self.sent[turn.name], f"never sent: {text[:80]!r}"
            assert part < turn.size, f"never sent: {text[:80]!r}"

    def check_kept(self, session: str, texts: Sequence[str]) -> None:
        """A session that was only appended to holds what was acknowledged, once and in order."""
        found = _turns(texts)
        once = set(found)
        twice = [turn for turn, times in Counter(found).items() if times > 1]
        assert not twice, f"stored more than once in {session}: {twice[:5]}"
        acknowledged = self.acknowledged[session]
        lost = set(acknowledged) - once
        assert not lost, f"acknowledged and lost in {session}: {sorted(lost)[:5]}"
        more = once - set(acknowledged) - self.doubtful[session]
        assert not more, f"refused or never sent, and stored in {session}: {sorted(more)[:5]}"
        for name in self.sent:
            said = [turn for turn in acknowledged if turn.name == name]
            heard = [turn for turn in found if turn.name == name and turn in set(said)]
            assert heard == said, f"out of order in {session}: turns of {name}"


def _turns(texts: Sequence[str]) -> list[Turn]:
    """The turns that the messages make up, each in one piece."""
    found: list[Turn] = []
    index = 0
    while index < len(texts):
        turn, _ = read(texts[index])
        assert turn.size > 0
        there = [read(text) for text in texts[index : index + turn.size]]
        assert there == [(turn, part) for part in range(turn.size)], f"a split turn: {turn}"
        found.append(turn)
        index += turn.size
    return found
