"""The protocol itself: paths, bodies, encodings, methods and what is wrong with a request."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import redis

from tests.gateway.conftest import MAX_BODY
from tests.support.gateways import Gateway

BASE64 = {"Upstash-Encoding": "base64"}


@pytest.fixture
def http(gateway: Gateway) -> Iterator[httpx.Client]:
    """A plain HTTP client with the full token."""
    headers = {"Authorization": f"Bearer {gateway.token}"}
    with httpx.Client(base_url=gateway.url, headers=headers) as client:
        yield client


def result(response: httpx.Response) -> Any:
    """The result of an answer that is none of an error."""
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/json"
    answer = response.json()
    assert answer.keys() == {"result"}
    return answer["result"]


def error(response: httpx.Response, status: int = 400) -> str:
    """The text of an answer that is one of an error."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"
    answer = response.json()
    assert answer.keys() == {"error"}
    return str(answer["error"])


def test_a_command_in_the_path(http: httpx.Client, raw: redis.Redis) -> None:
    """Each part is an argument, decoded by itself; the command's name in any case."""
    assert result(http.get("/set/a%2Fb%20c/d%C3%A9%00%ff")) == "OK"
    assert raw.get("a/b c") == b"d\xc3\xa9\x00\xff"
    assert result(http.get("/Get/a%2Fb%20c")) == "dé\x00\ufffd"
    assert result(http.get("/set/line%0Abreak/%0D%0A")) == "OK"
    assert raw.get("line\nbreak") == b"\r\n"
    assert result(http.get("/set/empty/")) == "OK"
    assert raw.get("empty") == b""
    assert result(http.post("/strlen/empty")) == 0
    assert result(http.put("/incr/n")) == 1
    assert http.head("/incr/n").content == b""
    assert raw.get("n") == b"2"


def test_a_value_in_the_body(http: httpx.Client, raw: redis.Redis) -> None:
    """It stands between the path and the query, byte by byte."""
    value = bytes(range(256))
    assert result(http.post("/set/k", content=value)) == "OK"
    assert raw.get("k") == value
    assert result(http.post("/set/k?EX=1000&NX", content=b"other")) is None
    assert result(http.put("/set/k?ex=1000&XX=", content=b'["GET","k"]')) == "OK"
    assert raw.get("k") == b'["GET","k"]'
    assert raw.ttl("k") > 900
    # A GET has no body.
    assert result(http.request("GET", "/get/k", content=b"ignored")) == '["GET","k"]'


def test_options_in_the_query(http: httpx.Client, raw: redis.Redis) -> None:
    """They follow what the path says, in their order; plus is a blank, as in forms."""
    assert result(http.get("/set/k/v?EX=1000")) == "OK"
    assert raw.ttl("k") > 900
    assert result(http.get("/echo?a+b%2Bc")) == "a b+c"


def test_the_token_in_the_query(gateway: Gateway, raw: redis.Redis) -> None:
    """It is none of the command's arguments; a header goes before it."""
    url = f"{gateway.url}/set/k/v"
    assert result(httpx.get(url, params={"_token": gateway.token})) == "OK"
    posted = {"_token": gateway.token}
    assert result(httpx.post(gateway.url, params=posted, json=["GET", "k"])) == "v"
    assert error(httpx.get(url, params={"_token": "wrong"}), 401).startswith("WRONGPASS ")
    wrong = {"Authorization": "Bearer wrong"}
    answer = httpx.get(url, params={"_token": gateway.token}, headers=wrong)
    assert error(answer, 401).startswith("WRONGPASS ")


@pytest.mark.parametrize("given", ["", "Bearer", "Basic {}", "{}", "Bearer {}x"])
def test_a_header_without_the_token(gateway: Gateway, raw: redis.Redis, given: str) -> None:
    """It is refused before the body is read, whatever is in it."""
    headers = {"Authorization": given.format(gateway.token)}
    for body in (b'["SET","k","v"]', b"no JSON", b"x" * (2 * MAX_BODY)):
        answer = httpx.post(gateway.url, content=body, headers=headers)
        assert error(answer, 401) == "WRONGPASS invalid or missing auth token"
    assert raw.dbsize() == 0


