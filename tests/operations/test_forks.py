"""Forks: a copy of what lay there at one moment, carried where it has to be, published at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from redialog import (
    Conflict,
    IdempotencyMismatch,
    InvalidSessionId,
    NotFound,
    OwnerMismatch,
    SessionExists,
)
from redialog.effect import Batch, CommandError, Op, Replies
from redialog.keys import Layout, OwnLayout, SharedLayout
from redialog.ops import fork
from redialog.ops._scripts import RESTARTS, said
from tests.operations.tools import (
    ALONE,
    KEY,
    NEAR,
    OWN,
    SHARED,
    TOKEN,
    Asked,
    answered,
    arguments_of,
    element,
    keys_of,
    lrange,
    play,
    script_name,
    writing,
)

LAYOUT = OwnLayout("n")
FAR = "elsewhere"
LOG = [element(2), element(1), element(0)]
DONE: list[Any] = [[0, Asked(), b""]]
ASKED = said(b"fork", ALONE.log, b"", NEAR.encode())


def forking(new_id: str = NEAR, at: str | None = None, **fields: Any) -> Op[None]:
    """A fork of a session that nobody owns."""
    return fork.fork(LAYOUT, writing(fields.pop("keys", ALONE), **fields), new_id, at)


def copied(
    count: int = 3, left: int = -1, owner: bytes = b"", companions: Sequence[bytes] = ()
) -> list[Any]:
    """What snapshot.lua answers."""
    return [[count, left, owner, list(companions)]]


def test_a_fork_nearby_is_two_round_trips() -> None:
    """The copy and the new session; what either is called with is what the headers say."""
    target = LAYOUT.session(NEAR)
    [first, second], found = play(forking(), copied(), DONE)
    assert found is None
    [snapshot], [publish] = first.commands, second.commands
    assert (first.writes, first.resend_key) == (False, None)
    assert (second.writes, second.resend_key) == (True, KEY)
    stage = ALONE.stage(TOKEN)
    assert script_name(snapshot) == "snapshot"
    assert keys_of(snapshot) == (ALONE.log, ALONE.meta, stage)
    assert arguments_of(snapshot) == (b"", 60_000, "", "")
    assert script_name(publish) == "publish"
    assert keys_of(publish) == (
        *(target.log, target.meta, target.op(TOKEN)),
        *(stage, target.sessions),
    )
    head = (ASKED, 60_000, 60_000, "", b"", NEAR.encode())
    assert arguments_of(publish) == (*head, "", "", 3, "1")


def test_a_fork_at_a_message_copies_what_was_found() -> None:
    """Its place from the oldest, and the bytes that must lie there."""
    [find, snapshot, publish], _ = play(forking(at="id-1"), [LOG], copied(2), DONE)
    assert find.commands[0][:2] == (b"LRANGE", ALONE.log)
    assert arguments_of(snapshot.commands[0])[2:] == (-2, LOG[1])
    assert arguments_of(publish.commands[0])[8] == 2


@pytest.mark.parametrize(
    ("named", "owner", "user"),
    [(None, b"", None), (None, b"ada", "ada"), ("ada", b"", "ada"), ("ada", b"ada", "ada")],
)
def test_companions_and_owner_come_along(named: str | None, owner: bytes, user: str | None) -> None:
    """The new session is its owner's as the old one was, also in the user's catalogue; what the
    copy knows besides, the script says.
    """
    told = (b"title", "é".encode(), b"summary:\xff", b"3:ab:1:{}", b"shift", b"0")
    keys, target = LAYOUT.session("chat", named), LAYOUT.session(NEAR, user)
    [snapshot, publish], _ = play(forking(keys=keys), copied(owner=owner, companions=told), DONE)
    assert arguments_of(snapshot.commands[0])[0] == (named or "").encode()
    [command] = publish.commands
    users = [] if user is None else [target.user]
    assert keys_of(command)[4:] == (target.sessions, *users)
    assert arguments_of(command)[4] == (user or "").encode()
    assert arguments_of(command)[10:] == told


@pytest.mark.parametrize(
    ("ttl_ms", "left", "expected"),
    [(None, -1, ""), (None, 5000, 5000), (None, 0, 1), (7, 5000, 7), (7, -1, 7)],
)
def test_a_fork_lives_as_its_handle_says_or_as_long_as_its_source(
    ttl_ms: int | None, left: int, expected: Any
) -> None:
    """A TTL of its own, else what is left of the old one's; never none where one ran."""
    batches, _ = play(forking(ttl_ms=ttl_ms), copied(left=left), DONE)
    assert arguments_of(batches[1].commands[0])[2:4] == (expected, "")


