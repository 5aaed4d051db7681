"""A summariser without a model: it picks sentences, and writes none."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from redialog._json import whole_text
from redialog.messages import Message
from redialog.summarizers.record import NO_TEXT, SEEN, checked_words, entries
from redialog.summarizers.sentences import is_whole, joined, pieces, sentences, size, terms
from redialog.summarizers.weights import Sentence, scores
from redialog.tokens import Costs

_LINE = re.compile(r"(User|Assistant|System|Tool)(?: \(([^()\n]*)\))?: (.*)")
_FEW = 30
_KEPT = 0.6
"""A summary has at most this share of the words that it is made of, but always a few."""

_TOKENS = 2.5
"""How many tokens a word may have on the average: with it, 200 words are a summary of 500 tokens,
which is what `RollingSummary` allows."""

_SAME = 0.75
"""A sentence with this share of its words in a better one waits until all others are in: of two
locker codes the newer one comes first."""

_MAX_PIECE = 40
_MAX_LABEL = 3
_GAP = " … "


class KeySentences:
    """Picks the sentences that tell most; stdlib only, offline, the same for the same messages.

    It understands nothing: it looks for names, numbers, wishes, questions, and words that others
    of its sentences share. What it returns are sentences of the conversation, word for word, each
    line with who said it; those of the previous summary compete with the new ones. For a real
    summary take a model.

    Args:
        max_words: the longest summary; two characters of Chinese or Japanese count as a word.

    Attributes:
        name: ``key sentences``, which its summaries name as their author.

    Raises:
        ConfigurationError: ``max_words`` is no whole number of at least 1.
    """

    name = "key sentences"

    def __init__(self, *, max_words: int = 200) -> None:
        self._max_words = checked_words(max_words)
        self._costs = Costs()

    def __call__(self, previous: str | None, messages: Sequence[Message]) -> str:
        """The new summary.

        Args:
            previous: the summary so far, also another summariser's.
            messages: what came after it, oldest first.

        Cost: grows with the text; 1,500 words take some 10 ms, 100,000 some 0.5 s.
        """
        earlier = whole_text(previous or "")
        lines = [*_earlier(earlier), *_said(messages)]
        if not lines:
            return NO_TEXT
        seen = (message for message in messages if message.role in SEEN)
        given = self._costs.text(earlier) + sum(map(self._costs.of, seen))
        words = sum(size(line.label + line.text) for line in lines)
        limits = _Limits(
            min(self._max_words, max(_FEW, int(words * _KEPT))),
            min(int(self._max_words * _TOKENS), given - 1),
        )
        return self._picked(lines, limits)

    def _picked(self, lines: Sequence[_Line], limits: _Limits) -> str:
        candidates = _candidates(lines, max(1, limits.words - _MAX_LABEL))
        ranked = _ranked(candidates)
        chosen = _chosen(candidates, ranked, lines, limits.words)
        while chosen:
            written = _written(candidates, lines, chosen)
            if self._costs.text(written) <= limits.tokens:
                return written
            del chosen[-1 - len(chosen) // 20 :]
        # The beginning of the best sentence without its label, where not even that fits.
        text = candidates[ranked[0]].text
        while found := _LINE.match(text):
            text = found[3]
        while len(text) > 1 and (
            size(text) > limits.words or self._costs.text(text) > limits.tokens
        ):
            text = text[: len(text) * 3 // 4].rstrip()
        return text

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class _Line(NamedTuple):
    """What one said: a message, or a line of the previous summary.

    Attributes:
        label: who said it; empty in a summary that another summariser wrote.
        role: of the speaker; empty likewise.
        text: all of it.
    """

    label: str
    role: str
    text: str


class _Limits(NamedTuple):
    words: int
    tokens: int


def _earlier(previous: str) -> Iterator[_Line]:
    """The lines of the previous summary."""
    for line in previous.splitlines():
        found = _LINE.fullmatch(line)
        if found is not None and found[3].strip():
            role, name, text = found.groups()
            yield _Line(_label(role, name or ""), role.lower(), text)
        elif line.strip():
            yield _Line("", "", line)


def _said(messages: Sequence[Message]) -> Iterator[_Line]:
    """The messages with words."""
    for entry in entries(messages, marked=False):
        if entry.text.strip():
            yield _Line(_label(entry.role, entry.name), entry.role, entry.text)


def _label(role: str, name: str) -> str:
    name = " ".join(re.sub(r"[():]", " ", name).split())[:30].strip()
    return f"{role.capitalize()} ({name}): " if name else f"{role.capitalize()}: "


def _candidates(lines: Sequence[_Line], most: int) -> list[Sentence]:
    """All sentences and parts of long ones, each once: where it was said last."""
    found: dict[str, Sentence] = {}
    for number, (_, role, text) in enumerate(lines):
        split = _split(text, min(most, _MAX_PIECE))
        for place, (piece, continues) in enumerate(split):
            if any(map(str.isalnum, piece)):
                same = " ".join(piece.casefold().split())
                found.pop(same, None)
                last = number == len(lines) - 1 and place == len(split) - 1
                found[same] = Sentence(piece, role, number, last, continues)
    if found:
        return list(found.values())
    # Signs alone.
    return [Sentence(" ".join(line.text.split()), line.role, at) for at, line in enumerate(lines)]


def _split(text: str, most: int) -> list[tuple[str, bool]]:
    """The sentences of a text or their parts, and whether each continues the one before it."""
    return [
        (piece, at > 0)
        for sentence in sentences(text)
        for at, piece in enumerate(pieces(sentence, most))
    ]


def _ranked(candidates: Sequence[Sentence]) -> list[int]:
    """The places of those that tell anything, the best first; at least of one."""
    weights = scores(candidates)
    ranked = sorted(range(len(candidates)), key=lambda at: -weights[at])
    return [at for at in ranked if weights[at] > 0] or ranked[:1]


def _chosen(
    candidates: Sequence[Sentence], ranked: Sequence[int], lines: Sequence[_Line], words: int
) -> list[int]:
    """The places of those that are picked, the best first."""
    chosen: list[int] = []
    spoken: list[set[str]] = []
    alike: list[int] = []
    used: set[int] = set()
    for waited, places in ((False, ranked), (True, alike)):
        for place in places:
            candidate = candidates[place]
            found = terms(candidate.text)
            if not waited and any(
                len(have.intersection(found)) >= _SAME * len(found) for have in spoken
            ):
                alike.append(place)
                continue
            # With the gaps that there may be on both sides.
            new = candidate.line not in used
            cost = size(candidate.text) + (size(lines[candidate.line].label or _GAP) if new else 2)
            if cost <= words:
                words -= cost
                chosen.append(place)
                spoken.append(set(found))
                used.add(candidate.line)
    return chosen


def _written(candidates: Sequence[Sentence], lines: Sequence[_Line], chosen: Sequence[int]) -> str:
    """The chosen sentences in the order of the conversation, a line for each message."""
    written: dict[int, str] = {}
    before = -1
    for place in sorted(chosen):
        candidate = candidates[place]
        line = written.get(candidate.line)
        if line is None:
            line = (lines[candidate.line].label or _no_label(candidate.text)) + candidate.text
        elif is_whole(line) or (candidate.continues and before == place - 1):
            line = joined([line, candidate.text])
        else:
            line += _GAP + candidate.text
        written[candidate.line] = line
        before = place
    return "\n".join(written.values())


def _no_label(text: str) -> str:
    """What stands before a sentence that has no label, and is not to look as if it had one."""
    return _GAP.lstrip() if _LINE.match(text) else ""
