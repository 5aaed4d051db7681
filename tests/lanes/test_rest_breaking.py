"""Over REST: a request that is lost, refused or answered by somebody else fails what was in it,
each call for itself, and no more."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from redialog import (
    AsyncChatMemory,
    AuthError,
    ConfigurationError,
    ConnectError,
    ConnectionLost,
    Message,
    NotRedis,
    RateLimited,
    ReplyTimeout,
    TransportError,
    Unavailable,
)
from redialog.effect import CommandError
from redialog.transports.rest import _lane as _rest_lane
from tests.lanes.tools import echo, execute, outcomes, rest_lane_of, run, turned, until
from tests.rest.front import HTML, Behaviour, Front, Seen, _Handler, answers, cut, dropped, held
from tests.support.gateways import Gateway
from tests.support.proxy import FaultProxy
from tests.support.servers import Server

Connected = Callable[..., AsyncChatMemory]
ERROR = b'{"error":"ERR SECRET-BODY"}'


async def stored_once(memory: AsyncChatMemory, others: Callable[[], None]) -> None:
    """Forty sessions are written to at once, while something happens to them."""
    await memory.session("first").append(Message.user("x"))
    others()
    chats = [memory.session(str(number)) for number in range(40)]
    stored = await asyncio.gather(*(one.append(Message.user(one.id)) for one in chats))
    for chat, messages in zip(chats, stored, strict=True):
        assert await chat.messages() == messages
        assert [message.text for message in messages] == [chat.id]


LOSSES: dict[str, Behaviour] = {
    "the request": dropped,
    "the reply": cut(0),
    "the end of the reply": cut(-3),
    "the reply, said by a proxy": answers(502, HTML, done=True),
    "the request, said by a proxy": answers(503, ERROR),
}


@pytest.mark.parametrize("loss", LOSSES)
def test_a_burst_of_appends_of_which_something_is_lost_is_stored_once(
    loss: str, front: Front, connected: Connected
) -> None:
    """All are sent again, each for itself, and nothing is stored twice."""

    async def scenario() -> None:
        async with connected() as memory:
            found: list[Any] = []
            await stored_once(
                memory, lambda: found.append(front.on(LOSSES[loss], match=b"EVAL", times=2))
            )
            assert found[0].hits == 2

    run(scenario)


@pytest.mark.parametrize("nth", [1, 7, 40])
@pytest.mark.parametrize("fault", ["cut", "dropped"])
def test_a_cable_that_is_cut_behind_the_service(server: Server, fault: str, nth: int) -> None:
    """Some have happened, some have not, and none says which: all are stored once."""

    async def scenario() -> None:
        with (
            FaultProxy(server.host, server.port) as proxy,
            Gateway(proxy.url) as gateway,
        ):
            async with AsyncChatMemory.from_url(gateway.url, token=gateway.token) as memory:
                strike = proxy.cut_reply if fault == "cut" else proxy.drop_request
                found: list[Any] = []
                await stored_once(memory, lambda: found.append(strike(nth=nth, match=b"EVAL")))
                assert found[0].hits == 1

    run(scenario)


FAILURES: list[tuple[Behaviour, type[TransportError], bool]] = [
    (dropped, ConnectionLost, True),
    (cut(0), ConnectionLost, True),
    (held, ReplyTimeout, True),
    (answers(502, HTML), Unavailable, True),
    (answers(200, HTML), NotRedis, True),
    (answers(200, b"[]"), NotRedis, True),
    (answers(429, ERROR, [("Retry-After", "7")]), RateLimited, False),
    (answers(400, b'{"error":"ERR max daily request limit exceeded"}'), RateLimited, False),
]


@pytest.mark.parametrize(("behaviour", "kind", "doubt"), FAILURES)
def test_a_request_that_failed_fails_exactly_what_was_in_it(
    behaviour: Behaviour,
    kind: type[TransportError],
    doubt: bool,
    front: Front,
    connected: Connected,
) -> None:
    """Each of its calls with an error of its own; reads go in another one, and are served."""

    async def scenario() -> None:
        async with connected(socket_timeout=1) as memory:
            await memory.ping()
            front.on(behaviour, match=b"w0")
            writes = [execute(memory, echo(f"w{n}", writes=True)) for n in range(5)]
            reads = [execute(memory, echo(f"r{n}")) for n in range(5)]
            assert await outcomes(reads) == [[f"r{n}".encode()] for n in range(5)]
            found = await outcomes(writes)
            assert [type(one) for one in found] == [kind] * 5
            assert len(set(map(id, found))) == 5
            assert {one.maybe_applied for one in found} == {doubt}
            assert {str(one).count("SECRET") for one in found} == {0}
            assert {one.address for one in found} == {front.url}
            if kind is RateLimited:
                assert len({one.retry_after for one in found}) == 1
            assert len(front.seen) == 3
            assert await execute(memory, echo("next")) == [b"next"]

    run(scenario)


def test_a_read_that_failed_is_not_in_doubt(front: Front, connected: Connected) -> None:
    """Neither where it was joined."""

    async def scenario() -> None:
        async with connected() as memory:
            front.on(cut(0))
            found = await outcomes([execute(memory, echo(word)) for word in "abc"])
            assert [(type(one), one.maybe_applied) for one in found] == [
                (ConnectionLost, False)
            ] * 3

    run(scenario)


REFUSALS: list[tuple[Behaviour, type[Any]]] = [
    (answers(401, ERROR), AuthError),
    (answers(403, HTML), AuthError),
    (answers(404, HTML), NotRedis),
    (answers(413, ERROR), ConfigurationError),
    (answers(400, b'{"error":"ERR max request size exceeded"}'), ConfigurationError),
    (answers(400, ERROR), CommandError),
    (answers(200, ERROR), CommandError),
]


@pytest.mark.parametrize("writes", [True, False])
@pytest.mark.parametrize(("behaviour", "kind"), REFUSALS)
def test_who_is_refused_is_refused_alone(
    behaviour: Behaviour, kind: type[Any], writes: bool, front: Front, connected: Connected
) -> None:
    """What stands before a service may dislike one message: the others are sent without it."""

    async def scenario() -> None:
        async with connected() as memory:
            fault = front.on(behaviour, match=b"poison", times=10)
            said = ["poison" if n == 5 else str(n) for n in range(16)]
            calls = [execute(memory, echo(word, writes=writes)) for word in said]
            found = await outcomes(calls)
            refused = found.pop(5)
            assert found == [[str(n).encode()] for n in range(16) if n != 5]
            assert type(refused[0] if isinstance(refused, list) else refused) is kind
            # It is found by halves.
            assert (fault.hits, len(front.seen)) == (5, 9)
            assert rest_lane_of(memory)._under_way == 0

    run(scenario)


def test_a_service_that_takes_less(server: Server) -> None:
    """What is too large together is sent in parts, and smaller from then on."""

    async def scenario() -> None:
        with (
            Gateway(server.url, "--max-body", "2000") as gateway,
            Front(gateway.url) as front,
        ):
            async with AsyncChatMemory.from_url(front.url, token=gateway.token) as memory:
                said = [str(n).ljust(200, "x") for n in range(30)]
                for _ in range(3):
                    before = len(front.seen)
                    calls = [execute(memory, echo(word)) for word in said]
                    assert await outcomes(calls) == [[word.encode()] for word in said]
                sizes = [len(one.body) for one in front.seen[before:]]
                assert max(sizes) < 2000
                assert len(sizes) <= 10

    run(scenario)


def _rows(of_poison: object) -> Behaviour:
    """The service's own answer, but for the row of one command."""

    def behaviour(front: Front, handler: _Handler, one: Seen) -> None:
        reply = front.passed(one)
        commands, found = json.loads(one.body), json.loads(reply.body)
        for number, command in enumerate(commands):
            if command[1] == "poison":
                found[number] = of_poison
        reply.body = json.dumps(found).encode()
        handler.write(reply.wire())

    return behaviour


