"""Operations that write: one script call, the same one again where the server lost the script."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from redialog import IdempotencyMismatch, OwnerMismatch, ServerError, UnknownVersion, WrongType
from redialog.effect import Batch, CommandError, Op
from redialog.keys import SessionKeys
from redialog.ops import append as append_ops
from redialog.ops import write
from tests.operations.tools import (
    ALONE,
    KEY,
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

DIGEST = "d" * 8
ANSWER = f"{DIGEST}:1700".encode()


def append(keys: SessionKeys = OWN, ttl_ms: int | None = 60_000, **fields: Any) -> Op[int]:
    """An append of two messages."""
    both = [element(1), element(2)]
    return append_ops.append(writing(keys, ttl_ms, **fields), both, digest=DIGEST, at=1700)


def clear(keys: SessionKeys = OWN) -> Op[int]:
    """A clear."""
    return write.clear(writing(keys))


def expire(keys: SessionKeys = OWN) -> Op[bool]:
    """A new ttl."""
    return write.expire(writing(keys), 60_000)


def touch(keys: SessionKeys = OWN) -> Op[bool]:
    """An activity."""
    return write.expire(writing(keys), 60_000, activity=True)


def persist(keys: SessionKeys = OWN) -> Op[bool]:
    """No ttl any more."""
    return write.expire(writing(keys), "persist")


Operation = Callable[[SessionKeys], Op[Any]]
WRITES: list[tuple[Operation, Any, Any]] = [
    (append, [0, ANSWER, b"ada"], 1700),
    (clear, [0, b"7:1700000000000:ada"], 7),
    (expire, [0, Asked(b":1"), b"ada"], True),
    (touch, [0, Asked(b":1"), b"ada"], True),
    (persist, [0, Asked(b":0"), b""], False),
]
SCRIPTS: dict[Operation, str] = {
    append: "append",
    clear: "clear",
    expire: "expire",
    touch: "expire",
    persist: "expire",
}
each_write = pytest.mark.parametrize(("op", "answer", "result"), WRITES)


@each_write
@pytest.mark.parametrize("keys", [OWN, ALONE], ids=["with a user", "without"])
def test_a_write_is_one_script_call(
    op: Operation, answer: Any, result: Any, keys: SessionKeys
) -> None:
    """One round trip, as the docstring's cost says, with all keys of the session and its token."""
    [batch], found = play(op(keys), [answer if keys.owner else unowned(answer)])
    assert found == result
    assert_is_write(batch)
    [command] = batch.commands
    assert command[0] == b"EVALSHA"
    assert script_name(command) == SCRIPTS[op]
    users = [] if keys.user is None else [keys.user]
    assert keys_of(command) == (keys.log, keys.meta, keys.op(TOKEN), keys.sessions, *users)


def unowned(answer: list[Any]) -> list[Any]:
    """The same answer of a session that belongs to nobody."""
    return [0, *(p.removesuffix(b"ada") if isinstance(p, bytes) else p for p in answer[1:])]


def assert_is_write(batch: Batch) -> None:
    """The batch says that it writes, and how an application can repeat it."""
    assert (batch.writes, batch.resend_key) == (True, KEY)


@each_write
def test_a_write_that_was_seen_before_answers_the_same(
    op: Operation, answer: Any, result: Any
) -> None:
    """Whether it was done now or by an earlier send, the caller sees no difference."""
    assert play(op(OWN), [[1, *answer[1:]]])[1] == result


@each_write
@pytest.mark.parametrize("keys", [OWN, ALONE], ids=["with a user", "without"])
def test_a_lost_script_is_sent_with_its_text(
    op: Operation, answer: Any, result: Any, keys: SessionKeys
) -> None:
    """After a restart the same call is made once more: same keys, arguments and token."""
    answer = answer if keys.owner else unowned(answer)
    batches, found = play(op(keys), [NOSCRIPT], [answer])
    assert found == result
    assert_same_calls(*batches)
    for batch in batches:
        assert_is_write(batch)


def assert_same_calls(first: Batch, second: Batch) -> None:
    """The second batch says the same as the first, with the scripts' texts for their digests."""
    assert first.writes is second.writes is True
    assert first.resend_key == second.resend_key
    for before, after in zip(first.commands, second.commands, strict=True):
        assert (before[0], after[0]) == (b"EVALSHA", b"EVAL")
        assert script_name(before) == script_name(after)
        assert before[2:] == after[2:]


@each_write
def test_a_script_is_loaded_once_only(op: Operation, answer: Any, result: Any) -> None:
    """Where even the text is answered with NOSCRIPT, that is an error and no loop."""
    with pytest.raises(ServerError):
        play(op(OWN), [NOSCRIPT], [NOSCRIPT])


