"""Servers that are dead, silent or gone: a typed error after a few attempts, in bounded time.

The limits are small here; pytest's own time limit is the bound.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import redis

from redialog import (
    ConnectError,
    ConnectionLost,
    Message,
    ReplyTimeout,
    TransportError,
    plan,
)
from redialog.errors import Unavailable
from redialog.transports.redis import common
from tests.security.conftest import Connect
from tests.support.proxy import FaultProxy
from tests.support.servers import Certificates, Server, Setting, TLSServer, wait_until

SHORT: dict[str, Any] = {"socket_connect_timeout": 0.2, "socket_timeout": 0.2}
LOGIN = "bob:hunter2@"


@pytest.fixture(autouse=True)
def _no_sweeps(monkeypatch: pytest.MonkeyPatch) -> None:
    """No append begins with a read, as about one in 64 does: a lost one leaves nothing in doubt."""
    monkeypatch.setattr(plan, "_SWEEPS", 1 << 60)


def failed(memory: Any, kind: type[TransportError]) -> TransportError:
    """The error of a write, without a secret in it or in its causes."""
    with pytest.raises(kind) as caught:
        memory.session("s").append(Message.user("hunter2"))
    error: BaseException | None = caught.value
    while error is not None:
        assert "hunter2" not in f"{error} {error!r}"
        error = error.__cause__ or error.__context__
    assert "hunter2" not in repr(memory)
    return caught.value


class Silent:
    """Something that listens and never says anything; it counts who came."""

    def __init__(self, backlog: int = 100) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=backlog)
        self.port: int = self._listener.getsockname()[1]

    @property
    def came(self) -> int:
        """How many have come since it was last asked."""
        self._listener.setblocking(False)
        count = 0
        with contextlib.suppress(BlockingIOError):
            while True:
                self._listener.accept()[0].close()
                count += 1
        return count

    def fill(self) -> list[socket.socket]:
        """Takes all places of the queue, so that the next one waits to be let in."""
        filling = []
        for _ in range(8):
            one = socket.socket()
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", self.port))
            filling.append(one)
        return filling

    def close(self) -> None:
        """Listens no more."""
        self._listener.close()


@pytest.fixture
def silent() -> Iterator[Silent]:
    """A black hole."""
    found = Silent()
    yield found
    found.close()


def test_the_defaults_are_the_documented_ones(connect: Connect) -> None:
    """Two seconds to connect, five for a reply."""
    assert (common.CONNECT_TIMEOUT_S, common.REPLY_TIMEOUT_S) == (2.0, 5.0)
    defaults = common.client_defaults()
    assert (defaults["socket_connect_timeout"], defaults["socket_timeout"]) == (2.0, 5.0)


@pytest.mark.parametrize("scheme", ["redis", "rediss"])
def test_a_dead_server_is_given_up(connect: Connect, scheme: str) -> None:
    """Nobody listens: nothing was sent, so nothing is in doubt."""
    hole = Silent()
    hole.close()
    memory = connect(f"{scheme}://{LOGIN}127.0.0.1:{hole.port}", **SHORT)
    error = failed(memory, ConnectError)
    assert (error.maybe_applied, error.retryable) == (False, True)
    assert "refused" in str(error)


@pytest.mark.parametrize("scheme", ["redis", "rediss"])
def test_a_black_hole_is_given_up(connect: Connect, silent: Silent, scheme: str) -> None:
    """It takes connections and never answers, neither to a login nor to a handshake."""
    memory = connect(f"{scheme}://{LOGIN}127.0.0.1:{silent.port}", **SHORT)
    error = failed(memory, ConnectError)
    assert (error.maybe_applied, error.retryable) == (False, True)
    assert "no answer in time" in str(error)
    if scheme == "redis":
        assert 2 <= silent.came <= 3
    else:  # after an attempt, somebody looks whether it speaks Redis openly
        assert 2 <= silent.came <= 4


def test_a_full_queue_is_given_up(connect: Connect) -> None:
    """The connection itself is never made."""
    hole = Silent(backlog=0)
    with contextlib.ExitStack() as closing:
        closing.callback(hole.close)
        for one in hole.fill():
            closing.enter_context(one)
        error = failed(connect(f"redis://{LOGIN}127.0.0.1:{hole.port}", **SHORT), ConnectError)
        assert "no answer in time" in str(error)


def test_a_peer_that_falls_silent_leaves_a_write_in_doubt(connect: Connect, server: Server) -> None:
    """The connection stays open and nothing comes: the reply's time ends it, and says so."""
    with FaultProxy(server.host, server.port) as proxy:
        memory = connect(proxy.url, **SHORT)
        memory.ping()
        proxy.stall()
        before = proxy.connections
        error = failed(memory, TransportError)
        assert isinstance(error, ReplyTimeout)
        assert error.maybe_applied
        assert error.token
        assert proxy.connections - before <= 2
        proxy.unstall()
        assert memory.session("s").count() in (0, 1)


