"""A task that is cancelled at any moment: done or not done, nobody else is disturbed, and no
connection is left."""

from __future__ import annotations

import asyncio
import gc
import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from redialog import AsyncChatMemory, Closed, ConnectionLost, Message, WrongEventLoop
from redialog.transports.rest import transport_asyncio as rest_asyncio
from tests.faults.cancelling import MOMENTS, CancelledAt, Moment, awaited
from tests.faults.test_cancellation import talk
from tests.rest.certificates import authority_file, server_context
from tests.rest.front import Front, held
from tests.support.gateways import Gateway
from tests.support.servers import wait_until


async def until(condition: Any, what: str) -> None:
    """Polls beside the loop, so that the loop goes on."""
    await asyncio.to_thread(wait_until, condition, what=what)


async def left_alone(front: Front) -> None:
    """Returns when nobody is connected; neither a task nor a pool is left."""
    await until(lambda: front.connected == 0, "all connections are closed")
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert not any(dict(one) for one in rest_asyncio._mine().by_loop.values())


@dataclass(frozen=True)
class Standing:
    """How things stand when the call begins.

    Attributes:
        warm: whether there is a connection.
        waits: whether another call has it, and there may be no more.
        secure: whether it is one with TLS.
        joined: whether another write goes in the same request.
        coalesce: whether it might.
    """

    warm: bool = True
    waits: bool = False
    secure: bool = False
    joined: bool = False
    coalesce: bool = True


STANDINGS = {
    "connected": Standing(),
    "connecting": Standing(warm=False),
    "connecting with TLS": Standing(warm=False, secure=True),
    "connected with TLS": Standing(secure=True),
    "waiting for another": Standing(waits=True),
    "in one request": Standing(joined=True),
    "in one request, connecting": Standing(warm=False, joined=True),
    "in one request, waiting for another": Standing(waits=True, joined=True),
    "not coalesced": Standing(coalesce=False),
    "connecting, not coalesced": Standing(warm=False, coalesce=False),
    "waiting for another, not coalesced": Standing(waits=True, coalesce=False),
}


class Scene:
    """A service, and calls on it of which one is cancelled."""

    def __init__(self, front: Front, token: str, standing: Standing, folder: Path) -> None:
        self.front = front
        self._token = token
        self._standing = standing
        self._options: dict[str, Any] = {
            "max_connections": 1 if standing.waits else 4,
            "coalesce": standing.coalesce,
        }
        if standing.secure:
            self._options["ssl_ca_certs"] = authority_file(folder)

    async def played(self, nth: int, moment: Moment) -> tuple[object, int]:
        """The result of the call, and how often it waited.

        Args:
            nth: at which of its waits it is cancelled.
            moment: the same.
        """
        memory = AsyncChatMemory.from_url(
            self.front.url, token=self._token, socket_connect_timeout=20, **self._options
        )
        chat = memory.session("s")
        if self._standing.warm:
            await memory.ping()
        before = [asyncio.create_task(talk(memory, "before"))] if self._standing.waits else []
        running = CancelledAt(chat.append(Message.user("x")), nth, moment)
        one = asyncio.create_task(awaited(running))
        beside = []
        if self._standing.joined:
            beside = [asyncio.create_task(memory.session("t").append(Message.user("y")))]
        await asyncio.sleep(0)
        behind = asyncio.create_task(talk(memory, "behind"))
        results = await asyncio.gather(one, return_exceptions=True)
        await asyncio.gather(*before, *beside, behind)
        await talk(memory, "later")
        await memory.close()
        return results[0], running.waits


@pytest.mark.parametrize("name", STANDINGS)
def test_a_call_can_be_cancelled_at_every_await(
    name: str, gateway: Gateway, tmp_path: Path
) -> None:
    """It has happened or it has not; all other calls, then and later, get what is theirs."""
    standing = STANDINGS[name]
    problems: list[object] = []

    async def scenario(front: Front) -> int:
        asyncio.get_running_loop().set_exception_handler(lambda _, found: problems.append(found))
        scene = Scene(front, gateway.token, standing, tmp_path)
        most = 0
        async with AsyncChatMemory.from_url(gateway.url, token=gateway.token) as other:
            for moment in MOMENTS:
                for nth in itertools.count(1):
                    had = await other.session("s").count()
                    result, waits = await scene.played(nth, moment)
                    count = await other.session("s").count()
                    await until(lambda: front.connected == 0, "all connections are closed")
                    if waits < nth:
                        assert isinstance(result, list), result
                        assert count == had + 1
                        most = max(most, nth)
                        break
                    assert isinstance(result, asyncio.CancelledError), (moment, nth, result)
                    assert count in (had, had + 1)
        await left_alone(front)
        return most

    context = server_context("127.0.0.1") if standing.secure else None
    with Front(gateway.url, context) as front:
        assert asyncio.run(scenario(front)) > 1
    gc.collect()
    assert problems == []


