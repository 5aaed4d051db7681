"""Over REST: what goes in one request and what in its own, how many at a time, and how large."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from redialog import AsyncChatMemory, Message
from redialog.effect import Batch
from redialog.transports.rest import _lane as _rest_lane
from tests.lanes.tools import echo, execute, outcomes, rest_words, run
from tests.rest.front import Front
from tests.support.gateways import Gateway

Connected = Callable[..., AsyncChatMemory]


def test_what_many_ask_at_once_is_one_request(front: Front, connected: Connected) -> None:
    """Each time; also the first, where there is no connection yet."""

    async def scenario() -> None:
        async with connected() as memory:
            for number in range(3):
                said = [f"{number}.{n}" for n in range(60)]
                found = await outcomes([execute(memory, echo(word)) for word in said])
                assert found == [[word.encode()] for word in said]
                assert rest_words(front)[number:] == [said]
            assert front.accepted == 1

    run(scenario)


def test_without_it_each_call_has_a_request(front: Front, connected: Connected) -> None:
    """`coalesce=False` turns it off."""

    async def scenario() -> None:
        async with connected(coalesce=False) as memory:
            await asyncio.gather(*(execute(memory, echo(str(n))) for n in range(8)))
            assert [one.path for one in front.seen] == ["/"] * 8
            assert front.accepted == 8

    run(scenario)


def test_a_single_task_needs_no_other(front: Front, connected: Connected) -> None:
    """Its requests are what they would be without a lane, and the lane makes no task or timer."""

    async def requests(*, coalesce: bool) -> tuple[list[tuple[str, int]], int, int]:
        async with connected(coalesce=coalesce) as memory:
            chat = memory.session("s")
            await chat.append(Message.user("x"))
            before = len(front.seen)
            loop: Any = asyncio.get_running_loop()
            tasks, timers = [], []

            def task(loop: Any, work: Any, **options: Any) -> asyncio.Task[Any]:
                tasks.append(work)
                return asyncio.Task(work, loop=loop, **options)

            call_at = loop.call_at

            def timer(*given: Any, **options: Any) -> Any:
                timers.append(given)
                return call_at(*given, **options)

            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(loop, "call_at", timer)
                loop.set_task_factory(task)
                for _ in range(5):
                    await chat.append(Message.user("x"))
                    await chat.window(messages=20)
                loop.set_task_factory(None)
            seen = [(one.path, one.body.count(b"[")) for one in front.seen[before:]]
            return seen, len(tasks), len(timers)

    async def scenario() -> None:
        with_it, without = await requests(coalesce=True), await requests(coalesce=False)
        assert with_it == without
        assert with_it[1] == 0

    run(scenario)


def test_reads_and_writes_travel_apart(front: Front, connected: Connected) -> None:
    """A service can answer reads elsewhere, and a lost read is not in doubt."""

    async def scenario() -> None:
        async with connected() as memory:
            batches = [echo(str(n), writes=n % 2 == 0) for n in range(6)]
            assert await outcomes([execute(memory, one) for one in batches]) == [
                [str(n).encode()] for n in range(6)
            ]
            assert sorted(rest_words(front)) == [["0", "2", "4"], ["1", "3", "5"]]

    run(scenario)


@pytest.mark.parametrize("calls", [2, 3])
def test_batches_of_any_size_are_told_apart(calls: int, front: Front, connected: Connected) -> None:
    """Several commands, one and none."""

    async def scenario() -> None:
        async with connected() as memory:
            said = [[f"{n}.{m}" for m in range(n % 4)] for n in range(calls * 4)]
            found = await outcomes([execute(memory, echo(*each)) for each in said])
            assert found == [[word.encode() for word in each] for each in said]
            assert len(front.seen) == 1

    run(scenario)


def test_no_more_commands_than_so_many_go_together(front: Front, connected: Connected) -> None:
    """A batch is not cut, also where it alone has more."""

    async def scenario() -> None:
        async with connected() as memory:
            many = [str(n) for n in range(_rest_lane.TOGETHER_COMMANDS + 1)]
            calls = [echo(*many[:40]), echo(*many[:24]), echo("x"), echo(*many), echo("y")]
            found = await outcomes([execute(memory, one) for one in calls])
            assert [len(one) for one in found] == [40, 24, 1, len(many), 1]
            sizes = sorted(map(len, rest_words(front)))
            assert sizes == [1, 1, 64, len(many)]

    run(scenario)


@pytest.mark.parametrize("where", ["lane", "option"])
def test_no_more_bytes_than_so_many_go_together(
    where: str, front: Front, connected: Connected, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted to the byte, so that no joined request is refused where a single one is not."""
    limit = len(json.dumps([["ECHO", "x" * 100]] * 3, separators=(",", ":")))
    options = {"max_request_bytes": limit} if where == "option" else {}
    if where == "lane":
        monkeypatch.setattr(_rest_lane, "TOGETHER_BYTES", limit)

    async def scenario(more: int) -> list[int]:
        async with connected(**options) as memory:
            before = len(front.seen)
            said = [str(n).ljust(100 + more * (n % 3 == 0), "x") for n in range(6)]
            found = await outcomes([execute(memory, echo(word)) for word in said])
            assert found == [[word.encode()] for word in said]
            assert max(len(one.body) for one in front.seen[before:]) <= limit
            return sorted(map(len, rest_words(front)[before:]))

    assert asyncio.run(scenario(0)) == [3, 3]
    assert asyncio.run(scenario(1)) == [2, 2, 2]


