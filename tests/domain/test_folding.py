"""What is folded: whole turns, the oldest, as many as it takes, and never half of a tool call."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from redialog import Message, RollingSummary, SummaryError, folding, groups
from redialog.context import View
from redialog.tokens import Costs
from tests.domain.cases import COUNTED, summary
from tests.domain.conversations import TALKS, talk

FLAT = Costs(lambda _: 6)
"""A message that says anything has ten tokens."""


def policy(trigger: int, keep_turns: int = 1, most: int = 500) -> RollingSummary:
    """When to fold; the summariser does not matter."""
    return RollingSummary(
        lambda *_: "", trigger_tokens=trigger, keep_turns=keep_turns, summary_max_tokens=most
    )


@pytest.fixture(scope="module", autouse=True)
def _small() -> Iterator[None]:
    """A part is what triggers a fold, however little that is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(folding, "MAX_TOKENS", 0)
        yield


class Case(NamedTuple):
    """A session, and when it is folded.

    Attributes:
        messages: of the session.
        leading: how many of them are leading system messages.
        covers: how many of the oldest have a summary; 0 where there is none.
        policy: of the summary.
        over: more tokens than that are too many.
    """

    messages: Sequence[Message]
    leading: int
    covers: int
    policy: RollingSummary
    over: int

    def view(self, read: int) -> View:
        """The session, of which so many of the newest messages were read."""
        known = summary(self.covers) if self.covers else None
        newest = self.messages[len(self.messages) - read :]
        return View(len(self.messages), self.messages[: self.leading], newest, known)

    def due(self, read: int) -> int | None:
        """Up to where it is folded."""
        return folding.due(self.view(read), self.policy, COUNTED, self.over)

    @property
    def first(self) -> int:
        """How many messages are not to be folded at the beginning."""
        return max(self.covers, self.leading)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Any conversation; summaries that end where some turn starts."""
    words = draw(TALKS) + draw(TALKS) + draw(TALKS)
    messages = talk(words, sizes=[0, 30, 5])
    leading = next((i for i, m in enumerate(messages) if m.role != "system"), len(messages))
    ends = [cut for cut in groups.cuts(messages) if cut > leading]
    covers = draw(st.sampled_from([0, 0, *ends[:3]]))
    trigger = draw(st.integers(1, 300))
    rolling = policy(trigger, draw(st.integers(1, 4)), draw(st.sampled_from([10, 500])))
    return Case(messages, leading, covers, rolling, draw(st.sampled_from([trigger, trigger // 2])))


def tokens(messages: Sequence[Message]) -> int:
    """Of what a model can see."""
    return sum(COUNTED.of(m) for m in messages if m.role not in ("damaged", "remove"))


def free(messages: Sequence[Message], cut: int) -> bool:
    """Whether a turn starts there, and no tool call before it has its result after."""
    belongs = groups.units(messages, begins=True)
    parted = any(0 <= unit < cut <= index for index, unit in enumerate(belongs))
    return cut in groups.turn_starts(messages) and not parted


def expected(case: Case) -> int:
    """By the definition, with the whole session at hand."""
    raw, rolling = case.messages[case.first :], case.policy
    if tokens(raw) <= case.over:
        return 0
    starts = groups.turn_starts(raw)
    cuts = [
        cut
        for cut in range(1, len(raw))
        if free(raw, cut) and sum(start >= cut for start in starts) >= rolling.keep_turns
    ]
    enough = [cut for cut in cuts if tokens(raw[cut:]) <= rolling.trigger_tokens // 2]
    worth = max(1, min(rolling.summary_max_tokens, rolling.trigger_tokens // 2))
    found = [cut for cut in enough or cuts[-1:] if tokens(raw[:cut]) >= worth]
    return case.first + found[0] if found else 0


@settings(max_examples=400, deadline=None, derandomize=True)
@given(cases())
def test_what_is_due_follows_from_the_whole_and_needs_less(case: Case) -> None:
    """Whatever part was read: the same as of all, or that more must be read.

    Or nothing, where far more than triggers it was read in vain: long turns are not looked behind.
    """
    whole = expected(case)
    assert case.due(len(case.messages)) == whole
    answers = [case.due(read) for read in range(len(case.messages) + 1)]
    assert set(answers) <= {None, whole, 0}
    for read, answer in enumerate(answers):
        if answer == 0 != whole:
            assert (
                tokens(case.messages[len(case.messages) - read :]) > 8 * case.policy.trigger_tokens
            )
    known = [read for read, answer in enumerate(answers) if answer is not None]
    # With everything above the beginning there is an answer, and with more it stays.
    assert known[0] <= max(len(case.messages) - case.first, 0)
    assert known == list(range(known[0], len(answers)))


@settings(max_examples=400, deadline=None, derandomize=True)
@given(cases())
def test_a_part_is_whole_turns_and_worth_a_call(case: Case) -> None:
    """The same from whatever was read of it; all parts together are what is due."""
    until = expected(case)
    place = case.first
    while place < until:
        rest, most = case.messages[place:], until - place
        number = folding.part(rest, most, case.policy, COUNTED)
        assert number is not None
        found = [folding.part(rest[:read], most, case.policy, COUNTED) for read in range(most + 1)]
        assert set(found) <= {None, number}
        assert 0 < number <= most
        if number < most:
            assert free(rest[:most], number)
            assert tokens(rest[:number]) >= folding.least(case.policy)
        # More than triggers it only where a turn alone is that long, or little would be left.
        cuts = [cut for cut in range(1, number) if free(rest[:most], cut)]
        if tokens(rest[:number]) > case.policy.trigger_tokens + folding.least(case.policy):
            assert all(tokens(rest[:cut]) < folding.least(case.policy) for cut in cuts)
        place += number
    assert place == max(until, case.first)


def due(words: str, rolling: RollingSummary, read: int | None = None) -> int | None:
    """Up to where a conversation is folded."""
    messages = talk(words)
    newest = messages if read is None else messages[len(messages) - read :]
    view = View(len(messages), [], newest)
    return folding.due(view, rolling, FLAT, rolling.trigger_tokens)


TURNS = "u a " * 10


@pytest.mark.parametrize(
    ("words", "rolling", "place"),
    [
        # Exactly the trigger, and one more than that.
        ("u a u a", policy(40), 0),
        ("u a u a u", policy(40), 4),
        # At most half is left; exactly half may be.
        ("u a u a u a", policy(50), 4),
        ("u a u a u a", policy(40), 4),
        (TURNS, policy(100), 16),
        # So many turns are kept, whatever they cost.
        (TURNS, policy(100, keep_turns=4), 12),
        (TURNS, policy(100, keep_turns=9), 0),
        (TURNS, policy(100, keep_turns=8, most=40), 4),
        (TURNS, policy(100, keep_turns=10), 0),
        (TURNS, policy(100, keep_turns=50), 0),
        # A turn of several questions is one.
        ("u a u u a u u a", policy(40), 5),
        # One turn alone is never folded.
        ("u a a a a a a", policy(20), 0),
        # What stands before the first turn is folded with it, or alone.
        ("a a a a a u a", policy(40), 5),
        # Results stay with their calls, also where the user spoke before they came.
        ("u a u c1 u t1 a u a", policy(40), 7),
    ],
)
def test_where_a_conversation_is_cut(words: str, rolling: RollingSummary, place: int) -> None:
    """Between two turns."""
    assert due(words, rolling) == place


@pytest.mark.parametrize(("turns", "waits"), [(1, True), (7, True), (8, False)])
def test_a_result_that_was_not_read_yet_is_waited_for(turns: int, waits: bool) -> None:
    """As long as it would be taken for that call's."""
    read = talk("u c1 " + "u a " * turns + "u " + "a " * 30)
    assert (folding.part(read, 200, policy(60), FLAT) is None) is waits


