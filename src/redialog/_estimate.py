"""How many tokens a text has, about: without a tokenizer, from how tokenizers work.

A tokenizer cuts a text into pieces (a word with the space before it, up to three digits, a run of
signs, an indentation) and each piece into tokens. The cutting is done here as o200k_base does it.
What a piece costs is estimated: the pairs of its letters (Latin, Cyrillic) or its characters (every
other script, signs, emoji) each add what `redialog._weights` says, and no piece costs less than
one token. Pairs that are frequent in natural words add little, so that a word of English is about
one token, and random letters are about as many as they really are.

The cost of a short piece is remembered, so that a word is computed once. All work is linear.
"""

# The numbers here are code points, and costs that were fitted.
# ruff: noqa: PLR2004

from __future__ import annotations

import functools
import itertools
import operator
import re
from collections.abc import Callable

from redialog import _weights

_UNIT = 20
"""Costs are whole numbers of twentieths of a token."""

_LATIN = "\u00aa\u00b5\u00ba\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u036f\u1e00-\u1eff"
_CYRILLIC = "\u0400-\u052f"
# The letters of all other scripts, with the marks that belong to them.
_OTHER = (
    "\u0370-\u03ff\u0530-\u1dff\u1f00-\u1fff\u2c00-\u2dff\u3005-\u3007\u3021-\u3029\u3031-\u3035"
    "\u3040-\u30fa\u30fc-\u31ff\u3400-\u4dbf\u4e00-\ud7ff\uf900-\ufdff\ufe20-\ufe2f\ufe70-\ufefc"
    "\uff21-\uff3a\uff41-\uff5a\uff66-\uffdc\U00010000-\U0001cfff\U00020000-\U0003ffff"
)
_LETTERS = f"A-Za-z{_LATIN}{_CYRILLIC}{_OTHER}"

_pieces = re.compile(
    rf"[^\r\n0-9{_LETTERS}]?"
    rf"(?:(?:[a-z{_LATIN}]+|[A-Z]+[a-z{_LATIN}]*)(?:'(?i:[sdmt]|ll|ve|re))?"
    rf"|[{_CYRILLIC}]+|[{_OTHER}]+)"
    rf"|[0-9]{{1,3}}| ?[^\s0-9{_LETTERS}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
).findall
# A piece with a word: a space or sign before it, and letters of Latin, Cyrillic or other scripts.
_word = re.compile(
    rf"[^{_LETTERS}]?(?:([A-Za-z{_LATIN}]+)(?:'.*)?|([{_CYRILLIC}]+)|([{_OTHER}]+))", re.DOTALL
).fullmatch

# Longer texts are counted in parts of that many characters, so that the pieces take little memory.
_PART = 1 << 16
# What is remembered: pieces and characters of at most that length, and how many of each.
_SHORT = 24
_MOST = 1 << 15


