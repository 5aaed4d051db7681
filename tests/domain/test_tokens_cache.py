"""What an unchanged message cost is remembered, and nothing is remembered for ever."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from redialog import CounterError, Message, _counted, tokens
from redialog.tokens import Costs, TokenCounter
from tests.domain.tools import read, write


class Counted:
    """Counts characters, and how often it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, text: str) -> int:
        self.asked.append(text)
        return len(text)

    def method(self, text: str) -> int:
        """The same as a bound method, made anew at each access."""
        return self(text)


def stored(text: str = "Hello", **fields: Any) -> Message:
    """A message as it is read from Redis."""
    return read(write(Message.user(text, **fields)))


def test_a_stored_message_is_counted_once() -> None:
    """For each reading, each `Costs` and each copy of the message."""
    counter = Counted()
    for _ in range(3):
        assert Costs(counter).of(stored()) == Costs(counter).of(stored()) == 9
    assert counter.asked == ["Hello"]


def test_a_changed_message_is_counted_anew() -> None:
    """Its text, its name; also before it is stored."""
    counter = Counted()
    message = stored()
    costs = Costs(counter)
    assert costs.of(message) == 9
    changed = message.replace(content="Hello there")
    assert costs.of(changed) == 15
    assert costs.of(read(write(changed))) == 15
    assert costs.of(message.replace(name="bo")) == 11
    assert costs.of(message) == 9
    assert counter.asked == ["Hello", "Hello there", "Hello there", "Hello", "bo"]


def test_a_message_that_was_never_stored_is_counted_each_time() -> None:
    """It has no stored form by which it could be known again."""
    counter = Counted()
    message = Message.user("Hello")
    assert [Costs(counter).of(message) for _ in range(3)] == [9, 9, 9]
    assert len(counter.asked) == 3


def test_texts_are_counted_each_time() -> None:
    """Only messages are remembered."""
    counter = Counted()
    assert [Costs(counter).text("Hello") for _ in range(2)] == [5, 5]
    assert len(counter.asked) == 2


def test_each_counter_has_counts_of_its_own() -> None:
    """Two functions, and one function with two costs of a block."""
    image = read(
        write(Message.user([{"type": "image", "url": "u"}, {"type": "text", "text": "x"}]))
    )
    one, two = Counted(), Counted()
    assert Costs(one).of(image) == Costs(two).of(image) == 1 + tokens.BLOCK_TOKENS + 4
    for block in (85, 1000, 85):
        assert Costs(TokenCounter(one, block_tokens=block)).of(image) == 1 + block + 4
    assert Costs(lambda _: 7).of(image) == 7 + tokens.BLOCK_TOKENS + 4
    assert one.asked == ["x"] * 3
    assert two.asked == ["x"]


def test_equal_counters_share_their_counts() -> None:
    """A bound method is another object at each access, a `TokenCounter` is made per request."""
    counter = Counted()
    for _ in range(3):
        assert Costs(counter.method).of(stored("method")) == 10
        assert Costs(TokenCounter(counter.method, block_tokens=7)).of(stored("wrapped")) == 11
    assert counter.asked == ["method", "wrapped"]


