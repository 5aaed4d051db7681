"""A task that is cancelled, at every single await: nothing by halves, nobody else is disturbed."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import redis
import redis.asyncio

from redialog import AsyncChatMemory, AsyncSession, ChatMemory, Message, SessionPage
from redialog.ops.session import SessionInfo
from tests.faults.cancelling import MOMENTS, CancelledAt, Moment, Snapshot, age, awaited, view
from tests.support.servers import Server, wait_until

DATABASE = 1
TURNS = 600
OTHERS = frozenset({"before", "beside", "behind", "later"})


async def _pages(chat: AsyncSession) -> list[Message]:
    return [message async for message in chat.iter_messages()]


ID = "3.q"
MANY = [f"line {number}" for number in range(1001)]
Call = Callable[[AsyncChatMemory, AsyncSession], Awaitable[object]]
OPERATIONS: dict[str, Call] = {
    "append": lambda _, chat: chat.append(Message.user("new q"), Message.assistant("new a")),
    "messages": lambda _, chat: chat.messages(),
    "iter_messages": lambda _, chat: _pages(chat),
    "window of messages": lambda _, chat: chat.window(messages=20),
    "window of turns": lambda _, chat: chat.window(turns=TURNS - 50),
    "count": lambda _, chat: chat.count(),
    "clear": lambda _, chat: chat.clear(),
    "expire": lambda _, chat: chat.expire(500),
    "persist": lambda _, chat: chat.persist(),
    "touch": lambda _, chat: chat.touch(),
    "info": lambda _, chat: chat.info(),
    "latest_session_id": lambda memory, _: memory.latest_session_id(user_id="u"),
    "get": lambda _, chat: chat.get(ID),
    "replace": lambda _, chat: chat.replace(ID, Message.user("new")),
    "remove": lambda _, chat: chat.remove(ID),
    "rewind": lambda _, chat: chat.rewind(ID),
    "fork": lambda _, chat: _forked(chat, None),
    "fork elsewhere, at a message": lambda _, chat: _forked(chat, ID),
    "set_title": lambda _, chat: chat.set_title("A title"),
    "sessions": lambda memory, _: memory.sessions("u").page(),
    "append at the cap": lambda memory, _: _capped(memory).append(Message.user("new")),
    "append of many": lambda _, chat: chat.append(*map(Message.user, MANY)),
}
# Of an operation that goes through the same transport as the others, and changes more than one.
FEW = {
    *("connected", "waiting for another", "in a shared layout"),
    "waiting for another, not coalesced",
}
ON_ALL = set(list(OPERATIONS)[:12])


async def _forked(chat: AsyncSession, at: str | None) -> str:
    """Under an id that is known: in the session's own bucket, or in another."""
    return (await chat.fork("forked" if at else "fork-77", at)).id


def _capped(memory: AsyncChatMemory) -> AsyncSession:
    return memory.session("s", user_id="u", ttl=2000, max_messages=100)


@dataclass(frozen=True)
class Standing:
    """How things stand when the operation begins.

    Attributes:
        connections: how many there can be.
        warm: whether they are made; otherwise the operation makes one, and sends its script.
        before: calls that are under way, and have the connections.
        shared: whether the layout is one that other libraries share.
        own: whether the client is the application's own.
        coalesce: whether calls share a connection.
    """

    connections: int = 1
    warm: bool = True
    before: tuple[str, ...] = ()
    shared: bool = False
    own: bool = False
    coalesce: bool = True


STANDINGS = {
    "connecting": Standing(warm=False),
    "connected": Standing(),
    "beside another": Standing(connections=2, before=("before",)),
    "waiting for another": Standing(before=("before",)),
    "connecting, not coalesced": Standing(warm=False, coalesce=False),
    "waiting for another, not coalesced": Standing(before=("before",), coalesce=False),
    "in a shared layout": Standing(shared=True),
    "connecting in a shared layout": Standing(warm=False, shared=True),
    "on an own client": Standing(connections=4, own=True),
    "connecting an own client": Standing(connections=4, warm=False, own=True),
}


