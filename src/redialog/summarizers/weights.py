"""How much of a conversation is lost without a sentence: rules of thumb, in any language."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence

import msgspec

from redialog.summarizers.sentences import DENSE, terms

# How people give their names, in the languages that have most speakers.
_NAMED = re.compile(
    r"\bmy (?:\w+ )?name(?:['’]s| is|:)|\b(?:i am|i['’]m|call me) +(?-i:[^\W\d_a-z])"  # noqa: RUF001
    r"|\bich hei(?:ß|ss)e\b|\bmein name\b|\bje m['’]appelle\b|\bme llamo\b|\bmi nombre\b"  # noqa: RUF001
    r"|\bmi chiamo\b|\b(?:me chamo|meu nome)\b|\bменя зовут\b|\bмо[её] имя\b|\bbenim adım\b"  # noqa: RUF001
    r"|我叫|我的名字|名前は|と申します|と言います|मेरा नाम|(?:ผม|ฉัน)ชื่อ|اسمي|제 이름|저는 .*입니다",
    re.IGNORECASE,
)
# Of the speaker, rather than of the world.
_OWN = re.compile(
    r"\b(?:my|our|mein\w*|unser\w*|mon|ma|mes|notre|mi|mis|nuestr\w+|mio|mia|meu|minha)\b"
    r"|\b(?:мо[йяеёи]|наш)\w*\b"
    r"|我的|我们的|私の|僕の|मेरा|मेरी|मेरे|제 ",
    re.IGNORECASE,
)
# What is meant to be kept: wishes, promises, decisions.
_LASTING = re.compile(
    r"\b(?:remember|important|prefer\w*|favou?rite|allerg\w+|always|never|must|need\w*|deadline"
    r"|decid\w+|agree\w*|promis\w+|password|code|address|birthday|instead|because|will)\b"
    r"|[\w.+-]{1,64}@[\w-]+\.\w|\bhttps?://",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"\d")
_ASKS = re.compile(r"[?？؟]['\")\]»”’」』*_]*$")  # noqa: RUF001

_SPEAKERS = {"user": 1.0, "system": 0.8, "assistant": 0.7, "tool": 0.5}
_SHORT_WORD = 3


class Sentence(msgspec.Struct, frozen=True):
    """A candidate.

    Attributes:
        text: on one line.
        speaker: the role.
        line: which message it is from, or which line of the previous summary, in their order.
        is_last: whether the conversation ends with it.
        continues: whether it is a part of a long sentence, and not its first.
    """

    text: str
    speaker: str
    line: int
    is_last: bool = False
    continues: bool = False


def scores(candidates: Sequence[Sentence]) -> list[float]:
    """The weight of each sentence, by what it speaks of and what kind of sentence it is."""
    spoken = [terms(candidate.text) for candidate in candidates]
    frequency = Counter(term for found in spoken for term in found)
    central = [_central(found, frequency, len(spoken)) for found in spoken]
    most = max(central, default=0.0) or 1.0
    lines = max((candidate.line for candidate in candidates), default=0) or 1
    return [
        _SPEAKERS.get(candidate.speaker, 1.0)
        * (share / most + _kind(candidate, found) + 0.1 * candidate.line / lines)
        for candidate, found, share in zip(candidates, spoken, central, strict=True)
    ]


def _central(found: Sequence[str], frequency: Counter[str], sentences: int) -> float:
    """How much a sentence has of what the others speak of, and of what only few do."""
    weight = 0.0
    for term in found:
        # Short words of scripts with blanks say little, and there are many.
        share = 0.3 if len(term) <= _SHORT_WORD and not DENSE.match(term) else 1.0
        count = frequency[term]
        weight += share * math.log(1 + count) * math.log(1 + sentences / count)
    return weight / (len(found) + _SHORT_WORD)


def _names(text: str) -> bool:
    """Whether a word within has a capital, as names do."""
    words = (word.lstrip("\"'“„«(") for word in text.split()[1:])
    return any(word[:1].isupper() and word.rstrip(",") != "I" for word in words)


def _kind(candidate: Sentence, found: Sequence[str]) -> float:
    """What is added for names, numbers and the like."""
    text = candidate.text
    signs = (
        (1.0, _NAMED.search(text)),
        (0.4, _OWN.search(text)),
        (0.4, _LASTING.search(text)),
        (0.5, _NUMBER.search(text)),
        (0.3, _names(text)),
        (0.4 if candidate.is_last else 0.2, _ASKS.search(text)),
    )
    added = sum(weight for weight, sign in signs if sign)
    # "Noted.", "Thank you!"
    return added if added > 0.1 or len(found) > 2 else -1.0  # noqa: PLR2004
