"""What each kind of answer means: replies, or a typed error that says whether it was done."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from httpx import Headers

from redialog import (
    AuthError,
    ConfigurationError,
    ConnectionLost,
    NotRedis,
    RateLimited,
    TransportError,
    Unavailable,
)
from redialog.effect import Batch, CommandError, Reply
from redialog.transports.rest._answers import Reader, retry_after
from redialog.transports.rest._common import Answer, requests, sync_token

ADDRESS = "https://NAME.upstash.io"
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
HTML = b"<html>SECRET said the proxy</html>"
ERR = {"error": "ERR SECRET"}


def answer(status: int, document: object = b"", **headers: str) -> Answer:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return Answer(status, Headers({k.replace("_", "-"): v for k, v in headers.items()}), body)


def read(found: Answer, commands: int = 1, *, writes: bool = True) -> list[Reply]:
    [request] = requests(Batch(((b"PING",),) * commands), 1000)
    return Reader(ADDRESS).replies(found, request, writes=writes, now=NOW)


def failed(found: Answer, commands: int = 1, *, writes: bool = True) -> TransportError:
    with pytest.raises(TransportError) as caught:
        read(found, commands, writes=writes)
    error = caught.value
    assert ADDRESS in str(error)
    assert error.address == ADDRESS
    assert "SECRET" not in str(error)
    assert error.__cause__ is None
    assert error.__suppress_context__ or error.__context__ is None
    return error


def test_results_of_one_command_and_of_several() -> None:
    """An object, and a list of them; errors of commands are values in their place."""
    assert read(answer(200, {"result": 1})) == [1]
    assert read(answer(200, {"result": None})) == [None]
    assert read(answer(200, {"result": ["bXNn", ["OK"]]})) == [[b"msg", [b"OK"]]]
    rows = [{"result": "OK"}, {"error": "WRONGTYPE Operation against"}, {"result": 2}]
    assert read(answer(200, rows), 3) == [
        b"OK",
        CommandError("WRONGTYPE", "Operation against"),
        2,
    ]


@pytest.mark.parametrize("status", [200, 400])
def test_the_error_of_a_command(status: int) -> None:
    """Its first word is the code, where it is one."""
    for text, error in (
        ("NOSCRIPT No matching script", CommandError("NOSCRIPT", "No matching script")),
        ("ERR wrong number", CommandError("ERR", "wrong number")),
        ("wrong number", CommandError("ERR", "wrong number")),
        ("OOM", CommandError("OOM", "")),
    ):
        assert read(answer(status, {"error": text})) == [error]


@pytest.mark.parametrize("status", [200, 400])
def test_an_error_in_place_of_a_list_is_every_commands(status: int) -> None:
    """As a service answers that cannot read the body: none was run."""
    assert (
        read(answer(status, {"error": "ERR not a pipeline"}), 2)
        == [CommandError("ERR", "not a pipeline")] * 2
    )


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("body", [{"error": "WRONGPASS SECRET"}, HTML])
def test_a_refused_token(status: int, body: Any) -> None:
    """Whoever refuses it; to try again is no use, and nothing was done."""
    error = failed(answer(status, body))
    assert isinstance(error, AuthError)
    assert (error.retryable, error.maybe_applied) == (False, False)


@pytest.mark.parametrize("code", ["WRONGPASS", "NOAUTH"])
def test_a_refused_token_without_its_status(code: str) -> None:
    """Some services say it with 400."""
    assert isinstance(failed(answer(400, {"error": f"{code} SECRET"})), AuthError)


@pytest.mark.parametrize("status", [500, 502, 503, 504, 520, 408])
@pytest.mark.parametrize("body", [ERR, HTML, b""])
@pytest.mark.parametrize("writes", [True, False])
def test_a_service_that_cannot_serve(status: int, body: Any, writes: bool) -> None:
    """What failed may have passed the request on before."""
    error = failed(answer(status, body), writes=writes)
    assert isinstance(error, Unavailable)
    assert str(status) in str(error)
    assert (error.retryable, error.maybe_applied) == (True, writes)


@pytest.mark.parametrize("status", [404, 405, 406, 410, 415, 418, 100])
@pytest.mark.parametrize("body", [ERR, HTML, b""])
def test_something_else_than_the_service(status: int, body: Any) -> None:
    """It refused the request, so it has not done it."""
    error = failed(answer(status, body))
    assert isinstance(error, NotRedis)
    assert (error.retryable, error.maybe_applied) == (False, False)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308, 304])
def test_a_redirect(status: int) -> None:
    """It is told, and where it leads is not: that can hold what was asked for."""
    error = failed(answer(status, HTML, Location="https://evil.example/SECRET"))
    assert isinstance(error, NotRedis)
    assert "not followed" in str(error)
    assert error.maybe_applied is False


STRANGE: list[Any] = [
    HTML,
    b"OK",
    b"\xff\xfe",
    b'"text"',
    b"null",
    [],
    [{"result": 1}],
    {"answer": 1},
    {"error": 5},
    {"result": {"SECRET": 1}},
    {"result": [{"SECRET": 1}]},
]


@pytest.mark.parametrize("body", STRANGE, ids=str)
@pytest.mark.parametrize("writes", [True, False])
def test_a_fine_status_with_a_strange_body(body: Any, writes: bool) -> None:
    """A login page or a proxy: whoever answered may have passed it on."""
    error = failed(answer(200, body), writes=writes)
    assert isinstance(error, NotRedis)
    assert error.maybe_applied is writes


@pytest.mark.parametrize("rows", [[], [{"result": 1}], [{"result": 1}] * 3, [{"result": 1}, 5]])
def test_a_list_of_another_length(rows: Any) -> None:
    """Which reply is whose cannot be known."""
    assert isinstance(failed(answer(200, rows), 2), NotRedis)


@pytest.mark.parametrize("body", [HTML, b"", [], b'{"error":'])
def test_a_bad_request_that_nobody_explains(body: Any) -> None:
    """A proxy's, for one; it was not passed on."""
    error = failed(answer(400, body))
    assert isinstance(error, NotRedis)
    assert error.maybe_applied is False


