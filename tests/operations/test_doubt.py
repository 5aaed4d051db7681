"""Writes in doubt: where one may have been applied although nobody said so, the caller is told.

A lost attempt raises the doubt, a later answer settles it, and the error names the key, if any.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from redialog import AuthError, ConnectError, ConnectionLost, RedialogError, TransportError, drive
from redialog.effect import CommandError, Op, Patience, Replies
from redialog.ops import append, write
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
from tests.operations.scripted import Scripted
from tests.operations.tools import NOSCRIPT, writing


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
    op = append.append(writing(resend_key="order-1"), [b"{}"], digest="d" * 8, at=1)
    with pytest.raises(ConnectionLost, match="idempotency_key='order-1'") as caught:
        driver(op, Scripted(lost(), [NOSCRIPT], *[unreachable()] * 3))
    assert (caught.value.maybe_applied, caught.value.token) == (True, "order-1")


@both
def test_a_clear_that_met_a_lost_script_is_in_doubt(driver: Driver) -> None:
    """The same of a write that no key stands for."""
    op = write.clear(writing(resend_key=None))
    with pytest.raises(ConnectionLost) as caught:
        driver(op, Scripted(lost(), [NOSCRIPT], *[unreachable()] * 3))
    assert (caught.value.maybe_applied, caught.value.token) == (True, None)


@both
@pytest.mark.parametrize("code", ["OOM", "READONLY", "MISCONF"])
def test_a_refusal_after_a_lost_reply_does_not_deny_the_first(driver: Driver, code: str) -> None:
    """The first send may have been applied before the server refused its repetition."""
    op = write.clear(writing())
    with pytest.raises(RedialogError) as caught:
        driver(op, Scripted(lost(), [CommandError(code, "x")]))
    assert getattr(caught.value, "maybe_applied", False) is True


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
    attempts = drive.Attempts(lambda: 0.0, Patience())
    attempts.begin(WRITE)
    assert attempts.after(lost()) == (drive.PAUSES[0], None)
    attempts.begin(PLAIN, replies)
    _, final = attempts.after(AuthError("refused"))
    assert final is not None
    assert (final.maybe_applied, final.token) == (doubt, None)
    assert isinstance(final, ConnectionLost if doubt else AuthError)
