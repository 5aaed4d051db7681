"""What is in a context: against a slow reference, and what must hold whatever is stored."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from redialog import BudgetTooSmall, Message
from redialog.context import Context, Limits
from redialog.summary import as_message
from tests.domain.cases import CASES, COUNTED, FITTING, Case, cost, summary
from tests.domain.conversations import (
    TALKS,
    always_of,
    chosen_of,
    cuts_of,
    groups_of,
    starts_of,
    talk,
    units_of,
)

EVERY = settings(max_examples=400, deadline=None, derandomize=True)


def total(messages: list[Message]) -> int:
    """The tokens of messages, by the rule."""
    return sum(map(cost, messages))


@EVERY
@given(CASES)
def test_the_cost_of_a_message_is_by_the_rule(case: Case) -> None:
    """The sums of these tests are computed apart from the code under test."""
    assert [COUNTED.of(one) for one in case.messages] == [cost(one) for one in case.messages]


@settings(max_examples=1000, deadline=None, derandomize=True)
@given(CASES)
def test_a_context_is_what_the_definitions_say(case: Case) -> None:
    """System messages, the summary, the newest turns; or that what is always kept does not fit."""
    made, history, room = case.made(), case.history, case.limits.room
    kept = set() if case.limits.window_turns == 0 else always_of(history)
    needed = total(case.head) + sum(cost(history[index]) for index in kept)
    if room is not None and needed > room:
        assert isinstance(made, BudgetTooSmall)
        assert (made.needed, made.limit) == (needed, room)
        return
    assert isinstance(made, Context)
    if case.limits.window_turns == 0:
        assert made.messages == case.head
        return
    spoken = [as_message(case.summary)] if case.summary else []
    if room is not None and needed + total(spoken) > room:
        spoken = []
    left = None if room is None else room - total(case.head + spoken)
    chosen, _ = chosen_of(history, case.limits.window_turns, left, cost)
    assert made.messages == [*case.head, *spoken, *[history[index] for index in sorted(chosen)]]


@EVERY
@given(FITTING)
def test_the_budget_is_never_exceeded(case: Case) -> None:
    """The tokens of all that is returned, and the sums say the same."""
    context = case.context()
    tokens = context.tokens
    assert tokens.total == total(context.messages)
    assert tokens.limit == case.limits.room
    assert tokens.limit is None or tokens.total <= tokens.limit
    assert tokens.system == total(case.head)
    assert tokens.summary == (total([as_message(case.summary)]) if case.has_summary() else 0)  # type: ignore[arg-type]
    assert tokens.history == sum(cost(case.history[index]) for index in case.kept())
    assert tokens.reserve == case.limits.reserve


@EVERY
@given(FITTING)
def test_no_group_is_cut(case: Case) -> None:
    """A call is there with all of its results or not at all, and no result without its call."""
    kept, history = case.kept(), case.history
    grouped: set[int] = set()
    for group in groups_of(history):
        assert group <= kept or not group & kept
        grouped |= group
    for index in kept - grouped:
        assert history[index].role in ("user", "system", "assistant")
        assert not (history[index].role == "assistant" and history[index].tool_calls)


@EVERY
@given(FITTING)
def test_what_came_last_is_always_there(case: Case) -> None:
    """The newest user message and the newest unit, unless no history is wanted."""
    if case.limits.window_turns != 0:
        assert always_of(case.history) <= case.kept()


@EVERY
@given(FITTING)
def test_order_and_messages_are_those_of_the_log(case: Case) -> None:
    """Each message at most once and the very same, the leading ones first, and no others."""
    messages = case.context().messages
    stored = [one for one in messages if any(one is other for other in case.messages)]
    places = [next(i for i, other in enumerate(case.messages) if one is other) for one in stored]
    assert places == sorted(set(places))
    assert places[: len(case.leading)] == list(range(len(case.leading)))
    assert len(messages) - len(stored) == len(case.head) - len(case.leading) + case.has_summary()
    assert all(place >= case.covered for place in places[len(case.leading) :])


@EVERY
@given(FITTING)
def test_the_same_again_gives_the_same(case: Case) -> None:
    """Also from a conversation that has just what was returned."""
    context = case.context()
    assert case.context().messages == context.messages
    kept = sorted(case.kept())
    if kept != list(range(kept[0], len(case.history)) if kept else []):
        return
    rest = [case.history[index] for index in kept]
    again = Case([*case.leading, *rest], case.limits, system=case.system)
    if again.leading != case.leading:
        return
    spoken = [as_message(case.summary)] if case.summary and case.has_summary() else []
    assert [*case.head, *spoken, *again.context().messages[len(case.head) :]] == context.messages


@EVERY
@given(FITTING)
def test_the_next_older_cut_would_not_fit(case: Case) -> None:
    """Of what the window allows nothing is left out that there is room for."""
    kept, history, limits = case.kept(), case.history, case.limits
    if limits.window_turns is not None or not history:
        return
    visible = set().union(*units_of(history))
    oldest = min(kept, default=len(history))
    for cut in {0, *cuts_of(history)}:
        wanted = {index for index in visible if index >= cut}
        if cut < oldest and not wanted <= kept:
            dropped = sum(cost(history[index]) for index in wanted - kept)
            assert limits.room is not None
            assert total(case.context().messages) + dropped > limits.room


@EVERY
@given(TALKS.map(lambda words: [word for word in words if word[0] not in "ct"]), st.integers(1, 5))
def test_a_window_holds_so_many_turns(words: list[str], turns: int) -> None:
    """As many as allowed or there are, where no group holds two of them together."""
    case = Case(talk(["u", "a", *words]), Limits(window_turns=turns))
    starts = starts_of(case.history)
    expected = min(turns, len(starts))
    assert sum(start in case.kept() for start in starts) == expected
    assert min(case.kept()) == starts[-expected]


def shown(words: str, limits: Limits, *, folded: int | None = None) -> str:
    """The words of the messages that are in a context, with their places; ``S`` for a summary."""
    messages = talk(words)
    context = Case(messages, limits, None if folded is None else summary(folded)).context()
    places = {id(message): place for place, message in enumerate(messages)}
    return " ".join(
        f"{words.split()[places[id(one)]]}{places[id(one)]}" if id(one) in places else "S"
        for one in context.messages
    )


@pytest.mark.parametrize(
    ("words", "turns", "expected"),
    [
        ("u a u a u a", 2, "u2 a3 u4 a5"),
        ("a u a u a", 1, "u3 a4"),
        ("a u a u a", 2, "a0 u1 a2 u3 a4"),
        ("s a u a u a", 1, "s0 u4 a5"),
        ("s u a u s a", 1, "s0 u3 s4 a5"),
        ("u a u u a", 1, "u2 u3 a4"),
        ("u a u c1 u t1 a", 1, "u2 c13 u4 t15 a6"),
        ("u c1 u a u t1 a", 1, "u0 c11 u2 a3 u4 t15 a6"),
        ("a u c1 u t1", 1, "a0 u1 c12 u3 t14"),
        ("u a u c12 u t1 a", 1, "u4 a6"),
        ("u a u d r t1 a", 1, "u2 a6"),
        ("u a", 0, ""),
        ("s u a", 0, "s0"),
        ("a a", 3, "a0 a1"),
        ("t1 c1 d", 3, ""),
        ("", 3, ""),
    ],
)
def test_windows_by_example(words: str, turns: int, expected: str) -> None:
    """A few that can be checked by eye."""
    assert shown(words, Limits(turns)) == expected


# Each message has 4 characters, and 4 tokens more.
@pytest.mark.parametrize(
    ("words", "fits", "expected"),
    [
        ("u a u a", 4, "u0 a1 u2 a3"),
        ("u a u a", 3, "u2 a3"),
        ("a u a u a", 4, "u1 a2 u3 a4"),
        ("u a a a a", 3, "u0 a3 a4"),
        ("u u u a", 2, "u2 a3"),
        ("u u u a", 3, "u1 u2 a3"),
        ("u a u a s a", 3, "u2 s4 a5"),
    ],
)
def test_budgets_by_example(words: str, fits: int, expected: str) -> None:
    """Whole turns; of a newest turn that is too long the newest messages, and what was asked."""
    assert shown(words, Limits(max_tokens=8 * fits)) == expected
    assert shown(words, Limits(max_tokens=8 * fits + 7)) == expected


@pytest.mark.parametrize(
    ("words", "room_for", "spare", "expected"),
    [
        ("u a u c1 t1 a", [2, 3, 4, 5], 0, "u2 c13 t14 a5"),
        ("u c1 u t1 a", [1, 2, 3, 4], 0, "c11 u2 t13 a4"),
        ("u c1 u t1 a", [1, 2, 3, 4], -1, "u2 a4"),
        ("u c1 u a t1", [1, 2, 4], 0, "c11 u2 t14"),
        ("u c1 u a t1", [1, 2, 3, 4], -1, "c11 u2 t14"),
        ("u c1 u a t1", [1, 2, 3, 4], 0, "c11 u2 a3 t14"),
        ("u a u t1 d a", [2, 5], 0, "u2 a5"),
        ("u a c1 u t1 a", [1, 2, 3, 4, 5], 0, "c12 u3 t14 a5"),
        ("u c1 t1 u c1 a", [0, 1, 2, 3, 5], 0, "u0 c11 t12 u3 a5"),
    ],
)
def test_groups_in_a_budget_by_example(
    words: str, room_for: list[int], spare: int, expected: str
) -> None:
    """A group fits whole or not at all, and what is out takes no room."""
    messages = talk(words)
    most = total([messages[index] for index in room_for]) + spare
    assert shown(words, Limits(max_tokens=most)) == expected


@pytest.mark.parametrize("folded", [0, 1, 2, 3, 5])
def test_what_a_summary_covers_is_not_repeated(folded: int) -> None:
    """It stands for it; and a leading system message is there all the same."""
    rest = ["u1", "a2", "u3", "a4"][max(folded - 1, 0) :]
    assert shown("s u a u a", Limits(), folded=folded) == " ".join(["s0", "S", *rest])
