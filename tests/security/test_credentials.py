"""Credential providers of redis-py: asked for each connection, and typed errors where they fail."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest
import redis
from redis.credentials import CredentialProvider, UsernamePasswordCredentialProvider

from redialog import AsyncChatMemory, AuthError, ChatMemory, ConfigurationError, Message
from tests.security.conftest import Connect, User
from tests.support.proxy import FaultProxy
from tests.support.servers import Server


class Provider(CredentialProvider):
    """Gives what `give` gives, and counts.

    Attributes:
        give: called each time.
        times: how often.
        threads: in which ones.
    """

    def __init__(self, give: Callable[[], Any]) -> None:
        self.give = give
        self.times = 0
        self.threads: set[int] = set()

    def get_credentials(self) -> Any:
        """Asked by a blocking client, and with asyncio where there is no other method."""
        self.times += 1
        self.threads.add(threading.get_ident())
        return self.give()


class Awaited(Provider):
    """One with a method for asyncio alone."""

    def get_credentials(self) -> Any:
        """Must not be asked."""
        raise NotImplementedError

    async def get_credentials_async(self) -> Any:
        """Asked with asyncio."""
        await asyncio.sleep(0)
        return Provider.get_credentials(self)


class Bare:
    """No provider by its class, only by its method."""

    def get_credentials(self) -> tuple[str, str]:
        """As redis-py's."""
        return "bob", "pw"


def test_a_provider_logs_in(connect: Connect, server: Server, user: User) -> None:
    """Redis-py's own one, any other, and for each protocol."""
    user("bob", "p w%", "~*", "+@all")
    for provider in (
        UsernamePasswordCredentialProvider("bob", "p w%"),
        Provider(lambda: ["bob", b"p w%"]),
    ):
        for protocol in (2, 3):
            memory = connect(server.url, credential_provider=provider, protocol=protocol)
            memory.session("s").append(Message.user("x"))
    user("bob", "pw", "~*", "+@all")
    connect(server.url, config={"credential_provider": Bare()}).ping()


def test_a_provider_gives_fresh_credentials_to_each_connection(
    connect: Connect, server: Server, user: User
) -> None:
    """The password changes and the connection is cut: the call goes on with the new one."""
    passwords = ["first"]
    provider = Provider(lambda: ("bob", passwords[0]))
    user("bob", "first", "~*", "+@all")
    with FaultProxy(server.host, server.port) as proxy:
        chat = connect(proxy.url, credential_provider=provider).session("s")
        chat.append(Message.user("a"))
        chat.append(Message.user("b"))
        assert provider.times == 1
        user("bob", "second", "~*", "+@all")
        passwords[0] = "second"
        proxy.cut_all()
        chat.append(Message.user("c"))
        assert provider.times == 2
        assert [message.text for message in chat.messages()] == ["a", "b", "c"]


def failing() -> Any:
    """What a provider does that cannot reach whoever gives tokens."""
    raise KeyError("s3cret")


GIVEN: list[tuple[Callable[[], Any], str]] = [
    (failing, "KeyError"),
    (lambda: None, "TypeError"),
    (lambda: "s3cret", "TypeError"),
    (tuple, "TypeError"),
    (lambda: ("bob", "s3cret", "s3cret"), "TypeError"),
    (lambda: ("bob", 7), "TypeError"),
]


@pytest.mark.parametrize(("give", "named"), GIVEN)
def test_a_provider_that_fails_is_a_typed_error_without_its_words(
    connect: Connect, server: Server, give: Callable[[], Any], named: str
) -> None:
    """It is asked once, and what it raised is not even among the causes."""
    provider = Provider(give)
    memory = connect(server.url, credential_provider=provider)
    with pytest.raises(AuthError, match=named) as caught:
        memory.session("s").append(Message.user("x"))
    assert provider.times == 1
    error: BaseException | None = caught.value
    while error is not None:
        assert "s3cret" not in f"{error} {error!r}"
        error = error.__cause__ or error.__context__


def test_after_a_provider_failed_nobody_goes_on_without_a_login(
    connect: Connect, server: Server, user: User
) -> None:
    """The default user could do everything here, on another database: it must not be used."""
    user("bob", "pw", "~*", "+@all")
    giving: list[Callable[[], Any]] = [failing]
    provider = Provider(lambda: giving[-1]())  # noqa: PLW0108 - the newest, whenever it is asked
    url = server.url.replace("/0", "/1")
    chat = connect(url, credential_provider=provider, max_connections=1).session("s")
    for _ in range(2):
        with pytest.raises(AuthError):
            chat.append(Message.user("x"))
    giving.append(lambda: ("bob", "pw"))
    chat.append(Message.user("y"))
    with server.client(db=0) as none, server.client(db=1) as right:
        assert (none.dbsize() == 0, right.dbsize() > 0) == (True, True)


def test_a_wrong_credential_is_tried_once(connect: Connect, server: Server, user: User) -> None:
    """As a wrong password is."""
    user("bob", "right", "~*", "+@all")
    provider = Provider(lambda: ("bob", "wr0ng"))
    with pytest.raises(AuthError) as caught:
        connect(server.url, credential_provider=provider).ping()
    assert provider.times == 1
    assert "wr0ng" not in str(caught.value)


def test_with_asyncio_a_blocking_provider_does_not_block_the_loop(
    server: Server, user: User, caplog: pytest.LogCaptureFixture
) -> None:
    """It is asked in a thread; one that can be awaited, in the loop. Redis-py's log is silent."""
    user("bob", "pw", "~*", "+@all")
    blocking, awaited = Provider(lambda: ("bob", "pw")), Awaited(lambda: ("bob", "pw"))

    async def scenario() -> None:
        for provider in (blocking, awaited):
            url = server.url
            async with AsyncChatMemory.from_url(url, credential_provider=provider) as memory:
                await memory.ping()

    asyncio.run(scenario())
    assert threading.get_ident() not in blocking.threads
    assert awaited.threads == {threading.get_ident()}
    assert caplog.records == []


@pytest.mark.parametrize("provider", [object(), "bob", 7, Provider, True])
def test_what_is_no_provider_is_refused_at_once(connect: Connect, provider: object) -> None:
    """When the memory is made."""
    with pytest.raises(ConfigurationError, match="credential_provider"):
        connect("redis://h", credential_provider=provider)


def test_a_provider_is_all_that_knows_the_login(connect: Connect) -> None:
    """A user name or password beside it, or its name in a URL, is refused at once."""
    provider = Provider(lambda: ("bob", "pw"))
    for url, options in (
        ("redis://bob@h", {}),
        ("redis://:s3cret@h", {}),
        ("redis://h?password=s3cret", {}),
        ("redis://h", {"username": "bob"}),
        ("redis://h", {"config": {"password": "s3cret"}}),
    ):
        with pytest.raises(ConfigurationError, match="credential_provider") as caught:
            connect(url, credential_provider=provider, **options)
        assert "s3cret" not in str(caught.value)
    with pytest.raises(ConfigurationError, match="credential_provider"):
        connect("redis://h?credential_provider=x")


def test_the_provider_of_an_own_client_works(server: Server, user: User) -> None:
    """It belongs to the application, and is asked by its client."""
    user("bob", "pw", "~*", "+@all")
    provider = Provider(lambda: ("bob", "pw"))
    with redis.Redis(server.host, server.port, credential_provider=provider) as client:
        ChatMemory.from_client(client).ping()
    assert provider.times == 1
