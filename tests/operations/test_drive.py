"""The two drivers: what is sent again, how often, until when, and after which pauses.

Scripted transports stand for the network: each step is an error to raise or replies to give.
What is said of a write that may have been applied is in `test_doubt`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import pytest

from redialog import (
    AuthError,
    Closed,
    ConnectionLost,
    NotRedis,
    RateLimited,
    ReplyTimeout,
    TLSError,
    TransportError,
    Unavailable,
    drive,
)
from redialog.effect import DEADLINE_S, Batch, Op, Patience, Replies
from redialog.ops import read, write
from redialog.ops._scripts import TOKEN_TTL_MS, said
from redialog.transports.opening import LONGEST_DEADLINE_S
from tests.operations.driving import (
    PLAIN,
    READ,
    TOKEN,
    WRITE,
    Driver,
    both,
    lost,
    once,
    unreachable,
)
from tests.operations.scripted import AsyncScripted, Scripted
from tests.operations.tools import NOSCRIPT, writing


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
    assert len(transport.sent) == 3


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
    asked = said(b"expire persist", writing().keys.log)
    transport = Scripted(lost(), [NOSCRIPT], lost(), [[0, f"{asked}:1".encode()]])
    assert driver(write.expire(writing(resend_key=None), "persist"), transport) is True
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


class AsyncClock:
    """The same for a task."""

    def __init__(self, slept: list[float]) -> None:
        self._slept = slept

    async def sleep(self, seconds: float) -> None:
        """Notes how long."""
        self._slept.append(seconds)


PATIENT = Patience(deadline_s=10.0, attempts=None, connect_s=2.0)


@pytest.mark.parametrize(
    ("make", "deadline"),
    [(unreachable, PATIENT.connect_s), (lost, PATIENT.deadline_s)],
    ids=["connect", "reply"],
)
def test_nothing_is_sent_again_after_its_deadline(
    make: Callable[[], TransportError], deadline: float
) -> None:
    """A late resend could miss the token, and a dead server is told soon."""
    for after, again in ((deadline - 0.01, True), (deadline + 0.01, False)):
        now = [100.0]
        attempts = drive.Attempts(lambda now=now: now[0], PATIENT)  # type: ignore[misc]
        # A batch before it that was answered does not count.
        attempts.begin(READ)
        now[0] += 1000
        assert attempts.begin(WRITE, [1]) is WRITE
        now[0] += after
        _, final = attempts.after(make())
        assert (final is None) is again


def test_one_deadline_is_for_all_batches_of_an_operation() -> None:
    """What the first one lost to failures, the second has no more."""
    now = [0.0]
    attempts = drive.Attempts(lambda: now[0], PATIENT)
    attempts.begin(READ)
    assert attempts.within is None
    now[0] += 6
    assert attempts.after(lost()) == (drive.PAUSES[0], None)
    assert attempts.within == pytest.approx(4)
    now[0] += 100
    # What works takes the time that it takes.
    attempts.begin(WRITE, [1])
    assert attempts.within == pytest.approx(4)
    now[0] += 3
    assert attempts.after(lost())[1] is None
    assert attempts.within == pytest.approx(1)
    now[0] += 2
    assert attempts.within == pytest.approx(1)
    assert isinstance(attempts.after(lost())[1], ConnectionLost)
    assert attempts.within == drive.SHORTEST_S


def test_pauses_count_against_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody is there, attempts cost nothing, and they end all the same."""
    monkeypatch.setattr(drive, "PAUSES", (0.5, 1.0))
    attempts = drive.Attempts(lambda: 0.0, PATIENT)
    attempts.begin(WRITE)
    pauses = []
    while (answer := attempts.after(unreachable()))[1] is None:
        pauses.append(answer[0])
    assert pauses == [0.5, 1.0]


@both
def test_an_attempt_gets_what_is_left_of_the_deadline(driver: Driver) -> None:
    """The first one has its own limits."""
    transport = Scripted(lost(), [1], patience=Patience(deadline_s=5.0))
    driver(once(WRITE), transport)
    first, second = transport.within
    assert first is None
    assert second is None or 0 < second <= 5


@both
def test_a_server_that_names_a_time_is_left_alone_until_then(
    driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And where that is beyond the deadline, the caller is told at once."""
    slept: list[float] = []
    monkeypatch.setattr(drive, "time", Clock(slept))
    monkeypatch.setattr(drive, "asyncio", AsyncClock(slept))
    limited = RateLimited("slow down", retry_after=3.0)
    assert driver(once(WRITE), Scripted(limited, [1])) == [1]
    assert slept == [3.0]
    too_long = RateLimited("slow down", retry_after=30.0)
    with pytest.raises(RateLimited):
        driver(once(WRITE), Scripted(too_long))


@both
@pytest.mark.parametrize("kind", [AuthError, TLSError, NotRedis])
def test_what_no_resend_mends_is_sent_once(driver: Driver, kind: type[TransportError]) -> None:
    """However patient the transport is."""
    transport = Scripted(kind("refused"), patience=PATIENT)
    with pytest.raises(kind):
        driver(once(WRITE), transport)
    assert len(transport.sent) == 1


@both
def test_where_another_node_takes_over_only_the_deadline_counts(
    driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failover takes longer than three attempts."""
    monkeypatch.setattr(drive, "PAUSES", (0.0,))
    failures = [Unavailable("failover") if n % 2 else unreachable() for n in range(50)]
    transport = Scripted(*failures, [1], patience=Patience(30.0, None, 30.0))
    assert driver(once(WRITE), transport) == [1]
    assert len(transport.sent) == 51


def test_the_deadline_lies_far_within_a_tokens_life() -> None:
    """The last resend still meets the token of the first attempt."""
    assert DEADLINE_S * 2 < TOKEN_TTL_MS / 1000
    assert LONGEST_DEADLINE_S + 10 < TOKEN_TTL_MS / 1000


def test_a_cancelled_task_stops_at_once() -> None:
    """Cancellation is not taken for a failed transport."""

    class Slow(AsyncScripted):
        async def execute(self, batch: Batch, within: float | None = None) -> Replies:  # noqa: ARG002
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
