"""What a failed connection means for the batch on it: which error, and whether it is in doubt."""

from __future__ import annotations

import copy
import pickle

import pytest
import redis.exceptions as rex

from redialog import (
    AuthError,
    ConnectError,
    ConnectionLost,
    NotRedis,
    ReplyTimeout,
    TransportError,
    Unavailable,
)
from redialog.transports.redis.common import failure

ADDRESS = "redis://h:1/0"
AFTER_SENDING: list[tuple[BaseException, type[TransportError]]] = [
    (rex.TimeoutError("Timeout reading from socket"), ReplyTimeout),
    (TimeoutError(), ReplyTimeout),
    (rex.ConnectionError("Connection closed by server."), ConnectionLost),
    (ConnectionResetError(104, "reset"), ConnectionLost),
    (EOFError(), ConnectionLost),
]
REFUSED: list[tuple[BaseException, type[TransportError]]] = [
    (rex.AuthenticationError("WRONGPASS"), AuthError),
    (rex.NoPermissionError("NOPERM"), AuthError),
    (rex.InvalidResponse("Protocol error: H"), NotRedis),
    (rex.BusyLoadingError("loading"), Unavailable),
    (rex.MaxConnectionsError("Too many connections"), ConnectError),
]


@pytest.mark.parametrize(("error", "kind"), AFTER_SENDING, ids=repr)
@pytest.mark.parametrize("writes", [False, True])
def test_only_a_write_that_was_sent_is_in_doubt(
    error: BaseException, kind: type[TransportError], writes: bool
) -> None:
    """A read that failed changed nothing, so there is nothing to doubt."""
    found = failure(error, ADDRESS, sent=True, writes=writes)
    assert type(found) is kind
    assert (found.maybe_applied, found.token, found.address) == (writes, None, ADDRESS)
    assert ("may have happened" in str(found)) is writes
    for other in (copy.copy(found), copy.deepcopy(found), pickle.loads(pickle.dumps(found))):
        assert (other.maybe_applied, str(other)) == (writes, str(found))


@pytest.mark.parametrize("error", [error for error, _ in AFTER_SENDING], ids=repr)
def test_what_was_not_sent_is_not_in_doubt(error: BaseException) -> None:
    """The server was not reached, whatever was meant for it."""
    found = failure(error, ADDRESS, sent=False, writes=True)
    assert type(found) is ConnectError
    assert (found.maybe_applied, found.token) == (False, None)


@pytest.mark.parametrize(("error", "kind"), REFUSED, ids=repr)
@pytest.mark.parametrize("sent", [False, True])
def test_a_refused_connection_is_not_in_doubt(
    error: BaseException, kind: type[TransportError], sent: bool
) -> None:
    """The server answered that it does not take the connection: it did nothing."""
    found = failure(error, ADDRESS, sent=sent, writes=True)
    assert type(found) is kind
    assert found.maybe_applied is False


def test_without_word_of_the_batch_nothing_is_in_doubt() -> None:
    """Neither sent nor a write is what a failed connection is by itself."""
    assert failure(rex.ConnectionError("x"), ADDRESS).maybe_applied is False
    assert failure(rex.ConnectionError("x"), ADDRESS, sent=True).maybe_applied is False
