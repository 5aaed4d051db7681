"""The end of a fold: what is sent when its answer is kept, and when there is none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from redialog import (
    OutOfMemory,
    OwnerMismatch,
    ReadOnly,
    RedialogError,
    RollingSummary,
    Summary,
    UnknownVersion,
    WrongType,
    summary,
)
from redialog.effect import CommandError, Op
from redialog.folding import Fold
from redialog.ops import fold as folds
from redialog.ops._scripts import Write
from tests.operations.folding import (
    COSTS,
    NOW,
    POLICY,
    Session,
    conversation,
    kept,
    only,
)
from tests.operations.tools import ALONE, NOSCRIPT, OWN, SHARED, TOKEN, answered, play, writing

WRITE = Write(OWN, TOKEN)
LOG = conversation(6, leading=2)
FAILED = b"2:%d:%d:timeout"
FOLD = Fold(
    id=TOKEN,
    base=b"\xffbefore",
    previous="So far.",
    messages=[],
    first=10,
    last=17,
    digest="d" * 40,
    spare=2,
    last_id="id-14",
    tokens=86,
)


def committing(*answers: Any, keys: Any = OWN, policy: RollingSummary = POLICY) -> Any:
    """The batches of a commit, and whether it was kept."""
    return play(folds.commit(Write(keys, TOKEN), FOLD, "é", 7, policy), *answers)


@pytest.mark.parametrize("keys", [OWN, ALONE, SHARED], ids=["own", "alone", "shared"])
@pytest.mark.parametrize("code", [0, 1])
def test_a_commit_is_one_script(keys: Any, code: int) -> None:
    """1 round trip; no catalogue is told, since it is no activity."""
    [batch], done = committing([[code, TOKEN.encode()]], keys=keys)
    assert done is True
    assert batch.writes is True
    name, given, args = only(batch)
    assert (name, given) == ("fold", (keys.log, keys.meta, keys.op(TOKEN), keys.lease))
    text = summary.stored("é", by=POLICY.name, tokens=7, last_id="id-14")
    head = (60_000, keys.owner or b"", TOKEN, b"\xffbefore", 10, 17, "d" * 40, 2)
    assert args == (*head, text, 16, "")


def test_what_was_folded_is_removed_where_the_policy_says_so() -> None:
    """The script does it, in the same moment."""
    dropping = RollingSummary(lambda *_: "", retention="drop")
    [batch], _ = committing([[0, TOKEN.encode()]], policy=dropping)
    assert only(batch)[2][-1] == "1"


def test_a_fold_that_comes_too_late_gives_the_lease_back() -> None:
    """Nothing was changed; it is no failure, so nobody pauses."""
    batches, done = committing([CommandError("CHANGED", "")], [1])
    assert done is False
    assert only(batches[1])[0] == "unfold"
    assert only(batches[1])[2][2] == ""


def test_another_users_session_is_not_folded() -> None:
    """That is an error, and the lease is given back."""
    with pytest.raises(OwnerMismatch):
        committing([CommandError("OWNER", "")], [1])


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("OOM", OutOfMemory),
        ("READONLY", ReadOnly),
        ("VERSION", UnknownVersion),
    ],
)
def test_what_the_server_refuses_is_an_error(code: str, kind: type[Exception]) -> None:
    """As of any write: the lease runs out by itself."""
    with pytest.raises(kind):
        committing([CommandError(code, "")])


def test_a_wrong_type_names_the_key() -> None:
    """As in any write."""
    kinds = [b"string", b"hash", b"zset", b"zset"]
    with pytest.raises(WrongType) as caught:
        committing([CommandError("WRONGTYPE", "")], kinds)
    assert vars(caught.value)["key"] == OWN.log.decode()


OPERATIONS: dict[str, Any] = {
    "plan": lambda: folds.plan(WRITE, POLICY, COSTS, manual=False),
    "commit": lambda: folds.commit(WRITE, FOLD, "x", 1, POLICY),
    "give_up": lambda: folds.give_up(WRITE, "failed"),
    "summaries": lambda: folds.summaries(WRITE.keys),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_lost_script_is_sent_with_its_text(name: str) -> None:
    """Once; where even that is not known, it is an error and no loop."""
    op: Op[Any] = OPERATIONS[name]()
    first, *others = next(op).commands
    lost = [NOSCRIPT, *([b""] * len(others))]
    second, *same = op.send(lost).commands
    assert (first[0], second[0]) == (b"EVALSHA", b"EVAL")
    assert (first[2:], others) == (second[2:], same)
    with pytest.raises(RedialogError):
        op.send(lost)


def test_giving_up_tells_why_and_how_long_to_wait() -> None:
    """1 round trip; the script knows whose the lease is, and how often it failed."""
    [batch], done = play(folds.give_up(writing(), "timeout"), [1])
    assert done is None
    assert batch.writes is True
    name, keys, args = only(batch)
    assert (name, keys) == ("unfold", (OWN.log, OWN.meta, OWN.lease))
    assert args == (TOKEN, b"ada", "timeout", 30_000, 600_000)
    assert play(folds.give_up(writing(), "timeout"), [0])[1] is None
    with pytest.raises(OutOfMemory):
        play(folds.give_up(writing(), ""), [CommandError("OOM", "")])


def test_summaries_are_given_newest_first() -> None:
    """1 round trip; one that another client has written over is left out."""
    damaged = [[b"b", 4, b"%d" % NOW, b"{broken"], [b"c", 5, b"%d" % NOW, b'{"text":5}']]
    answer = [kept(2, "First.", b"a"), *damaged, kept(6, "Second.", b"\xff")]
    [batch], both = play(folds.summaries(WRITE.keys), [answer])
    assert (batch.writes, batch.resend_key) == (False, None)
    assert only(batch) == ("summaries", (OWN.log, OWN.meta), ())
    assert [(one.text, one.covers, one.id) for one in both] == [
        ("Second.", 6, "\ufffd"),
        ("First.", 2, "a"),
    ]
    at = both[0].created_at
    assert at is not None
    assert at.timestamp() * 1000 == NOW
    assert both[1] == Summary("First.", 2, "id-2", at, "me", 6, "a")
    assert play(folds.summaries(WRITE.keys), [[]])[1] == []


def test_replies_of_other_clients_say_the_same() -> None:
    """Text for bytes, as of a client that decodes."""

    def texts(reply: Any) -> Any:
        if isinstance(reply, list):
            return [texts(one) for one in reply]
        return reply.decode() if isinstance(reply, bytes) else reply

    def planned(said: Callable[[Any], Any]) -> Any:
        session = Session(LOG, kept(2), failed=FAILED % (NOW, NOW))
        op = folds.plan(WRITE, POLICY, COSTS, manual=False)
        return answered(op, lambda batch: said(session(batch)))

    assert planned(texts) == planned(list)
    one, another = (
        play(folds.summaries(WRITE.keys), said([[kept(3)]]))[1] for said in (list, texts)
    )
    assert one == another