class Stage:
    """A server with a long session on it, where an operation runs again and again."""

    def __init__(self, server: Server, raw: redis.Redis, standing: Standing) -> None:
        self.raw = raw
        self.standing = standing
        self._url = f"redis://{server.host}:{server.port}/{DATABASE}"
        self._layout = {"key_prefix": "chat:"} if standing.shared else {"namespace": "n"}
        with ChatMemory.from_url(self._url, **self._layout, ttl=1000) as memory:  # type: ignore[arg-type]
            chat = memory.session("s", user_id="u")
            for turn in range(TURNS):
                chat.append(
                    Message.user(f"{turn}.q", id=f"{turn}.q"), Message.assistant(f"{turn}.a")
                )
        age(raw)
        self._start = Snapshot(raw)

    def view(self) -> dict[bytes, Any]:
        # In a shared layout the catalogue lies elsewhere, and is no part of the change.
        return view(self.raw, without=OTHERS, catalogue=not self.standing.shared)

    @contextlib.asynccontextmanager
    async def memory(self) -> AsyncIterator[AsyncChatMemory]:
        """A new memory on the session as it was at the start; closed at the end."""
        self._start.restore()
        layout: dict[str, Any] = {**self._layout, "ttl": 1000}
        options: dict[str, Any] = {
            "max_connections": self.standing.connections,
            "client_name": "cancelled",
        }
        if self.standing.own:
            async with redis.asyncio.Redis.from_url(self._url, **options) as client:
                yield await self._prepared(AsyncChatMemory.from_client(client, **layout))
        else:
            options |= {"timeout": 3, "coalesce": self.standing.coalesce}
            async with AsyncChatMemory.from_url(self._url, **layout, **options) as made:
                yield await self._prepared(made)

    async def _prepared(self, memory: AsyncChatMemory) -> AsyncChatMemory:
        if self.standing.warm:
            # Each script has been sent once.
            await asyncio.gather(*(talk(memory, "later") for _ in "12"))
            chat = memory.session("later")
            await asyncio.gather(chat.touch(), chat.clear())
        else:
            self.raw.script_flush()
        return memory

    async def left_alone(self) -> None:
        """Returns when the server has done all it was sent, and no connection is left."""
        alone = lambda: len(self.raw.client_list()) == 1  # noqa: E731
        await asyncio.to_thread(wait_until, alone, what="all connections are closed")


async def talk(memory: AsyncChatMemory, name: str) -> None:
    """A write and its read, of another session."""
    chat = memory.session(name)
    had = await chat.count()
    await chat.append(Message.user(f"{name} {had}"))
    found = [message.text for message in await chat.messages()]
    assert found[: had + 1] == [f"{name} {number}" for number in range(had + 1)]


@dataclass
class Outcome:
    """What became of one run: what it returned, what then was in Redis, and how often it waited."""

    result: object
    view: dict[bytes, Any]
    waits: int


async def outcome(stage: Stage, call: Call, nth: int, moment: Moment) -> Outcome:
    """Runs an operation among others, and cancels it at its nth wait."""
    async with stage.memory() as memory:
        chat = memory.session("s", user_id="u", ttl=2000)

        async def called() -> object:
            return await call(memory, chat)

        running = CancelledAt(called(), nth, moment)
        before = [asyncio.create_task(talk(memory, name)) for name in stage.standing.before]
        one = asyncio.create_task(awaited(running))
        behind = [asyncio.create_task(talk(memory, name)) for name in ("beside", "behind")]
        result: object
        [result] = await asyncio.gather(one, return_exceptions=True)
        await asyncio.gather(*before, *behind)
        # The same memory goes on, with as many connections as before.
        await asyncio.gather(*(talk(memory, name) for name in OTHERS))
        assert len(stage.raw.client_list()) - 1 <= stage.standing.connections + 1
        assert asyncio.all_tasks() == {asyncio.current_task()}
    await stage.left_alone()
    return Outcome(_shape(result), stage.view(), running.waits)


def _shape(result: object) -> object:
    """A result without ids and times."""
    if isinstance(result, list):
        return [(message.role, message.text) for message in result]
    if isinstance(result, SessionPage):
        return [one.session_id for one in result.sessions if one.session_id == "s"]
    if isinstance(result, Message):
        return (result.role, result.text, result.id)
    if isinstance(result, SessionInfo):
        return (result.count, result.user_id, result.ttl is None)
    return result


@pytest.fixture
def raw(server: Server) -> Iterator[redis.Redis]:
    with server.client(db=DATABASE) as client:
        yield client


@pytest.mark.parametrize(
    ("operation", "standing"),
    [(o, s) for o in OPERATIONS for s in STANDINGS if o in ON_ALL or s in FEW],
)
def test_an_operation_can_be_cancelled_at_every_await(
    server: Server, raw: redis.Redis, operation: str, standing: str
) -> None:
    """It has happened or it has not; all other calls, then and later, get what is theirs."""
    stage, call = Stage(server, raw, STANDINGS[standing]), OPERATIONS[operation]
    problems: list[object] = []

    async def scenario() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, found: problems.append(found))
        stage._start.restore()
        before = stage.view()
        whole = await outcome(stage, call, 0, "waits")
        assert whole.waits
        for moment in MOMENTS:
            for nth in itertools.count(1):
                got = await outcome(stage, call, nth, moment)
                if got.waits < nth:
                    assert (got.result, got.view) == (whole.result, whole.view)
                    break
                assert isinstance(got.result, asyncio.CancelledError), (moment, nth, got.result)
                assert got.view in (before, whole.view), (moment, nth)

    asyncio.run(scenario())
    gc.collect()
    assert problems == []