def test_a_fork_of_nothing() -> None:
    """No session, or no such message: nothing is made, and the error shows no message id."""
    with pytest.raises(NotFound, match="'chat'"):
        play(forking(), [[0]])
    with pytest.raises(NotFound) as caught:
        play(forking(at="secret id"), [LOG])
    assert "secret id" not in str(caught.value)


@pytest.mark.parametrize(
    ("code", "kind"), [("EXISTS", SessionExists), ("OWNER", OwnerMismatch), ("OOM", Exception)]
)
def test_a_fork_that_is_refused(code: str, kind: type[Exception]) -> None:
    """By the copy, or by the new session's place, whose key the error names."""
    with pytest.raises(kind) as caught:
        play(forking(), copied(), [CommandError(code, "")])
    assert repr(LAYOUT.session(NEAR).log.decode()) in str(caught.value)
    if code != "EXISTS":
        with pytest.raises(kind):
            play(forking(), [CommandError(code, "")])


def test_a_message_that_moved_is_found_again() -> None:
    """Older ones went meanwhile; in the end that is a conflict."""
    changed: list[Any] = [CommandError("CHANGED", "")]
    batches, _ = play(forking(at="id-1"), [LOG], changed, [LOG[:2]], copied(1), DONE)
    assert arguments_of(batches[3].commands[0])[2:] == (-1, LOG[1])
    with pytest.raises(Conflict):
        play(forking(at="id-1"), *[[LOG], changed] * RESTARTS)


def test_a_copy_that_was_lost_is_made_again() -> None:
    """It expired before it was published; in the end that is a conflict that may pass."""
    gone: list[Any] = [[3, b"0"]]
    assert len(play(forking(), copied(), gone, copied(), DONE)[0]) == 4
    with pytest.raises(Conflict) as caught:
        play(forking(), *[copied(), gone] * RESTARTS)
    assert caught.value.retryable is True


def test_a_fork_under_a_key_asks_first_whether_it_was_done() -> None:
    """2 round trips more: the token lies with the new session, a mark of it with the old one."""
    target = LAYOUT.session(NEAR)
    batches, _ = play(forking(resent=True), [0, None], copied(), [None], DONE)
    mark = ALONE.op(f"{TOKEN}.fork")
    op = target.op(TOKEN)
    assert batches[0].commands == ((b"PEXPIRE", op, 60_000), (b"GET", op))
    assert batches[2].commands == ((b"SET", mark, ASKED, b"PX", 60_000, b"NX", b"GET"),)
    for answer in (ASKED.encode(), ASKED):
        assert len(play(forking(resent=True), [1, answer])[0]) == 1
        play(forking(resent=True), [0, None], copied(), [answer], DONE)


def test_one_key_is_for_a_fork_to_one_id() -> None:
    """Another id is noticed by the mark, wherever it lies; a random one follows from the token."""
    for other in (FAR, f"{NEAR}2"):
        with pytest.raises(IdempotencyMismatch):
            play(forking(other, resent=True), [0, None], copied(), [ASKED.encode()])
    random = fork.fork(LAYOUT, writing(ALONE, resent=True), NEAR, None, random=True)
    with pytest.raises(IdempotencyMismatch):
        play(random, [0, None], copied(), [ASKED.encode()])


@pytest.mark.parametrize("other", [b"dddddddd:1700", b"1", b"a" * 16, b"", b"fork:1"])
def test_a_key_that_was_used_for_something_else(other: bytes) -> None:
    """Whether it is asked first or by the script."""
    with pytest.raises(IdempotencyMismatch):
        play(forking(resent=True), [1, other])
    with pytest.raises(IdempotencyMismatch):
        play(forking(resent=True), [0, None], copied(), [other])
    with pytest.raises(IdempotencyMismatch):
        play(forking(), copied(), [[1, other, b""]])


@pytest.mark.parametrize("bad", ["", "\ud800", 5])
def test_a_new_id_is_checked_before_anything_is_asked(bad: Any) -> None:
    """An id that no session could have is refused."""
    with pytest.raises(InvalidSessionId):
        next(forking(bad))