def test_a_cut_is_found_without_the_older_part() -> None:
    """As soon as what was read is too much; the rest is older and goes with it."""
    answers = [due("u a " * 500, policy(100), read=read) for read in range(30)]
    assert answers == [None] * 11 + [None] * (answers.count(None) - 11) + [996] * (
        30 - answers.count(None)
    )
    assert answers.count(None) <= 12


def test_more_is_read_before_more_is_folded() -> None:
    """What was read is not worth a call, but with what is older it may be."""
    view = View(10, [], talk("u a " * 5))
    for read, place in ((5, None), (6, None), (8, None), (9, 6), (10, 6)):
        part = structs.replace(view, newest=view.newest[10 - read :])
        assert folding.due(part, policy(100), FLAT, 50) == place
    whole = View(8, [], talk("u a " * 4))
    assert folding.due(whole, policy(100), FLAT, 50) == 6


def test_a_greeting_alone_is_not_worth_a_call() -> None:
    """Its summary could not be shorter than it, and would be asked for again and again."""
    long = "u a " + "u " + "a " * 50
    assert due(long, policy(100)) == 0
    assert due("u a u a u a " + long, policy(100)) == 8


def test_a_part_joins_what_would_be_left_alone() -> None:
    """Short turns go with the long one after them, and a short rest with what is before it."""
    rolling = policy(100)
    short_then_long = talk("u a u " + "a " * 30 + "u a u a")
    assert folding.part(short_then_long, 33, rolling, FLAT) == 33
    assert folding.part(short_then_long, 35, rolling, FLAT) == 33
    rest = talk("u a " * 7)
    assert folding.part(rest, 14, rolling, FLAT) == 14
    assert folding.part(talk("u a " * 8), 16, rolling, FLAT) == 10


