"""Servers that are down, strange, full, read-only or guarded: a typed error, and nothing lost."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from redialog import (
    AsyncChatMemory,
    AuthError,
    ChatMemory,
    Closed,
    ConfigurationError,
    ConnectError,
    Message,
    NotRedis,
    OutOfMemory,
    PermissionDenied,
    ReadOnly,
    TransportError,
    WrongEventLoop,
)
from tests.faults.conftest import Connect
from tests.support.proxy import FaultProxy
from tests.support.servers import Server, replica_of, wait_until


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_server_that_is_down_is_named_within_two_seconds(connect: Connect) -> None:
    """Nobody listens: a typed error soon, with the address and without the password."""
    port = free_port()
    memory = connect(f"redis://bob:hunter2@127.0.0.1:{port}/3")
    started = time.monotonic()
    with pytest.raises(ConnectError) as caught:
        memory.session("s").append(Message.user("x"))
    assert time.monotonic() - started < 2
    assert f"redis://127.0.0.1:{port}/3" in str(caught.value)
    assert "refused" in str(caught.value)
    assert (caught.value.maybe_applied, caught.value.retryable) == (False, True)
    for text in (str(caught.value), repr(caught.value), str(caught.value.__cause__), repr(memory)):
        assert "hunter2" not in text


def test_a_server_that_does_not_answer_is_given_up_within_two_seconds(connect: Connect) -> None:
    """A full backlog swallows the connection attempt: the connect timeout ends it."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        filling = [socket.socket() for _ in range(3)]
        for one in filling:
            one.setblocking(False)
            one.connect_ex(address)
        memory = connect(f"redis://127.0.0.1:{address[1]}", socket_timeout=0.5)
        started = time.monotonic()
        with pytest.raises(TransportError):
            memory.ping()
        assert time.monotonic() - started < 4
        for one in filling:
            one.close()


def test_a_wrong_password_is_tried_once(connect: Connect) -> None:
    """Credentials that are refused are an error of their own, not retried and not shown."""
    with Server("redis", password="right") as server:
        with FaultProxy(server.host, server.port) as proxy:
            url = proxy.url.replace("redis://", "redis://:wr0ng-s3cret@")
            with pytest.raises(AuthError) as caught:
                connect(url).session("s").append(Message.user("x"))
            assert proxy.connections == 1
        assert "wr0ng" not in str(caught.value) + repr(caught.value)
        with pytest.raises(AuthError):
            connect(f"redis://{server.host}:{server.port}").ping()
        with pytest.raises(AuthError):
            connect(f"redis://{server.host}:{server.port}").session("s").append(Message.user("x"))
        connect(server.url).ping()


