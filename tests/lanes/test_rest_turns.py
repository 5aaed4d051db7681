"""Over REST: who waits for whom, and for how long."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from redialog import AsyncChatMemory, ConnectError
from redialog.transports.rest import _lane as _rest_lane
from tests.lanes.tools import echo, execute, outcomes, rest_lane_of, rest_words, run, turned, until
from tests.rest.front import Front, dropped, held

Connected = Callable[..., AsyncChatMemory]


@pytest.mark.parametrize("bound", ["lane", "connections"])
def test_what_waits_gathers(
    bound: str, front: Front, connected: Connected, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No more requests than so many are under way; what comes meanwhile is one."""
    options = {"max_connections": 2} if bound == "connections" else {}
    if bound == "lane":
        monkeypatch.setattr(_rest_lane, "IN_FLIGHT", 2)
    monkeypatch.setattr(_rest_lane, "OVERDUE_S", 60.0)

    async def scenario() -> None:
        async with connected(**options) as memory:
            front.on(held, times=2)
            first = []
            for word in "ab":
                first.append(execute(memory, echo(word)))
                await until(lambda: len(front.seen) == len(first), "it is under way")
            others = []
            for n in range(20):
                others.append(execute(memory, echo(str(n))))
                await turned()
            assert rest_lane_of(memory)._under_way == 2
            assert len(front.seen) == 2
            front.released.set()
            assert await outcomes([*first, *others]) == [
                [word.encode()] for word in [*"ab", *map(str, range(20))]
            ]
            assert rest_words(front) == [["a"], ["b"], [str(n) for n in range(20)]]

    run(scenario)


def test_second_attempts_go_a_few_at_a_time(
    front: Front, connected: Connected, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After one request of many was lost, not each of them makes a connection."""
    monkeypatch.setattr(_rest_lane, "OVERDUE_S", 60.0)

    async def scenario() -> None:
        async with connected() as memory:
            chats = [memory.session(str(n)) for n in range(40)]
            front.on(dropped)
            assert await asyncio.gather(*(one.count() for one in chats)) == [0] * 40
            assert [one.path for one in front.seen] == ["/pipeline"] + ["/"] * 40
            assert front.accepted <= 1 + _rest_lane.IN_FLIGHT

    run(scenario)


def test_a_second_attempt_waits_no_longer_than_it_has_time(
    front: Front, connected: Connected, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Behind others that are under way; nothing of it was sent."""
    monkeypatch.setattr(_rest_lane, "IN_FLIGHT", 1)
    monkeypatch.setattr(_rest_lane, "OVERDUE_S", 60.0)

    async def scenario() -> None:
        async with connected(socket_timeout=60) as memory:
            front.on(held)
            first = execute(memory, echo("first"))
            await until(lambda: len(front.seen) == 1, "it is under way")
            [error] = await outcomes([execute(memory, echo("again", writes=True), within=0.1)])
            assert (type(error), error.maybe_applied) == (ConnectError, False)
            assert not first.done()
            front.released.set()
            assert await first == [b"first"]

    run(scenario)


def test_nobody_waits_for_long_behind_requests_that_are_stalled(
    front: Front, connected: Connected, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is overdue sets off; where all that is under way is stalled, the others go on."""
    monkeypatch.setattr(_rest_lane, "IN_FLIGHT", 1)

    async def scenario() -> None:
        async with connected(socket_timeout=60) as memory:
            front.on(held, match=b"late")
            late = [execute(memory, echo("late", word)) for word in "ab"]
            await until(lambda: len(front.seen) == 1, "it is under way")
            assert await outcomes([execute(memory, echo(word)) for word in "cde"]) == [
                [b"c"],
                [b"d"],
                [b"e"],
            ]
            assert await execute(memory, echo("f")) == [b"f"]
            assert not any(one.done() for one in late)
            front.released.set()
            assert await outcomes(late) == [[b"late", b"a"], [b"late", b"b"]]

    run(scenario)


def test_large_and_small_ones_take_turns_on_a_single_connection(
    front: Front, connected: Connected
) -> None:
    """Neither kind is left waiting."""

    async def scenario() -> None:
        async with connected(max_connections=1) as memory:
            done = False

            async def small() -> None:
                while not done:
                    assert await execute(memory, echo("small")) == [b"small"]

            others = [asyncio.ensure_future(small()) for _ in range(4)]
            for _ in range(5):
                assert await execute(memory, echo("large", alone=True)) == [b"large"]
            done = True
            await asyncio.gather(*others)
            assert front.accepted == 1

    run(scenario)
