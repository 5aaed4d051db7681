"""What is known of a session without its messages: one script call."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from redialog import ServerError, SummaryFailure, UnknownVersion, WrongType
from redialog.effect import Batch, CommandError
from redialog.keys import SessionKeys
from redialog.ops import session
from redialog.ops.session import SessionInfo
from tests.operations.tools import (
    ALONE,
    NOSCRIPT,
    OWN,
    SHARED,
    TOKEN,
    Asked,
    arguments_of,
    element,
    keys_of,
    play,
    script_name,
    writing,
)

OLDEST = element(0)
ACTIVE = b"1700000009000"
NOTHING = SessionInfo("chat", exists=False, count=0)


def info(*replies: Any, keys: SessionKeys = OWN) -> SessionInfo:
    """What `info` says for these replies, in one round trip."""
    [batch], found = play(session.info(keys), list(replies))
    assert (batch.writes, batch.resend_key) == (False, None)
    return found


def answer(**fields: Any) -> list[Any]:
    """What info.lua answers of a session of three messages, with some of it changed."""
    known = {"count": 3, "ttl": 5000, "oldest": OLDEST, "score": ACTIVE, "owner": b"ada"}
    known |= {"title": b"T", "trimmed": b"4", "covers": b"2"}
    return list((known | {"failed": b"3:1700000009000:1700000129000:timeout"} | fields).values())


def test_info_is_one_script_call() -> None:
    """Constant: the log, its companions and, where it lies with them, the catalogue."""
    for keys in (OWN, ALONE):
        [batch], _ = play(session.info(keys), [[0]])
        [command] = batch.commands
        assert script_name(command) == "info"
        assert keys_of(command) == (keys.log, keys.meta, keys.sessions)
        member, largest = arguments_of(command)
        assert member == b"chat"
        assert isinstance(largest, int)
        assert largest > 512 << 20, "every message that a list can hold"


def test_info_of_a_shared_log_asks_its_catalogue_in_the_same_round_trip() -> None:
    """That lies in another slot, so no script may touch both."""
    [batch], found = play(session.info(SHARED), [answer(score=b""), ACTIVE])
    call, score = batch.commands
    assert keys_of(call) == (SHARED.log, SHARED.meta)
    assert score == (b"ZSCORE", SHARED.sessions, SHARED.member)
    assert found.updated_at == datetime(2023, 11, 14, 22, 13, 29, tzinfo=UTC)


def test_info_says_all_that_is_known() -> None:
    """Count, owner, title, times, TTL, what the cap removed, and what becomes of summaries."""
    assert info(answer()) == SessionInfo(
        "chat",
        exists=True,
        count=3,
        user_id="ada",
        title="T",
        created_at=datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC),
        updated_at=datetime(2023, 11, 14, 22, 13, 29, tzinfo=UTC),
        ttl=timedelta(seconds=5),
        trimmed=4,
        summarised=2,
        summary_failure=SummaryFailure(
            reason="timeout",
            times=3,
            at=datetime(2023, 11, 14, 22, 13, 29, tzinfo=UTC),
            retry_at=datetime(2023, 11, 14, 22, 15, 29, tzinfo=UTC),
        ),
    )


def test_info_where_nothing_more_is_known() -> None:
    """Without companions, a TTL or an entry in the catalogue, the fields say so."""
    absent = dict.fromkeys(("score", "owner", "title", "trimmed", "covers", "failed"), b"")
    bare = answer(ttl=-1, **absent)
    created = datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
    expected = SessionInfo("chat", exists=True, count=3, created_at=created)
    assert info(bare) == info(bare, None, keys=SHARED) == expected


def test_info_in_other_shapes_of_replies() -> None:
    """RESP3 and REST give a float for the score, and text for bytes."""
    bare = answer(score=b"")
    assert info(bare, 1700000009000.0, keys=SHARED) == info(bare, ACTIVE.decode(), keys=SHARED)
    decoded = [item.decode() if isinstance(item, bytes) else item for item in answer()]
    assert info(decoded) == info(answer())


def test_info_of_no_session() -> None:
    """A session without messages does not exist, whatever is left in the catalogue."""
    assert info([0]) == NOTHING
    assert info([0], ACTIVE, keys=SHARED) == NOTHING


@pytest.mark.parametrize("oldest", [b"{", b"", element(0)[:-1], b'{"type":"human","data":{}}'])
def test_info_of_an_oldest_element_without_a_time(oldest: bytes) -> None:
    """Damaged, too large to be sent, or another library's: the rest is still known."""
    found = info(answer(oldest=oldest))
    assert (found.exists, found.count, found.created_at, found.title) == (True, 3, None, "T")


def test_what_is_no_text_in_a_companion_is_shown_all_the_same() -> None:
    """Only another client can have left it; the session is as readable as before."""
    found = info(answer(owner=b"\xff", title=b"a\xff", trimmed=b"x", covers=b"-1"))
    assert (found.user_id, found.title, found.trimmed) == ("\ufffd", "a\ufffd", 0)
    assert found.summarised == 0
    for failed in (b"\xff:1:2:x", b"1:2:3", b"1:2:3:x:y", b"a:2:3:x", b"1:2::x"):
        assert info(answer(failed=failed)).summary_failure is None
    known = info(answer(failed=b"1:%d:0:x" % 10**18)).summary_failure
    assert known == SummaryFailure("x", 1, None, datetime(1970, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("code", "kind"), [("VERSION", UnknownVersion), ("WRONGTYPE", WrongType), ("ERR", ServerError)]
)
def test_info_that_is_refused(code: str, kind: type[Exception]) -> None:
    """What a newer version wrote is not guessed at, and no error is taken for an absence."""
    with pytest.raises(kind) as caught:
        info(CommandError(code, "2"))
    assert repr(OWN.log.decode()) in str(caught.value)


def test_a_refused_score_is_an_error() -> None:
    """It is not taken for a session without activity."""
    with pytest.raises(ServerError):
        info(answer(score=b""), CommandError("ERR", "x"), keys=SHARED)


def test_a_listing_asks_for_less() -> None:
    """Of a thousand sessions, no large first message is sent."""
    call = session.asked(OWN, brief=True)
    assert call.args[0] == b"chat"
    assert call.args[1] == 4096


def test_info_with_a_lost_script() -> None:
    """It is asked again with its text."""
    batches, found = play(session.info(OWN), [NOSCRIPT], [[0]])
    assert found == NOTHING
    assert [command[0] for batch in batches for command in batch.commands] == [b"EVALSHA", b"EVAL"]
    assert batches[0].commands[0][2:] == batches[1].commands[0][2:]


def test_the_title_is_one_script_call() -> None:
    """1 round trip, with TTL and owner of the handle; it is no activity of a shared log's."""
    for keys, title, code in ((OWN, "T", 0), (ALONE, "", 1), (SHARED, "é", 0)):
        [batch], found = play(session.set_title(writing(keys), title), [[code, Asked(b":1")]])
        assert found is True
        assert isinstance(batch, Batch)
        assert (batch.writes, batch.resend_key) == (True, "order-1")
        [command] = batch.commands
        assert script_name(command) == "title"
        assert keys_of(command)[:3] == (keys.log, keys.meta, keys.op(TOKEN))
        owner = keys.owner or b""
        assert arguments_of(command)[:5] == (60_000, 60_000, "", owner, title)
    assert play(session.set_title(writing(), "T"), [[0, Asked(b":0")]])[1] is False