def test_a_part_waits_for_the_results_of_its_calls() -> None:
    """Before more is read, a call is not parted from what may answer it."""
    messages = talk("u a u a u c1 u a u a u t1 a u a")
    rolling = policy(40)
    assert folding.part(messages[:9], 13, rolling, FLAT) in (None, 4)
    assert folding.part(messages, 13, rolling, FLAT) == 4
    assert folding.part(messages[4:12], 9, rolling, FLAT) is None
    assert folding.part(messages[4:], 9, rolling, FLAT) == 9


def test_a_summariser_gets_no_more_than_a_few_megabytes() -> None:
    """But always a turn that is worth it, and damaged elements are none."""
    size = folding.MAX_BYTES // 4
    large = [m for n in range(9) for m in (_sized("user", n, size), _sized("assistant", n, 10))]
    rolling = policy(1000, most=20)
    assert folding.part(large, 18, rolling, FLAT) == 6
    assert folding.part(large[:1], 18, rolling, FLAT) is None
    huge = [_sized("user", 0, 8 * size), *large]
    assert folding.part(huge, 18, rolling, FLAT) == 3
    damaged = [*talk("d " * 3), *large]
    assert (folding.part(damaged, 20, rolling, FLAT) or 0) > 3


def _sized(role: str, number: int, size: int) -> Message:
    made = Message.user if role == "user" else Message.assistant
    message = made(f"{role} {number}")
    structs.force_setattr(message, "_raw", b"x" * size)
    return message


def test_damage_and_requests_cost_nothing_and_are_folded() -> None:
    """A model does not see them."""
    assert due("d d d d d d d d", policy(20)) == 0
    assert due("u a d r u a d u a d", policy(40)) == 7


def test_where_folding_begins() -> None:
    """After the summary, or after the system messages that are always shown."""
    messages = talk("s s u a u a")
    for covers, place in ((0, 3), (1, 3), (2, 3), (4, 5), (6, 7)):
        known = summary(covers) if covers else None
        assert folding.start(View(6, messages[:2], messages, known)) == place


@pytest.mark.parametrize(
    ("text", "given_tokens", "reason"),
    [
        ("", 100, "empty"),
        (" \n\t", 100, "empty"),
        ("x" * 21, 100, "too_long"),
        ("x" * 20, 20, "not_shorter"),
        ("x" * 20, 3, "not_shorter"),
    ],
)
def test_an_answer_that_is_refused(text: str, given_tokens: int, reason: str) -> None:
    """With the reason that the session will tell."""
    rolling = policy(100, most=20)
    with pytest.raises(SummaryError) as caught:
        folding.accepted(text, given_tokens, rolling, Costs(len))
    assert caught.value.reason == reason


def test_an_answer_that_is_accepted_is_counted() -> None:
    """Up to the limit, and shorter than what it was made of."""
    assert folding.accepted("x" * 20, 21, policy(100, most=20), Costs(len)) == 20
