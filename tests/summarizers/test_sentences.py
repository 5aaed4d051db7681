"""Sentences in any script, parts of long ones, and how long they are."""

# ruff: noqa: RUF001 - other scripts have marks of their own

from __future__ import annotations

import time

import pytest

from redialog.summarizers.sentences import is_whole, joined, pieces, sentences, size, terms


@pytest.mark.parametrize(
    ("text", "split"),
    [
        ("One. Two! Three? Four", ["One.", "Two!", "Three?", "Four"]),
        ("it is 4417. it's in hall b.", ["it is 4417.", "it's in hall b."]),
        ("Really?! He said “yes.” (So.) *Fine.* On…", None),
        ("See 3.14 and x.y, e.g. this, z. B. das, Dr. J. Low etc. here.", ["x"]),
        ("1. Buy milk.\n- Call Jim\n* [x] done\n## Title\n> quoted", ["1. Buy milk.", "Call Jim"]),
        ("你好！我叫“吉姆。”今天很好。", ["你好！", "我叫“吉姆。”", "今天很好。"]),
        ("こんにちは。（はい。）元気？", ["こんにちは。", "（はい。）", "元気？"]),
        ("नमस्ते। ठीक है॥ क्या", ["नमस्ते।", "ठीक है॥", "क्या"]),
        ("مرحبا. كيف الحال؟ جيد", ["مرحبا.", "كيف الحال؟", "جيد"]),
        ("  a \t b  \n\n\n c ", ["a b", "c"]),
        ("", []),
        (" \n ", []),
    ],
)
def test_sentences(text: str, split: list[str] | None) -> None:
    """At the marks of each script and at line ends; not after abbreviations or within numbers."""
    got = sentences(text)
    if split is None:
        assert got == ["Really?!", "He said “yes.”", "(So.)", "*Fine.*", "On…"]
    elif split == ["x"]:
        assert got == [text]
    else:
        assert got[: len(split)] == split
    assert not [one for one in got if one != " ".join(one.split())]


def test_marks_of_lists_and_titles_are_left_out() -> None:
    """They are no words; a minus is."""
    assert sentences("- Call Jim\n* done\n## Title\n> > quoted\n+ more\n-5 degrees") == [
        "Call Jim",
        "done",
        "Title",
        "quoted",
        "more",
        "-5 degrees",
    ]


def test_code_counts_where_there_is_nothing_else() -> None:
    """What stands between fences, also one that is not closed."""
    code = "```python\nx = 1\ny = 2\n```"
    assert sentences(f"Use this.\n{code}\nDone.") == ["Use this.", "Done."]
    assert sentences(code) == ["x = 1", "y = 2"]
    assert sentences("Use this.\n~~~\nx = 1") == ["Use this."]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", 0),
        ("one two  three\n", 3),
        ("über uns", 2),
        ("x" * 24, 1),
        ("x" * 25, 2),
        ("ü" * 25, 2),
        ("我叫吉姆", 2),
        ("我叫吉姆。", 3),
        ("你", 1),
        ("我叫Jim。", 3),
        ("สวัสดี", 3),
        ("제 이름은", 2),
    ],
)
def test_size(text: str, words: int) -> None:
    """In words; two characters are one in scripts without blanks, with their marks."""
    assert size(text) == words


@pytest.mark.parametrize(
    ("sentence", "most", "parts"),
    [
        ("one two three", 3, ["one two three"]),
        ("one two three", 2, ["one two", "three"]),
        ("one, two three, four", 3, ["one, two three,", "four"]),
        ("one two, three four: five", 3, ["one two,", "three four: five"]),
        ("one two – three four", 3, ["one two", "– three four"]),
        ("我叫吉姆，今天很好，你呢", 5, ["我叫吉姆，", "今天很好，你呢"]),
        ("我叫吉姆今天很好", 2, ["我叫吉姆", "今天很好"]),
        ("x" * 60, 1, ["x" * 24, "x" * 24, "x" * 12]),
        ("see " + "x" * 90 + " there", 5, ["see " + "x" * 80 + "…", "there"]),
    ],
)
def test_pieces(sentence: str, most: int, parts: list[str]) -> None:
    """Between clauses where that is possible, else between words, else within one."""
    assert list(pieces(sentence, most)) == parts
    assert all(size(part) <= most for part in parts)


def test_parts_are_put_together_as_they_were() -> None:
    """With a blank between, but not in scripts that have none."""
    assert joined(["one", "two,", "three"]) == "one two, three"
    assert joined(["我叫吉姆。", "今天", "Jim", "好"]) == "我叫吉姆。今天 Jim 好"
    assert joined([]) == ""


def test_what_ends_as_a_sentence_does() -> None:
    """With a mark, and what closes after it."""
    assert all(map(is_whole, ["So it is.", "Is it?)", "我叫吉姆。", "He said “yes.”"]))
    assert not any(map(is_whole, ["So it is", "it is,", "", "x.y"]))


def test_what_a_sentence_speaks_of() -> None:
    """Words in small letters, each once; pairs of characters in scripts without blanks."""
    assert terms("Jim's CODE is 4417, jim!") == ["jim", "s", "code", "is", "4417"]
    assert terms("我叫吉姆 x 你") == ["x", "我叫", "叫吉", "吉姆", "你"]
    assert terms("...") == []


@pytest.mark.parametrize("bad", ["a. ", "z. b", "...", "(a", "_", "。", ". a", "- ", "me ", "1."])
def test_hostile_texts_take_no_long_time(bad: str) -> None:
    """What is looked at grows with the text, not with its square."""
    text = bad * 40_000
    started = time.perf_counter()
    for sentence in sentences(text):
        list(pieces(sentence, 40))
    assert time.perf_counter() - started < 10