def estimate(text: str) -> int:
    """How many tokens a text has, about: 1.0 to 1.7 times as many as with o200k_base.

    Linear in the length of the text; 300 characters take about 10 µs.
    """
    if len(text) <= _PART:
        cost = sum(map(_costs.__getitem__, _pieces(text)))
    else:
        parts = (text[at : at + _PART] for at in range(0, len(text), _PART))
        cost = sum(sum(map(_costs.__getitem__, _pieces(part))) for part in parts)
    return -(-cost // _UNIT)


class _Remembered(dict[str, int]):
    """What a function gives for texts, remembered for short ones; threads may share it."""

    def __init__(self, function: Callable[[str], int]) -> None:
        self._function = function

    def __missing__(self, key: str) -> int:
        cost = self._function(key)
        if len(key) <= _SHORT:
            if len(self) >= _MOST:
                self.clear()
            self[key] = cost
        return cost


def _cost(piece: str) -> int:
    found = _word(piece)
    if found is None:
        if "0" <= piece[0] <= "9":
            return _UNIT
        return _space(piece) if piece.isspace() else _signs(piece)
    script = found.lastindex or 0
    word, before = found[script], piece[: found.start(script)]
    cost = (_latin, _cyrillic, _other)[script - 1](word, before)
    if before > "\x7f":
        cost += _characters[before]
    if len(piece) > len(before) + len(word):
        cost += _CONTRACTION
    return max(cost, _least(word))


def _least(word: str) -> int:
    """What a word costs at least, however frequent its pairs: for words that no language has."""
    length = len(word)
    least = max(_UNIT, (length - 9) * 10)
    if length >= 6 and 3 * len(set(word)) <= length:
        least = max(least, length * (10 if word.isascii() else 20))
    return least


# What a contraction adds, and what stands before a word.
_CONTRACTION = 5
_BEFORE_LATIN = {"": 8, " ": 2, "_": 8, ".": 0, "(": 10, "-": 19, "\t": 35}
_BEFORE_CYRILLIC = {"": 18, " ": 3}
_BEFORE_DEVANAGARI = {"": 22, " ": 5}
_BEFORE_HANGUL = {"": 18, " ": 3}
_BEFORE_OTHER = {"": 26, " ": 7}


def _latin(word: str, before: str) -> int:
    cost = _BEFORE_LATIN.get(before, 22)
    if word.islower():
        cost += 4
    elif len(word) == 1:
        cost += 17
    elif word.isupper():
        cost += 3 * sum(map(str.isupper, word[1:]))
    elif word[0].isupper() and word[1:].islower():
        cost += 3
    else:
        cost += 31 + 5 * sum(map(str.isupper, word[1:]))
    letters = word.lower()
    if not letters.isascii():
        letters = letters.translate(_latin_letters)
    return cost + _pairs("^" + letters)


def _cyrillic(word: str, before: str) -> int:
    cost = _BEFORE_CYRILLIC.get(before, 24)
    if word.islower():
        cost += 1
    elif word[1:].islower():
        cost += 21
    else:
        cost += 14 * len(word)
    return cost + _pairs("%" + word.lower().translate(_cyrillic_letters))


def _other(word: str, before: str) -> int:
    first = word[0]
    if "\u0900" <= first <= "\u097f":
        cost = _BEFORE_DEVANAGARI.get(before, 22)
        return cost + _pairs("&" + word.translate(_devanagari_letters))
    if "\u3040" <= first < "\uac00":
        cost = 19 if before else 15
    elif "\uac00" <= first <= "\ud7a3":
        cost = _BEFORE_HANGUL.get(before, 23)
    else:
        cost = _BEFORE_OTHER.get(before, 31)
    return cost + sum(map(_characters.__getitem__, word))


def _pairs(letters: str) -> int:
    return sum(map(_PAIRS.__getitem__, map(operator.add, letters, letters[1:])))


def _table(first: str, letters: str, rows: tuple[str, ...]) -> dict[str, int]:
    return {
        a + b: int(digit, 36)
        for a, row in zip(first + letters, rows, strict=True)
        for b, digit in zip(letters, row, strict=True)
    }


_PAIRS = (
    _table("^", _weights.LATIN_LETTERS, _weights.LATIN)
    | _table("%", _weights.CYRILLIC_LETTERS, _weights.CYRILLIC)
    | _table("&", _weights.DEVANAGARI_LETTERS, _weights.DEVANAGARI)
)


class _Letters(dict[int, str]):
    """For `str.translate`: the columns of a table, and what stands for all other letters."""

    def __init__(self, letters: str, other: Callable[[int], str]) -> None:
        super().__init__((ord(letter), letter) for letter in letters)
        self._other = other

    def __missing__(self, code: int) -> str:
        return self._other(code)


def _class_of_latin(code: int) -> str:
    if code < 0x100:
        return "~"
    if code < 0x180:
        return "`"
    return "@" if 0x1EA0 <= code < 0x1F00 or code in (0x1A1, 0x1B0) else "#"


_latin_letters = _Letters(_weights.LATIN_LETTERS[:26], _class_of_latin)
_cyrillic_letters = _Letters(_weights.CYRILLIC_LETTERS[:-1], lambda _: "$")
_devanagari_letters = _Letters(_weights.DEVANAGARI_LETTERS[:-1], lambda _: "*")

# What each further one of the same sign in a row adds: rows of many are few tokens.
_ROWS = dict.fromkeys("#*-./=_", 0.8) | dict.fromkeys("!%+~:;\n\t", 1.4) | {" ": 0.4}
_ROWS |= dict.fromkeys("─━═—…", 2.0)
_SPACES = {" ": 10, "\t": 11, "\n": 11, "\r": 16}


def _space(piece: str) -> int:
    return max(
        _UNIT,
        12
        + _runs(piece.replace("\r\n", "\r"), lambda char: _SPACES.get(char) or _characters[char]),
    )


def _signs(piece: str) -> int:
    core = piece.rstrip("\r\n")
    cost = 0
    if len(core) < len(piece):
        cost = 5 + 2 * (len(piece) - len(core))
    if core[0] == " ":
        cost, core = cost + 7, core[1:]
    return max(_UNIT, cost + _runs(core, _characters.__getitem__))


def _runs(text: str, weight: Callable[[str], int]) -> int:
    cost = 0.0
    for char, run in itertools.groupby(text):
        length = sum(1 for _ in run)
        one = weight(char)
        cost += one + (length - 1) * _ROWS.get(char, 10 if char < "\x80" else one)
    return round(cost)


# First and last code point, and what each of them adds; the first row that holds it counts.
_RANGES = (
    (0x00, 0x7F, 26),
    (0x80, 0x7FF, 46),
    (0xE80, 0xFBF, 44),
    (0x1200, 0x137F, 46),
    (0x1D00, 0x1FFF, 58),
    (0x2070, 0x233F, 45),
    (0x2440, 0x26BF, 44),
    (0x2700, 0x27BF, 44),
    (0x2B00, 0x2B3F, 44),
    (0x3100, 0x317F, 44),
    (0x4E00, 0x9FFF, 50),
    (0xAC00, 0xD7A3, 53),
    (0xFE0F, 0xFE0F, 21),
    (0xFE00, 0xFFFF, 50),
    (0x80, 0xFFFF, 66),
    (0x1D000, 0x1D7FF, 66),
    (0x1F1E6, 0x1F1FF, 47),
    (0x1F000, 0x1F2FF, 66),
    (0x1F3FB, 0x1F3FF, 41),
    (0x1F300, 0x1F53F, 47),
    (0x1F600, 0x1F6BF, 47),
    (0x1F900, 0x1F97F, 47),
    (0x1F300, 0x1FAFF, 64),
)
_LISTED = (
    dict.fromkeys(_weights.HAN, 11)
    | dict.fromkeys(_weights.HANGUL, 14)
    | dict.fromkeys(_weights.SYMBOLS, 34)
    | _weights.SIGNS
    | {"\n": 14, "\xa0": 12, "\u2029": 42, "\u3000": 12, "\ufffd": 20}
)


def _weight(char: str) -> int:
    """What a character adds in a word of a script without a table of pairs, or among signs."""
    listed = _LISTED.get(char)
    if listed is not None:
        return listed
    code = ord(char)
    if code > 0x1FFFF:
        return 88
    for start, digits in _weights.CHARACTERS.items():
        if start <= code < start + len(digits):
            return 2 * int(digits[code - start], 36)
    if char in _common_han():
        return 28
    return next((cost for first, last, cost in _RANGES if first <= code <= last), 88)


@functools.cache
def _common_han() -> frozenset[str]:
    """The characters that the Chinese and the Japanese standard rank as common, some 5,000."""
    tables = (("gb2312", 0xB0, 0xD8), ("euc_jp", 0xB0, 0xD0))
    return frozenset(
        bytes((row, cell)).decode(codec, "ignore")
        for codec, first, end in tables
        for row in range(first, end)
        for cell in range(0xA1, 0xFF)
    )


_costs = _Remembered(_cost)
_characters = _Remembered(_weight)
