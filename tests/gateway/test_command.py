"""The command line: how it starts, what it says and how it ends."""

from __future__ import annotations

import signal
import socket
import threading
from pathlib import Path

import httpx
import pytest

from redialog.gateway import serving
from tests.cli.tools import MAIN, run
from tests.support.gateways import Gateway
from tests.support.proxy import FaultProxy
from tests.support.servers import Server, wait_until

NOWHERE = "redis://127.0.0.1:1"
TOKEN = {"REDIALOG_GATEWAY_TOKEN": "token-from-the-environment"}


@pytest.mark.parametrize(
    ("args", "complaint"),
    [
        ([], "a token is needed"),
        (["--token", ""], "a token is needed"),
        (["--token", "a b"], "visible ASCII"),
        (["--token", "ä"], "visible ASCII"),
        (["--token", "same", "--read-only-token", "same"], "must differ"),
        (["--token", "t", "--read-only-token", "a b"], "visible ASCII"),
        (["--token", "t", "--listen", "8079"], "HOST:PORT"),
        (["--token", "t", "--listen", ":8079"], "HOST:PORT"),
        (["--token", "t", "--listen", "127.0.0.1:http"], "HOST:PORT"),
        (["--token", "t", "--listen", "127.0.0.1:65536"], "HOST:PORT"),
        (["--token", "t", "--listen", "::1:8079"], "HOST:PORT"),
        (["--token", "t", "--listen", "192.0.2.1:0"], "cannot listen on"),
        (["--token", "t", "--listen", "no host:1"], "cannot listen on"),
        (["--token", "t", "--allow-commands", "flush db"], "must be a name"),
        (["--token", "t", "--allow-commands", "keys,multi"], "MULTI cannot be allowed"),
        (["--token", "t", "--max-body", "0"], "--max-body"),
        (["--token", "t", "--url", "nonsense://h"], "not supported"),
        (["--token", "t", "--url", "https://name.upstash.io"], "not another REST service"),
    ],
)
def test_wrong_usage(args: list[str], complaint: str) -> None:
    """It says what is wrong, in a line, and does not start."""
    ended = run("gateway", "--url", NOWHERE, *args, env={"REDIALOG_TOKEN": "of the REST service"})
    assert ended.code == 2
    assert complaint in ended.err
    assert ended.err.count("\n") == 1
    assert ended.out == ""


