"""How much of a log must be read for a context: enough that more would change nothing, no more."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings

from redialog import BudgetTooSmall, ConfigurationError, Message
from redialog.context import Context, Limits, View, fit
from redialog.groups import REACH_TURNS
from redialog.tokens import Costs
from tests.domain.cases import CASES, COUNTED, Case, cost, summary
from tests.domain.conversations import talk


def outcome(made: Context | BudgetTooSmall | None) -> object:
    """What a caller can tell of a result: messages, and of each stored one what became of it."""
    if made is None:
        return None
    if isinstance(made, BudgetTooSmall):
        return made.needed, made.limit
    entries = made.explain().entries
    fates = {place: one.fate for one in entries for place in range(one.first, one.last + 1)}
    return made.messages, made.tokens, fates


_MESSAGES = talk("u c1 u a t1 a", sizes=[0, 0, 0, 90, 0, 0])
FAR_CALL = Case(_MESSAGES, Limits(max_tokens=sum(cost(_MESSAGES[i]) for i in (1, 2, 4, 5))))
"""The newest turn has a result of a call before it, and before that what does not fit."""


@settings(max_examples=600, deadline=None, derandomize=True)
@given(CASES)
@example(FAR_CALL)
@example(Case(talk("u c1 u t1 u a"), Limits(1, 20)))
def test_more_of_the_log_changes_nothing(case: Case) -> None:
    """From the first answer on each is the same, and with all that is needed there is one."""
    whole = outcome(case.made())
    assert whole is not None
    found = [outcome(case.made(read)) for read in range(len(case.messages) + 1)]
    answers = [one for one in found if one is not None]
    assert found == [None] * (len(found) - len(answers)) + [whole] * len(answers)
    assert found[len(case.messages) - case.covered if case.covered else -1 :][0] is not None


def read_for(words: str, limits: Limits, *, folded: int | None = None) -> int:
    """How many of the newest messages must be read until there is an answer."""
    case = Case(talk(words), limits, None if folded is None else summary(folded))
    return next(read for read in range(len(case.messages) + 1) if case.made(read) is not None)


TURNS = "u a " * 20
PLAIN = cost(talk("a")[0])


@pytest.mark.parametrize(
    ("words", "limits", "expected"),
    [
        # No history.
        (TURNS, Limits(0), 0),
        # The window, and the user's message that shows that there is one turn more.
        (TURNS, Limits(3), 8),
        (f"{TURNS} u a d", Limits(1), 5),
        # To the first message that does not fit.
        (TURNS, Limits(max_tokens=6 * PLAIN), 7),
        (TURNS, Limits(max_tokens=7 * PLAIN - 1), 7),
        (f"{TURNS} u a a a a a", Limits(max_tokens=3 * PLAIN), 6),
        # The tighter one.
        (TURNS, Limits(3, 100 * PLAIN), 8),
        (TURNS, Limits(30, 4 * PLAIN), 5),
        # In a turn that began long before, also where it does not fit.
        (f"{TURNS} u {'a ' * 30}", Limits(max_tokens=4 * PLAIN), 31),
        # A call and its results.
        (f"{TURNS} u c1 t1 a", Limits(1), 6),
        # The call was made in the turn before, where the window then starts.
        (f"{TURNS} u c1 u t1 a", Limits(1), 7),
        # All of it.
        ("a u a", Limits(9), 3),
        ("a u a", Limits(), 3),
    ],
)
def test_no_more_is_asked_for_than_is_needed(words: str, limits: Limits, expected: int) -> None:
    """A closed window or a full budget ends it, however long the log is."""
    assert read_for(words, limits) == expected


def test_an_orphan_does_not_make_the_whole_log_be_read() -> None:
    """Its call is looked for as many turns back as a group can reach."""
    words = f"{TURNS} u t1 a"
    assert read_for(words, Limits(1)) == 3 + 2 * REACH_TURNS
    assert read_for(words, Limits(max_tokens=3 * PLAIN)) == 3 + 2 * REACH_TURNS
    # Where its turn does not fit whatever it is, nothing depends on it.
    assert read_for(f"{TURNS} u t1 a u a", Limits(max_tokens=3 * PLAIN)) == 5


def test_nothing_behind_a_summary_is_read() -> None:
    """Nor the leading messages again."""
    assert read_for(TURNS, Limits(), folded=30) == 10
    assert read_for(TURNS, Limits(), folded=40) == 0
    assert read_for(f"s s {TURNS}", Limits()) == 40


def noting(asked: list[str]) -> Costs:
    """Costs that note what they count."""

    def count(text: str) -> int:
        asked.append(text)
        return len(text)

    return Costs(count)


def test_only_what_is_looked_at_is_counted() -> None:
    """A page can hold much more than a budget does."""
    asked: list[str] = []
    messages = talk(TURNS)
    assert fit(View(40, [], messages), Limits(max_tokens=4 * PLAIN + 6), noting(asked)) is not None
    assert set(asked) == {message.text for message in messages[-5:]}


@pytest.mark.parametrize("limits", [Limits(), Limits(2), Limits(0)])
def test_without_a_budget_nothing_is_counted_until_it_is_asked_for(limits: Limits) -> None:
    """A window needs no counter."""
    asked: list[str] = []
    view = View(40, [], talk(TURNS))
    context = fit(view, limits, noting(asked), Message.system("Be brief."))
    assert context is not None
    context.to_openai()
    context.to_openai(strict=True)
    repr(context)
    assert asked == []
    assert context.tokens.total > 0
    assert "Be brief." in asked


def test_costs_are_counted_by_the_counter_given() -> None:
    """With another counter other messages fit."""
    view = View(40, [], talk(TURNS))
    by_length = fit(view, Limits(max_tokens=100), COUNTED)
    by_one = fit(view, Limits(max_tokens=100), Costs(lambda _: 1))
    assert by_length is not None
    assert by_one is not None
    assert (len(by_length.messages), len(by_one.messages)) == (100 // 8 // 2 * 2, 20)


@pytest.mark.parametrize("total", [1, 50])
def test_before_anything_was_read_there_is_no_answer(total: int) -> None:
    """Not even that the budget is too small, which could not say what is needed."""
    for limits in (Limits(), Limits(1), Limits(max_tokens=0), Limits(1, 5)):
        assert fit(View(total, [], []), limits, COUNTED) is None


def test_a_summary_that_says_more_than_there_is_covers_all() -> None:
    """A log that another client cut meanwhile."""
    messages = talk("u a")
    for read in (0, 1, 2):
        context = fit(View(2, [], messages[2 - read :], summary(7)), Limits(), COUNTED)
        assert context is not None
        assert len(context.messages) == 1
        assert [(one.first, one.last) for one in context.explain().entries][-1][1] == 2


@pytest.mark.parametrize(
    "given_limits",
    [
        (-1, None, 0),
        (None, -1, 0),
        (None, 10, -1),
        (True, None, 0),
        (None, True, 0),
        (None, 10, False),
        (1.0, None, 0),
        (None, 10.5, 0),
        ("3", None, 0),
        (None, "many", 0),
        (None, 10, None),
        (None, None, 1),
        (2, None, 1),
        (None, 10, 11),
    ],
)
def test_bad_limits_are_refused(given_limits: tuple[object, object, object]) -> None:
    """At once, and not when there is something to cut."""
    with pytest.raises(ConfigurationError):
        Limits.checked(*given_limits)


def test_good_limits_are_taken() -> None:
    """Each alone, both, and neither."""
    assert Limits.checked(None, None, 0) == Limits()
    assert Limits.checked(0, 0, 0) == Limits(0, 0, 0)
    assert Limits.checked(3, 100, 100) == Limits(3, 100, 100)
    assert (Limits(3).room, Limits(3, 100, 30).room) == (None, 70)
