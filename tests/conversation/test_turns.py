"""A turn of a conversation: what the model sees, and what is stored of it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Generator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from redialog import AsyncChatMemory, ChatMemory, InvalidMessage, Message, ToolCall
from redialog.conversation import AsyncConversation, Conversation
from tests.conversation.conftest import Talks
from tests.conversation.models import (
    ANSWER,
    PIECES,
    Asked,
    Speaker,
    metadata,
    said,
)
from tests.support.servers import Server, wait_until

QUESTION = "What is my locker code?"
TURN = [("user", QUESTION), ("assistant", ANSWER)]


def slow(_: Any) -> str:
    """A model that takes some milliseconds."""
    begun = datetime.now(UTC)
    wait_until(lambda: datetime.now(UTC) - begun > timedelta(milliseconds=2), what="time passes")
    return ANSWER


def test_a_turn_is_stored_in_one_append(talks: Talks, memory: ChatMemory) -> None:
    """Question and answer stand there, each with its time and ids of one write."""
    answer = talks(slow).ask(QUESTION)
    question, stored = memory.session("s").messages()
    assert said(memory) == TURN
    assert metadata(memory) == [{}, {}]
    assert answer == stored
    assert question.id is not None
    assert stored.id is not None
    assert question.id[-12:] == stored.id[-12:]
    assert question.id[14] == "7"
    assert question.created_at is not None
    assert stored.created_at is not None
    assert question.created_at < stored.created_at


def test_an_answer_is_streamed(talks: Talks, memory: ChatMemory) -> None:
    """Each piece comes before the next is asked for, and the turn is stored after the last."""
    given: list[str] = []

    def model(_: Any) -> Generator[str, None, None]:
        for piece in PIECES:
            given.append(piece)
            yield piece

    came = []
    for piece in talks(model).stream(QUESTION):
        came.append(piece)
        assert given[: len(came)] == came
        assert said(memory) == []
    assert came == PIECES
    assert said(memory) == TURN


def test_a_stream_that_is_not_begun_does_nothing(talks: Talks, memory: ChatMemory) -> None:
    """The model is asked when the first piece is."""
    model = Asked()
    talks(model).stream(QUESTION)
    assert model.seen == []
    assert said(memory) == []


def test_the_model_sees_what_was_said(talks: Talks) -> None:
    """A function gets OpenAI's format, oldest first, with the question last; a `Model` messages."""
    function, speaker = Asked(), Speaker()
    talks(function).ask("one")
    talks(function).ask("two")
    assert function.seen[-1] == [
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": ANSWER},
        {"role": "user", "content": "two"},
    ]
    talks(speaker).ask("three")
    [seen] = speaker.seen
    assert [message.text for message in seen] == ["one", ANSWER, "two", ANSWER, "three"]
    assert all(isinstance(message, Message) for message in seen)


def test_a_function_gets_what_the_strictest_take(talks: Talks, memory: ChatMemory) -> None:
    """A question after one that was not answered is one message with it."""
    memory.session("s").append(
        Message.assistant("Hello."), Message.user("one"), Message.system("Be short.")
    )
    model = Asked()
    talks(model).ask("two")
    assert model.seen == [
        [{"role": "system", "content": "Be short."}, {"role": "user", "content": "one\n\ntwo"}]
    ]


def test_no_model_sees_half_of_a_tool_call(talks: Talks, memory: ChatMemory) -> None:
    """A call without its result is left out, and so is a result without its call."""
    memory.session("s").append(
        Message.tool("r", tool_call_id="1"),
        Message.user("one"),
        Message.assistant("Let me look.", tool_calls=[ToolCall("f", {}, "2")]),
    )
    speaker = Speaker()
    talks(speaker).ask("two")
    assert [message.text for message in speaker.seen[0]] == ["one", "two"]


def test_a_window(talks: Talks, memory: ChatMemory) -> None:
    """``window_turns`` counts the turns before the question."""
    for number in range(5):
        memory.session("s").append(Message.user(f"q{number}"), Message.assistant(f"a{number}"))
    model = Asked()
    talks(model, window_turns=2).ask("now")
    assert model.texts == ["q3", "a3", "q4", "a4", "now"]
    talks(model, window_turns=0).ask("now")
    assert model.texts == ["now"]


def test_a_message_as_a_question(talks: Talks, memory: ChatMemory) -> None:
    """A message of the user is stored as it is; blocks are a question, too."""
    image = {"type": "image_url", "image_url": {"url": "https://example.com/x.png"}}
    given = Message.user([image], name="Jim", id="q-1", metadata={"a": 1})
    model = Asked()
    talks(model).ask(given)
    assert model.seen[0] == [{"role": "user", "content": [image], "name": "Jim"}]
    question = memory.session("s").messages()[0]
    assert (question.id, question.name, question.metadata) == ("q-1", "Jim", {"a": 1})