class Named(TokenCounter):
    """A counter that is equal to every other of its kind."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Named)

    def __hash__(self) -> int:
        return 1


def test_counters_that_are_equal_may_differ_in_the_cost_of_a_block() -> None:
    """It belongs to what is remembered."""
    image = read(write(Message.user([{"type": "image", "url": "u"}])))
    for block in (1, 2):
        assert Costs(Named(len, block_tokens=block)).of(image) == block + 4


class Unhashable(Counted):
    """A counter that cannot be the key of a dict."""

    __hash__ = None  # type: ignore[assignment]


class Odd(Counted):
    """A counter that cannot even be compared."""

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("not comparable")

    def __hash__(self) -> int:
        return 1


@pytest.mark.parametrize("make", [Unhashable, Odd])
@pytest.mark.parametrize("wrap", [lambda counter: counter, TokenCounter])
def test_a_counter_that_is_no_key_counts_without_memory(
    make: type[Counted], wrap: Callable[[Any], Any]
) -> None:
    """It is slower, and right."""
    for _ in range(2):
        counter = make()
        assert [Costs(wrap(counter)).of(stored()) for _ in range(3)] == [9, 9, 9]
        assert counter.asked[0] == "Hello"
    assert len(counter.asked) == 3


def test_counters_are_not_kept_for_ever() -> None:
    """A lambda per request and what it holds are let go."""
    made = []
    for _ in range(4 * tokens._COUNTERS):
        counter = Counted()
        Costs(counter).of(stored())
        made.append(weakref.ref(counter))
    del counter
    gc.collect()
    alive = sum(reference() is not None for reference in made)
    assert alive <= 2 * tokens._COUNTERS


def test_a_counter_in_use_outlives_those_that_are_not() -> None:
    """Other counters that come and go do not push it out."""
    counter = Counted()
    for _ in range(10 * tokens._COUNTERS):
        assert Costs(counter).of(stored()) == 9
        Costs(Counted())
    assert counter.asked == ["Hello"]


def test_counts_are_not_kept_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest are, and those that are used."""
    monkeypatch.setattr(_counted, "_MOST", 10)
    counter = Counted()
    costs = Costs(counter)
    assert costs._counted is not None
    known = costs._counted._short
    often = stored("often used")
    for number in range(200):
        costs.of(stored(f"message {number}"))
        costs.of(often)
        assert len(known.new) + len(known._old) <= 20
    assert counter.asked.count("often used") == 1
    costs.of(stored("message 199"))
    assert counter.asked.count("message 199") == 1
    costs.of(stored("message 0"))
    assert counter.asked.count("message 0") == 2


def test_what_is_kept_does_not_grow_with_the_message() -> None:
    """A digest stands for it: a megabyte that anybody can send is not held."""
    costs = Costs(Counted())
    costs.of(stored("x" * 1_000_000))
    assert costs._counted is not None
    assert [len(key) for key in costs._counted._long.new] == [16]
    assert not costs._counted._short.new


def test_a_long_message_is_counted_once() -> None:
    """As any other."""
    counter = Counted()
    for _ in range(2):
        assert Costs(counter).of(stored("x" * 5000)) == 5004
    assert len(counter.asked) == 1


def test_messages_that_differ_in_one_byte_are_two() -> None:
    """Whatever they have in common."""
    costs = Costs(Counted())
    texts = ["x" * 5000 + tail for tail in ("", "a", "b", "ab")]
    assert [costs.of(stored(text)) for text in texts * 2] == [len(text) + 4 for text in texts] * 2


def test_an_error_is_not_remembered() -> None:
    """The next call counts again."""
    answers: Iterator[ValueError | int] = iter([ValueError(), -1, 8])

    def counter(text: str) -> int:
        answer = next(answers)
        if isinstance(answer, ValueError):
            raise answer
        return answer

    costs, message = Costs(counter), stored()
    for _ in range(2):
        with pytest.raises(CounterError):
            costs.of(message)
    assert costs.of(message) == costs.of(message) == 12


def test_threads_share_what_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """No lock is held while a counter counts, and each gets the right number."""
    monkeypatch.setattr(_counted, "_MOST", 8)
    counter = Counted()
    messages = [stored("x" * number) for number in range(40)]
    expected = [number + 4 for number in range(40)]
    inside = threading.Barrier(4, timeout=60)
    wrong: list[list[int]] = []

    def together(text: str) -> int:
        if text == "first":
            inside.wait()
        return counter(text)

    def count() -> None:
        Costs(together).of(stored("first"))
        for _ in range(20):
            found = [Costs(together).of(message) for message in messages]
            if found != expected:
                wrong.append(found)

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert not inside.broken