def test_a_port_that_is_taken() -> None:
    """It is a mistake in the arguments."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = run("gateway", "--url", NOWHERE, "--listen", f"127.0.0.1:{port}", env=TOKEN)
    assert (ended.code, ended.err) == (
        2,
        f"redialog: cannot listen on 127.0.0.1:{port}: address already in use\n",
    )


@pytest.mark.parametrize("missing", ["starlette", "uvicorn"])
def test_without_the_extra(missing: str) -> None:
    """It names the line that installs it."""
    code = f"import sys; sys.modules[{missing!r}] = None; {MAIN}"
    ended = run("gateway", "--url", NOWHERE, env=TOKEN, code=code)
    assert ended.code == 1
    assert "pip install 'redialog[gateway]'" in ended.err


def test_upstash_s_variables_are_its_clients() -> None:
    """They name what asks the gateway, so they neither lead it anywhere nor are asked for."""
    upstash = {"UPSTASH_REDIS_REST_URL": "http://127.0.0.1:8079"}
    taken = ["--listen", "192.0.2.1:0"]  # it gets as far as listening
    for more in {"REDIS_URL": NOWHERE}, {"REDIALOG_URL": NOWHERE}:
        ended = run("gateway", *taken, env={**TOKEN, **upstash, **more})
        assert "cannot listen on" in ended.err
    ended = run("gateway", "--url", "https://name.upstash.io", env=TOKEN)
    assert (ended.code, ended.err) == (
        2,
        "redialog: the gateway needs a Redis behind it, not another REST service\n",
    )


def test_help() -> None:
    """It tells every option, and where a token can come from."""
    ended = run("gateway", "--help")
    assert ended.code == 0
    for word in (
        *("--url", "--listen", "--token", "--read-only-token", "--allow-commands", "--max-body"),
        *("REDIALOG_GATEWAY_TOKEN", "REDIALOG_GATEWAY_READ_ONLY_TOKEN", "127.0.0.1:8079"),
    ):
        assert word in ended.out


def test_what_it_says(server: Server) -> None:
    """Where it listens, in one line; no secret, and nothing of what it is asked."""
    password = "p4ss"
    url = server.url.replace("redis://", f"redis://default:{password}@")
    with Gateway(url) as gateway:
        port = gateway.url.rpartition(":")[2]
        shown = f"redis://{server.host}:{server.port}/0"
        line = f"redialog: the gateway to {shown} listens on http://127.0.0.1:{port}\n"
        headers = {"Authorization": f"Bearer {gateway.token}"}
        httpx.get(f"{gateway.url}/set/secret-key/secret-value", headers=headers)
        httpx.get(f"{gateway.url}/get/k", params={"_token": gateway.token})
        httpx.post(f"{gateway.url}/pipeline", content=b"secret-value")
        with socket.create_connection(("127.0.0.1", int(port)), timeout=5) as connection:
            connection.sendall(b"secret-value\r\n\r\n")
            assert connection.recv(1000).startswith(b"HTTP/1.1 400 ")
        assert gateway.stop() == 0
        assert gateway.said.startswith(line)
        for secret in (password, gateway.token, gateway.read_only_token, "secret-"):
            assert secret not in gateway.said


def test_the_token_stands_in_no_list_of_processes(gateway: Gateway) -> None:
    """Where it comes from the environment."""
    arguments = Path(f"/proc/{gateway.process.pid}/cmdline")
    seen = (
        arguments.read_bytes()
        if arguments.exists()
        else b" ".join(
            str(word).encode()
            for word in gateway.process.args  # type: ignore[union-attr]
        )
    )
    assert b"gateway" in seen
    assert gateway.token.encode() not in seen


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_the_end(server: Server, number: signal.Signals, code: int) -> None:
    """A signal ends it after what is under way, and closes what it had open."""
    with (
        FaultProxy(server.host, server.port) as proxy,
        Gateway(proxy.url) as gateway,
        httpx.Client(headers={"Authorization": f"Bearer {gateway.token}"}) as http,
    ):
        # The connection stays open.
        http.get(f"{gateway.url}/ping")
        proxy.delay(1, match=b"LATE")
        answers: list[httpx.Response] = []

        def ask() -> None:
            answers.append(httpx.post(gateway.url, json=["ECHO", "LATE"], headers=http.headers))

        asking = threading.Thread(target=ask)
        asking.start()
        wait_until(lambda: "ECHO" in proxy.requests, what="the request is under way")
        assert gateway.stop(number) == code
        asking.join()
        assert [answer.json() for answer in answers] == [{"result": "LATE"}]
        assert gateway.said.rstrip().count("\n") == 0
        with pytest.raises(httpx.ConnectError):
            httpx.get(gateway.url)
        wait_until(lambda: proxy.open_connections == 0, what="its connections are closed")


def test_where_it_listens() -> None:
    """A host and a port; what others can reach is known to be so."""
    cases = {
        "127.0.0.1:0": ("http://127.0.0.1:", True),
        "localhost:0": ("http://", True),
        "[::1]:0": ("http://[::1]:", True),
        # Bound, and not listening.
        "0.0.0.0:0": ("http://0.0.0.0:", False),
    }
    for listen, (url, loopback) in cases.items():
        with serving.listening(listen) as bound:
            assert serving.shown(bound).startswith(url)
            assert serving.is_loopback(bound) is loopback
            # Else asyncio leaves the delay of small packets on.
            assert bound.proto == socket.IPPROTO_TCP
