"""The two drivers: what is sent again, how often, and what a caller is told in the end.

Scripted transports stand for the network: each step is an error to raise or replies to give.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, TypeAlias

import pytest

from redialog import (
    AuthError,
    Closed,
    ConnectError,
    ConnectionLost,
    NotRedis,
    RedialogError,
    ReplyTimeout,
    TransportError,
    drive,
)
from redialog.effect import Batch, CommandError, Op, Replies
from redialog.ops import read, write
from tests.operations.scripted import AsyncScripted, Scripted
from tests.operations.tools import NOSCRIPT, OWN

TOKEN = "t0123"
READ = Batch(((b"LLEN", b"chat"),))
WRITE = Batch(((b"EVALSHA", b"0", 0),), writes=True, resend_key=TOKEN)
# A write that no application can repeat under a key: a clear, a ttl.
PLAIN = Batch(((b"EVALSHA", b"1", 0),), writes=True)


Driver: TypeAlias = Callable[[Op[Any], Scripted], Any]


def blocking(op: Op[Any], transport: Scripted) -> Any:
    """Runs it with `drive.run`."""
    return drive.run(op, transport)


def awaiting(op: Op[Any], transport: Scripted) -> Any:
    """Runs it with `drive.arun`, in an event loop of its own."""
    return asyncio.run(drive.arun(op, AsyncScripted(transport)))


both = pytest.mark.parametrize("driver", [blocking, awaiting])


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drive, "PAUSES", tuple(0.0 for _ in drive.PAUSES))


def once(batch: Batch) -> Op[Replies]:
    """An operation of one batch that returns its replies."""
    return (yield batch)


def lost(maybe_applied: bool = True) -> ConnectionLost:
    """A connection that broke."""
    return ConnectionLost("cut", address="scripted:", maybe_applied=maybe_applied)


def unreachable() -> ConnectError:
    """A server that is not there."""
    return ConnectError("cannot connect", address="scripted:")


@both
def test_replies_go_to_the_operation_and_its_result_to_the_caller(driver: Driver) -> None:
    """One batch after the other, each with the replies of its own."""

    def two() -> Op[list[Replies]]:
        first = yield READ
        second = yield WRITE
        return [first, second]

    transport = Scripted([1], [2])
    assert driver(two(), transport) == [[1], [2]]
    assert transport.sent == [READ, WRITE]


@both
def test_an_operation_without_a_batch_needs_no_server(driver: Driver) -> None:
    """The transport is not asked."""
    assert driver(read.window_of_turns(b"chat", 0, strict=False), Scripted()) == []


@both
@pytest.mark.parametrize("batch", [READ, WRITE, PLAIN], ids=["read", "append", "other write"])
@pytest.mark.parametrize("failures", [1, 2])
def test_the_same_batch_is_sent_again(driver: Driver, batch: Batch, failures: int) -> None:
    """After a failure the very same object goes out, so a write has the same token."""
    errors = [ReplyTimeout("late", maybe_applied=True), unreachable()][:failures]
    transport = Scripted(*errors, [7])
    assert driver(once(batch), transport) == [7]
    assert len(transport.sent) == failures + 1
    assert all(sent is batch for sent in transport.sent)


@both
@pytest.mark.parametrize("make", [lost, unreachable, lambda: ReplyTimeout("late")])
def test_there_are_at_most_three_attempts(
    driver: Driver, make: Callable[[], TransportError]
) -> None:
    """Then the caller is told."""
    transport = Scripted(*(make() for _ in range(9)))
    with pytest.raises(type(make())):
        driver(once(READ), transport)
    assert len(transport.sent) == 3 == drive.ATTEMPTS


@both
def test_each_batch_has_attempts_of_its_own(driver: Driver) -> None:
    """Failures of the first batch are not counted against the second."""

    def two() -> Op[None]:
        yield READ
        yield WRITE

    transport = Scripted(lost(), lost(), [1], lost(), lost(), [2])
    driver(two(), transport)
    assert transport.sent == [READ] * 3 + [WRITE] * 3


@both
@pytest.mark.parametrize("kind", [AuthError, NotRedis])
def test_what_cannot_succeed_later_is_not_sent_again(
    driver: Driver, kind: type[TransportError]
) -> None:
    """A wrong password stays wrong."""
    transport = Scripted(kind("refused"), [1])
    with pytest.raises(kind) as caught:
        driver(once(WRITE), transport)
    assert len(transport.sent) == 1
    assert (caught.value.maybe_applied, caught.value.token) == (False, None)


@both
@pytest.mark.parametrize("error", [Closed("closed"), KeyboardInterrupt(), ValueError("x")])
def test_other_errors_pass_through(driver: Driver, error: BaseException) -> None:
    """Only a failed transport is the driver's business."""
    transport = Scripted(error, [1])
    with pytest.raises(type(error)):
        driver(once(WRITE), transport)
    assert len(transport.sent) == 1


