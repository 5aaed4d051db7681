"""What is lost, cut or answered by somebody else on the way: stored once, and said in a typed
error."""

from __future__ import annotations

import pickle
import traceback

import pytest

from redialog import (
    AuthError,
    ChatMemory,
    ConnectError,
    ConnectionLost,
    Message,
    NotRedis,
    RateLimited,
    ReplyTimeout,
    TransportError,
    Unavailable,
)
from tests.rest.conftest import Connect
from tests.rest.front import (
    HTML,
    Behaviour,
    Front,
    answers,
    closes,
    cut,
    dropped,
    held,
)
from tests.support.servers import wait_until

EVAL = b"EVAL"
ERROR = b'{"error":"ERR SECRET-BODY"}'


def texts(memory: ChatMemory) -> list[str]:
    return [message.text for message in memory.session("s").messages()]


LOSSES: dict[str, Behaviour] = {
    "before its first byte": cut(0),
    "in its first line": cut(5),
    "in its headers": cut(40),
    "in its body": cut(-3),
    "in a body of unknown length": cut(-3, length=False),
    "by a proxy": answers(502, HTML, done=True),
    "by a gateway that waited too long": answers(504, ERROR, done=True),
}


@pytest.mark.parametrize("loss", LOSSES)
def test_a_lost_reply_stores_once(loss: str, front: Front, connect: Connect) -> None:
    """The service has done it, and the reply is lost."""
    memory = connect(front.url)
    memory.session("s").append(Message.user("before"))
    fault = front.on(LOSSES[loss], match=EVAL)
    stored = memory.session("s").append(Message.user("q"), Message.assistant("a"))
    assert fault.hits == 1
    assert texts(memory) == ["before", "q", "a"]
    assert memory.session("s").messages()[1:] == stored


def test_a_dropped_request_is_sent_again(front: Front, connect: Connect) -> None:
    """It never arrived: the next one does it."""
    memory = connect(front.url)
    fault = front.on(dropped, match=EVAL, times=2)
    memory.session("s").append(Message.user("q"))
    assert fault.hits == 2
    assert texts(memory) == ["q"]


@pytest.mark.parametrize("loss", LOSSES)
def test_a_write_in_doubt_can_be_repeated(loss: str, front: Front, connect: Connect) -> None:
    """After the last attempt the error has the token under which the same append is safe."""
    memory = connect(front.url)
    memory.session("s").append(Message.user("before"))
    fault = front.on(LOSSES[loss], match=EVAL, times=3)
    with pytest.raises(TransportError) as caught:
        memory.session("s").append(Message.user("SECRET"))
    assert fault.hits == 3
    error = pickle.loads(pickle.dumps(caught.value))
    assert isinstance(error, ConnectionLost | Unavailable)
    assert error.maybe_applied is True
    assert "SECRET" not in str(error)
    memory.session("s").append(Message.user("SECRET"), idempotency_key=error.token)
    assert texts(memory) == ["before", "SECRET"]


def test_a_late_reply_stores_once(front: Front, connect: Connect) -> None:
    """It comes after the timeout: the resend is answered from the token."""
    memory = connect(front.url, socket_timeout=0.3)
    memory.session("s").append(Message.user("before"))
    fault = front.on(held, match=EVAL)
    stored = memory.session("s").append(Message.user("q"))
    assert fault.hits == 1
    assert memory.session("s").messages()[1:] == stored


def test_a_silent_service_is_a_timeout(front: Front, connect: Connect) -> None:
    """Each attempt has its own, and the write is in doubt."""
    memory = connect(front.url, socket_timeout=0.1)
    memory.session("s").append(Message.user("before"))
    fault = front.on(held, match=EVAL, times=3)
    with pytest.raises(ReplyTimeout) as caught:
        memory.session("s").append(Message.user("q"))
    assert fault.hits == 3
    assert caught.value.maybe_applied is True
    assert caught.value.token is not None