def test_a_cancelled_call_does_not_wait_for_its_reply(front: Front, gateway: Gateway) -> None:
    """It ends, and its connection with it, though the service is still at work."""

    async def scenario() -> None:
        async with AsyncChatMemory.from_url(front.url, token=gateway.token) as memory:
            fault = front.on(held, match=b"LLEN")
            call = asyncio.create_task(memory.session("s").count())
            await until(lambda: fault.hits, "it is on its way")
            call.cancel()
            done, _ = await asyncio.wait({call}, timeout=4)
            assert done == {call}
            assert call.cancelled()
            assert not front.released.is_set()

    asyncio.run(scenario())


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_close_that_is_cancelled_has_closed(
    moment: Moment, front: Front, gateway: Gateway
) -> None:
    """At every await: the cancellation comes through, and no connection is left."""

    async def cancelled(nth: int) -> int:
        memory = AsyncChatMemory.from_url(front.url, token=gateway.token)
        await asyncio.gather(*(memory.session(name).count() for name in "abc"))
        running = CancelledAt(memory.close(), nth, moment)
        one = asyncio.create_task(awaited(running))
        await asyncio.wait({one})
        assert one.cancelled() == (running.waits >= nth)
        with pytest.raises(Closed):
            await memory.ping()
        await left_alone(front)
        return running.waits

    for nth in itertools.count(1):
        if asyncio.run(cancelled(nth)) < nth:
            break
    assert nth > 1
    gc.collect()


def test_a_second_event_loop_is_refused(front: Front, gateway: Gateway) -> None:
    """A memory belongs to the loop that it first ran in; another memory does not share its
    connections there."""
    with asyncio.Runner() as first, asyncio.Runner() as second:
        memory, other = (AsyncChatMemory.from_url(front.url, token=gateway.token) for _ in range(2))
        first.run(memory.ping())
        for call in (memory.ping, memory.close, memory.session("s").count):
            with pytest.raises(WrongEventLoop):
                second.run(call())
        second.run(other.ping())
        assert front.accepted == 2
        first.run(memory.ping())
        assert front.accepted == 2
        first.run(memory.close())
        second.run(other.ping())
        second.run(other.close())
        first.run(left_alone(front))


@pytest.mark.parametrize(("coalesce", "requests"), [(True, 1), (False, 2)])
def test_closing_under_tasks_that_are_calling(
    coalesce: bool, requests: int, front: Front, gateway: Gateway
) -> None:
    """Calls that are under way end as they would; a lost reply is then in doubt."""

    async def scenario() -> None:
        memory = AsyncChatMemory.from_url(front.url, token=gateway.token, coalesce=coalesce)
        await memory.session("a").append(Message.user("the script is known now"))
        fault = front.on(held, match=b"EVAL", times=2)
        calls = [
            asyncio.create_task(memory.session(name).append(Message.user("x"))) for name in "ab"
        ]
        await until(lambda: fault.hits == requests, "both are on their way")
        await memory.close()
        assert not any(call.done() for call in calls)
        front.released.set()
        assert [len(stored) for stored in await asyncio.gather(*calls)] == [1, 1]
        await left_alone(front)

    asyncio.run(scenario())
    gc.collect()


def test_a_write_in_doubt_when_the_memory_is_closed(front: Front, gateway: Gateway) -> None:
    """The error says so, not just that it closed."""

    async def scenario() -> ConnectionLost:
        memory = AsyncChatMemory.from_url(front.url, token=gateway.token)
        await memory.ping()
        fault = front.on(held, match=b"EVAL")
        call = asyncio.create_task(memory.session("s").append(Message.user("x")))
        await until(lambda: fault.hits, "it is on its way")
        await memory.close()
        front.cut_all()
        with pytest.raises(ConnectionLost) as caught:
            await call
        front.released.set()
        await left_alone(front)
        return caught.value

    error = asyncio.run(scenario())
    assert isinstance(error.__cause__, Closed)
    assert (error.maybe_applied, error.token is not None) == (True, True)