@both
@pytest.mark.parametrize(
    ("errors", "doubt"),
    [
        ([lost(), lost(), lost()], True),
        ([lost(), unreachable(), unreachable()], True),
        ([unreachable(), lost(), unreachable()], True),
        ([lost(), AuthError("refused")], True),
        ([unreachable(), unreachable(), unreachable()], False),
        ([lost(maybe_applied=False)] * 3, False),
    ],
    ids=lambda value: str(value)[:50],
)
def test_a_write_is_in_doubt_where_any_attempt_may_have_arrived(
    driver: Driver, errors: list[TransportError], doubt: bool
) -> None:
    """The last error alone does not tell: the first attempt may have been applied."""
    kind = ConnectionLost if doubt else type(errors[-1])
    with pytest.raises(kind) as caught:
        driver(once(WRITE), Scripted(*errors))
    error = caught.value
    assert error.maybe_applied is doubt
    assert error.token == (TOKEN if doubt else None)
    assert (TOKEN in str(error)) is doubt
    assert ("may have happened" in str(error)) is doubt


@both
def test_a_write_without_a_key_is_in_doubt_without_advice(driver: Driver) -> None:
    """There is no key under which a clear could be sent again, so none is named."""
    with pytest.raises(ConnectionLost) as caught:
        driver(once(PLAIN), Scripted(lost(), unreachable(), unreachable()))
    error = caught.value
    assert (error.maybe_applied, error.token) == (True, None)
    assert str(error) == "cut (the write may have happened)"


@both
def test_a_read_is_never_in_doubt(driver: Driver) -> None:
    """There is nothing to be in doubt about, and nothing to send again under a key."""
    with pytest.raises(ConnectionLost) as caught:
        driver(once(READ), Scripted(*[lost(maybe_applied=False)] * 3))
    assert (caught.value.maybe_applied, caught.value.token) == (False, None)
    assert str(caught.value) == "cut"


@both
def test_the_cause_of_a_doubt_is_kept(driver: Driver) -> None:
    """What broke the connection can be seen in the trace of the final error."""
    first = lost()
    first.__cause__ = OSError("reset")
    with pytest.raises(ConnectionLost) as caught:
        driver(once(WRITE), Scripted(first, unreachable(), unreachable()))
    assert caught.value.__cause__ is first.__cause__


@both
def test_the_operation_sees_the_failure(driver: Driver) -> None:
    """It is thrown in at the yield, so that an operation can tidy up, go on or give up."""
    seen: list[TransportError] = []

    def careful() -> Op[str]:
        try:
            yield WRITE
        except TransportError as error:
            seen.append(error)
        [reply] = yield READ
        return f"recovered with {reply}"

    assert driver(careful(), Scripted(lost(), lost(), lost(), [5])) == "recovered with 5"
    assert [(error.maybe_applied, error.token) for error in seen] == [(True, TOKEN)]


def two_writes() -> Op[Replies]:
    """An operation that writes twice, as one does whose script the server did not know."""
    yield WRITE
    return (yield WRITE)


@both
@pytest.mark.parametrize("last", [unreachable, lambda: AuthError("refused")])
@pytest.mark.parametrize("answer", [[NOSCRIPT], [1, NOSCRIPT], [NOSCRIPT, [0, b"1"]]], ids=len)
def test_a_doubt_outlives_a_batch_that_was_refused(
    driver: Driver, answer: Replies, last: Callable[[], TransportError]
) -> None:
    """The lost one may have been applied before the server forgot its scripts."""
    transport = Scripted(lost(), answer, *(last() for _ in range(3)))
    with pytest.raises(ConnectionLost) as caught:
        driver(two_writes(), transport)
    assert (caught.value.maybe_applied, caught.value.token) == (True, TOKEN)


@both
def test_a_doubt_is_settled_by_an_answer(driver: Driver) -> None:
    """A batch that was answered without an error was applied or had been: nothing is open."""
    transport = Scripted(lost(), [[0, b"1"]], *[unreachable()] * 3)
    with pytest.raises(ConnectError) as caught:
        driver(two_writes(), transport)
    assert (caught.value.maybe_applied, caught.value.token) == (False, None)
    assert str(caught.value) == "cannot connect"


@both
def test_a_doubt_of_one_operation_is_not_that_of_the_next(driver: Driver) -> None:
    """Each run starts without any."""
    transport = Scripted(*[lost()] * 3, *[unreachable()] * 3)
    with pytest.raises(ConnectionLost):
        driver(once(WRITE), transport)
    with pytest.raises(ConnectError) as caught:
        driver(once(WRITE), transport)
    assert caught.value.maybe_applied is False


@both
def test_an_append_that_met_a_lost_script_names_its_key(driver: Driver) -> None:
    """Lost, then NOSCRIPT, then nobody there: the error says how to send it again."""
    op = write.append(
        OWN, [b"{}"], token="t", digest="d" * 32, at=1, ttl_ms=None, resend_key="order-1"
    )
    with pytest.raises(ConnectionLost, match="idempotency_key='order-1'") as caught:
        driver(op, Scripted(lost(), [NOSCRIPT], *[unreachable()] * 3))
    assert (caught.value.maybe_applied, caught.value.token) == (True, "order-1")