LIMITED = {"error": "ERR max daily request limit exceeded. Limit: 10000, Usage: 10000."}


@pytest.mark.parametrize(
    ("row", "kind", "doubt"),
    [(LIMITED, RateLimited, False), ({"what": 1}, NotRedis, True), ("x", NotRedis, True)],
)
def test_an_answer_of_which_a_part_is_wrong(
    row: object, kind: type[TransportError], doubt: bool, front: Front, connected: Connected
) -> None:
    """Only whose part it is has an error."""

    async def scenario() -> None:
        async with connected() as memory:
            front.on(_rows(row))
            calls = [execute(memory, echo(word, writes=True)) for word in ("a", "poison", "b")]
            first, error, last = await outcomes(calls)
            assert (first, last) == ([b"a"], [b"b"])
            assert (type(error), error.maybe_applied) == (kind, doubt)
            assert len(front.seen) == 1

    run(scenario)


def test_a_batch_of_which_only_a_part_was_done(front: Front, connected: Connected) -> None:
    """Where the plan ended in its middle, it is in doubt, and its neighbours are not."""

    async def scenario() -> None:
        async with connected() as memory:
            front.on(_rows(LIMITED))
            said = (["a"], ["b", "poison"], ["poison"], ["c"])
            calls = [execute(memory, echo(*each, writes=True)) for each in said]
            first, half, none, last = await outcomes(calls)
            assert (first, last) == ([b"a"], [b"c"])
            assert (type(half), half.maybe_applied) == (RateLimited, True)
            assert (type(none), none.maybe_applied) == (RateLimited, False)

    run(scenario)


