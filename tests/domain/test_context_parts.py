"""The parts of a context beside its history: system messages, the summary; and its two forms."""

from __future__ import annotations

import pytest

from redialog import BudgetTooSmall, InvalidMessage, Message
from redialog.context import Context, Limits
from redialog.summary import LEAD, as_message
from tests.domain.cases import COUNTED, Case, cost, summary
from tests.domain.conversations import talk

BRIEF = Message.system("Be brief.")


def texts(context: Context) -> list[str]:
    """The texts of the messages."""
    return [message.text for message in context.messages]


def test_the_parts_stand_in_their_order() -> None:
    """The call's system message, the stored ones, the summary, the history."""
    case = Case(talk("s s u a u a"), Limits(), summary(4), BRIEF)
    spoken = as_message(summary(4))
    assert spoken.text == LEAD + "They spoke."
    assert case.context().messages == [BRIEF, *case.messages[:2], spoken, *case.messages[4:]]


def test_a_system_message_that_is_stored_already_is_not_said_twice() -> None:
    """It is compared by its text with the leading ones, not with later ones."""
    stored = Message.system([{"type": "text", "text": "Be brief."}])
    assert texts(Case([stored, *talk("u")], Limits(), system=BRIEF).context()) == [
        "Be brief.",
        "u#00",
    ]
    later = Case([*talk("u"), stored], Limits(), system=BRIEF)
    assert texts(later.context()) == ["Be brief.", "u#00", "Be brief."]
    other = Case([stored, *talk("u")], Limits(), system=Message.system("Be"))
    assert texts(other.context()) == ["Be", "Be brief.", "u#00"]


def test_only_sixteen_system_messages_lead() -> None:
    """A seventeenth stands before the first turn, and is there where that is."""
    case = Case(talk("s " * 20 + "u a"), Limits())
    assert len(case.leading) == 16
    assert len(case.context().messages) == 22
    short = Case(case.messages, Limits(max_tokens=18 * 8 + 31))
    assert texts(short.context()) == [*[f"s#{n:02}" for n in range(16)], "u#20", "a#21"]


ROOM = sum(map(cost, [BRIEF, *talk("u a")]))
SPOKEN = cost(as_message(summary(2)))


def test_a_summary_is_left_out_where_it_does_not_fit() -> None:
    """Beside what is always kept; it goes before any older turn does."""
    messages = talk("u a u a u a")
    tight = Case(messages, Limits(max_tokens=ROOM + SPOKEN), summary(2), BRIEF).context()
    assert texts(tight) == ["Be brief.", LEAD + "They spoke.", "u#04", "a#05"]
    tighter = Case(messages, Limits(max_tokens=ROOM + SPOKEN - 1), summary(2), BRIEF).context()
    assert texts(tighter) == ["Be brief.", "u#02", "a#03", "u#04", "a#05"]
    assert tighter.tokens.summary == 0
    assert tighter.explain().summary == summary(2)
    assert not tighter.explain().summary_in


def test_no_turns_means_no_history_at_all() -> None:
    """Only system messages, and no summary of what is not wanted."""
    case = Case(talk("s u a"), Limits(window_turns=0), summary(2), BRIEF)
    assert texts(case.context()) == ["Be brief.", "s#00"]
    assert case.context().tokens.history == case.context().tokens.summary == 0


@pytest.mark.parametrize(
    ("words", "limits", "needed"),
    [
        ("s u a u a a", Limits(max_tokens=36), [0, 3, 5]),
        ("s u a u a a", Limits(2, 40, 4), [0, 3, 5]),
        ("s u c1 u a t1", Limits(max_tokens=8), [0, 2, 3, 5]),
        ("s u a u a a", Limits(0, 16), [0]),
        ("s a a", Limits(max_tokens=16), [0, 2]),
        ("s u a u d t1", Limits(max_tokens=16), [0, 3]),
        ("s", Limits(max_tokens=16), [0]),
    ],
)
def test_what_must_be_kept_is_told_where_it_does_not_fit(
    words: str, limits: Limits, needed: list[int]
) -> None:
    """Its tokens and the limit, so that the caller knows what would do; and that does."""
    messages = talk(words)
    least = sum(cost(messages[index]) for index in needed) + cost(BRIEF)
    error = Case(messages, limits, system=BRIEF).made()
    assert isinstance(error, BudgetTooSmall)
    assert (error.needed, error.limit) == (least, limits.room)
    enough = Limits(limits.window_turns, least + limits.reserve, limits.reserve)
    kept = Case(messages, enough, system=BRIEF).context().messages
    assert kept == [BRIEF, *[messages[index] for index in needed]]


def test_nothing_fits_into_nothing() -> None:
    """An empty conversation needs no budget, and a context of it is empty."""
    context = Case([], Limits(max_tokens=0)).context()
    assert context.messages == []
    assert context.to_openai() == context.to_openai(strict=True) == []
    assert context.tokens.total == 0
    assert context.explain().entries == ()


def test_the_openai_form_is_that_of_the_messages() -> None:
    """One for each, also those that only the strict form joins or moves."""
    context = Case(talk("s u u s a"), Limits()).context()
    roles = [message["role"] for message in context.to_openai()]
    assert roles == ["system", "user", "user", "system", "assistant"]
    assert context.to_openai() == [message.to_openai() for message in context.messages]
    strict = [message["role"] for message in context.to_openai(strict=True)]
    assert strict == ["system", "user", "assistant"]


def test_a_damaged_element_is_no_error() -> None:
    """It has no form that can be sent, and is left out before that."""
    messages = talk("u d a r")
    assert len(Case(messages, Limits()).context().to_openai()) == 2
    with pytest.raises(InvalidMessage):
        messages[1].to_openai()


def test_a_context_shows_itself_without_text() -> None:
    """How much of how much, and the limits."""
    case = Case(talk("u a u a"), Limits(1, 1000, 200))
    shown = "<Context: messages=2, stored=4, window_turns=1, max_tokens=1000, reserve=200>"
    assert repr(case.context()) == shown
    assert repr(Case(talk("u"), Limits()).context()) == "<Context: messages=1, stored=1>"


def test_sums_are_counted_once() -> None:
    """They stay as they are, whatever is done to the list of messages."""
    context = Case(talk("u a"), Limits()).context()
    tokens = context.tokens
    context.messages.clear()
    assert context.tokens is tokens
    assert context.explain().tokens == tokens
    assert tokens.total == sum(map(COUNTED.of, talk("u a")))