@both
def test_a_clear_that_met_a_lost_script_is_in_doubt(driver: Driver) -> None:
    """The same of a write that no key stands for."""
    op = write.clear(OWN, token="T")
    with pytest.raises(ConnectionLost) as caught:
        driver(op, Scripted(lost(), [NOSCRIPT], *[unreachable()] * 3))
    assert (caught.value.maybe_applied, caught.value.token) == (True, None)


@both
@pytest.mark.parametrize("code", ["OOM", "READONLY", "MISCONF"])
def test_a_refusal_after_a_lost_reply_does_not_deny_the_first(driver: Driver, code: str) -> None:
    """The first send may have been applied before the server refused its repetition."""
    op = write.clear(OWN, token="T")
    with pytest.raises(RedialogError) as caught:
        driver(op, Scripted(lost(), [CommandError(code, "x")]))
    assert getattr(caught.value, "maybe_applied", False) is True


@both
def test_an_operation_may_end_at_a_failure(driver: Driver) -> None:
    """A value that is returned after the throw is the result."""

    def lenient() -> Op[str]:
        try:
            yield READ
        except TransportError:
            return "nothing"
        return "something"

    assert driver(lenient(), Scripted(AuthError("refused"))) == "nothing"


@both
def test_a_lost_script_is_sent_again_like_any_batch(driver: Driver) -> None:
    """The second form of a write has attempts of its own, under the same token."""
    transport = Scripted(lost(), [NOSCRIPT], lost(), [[0, b"1"]])
    assert driver(write.expire(OWN, "persist", token=TOKEN), transport) is True
    assert [(batch.writes, batch.resend_key) for batch in transport.sent] == [(True, None)] * 4
    assert transport.sent[0] is transport.sent[1]
    assert transport.sent[2] is transport.sent[3]


@both
def test_pauses_lie_between_attempts(driver: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pauses are those of the table, in order, and none comes after the last attempt."""
    slept: list[float] = []

    async def nap(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr(drive, "PAUSES", (0.25, 0.5, 9.0))
    monkeypatch.setattr(drive, "time", Clock(slept))
    monkeypatch.setattr(drive, "asyncio", Clock(slept))
    with pytest.raises(ConnectionLost):
        drive.run(once(READ), Scripted(lost(), lost(), lost()))
    assert slept == [0.25, 0.5]


class Clock:
    """Stands for the modules that tell the time and sleep."""

    def __init__(self, slept: list[float]) -> None:
        self._slept = slept

    def sleep(self, seconds: float) -> None:
        """Notes how long."""
        self._slept.append(seconds)

    def monotonic(self) -> float:
        """Stands still."""
        return 0.0


@pytest.mark.parametrize(
    ("make", "deadline"),
    [(unreachable, drive.CONNECT_DEADLINE_S), (lost, drive.DEADLINE_S)],
    ids=["connect", "reply"],
)
def test_nothing_is_sent_again_after_its_deadline(
    make: Callable[[], TransportError], deadline: float
) -> None:
    """A late resend could miss the token, and a dead server is told soon."""
    for after, again in ((deadline - 0.01, True), (deadline + 0.01, False)):
        now = [100.0]
        attempts = drive.Attempts(lambda now=now: now[0])  # type: ignore[misc]
        # A batch before it does not count.
        attempts.begin(READ)
        now[0] += 1000
        assert attempts.begin(WRITE, [1]) is WRITE
        now[0] += after
        _, final = attempts.after(make())
        assert (final is None) is again


@pytest.mark.parametrize(
    ("replies", "doubt"),
    [
        ([1], False),
        ([[0, b"1"], None], False),
        ([], True),
        ([CommandError("ERR")], True),
        ([1, CommandError("ERR")], True),
    ],
    ids=repr,
)
def test_which_replies_settle_a_doubt(replies: Replies, doubt: bool) -> None:
    """Those of a batch that was answered, and without an error."""
    attempts = drive.Attempts(lambda: 0.0)
    attempts.begin(WRITE)
    assert attempts.after(lost()) == (drive.PAUSES[0], None)
    attempts.begin(PLAIN, replies)
    _, final = attempts.after(AuthError("refused"))
    assert final is not None
    assert (final.maybe_applied, final.token) == (doubt, None)
    assert isinstance(final, ConnectionLost if doubt else AuthError)


def test_the_deadline_lies_far_within_a_tokens_life() -> None:
    """Three attempts with their timeouts end before the token of the first could be gone."""
    from redialog.ops._scripts import TOKEN_TTL_MS

    assert drive.DEADLINE_S * 2 < TOKEN_TTL_MS / 1000
    assert len(drive.PAUSES) >= drive.ATTEMPTS - 1


def test_a_cancelled_task_stops_at_once() -> None:
    """Cancellation is not taken for a failed transport."""

    class Slow(AsyncScripted):
        async def execute(self, batch: Batch) -> Replies:  # noqa: ARG002
            await asyncio.sleep(60)
            raise AssertionError("it went on")

    async def main() -> None:
        task = asyncio.ensure_future(drive.arun(once(WRITE), Slow(Scripted())))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    started = time.monotonic()
    asyncio.run(main())
    assert time.monotonic() - started < 5
