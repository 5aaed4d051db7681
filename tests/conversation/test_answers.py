"""The shapes that an answer can have, and what is none."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest

from redialog import ChatMemory
from redialog.conversation import Conversation
from redialog.conversation.answers import is_asynchronous
from redialog.models import ModelError
from tests.conversation.conftest import Talks
from tests.conversation.models import ANSWER, AWAITED, BLOCKING, PIECES, Asked, said

QUESTION = "What is my locker code?"
TURN = [("user", QUESTION), ("assistant", ANSWER)]


@pytest.mark.parametrize("model", BLOCKING)
def test_the_shapes_of_an_answer(talks: Talks, memory: ChatMemory, model: Any) -> None:
    """Text, pieces of it, a generator or a `Model`: it is the same answer."""
    talk = talks(model)
    assert talk.ask(QUESTION).text == ANSWER
    assert "".join(talk.stream(QUESTION)) == ANSWER
    assert said(memory) == TURN * 2


@pytest.mark.parametrize("talks", ["async"], indirect=True)
@pytest.mark.parametrize("model", AWAITED)
def test_the_shapes_of_an_awaited_answer(talks: Talks, memory: ChatMemory, model: Any) -> None:
    """A coroutine, an asynchronous generator or iterator, known as such before or not."""
    talk = talks(model)
    assert talk.ask(QUESTION).text == ANSWER
    assert "".join(talk.stream(QUESTION)) == ANSWER
    assert said(memory) == TURN * 2


@pytest.mark.parametrize("model", AWAITED)
def test_a_model_that_is_awaited_needs_the_other_facade(memory: ChatMemory, model: Any) -> None:
    """A blocking conversation says so: at once, where the model says of itself what it is."""
    session = memory.session("s")
    if is_asynchronous(model):
        with pytest.raises(ValueError, match="take an AsyncConversation"):
            Conversation(session, model)
    else:
        with pytest.raises(ValueError, match="take an AsyncConversation"):
            Conversation(session, model).ask(QUESTION)


@pytest.mark.parametrize("answer", ["", [], [""], iter([])])
def test_an_empty_answer(talks: Talks, memory: ChatMemory, answer: Any) -> None:
    """It is an error, and the question is stored."""
    with pytest.raises(ModelError, match="empty"):
        talks(Asked(answer)).ask(QUESTION)
    assert said(memory) == [("user", QUESTION)]


@pytest.mark.parametrize("answer", [None, 7, b"bytes", {"content": "x"}, ["It is", 7]])
def test_an_answer_that_is_no_text(talks: Talks, memory: ChatMemory, answer: Any) -> None:
    """It is an error that says what came instead, and shows none of it."""
    with pytest.raises(ModelError, match=r"returned (NoneType|int|bytes|dict), not text"):
        talks(Asked(answer)).ask(QUESTION)
    partly = [("assistant", "It is")] if isinstance(answer, list) else []
    assert said(memory) == [("user", QUESTION), *partly]


def test_halves_of_an_emoji(talks: Talks, memory: ChatMemory) -> None:
    """Cut between two pieces it is stored whole; a half alone is replaced, not fatal."""
    assert talks(Asked(["Hi \ud83d", "\ude00", "!"])).ask(QUESTION).text == "Hi \U0001f600!"
    assert talks(Asked("Hi \ud83d")).ask(QUESTION).text == "Hi \ufffd"


@pytest.mark.parametrize("close", [True, False])
def test_a_request_is_closed(memory: ChatMemory, close: bool) -> None:
    """What a model returned is closed with the stream: at its end, and where nobody reads on."""

    class Pieces:
        closed = 0

        def __iter__(self) -> Generator[str, None, None]:
            yield from PIECES

        def close(self) -> None:
            self.closed += 1

    made = Pieces()
    stream = Conversation(memory.session("s"), Asked(made)).stream(QUESTION)
    assert next(stream) == PIECES[0]
    if close:
        stream.close()
    else:
        assert list(stream) == PIECES[1:]
    assert made.closed == 1
