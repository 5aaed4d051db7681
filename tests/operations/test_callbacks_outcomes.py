"""What becomes of what a summariser returns or raises: a text, or the reason why there is none."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from redialog import SummaryError
from tests.operations.flows import Driver, asking, both, each_kind

Kind = Callable[[Any], Any]


@both
@each_kind
@pytest.mark.parametrize(
    "error",
    [ValueError("its own"), TimeoutError("of its own client"), SummaryError(reason="empty")],
    ids=lambda error: type(error).__name__,
)
def test_what_it_raises_is_the_cause(driver: Driver, kind: Kind, error: BaseException) -> None:
    """The error says that it failed, and none of the text; also of a client's own timeout."""

    def failing(*_: object) -> str:
        raise error

    with pytest.raises(SummaryError) as caught:
        driver(asking(kind(failing)))
    assert caught.value.reason == "failed"
    assert caught.value.__cause__ is error
    assert "own" not in str(caught.value)


@both
@pytest.mark.parametrize("error", [StopIteration("x"), SystemExit(3), KeyboardInterrupt()])
def test_what_would_end_a_thread_is_a_failure(driver: Driver, error: BaseException) -> None:
    """A blocking summariser that exits does not take the caller with it, nor the flow's end."""

    def failing(*_: object) -> str:
        raise error

    with pytest.raises(SummaryError) as caught:
        driver(asking(failing))
    assert caught.value.reason == "failed"
    assert caught.value.__cause__ is error


@both
def test_a_summariser_that_is_cancelled_by_itself_has_failed(driver: Driver) -> None:
    """That is no cancellation of the caller."""

    async def cancelled(*_: object) -> str:
        raise asyncio.CancelledError

    with pytest.raises(SummaryError) as caught:
        driver(asking(cancelled))
    assert caught.value.reason == "failed"
    assert isinstance(caught.value.__cause__, asyncio.CancelledError)


@both
@pytest.mark.parametrize("summarizer", [lambda: "x", lambda _: "x", None, 5])
def test_what_cannot_be_called_so_has_failed(driver: Driver, summarizer: Any) -> None:
    """A wrong number of arguments is an error like others."""
    with pytest.raises(SummaryError) as caught:
        driver(asking(summarizer))
    assert caught.value.reason == "failed"
    assert isinstance(caught.value.__cause__, TypeError)


@both
@each_kind
@pytest.mark.parametrize("value", ["", " \n\t ", "\u3000", None, 42, b"text", ["text"]])
def test_what_is_no_text_is_empty(driver: Driver, kind: Kind, value: object) -> None:
    """Nothing, blanks, and what is no text at all."""
    with pytest.raises(SummaryError) as caught:
        driver(asking(kind(lambda *_: value)))
    assert caught.value.reason == "empty"
    assert caught.value.__cause__ is None


@both
def test_a_generator_is_no_text(driver: Driver) -> None:
    """A summariser that yields pieces, of either kind, is told so."""

    def pieces(*_: object) -> Iterator[str]:
        yield "piece"

    async def apieces(*_: object) -> Any:
        yield "piece"

    for summarizer in (pieces, apieces):
        with pytest.raises(SummaryError) as caught:
            driver(asking(summarizer))
        assert caught.value.reason == "empty"


@both
@each_kind
def test_half_characters_are_replaced(driver: Driver, kind: Kind) -> None:
    """A lone surrogate can be stored nowhere; two halves are one character."""
    got = driver(asking(kind(lambda *_: "a\ud83db \ud83d\ude00 \udc00")))
    assert got == "a\ufffdb \U0001f600 \ufffd"
    got.encode()


@both
@each_kind
def test_a_text_is_returned_as_it_is(driver: Driver, kind: Kind) -> None:
    """Blanks at its ends stay; of a subclass, plain text is left."""

    class Text(str):
        __slots__ = ()

        def strip(self, *_: object) -> str:
            raise AssertionError("not asked")

    got = driver(asking(kind(lambda *_: Text(" \ufeffa text\n"))))
    assert got == " \ufeffa text\n"
    assert type(got) is str
