"""What clients ask at the same moment: what goes over one connection, and that it does no harm."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any

import httpx
import pytest
import redis
from starlette.applications import Starlette

from redialog import scripts
from redialog.gateway import asgi_app
from redialog.gateway.policy import Flags, Policy
from redialog.gateway.requests import Command
from redialog.gateway.sending import BRIEF, BRIEF_SCRIPTS, MOST, is_brief
from redialog.keys import Layout, OwnLayout, SharedLayout
from redialog.ops._scripts import Write
from redialog.ops.append import append
from tests.support.proxy import FaultProxy
from tests.support.servers import Server, wait_until

LARGE = b"x" * 300_000
SMALL = 100
TOKEN = "token"


class Asking:
    """Posts commands to an application in this process."""

    def __init__(self, app: Starlette, http: httpx.AsyncClient) -> None:
        self.app = app
        self._http = http

    async def __call__(self, *words: object) -> httpx.Response:
        return await self._http.post("/", json=words)

    async def pipeline(self, commands: Sequence[Sequence[object]]) -> Any:
        """The answers to commands that are sent as one request."""
        return (await self._http.post("/pipeline", json=commands)).json()

    async def result(self, *words: object) -> Any:
        """The result of a command that does not fail."""
        answer = await self(*words)
        assert answer.status_code == 200, answer.text
        return answer.json()["result"]

    def late(self) -> bool:
        """Whether something that went together is late."""
        return bool(self.app.state.store._sender._late(monotonic()))


@asynccontextmanager
async def asking(url: str, **config: object) -> AsyncIterator[Asking]:
    """An application that has connected."""
    app = asgi_app(url, token=TOKEN, config=config)
    headers = {"Authorization": f"Bearer {TOKEN}"}
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://g", headers=headers) as http,
    ):
        found = Asking(app, http)
        await found.result("PING")
        yield found


@pytest.fixture
def proxy(server: Server) -> Iterator[FaultProxy]:
    """Between an application and the server."""
    with FaultProxy(server.host, server.port) as found:
        yield found


def test_what_is_asked_at_once_goes_over_one_connection(proxy: FaultProxy) -> None:
    """Brief commands do, each with its own reply, an error too; the others have one each."""

    async def scenario() -> None:
        async with asking(proxy.url) as ask:
            before = proxy.connections
            found = await asyncio.gather(*(ask.result("INCR", "n") for _ in range(40)))
            assert sorted(found) == list(range(1, 41))
            words = [("SET", f"k{n}", n) if n % 2 else ("HSET", "n", n, n) for n in range(40)]
            answers = await asyncio.gather(*(ask(*one) for one in words))
            assert [answer.status_code for answer in answers] == [400, 200] * 20
            assert proxy.connections == before
            found = await asyncio.gather(*(ask.result("GET", f"k{n}") for n in range(10)))
            assert found == [str(n) if n % 2 else None for n in range(10)]
            assert proxy.connections > before

    asyncio.run(scenario())


@pytest.mark.parametrize("connections", [1, 2])
def test_few_connections(server: Server, connections: int) -> None:
    """Everybody has a turn, and his own reply: what goes together, what goes alone."""

    async def scenario() -> None:
        async with asking(server.url, max_connections=connections) as ask:
            calls = [
                call
                for n in range(40)
                for call in (ask.result("INCR", "n"), ask.result("ECHO", str(n)))
            ]
            found = await asyncio.gather(*calls)
            assert sorted(found[::2]) == list(range(1, 41))
            assert found[1::2] == [str(n) for n in range(40)]

    asyncio.run(scenario())


def test_a_reply_that_costs_the_connection(raw: redis.Redis, server: Server) -> None:
    """Redis hangs up on who reads less than it is sent; the others have their replies."""
    raw.set("large", LARGE)
    option = "client-output-buffer-limit"
    limits = str(raw.config_get(option)[option])

    async def scenario() -> None:
        async with asking(server.url) as ask:
            raw.config_set(option, "normal 100000 0 0")
            words = [("GET", "large") if n % 5 == 2 else ("INCR", "n") for n in range(25)]
            answers = await asyncio.gather(*(ask(*one) for one in words))
            for (name, _), answer in zip(words, answers, strict=True):
                assert answer.status_code == (502 if name == "GET" else 200), answer.text

    try:
        asyncio.run(scenario())
    finally:
        raw.config_set(option, limits)
    assert raw.get("n") == b"20"


def test_a_script_that_takes_long(raw: redis.Redis, proxy: FaultProxy) -> None:
    """It is waited for alone, however long it takes."""

    async def scenario() -> None:
        proxy.delay(30, match=b"EVAL")
        async with asking(proxy.url) as ask:
            slow = asyncio.create_task(ask("EVAL", "return 1", 0))
            for n in range(1, 4):
                assert await ask.result("INCR", "n") == n
            assert not slow.done()
            slow.cancel()
            await asyncio.gather(slow, return_exceptions=True)

    asyncio.run(scenario())


@pytest.mark.parametrize("cancelled", [True, False])
def test_what_is_late_holds_nobody_up(proxy: FaultProxy, cancelled: bool) -> None:
    """Whatever made it late: what is asked from then on goes beside it."""

    async def scenario() -> None:
        async with asking(proxy.url, socket_timeout=3) as ask:
            proxy.delay(30, match=b"slow")
            slow = asyncio.create_task(ask("INCR", "slow"))
            await asyncio.to_thread(wait_until, ask.late, what="it is late")
            for n in range(1, 4):
                assert await ask.result("INCR", "n") == n
            assert not slow.done()
            if cancelled:
                slow.cancel()
                await asyncio.gather(slow, return_exceptions=True)
            else:
                assert (await slow).status_code == 504
            assert not ask.late()
            before = proxy.connections
            found = await asyncio.gather(*(ask.result("INCR", "n") for _ in range(20)))
            assert sorted(found) == list(range(4, 24))
            assert proxy.connections <= before + 1

    asyncio.run(scenario())


def test_what_the_server_says_of_brief_commands(flags: Flags) -> None:
    """They are quick, neither block nor administer, and are served whatever follows their name."""
    policy = Policy()
    for name in BRIEF:
        assert "fast" in (flags.of(name, name) or ()), name
        for word in (name.encode(), name.lower().encode()):
            assert is_brief((word, b"k"))
            assert policy.refusal((word, b"k"), flags, read_only=False) is None
            assert word in policy._served[False]


def large_values(client: redis.Redis) -> list[str]:
    """Keys of each type that commands know, with large values in them."""
    client.flushall()
    client.set("text", LARGE)
    client.hset("hash", "f", LARGE.decode())
    client.rpush("list", LARGE)
    client.sadd("set", LARGE)
    client.zadd("zset", {LARGE: 1})
    return ["text", "hash", "list", "set", "zset", "none"]


def test_the_replies_of_brief_commands(raw: redis.Redis) -> None:
    """They are small, however large what they are asked of is; errors are, too."""
    shapes: list[list[str]] = [[], ["f"], ["1"], ["f", "1"], ["1", "f"], ["-inf", "+inf"]]
    for name in sorted({*BRIEF, "SET"}):
        done = 0
        for key in large_values(raw):
            for shape in shapes:
                found: Any
                try:
                    found = raw.execute_command(name, key, *shape)  # type: ignore[no-untyped-call]
                    done += 1
                except redis.ResponseError as error:
                    found = str(error)
                assert isinstance(found, int | float | bytes | str | None), name
                assert len(str(found)) < SMALL, name
        assert done, name


def test_scripts() -> None:
    """Of this library's own, those that answer in a few words; it names them in capitals."""
    title = scripts.get("title").sha
    assert is_brief((b"EVALSHA", title, b"0"))
    assert is_brief((b"evalsha", title))
    assert not is_brief((b"EVALSHA", title.upper(), b"0"))
    for name in ("view", "summaries", "snapshot", "info"):
        assert scripts.get(name).sha not in BRIEF_SCRIPTS