def test_a_shared_log_is_noted_first() -> None:
    """The catalogue of a shared log lies in another slot: noted before, in the same batch."""
    [batch], found = play(append(SHARED), [1, [0, ANSWER, b""]])
    note, call = batch.commands
    assert found == 1700
    assert (script_name(note), script_name(call)) == ("note", "append")
    assert keys_of(note) == (SHARED.sessions, SHARED.user)
    assert arguments_of(note) == (SHARED.member, "")
    assert_is_write(batch)
    assert keys_of(call) == (SHARED.log, SHARED.meta, SHARED.op(TOKEN))


@pytest.mark.parametrize(
    "lost", [[NOSCRIPT, [1, ANSWER, b""]], [1, NOSCRIPT], [NOSCRIPT, NOSCRIPT]], ids=str
)
def test_both_calls_of_a_shared_log_are_made_again(lost: list[Any]) -> None:
    """Where the server lost one of the scripts, both go out once more: either can be repeated."""
    batches, found = play(append(SHARED), lost, [1, [1, ANSWER, b""]])
    assert found == 1700
    assert_same_calls(*batches)
    assert [batch.resend_key for batch in batches] == [KEY, KEY]


def test_a_touch_of_a_shared_log_notes_only_what_is_known() -> None:
    """It is an activity, but none that would list a session that is not there."""
    [batch], found = play(touch(SHARED), [1, [0, Asked(b":1"), b""]])
    note, call = batch.commands
    assert found is True
    assert (script_name(note), script_name(call)) == ("note", "expire")
    assert keys_of(note) == (SHARED.sessions, SHARED.user)
    assert arguments_of(note) == (SHARED.member, "XX")
    assert keys_of(call) == (SHARED.log, SHARED.meta, SHARED.op(TOKEN))
    assert arguments_of(call)[:6] == (60_000, SHARED.member, 60_000, 1, b"ada", "")
    assert_is_write(batch)


@pytest.mark.parametrize("op", [expire, persist])
def test_a_new_ttl_of_a_shared_log_is_no_activity(op: Operation) -> None:
    """The catalogue is not touched by it, as little as in the own layout."""
    [batch], found = play(op(SHARED), [[0, Asked(b":1"), b""]])
    assert found is True
    assert_is_write(batch)
    assert [script_name(command) for command in batch.commands] == ["expire"]


def test_a_shared_log_that_is_cleared_leaves_the_catalogue() -> None:
    """The entry goes after the log, and is never renewed by the clear itself."""
    batches, found = play(clear(SHARED), [[0, b"7:1700000000000:"]], [1])
    assert found == 7
    assert [script_name(b.commands[0]) for b in batches] == ["clear", "forget"]
    [call], [forget] = (batch.commands for batch in batches)
    assert keys_of(call) == (SHARED.log, SHARED.meta, SHARED.op(TOKEN))
    assert keys_of(forget) == (SHARED.sessions, SHARED.user)
    # When it was cleared: what is appended since keeps its entry.
    assert arguments_of(forget) == (SHARED.member, 1_700_000_000_000)
    # Nobody has to send the second again: a listing drops what it leaves.
    assert [(b.writes, b.resend_key) for b in batches] == [(True, KEY), (True, None)]


def test_a_clear_that_is_seen_again_forgets_as_of_the_first_time() -> None:
    """The time in the answer is that of the first send, so a later append stays listed."""
    batches, found = play(clear(SHARED), [[1, "7:900000000:"]], [1])
    assert found == 7
    assert arguments_of(batches[1].commands[0]) == (SHARED.member, 900_000_000)


def test_a_lost_script_of_forgetting_is_sent_with_its_text() -> None:
    """The clear itself is not made again for it."""
    batches, found = play(clear(SHARED), [[0, b"7:1700000000000:"]], [NOSCRIPT], [1])
    assert found == 7
    assert_same_calls(*batches[1:])
    assert [script_name(b.commands[0]) for b in batches] == ["clear", "forget", "forget"]


def test_a_catalogue_that_cannot_be_told_does_not_undo_a_clear() -> None:
    """The messages are gone; the entry that is left is dropped by a listing."""
    refused = CommandError("WRONGTYPE", "Operation against a key")
    assert play(clear(SHARED), [[0, b"7:1700000000000:"]], [refused])[1] == 7


def test_a_note_that_fails_costs_nothing_but_the_note() -> None:
    """The messages are stored; the next write notes the session again."""
    refused = CommandError("WRONGTYPE", "Operation against a key")
    assert play(append(SHARED), [refused, [0, ANSWER, b""]])[1] == 1700


