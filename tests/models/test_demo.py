"""The demo model: quotes what fits from the messages that it is given, and nothing else."""

from __future__ import annotations

import time
from collections.abc import Sequence

import pytest

from redialog import Message
from redialog.models.demo import IS_NO_MODEL, MAX_QUOTE, NOTED, UNKNOWN, DemoModel


def answer(*said: str) -> str:
    """What the demo answers to the last text, after turns that began with the others."""
    messages = []
    for text in said[:-1]:
        messages += [Message.user(text), Message.assistant("Bob's locker code 0000 is blue.")]
    return "".join(DemoModel().reply([*messages, Message.user(said[-1])]))


@pytest.mark.parametrize(
    ("said", "quoted"),
    [
        (["Hi! I'm Jim.", "What did I just say my name was?"], "Hi! I'm Jim."),
        (["hi i’m jim", "who am i?"], "hi i’m jim"),  # noqa: RUF001
        (["My name is Jim.", "I'm hungry.", "what's my name"], "My name is Jim."),
        (["Call me Ishmael.", "Call me later.", "What is my name?"], "Call me Ishmael."),
        (["My name is Jim.", "Now I am Bob!", "Do you know my name?"], "Now I am Bob!"),
        (["I'm Zoë.", "My dog's name is Rex.", "Tell me my name."], "I'm Zoë."),
        (["I'm Jim.", "My dog is called Rex.", "What is my dog's name?"], "My dog is called Rex."),
        (
            ["My locker code is 4417.", "My bike is red.", "what is my locker code?"],
            "My locker code is 4417.",
        ),
        (["My favorite color is green.", "What's my favourite colour?"], None),
        (["I live in Köln.", "Where do I live?"], "I live in Köln."),
        (["Ich wohne in Köln.", "Wohne ich in KÖLN?"], "Ich wohne in Köln."),
        (["I like tea.", "What did I just say?"], "I like tea."),
    ],
)
def test_it_quotes_the_statement_that_fits(said: Sequence[str], quoted: str | None) -> None:
    """A question is answered with the user's own words, and the answer says so."""
    assert answer(*said) == f'You said: "{quoted or said[0]}"'


@pytest.mark.parametrize(
    "said",
    [
        ["What did I just say my name was?"],
        ["Hello.", "What's my name?"],
        ["What is my locker code?", "What is my locker code?"],
        ["My favourite food is pizza.", "What is my favourite colour?"],
        ["My locker code is 4417.", "What is my bike code?"],
        ["what is my name", "What is my name?"],
        ["I'm tired.", "Who am I?"],
    ],
)
def test_it_says_so_where_nothing_fits(said: Sequence[str]) -> None:
    """Neither questions nor what an assistant said is quoted, and a half-fit is no fit."""
    assert answer(*said) == UNKNOWN
    assert IS_NO_MODEL in UNKNOWN


def test_the_newest_statement_wins() -> None:
    """Of two statements that fit as well, the later one is quoted."""
    got = answer("My locker code is 4417.", "My locker code is 9921.", "My locker code?")
    assert got == 'You said: "My locker code is 9921."'


def test_a_statement_is_noted() -> None:
    """What is no question gets a short acknowledgement that says what answers."""
    assert answer("I'm Jim.") == NOTED
    assert "no language model" in NOTED


def test_a_question_in_a_message_is_not_quoted_with_its_statements() -> None:
    """Of a message that states and asks, only the statement is a fact."""
    got = answer("My locker code is 4417. What time is it?", "What's my locker code?")
    assert got == 'You said: "My locker code is 4417."'


def test_long_and_many_lined_statements_are_quoted_on_one_short_line() -> None:
    """An answer is one line, however long what it quotes."""
    got = answer("zebra\n\n" + "x " * 1000 + "zebra giraffe", "zebra giraffe?")
    assert "\n" not in got
    assert len(got) < MAX_QUOTE + 20


@pytest.mark.parametrize(
    "messages", [[], [Message.system("You are Bob.")], [Message.assistant("My name is Bob.")]]
)
def test_it_knows_nothing_without_a_user(messages: list[Message]) -> None:
    """Without a user message there is nothing to answer or to quote."""
    assert "".join(DemoModel().reply(messages)) == UNKNOWN


def test_it_streams_words() -> None:
    """An answer comes in several pieces."""
    pieces = list(DemoModel().reply([Message.user("Hello.")]))
    assert len(pieces) == len(NOTED.split())


def test_odd_text_does_no_harm() -> None:
    """Blocks, empty text, lone surrogates and other scripts are all read."""
    messages = [
        Message.user(""),
        Message.user("?"),
        Message.user([{"type": "image_url", "image_url": {"url": "data:"}}]),
        Message.user("\ud83d \x00 \u202e"),
        Message.user("我叫吉姆。今天很好。"),
        Message.user("今天很好？"),  # noqa: RUF001
    ]
    assert "".join(DemoModel().reply(messages)) == 'You said: "我叫吉姆。今天很好。"'


def test_a_thousand_messages_are_fast() -> None:
    """A long window costs a fraction of a second."""
    said = [f"Locker {i} is in hall {i}, and it is blue, please remember that." for i in range(999)]
    started = time.perf_counter()
    assert answer(*said, "What about hall 500?") == f'You said: "{said[500]}"'
    assert time.perf_counter() - started < 2
