"""A writer goes on after errors as an application should, and notes what it was told."""

from __future__ import annotations

from collections.abc import Sequence

from faults.talking import Call, Ledger, talk
from faults.turns import Said
from redialog import ConnectError, OutOfMemory, RedialogError, ReplyTimeout

DOUBT = ReplyTimeout("no reply", maybe_applied=True, token="t1")
NOBODY = ConnectError("nobody there")
FULL = OutOfMemory("full")


def told(answers: Sequence[RedialogError | None], turns: int) -> tuple[list[Said], list[Call]]:
    """Lets a writer say so many turns, and answers its calls in turn."""
    said: list[Said] = []
    calls: list[Call] = []
    left = list(answers)
    steps = talk("sync.0", said, Ledger({}, []), lambda: len(said) >= turns)
    step = next(steps, None)
    while step is not None:
        if isinstance(step, Call):
            calls.append(step)
            answer = left.pop(0)
            step = next(steps, None) if answer is None else steps.throw(answer)
        else:
            step = next(steps, None)
    assert not left
    return said, calls


def test_what_is_in_doubt_is_sent_again_under_its_token() -> None:
    """The same messages, until they are acknowledged; a later error does not take the doubt."""
    [said], calls = told([DOUBT, NOBODY, FULL, None], turns=1)
    assert said.fate == "stored"
    assert [call.key for call in calls] == [None, "t1", "t1", "t1"]
    assert all(call.messages == calls[0].messages for call in calls)


def test_what_was_refused_is_given_up_or_repeated_as_it_is() -> None:
    """In turn: both are right where it was not applied."""
    said, calls = told([FULL, NOBODY, FULL, None], turns=2)
    assert [one.fate for one in said] == ["refused", "stored"]
    assert [call.key for call in calls] == [None] * 4
    assert calls[1].messages == calls[2].messages == calls[3].messages


def test_a_doubt_without_a_token_stays_one() -> None:
    """It cannot be sent again safely."""
    [said], calls = told([ReplyTimeout("no reply", maybe_applied=True)], turns=1)
    assert said.fate == "doubtful"
    assert len(calls) == 1