def test_where_nobody_is_there_each_has_its_own_error(front: Front, connected: Connected) -> None:
    """Nothing was sent, and all is well when somebody is."""

    async def scenario() -> None:
        async with connected() as memory:
            front.refuse = True
            found = await outcomes([execute(memory, echo(word, writes=True)) for word in "abcd"])
            assert {type(one) for one in found} <= {ConnectError, ConnectionLost}
            assert len(set(map(id, found))) == 4
            front.refuse = False
            assert await execute(memory, echo("e")) == [b"e"]

    run(scenario)


def test_closing_while_calls_wait(
    front: Front, connected: Connected, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those under way and those behind them end as they would; no connection is left."""
    monkeypatch.setattr(_rest_lane, "IN_FLIGHT", 2)
    monkeypatch.setattr(_rest_lane, "OVERDUE_S", 60.0)

    async def scenario() -> None:
        memory = connected()
        await memory.session("first").append(Message.user("the script is known now"))
        fault = front.on(held, match=b"EVAL", times=2)
        chats = [memory.session(str(number)) for number in range(150)]
        calls = [asyncio.ensure_future(one.append(Message.user(one.id))) for one in chats]
        await until(lambda: fault.hits == 2, "two requests are under way")
        await memory.close()
        assert not any(one.done() for one in calls)
        assert sum(map(len, rest_lane_of(memory)._queues)) == 150 - 128
        front.released.set()
        for chat, [stored] in zip(chats, await asyncio.gather(*calls), strict=True):
            assert stored.text == chat.id
        await until(lambda: front.connected == 0, "all connections are closed")

    run(scenario)


def test_somebody_who_cancels_all_tasks_but_those_that_wait(
    front: Front, connected: Connected
) -> None:
    """The request's own task ends: what waits for it has an error that says what it knows."""

    async def scenario() -> None:
        async with connected() as memory:
            await memory.ping()
            for begun in (False, True):
                before = len(front.seen)
                fault = front.on(held, match=b"ECHO")
                calls = [execute(memory, echo(word, writes=True)) for word in "abc"]
                await turned(2)
                [trip] = rest_lane_of(memory)._trips
                if begun:
                    await until(lambda: fault.hits == 1, "it is under way")  # noqa: B023
                trip.cancel()
                found = await outcomes(calls)
                assert [(type(one), one.maybe_applied) for one in found] == [
                    (ConnectionLost, True)
                ] * 3
                assert len(set(map(id, found))) == 3
                assert len(front.seen) == before + begun
                front.calm()
            assert await execute(memory, echo("d")) == [b"d"]
            assert rest_lane_of(memory)._under_way == 0

    run(scenario)
