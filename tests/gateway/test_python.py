"""The real upstash-redis, unchanged, blocking and with asyncio, in front of the gateway."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeAlias

import pytest
import redis
import upstash_redis
import upstash_redis.asyncio
from upstash_redis.errors import UpstashError

from tests.gateway.conftest import MAX_BODY
from tests.support.gateways import Gateway

WRONGTYPE = "WRONGTYPE Operation against a key holding the wrong kind of value"
TEXTS = ["", "OK", "null", "1.0", "déjà vu 😀", "a\x00b\x1f\x7f", "\u2028\ufeff", "x" * 50_000]

# A client of either kind, or a pipeline; `connect` makes them answer alike.
Client: TypeAlias = Any
Connect: TypeAlias = Callable[..., Client]


class Answering:
    """A client whose calls return their results, whether it is blocking or not.

    Args:
        inner: the client, or one of its pipelines.
        runner: of its event loop; None where it has none.
    """

    def __init__(self, inner: Client, runner: asyncio.Runner | None) -> None:
        self._inner = inner
        self._runner = runner

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if not callable(found):
            return found

        def call(*args: Any, **options: Any) -> Any:
            result = found(*args, **options)
            if inspect.iscoroutine(result):
                assert self._runner is not None
                return self._runner.run(result)
            if hasattr(result, "exec"):
                return Answering(result, self._runner)
            return result

        return call


@pytest.fixture(params=["sync", "async"])
def connect(request: pytest.FixtureRequest, gateway: Gateway) -> Iterator[Connect]:
    """Makes clients of each kind in turn; closed after the test."""
    made: list[Client] = []
    with asyncio.Runner() as runner:

        def make(token: str = gateway.token, **options: Any) -> Client:
            # A request that failed is not sent again after three seconds.
            options = {"rest_retries": 0, **options}
            if request.param == "sync":
                client = Answering(upstash_redis.Redis(gateway.url, token, **options), None)
            else:
                client = Answering(
                    upstash_redis.asyncio.Redis(gateway.url, token, **options), runner
                )
            made.append(client)
            return client

        yield make
        for client in made:
            client.close()


def test_single_commands(connect: Connect, raw: redis.Redis) -> None:
    """What it writes lies in Redis as it should, and what it reads comes back as its own types."""
    client = connect()
    assert client.set("k", {"a": 1}, ex=1000) is True
    assert client.get("k") == '{"a": 1}'
    assert client.ttl("k") > 900
    assert client.get("nothing") is None
    assert client.set("n", 1.5) is True
    assert client.incrbyfloat("n", 0.25) == 1.75
    assert client.hset("h", values={"a": "1", "b": True}) == 2
    assert client.hgetall("h") == {"a": "1", "b": "true"}
    assert client.rpush("l", "a", "b") == 2
    assert client.lrange("l", 0, -1) == ["a", "b"]
    assert client.zadd("z", {"m": 1.5, "o": 2}) == 2
    assert client.zrange("z", 0, -1, withscores=True) == [("m", 1.5), ("o", 2.0)]
    assert client.mget("n", "nothing") == ["1.75", None]
    assert client.scan(0, match="k*", count=1000) == (0, ["k"])
    assert client.ping() == "PONG"
    assert client.type("l") == "list"
    assert client.exists("k", "l", "nothing") == 2
    assert client.execute(["SET", "raw", 1.10, "EX", 10]) is True
    assert client.delete("k") == 1
    assert raw.get("raw") == b"1.1"
    assert raw.hgetall("h") == {b"a": b"1", b"b": b"true"}


def test_a_pipeline(connect: Connect, raw: redis.Redis) -> None:
    """All of it is executed; the client raises the first error."""
    client = connect()
    assert client.pipeline().set("p", "v").get("p").hgetall("none").exec() == [True, "v", {}]
    with pytest.raises(UpstashError, match=WRONGTYPE):
        client.pipeline().lpush("p", "x").set("q", "done").exec()
    assert raw.get("q") == b"done"


def test_a_transaction(connect: Connect, raw: redis.Redis) -> None:
    """One that is discarded leaves nothing; the client takes its error for a list, and fails."""
    client = connect()
    assert client.multi().set("m", 1).incr("m").get("m").exec() == [True, 2, "2"]
    with pytest.raises(UpstashError, match=WRONGTYPE):
        client.multi().lpush("m", "x").incr("m").exec()
    assert raw.get("m") == b"3"
    for discarded in (["DEL"], ["FLUSHALL"]):
        with pytest.raises(AttributeError, match="'str' object has no attribute 'get'"):
            client.multi().incr("m").execute(discarded).exec()
        assert raw.get("m") == b"3"


def test_scripts(connect: Connect) -> None:
    """EVAL, SCRIPT LOAD, EVALSHA and the error for a script that is not there."""
    client = connect()
    assert client.eval("return {KEYS[1], {ARGV[1], 'OK'}, 1}", ["k"], ["ä"]) == [
        "k",
        ["ä", "OK"],
        1,
    ]
    sha = client.script_load("return ARGV[1]")
    assert client.evalsha(sha, args=["x"]) == "x"
    assert client.script_exists(sha, "f" * 40) == [True, False]
    with pytest.raises(UpstashError, match=r"^NOSCRIPT "):
        client.evalsha("0" * 40)
    with pytest.raises(UpstashError, match=r"^MINE it is$"):
        client.eval("return redis.error_reply('MINE it is')")


@pytest.mark.parametrize("encoding", ["base64", None])
def test_texts(connect: Connect, encoding: str | None) -> None:
    """Any text comes back as it was, alone and in a list."""
    client = connect(rest_encoding=encoding)
    for text in TEXTS:
        client.set("text", text)
        assert client.get("text") == text
    client.rpush("texts", *TEXTS)
    assert client.lrange("texts", 0, -1) == TEXTS


def test_tokens(connect: Connect, gateway: Gateway, raw: redis.Redis) -> None:
    """A wrong one and none do nothing; the read-only one reads."""
    connect().set("k", "v")
    for wrong in ("wrong", gateway.token[:-1], gateway.token + "x", "x"):
        with pytest.raises(UpstashError, match="WRONGPASS invalid or missing auth token"):
            connect(wrong).get("k")
    reading = connect(gateway.read_only_token)
    assert reading.get("k") == "v"
    assert reading.ping() == "PONG"
    assert reading.eval_ro("return redis.call('GET', KEYS[1])", ["k"]) == "v"
    for write in (["SET", "k", "w"], ["EVAL", "return 1", 0], ["GETDEL", "k"], ["SCRIPT", "FLUSH"]):
        with pytest.raises(UpstashError, match="is refused with the read-only token"):
            reading.execute(write)
    with pytest.raises(AttributeError):
        reading.multi().get("k").delete("k").exec()
    assert raw.get("k") == b"v"


def test_a_request_that_is_too_large(connect: Connect, raw: redis.Redis) -> None:
    """It is refused with an answer, so the client does not send it again; the next is served."""
    client = connect(rest_retries=1)
    with pytest.raises(UpstashError, match="max request size exceeded"):
        client.set("large", "x" * (2 * MAX_BODY))
    assert client.set("small", "x")
    assert raw.keys() == [b"small"]


def test_the_sync_token(connect: Connect) -> None:
    """Each answer brings a new one to a client that sends its own, and none to another."""
    client = connect()
    seen = [client._sync_token]
    for number in range(3):
        client.set("k", number)
        seen.append(client._sync_token)
    assert seen[0] == ""
    assert len(set(seen)) == 4
    other = connect(read_your_writes=False)
    other.get("k")
    assert other._sync_token == ""


def test_many_threads_at_once(gateway: Gateway) -> None:
    """Each of many requests at once is executed once, and gets its own reply."""
    made = upstash_redis.Redis(gateway.url, gateway.token, rest_retries=0)
    with made as client, ThreadPoolExecutor(8) as threads:
        replies = list(threads.map(lambda _: client.incr("counted"), range(200)))
    assert sorted(replies) == list(range(1, 201))


def test_many_tasks_at_once(gateway: Gateway) -> None:
    """The same with asyncio."""

    async def count() -> list[int]:
        made = upstash_redis.asyncio.Redis(gateway.url, gateway.token, rest_retries=0)
        async with made as client:
            return await asyncio.gather(*(client.incr("counted") for _ in range(200)))

    assert sorted(asyncio.run(count())) == list(range(1, 201))
