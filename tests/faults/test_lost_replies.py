"""What was sent and lost on the way is stored exactly once."""

from __future__ import annotations

import asyncio
import inspect
import pickle
import time
from typing import Any

import pytest

from redialog import (
    AsyncChatMemory,
    ChatMemory,
    ConnectionLost,
    Message,
    MessageTooLarge,
    ReplyTimeout,
    TransportError,
)
from redialog.effect import Batch, CommandError
from tests.faults.conftest import Connect
from tests.support.proxy import FaultProxy
from tests.support.servers import Server

Behind = tuple[FaultProxy, Server]
EVAL = b"EVAL"


def texts(memory: ChatMemory) -> list[str]:
    return [message.text for message in memory.session("s").messages()]


@pytest.mark.parametrize("after_bytes", [0, 1, 5, 20])
def test_a_cut_reply_stores_once(behind: Behind, connect: Connect, after_bytes: int) -> None:
    """The server has done it and the reply is cut, early or in its middle: stored once."""
    proxy, _ = behind
    memory = connect(proxy.url)
    memory.session("s").append(Message.user("before"))
    fault = proxy.cut_reply(after_bytes, match=EVAL)
    stored = memory.session("s").append(Message.user("q"), Message.assistant("a"))
    assert fault.hits == 1
    assert texts(memory) == ["before", "q", "a"]
    assert memory.session("s").messages()[1:] == stored


def test_a_dropped_request_is_sent_again(behind: Behind, connect: Connect) -> None:
    """The request never arrived: the second one does it."""
    proxy, _ = behind
    memory = connect(proxy.url)
    fault = proxy.drop_request(match=EVAL, times=2)
    memory.session("s").append(Message.user("q"))
    assert fault.hits == 2
    assert texts(memory) == ["q"]


def test_a_late_reply_stores_once(behind: Behind, connect: Connect) -> None:
    """The reply comes after the timeout: the resend finds the token of the first."""
    proxy, _ = behind
    memory = connect(proxy.url, socket_timeout=0.2)
    memory.session("s").append(Message.user("before"))
    fault = proxy.cut_reply(match=EVAL)
    proxy.delay(0.3, match=EVAL)
    with pytest.raises(TransportError) as caught:
        memory.session("s").append(Message.user("q"))
    assert fault.hits == 1
    proxy.clear()
    token = caught.value.token
    memory.session("s").append(Message.user("q"), idempotency_key=token)
    assert texts(memory) == ["before", "q"]


def test_a_write_in_doubt_says_so_and_can_be_repeated(behind: Behind, connect: Connect) -> None:
    """After the last attempt the error carries the token, and the same append under it is safe."""
    proxy, _ = behind
    memory = connect(proxy.url)
    memory.session("s").append(Message.user("before"))
    proxy.cut_reply(match=EVAL, times=3)
    with pytest.raises(ConnectionLost) as caught:
        memory.session("s").append(Message.user("SECRET"), Message.assistant("a"))
    error = pickle.loads(pickle.dumps(caught.value))
    assert error.maybe_applied is True
    assert error.token is not None
    assert error.token in str(error)
    assert "SECRET" not in str(error)
    assert texts(memory) == ["before", "SECRET", "a"]
    again = memory.session("s").append(
        Message.user("SECRET"), Message.assistant("a"), idempotency_key=error.token
    )
    assert memory.session("s").messages()[1:] == again


def test_a_write_that_never_arrived_can_be_repeated_too(behind: Behind, connect: Connect) -> None:
    """The caller cannot tell a lost reply from a lost request, and need not."""
    proxy, _ = behind
    memory = connect(proxy.url)
    proxy.drop_request(match=EVAL, times=3)
    with pytest.raises(ConnectionLost) as caught:
        memory.session("s").append(Message.user("q"))
    assert texts(memory) == []
    memory.session("s").append(Message.user("q"), idempotency_key=caught.value.token)
    assert texts(memory) == ["q"]


def test_a_failed_read_is_not_in_doubt(behind: Behind, connect: Connect) -> None:
    """A read changes nothing, so its error asks no question."""
    proxy, _ = behind
    memory = connect(proxy.url)
    proxy.cut_reply(match=b"LRANGE", times=3)
    with pytest.raises(ConnectionLost) as caught:
        memory.session("s").messages()
    assert (caught.value.maybe_applied, caught.value.token) == (False, None)