def test_a_bearer_of_any_case(gateway: Gateway) -> None:
    """The scheme of a header has no case."""
    headers = {"Authorization": f"bEARER {gateway.token}"}
    assert result(httpx.get(f"{gateway.url}/ping", headers=headers)) == "PONG"


def test_arguments(http: httpx.Client, raw: redis.Redis) -> None:
    """Numbers arrive as they were written, true and false as words, half a character as U+FFFD."""
    body = (
        '["RPUSH","k","a",1,1.10,1e21,12345678901234567890123,-0.0,true,false,"\\ud83d","\\u0000"]'
    )
    assert result(http.post("/", content=body)) == 10
    found = "a 1 1.10 1e21 12345678901234567890123 -0.0 true false \ufffd \x00"
    assert raw.lrange("k", 0, -1) == [word.encode() for word in found.split(" ")]


def test_numbers_of_a_reply(http: httpx.Client) -> None:
    """They are JSON numbers of any size, and floating-point ones text, as in RESP2."""
    http.post("/", json=["SET", "n", "9223372036854775806"])
    assert http.post("/", json=["INCR", "n"]).text == '{"result":9223372036854775807}'
    assert result(http.post("/", json=["INCRBYFLOAT", "f", "1.5"])) == "1.5"


@pytest.mark.parametrize("path", ["/", "/pipeline", "/multi-exec"])
@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        ([], "empty command"),
        ([""], "empty command"),
        ([None, "k"], "empty command"),
        (["GET", None], "null args are not supported"),
        (["GET", ["k"]], "the arguments of a command must be text or numbers"),
        (["GET", {"k": 1}], "the arguments of a command must be text or numbers"),
        ({"GET": "k"}, "a command must be a JSON array"),
        ("GET k", "a command must be a JSON array"),
    ],
)
def test_a_command_that_is_none(
    http: httpx.Client, raw: redis.Redis, path: str, row: object, complaint: str
) -> None:
    """Nothing of the request is executed, the right ones in it neither."""
    body = row if path == "/" else [["SET", "before", 1], row, ["SET", "after", 1]]
    assert error(http.post(path, json=body)) == f"ERR {complaint}"
    assert raw.dbsize() == 0


@pytest.mark.parametrize(
    "body",
    [b"", b"GET k", b'["GET","k"', b'["GET",NaN]', b'["GET","\xff"]', b"[" * 90_000],
    ids=["empty", "plain", "open", "NaN", "no UTF-8", "deep"],
)
@pytest.mark.parametrize("path", ["/", "/pipeline", "/multi-exec"])
def test_a_body_that_is_no_json(http: httpx.Client, path: str, body: bytes) -> None:
    """It is told so, without a word of what it was."""
    text = error(http.post(path, content=body))
    assert text in (
        "ERR the body is not valid JSON",
        "ERR the arguments of a command must be text or numbers",
    )


@pytest.mark.parametrize("body", ["[]", "{}", '"GET"', "1", "null"])
@pytest.mark.parametrize("path", ["/pipeline", "/multi-exec"])
def test_a_batch_that_is_none(http: httpx.Client, path: str, body: str) -> None:
    """It is an array with a command at least."""
    text = error(http.post(path, content=body))
    assert text == "ERR the body must be a JSON array of commands"


def test_no_command_at_all(http: httpx.Client) -> None:
    """A path without one is an error, as is one for batches without a body."""
    assert error(http.get("/")) == "ERR empty command"
    assert error(http.get("/pipeline")).startswith("ERR unknown command")