def test_a_failed_read_is_not_in_doubt(front: Front, connect: Connect) -> None:
    """It changes nothing."""
    memory = connect(front.url)
    front.on(cut(0), match=b"LRANGE", times=3)
    with pytest.raises(ConnectionLost) as caught:
        memory.session("s").messages()
    assert (caught.value.maybe_applied, caught.value.token) == (False, None)


@pytest.mark.parametrize("reset", [False, True])
def test_an_idle_connection_that_died_goes_unnoticed(
    reset: bool, front: Front, connect: Connect
) -> None:
    """It is closed in the background, or the very reply says so: one more is made."""
    memory = connect(front.url)
    memory.session("s").append(Message.user("1"))
    front.cut_all(reset=reset)
    wait_until(lambda: front.connected == 0, what="the connection is gone")
    before = len(front.seen)
    memory.session("s").append(Message.user("2"))
    front.on(closes)
    memory.session("s").append(Message.user("3"))
    memory.session("s").append(Message.user("4"))
    assert len(front.seen) == before + 3
    assert texts(memory) == ["1", "2", "3", "4"]


def test_too_many_requests_are_tried_again(front: Front, connect: Connect) -> None:
    """After the time that the service says; where that is too long, the error tells it."""
    memory = connect(front.url)
    fault = front.on(answers(429, ERROR, [("Retry-After", "0.05")]), match=EVAL, times=2)
    memory.session("s").append(Message.user("q"))
    assert fault.hits == 2
    front.on(answers(429, ERROR, [("Retry-After", "3600")]), match=EVAL)
    with pytest.raises(RateLimited) as caught:
        memory.session("s").append(Message.user("q2"))
    assert (caught.value.retry_after, caught.value.maybe_applied) == (3600, False)
    assert texts(memory) == ["q"]


NOT_TRIED_AGAIN: list[tuple[Behaviour, type[TransportError], bool]] = [
    (answers(401, ERROR), AuthError, False),
    (answers(403, HTML), AuthError, False),
    (answers(404, HTML), NotRedis, False),
    (answers(405, ERROR), NotRedis, False),
    (answers(200, HTML), NotRedis, True),
]


@pytest.mark.parametrize(("behaviour", "kind", "doubt"), NOT_TRIED_AGAIN)
def test_what_another_attempt_would_not_change(
    behaviour: Behaviour, kind: type[TransportError], doubt: bool, front: Front, connect: Connect
) -> None:
    """One request, and an error without a word of the answer's."""
    chat = connect(front.url).session("s")
    front.on(behaviour)
    with pytest.raises(kind) as caught:
        chat.append(Message.user("SECRET"))
    assert len(front.seen) == 1
    assert caught.value.maybe_applied is doubt
    assert "SECRET" not in "".join(traceback.format_exception(caught.value, limit=0))


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_the_token_goes_nowhere_else(status: int, front: Front, connect: Connect) -> None:
    """A redirect is not followed, not even to the same service."""
    with Front(front.url) as elsewhere:
        front.on(answers(status, HTML, [("Location", elsewhere.url + "/SECRET")]))
        with pytest.raises(NotRedis) as caught:
            connect(front.url).session("s").append(Message.user("q"))
        assert elsewhere.seen == []
    assert len(front.seen) == 1
    assert "SECRET" not in str(caught.value)


def test_nobody_there(connect: Connect) -> None:
    """Nothing was sent, and the error says where it was looked for."""
    with Front() as gone:
        url = gone.url
    with pytest.raises(ConnectError, match="connection refused") as caught:
        connect(url).session("s").append(Message.user("q"))
    assert url in str(caught.value)
    assert caught.value.maybe_applied is False


def test_a_name_that_is_not_known(connect: Connect) -> None:
    """As a typing error has it; `.invalid` is reserved for that."""
    with pytest.raises(ConnectError) as caught:
        connect("https://name.invalid").session("s").count()
    assert "name.invalid" in str(caught.value)
