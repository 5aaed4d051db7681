"""Over REST: a task that is cancelled at each stage of its call takes nothing from the others."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from redialog import AsyncChatMemory, Message, RateLimited
from redialog.transports.rest import _lane as _rest_lane
from tests.lanes.tools import echo, execute, outcomes, rest_lane_of, run, turned, until
from tests.rest.front import Front, Reply, Seen, _Handler, held

Connected = Callable[..., AsyncChatMemory]


@pytest.mark.parametrize("when", ["at the same moment", "while others are under way"])
def test_a_call_that_was_cancelled_before_it_set_off_is_never_sent(
    when: str, front: Front, connected: Connected, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that came with it are."""
    monkeypatch.setattr(_rest_lane, "IN_FLIGHT", 1)
    monkeypatch.setattr(_rest_lane, "OVERDUE_S", 60.0)

    async def scenario() -> None:
        async with connected() as memory:
            await memory.ping()
            first = []
            if when == "while others are under way":
                front.on(held)
                first = [execute(memory, echo("first"))]
                await until(lambda: len(front.seen) == 2, "it is under way")
            calls = [execute(memory, echo(word)) for word in "abcd"]
            # The first and one in the midst, before the loop has turned or much later.
            await asyncio.sleep(0)
            calls[0].cancel()
            calls[2].cancel()
            front.released.set()
            assert await outcomes(first) == [[b"first"]] * len(first)
            found = await outcomes(calls)
            assert all(isinstance(found[n], asyncio.CancelledError) for n in (0, 2))
            assert (found[1], found[3]) == ([b"b"], [b"d"])
            assert front.seen[-1].body == b'[["ECHO","b"],["ECHO","d"]]'

    run(scenario)