def test_a_clear_that_is_sent_again_deletes_nothing_new(behind: Behind, connect: Connect) -> None:
    """What was appended between a clear and its resend stays."""
    proxy, _ = behind
    memory = connect(proxy.url)
    memory.session("s").append(Message.user("old"))
    transport: Any = getattr(memory, "inner", memory)._transport
    sent: list[Batch] = []
    execute = transport.execute

    def recorded(batch: Batch, within: float | None = None) -> Any:
        sent.append(batch)
        return execute(batch, within)

    def clear_again() -> None:
        replies: Any = execute(sent[-1])
        if inspect.iscoroutine(replies):
            replies = memory.runner.run(replies)  # type: ignore[attr-defined]
        assert not isinstance(replies[0], CommandError)

    transport.execute = recorded
    proxy.cut_reply(match=EVAL)
    assert memory.session("s").clear() == 1
    transport.execute = execute
    memory.session("s").append(Message.user("one"))
    clear_again()
    memory.session("s").append(Message.user("two"))
    clear_again()
    assert texts(memory) == ["one", "two"]


def test_a_connection_that_the_server_closed_goes_unnoticed(
    behind: Behind, connect: Connect
) -> None:
    """Idle connections die (CLIENT KILL, a restart): the next call makes a new one."""
    proxy, server = behind
    memory = connect(proxy.url)
    memory.session("s").append(Message.user("1"))
    with server.client() as raw:
        raw.client_kill_filter(_type="normal", skipme=True)
    memory.session("s").append(Message.user("2"))
    proxy.cut_all(reset=True)
    memory.session("s").append(Message.user("3"))
    assert texts(memory) == ["1", "2", "3"]


def test_a_stalled_server_gives_an_error_in_bounded_time(behind: Behind, connect: Connect) -> None:
    """A half-open connection takes no more than the reply timeout for each attempt."""
    proxy, _ = behind
    memory = connect(proxy.url, socket_timeout=0.2)
    memory.session("s").append(Message.user("1"))
    proxy.stall()
    started = time.monotonic()
    with pytest.raises(TransportError) as caught:
        memory.session("s").append(Message.user("2"))
    took = time.monotonic() - started
    assert took < 10
    assert isinstance(caught.value, ReplyTimeout | ConnectionLost)
    assert caught.value.maybe_applied is True
    proxy.unstall()
    memory.session("s").append(Message.user("2"), idempotency_key=caught.value.token)
    assert texts(memory) == ["1", "2"]


def test_a_write_that_was_refused_here_sends_nothing(behind: Behind, connect: Connect) -> None:
    """A message that is too large or cannot be stored stops the whole append before it is sent."""
    proxy, _ = behind
    memory = connect(proxy.url, max_message_bytes=1000)
    memory.ping()
    proxy.reset_counters()
    with pytest.raises(MessageTooLarge) as caught:
        memory.session("s").append(Message.user("fits"), Message.user("x" * 20_000_000))
    assert caught.value.limit == 1000
    assert proxy.requests == []


def test_an_append_is_one_round_trip(behind: Behind, connect: Connect) -> None:
    """One request, one reply: messages, TTL, token and catalogue."""
    proxy, _ = behind
    memory = connect(proxy.url, ttl=60)
    # The first of each may have to send its script.
    memory.session("s", user_id="u").append(Message.user("q"))
    memory.session("s").info()
    proxy.reset_counters()
    memory.session("s", user_id="u").append(Message.user("q"), Message.assistant("a"))
    assert (proxy.requests, proxy.round_trips) == (["EVALSHA"], 1)
    proxy.reset_counters()
    memory.session("s").window(messages=20)
    memory.session("s").window(turns=5)
    assert (proxy.requests, proxy.round_trips) == (["LRANGE", "LRANGE"], 2)
    proxy.reset_counters()
    memory.session("s").info()
    assert proxy.round_trips == 1


def test_a_cancelled_task_shifts_nobody_elses_reply(behind: Behind) -> None:
    """Tasks cancelled between request and reply leave the others with their own replies."""
    proxy, _ = behind

    async def scenario() -> None:
        async with AsyncChatMemory.from_url(proxy.url, max_connections=2) as memory:
            for name in "abcdef":
                await memory.session(name).append(Message.user(name))
            for _ in range(10):
                proxy.stall()
                victims = [asyncio.ensure_future(memory.session("a").messages()) for _ in "123"]
                await asyncio.sleep(0.01)
                for victim in victims:
                    victim.cancel()
                await asyncio.gather(*victims, return_exceptions=True)
                proxy.unstall()
                for name in "abcdef":
                    assert [m.text for m in await memory.session(name).messages()] == [name]

    asyncio.run(scenario())
