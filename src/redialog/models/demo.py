"""The demo: answers without a language model, by quoting what the user said.

It shows that a memory remembers, on a machine without a key or a network. It says what it is, and
it knows only the messages that it is given, so that what it finds was really in the session.

How it finds: a question about the user's name looks for the ways in which people introduce
themselves. Any other question is reduced to the words that carry it; a statement fits that has more
than half of their weight, and among equals the newest wins. Never quoted: questions, and whatever
an assistant said.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Generator, Iterable, Iterator, Sequence

from redialog.messages import Message

IS_NO_MODEL = "I am redialog's demo, not a language model."
UNKNOWN = f"I don't know: nothing in the messages that I was given fits. ({IS_NO_MODEL})"
NOTED = "Noted. (I am a demo, no language model: I can only quote what you told me.)"

MAX_QUOTE = 300
_MAX_SEARCHED = 20_000
"""Characters of one message that are looked at."""

_ENOUGH = 2.0
"""The weight with which half of a question's weight is enough: two words of it. With less, "What is
my bike code?" finds the code of the locker."""

# Words that say nothing of what is asked for.
_STOP = frozenset(
    """a about again ago all am an and any are as at be been but by can could did do does for from
    give had has have he her him his how i if in into is it its just know let list many me mine
    much my myself of on once or our ours please recall recently remember remind repeat said say
    she should show so some tell than that the their them then there these they thing this those
    to told too us was we were what when where which while who whom whose why will with would you
    your yours earlier before first last d ll m re s t ve don didn doesn isn not no yes ok
    hello hi hey now right city town country place kind sort type""".split()  # noqa: SIM905
)
_WORD = re.compile(r"\w+")
_SENTENCE = re.compile(r"(?<=[.!?…])\s+|(?<=[。！？])\s*|\n+")  # noqa: RUF001 - other scripts
_ASKS = re.compile(r"[?？؟]['\")\]»”’*_]*$")  # noqa: RUF001
_ASKS_PLAINLY = re.compile(
    r"(?:please,? )?(?:tell me|remind me|show me|repeat|recall)\b", re.IGNORECASE
)
_ASKS_WITHOUT_MARK = re.compile(
    r"(?:what|who|whom|whose|which|where|when|why|how)"
    r"(?:['’]s| (?!i\b|my\b|we\b|our\b|you\b|the\b|he\b|she\b|it\b|they\b|an?\b)\w+)"  # noqa: RUF001
    r"|(?:do|does|did|is|are|am|was|were|can|could|will|would|should|have|has) "
    r"(?:i|my|we|our|you|the|he|she|it|they|there|this|that)\b",
    re.IGNORECASE,
)
_ABOUT_NAME = re.compile(
    r"\bmy (?:own |first |last |full |real )*name\b"
    r"|\bwho (?:am i|i am|i['’]m)\b|\bam i called\b|\b(?:call|address) me\b",  # noqa: RUF001
    re.IGNORECASE,
)
# How people introduce themselves: the plain ways, and those that take a look at the word.
_NAMED = re.compile(
    r"(?:\b[Mm]y (?:own |first |last |full |real )*|^(?:[Tt]he )?)[Nn]ame(?:['’]s| is| was|:) +\w"  # noqa: RUF001
    r"|\b(?:calls?|called) me +[^\W\d_a-z]|\bi go by +\w"
    r"|\b(?:[Ii]['’]?m|[Ii] am) +(?:(?:Dr|Mr|Mrs|Ms)\.? )?[^\W\d_a-z]"  # noqa: RUF001
)
_PERHAPS_NAMED = re.compile(
    r"\b(?:i['’]?m|i am|call me) +([^\W\d_]+) *(?:$|[.,;!)]| and\b)",  # noqa: RUF001
    re.IGNORECASE,
)
_NO_NAMES = frozenset(
    """afraid again alone back bored busy cold confused done fine free glad good great happy here
    home hot hungry ill later late lost maybe now married new not ok okay old out ready sad sick
    single sleepy soon sorry sure there thirsty today tomorrow tonight unsure well worried wrong
    young""".split()  # noqa: SIM905 - 50 quoted words are harder to read
)


