"""The built-in estimate beside the exact count of o200k_base."""

from __future__ import annotations

import base64
import json
import random
import string
import threading
import uuid
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from redialog import _estimate
from redialog.tokens import estimate, exact

TEXTS = {
    path.stem: path.read_text(encoding="utf-8")
    for path in sorted((Path(__file__).parent.parent / "fixtures" / "texts").glob("*.txt"))
}
LOWEST, HIGHEST = 1.0, 1.7
real = exact()


def paragraphs() -> list[tuple[str, str]]:
    """The paragraphs of all texts, with the names of the texts."""
    return [
        (name, part)
        for name, text in TEXTS.items()
        for part in text.split("\n\n")
        if len(part) >= 60
    ]


@pytest.mark.parametrize("name", TEXTS)
def test_a_natural_text_is_within_the_bounds(name: str) -> None:
    """Prose in many languages, chats, code, JSON, emoji, Markdown, addresses, all in one."""
    assert LOWEST <= estimate(TEXTS[name]) / real(TEXTS[name]) <= HIGHEST


@pytest.mark.parametrize(("name", "text"), paragraphs())
def test_each_paragraph_is_within_the_bounds(name: str, text: str) -> None:
    """The bounds are not met by what is too little here and too much there."""
    assert LOWEST <= estimate(text) / real(text) <= HIGHEST


RANDOM = random.Random(20)


def chosen(letters: str, count: int = 600) -> str:
    """Random letters."""
    return "".join(RANDOM.choices(letters, k=count))


MACHINE_MADE = {
    "uuids": "\n".join(str(uuid.UUID(int=RANDOM.getrandbits(128))) for _ in range(20)),
    "hex": RANDOM.randbytes(400).hex(),
    "base64": base64.b64encode(RANDOM.randbytes(400)).decode(),
    "keys": " ".join("sk-" + chosen(string.ascii_letters + string.digits, 40) for _ in range(9)),
    "digits": chosen(string.digits),
    "numbers": json.dumps([RANDOM.randrange(10**9) for _ in range(80)]),
    "floats": json.dumps([RANDOM.gauss(0, 1) for _ in range(60)]),
    "letters": chosen(string.ascii_lowercase),
    "capitals": chosen(string.ascii_uppercase),
    "passwords": "\n".join(chosen(string.printable[:94], 14) for _ in range(30)),
    "escapes": json.dumps(TEXTS["russian"]),
    "addresses": " ".join(".".join(str(RANDOM.randrange(256)) for _ in range(4)) for _ in "x" * 40),
    "dumps": RANDOM.randbytes(200).hex(" "),
}


@pytest.mark.parametrize("name", MACHINE_MADE)
def test_what_machines_make_is_within_the_bounds(name: str) -> None:
    """Keys, numbers and encodings have far more tokens for their length than words."""
    text = MACHINE_MADE[name]
    assert LOWEST <= estimate(text) / real(text) <= HIGHEST


@pytest.mark.parametrize("name", TEXTS)
def test_short_texts_together_are_within_the_bounds(name: str) -> None:
    """Of one word nobody can say much, but errors do not add up."""
    words, short, lengths = TEXTS[name].split(" "), list[str](), random.Random(name)
    while words:
        taken = [words.pop(0)]
        while words and len(" ".join(taken)) + len(words[0]) < lengths.randint(1, 30):
            taken.append(words.pop(0))
        short.append(" ".join(taken).strip())
    assert LOWEST <= sum(map(estimate, short)) / sum(map(real, short)) <= HIGHEST


@pytest.mark.parametrize(
    "word",
    [
        "onceuponatimeinalandfarfaraway",
        "tererinantesonderonatineres",
        "restaurantandhotelreservation",
        "averylongidentifierwithoutanyseparator",
    ],
)
def test_words_that_were_written_as_one_are_more_than_one(word: str) -> None:
    """However frequent the pairs of their letters are."""
    assert real(word) <= estimate(word) <= 2.5 * real(word)


@pytest.mark.parametrize("word", ["dltioverqledboltthtecex", "crenplensnplticrengroncicrwenp"])
def test_a_long_word_of_frequent_pairs_that_no_language_has_is_many_tokens(word: str) -> None:
    """Made to be cheap, of the pairs that add nothing."""
    assert real(word) <= 1.6 * estimate(word)


