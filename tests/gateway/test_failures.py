"""What goes wrong between the gateway and its Redis: the answer says it, and nothing runs twice."""

from __future__ import annotations

import asyncio
import itertools
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import redis
import upstash_redis
from starlette.applications import Starlette
from upstash_redis.errors import UpstashError

from redialog.errors import ConnectError
from redialog.gateway import asgi_app
from redialog.gateway.policy import Flags
from tests.faults.cancelling import MOMENTS, CancelledAt, awaited
from tests.support.gateways import Gateway
from tests.support.proxy import FaultProxy
from tests.support.servers import Server, wait_until

TOKEN = "token"
NOTHING = {"error": "ERR the store cannot be used now; nothing was executed"}
DOUBT = {"error": "ERR there was no complete reply; the commands may have been executed"}


@pytest.fixture
def proxy(server: Server) -> Iterator[FaultProxy]:
    """Between a gateway and the server."""
    with FaultProxy(server.host, server.port) as found:
        yield found


@pytest.fixture
def behind(proxy: FaultProxy) -> Iterator[tuple[Gateway, httpx.Client]]:
    """A gateway to the proxy, and a client that has used it."""
    with Gateway(proxy.url) as gateway:
        headers = {"Authorization": f"Bearer {gateway.token}"}
        with httpx.Client(base_url=gateway.url, headers=headers) as http:
            http.post("/multi-exec", json=[["PING"]])
            yield gateway, http


@asynccontextmanager
async def calling(app: Starlette) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an application in this process, while its lifespan lasts."""
    headers = {"Authorization": f"Bearer {TOKEN}"}
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://g", headers=headers) as http,
    ):
        yield http


@pytest.mark.parametrize("path", ["/", "/pipeline", "/multi-exec"])
def test_a_store_that_is_not_there(
    proxy: FaultProxy, behind: tuple[Gateway, httpx.Client], raw: redis.Redis, path: str
) -> None:
    """It is told so, without an address, and served again as soon as the store is back."""
    gateway, http = behind
    body: list[Any] = ["INCR", "n"]
    body = body if path == "/" else [body]
    proxy.refuse()
    proxy.cut_all()
    answers = [http.post(path, json=body) for _ in range(2)]
    # The connection that was cut may have taken a request with it.
    assert answers[0].status_code in (502, 503)
    assert (answers[1].status_code, answers[1].json()) == (503, NOTHING)
    assert raw.get("n") is None
    proxy.accept()
    assert http.post(path, json=body).status_code == 200
    assert raw.get("n") == b"1"
    assert f"cannot connect to {proxy.url}" in gateway.said
    assert "INCR" not in gateway.said


@pytest.mark.parametrize("path", ["/", "/pipeline", "/multi-exec"])
def test_a_reply_that_is_lost(
    proxy: FaultProxy, behind: tuple[Gateway, httpx.Client], raw: redis.Redis, path: str
) -> None:
    """It is in doubt, and the commands ran once, or never where they did not arrive."""
    _, http = behind
    body: list[Any] = ["INCR", "n"]
    body = body if path == "/" else [["PING"], body]
    last = b"EXEC" if path == "/multi-exec" else b"INCR"
    for after in (0, 2):
        raw.delete("n")
        proxy.cut_reply(after_bytes=after, match=last)
        answer = http.post(path, json=body)
        assert (answer.status_code, answer.json()) == (502, DOUBT)
        assert raw.get("n") == b"1"
    proxy.drop_request(match=last)
    answer = http.post(path, json=body)
    assert (answer.status_code, answer.json()) == (502, DOUBT)
    assert raw.get("n") == b"1"
    assert http.post(path, json=body).status_code == 200
    assert raw.get("n") == b"2"


def test_a_transaction_that_is_cut_in_the_middle(
    proxy: FaultProxy, behind: tuple[Gateway, httpx.Client], raw: redis.Redis
) -> None:
    """Nothing of it is done, and the next command is none of it."""
    _, http = behind
    for lost in (b"MULTI", b"INCR", b"second"):
        proxy.cut_reply(match=lost)
        body = [["INCR", "n"], ["SET", "k", "second"]]
        assert http.post("/multi-exec", json=body).status_code == 502
        assert http.post("/", json=["SET", "next", "x"]).json() == {"result": "OK"}
        assert in_transactions(raw) == []
        assert raw.keys() == [b"next"]


def test_the_clients_do_not_send_again(
    proxy: FaultProxy, behind: tuple[Gateway, httpx.Client], raw: redis.Redis
) -> None:
    """They do when there is no answer in JSON; there always is one."""
    gateway, _ = behind
    with upstash_redis.Redis(gateway.url, gateway.token, rest_retries=3) as client:
        proxy.cut_reply(match=b"INCR")
        with pytest.raises(UpstashError, match="may have been executed"):
            client.incr("n")
    assert raw.get("n") == b"1"


def test_a_reply_that_is_late(proxy: FaultProxy, raw: redis.Redis) -> None:
    """It is not waited for beyond the limit, and not taken for the next one's."""

    async def scenario() -> None:
        config = {"socket_timeout": 0.3, "max_connections": 1}
        async with calling(asgi_app(proxy.url, token=TOKEN, config=config)) as http:
            await http.post("/", json=["PING"])
            proxy.delay(30, match=b"INCR")
            answer = await http.post("/", json=["INCR", "n"])
            assert (answer.status_code, answer.json()) == (504, DOUBT)
            assert (await http.post("/", json=["ECHO", "x"])).json() == {"result": "x"}

    asyncio.run(scenario())
    assert raw.get("n") == b"1"