@pytest.mark.parametrize("layout", [OwnLayout("n"), SharedLayout("n", "p:")], ids=["own", "shared"])
@pytest.mark.parametrize("user", [None, "ada"])
def test_appends(layout: Layout, user: str | None) -> None:
    """One without a limit of messages does; at a limit, the oldest messages are the answer."""

    def sent(cap: int | None) -> Command:
        write = Write(layout.session("s", user), "t")
        op = append(write, [b"{}"], digest="d", at=1, cap=cap)
        command = next(op).commands[-1]
        return tuple(one if isinstance(one, bytes) else str(one).encode() for one in command)

    assert is_brief(sent(None))
    assert not is_brief(sent(9))
    for length in range(2, len(sent(None)) - 2):
        assert not is_brief(sent(None)[:length])


def test_pipelines(proxy: FaultProxy) -> None:
    """One has a connection of its own where it is long, or not all of its commands are brief."""
    incr, get = ["INCR", "n"], ["GET", "none"]

    async def scenario() -> None:
        async with asking(proxy.url) as ask:
            cases = [([incr] * MOST, False), ([incr] * (MOST + 1), True), ([incr, get, incr], True)]
            for clients, (commands, alone) in enumerate(cases, 2):
                before = proxy.connections
                answers = await asyncio.gather(*[ask.pipeline(commands) for _ in range(clients)])
                assert [len(answer) for answer in answers] == [len(commands)] * clients
                assert (proxy.connections > before) is alone

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "words",
    [
        ["GET", "k"],
        ["Incr", "k"],
        ["SET", "k", "v", "GET"],
        ["set", "k", "v", "NX", "gEt", "EX", "1"],
        ["SET", "k", "v", "EX", "1", "get"],
        ["EVALSHA"],
        ["EVALSHA", "0" * 40, "0"],
        ["EVAL", "return 1", "0"],
        ["BLPOP", "k", "1"],
        ["MULTI"],
        ["DEL", "k"],
        ["LRANGE", "k", "0", "1"],
        ["y" * 1000],
        [""],
    ],
)
def test_what_goes_alone(words: list[str]) -> None:
    """What may take long, have a large reply or change its connection; and any other spelling."""
    assert not is_brief(tuple(word.encode() for word in words))