def test_those_that_were_cancelled_take_up_no_room(
    front: Front, connected: Connected, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is left of many goes in one request."""
    monkeypatch.setattr(_rest_lane, "IN_FLIGHT", 1)
    monkeypatch.setattr(_rest_lane, "OVERDUE_S", 60.0)

    async def scenario() -> None:
        async with connected() as memory:
            front.on(held)
            first = execute(memory, echo("first"))
            await until(lambda: len(front.seen) == 1, "it is under way")
            calls = [execute(memory, echo(str(n))) for n in range(100)]
            await turned()
            for one in calls[1:71]:
                one.cancel()
            front.released.set()
            found = await outcomes([first, calls[0], *calls[71:]])
            assert found == [[b"first"], [b"0"], *([str(n).encode()] for n in range(71, 100))]
            assert len(front.seen) == 2
            await outcomes(calls)

    run(scenario)


def test_where_all_that_wait_are_cancelled_nothing_is_sent(
    front: Front, connected: Connected
) -> None:
    """Not even an empty request."""

    async def scenario() -> None:
        async with connected() as memory:
            await memory.ping()
            calls = [execute(memory, echo(word)) for word in "abc"]
            await asyncio.sleep(0)
            for one in calls:
                one.cancel()
            await outcomes(calls)
            await turned()
            assert len(front.seen) == 1
            assert rest_lane_of(memory)._under_way == 0
            assert await execute(memory, echo("d")) == [b"d"]

    run(scenario)


def test_a_call_that_was_cancelled_under_way_takes_nothing_from_the_others(
    front: Front, connected: Connected
) -> None:
    """Its task ends at once; the request goes on for those that still wait."""

    async def scenario() -> None:
        async with connected() as memory:
            await memory.ping()
            front.on(held)
            calls = [execute(memory, echo(word)) for word in "abcd"]
            await until(lambda: len(front.seen) == 2, "it is under way")
            for one in (calls[0], calls[2]):
                one.cancel()
                assert isinstance((await outcomes([one]))[0], asyncio.CancelledError)
            front.released.set()
            assert [await calls[1], await calls[3]] == [[b"b"], [b"d"]]
            assert await execute(memory, echo("e")) == [b"e"]
            assert (len(front.seen), front.accepted) == (3, 1)

    run(scenario)


def test_where_nobody_waits_any_more_the_request_is_given_up(
    front: Front, connected: Connected
) -> None:
    """Its connection is closed when the last task has ended, and others can have its place."""

    async def scenario() -> None:
        async with connected(max_connections=1) as memory:
            front.on(held, match=b"late")
            calls = [execute(memory, echo("late", word)) for word in "abc"]
            await until(lambda: len(front.seen) == 1, "it is under way")
            for one in calls:
                one.cancel()
            await outcomes(calls)
            assert rest_lane_of(memory)._trips == {}
            assert await execute(memory, echo("next")) == [b"next"]
            assert not front.released.is_set()

    run(scenario)


@pytest.mark.parametrize("calls", [1, 3])
def test_a_call_that_is_cancelled_when_its_turn_comes(
    calls: int, front: Front, connected: Connected, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Told to set off, and cancelled before it does: its place is free again."""
    monkeypatch.setattr(_rest_lane, "IN_FLIGHT", 1)
    monkeypatch.setattr(_rest_lane, "OVERDUE_S", 60.0)

    async def scenario() -> None:
        async with connected() as memory:
            await memory.ping()
            lane = rest_lane_of(memory)
            ones = [execute(memory, echo(str(n))) for n in range(calls)]
            await turned(2)
            assert lane._under_way == 1
            for one in ones:
                one.cancel()
            await outcomes(ones)
            assert lane._under_way == 0
            assert await execute(memory, echo("next")) == [b"next"]
            assert front.seen[-1].body == b'["ECHO","next"]'
            assert len(front.seen) == 2

    run(scenario)


def test_a_call_that_is_thrown_away_while_it_waits_leaves_no_gap(
    front: Front, connected: Connected
) -> None:
    """As a coroutine is that nobody runs to its end: it is not sent, and its place is free."""

    async def scenario() -> None:
        async with connected() as memory:
            await memory.ping()
            transport: Any = memory._transport
            thrown = transport.execute(echo("thrown"))
            thrown.send(None)
            thrown.close()
            assert await execute(memory, echo("next")) == [b"next"]
            assert rest_lane_of(memory)._under_way == 0
            assert [one.body for one in front.seen[1:]] == [b'["ECHO","next"]']

    run(scenario)


def test_a_call_that_was_cancelled_before_there_was_a_connection_is_never_sent(
    front: Front, connected: Connected
) -> None:
    """Its request was waiting for one, with others in it."""

    async def scenario() -> None:
        async with connected(max_connections=1) as memory:
            front.on(held)
            large = execute(memory, echo("large", alone=True))
            await until(lambda: len(front.seen) == 1, "it is under way")
            calls = [execute(memory, echo(word)) for word in "abcd"]
            await turned(5)
            calls[0].cancel()
            calls[2].cancel()
            front.released.set()
            found = await outcomes(calls)
            assert (found[1], found[3]) == ([b"b"], [b"d"])
            assert front.seen[-1].body == b'[["ECHO","b"],["ECHO","d"]]'
            assert await large == [b"large"]

    run(scenario)


@pytest.mark.parametrize("stalled", [False, True])
def test_nothing_overtakes_a_write_that_was_cancelled(
    stalled: bool, front: Front, connected: Connected, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may still happen: what is written next waits for its request, but not for a stalled
    one, and reads do not."""
    monkeypatch.setattr(_rest_lane, "OVERDUE_S", 0.05 if stalled else 60.0)

    async def scenario() -> None:
        async with connected(socket_timeout=60) as memory:
            chat = memory.session("s")
            await chat.append(Message.user("the script is known now"))
            before = len(front.seen)
            front.on(held, match=b"<1>")
            first = asyncio.ensure_future(chat.append(Message.user("<1>")))
            beside = asyncio.ensure_future(memory.session("t").append(Message.user("x")))
            await until(lambda: len(front.seen) == before + 1, "they are under way")
            # The service does it, and its reply is held back.
            while await chat.count() < 2:
                pass
            first.cancel()
            await outcomes([first])
            second = asyncio.ensure_future(chat.append(Message.user("<2>")))
            assert await chat.count() >= 2
            if stalled:
                async with asyncio.timeout(15):
                    await second
                assert not front.released.is_set()
            else:
                await turned(20)
                assert not any(b"<2>" in one.body for one in front.seen)
            front.released.set()
            async with asyncio.timeout(30):
                await asyncio.gather(second, beside)
            texts = [message.text for message in await chat.messages()]
            assert texts == ["the script is known now", "<1>", "<2>"]

    run(scenario)


@pytest.mark.parametrize("status", [429, 403])
def test_who_was_cancelled_does_not_matter_to_those_who_fail(
    status: int, front: Front, connected: Connected
) -> None:
    """Each of them has the error that it is, or is sent for itself where that may help."""

    def late(front: Front, handler: _Handler, _: Seen) -> None:
        front.released.wait(30)
        handler.write(Reply(status, [("Retry-After", "7")], b"").wire())

    async def scenario() -> None:
        async with connected() as memory:
            front.on(late)
            calls = [execute(memory, echo(word)) for word in "abc"]
            await until(lambda: len(front.seen) == 1, "it is under way")
            calls[0].cancel()
            await outcomes([calls[0]])
            front.released.set()
            found = await outcomes(calls[1:])
            if status == 429:
                assert [type(one) for one in found] == [RateLimited] * 2
                assert [one.retry_after for one in found] == [7, 7]
            else:
                assert found == [[b"b"], [b"c"]]
            assert rest_lane_of(memory)._under_way == 0

    run(scenario)


def test_a_read_that_was_cancelled_holds_nothing_up(
    front: Front, connected: Connected, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is nothing of it to overtake."""
    monkeypatch.setattr(_rest_lane, "OVERDUE_S", 60.0)

    async def scenario() -> None:
        async with connected() as memory:
            front.on(held)
            reads = [execute(memory, echo(word)) for word in "ab"]
            await until(lambda: len(front.seen) == 1, "they are under way")
            reads[0].cancel()
            await outcomes([reads[0]])
            assert await execute(memory, echo("c", writes=True)) == [b"c"]
            front.released.set()
            assert await reads[1] == [b"b"]

    run(scenario)