def test_wrong_credentials(server: Server, raw: redis.Redis) -> None:
    """They are the gateway's own, so the client is told nothing of them."""
    raw.acl_setuser("known", enabled=True, passwords=["+right"], categories=["+@all"], keys=["*"])
    try:
        url = server.url.replace("redis://", "redis://known:s3cret@")
        with Gateway(url) as gateway:
            headers = {"Authorization": f"Bearer {gateway.token}"}
            answer = httpx.post(gateway.url, json=["GET", "k"], headers=headers)
            assert (answer.status_code, answer.json()) == (500, NOTHING)
            assert "refused the user name or password" in gateway.said
            assert "s3cret" not in gateway.said
    finally:
        raw.acl_deluser("known")


def test_a_user_without_transactions(server: Server, raw: redis.Redis) -> None:
    """Nothing of one is executed then, not even one command after the other."""
    raw.acl_setuser(
        "single",
        enabled=True,
        passwords=["+right"],
        keys=["*"],
        categories=["+@all"],
        commands=["-multi"],
    )
    try:
        url = server.url.replace("redis://", "redis://single:right@")
        with Gateway(url) as gateway:
            headers = {"Authorization": f"Bearer {gateway.token}"}
            for _ in range(2):
                body = [["SET", "k", "v"]]
                answer = httpx.post(f"{gateway.url}/multi-exec", json=body, headers=headers)
                assert answer.status_code == 400
                assert answer.json()["error"].startswith("NOPERM ")
            assert raw.dbsize() == 0
            answer = httpx.post(f"{gateway.url}/pipeline", json=body, headers=headers)
            assert answer.json() == [{"result": "OK"}]
    finally:
        raw.acl_deluser("single")