def test_a_part_of_a_token_is_one_more() -> None:
    """Rounded down, one word in six would count too little."""
    words = {word for name in ("english", "manual", "french") for word in TEXTS[name].split()}
    too_little = sum(estimate(word) < real(word) for word in words)
    assert too_little < 0.02 * len(words)


def test_an_empty_text_has_none_and_any_other_has_some() -> None:
    """Also for a single space, mark or half of a surrogate pair."""
    assert estimate("") == 0
    for text in (" ", "\n", "a", "7", "-", "\u0301", "\ud800", "\U0010ffff", "中", "😀"):
        assert estimate(text) >= 1


UNICODE = st.text(st.characters(exclude_categories=["Cs"]), max_size=120)
SCRIPTS = st.sampled_from(
    [
        (0x00, 0x7F),
        (0x80, 0x24F),
        (0x250, 0x36F),
        (0x370, 0x3FF),
        (0x400, 0x52F),
        (0x590, 0x6FF),
        (0x900, 0x97F),
        (0x980, 0xDFF),
        (0xE00, 0x10FF),
        (0x1200, 0x1FFF),
        (0x2000, 0x2BFF),
        (0x3000, 0x30FF),
        (0x3400, 0x9FFF),
        (0xAC00, 0xD7A3),
        (0xE000, 0xFFFF),
        (0x10000, 0x1F2FF),
        (0x1F300, 0x1FAFF),
        (0x20000, 0x10FFFF),
    ]
).flatmap(
    lambda block: st.text(
        st.characters(
            min_codepoint=block[0],
            max_codepoint=block[1],
            exclude_categories=["Cs"],
            include_characters=" ",
        ),
        max_size=120,
    )
)


@settings(max_examples=400, deadline=None, derandomize=True)
@given(UNICODE | SCRIPTS | st.text(string.printable, max_size=120))
def test_random_text_has_never_far_more_tokens_than_estimated(text: str) -> None:
    """Letters that never stand together, unassigned ones, marks on marks, control characters."""
    assert real(text) <= 1.25 * estimate(text) + 3


@settings(max_examples=400, deadline=None, derandomize=True)
@given(
    st.text(st.sampled_from("ab \n\t.'é\u0301жक中あ가😀\u200d🇩\ud800\udfff\U0010ffff"), max_size=60)
)
def test_no_text_is_refused(text: str) -> None:
    """Whatever stands beside whatever, also halves of surrogate pairs."""
    assert estimate(text) <= 5 * len(text)


REPEATED = [
    "a",
    "er",
    "ha",
    " ",
    "\n",
    "-",
    "Ab",
    "the ",
    "是",
    "ы",
    "\u0301",
    "\u2029",
    "\ue000a",
]


@pytest.mark.parametrize("unit", REPEATED)
def test_a_text_that_repeats_itself_grows_with_its_length(unit: str) -> None:
    """Pairs that are frequent in words do not make a word of a thousand letters cheap."""
    text = unit * 1500
    assert real(text) <= estimate(text)
    assert 1.8 * estimate(text) <= estimate(text * 2) <= 2.2 * estimate(text)


def test_a_long_text_counts_like_its_parts() -> None:
    """It is counted in parts, which changes next to nothing."""
    text = TEXTS["english"] * 200
    assert estimate(text) == pytest.approx(200 * estimate(TEXTS["english"]), rel=0.02)


def test_what_is_remembered_is_bounded() -> None:
    """Neither many pieces nor a long one stay in memory."""
    estimate(" ".join(map("q{:x}z".format, range(2 * _estimate._MOST))).translate(LETTERS))
    estimate("x" * 10_000)
    for memory in (_estimate._costs, _estimate._characters):
        assert 0 < len(memory) <= _estimate._MOST
        assert max(map(len, memory)) <= _estimate._SHORT


LETTERS = str.maketrans("0123456789", "ghijklmnop")


def test_threads_get_what_one_alone_gets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also while what is remembered is thrown away all the time."""
    monkeypatch.setattr(_estimate, "_MOST", 3)
    expected = {name: estimate(text) for name, text in TEXTS.items()}
    found: list[dict[str, int]] = []

    def count() -> None:
        found.append({name: estimate(text) for name, text in TEXTS.items()})

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 4