@pytest.mark.parametrize("method", ["DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_other_methods(http: httpx.Client, method: str) -> None:
    """They are none of the protocol, with a token and without."""
    answer = http.request(method, "/get/k", headers={"Authorization": ""})
    assert error(answer, 405).startswith("ERR only ")
    assert answer.headers["allow"] == "GET, HEAD, POST, PUT"


def test_the_size_of_a_body(http: httpx.Client, raw: redis.Redis) -> None:
    """As many bytes as are allowed are taken, and not one more, announced or not."""

    def value(size: int) -> bytes:
        return b"x" * size

    assert result(http.post("/set/k", content=value(MAX_BODY))) == "OK"
    assert raw.strlen("k") == MAX_BODY
    for body in (value(MAX_BODY + 1), iter([value(MAX_BODY), b"x"])):
        answer = http.post("/set/k", content=body)
        assert error(answer, 413) == "ERR max request size exceeded"
    assert raw.strlen("k") == MAX_BODY


def test_base64(http: httpx.Client, raw: redis.Redis) -> None:
    """All text is encoded, at any depth, but OK at the top; numbers, null and errors are not."""
    value = bytes(range(256))
    raw.set("k", value)
    raw.rpush("l", "OK", "a")
    found = result(http.post("/", json=["GET", "k"], headers=BASE64))
    assert b64decode(found) == value
    ok, a = (b64encode(text).decode() for text in (b"OK", b"a"))
    batch = [
        ["SET", "x", "1"],
        ["GET", "none"],
        ["STRLEN", "k"],
        ["LRANGE", "l", 0, -1],
        ["EVAL", "return {1, {redis.status_reply('OK'), false}, 'a', redis.error_reply('E x')}", 0],
        ["INCR", "k"],
        ["PING"],
    ]
    expected = [
        {"result": "OK"},
        {"result": None},
        {"result": 256},
        {"result": [ok, a]},
        {"result": [1, [ok, None], a, b64encode(b"E x").decode()]},
        {"error": "ERR value is not an integer or out of range"},
        {"result": b64encode(b"PONG").decode()},
    ]
    for path in ("/pipeline", "/multi-exec"):
        assert http.post(path, json=batch, headers=BASE64).json() == expected


def test_errors_as_redis_wrote_them(http: httpx.Client, raw: redis.Redis) -> None:
    """With their code, at the top and inside of a transaction."""
    raw.rpush("l", "a")
    errors = {
        "ERR wrong number of arguments for 'get' command": ["GET"],
        "ERR XX and NX options at the same time are not compatible": [
            "ZADD",
            "z",
            "XX",
            "NX",
            1,
            1,
        ],
        "WRONGTYPE Operation against a key holding the wrong kind of value": ["GET", "l"],
        "NOSCRIPT No matching script. Please use EVAL.": ["EVALSHA", "0" * 40, 0],
        "BUSYKEY it is": ["EVAL", "return redis.error_reply('BUSYKEY it is')", 0],
        "OOM it is": ["EVAL", "return redis.error_reply('OOM it is')", 0],
    }
    for text, command in errors.items():
        assert error(http.post("/", json=command)) == text
        if command != ["GET"]:
            answers = http.post("/multi-exec", json=[["PING"], command]).json()
            assert answers == [{"result": "PONG"}, {"error": text}]
    assert error(http.get("/%FF%FE/k")).startswith("ERR unknown command")
    broken = ["EVAL", "return redis.error_reply('E \\255\\237\\160\\128')", 0]
    assert error(http.post("/", json=broken)).startswith("E ")


def test_another_response_format(http: httpx.Client) -> None:
    """Only JSON is spoken; who wants RESP2 is told so."""
    wanted = {"Upstash-Response-Format": "resp2"}
    assert error(http.get("/ping", headers=wanted)) == "ERR the only response format here is json"


def test_a_pipeline_in_order(http: httpx.Client, raw: redis.Redis) -> None:
    """Each reply stands where its command did, also between refused ones."""
    batch = [
        ["SET", "k", 1],
        ["KEYS", "*"],
        ["INCR", "k"],
        ["MULTI"],
        ["LPUSH", "k", 1],
        ["INCR", "k"],
    ]
    answers = http.post("/pipeline", json=batch).json()
    assert [answer.get("result") for answer in answers] == ["OK", None, 2, None, None, 3]
    codes = [answer.get("error", "").partition(" ")[0] for answer in answers]
    assert codes == ["", "NOPERM", "", "NOPERM", "WRONGTYPE", ""]
    assert json.loads(http.post("/pipeline", json=[["KEYS", "*"]]).text)[0].keys() == {"error"}


def test_what_an_answer_says_besides(http: httpx.Client) -> None:
    """Nobody is to store it, and who sends a sync token gets one, with an error too."""
    for path, given in (("/ping", ""), ("/get", "old"), ("/ping", "x" * 100)):
        answer = http.get(path, headers={"Upstash-Sync-Token": given})
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["upstash-sync-token"] not in ("", given)
        assert "server" not in answer.headers
    assert "upstash-sync-token" not in http.get("/ping").headers
