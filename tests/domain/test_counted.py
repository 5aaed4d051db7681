"""What is remembered of a log's tokens: that it is right whatever was read before, and bounded."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from redialog import Message, _counted
from redialog.tokens import Costs
from tests.domain.tools import read, write

LOG, OTHER = b"log", b"other"


class Length:
    """Counts characters; each is a counter of its own."""

    def __call__(self, text: str) -> int:
        return len(text)


def page(*texts: str) -> list[Message]:
    """Messages as they are read; the same text is the same element."""
    return [read(write(Message.user(text))) for text in texts]


def counted(counter: Length, messages: list[Message], log: bytes = LOG) -> None:
    """Counts what is not known, and says so."""
    costs = Costs(counter, log)
    tokens = costs.known(messages)
    for index, message in enumerate(messages):
        if tokens[index] is None:
            tokens[index] = costs.of(message)


@pytest.fixture
def forgetful(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is found by its element that was not counted just now."""
    monkeypatch.setattr(_counted, "_MOST", 1)


TEXTS = [f"{'x' * number}" for number in range(1, 11)]
RULE = [len(text) + 4 for text in TEXTS]


@pytest.mark.usefixtures("forgetful")
@pytest.mark.parametrize("again", [slice(10), slice(3, 10), slice(9, 10)])
def test_what_was_read_the_last_time_is_known(again: slice) -> None:
    """All of it, or the newest of it."""
    counter = Length()
    counted(counter, page(*TEXTS))
    assert Costs(counter, LOG).known(page(*TEXTS[again])) == RULE[again]
    assert Costs(counter, OTHER).known(page(*TEXTS)) != RULE
    assert Costs(Length(), LOG).known(page(*TEXTS)) == [None] * 10


@pytest.mark.usefixtures("forgetful")
@pytest.mark.parametrize("older", [0, 2])
@pytest.mark.parametrize("newer", [1, 5, _counted._NEWER - 1])
def test_what_was_appended_since_is_not(older: int, newer: int) -> None:
    """Nor what is older than what was read; the rest is."""
    counter = Length()
    counted(counter, page(*TEXTS))
    before, after = [f"older {n}" for n in range(older)], [f"newer {n}" for n in range(newer)]
    found = Costs(counter, LOG).known(page(*before, *TEXTS, *after))
    assert found == [None] * older + RULE + [None] * newer
    counted(counter, page(*before, *TEXTS, *after))
    assert None not in Costs(counter, LOG).known(page(*TEXTS, *after))


@pytest.mark.usefixtures("forgetful")
def test_an_edit_is_noticed() -> None:
    """A message in the middle is another one; the newest is the same."""
    counter = Length()
    counted(counter, page(*TEXTS))
    texts = [*TEXTS[:4], "an edit", *TEXTS[5:]]
    assert Costs(counter, LOG).known(page(*texts))[4] is None
    counted(counter, page(*texts))
    assert Costs(counter, LOG).known(page(*texts))[4] == 11


def test_what_was_never_stored_is_not_known() -> None:
    """It has nothing by which it could be known again."""
    costs = Costs(Length(), LOG)
    messages = [Message.user("Hello")]
    for _ in range(2):
        assert costs.known(messages) == [None]
        costs.of(messages[0])


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.lists(st.lists(st.sampled_from(["a", "bb", "ccc", "dddd"]), max_size=24), max_size=8))
def test_no_message_has_the_tokens_of_another(pages: list[list[str]]) -> None:
    """Whatever is read after what, also where elements are the same."""
    counter = Length()
    for texts in pages:
        found = Costs(counter, LOG).known(page(*texts))
        assert len(found) == len(texts)
        assert all(one in (None, len(text) + 4) for one, text in zip(found, texts, strict=True))
        counted(counter, page(*texts))
        assert Costs(counter, LOG).known(page(*texts)) == [len(text) + 4 for text in texts]


def test_rows_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """In their number, and what is large is not held for the sake of its order."""
    monkeypatch.setattr(_counted, "_ROWS", 3)
    counter = Length()
    costs = Costs(counter, LOG)
    assert costs._counted is not None
    rows = costs._counted._rows
    for number in range(20):
        counted(counter, page("some"), b"log %d" % number)
        assert len(rows.new) + len(rows._old) <= 6
    counted(counter, page("x" * 40_000, "y" * 40_000), LOG)
    assert LOG not in rows.new


def test_elements_are_held_up_to_so_many_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """However few they are."""
    monkeypatch.setattr(_counted, "_BYTES", 2_000)
    costs = Costs(Length())
    assert costs._counted is not None
    short = costs._counted._short
    for number in range(100):
        costs.of(read(write(Message.user(f"{number} {'x' * 400}"))))
        held = [*short.new, *short._old]
        assert sum(map(len, held)) <= 2 * (2_000 + 600)
    assert len(held) > 3
