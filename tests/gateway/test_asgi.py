"""The gateway inside of an application, without a process of its own."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import Any, TypeAlias

import httpx
import pytest
import redis
from starlette.applications import Starlette
from starlette.routing import Mount

import redialog
from redialog.errors import Closed, ConfigurationError
from redialog.gateway import asgi_app
from tests.support.servers import Server, wait_until

HEADERS = {"Authorization": "Bearer token"}


def client(app: Any) -> httpx.AsyncClient:
    """A client of an application in this process."""
    transport = httpx.ASGITransport(app)
    return httpx.AsyncClient(transport=transport, base_url="http://g", headers=HEADERS)


def test_in_an_application(server: Server, raw: redis.Redis) -> None:
    """Under a path of its own as well; its lifespan closes the connections."""
    app = asgi_app(server.url, token="token", config={"client_name": "inside"})

    async def scenario() -> None:
        async with app.router.lifespan_context(app):
            async with client(Starlette(routes=[Mount("/a b/redis", app)])) as http:
                prefix = "/a%20b/redis"
                answer = await http.get(f"{prefix}/set/a%2Fb/v")
                assert answer.json() == {"result": "OK"}
                answer = await http.post(f"{prefix}/pipeline", json=[["GET", "a/b"]])
                assert answer.json() == [{"result": "v"}]
                answer = await http.post(f"{prefix}/", json=["GET", "a/b"])
                assert answer.json() == {"result": "v"}
            assert "inside" in [one["name"] for one in raw.client_list()]
        with pytest.raises(Closed):
            await app.state.store.run([(b"PING",)], read_only=False)

    asyncio.run(scenario())

    def closed() -> bool:
        return "inside" not in [one["name"] for one in raw.client_list()]

    wait_until(closed, what="its connections are closed")


def test_a_server_that_tells_no_raw_path(server: Server) -> None:
    """ASGI leaves that open; the path is encoded again then."""
    app = asgi_app(server.url, token="token")

    async def without(scope: Any, receive: Any, send: Any) -> None:
        await app({name: scope[name] for name in scope if name != "raw_path"}, receive, send)

    async def scenario() -> None:
        async with app.router.lifespan_context(app), client(without) as http:
            assert (await http.get("/set/a%20b%2520/dé")).json() == {"result": "OK"}
            assert (await http.post("/", json=["GET", "a b%20"])).json() == {"result": "dé"}

    asyncio.run(scenario())


Messages: TypeAlias = list[dict[str, Any]]


async def asked(app: Any, messages: Messages, *headers: tuple[bytes, bytes]) -> Messages:
    """What the application sends where a server gives it these messages."""
    sent: Messages = []
    given = iter(messages)

    async def receive() -> dict[str, Any]:
        return next(given)

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/",
        "query_string": b"",
        "headers": headers or [(b"authorization", b"Bearer token")],
    }
    await app(scope, receive, send)
    return sent


def part(body: bytes, *, more: bool = True) -> dict[str, Any]:
    """A part of a request."""
    return {"type": "http.request", "body": body, "more_body": more}


def test_a_body_in_parts(server: Server, raw: redis.Redis) -> None:
    """They are put together, up to the limit and no further; half a body is none."""
    app = asgi_app(server.url, token="token", max_body=20)
    whole = [part(b'["SET"'), part(b""), part(b',"k","v"'), part(b"]", more=False)]

    async def scenario() -> None:
        async with app.router.lifespan_context(app):
            started, body = await asked(app, whole)
            assert (started["status"], body["body"]) == (200, b'{"result":"OK"}')
            assert raw.getdel("k") == b"v"
            assert await asked(app, [*whole[:3], {"type": "http.disconnect"}]) == []
            # It is not read on once it is too large.
            started, body = await asked(app, [part(b'["SET","k","'), part(b"x" * 20)])
            assert (started["status"], body["body"][:10]) == (413, b'{"error":"')
            assert raw.dbsize() == 0

    asyncio.run(scenario())


def test_a_header_that_comes_twice(server: Server) -> None:
    """The first one counts."""
    app = asgi_app(server.url, token="token")
    right, wrong = (b"authorization", b"Bearer token"), (b"authorization", b"Bearer x")
    ping = [part(b'["PING"]', more=False)]

    async def scenario() -> None:
        async with app.router.lifespan_context(app):
            for headers, status in (((right, wrong), 200), ((wrong, right), 401)):
                started, _ = await asked(app, ping, *headers)
                assert started["status"] == status

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"token": ""}, "needs a token"),
        ({"token": None}, "needs a token"),
        ({"token": "t", "read_only_token": ""}, "needs a read-only token"),
        ({"token": "t", "read_only_token": "t"}, "must differ"),
        ({"token": "t\n"}, "visible ASCII"),
        ({"token": "t", "max_body": 0}, "max_body"),
        ({"token": "t", "max_body": True}, "max_body"),
        ({"token": "t", "allow_commands": ["select"]}, "cannot be allowed"),
        ({"token": "t", "allow_commands": "keys"}, "not one text"),
        ({"token": "t", "config": 1}, "config must be a mapping"),
        ({"token": "t", "config": {"nonsense": 1}}, "there is no option 'nonsense'"),
    ],
)
def test_wrong_arguments(options: dict[str, Any], complaint: str) -> None:
    """They are complained about before anything is served."""
    with pytest.raises(ConfigurationError, match=complaint):
        asgi_app("redis://127.0.0.1:1", **options)


def test_the_import_loads_no_web_server() -> None:
    """``redialog.gateway`` can be imported without the extra."""
    code = (
        "import sys, redialog.gateway\n"
        "print({'starlette', 'uvicorn', 'redis', 'asyncio'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "set()\n"
    assert "gateway" not in redialog.__all__