def test_a_peer_that_vanished_is_replaced(connect: Connect, server: Server) -> None:
    """The connection is dead without a word; the server behind it is well."""
    with FaultProxy(server.host, server.port) as proxy:
        memory = connect(proxy.url, **SHORT)
        chat = memory.session("s")
        chat.append(Message.user("a"))
        proxy.cut_all(reset=True)
        chat.append(Message.user("b"))
        assert [message.text for message in chat.messages()] == ["a", "b"]


def test_a_tls_peer_that_falls_silent_is_given_up(
    connect: Connect, certificates: Certificates
) -> None:
    """The same within TLS, where replies are read in other ways."""
    with TLSServer(certificates) as server:
        memory = connect(server.url, ssl_ca_certs=certificates.ca, **SHORT)
        chat = memory.session("s")
        chat.append(Message.user("a"))
        server.pause()
        error = failed(memory, TransportError)
        assert isinstance(error, ReplyTimeout)
        assert error.maybe_applied
        server.resume()
        chat.append(Message.user("b"))
        assert chat.messages()[-1].text == "b"


def test_a_tls_server_that_dies_is_a_lost_connection(
    connect: Connect, certificates: Certificates
) -> None:
    """A connection that ends within TLS is one that may be tried again, not a refused handshake."""
    with TLSServer(certificates) as server:
        memory = connect(server.url, ssl_ca_certs=certificates.ca, **SHORT)
        memory.ping()
        server.kill()
        with pytest.raises((ConnectError, ConnectionLost)) as caught:
            memory.ping()
        assert caught.value.retryable


@pytest.fixture
def hanging_up() -> Iterator[int]:
    """The port of something that takes connections and ends each one at its first words."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    with listener.accept()[0] as one:
                        one.recv(10_000)

        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


@pytest.mark.parametrize("scheme", ["redis", "rediss"])
def test_a_server_that_hangs_up_may_be_tried_again(
    connect: Connect, hanging_up: int, scheme: str
) -> None:
    """It may be about to stop, or stand behind somebody who has nobody to pass on to."""
    error = failed(connect(f"{scheme}://{LOGIN}127.0.0.1:{hanging_up}", **SHORT), ConnectError)
    assert (error.maybe_applied, error.retryable) == (False, True)
    assert "hung up" in str(error)


def test_a_server_that_loads_its_data_may_be_tried_again(connect: Connect) -> None:
    """It is there and will serve soon: nothing was written, and no connection failed."""
    # Ten seconds, with a look at its clients after each key.
    slow: dict[str, Setting] = {
        "key-load-delay": 5000,
        "loading-process-events-interval-bytes": 1024,
    }
    config: dict[str, Setting] = {**slow, "rdbcompression": "no", "enable-debug-command": "yes"}
    with Server("redis", config=config) as server:
        with server.client() as raw:
            raw.mset({f"k{number}": "v" * 2000 for number in range(2000)})
        memory = connect(server.url)
        memory.ping()
        thread = threading.Thread(target=reload, args=(server,))
        thread.start()
        with server.client() as raw:
            wait_until(lambda: raw.info("persistence")["loading"], what="the server loads")
            error = failed(memory, Unavailable)
        assert (error.maybe_applied, error.retryable) == (False, True)
        server.kill()
        thread.join()


def reload(server: Server) -> None:
    """Lets the server load its data anew, until it is ended."""
    with server.client(socket_timeout=None) as raw, contextlib.suppress(redis.ConnectionError):
        raw.execute_command("DEBUG", "RELOAD")