@pytest.mark.parametrize("what", ["alone", "large", "again"])
def test_what_travels_by_itself(what: str, front: Front, connected: Connected) -> None:
    """Others do not go with it, and go with each other."""

    async def scenario() -> None:
        async with connected() as memory:
            word = "L" * (40_000 if what == "large" else 4)
            given: dict[str, Any] = {"within": 5.0} if what == "again" else {}
            batches = [echo("a"), echo(word, word, alone=what == "alone"), echo("b")]
            options = [{}, given, {}]
            calls = [
                execute(memory, one, **more) for one, more in zip(batches, options, strict=True)
            ]
            assert await outcomes(calls) == [[b"a"], [word.encode()] * 2, [b"b"]]
            assert sorted(rest_words(front)) == [[word, word], ["a", "b"]]

    run(scenario)


def test_each_primary_is_the_service(front: Front, connected: Connected) -> None:
    """What is asked of all goes with the others, and says who has answered."""

    async def scenario() -> None:
        async with connected() as memory:
            to_all = Batch(((b"ECHO", b"b"),), to="primaries")
            found = await outcomes([execute(memory, one) for one in (echo("a"), to_all)])
            assert found == [[b"a"], [[(front.url, b"b")]]]
            assert rest_words(front) == [["a", "b"]]

    run(scenario)


def test_who_reads_sees_what_was_written(front: Front, connected: Connected) -> None:
    """Each request brings the mark of the last write, also of one that was joined."""

    async def scenario() -> None:
        async with connected() as memory:
            chats = [memory.session(str(n)) for n in range(8)]
            await asyncio.gather(*(one.append(Message.user("x")) for one in chats))
            before = len(front.seen)
            await asyncio.gather(*(one.count() for one in chats))
            await chats[0].count()
            marks = [one.headers["upstash-sync-token"] for one in front.seen]
            assert len(marks) == before + 2
            assert marks[0] == ""
            assert all(marks[before:])

    run(scenario)


def test_an_own_client_has_a_lane_too(front: Front, gateway: Gateway) -> None:
    """As far as its URL and token lead."""
    import upstash_redis.asyncio

    async def scenario() -> None:
        client = upstash_redis.asyncio.Redis(front.url, gateway.token)
        async with AsyncChatMemory.from_client(client) as memory:
            assert await outcomes([execute(memory, echo(word)) for word in "ab"]) == [
                [b"a"],
                [b"b"],
            ]
            assert rest_words(front) == [["a", "b"]]
        await client.close()

    run(scenario)