class Carrier:
    """The two slots of a fork that is carried: a list in each, and what publish.lua saw.

    Args:
        log: what is copied, oldest first.
    """

    def __init__(self, log: list[bytes]) -> None:
        self.log = log
        self.stages: dict[Any, list[bytes]] = {}
        self.published: list[bytes] = []
        self.names: list[str] = []

    def __call__(self, batch: Batch) -> Replies:
        # Each goes to one slot: on a Cluster they cannot travel together.
        command, *more = batch.commands
        if more:
            assert [one[0] for one in batch.commands] == [b"UNLINK", b"EXISTS", b"EXISTS"]
            self.names.append("UNLINK")
            self.stages.pop(command[1], None)
            return [0, 0, 0]
        if command[0] == b"EVALSHA":
            name = script_name(command)
            self.names.append(name)
            return [getattr(self, f"_{name}")(keys_of(command), arguments_of(command))]
        assert isinstance(command[0], bytes)
        self.names.append(command[0].decode())
        key = command[1]
        if command[0] == b"UNLINK":
            return [int(self.stages.pop(key, None) is not None)]
        if command[0] == b"PEXPIRE":
            return [int(key in self.stages)]
        [page] = lrange(self.stages[key][::-1], batch)
        assert len(page) <= 1001
        return [page]

    def _snapshot(self, keys: Any, _: Any) -> Any:
        self.stages[keys[2]] = list(self.log)
        return copied(len(self.log))[0]

    def _stage(self, keys: Any, arguments: Any) -> Any:
        offset, _, *part = arguments
        # Redis refuses to push nothing, and a request has a limit.
        assert part
        assert len(part) <= 1000
        assert len(part) == 1 or sum(map(len, part)) <= 4 << 20
        stage = self.stages.setdefault(keys[0], [])
        if len(stage) < offset:
            return [2, len(stage)]
        if len(stage) == offset:
            stage += part
        return [0, len(stage)]

    def _publish(self, keys: Any, arguments: Any) -> Any:
        self.published = self.stages.pop(keys[3], [])
        if len(self.published) != arguments[8]:
            return [3, str(len(self.published))]
        return DONE[0]


SIZES = [1, 99, 100, 101, 999, 1000, 1001, 1099, 1100, 1101, 2100, 3210]


@pytest.mark.parametrize("size", SIZES)
def test_a_fork_elsewhere_is_carried_in_pages(size: int) -> None:
    """Every message arrives, in order, and nothing is left; the docstring counts round trips."""
    carrier = Carrier([element(number) for number in range(size)])
    batches, _ = answered(forking(FAR), carrier)
    assert carrier.published == carrier.log
    assert carrier.stages == {}
    assert len(batches) <= 7 + 3 * -(-max(0, size - 99) // 1000)
    assert (carrier.names[0], carrier.names[-1]) == ("snapshot", "publish")
    assert [batch.writes for batch in batches] == [False] * (len(batches) - 1) + [True]


@pytest.mark.parametrize(
    ("kilobytes", "count"), [(10, 500), (100, 110), (1500, 12), (1500, 100), (5000, 3)]
)
def test_large_messages_are_carried_too(kilobytes: int, count: int) -> None:
    """A page of them takes several requests of about 4 MB."""
    large = "x" * (kilobytes * 1024)
    carrier = Carrier([element(number, content=large) for number in range(count)])
    answered(forking(FAR), carrier)
    assert carrier.published == carrier.log


LAYOUTS: list[tuple[Layout, Any]] = [(LAYOUT, OWN), (SharedLayout("n", ""), SHARED)]


@pytest.mark.parametrize(("layout", "keys"), LAYOUTS, ids=["own", "shared"])
def test_a_stage_of_another_fork_is_not_carried_on(layout: Layout, keys: Any) -> None:
    """What an earlier try of the same operation left at the other end goes first."""
    target = layout.session(FAR, "ada")
    op = fork.fork(layout, writing(keys), FAR, None)
    next(op)
    batch = op.send(copied())
    there = (b"EXISTS", target.log), (b"EXISTS", target.op(TOKEN))
    assert batch.commands == ((b"UNLINK", target.stage(TOKEN)), *there)
    # Where the new id is taken, nothing is carried and no catalogue is told; where that was this
    # operation, publishing answers.
    with pytest.raises(SessionExists):
        op.send([0, 1, 0])
    op = fork.fork(layout, writing(keys), FAR, None)
    next(op)
    op.send(copied())
    assert op.send([0, 1, 1]).commands[0][0] == b"LRANGE"


def test_a_copy_that_expires_while_it_is_carried_is_made_again() -> None:
    """Publishing finds that it is not complete, and all begins anew."""
    carrier = Carrier([element(number) for number in range(150)])
    reads = 0

    def answer(batch: Batch) -> Replies:
        nonlocal reads
        reads += batch.commands[0][0] == b"LRANGE"
        if reads == 2 and batch.commands[0][0] == b"LRANGE":
            return [[]]
        return carrier(batch)

    answered(forking(FAR), answer)
    assert carrier.published == carrier.log
    assert carrier.names.count("snapshot") == 2