def test_a_client_that_goes_in_the_middle(gateway: Gateway, raw: redis.Redis) -> None:
    """Half a request is none; a whole one is executed although nobody waits for the answer."""
    address = ("127.0.0.1", int(gateway.url.rpartition(":")[2]))
    body = b'["INCR","n"]'
    head = (
        f"POST / HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer {gateway.token}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode()
    before = gateway.said
    for sent in (head + body[:-1], head + body):
        with socket.create_connection(address, timeout=5) as connection:
            connection.sendall(sent)
    wait_until(lambda: raw.get("n") is not None, what="the whole request is executed")
    headers = {"Authorization": f"Bearer {gateway.token}"}
    assert httpx.post(gateway.url, json=["GET", "n"], headers=headers).json() == {"result": "1"}
    assert gateway.said == before


def in_transactions(raw: redis.Redis) -> list[str]:
    """The connections of the server that are inside of MULTI."""
    return [one["id"] for one in raw.client_list() if one["multi"] != "-1"]


@pytest.mark.parametrize("warm", [True, False])
def test_a_request_that_is_cancelled(own_server: Server, warm: bool) -> None:
    """At whatever await: all of a transaction or nothing, and the next request gets its own reply
    over a connection that is outside of any transaction."""
    problems: list[object] = []

    async def outcome(raw: redis.Redis, nth: int, moment: Any) -> tuple[object, int]:
        config = {"max_connections": 1}
        async with calling(asgi_app(own_server.url, token=TOKEN, config=config)) as http:
            if warm:
                await http.post("/multi-exec", json=[["DEL", "n"]])
            call = http.post("/multi-exec", json=[["INCR", "n"], ["SET", "m", "x"], ["INCR", "n"]])
            running = CancelledAt(call, nth, moment)
            one = asyncio.create_task(awaited(running))
            result: object
            [result] = await asyncio.gather(one, return_exceptions=True)
            assert (await http.post("/", json=["ECHO", "own"])).json() == {"result": "own"}
            after = (await http.post("/multi-exec", json=[["GET", "n"], ["GET", "m"]])).json()
            assert after in (
                [{"result": None}, {"result": None}],
                [{"result": "2"}, {"result": "x"}],
            )
            assert in_transactions(raw) == []
            assert asyncio.all_tasks() == {asyncio.current_task()}
        return result, running.waits

    async def scenario(raw: redis.Redis) -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, found: problems.append(found))
        for moment in MOMENTS:
            for nth in itertools.count(1):
                raw.flushall()
                result, waits = await outcome(raw, nth, moment)
                if waits < nth:
                    assert isinstance(result, httpx.Response)
                    assert result.json() == [{"result": 1}, {"result": "OK"}, {"result": 2}]
                    break
                assert isinstance(result, asyncio.CancelledError), (moment, nth, result)

    with own_server.client() as raw:
        asyncio.run(scenario(raw))
    assert problems == []


@pytest.mark.parametrize("connections", [1, 3])
def test_transactions_among_others(server: Server, raw: redis.Redis, connections: int) -> None:
    """No other request comes between MULTI and EXEC, however few connections there are."""

    async def scenario() -> None:
        config = {"max_connections": connections}
        async with calling(asgi_app(server.url, token=TOKEN, config=config)) as http:
            body = [["INCR", "n"], ["INCR", "n"]]
            asked = [
                call
                for number in range(30)
                for call in (
                    http.post("/multi-exec", json=body),
                    http.post("/", json=["ECHO", str(number)]),
                )
            ]
            answers = [answer.json() for answer in await asyncio.gather(*asked)]
        assert answers[1::2] == [{"result": str(number)} for number in range(30)]
        pairs = sorted([one["result"] for one in answer] for answer in answers[::2])
        assert pairs == [[number, number + 1] for number in range(1, 60, 2)]

    asyncio.run(scenario())


@pytest.fixture
def own_server() -> Iterator[Server]:
    """A server that nobody else has connections to: they are looked at."""
    with Server("redis") as server:
        yield server


def test_an_error_that_nobody_foresaw(
    server: Server, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is answered in JSON as well, and named in the log without what it says."""
    app = asgi_app(server.url, token=TOKEN)

    async def fails(*_args: object, **_options: object) -> Callable[[], None]:
        raise KeyError("a value")

    async def scenario() -> None:
        monkeypatch.setattr(app.state.store, "run", fails)
        async with calling(app) as http:
            answer = await http.post("/", json=["GET", "k"])
            assert (answer.status_code, answer.json()) == (500, DOUBT)

    asyncio.run(scenario())
    assert caplog.messages == ["KeyError"]


@pytest.mark.parametrize(
    ("url", "path", "known"),
    [
        ("redis://127.0.0.1:1", "/", True),
        ("redis://127.0.0.1:1", "/pipeline", True),
        ("redis+cluster://127.0.0.1:1", "/", True),
        ("redis+cluster://127.0.0.1:1", "/pipeline", False),
        ("redis+sentinel://127.0.0.1:1/main", "/pipeline", False),
    ],
)
def test_a_pipeline_over_several_nodes(
    url: str, path: str, known: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that cannot be reached says nothing of what another has done before."""
    app = asgi_app(url, token=TOKEN)
    monkeypatch.setattr(app.state.store, "_flags", Flags())

    async def fails(*_args: object) -> None:
        raise ConnectError("not reached")

    async def scenario() -> None:
        monkeypatch.setattr(app.state.store._transport, "execute", fails)
        body: Any = ["INCR", "n"] if path == "/" else [["INCR", "n"], ["INCR", "m"]]
        async with calling(app) as http:
            answer = await http.post(path, json=body)
            expected = (503, NOTHING) if known else (502, DOUBT)
            assert (answer.status_code, answer.json()) == expected

    asyncio.run(scenario())