@pytest.fixture(params=[b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x16\x03\x01\x00\x00", b""])
def strange_port(request: pytest.FixtureRequest) -> Iterator[int]:
    """Something that answers, but not as Redis does; the last one hangs up."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()

        def serve() -> None:
            while True:
                try:
                    client, _ = listener.accept()
                except OSError:
                    return
                with client:
                    client.recv(1000)
                    client.sendall(request.param)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
    thread.join()


def test_a_port_without_redis_is_recognised(connect: Connect, strange_port: int) -> None:
    """A web server, a TLS port and one that hangs up are told from Redis, soon and without a hang."""
    started = time.monotonic()
    with pytest.raises(TransportError) as caught:
        connect(f"redis://127.0.0.1:{strange_port}").session("s").append(Message.user("x"))
    assert time.monotonic() - started < 3
    assert isinstance(caught.value, NotRedis | ConnectError | TransportError)
    assert str(strange_port) in str(caught.value)


def test_a_full_server_refuses_the_whole_write(connect: Connect) -> None:
    """At maxmemory nothing is stored, and no token stays behind that would hide the next try."""
    with Server("redis") as server, server.client() as raw:
        memory = connect(server.url, ttl=60)
        chat = memory.session("s", user_id="u")
        chat.append(Message.user("before"))
        before = raw.keys("*")
        raw.config_set("maxmemory", 1)
        with pytest.raises(OutOfMemory) as caught:
            chat.append(Message.user("SECRET"), idempotency_key="again")
        assert "SECRET" not in str(caught.value)
        assert caught.value.retryable is True
        assert sorted(raw.keys("*")) == sorted(before)  # type: ignore[arg-type,type-var]
        assert chat.count() == 1
        raw.config_set("maxmemory", 0)
        chat.append(Message.user("after"), idempotency_key="again")
        assert [message.text for message in chat.messages()] == ["before", "after"]


def test_a_replica_refuses_writes_and_serves_reads(connect: Connect) -> None:
    """A write to a replica is a typed error; the history can be read there."""
    with Server("redis") as primary:
        connect(primary.url).session("s").append(Message.user("x"))
        with replica_of(primary) as replica:
            chat = connect(replica.url).session("s", ttl=60)
            wait_until(lambda: chat.count() == 1, what="the replica has the message")
            for write in (lambda: chat.append(Message.user("y")), chat.clear, chat.touch):
                with pytest.raises(ReadOnly):
                    write()
            assert chat.count() == 1


def test_missing_permissions_are_named(connect: Connect) -> None:
    """An ACL user that may not push, or not touch the keys, gets a typed error."""
    with Server("redis") as server, server.client() as raw:
        raw.execute_command("ACL", "SETUSER", "reader", "on", ">pw", "~*", "+@all", "-lpush")
        raw.execute_command("ACL", "SETUSER", "other", "on", ">pw", "~mine:*", "+@all")
        for user in ("reader", "other"):
            url = server.url.replace("redis://", f"redis://{user}:pw@")
            with pytest.raises(PermissionDenied) as caught:
                connect(url).session("s").append(Message.user("SECRET"))
            assert "SECRET" not in str(caught.value)
        assert raw.keys("*:log:*") == []
        assert raw.keys("*:op:*") == []


def test_a_killed_server_that_comes_back_is_used_again(connect: Connect) -> None:
    """kill -9 and a restart in the middle of the work: the same memory goes on, nothing twice."""
    with Server("redis", appendonly=True) as server:
        chat = connect(server.url).session("s")
        chat.append(Message.user("1"))
        server.kill()
        with pytest.raises(TransportError):
            chat.append(Message.user("lost"))
        server.start()
        chat.append(Message.user("2"))
        assert [message.text for message in chat.messages()] == ["1", "2"]


def test_after_close_every_call_says_so(connect: Connect, server: Server) -> None:
    """A closed memory is an error of its own; closing twice is none."""
    memory = connect(server.url)
    chat = memory.session("s")
    chat.append(Message.user("x"))
    memory.close()
    memory.close()
    for call in (chat.messages, chat.count, chat.clear, memory.ping):
        with pytest.raises(Closed):
            call()
    with pytest.raises(Closed):
        list(chat.iter_messages())


def test_all_connections_in_use_is_an_error_not_a_hang(server: Server) -> None:
    """More tasks than connections wait for one, and for no longer than they are told to."""

    async def scenario() -> list[object]:
        with FaultProxy(server.host, server.port) as proxy:
            url = proxy.url
            async with AsyncChatMemory.from_url(url, max_connections=1, timeout=0.2) as memory:
                await memory.ping()
                proxy.delay(0.7, match=b"LLEN")
                calls = (memory.session("s").count() for _ in range(2))
                return await asyncio.gather(*calls, return_exceptions=True)

    results = asyncio.run(scenario())
    failed = [result for result in results if isinstance(result, ConnectError)]
    assert 0 in results
    assert len(failed) == 1
    assert "max_connections" in str(failed[0])


def test_many_tasks_share_few_connections(server: Server) -> None:
    """A hundred tasks on four connections all get what is theirs."""

    async def scenario() -> None:
        async with AsyncChatMemory.from_url(server.url, max_connections=4) as memory:

            async def turn(number: int) -> None:
                chat = memory.session(str(number % 10))
                await chat.append(Message.user(f"{number}.q"), Message.assistant(f"{number}.a"))

            await asyncio.gather(*(turn(number) for number in range(100)))
            for name in range(10):
                found = [message.text for message in await memory.session(str(name)).messages()]
                assert len(found) == 20
                for question, answer in zip(found[::2], found[1::2], strict=True):
                    assert answer == question.replace(".q", ".a")

    asyncio.run(scenario())


def test_a_second_event_loop_is_refused(server: Server) -> None:
    """An asynchronous memory belongs to the loop that it first ran in."""
    memory = AsyncChatMemory.from_url(server.url)
    asyncio.run(_ping_and_keep(memory))
    with pytest.raises(WrongEventLoop):
        asyncio.run(memory.ping())


async def _ping_and_keep(memory: AsyncChatMemory) -> None:
    await memory.ping()
    client = memory._transport._client  # type: ignore[attr-defined]
    await client.connection_pool.disconnect()


def test_a_forked_child_uses_connections_of_its_own(server: Server) -> None:
    """Parent and child write at once over an inherited memory, and nothing is mixed up."""
    memory = ChatMemory.from_url(server.url)
    memory.session("parent").append(Message.user("0"))
    child = os.fork()
    if child == 0:
        try:
            for number in range(50):
                memory.session("child").append(Message.user(str(number)))
            memory.close()
            os._exit(0)
        except BaseException:
            os._exit(1)
    for number in range(1, 50):
        memory.session("parent").append(Message.user(str(number)))
    assert os.waitpid(child, 0)[1] == 0
    for name in ("parent", "child"):
        found = [message.text for message in memory.session(name).messages()]
        assert found == [str(number) for number in range(50)]
    memory.close()


def test_an_interrupted_call_leaves_no_reply_behind(server: Server) -> None:
    """Ctrl-C between request and reply: the next call reads its own reply, not the old one."""
    with (
        FaultProxy(server.host, server.port) as proxy,
        ChatMemory.from_url(proxy.url) as memory,
    ):
        memory.session("a").append(Message.user("a"))
        memory.session("b").append(Message.user("b"), Message.user("b2"))
        proxy.delay(0.5, match=b"LLEN")
        timer = threading.Timer(0.15, os.kill, (os.getpid(), signal.SIGINT))
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            memory.session("a").count()
        timer.join()
        proxy.clear()
        assert memory.session("b").count() == 2


@pytest.mark.parametrize(
    "url",
    [
        "localhost:6379",
        "",
        "mysql://h",
        "redis://:p#ss/w@rd@h:6379",
        "redis://h:notaport",
        "embedded://relative",
        5,
    ],
    ids=str,
)
def test_a_url_that_cannot_be_used_is_refused_at_once(url: object) -> None:
    """The error says what is supported, and holds nothing of the URL that could be a secret."""
    with pytest.raises(ConfigurationError) as caught:
        ChatMemory.from_url(url)  # type: ignore[arg-type]
    assert "p#ss" not in str(caught.value)
    assert "w@rd" not in str(caught.value)


def test_an_option_that_the_client_does_not_have_is_refused_at_once(
    connect: Connect, server: Server
) -> None:
    """A misspelt option is an error when the memory is made, and names it."""
    with pytest.raises(ConfigurationError, match="sockt_timeout"):
        connect(server.url, sockt_timeout=1)
    connect(server.url, config={"socket_timeout": 3, "client_name": "test"}).ping()


def test_a_client_of_the_wrong_kind_is_refused() -> None:
    """from_client says which facade takes what it was given."""
    import redis
    import redis.asyncio

    with pytest.raises(ConfigurationError, match="AsyncChatMemory"):
        ChatMemory.from_client(redis.asyncio.Redis())  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="use ChatMemory"):
        AsyncChatMemory.from_client(redis.Redis())  # type: ignore[arg-type]
    for wrong in ("redis://localhost", None, redis.Redis().pipeline(), object()):
        with pytest.raises(ConfigurationError):
            ChatMemory.from_client(wrong)  # type: ignore[arg-type]


def test_an_own_client_is_never_closed(server: Server) -> None:
    """close() leaves an application's client as it was."""
    with server.client() as client:
        memory = ChatMemory.from_client(client)
        memory.session("s").append(Message.user("x"))
        assert client.ping() is True
        before = client.client_id()
        memory.close()
        assert client.client_id() == before


def test_the_environment_names_the_store(
    server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    """Without a URL: REDIALOG_URL, then REDIS_URL, then the embedded server."""
    for name in ("REDIALOG_URL", "REDIS_URL", "UPSTASH_REDIS_REST_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("REDIALOG_HOME", str(tmp_path))
    assert "embedded:" in repr(ChatMemory.from_url())
    monkeypatch.setenv("REDIS_URL", server.url)
    with ChatMemory.from_url() as memory:
        memory.ping()
        assert str(server.port) in repr(memory)
    monkeypatch.setenv("REDIALOG_URL", "redis://elsewhere:1/2")
    assert "redis://elsewhere:1/2" in repr(ChatMemory.from_url())
    monkeypatch.delenv("REDIALOG_URL")
    monkeypatch.setenv("UPSTASH_REDIS_REST_URL", "https://x.upstash.io")
    with pytest.raises(ConfigurationError, match="REDIALOG_URL"):
        ChatMemory.from_url()


Factory = Callable[[], ChatMemory]