class DemoModel:
    """Quotes the user; see the module."""

    def reply(self, messages: Sequence[Message]) -> Generator[str, None, None]:
        """Answers the last user message, word by word.

        Args:
            messages: oldest first; only those of the user are looked at.

        Returns:
            The words of the answer, each with the blank that follows it.

        Cost: grows with the messages; 1,000 take some 20 ms.
        """
        said = [m.text[:_MAX_SEARCHED] for m in messages if m.role == "user"]
        yield from re.findall(r"\S+\s*", _answer(said))


def _answer(said: Sequence[str]) -> str:
    if not said:
        return UNKNOWN
    questions = [sentence for sentence in _sentences(said[-1]) if _is_question(sentence)]
    if not questions:
        return NOTED
    statements = list(_statements(said[:-1]))
    question = questions[-1]
    found = _name(statements) if _ABOUT_NAME.search(question) else _fitting(question, statements)
    if found is None:
        return UNKNOWN
    return f'You said: "{_shortened(found)}"'


def _sentences(text: str) -> list[str]:
    parts = (" ".join(part.split()) for part in _SENTENCE.split(text))
    return [part for part in parts if part]


def _is_question(sentence: str) -> bool:
    if _ASKS.search(sentence) or _ASKS_PLAINLY.match(sentence):
        return True
    return sentence[-1] not in ".!" and _ASKS_WITHOUT_MARK.match(sentence) is not None


def _statements(said: Iterable[str]) -> Iterator[str]:
    """What can be quoted, oldest first: short messages whole, of others the single sentences."""
    for text in said:
        sentences = _sentences(text)
        stated = [sentence for sentence in sentences if not _is_question(sentence)]
        whole = " ".join(text.split())
        if len(stated) == len(sentences) and 0 < len(whole) <= MAX_QUOTE // 2:
            yield whole
        else:
            yield from stated


def _name(statements: Sequence[str]) -> str | None:
    newest_first = statements[::-1]
    for statement in newest_first:
        if _NAMED.search(statement):
            return statement
    for statement in newest_first:
        maybe = _PERHAPS_NAMED.search(statement)
        word = maybe[1].lower() if maybe else ""
        if word and word not in _NO_NAMES and not word.endswith(("ing", "ed")):
            return statement
    return None


def _fitting(question: str, statements: Sequence[str]) -> str | None:
    asked = {word: _weight(word) for word in _words(question)}
    if not asked:
        # "What did I just say?"
        mentions_saying = re.search(r"\b(?:sa(?:y|id)|t(?:ell|old)|remember|know)\b", question)
        return statements[-1] if statements and mentions_saying else None
    half = sum(asked.values()) / 2
    best, found = half, None
    for statement in statements:
        weight = sum(asked[word] for word in asked.keys() & _words(statement))
        if weight >= best and (weight > half or weight >= _ENOUGH):
            best, found = weight, statement
    return found


def _words(text: str) -> set[str]:
    """The stems of the words that carry a text."""
    words = _WORD.findall(unicodedata.normalize("NFKC", text).casefold())
    stems = (_stem(word) for word in words if word not in _STOP)
    return {_SAME.get(stem, stem) for stem in stems}


def _stem(word: str) -> str:
    """A word without its ending, so that other forms of it fit: rough, and good enough here."""
    for ending in ("ings", "ing", "ies", "ied", "ed", "es", "s", "e", "y"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:  # noqa: PLR2004
            return word[: -len(ending)]
    return word


_SAME = {"call": "nam", "color": "colour", "favorit": "favourit"}
# Words that go with many things: what they go with counts more.
_WEAK = {
    _stem(word)
    for word in """favourite best new old like live love want need use get go work name number time
    day today yesterday tomorrow year""".split()  # noqa: SIM905
}


def _weight(stem: str) -> float:
    return 0.3 if stem in _WEAK else 1.0


def _shortened(text: str) -> str:
    return text if len(text) <= MAX_QUOTE else text[: MAX_QUOTE - 1].rstrip() + "…"