@pytest.mark.parametrize(
    "body", [b"", b" ", b"{", b'{"result":"bXN', b'[{"result":1},', b"[" * 9999]
)
def test_a_body_that_ends_too_early(body: bytes) -> None:
    """It broke on the way: to be tried again."""
    error = failed(answer(200, body), 2)
    assert isinstance(error, ConnectionLost)
    assert (error.retryable, error.maybe_applied) == (True, True)
    assert failed(answer(200, body), 2, writes=False).maybe_applied is False


def test_too_many_requests() -> None:
    """Nothing was done; when to come again is told where it is known."""
    error = failed(answer(429, ERR, Retry_After="7"))
    assert isinstance(error, RateLimited)
    assert (error.retryable, error.maybe_applied, error.retry_after) == (True, False, 7.0)
    assert "7 s" in str(error)
    assert getattr(failed(answer(429, HTML)), "retry_after", 0) is None


@pytest.mark.parametrize(
    "text", ["ERR max daily request limit exceeded. Limit: 1", "ERR max requests limit exceeded."]
)
def test_a_plan_that_is_used_up(text: str) -> None:
    """Upstash says it in the error of a command; of several, some may have been done."""
    one, all_, some = (
        failed(answer(400, {"error": text})),
        failed(answer(200, [{"error": text}] * 2), 2),
        failed(answer(200, [{"result": 1}, {"error": text}]), 2),
    )
    assert [type(error) for error in (one, all_, some)] == [RateLimited] * 3
    assert [error.maybe_applied for error in (one, all_, some)] == [False, False, True]


@pytest.mark.parametrize(
    "found", [answer(413, HTML), answer(400, {"error": "ERR max request size exceeded. SECRET"})]
)
def test_a_request_that_the_service_finds_too_large(found: Answer) -> None:
    """The option that helps is named."""
    with pytest.raises(ConfigurationError, match="max_request_bytes") as caught:
        read(found)
    assert "SECRET" not in str(caught.value)


def test_when_to_come_again() -> None:
    """Seconds, or a time by the clock of the server."""
    theirs = NOW + timedelta(hours=5)
    date = format_datetime(theirs, usegmt=True)
    later = format_datetime(theirs + timedelta(seconds=90), usegmt=True)
    assert retry_after(answer(429, Retry_After=" 120 "), NOW) == 120
    assert retry_after(answer(429, Retry_After="0.5"), NOW) == 0.5
    assert retry_after(answer(429, Retry_After=later, Date=date), NOW) == 90
    assert retry_after(answer(429, Retry_After=date), theirs - timedelta(seconds=30)) == 30
    assert retry_after(answer(429, Retry_After=date), theirs + timedelta(days=1)) == 0


@pytest.mark.parametrize(
    "text",
    ["", "soon", "-1", "nan", "inf", "1e9", "9" * 20, "Fri, 32 Jan 2026 00:00:00 GMT", "\u0661"],
)
def test_what_says_no_time(text: str) -> None:
    """It is as if it were not there."""
    headers = Headers([(b"retry-after", text.encode())])
    assert retry_after(Answer(429, headers, b""), NOW) is None


@pytest.mark.parametrize("text", ["", "é", "a\tb", "x" * 2000])
def test_a_sync_token_that_cannot_be_sent_back(text: str) -> None:
    """It is left alone."""
    headers = Headers([(b"upstash-sync-token", text.encode())])
    assert sync_token(Answer(200, headers, b"")) is None
    assert sync_token(answer(200, b"", Upstash_Sync_Token="abc=")) == "abc="
