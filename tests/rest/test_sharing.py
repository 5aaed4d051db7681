"""Transports to one service share connections; who closes, forks or waits disturbs nobody."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from redialog import (
    AsyncChatMemory,
    ChatMemory,
    Closed,
    ConnectError,
    ConnectionLost,
    Message,
)
from redialog.transports.rest import transport as rest
from redialog.transports.rest import transport_asyncio as rest_asyncio
from tests.faults.test_forks import CALLS, talk
from tests.faults.test_threads import at_once
from tests.rest.conftest import Connect
from tests.rest.front import Front, held
from tests.support.gateways import Gateway
from tests.support.servers import wait_until


def left_alone(front: Front) -> None:
    """Returns when nobody is connected; nothing is kept of a pool then."""
    wait_until(lambda: front.connected == 0, what="all connections are closed")
    assert rest._mine().pools == {}
    assert not any(dict(one) for one in rest_asyncio._mine().by_loop.values())


@pytest.fixture(autouse=True)
def _nothing_left(front: Front) -> None:
    """Pools of other tests are gone with their memories."""
    gc.collect()


def test_the_last_user_closes_the_connections(front: Front, connect: Connect) -> None:
    """Two memories on one pool: the first that is closed takes nothing from the other."""
    first, second, other = (
        connect(front.url),
        connect(front.url, namespace="n"),
        connect(front.url, socket_timeout=4),
    )
    for memory in (first, second, other):
        memory.ping()
    assert front.connected == 2
    first.close()
    second.ping()
    assert front.accepted == 2
    with pytest.raises(Closed):
        first.ping()
    second.close()
    wait_until(lambda: front.connected == 1, what="its connection is closed")
    other.close()
    left_alone(front)
    again = connect(front.url)
    again.ping()
    assert front.accepted == 3
    again.close()
    left_alone(front)


def test_another_token_has_other_connections(
    gateway: Gateway, front: Front, connect: Connect
) -> None:
    """They never mix, and each request has the token of its own memory."""
    memories = [connect(front.url, token=t) for t in (gateway.token, gateway.read_only_token)]
    for memory in memories * 2:
        memory.ping()
    assert front.accepted == 2
    tokens = [one.headers["authorization"].removeprefix("Bearer ") for one in front.seen]
    assert tokens == [gateway.token, gateway.read_only_token] * 2


def test_memories_that_were_never_used_leave_nothing(front: Front, connect: Connect) -> None:
    """Made and closed: no connection, no pool."""
    connect(front.url).close()
    left_alone(front)
    assert front.accepted == 0


def test_many_threads_share_few_connections(front: Front, gateway: Gateway) -> None:
    """Each gets its own replies, and there are never more connections than allowed."""
    with ChatMemory.from_url(front.url, token=gateway.token, max_connections=3) as memory:
        at_once(8, lambda number: talk(memory, str(number)))
        assert [memory.session(str(number)).count() for number in range(8)] == [CALLS] * 8
        assert front.accepted <= 3
    left_alone(front)


def test_threads_that_begin_at_once_share_one_pool(front: Front, gateway: Gateway) -> None:
    """The first use of many memories, in many threads."""
    memories = [ChatMemory.from_url(front.url, token=gateway.token) for _ in range(8)]
    at_once(8, lambda number: memories[number].ping())
    assert len(rest._mine().pools) == 1
    at_once(8, lambda number: memories[number].close())
    left_alone(front)


def test_closing_under_threads_that_are_calling(front: Front, gateway: Gateway) -> None:
    """Each call has ended well or says that the memory is closed; no connection is left."""
    memory = ChatMemory.from_url(front.url, token=gateway.token)
    written: list[str] = []
    busy = threading.Semaphore(0)

    def calls() -> None:
        while True:
            [stored] = memory.session("s").append(Message.user("x"))
            written.append(stored.id or "")
            busy.release()

    def work(number: int) -> None:
        if number:
            with pytest.raises(Closed):
                calls()
        else:
            for _ in range(20):
                busy.acquire()
            memory.close()

    at_once(6, work)
    left_alone(front)
    with ChatMemory.from_url(front.url, token=gateway.token) as other:
        found = [message.id or "" for message in other.session("s").messages()]
    assert sorted(found) == sorted(written)


def test_a_call_that_is_under_way_outlives_close(front: Front, gateway: Gateway) -> None:
    """It gets its reply, and its connection is closed then."""
    memory = ChatMemory.from_url(front.url, token=gateway.token)
    memory.session("s").append(Message.user("1"))
    fault = front.on(held, match=b"EVAL")
    with ThreadPoolExecutor(1) as threads:
        call = threads.submit(memory.session("s").append, Message.user("2"))
        wait_until(lambda: fault.hits, what="the request is on its way")
        memory.close()
        front.released.set()
        assert [message.text for message in call.result()] == ["2"]
    left_alone(front)


def test_a_write_in_doubt_when_the_memory_is_closed(front: Front, gateway: Gateway) -> None:
    """Its reply is lost and it cannot be sent again: the error says so, not just that it closed."""
    memory = ChatMemory.from_url(front.url, token=gateway.token)
    memory.session("s").append(Message.user("1"))
    fault = front.on(held, match=b"EVAL")
    with ThreadPoolExecutor(1) as threads:
        call = threads.submit(memory.session("s").append, Message.user("2"))
        wait_until(lambda: fault.hits, what="the request is on its way")
        memory.close()
        front.cut_all()
        with pytest.raises(ConnectionLost) as caught:
            call.result()
    assert isinstance(caught.value.__cause__, Closed)
    assert caught.value.maybe_applied is True
    front.released.set()
    left_alone(front)


def test_waiting_for_a_connection_has_an_end(front: Front, gateway: Gateway) -> None:
    """Where all are in use, and for no longer than is said; the one in use is left alone."""
    options: dict[str, Any] = {"token": gateway.token, "max_connections": 1, "timeout": 0.2}
    with ChatMemory.from_url(front.url, **options) as memory, ThreadPoolExecutor(1) as threads:
        memory.ping()
        fault = front.on(held, match=b"LLEN")
        call = threads.submit(memory.session("a").count)
        wait_until(lambda: fault.hits, what="the request is on its way")
        with pytest.raises(ConnectError, match="max_connections"):
            memory.session("b").count()
        front.released.set()
        assert call.result() == 0
        assert memory.session("b").count() == 0
    assert front.accepted == 1


def test_tasks_wait_for_a_connection_as_long(front: Front, gateway: Gateway) -> None:
    """The same with asyncio."""
    options: dict[str, Any] = {"token": gateway.token, "max_connections": 1, "timeout": 0.2}

    async def scenario() -> None:
        async with AsyncChatMemory.from_url(front.url, **options) as memory:
            await memory.ping()
            fault = front.on(held, match=b"LLEN")
            call = asyncio.create_task(memory.session("a").count())
            await asyncio.to_thread(wait_until, lambda: fault.hits, what="the request is there")
            with pytest.raises(ConnectError, match="max_connections"):
                await memory.session("b").count()
            front.released.set()
            assert await call == 0
            assert await memory.session("b").count() == 0

    asyncio.run(scenario())
    assert front.accepted == 1


def test_connections_that_all_died_cost_one_attempt(front: Front, gateway: Gateway) -> None:
    """A router that forgot them says nothing: after the first failure none of the others is
    tried."""
    options: dict[str, Any] = {"token": gateway.token, "socket_timeout": 0.3}
    with ChatMemory.from_url(front.url, **options) as memory:
        fault = front.on(held, match=b"LLEN", times=4)
        with ThreadPoolExecutor(4) as threads:
            calls = [threads.submit(memory.session("s").count) for _ in range(4)]
            wait_until(lambda: fault.hits == 4, what="there are four connections")
            front.released.set()
            assert [call.result() for call in calls] == [0] * 4
        front.released.clear()
        front.forget()
        before = len(front.seen)
        assert memory.session("s").count() == 0
        assert len(front.seen) == before + 2


def test_with_asyncio_they_cost_one_attempt_too(front: Front, gateway: Gateway) -> None:
    """The same."""
    options: dict[str, Any] = {"token": gateway.token, "socket_timeout": 0.3, "coalesce": False}

    async def scenario() -> None:
        async with AsyncChatMemory.from_url(front.url, **options) as memory:
            await asyncio.gather(*(memory.session("s").count() for _ in range(4)))
            assert front.connected == 4
            front.forget()
            before = len(front.seen)
            assert await memory.session("s").count() == 0
            assert len(front.seen) == before + 2

    asyncio.run(scenario())


def test_an_interrupted_call_leaves_no_reply_behind(front: Front, gateway: Gateway) -> None:
    """Ctrl-C between request and reply: the next call reads its own reply, not the old one."""
    with ChatMemory.from_url(front.url, token=gateway.token) as memory:
        memory.session("a").append(Message.user("a"))
        memory.session("b").append(Message.user("b"), Message.user("b2"))
        fault = front.on(held, match=b"LLEN")

        def interrupt() -> None:
            wait_until(lambda: fault.hits, what="the request is on its way")
            os.kill(os.getpid(), signal.SIGINT)

        thread = threading.Thread(target=interrupt)
        thread.start()
        with pytest.raises(KeyboardInterrupt):
            memory.session("a").count()
        thread.join()
        front.released.set()
        assert memory.session("b").count() == 2
    left_alone(front)
