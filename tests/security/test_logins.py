"""Users and passwords of any characters log in; a wrong one is tried once and never shown."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from redialog import AsyncChatMemory, AuthError, ChatMemory, Message
from tests.security.conftest import Connect, User
from tests.support.proxy import FaultProxy
from tests.support.servers import Server

# What Redis does not let a user's name have.
_NO_NAME = "\x00\t\n\v\f\r "
_HARD = st.sampled_from(list("%@:/#?&=+[]\\\"'é漢😀 "))
_ANY = st.characters(exclude_categories=["Cs"])
NAMES = st.text(_ANY | _HARD, min_size=1, max_size=12).map(
    lambda text: "u" + "".join(one for one in text if one not in _NO_NAME)
)
PASSWORDS = st.text(_ANY | _HARD, min_size=1, max_size=16)


def logged_in(facade: str, url: str, **options: Any) -> None:
    """Says something with that login."""
    if facade == "sync":
        with ChatMemory.from_url(url, **options) as memory:
            return memory.ping()

    async def scenario() -> None:
        async with AsyncChatMemory.from_url(url, **options) as memory:
            await memory.ping()

    return asyncio.run(scenario())


@pytest.mark.parametrize("facade", ["sync", "async"])
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(name=NAMES, password=PASSWORDS)
def test_a_user_and_a_password_of_any_characters_log_in(
    server: Server, user: User, facade: str, name: str, password: str
) -> None:
    """Percent-encoded in the URL, as arguments, or the one here and the other there."""
    url = user(name, password, "-@all", "+ping")
    assert quote(password, safe="") in url
    logged_in(facade, url)
    logged_in(facade, server.url, username=name, password=password)
    logged_in(facade, server.url, config={"username": name, "password": password}, protocol=3)
    half = server.url.replace("redis://", f"redis://{quote(name, safe='')}@")
    logged_in(facade, half, password=password)


@pytest.mark.parametrize("protocol", [2, 3])
@pytest.mark.parametrize("login", ["bob:wr0ng-s3cret", "nobody-s3cret:wr0ng", ":wr0ng-s3cret"])
def test_a_wrong_login_is_tried_once(
    connect: Connect, server: Server, user: User, protocol: int, login: str
) -> None:
    """One connection and one attempt, however long the operation could go on."""
    user("bob", "right", "+@all")
    with server.client() as raw, FaultProxy(server.host, server.port) as proxy:
        raw.config_set("requirepass", "right")
        try:
            raw.config_resetstat()
            memory = connect(proxy.url.replace("//", f"//{login}@"), protocol=protocol)
            with pytest.raises(AuthError) as caught:
                memory.session("s").append(Message.user("x"))
        finally:
            raw.config_set("requirepass", "")
        assert proxy.connections == 1
        assert len([name for name in proxy.requests if name in ("AUTH", "HELLO")]) == 1
    error = caught.value
    assert (error.retryable, error.maybe_applied) == (False, False)
    for text in (str(error), repr(error), str(error.__cause__), repr(memory)):
        assert "wr0ng" not in text
        assert "s3cret" not in text


def test_a_user_who_was_removed_is_told_so_at_once(
    connect: Connect, server: Server, user: User
) -> None:
    """Its connections are cut while the memory is in use; the next one cannot log in."""
    chat = connect(user("bob", "pw", "~*", "+@all")).session("s")
    chat.append(Message.user("x"))
    with server.client() as raw:
        raw.acl_deluser("bob")
    for _ in range(2):
        with pytest.raises(AuthError):
            chat.count()


def test_a_database_that_the_user_may_not_select_is_no_wrong_password(
    connect: Connect, user: User
) -> None:
    """The error says what may be missing."""
    url = user("bob", "pw", "~*", "+@all", "-select").replace("/0", "/1")
    with pytest.raises(AuthError, match="SELECT"):
        connect(url).ping()
