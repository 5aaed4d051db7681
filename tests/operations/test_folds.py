"""Folds: what goes to a summariser, who may begin, and what is sent when its answer is kept."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import structs

from redialog import (
    Conflict,
    RollingSummary,
    folding,
)
from redialog.effect import Batch
from redialog.folding import Fold
from redialog.ops import fold as folds
from redialog.ops._scripts import RESTARTS, Write
from redialog.tokens import Costs
from tests.operations.folding import (
    COSTS,
    NOW,
    POLICY,
    Session,
    conversation,
    digest,
    kept,
    only,
)
from tests.operations.tools import ALONE, OWN, SHARED, TOKEN, answered

WRITE = Write(OWN, TOKEN)
LOG = conversation(6, leading=2)
FAILED = b"2:%d:%d:timeout"


def planning(
    session: Session, *, manual: bool = False, policy: RollingSummary = POLICY, write: Write = WRITE
) -> tuple[list[Batch], Fold | None]:
    """What is planned of a session."""
    return answered(folds.plan(write, policy, COSTS, manual=manual), session)


def found(session: Session, **how: Any) -> Fold:
    """The same, where there is something to fold."""
    fold = planning(session, **how)[1]
    assert fold is not None
    return fold


@pytest.mark.parametrize("turns", [0, 1, 4])
def test_below_the_trigger_a_plan_is_one_look(turns: int) -> None:
    """1 round trip, which writes nothing: no lease is taken."""
    [look], fold = planning(Session(conversation(turns, leading=2)))
    assert fold is None
    assert (look.writes, look.resend_key) == (False, None)
    name, keys, _ = only(look)
    assert (name, keys) == ("view", (OWN.log, OWN.meta))


@pytest.mark.parametrize("keys", [OWN, ALONE, SHARED], ids=["own", "alone", "shared"])
def test_a_plan_is_a_look_and_a_lease(keys: Any) -> None:
    """2 round trips; the lease outlives the summariser's time, and goes with nobody's crash."""
    batches, fold = planning(Session(LOG), write=Write(keys, TOKEN))
    assert fold is not None
    [_, lease] = batches
    assert lease.writes is True
    assert lease.commands == (
        (b"SET", keys.lease, TOKEN, b"NX", b"GET", b"PX", 15_000),
        (b"HGET", keys.meta, b"summaries"),
    )


def test_what_is_folded_are_the_oldest_turns() -> None:
    """Behind the system messages, until half of the trigger is left; the places hold the shift."""
    fold = found(Session(LOG, shift=7))
    # Of five messages that may stay, four are whole turns.
    elements = LOG[2:10]
    assert [message._raw for message in fold.messages] == elements
    assert structs.replace(fold, messages=[]) == Fold(
        id=TOKEN,
        base=b"",
        previous=None,
        messages=[],
        first=3 + 7,
        last=10 + 7,
        digest=digest(elements),
        spare=2,
        last_id="id-10",
        tokens=320,
    )


def test_a_fold_continues_the_summary_that_stands() -> None:
    """What it covers goes not a second time, and its text is counted."""
    fold = found(Session(conversation(9, leading=2), kept(8), shift=3))
    assert (fold.base, fold.previous) == (b"before", "So far.")
    assert (fold.first, fold.last) == (9 + 3, 16 + 3)
    assert fold.tokens == 8 * 40 + 36


def test_one_call_gets_no_more_than_a_model_takes() -> None:
    """A long history goes part by part, each whole turns of at most 8,000 tokens."""
    fold = found(Session(conversation(300)))
    assert (fold.first, fold.last) == (1, folding.MAX_TOKENS // 40)


def test_the_older_part_of_a_long_history_is_read_from_where_it_begins() -> None:
    """Page by page, each behind the one before; each message goes once."""
    log = conversation(900, leading=1)
    policy = RollingSummary(lambda *_: "", trigger_tokens=36_000)
    batches, fold = planning(Session(log), policy=policy)
    assert fold is not None
    assert (fold.first, fold.last, fold.spare) == (2, 901, 1)
    assert fold.digest == digest(log[1:901])
    ranges = [c[2:] for batch in batches for c in batch.commands if c[:2] == (b"LRANGE", OWN.log)]
    behind = [one for one in ranges if one[1] in (-2, -102)]
    assert behind == [(-101, -2), (-1101, -102)]


def test_a_log_that_is_gone_while_it_is_read_is_not_folded() -> None:
    """No lease is taken for it."""
    policy = RollingSummary(lambda *_: "", trigger_tokens=36_000)
    for last in (1, 2, 4):
        # While it is found what should be folded, and while that is read.
        session = Session(conversation(900), cleared=last)
        assert planning(session, policy=policy)[1] is None
        assert "SET" not in session.names
        assert session.names[-1] == ("LRANGE" if last == 4 else "LLEN")


def test_what_a_summariser_does_not_see_is_folded_all_the_same() -> None:
    """Damaged elements, and requests to remove a message: it is not asked about them."""
    log = conversation(8)
    log[2] = b"{broken"
    log[5] = b'{"type":"remove","data":{"content":"","id":"id-1"}}'
    fold = found(Session(log))
    assert (fold.first, fold.last) == (1, 12)
    assert fold.digest == digest(log[:12])
    assert [message.text for message in fold.messages] == [
        f"m{place}" for place in range(1, 13) if place not in (3, 6)
    ]
    assert fold.tokens == 400


def test_a_summary_that_is_not_readable_is_written_anew() -> None:
    """It counts as absent, but is named as what the new one replaces."""
    damaged = [b"\xff", 2, b"%d" % NOW, b"{broken"]
    fold = found(Session(LOG, damaged))
    assert (fold.base, fold.previous, fold.first) == (b"\xff", None, 3)


@pytest.mark.parametrize(("left", "waits"), [(1, True), (600_000, True), (0, False), (-5, False)])
def test_after_a_failure_nobody_tries_at_once(left: int, waits: bool) -> None:
    """Unless somebody asks for it."""
    failed = FAILED % (NOW - 1000, NOW + left)
    batches, fold = planning(Session(LOG, failed=failed))
    assert (fold is None) is waits
    assert len(batches) == (1 if waits else 2)
    assert planning(Session(LOG, failed=failed), manual=True)[1] is not None


@pytest.mark.parametrize(
    "failed", [FAILED % (NOW, NOW + 600_001), FAILED % (NOW, 10**18), b"damaged", b"1:2:3:4:5"]
)
def test_a_pause_that_cannot_be_right_is_none(failed: bytes) -> None:
    """A clock was set back, or another client has written there: nothing waits for ever."""
    assert planning(Session(LOG, failed=failed))[1] is not None


def test_who_asks_for_it_needs_half_as_much() -> None:
    """More than half of the trigger."""
    five, six = conversation(3)[:5], conversation(3)
    policy = RollingSummary(lambda *_: "", trigger_tokens=400, keep_turns=1)
    assert planning(Session(five), manual=True, policy=policy)[1] is None
    assert planning(Session(six), policy=policy)[1] is None
    # What goes must be worth a call: as much as half of the trigger, or as a summary may have.
    assert planning(Session(six), manual=True, policy=policy)[1] is None
    less = RollingSummary(lambda *_: "", trigger_tokens=400, keep_turns=1, summary_max_tokens=80)
    fold = found(Session(six), manual=True, policy=less)
    assert (fold.first, fold.last) == (1, 2)


@pytest.mark.parametrize("holder", [b"another", "another", b""])
def test_one_process_is_at_it(holder: bytes | str) -> None:
    """Who finds the lease taken leaves it alone."""
    batches, fold = planning(Session(LOG, holder=holder))
    assert fold is None
    assert len(batches) == 2


@pytest.mark.parametrize("holder", [TOKEN.encode(), TOKEN])
def test_a_lease_whose_reply_was_lost_is_ones_own(holder: bytes | str) -> None:
    """It is asked for again under the same token."""
    assert planning(Session(LOG, holder=holder))[1] is not None


@pytest.mark.parametrize(("known", "ids"), [((), b"new"), (kept(2), b"before new"), (kept(2), b"")])
def test_a_summary_that_came_meanwhile_is_not_written_twice(known: Any, ids: bytes) -> None:
    """The lease is given back: 1 round trip more."""
    session = Session(LOG, known, ids=ids)
    batches, fold = planning(session)
    assert fold is None
    name, keys, args = only(batches[2])
    assert (name, keys) == ("unfold", (OWN.log, OWN.meta, OWN.lease))
    assert args == (TOKEN, b"ada", "", 30_000, 600_000)


def test_summaries_that_are_stale_do_not_stop_a_fold() -> None:
    """They do not speak for the log, but their ids stand there until it is written to."""
    session = Session(LOG)
    session._listed = session._ids = b"old older"
    fold = found(session)
    assert (fold.base, fold.first) == (b"", 3)


def test_a_log_that_changes_each_time_it_is_read_is_a_conflict() -> None:
    """After some attempts, each from the newest end."""
    session = Session(conversation(90), popped=True)
    with pytest.raises(Conflict):
        answered(folds.plan(WRITE, POLICY, Costs(lambda _: 1), manual=False), session)
    assert session.names.count("view") == RESTARTS
