"""Why each stored message is in a context, or is not."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from hypothesis import given, settings
from msgspec import structs

from redialog import Message
from redialog.context import Explanation, Limits, View, fit
from redialog.explaining import LONG_RUN
from redialog.summary import SummaryFailure, as_message
from tests.domain.cases import COUNTED, FITTING, WHEN, Case, cost, summary
from tests.domain.conversations import talk, units_of

SPOKEN = cost(as_message(summary(1)))
FAILURE = SummaryFailure("timeout", 3, WHEN, WHEN + timedelta(minutes=1))


@settings(max_examples=600, deadline=None, derandomize=True)
@given(FITTING)
def test_each_position_is_explained_once_and_the_sums_agree(case: Case) -> None:
    """In order; and what is said to be in is what is in."""
    context = case.context()
    explanation = context.explain()
    entries = explanation.entries
    places = [place for one in entries for place in range(one.first, one.last + 1)]
    assert places == list(range(1, len(case.messages) + 1))
    inside = [one for one in entries if one.status == "in"]
    assert all(one.first == one.last for one in inside)
    given_now = case.head[: len(case.head) - len(case.leading)]
    stored = [one for one in context.messages if one not in given_now]
    assert [one.message for one in inside] == [one for one in stored if one in case.messages]
    assert explanation.given == sum(map(cost, given_now))
    tokens = context.tokens
    assert explanation.tokens == tokens
    read = sum(one.tokens or 0 for one in inside)
    assert explanation.given + read + tokens.summary == tokens.total


@settings(max_examples=600, deadline=None, derandomize=True)
@given(FITTING)
def test_each_message_is_told_what_became_of_it(case: Case) -> None:
    """Before the cut it is the limit or the summary; after it what the message is."""
    explanation = case.context().explain()
    visible = set().union(*units_of(case.history)) if case.history else set()
    oldest = min((one.first for one in explanation.entries if one.status == "in"), default=1)
    for entry in explanation.entries:
        if entry.first != entry.last or entry.message is None:
            continue
        message = case.messages[entry.first - 1]
        assert entry.message is message
        assert (entry.role, entry.tokens) == (
            message.role,
            0 if message.role == "damaged" else cost(message),
        )
        index = entry.first - 1 - case.covered
        if entry.first <= len(case.leading):
            assert entry.fate == "in"
        elif index < 0:
            expected = "window" if case.limits.window_turns == 0 else "budget"
            spoken = case.has_summary()
            assert entry.fate == ("summarised" if spoken else f"dropped: {expected}")
        elif entry.status == "damaged":
            assert message.role == "damaged"
        elif entry.reason == "remove":
            assert message.role == "remove"
        elif entry.reason == "orphan":
            assert index not in visible
            assert message.role in ("tool", "assistant")
        elif entry.reason is not None:
            assert case.limits.window_turns is not None or case.limits.max_tokens is not None
            assert index in visible or entry.first < oldest or message.role != "user"


def fates(words: str, limits: Limits, *, folded: int | None = None) -> list[tuple[str, str]]:
    """What became of the messages of a conversation, with their positions."""
    case = Case(talk(words), limits, None if folded is None else summary(folded))
    return [
        (f"{one.first}-{one.last}" if one.last > one.first else f"{one.first}", one.fate)
        for one in case.context().explain().entries
    ]


def test_what_became_of_messages_by_example() -> None:
    """One of each."""
    assert fates("s u a u a u c1 t1 t2 d r u a", Limits(2), folded=3) == [
        ("1", "in"),
        ("2", "summarised"),
        ("3", "summarised"),
        ("4", "dropped: window"),
        ("5", "dropped: window"),
        ("6", "in"),
        ("7", "in"),
        ("8", "in"),
        ("9", "dropped: orphan"),
        ("10", "damaged"),
        ("11", "dropped: remove"),
        ("12", "in"),
        ("13", "in"),
    ]


@pytest.mark.parametrize(
    ("words", "limits", "reasons"),
    [
        ("u a u a u a", Limits(2), ["window", "window"]),
        ("u a u a u a", Limits(2, 16), ["budget"] * 4),
        ("u a u a u a", Limits(2, 32), ["budget", "budget"]),
        ("u a u a u a", Limits(2, 40), ["window", "window"]),
        ("a u a", Limits(1, 16), ["budget"]),
        ("u d a u a", Limits(1), ["window"] * 3),
        ("u t1 t1 u a", Limits(1, 20), ["budget"] * 3),
        ("u t1 t1 u a", Limits(1, 34), ["window"] * 3),
        ("u a d a a", Limits(max_tokens=24), ["budget"]),
        ("u d t1 a a", Limits(max_tokens=16), ["budget"] * 3),
        ("u c1 t1 a", Limits(max_tokens=16), ["budget"] * 2),
        ("u a", Limits(0), ["window", "window"]),
    ],
)
def test_the_limit_that_was_met_first_is_named(
    words: str, limits: Limits, reasons: list[str]
) -> None:
    """For all that lies before the cut, whatever it is."""
    entries = Case(talk(words), limits).context().explain().entries
    assert [one.reason for one in entries if one.reason in ("window", "budget")] == reasons


def test_what_was_not_read_is_one_range() -> None:
    """However long it is; its tokens are not known."""
    messages = talk("u a " * 4)
    view = View(100_000, talk("s"), messages, summary(9000))
    context = fit(view, Limits(max_tokens=SPOKEN + 5 * 8 + 3), COUNTED)
    assert context is not None
    first, folded, between, *read = context.explain().entries
    assert (first.first, first.last, first.fate) == (1, 1, "in")
    assert structs.astuple(folded) == (2, 9000, "summarised", None, None, None, None)
    assert structs.astuple(between) == (9001, 99_992, "dropped", "budget", None, None, None)
    assert [(one.first, one.fate) for one in read] == [
        *((place, "dropped: budget") for place in range(99_993, 99_997)),
        *((place, "in") for place in range(99_997, 100_001)),
    ]


def test_a_single_message_that_was_not_read_has_its_place() -> None:
    """Before the cut, or under a summary."""
    plain = fit(View(5, [], talk("u a u a")), Limits(1), COUNTED)
    folded = fit(View(5, [], talk("u a u a"), summary(1)), Limits(1), COUNTED)
    assert plain is not None
    assert folded is not None
    for context, fate in ((plain, "dropped: window"), (folded, "summarised")):
        first = context.explain().entries[0]
        assert (first.first, first.last, first.fate, first.tokens) == (1, 1, fate, None)


def test_a_long_run_is_one_range() -> None:
    """Of messages that were read and are out; those that are in have a line each."""
    short = Case(talk("u a " * (LONG_RUN // 2) + "u a"), Limits(1)).context().explain()
    assert len(short.entries) == LONG_RUN + 2
    words = "a u " + "a " * LONG_RUN + "u " + "a " * (LONG_RUN + 1)
    case = Case(talk(words), Limits(1))
    run, *others = case.context().explain().entries
    assert (run.first, run.last, run.role) == (1, LONG_RUN + 2, None)
    assert run.tokens == sum(map(cost, case.messages[: LONG_RUN + 2]))
    assert len(others) == LONG_RUN + 2
    same, *_ = Case(talk("a " * (LONG_RUN + 1) + "u"), Limits(0)).context().explain().entries
    assert (same.last, same.role) == (LONG_RUN + 2, None)
    alike = Case(talk("a " * (LONG_RUN + 1)), Limits(0)).context().explain().entries
    assert [one.role for one in alike] == ["assistant"]


def full() -> Explanation:
    """An explanation that has everything."""
    messages = talk("u a " * 6 + "c1 u d a")
    view = View(2000, talk("s"), messages, summary(1900), FAILURE)
    system = Message.system("Be brief.")
    context = fit(view, Limits(2, SPOKEN + 100, 20), COUNTED, system)
    assert context is not None
    return context.explain()


def test_an_explanation_is_a_table_for_a_reader() -> None:
    """Sums and limits, the summary, its failure, and a line for each message or range."""
    assert str(full()).splitlines() == [
        "in:      5 of 2,000 stored messages",
        f"tokens:  {SPOKEN + 53} (21 system, {SPOKEN} summary, 32 history)",
        f"limits:  {SPOKEN + 80} tokens beside a reserve of 20, 2 turns",
        "summary: in, of messages 1-1,900, by 'a model', written 2026-01-02 03:04:05 UTC",
        "failure: timeout, 3 times, last 2026-01-02 03:04:05 UTC, next try 2026-01-02 03:05:05 UTC",
        "",
        "messages     role       status             tokens",
        "1            system     in                      8",
        "2-1,900                 summarised       not read",
        "1,901-1,984             dropped: window  not read",
        "1,985-1,994             dropped: window        80",
        "1,995        user       in                      8",
        "1,996        assistant  in                      8",
        f"1,997        assistant  dropped: orphan  {cost(talk('c1')[0]):>8}",
        "1,998        user       in                      8",
        "1,999        damaged    damaged                 0",
        "2,000        assistant  in                      8",
    ]


def test_a_short_explanation_says_only_what_there_is() -> None:
    """No limits, no summary."""
    assert str(Case(talk("u"), Limits(1)).context().explain()).splitlines() == [
        "in:      1 of 1 stored message",
        "tokens:  8 (0 system, 0 summary, 8 history)",
        "limits:  1 turn",
        "",
        "messages  role  status  tokens",
        "1         user  in           8",
    ]
    assert "limits:  none" in str(Case([], Limits()).context().explain())
    dated = SummaryFailure("failed", 1, None, None)
    view = View(2, [], talk("u a"), structs.replace(summary(2), created_at=None), dated)
    context = fit(view, Limits(0), COUNTED)
    assert context is not None
    assert context.explain().heading()[3:] == [
        "summary: left out, of messages 1-2, by 'a model', written unknown",
        "failure: failed, 1 time, last unknown, next try unknown",
    ]


def test_an_explanation_is_json_without_text() -> None:
    """All of it but what was said."""
    found = full().to_dict()
    text = json.dumps(found)
    assert "#" not in text
    assert "They spoke" not in text
    entries = found.pop("entries")
    assert isinstance(entries, list)
    assert entries[1] == {
        "first": 2,
        "last": 1900,
        "status": "summarised",
        "reason": None,
        "role": None,
        "tokens": None,
        "id": None,
    }
    assert [one["reason"] for one in entries[-4:]] == ["orphan", None, None, None]
    assert found == {
        "messages": 2000,
        "window_turns": 2,
        "tokens": {
            "system": 21,
            "summary": SPOKEN,
            "history": 32,
            "limit": SPOKEN + 80,
            "reserve": 20,
            "total": SPOKEN + 53,
            "given": 13,
        },
        "summary": {
            "in": True,
            "covers": 1900,
            "created_at": "2026-01-02T03:04:05+00:00",
            "by": "a model",
            "id": "s-1",
        },
        "failure": {
            "reason": "timeout",
            "cause": None,
            "times": 3,
            "at": "2026-01-02T03:04:05+00:00",
            "retry_at": "2026-01-02T03:05:05+00:00",
        },
    }


def test_an_entry_names_the_message() -> None:
    """By its id, where it has one; the message itself is at hand for a preview."""
    messages = [Message.user("Hi", id="m-1"), Message.user("there")]
    first, second = Case(messages, Limits()).context().explain().entries
    assert (first.to_dict()["id"], second.to_dict()["id"]) == ("m-1", None)
    assert first.message is messages[0]