def test_the_arguments_of_an_append() -> None:
    """As append.lua's header says: what the token remembers, TTL, owner, member, cut, elements."""
    elements = (element(1), element(2))
    said = ANSWER.decode()
    for op, arguments in (
        (append(), (60_000, "", b"ada", b"chat")),
        (append(ALONE, None), ("", "", b"", b"chat")),
        (append(fixed=True), (60_000, "1", b"ada", b"chat")),
        (append(SHARED, 1), (1, "", b"ada", b"chat")),
    ):
        command = next(op).commands[-1]
        assert arguments_of(command) == (said, 60_000, *arguments, "", b"", *elements)


def test_the_time_of_the_first_send_is_answered() -> None:
    """Where an append had been stored before, its messages have that time."""
    assert play(append(), [[1, f"{DIGEST}:900".encode(), b""]])[1] == 900
    assert play(append(), [[1, f"{DIGEST}:900", ""]])[1] == 900


def test_a_token_used_for_something_else() -> None:
    """Other messages under the same key are refused, with nothing of them in the error."""
    others = (b"e" * 8 + b":1700", "e" * 8 + ":1700", f"{DIGEST}:{DIGEST}".encode(), b"fork", b"1")
    for seen in (*others, b"7:1700000000000:ada", b"a" * 40 + b":1"):
        with pytest.raises(IdempotencyMismatch) as caught:
            play(append(), [[1, seen, b""]])
        assert DIGEST not in str(caught.value)
        assert KEY not in str(caught.value)


@pytest.mark.parametrize("keys", [OWN, SHARED], ids=["own", "shared"])
def test_without_a_key_of_its_own_an_append_cannot_be_resent(keys: SessionKeys) -> None:
    """The operation names no key that it was not given."""
    batch = next(append(keys, resend_key=None))
    assert (batch.writes, batch.resend_key) == (True, None)


@pytest.mark.parametrize(
    ("ttl", "activity", "arguments"),
    [
        (5000, False, (5000, b"chat", 60_000, 0, b"ada", "")),
        ("persist", False, ("persist", b"chat", 60_000, 0, b"ada", "")),
        (None, True, ("", b"chat", 60_000, 1, b"ada", "1")),
    ],
)
def test_the_arguments_of_an_expire(ttl: Any, activity: bool, arguments: tuple[Any, ...]) -> None:
    """A ttl, its removal, or neither; whether it is an activity, which leaves a fixed ttl alone."""
    op = write.expire(writing(fixed=True), ttl, activity=activity)
    [batch], found = play(op, [[0, Asked(b":0"), b""]])
    assert found is False
    *found_arguments, _ = arguments_of(batch.commands[0])
    assert tuple(found_arguments) == arguments


@each_write
@pytest.mark.parametrize(
    ("kinds", "culprit"),
    [
        ([b"hash", b"none", b"none", b"none"], OWN.log),
        ([b"list", b"string", b"zset", b"zset"], OWN.meta),
        (["list", "hash", "set", "zset"], OWN.sessions),
        ([b"list", b"hash", b"zset", b"stream"], OWN.user),
    ],
)
def test_a_wrong_type_names_the_key(
    op: Operation, answer: Any, result: Any, kinds: list[Any], culprit: bytes
) -> None:
    """One more round trip finds which of the session's keys holds something else, and what."""
    with pytest.raises(WrongType) as caught:
        play(op(OWN), [CommandError("WRONGTYPE", "Operation against a key")], kinds)
    assert repr(culprit.decode()) in str(caught.value)
    assert vars(caught.value)["key"] == culprit.decode()


@each_write
def test_a_wrong_type_that_is_gone_is_still_one(op: Operation, answer: Any, result: Any) -> None:
    """Where no culprit is found any more, or TYPE is forbidden, the error is the same kind."""
    wrong = [CommandError("WRONGTYPE", "x")]
    for kinds in ([b"none"] * 4, [CommandError("NOPERM", "x")] * 4):
        with pytest.raises(WrongType, match="companion"):
            play(op(OWN), wrong, kinds)


@pytest.mark.parametrize(("code", "kind"), [("OWNER", OwnerMismatch), ("VERSION", UnknownVersion)])
def test_errors_of_the_script_itself(code: str, kind: type[Exception]) -> None:
    """What the script reports becomes a typed error that names the session's key."""
    with pytest.raises(kind) as caught:
        play(append(), [CommandError(code, "2")])
    assert repr(OWN.log.decode()) in str(caught.value)
