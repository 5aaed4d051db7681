"""Reads that renew a TTL do so in their first round trip, and say where that failed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from redialog import PermissionDenied, ReadOnly, WrongType
from redialog.effect import Batch, CommandError, Op, Replies
from redialog.ops import find, read, write
from tests.operations.tools import (
    NOSCRIPT,
    OWN,
    SHARED,
    answered,
    arguments_of,
    element,
    keys_of,
    lrange,
    play,
    script_name,
)

LOG = [element(number) for number in range(150)][::-1]
READS: dict[str, Callable[[], Op[Any]]] = {
    "everything": lambda: read.everything(OWN.log, strict=False),
    "page": lambda: read.page(OWN.log, read.Cursor(), strict=False),
    "window of turns": lambda: read.window_of_turns(OWN.log, 5, strict=False),
    "long window": lambda: read.window_of_messages(OWN.log, 140, strict=False),
    "foreign window": lambda: read.window_of_turns(OWN.log, 5, strict=False, foreign=True),
    "get": lambda: find.get(OWN.log, "id-7"),
    "get in vain": lambda: find.get(OWN.log, f"x-{'a' * 16}-3"),
}
each_read = pytest.mark.parametrize("name", READS)


def served(renewal: Any = 1) -> Callable[[Batch], Replies]:
    """Answers reads of the log, and renewals with that."""

    def answer(batch: Batch) -> Replies:
        replies: list[Any] = []
        for command in batch.commands:
            if command[0] == b"LRANGE":
                replies += lrange(LOG, Batch((command,)))
            elif command[0] == b"LLEN":
                replies.append(len(LOG))
            elif command[0] == b"LINDEX":
                place = command[2]
                assert isinstance(place, int)
                replies.append(LOG[place])
            else:
                replies.append(NOSCRIPT if command[0] == renewal else 1)
                if isinstance(renewal, CommandError):
                    replies[-1] = renewal
        return replies

    return answer


@each_read
def test_a_renewing_read_is_the_same_read(name: str) -> None:
    """As many round trips and the same result; the first of them also renews."""
    plain, expected = answered(READS[name](), served())
    batches, found = answered(write.renewed(READS[name](), OWN, 5000), served())
    assert found == expected
    assert len(batches) == len(plain)
    *commands, renew = batches[0].commands
    assert tuple(commands) == plain[0].commands
    assert script_name(renew) == "renew"
    assert keys_of(renew) == (OWN.log, OWN.meta)
    assert arguments_of(renew) == (5000,)
    assert batches[1:] == plain[1:]
    assert not any(batch.writes for batch in batches)


@each_read
def test_a_lost_script_does_not_change_what_is_read(name: str) -> None:
    """All of the first batch goes out once more, with the script's text."""
    _, expected = answered(READS[name](), served())
    batches, found = answered(write.renewed(READS[name](), OWN, 5000), served(b"EVALSHA"))
    assert found == expected
    assert batches[0].commands[:-1] == batches[1].commands[:-1]
    assert batches[1].commands[-1][0] == b"EVAL"
    assert batches[0].commands[-1][2:] == batches[1].commands[-1][2:]


@each_read
@pytest.mark.parametrize(("code", "kind"), [("READONLY", ReadOnly), ("NOPERM", PermissionDenied)])
def test_what_was_read_is_withheld_where_it_could_not_be_renewed(
    name: str, code: str, kind: type[Exception]
) -> None:
    """The caller counts on the session's living on."""
    with pytest.raises(kind):
        answered(write.renewed(READS[name](), OWN, 5000), served(CommandError(code, "x")))


@pytest.mark.parametrize("keys", [OWN, SHARED], ids=["own", "shared"])
def test_a_key_of_another_type_is_the_reads_own_error(keys: Any) -> None:
    """It says what it says without renewing."""
    wrong = CommandError("WRONGTYPE", "x")
    with pytest.raises(WrongType):
        play(write.renewed(read.count(keys.log), keys, 5000), [wrong, wrong])


def test_a_read_of_nothing_renews_nothing() -> None:
    """It asks the server nothing."""
    op = write.renewed(read.window_of_turns(OWN.log, 0, strict=False), OWN, 5000)
    assert play(op) == ([], [])


def test_no_session_gets_no_ttl() -> None:
    """The script says so, and the read is what it is."""
    assert play(write.renewed(read.count(OWN.log), OWN, 5000), [0, 0])[1] == 0
