"""Sentences in any script, and how long they are."""

from __future__ import annotations

import re
from collections.abc import Iterator

# Scripts that put no blanks between words: Thai, Lao, Burmese, Khmer, Japanese, Chinese.
_DENSE = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003ffff"
)
DENSE = re.compile(f"[{_DENSE}]")
# With the marks that go with them.
_WIDE = re.compile(f"[{_DENSE}\u3000-\u303f\uff00-\uffef]")
_DENSE_RUN = re.compile(f"[{_DENSE}]+")
_WORD = re.compile(rf"[^\W{_DENSE}]+")

# Where a sentence may end: at the marks of scripts with blanks before a blank, at those of
# scripts without anywhere; with the quotes and brackets that close after it.
_END = re.compile(
    r"""[.!?…؟۔।॥]+["'”’»)\]*_]*(?=\s|$)|[。！？｡]+[”’」』）"]*"""  # noqa: RUF001
)
_CLAUSE = re.compile(r"""(?<=[,;:])\s+|(?<=[、，；：])|\s+(?=[–—]\s)""")  # noqa: RUF001
_BULLET = re.compile(r"^(?:(?:[-*•+>]|#{1,6})\s+)+")
_FENCE = re.compile(r"^\s*(?:```|~~~)")
# Before a full stop that ends no sentence: an abbreviation, an initial, a number of a list.
_NO_END = re.compile(
    r"(?:^|[\s(])(?:mr|mrs|ms|dr|prof|st|no|nr|vs|etc|ca|fig|inc|ltd|sra?|mme|approx|bzw|z\.\s?b|"
    r"e\.\s?g|i\.\s?e|[^\W\d_])\.$|^\d{1,3}\.$",
    re.IGNORECASE,
)
_NEAR = 12
"""Characters before an end that are looked at: more than the longest abbreviation has."""

_LONG_WORD = 24
"""Characters of one word; what is longer (links, keys) counts as several."""

_MAX_WORD = 80


def size(text: str) -> int:
    """How many words a text has; two characters make one in scripts without blanks."""
    if text.isascii():
        return sum(-(-len(word) // _LONG_WORD) for word in text.split())
    words = 0
    for word in text.split():
        dense = len(_WIDE.findall(word))
        words += (dense + 1) // 2 + -(-(len(word) - dense) // _LONG_WORD)
    return words


def sentences(text: str) -> list[str]:
    """The sentences of a text, each on one line; of a text that is all code the lines."""
    prose: list[str] = []
    code: list[str] = []
    part = prose
    for line in text.splitlines():
        if _FENCE.match(line):
            part = prose if part is code else code
        else:
            part += _of_line(_BULLET.sub("", line.strip()))
    return prose or code


def _of_line(line: str) -> Iterator[str]:
    start = 0
    for end in _END.finditer(line):
        stop = end.end()
        if _NO_END.search(line[max(start, stop - _NEAR) : stop]):
            continue
        yield " ".join(line[start:stop].split())
        start = stop
    if rest := " ".join(line[start:].split()):
        yield rest


def pieces(sentence: str, most: int) -> Iterator[str]:
    """The sentence itself, or where it is longer than so many words its parts.

    They end between clauses where that is possible, else between words.
    """
    if size(sentence) <= most:
        yield sentence
        return
    piece: list[str] = []
    taken = 0
    for clause in _CLAUSE.split(sentence):
        for part in _parts(clause, most):
            length = size(part)
            if piece and taken + length > most:
                yield joined(piece)
                piece, taken = [], 0
            piece.append(part)
            taken += length
    if piece:
        yield joined(piece)


def _parts(clause: str, most: int) -> Iterator[str]:
    if size(clause) <= most:
        yield clause
        return
    for word in clause.split():
        if len(word) > _MAX_WORD and not DENSE.search(word):
            yield word[:_MAX_WORD] + "…"
        elif size(word) > most:
            step = most * (2 if DENSE.search(word) else _LONG_WORD)
            yield from (word[i : i + step] for i in range(0, len(word), step))
        else:
            yield word


def joined(parts: list[str]) -> str:
    """Parts in one line; without blanks between, where the script has none."""
    line = ""
    for part in parts:
        gap = " " if line and not (_WIDE.match(line[-1]) and _WIDE.match(part)) else ""
        line += gap + part
    return line


def is_whole(sentence: str) -> bool:
    """Whether it ends as sentences do."""
    return any(end.end() == len(sentence) for end in _END.finditer(sentence))


def terms(sentence: str) -> list[str]:
    """What a sentence speaks of, each once, in its order: words, in dense scripts pairs."""
    folded = sentence.casefold()
    found = _WORD.findall(folded)
    for run in _DENSE_RUN.findall(folded):
        found += [run[i : i + 2] for i in range(max(len(run) - 1, 1))]
    return list(dict.fromkeys(found))