@pytest.mark.parametrize(
    "text", ["", " \n", "half \ud83d", 7, None, b"x", Message.assistant("x"), Message.user("")]
)
def test_what_is_no_question(talks: Talks, memory: ChatMemory, text: Any) -> None:
    """It is refused at once, by all that take one; nobody is asked."""
    model = Asked()
    talk = talks(model)
    for call in (talk.ask, talk.stream, talk.turn):
        with pytest.raises(InvalidMessage):
            call(text)
    assert model.seen == []
    assert said(memory) == []


def fails_at_once(_: Any) -> str:
    raise OSError("no route")


def fails_in_the_middle(_: Any) -> Generator[str, None, None]:
    yield "It is"
    raise OSError("no route")


@pytest.mark.parametrize(
    ("model", "answered"),
    [(fails_at_once, []), (fails_in_the_middle, [("assistant", "It is")])],
)
def test_a_model_that_fails(
    talks: Talks, memory: ChatMemory, model: Any, answered: list[tuple[str, str]]
) -> None:
    """Its error goes through; the question is stored with what came, which is marked."""
    with pytest.raises(OSError, match="no route"):
        talks(model).ask(QUESTION)
    assert said(memory) == [("user", QUESTION), *answered]
    assert metadata(memory) == [{}, *({"interrupted": True} for _ in answered)]


def test_a_question_after_a_failure(talks: Talks, memory: ChatMemory) -> None:
    """The conversation goes on: questions in a row are seen as such."""
    with pytest.raises(OSError, match="no route"):
        talks(fails_at_once).ask("one")
    speaker = Speaker()
    talks(speaker).ask("two")
    assert [message.text for message in speaker.seen[0]] == ["one", "two"]
    assert said(memory) == [("user", "one"), ("user", "two"), ("assistant", ANSWER)]


def test_turns_step_by_step(server: Server, memory: ChatMemory) -> None:
    """Whoever takes the steps sees the context first; what is stored is not stored again."""
    memory.session("s").append(Message.user("one"), Message.assistant("two"))
    with ChatMemory.from_url(server.url) as own:
        turn = Conversation(own.session("s"), Asked(PIECES), window_turns=0).turn(QUESTION)
        assert turn.context is None
        context = turn.read()
        assert context.explain().total == 2
        assert turn.context is context
        with closing(turn.pieces()) as pieces:
            assert list(pieces) == PIECES
        assert turn.context is context
        assert [message.text for message in turn.store()] == [QUESTION, ANSWER]
    # Nobody is asked: the memory is closed.
    assert turn.store() == turn.stored
    assert said(memory)[2:] == TURN


@pytest.mark.parametrize(
    ("model", "options"),
    [
        ("gpt", {}),
        (None, {}),
        (Asked(), {"max_tokens": -1}),
        (Asked(), {"max_tokens": 1.5}),
        (Asked(), {"window_turns": True}),
        (Asked(), {"reserve": 5}),
        (Asked(), {"reserve": 5, "max_tokens": 4}),
        (Asked(), {"system": Message.user("x")}),
        (Asked(), {"system": 7}),
        (Asked(), {"counter": 7}),
        (Asked(), {"summarizer": "gpt"}),
    ],
)
def test_wrong_arguments(talks: Talks, model: Any, options: dict[str, Any]) -> None:
    """They are complained of when the conversation is made."""
    with pytest.raises(ValueError):  # noqa: PT011 - each has its own text
        talks(model, **options)


def test_both_conversations_are_alike() -> None:
    """Names, arguments and defaults agree."""

    def names(kind: type) -> list[str]:
        return [name for name in vars(kind) if not name.startswith("_")]

    assert names(Conversation) == names(AsyncConversation)
    for name in ("__init__", *names(Conversation)):
        one, other = (getattr(kind, name) for kind in (Conversation, AsyncConversation))
        parameters = inspect.signature(one).parameters.values()
        others = inspect.signature(other).parameters.values()
        assert [(p.name, p.kind, p.default) for p in parameters] == [
            (p.name, p.kind, p.default) for p in others
        ]


def test_a_session_of_the_other_facade(memory: ChatMemory) -> None:
    """Each conversation names the one that fits."""
    awaited: Any = AsyncChatMemory.from_url("redis://127.0.0.1:1").session("s")
    blocking: Any = memory.session("s")
    makers: list[tuple[Callable[..., object], Any]] = [
        (Conversation, awaited),
        (AsyncConversation, blocking),
    ]
    for make, session in makers:
        with pytest.raises(ValueError, match="AsyncSession"):
            make(session, Asked())
