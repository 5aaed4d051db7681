"""A write and a read of what it left: one batch where that is enough, and never a stale reading."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from redialog import ConnectionLost, TransportError, WrongType
from redialog.effect import Batch, CommandError, Op
from redialog.keys import OwnLayout
from redialog.ops import read
from redialog.ops.append import append
from redialog.ops.then import then
from tests.operations.driving import Driver, both, lost
from tests.operations.scripted import Scripted
from tests.operations.tools import (
    ALONE,
    NOSCRIPT,
    OWN,
    element,
    play,
    script_name,
    writing,
)

NEW = [element(7)]
OLD, NOW = [element(1)], [element(7), element(1)]


def adding(**fields: Any) -> Op[int]:
    """An append of one message."""
    return append(writing(ALONE), NEW, digest="ab", at=5, **fields)


def window() -> Op[Any]:
    """A window of 3."""
    return read.window_of_messages(ALONE.log, 3, strict=False)


DONE = [0, b"ab:5", b"", 0]


def test_both_travel_as_one_batch() -> None:
    """The write's command first; it stays a write, under its key."""
    batches, found = play(then(adding(), window()), [DONE, NOW])
    [batch] = batches
    write, reading = batch.commands
    assert script_name(write) == "append"
    assert reading[:2] == (b"LRANGE", ALONE.log)
    assert (batch.writes, batch.resend_key, batch.alone) == (True, "order-1", False)
    assert [message.text for message in found] == ["m1", "m7"]


def test_a_large_reading_has_the_connection_for_itself() -> None:
    """As it would have alone."""
    large = read.page(ALONE.log, read.Cursor(1, element(0), 500), strict=False)
    [batch], _ = play(then(adding(), large), [DONE, [element(0)]])
    assert batch.alone
    [batch], _ = play(then(large_write(), window()), [[1], NOW])
    assert batch.alone


def large_write() -> Op[None]:
    """A write that does not want to share."""
    yield Batch(((b"X",),), writes=True, alone=True)


def test_a_missing_script_makes_the_reading_stale() -> None:
    """It was read before anything was written: it is read again, afterwards."""
    batches, found = play(then(adding(), window()), [NOSCRIPT, OLD], [DONE], [NOW])
    assert [len(batch.commands) for batch in batches] == [2, 1, 1]
    assert [message.text for message in found] == ["m1", "m7"]
    assert [batch.writes for batch in batches] == [True, True, False]


def test_a_sweep_comes_first() -> None:
    """What goes ahead of an append is no append."""
    batches, found = play(
        then(adding(sweep=OwnLayout("n")), window()), [[], [], OLD], [DONE], [NOW]
    )
    assert len(batches) == 3
    assert [message.text for message in found] == ["m1", "m7"]


def test_a_reading_goes_on_by_itself() -> None:
    """Its further batches are its own."""
    page = [element(number, "tool") for number in range(4)]
    more = [element(9), *page[::-1]][::-1]
    batches, found = play(then(adding(), window()), [DONE, page], [5, more, 5])
    assert [batch.writes for batch in batches] == [True, False]
    assert [message.role for message in found] == ["user", *["tool"] * 4][-len(found) :]


def test_a_refused_write_reads_nothing() -> None:
    """The error is the write's, whatever the reading found."""
    wrong = CommandError("WRONGTYPE", "holds something else")
    kinds: list[Any] = [b"string", b"none", b"none"]
    with pytest.raises(WrongType):
        play(then(adding(), window()), [wrong, wrong], kinds)


def test_one_of_both_can_be_empty() -> None:
    """An append of nothing, and a window of nothing."""
    nothing: Callable[[], Op[Any]] = lambda: read.window_of_messages(OWN.log, 0, strict=False)  # noqa: E731
    batches, found = play(then(adding(), nothing()), [DONE])
    assert (len(batches), found) == (1, [])
    batches, found = play(then(adding(), nothing()), [NOSCRIPT], [DONE])
    assert (len(batches), found) == (2, [])
    batches, found = play(then(nothing(), window()), [NOW])
    assert (len(batches), len(found)) == (1, 2)
    assert not batches[0].writes


@both
def test_a_lost_reply_resends_both(driver: Driver) -> None:
    """The token is there: the second time only reads."""
    transport = Scripted(lost(), [DONE, NOW])
    assert len(driver(then(adding(), window()), transport)) == 2
    assert transport.sent[0] is transport.sent[1]
    with pytest.raises(ConnectionLost) as caught:
        driver(then(adding(), window()), Scripted(lost(), lost(), lost()))
    assert caught.value.maybe_applied
    assert caught.value.token == "order-1"


@both
def test_a_lost_reading_says_that_the_write_is_there(driver: Driver) -> None:
    """In a batch of its own it is no write; who repeats the call must know all the same."""
    page = [element(number, "tool") for number in range(4)]
    swept = {"sweep": OwnLayout("n")}
    starts: list[tuple[dict[str, Any], list[Any]]] = [
        ({}, [[DONE, page]]),
        ({}, [[NOSCRIPT, OLD], [DONE]]),
        (swept, [[[], [], OLD], [DONE]]),
    ]
    for fields, steps in starts:
        further = [lost(maybe_applied=False)] * 3
        with pytest.raises(ConnectionLost) as caught:
            driver(then(adding(**fields), window()), Scripted(*steps, *further))
        assert caught.value.maybe_applied
        assert caught.value.token == "order-1"


@both
def test_a_write_that_bears_a_loss_is_followed_by_a_reading(driver: Driver) -> None:
    """What was lost of the reading is asked for again."""

    def lenient(*, more: bool) -> Op[None]:
        with suppress(TransportError):
            yield Batch(((b"X",),), writes=True)
        if more:
            yield Batch(((b"Y",),), writes=True)

    three = [lost(), lost(), lost()]
    for more, answers in ((False, []), (True, [[1]])):
        transport = Scripted(*three, *answers, NOW and [NOW])
        assert len(driver(then(lenient(more=more), window()), transport)) == 2
        assert [len(batch.commands) for batch in transport.sent] == [2] * 3 + [1] * (1 + more)
