"""Configuration: what cannot be used is refused when the memory is made, and named."""

from __future__ import annotations

from typing import Any

import pytest

from redialog import AsyncChatMemory, ChatMemory, ConfigurationError
from tests.faults.conftest import Connect
from tests.support.servers import Server


@pytest.mark.parametrize(
    "url",
    [
        "localhost:6379",
        "",
        "mysql://h",
        "redis://:p#ss/w@rd@h:6379",
        "redis://user:12345/p#ss@127.0.0.1:1/0",
        "redis://user:12345/w@rd@127.0.0.1:1/0",
        "redis://:/w@rd@127.0.0.1:1/0",
        "redis://:p@ss/w@rd:1",
        "redis://h/abc",
        "redis://h?db=x",
        "redis://a..b",
        "redis://\udcff",
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


def test_the_environment_names_the_store(
    server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    """Without a URL: REDIALOG_URL, then Upstash's, then REDIS_URL, then the embedded server."""
    upstash = ("UPSTASH_REDIS_REST_URL", "UPSTASH_REDIS_REST_TOKEN")
    for name in ("REDIALOG_URL", "REDIALOG_TOKEN", "REDIS_URL", *upstash):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("REDIALOG_HOME", str(tmp_path))
    assert "embedded:" in repr(ChatMemory.from_url())
    monkeypatch.setenv("REDIS_URL", server.url)
    with ChatMemory.from_url() as memory:
        memory.ping()
        assert str(server.port) in repr(memory)
    monkeypatch.setenv(upstash[0], "https://x.upstash.io")
    with pytest.raises(ConfigurationError, match=upstash[1]):
        ChatMemory.from_url()
    monkeypatch.setenv(upstash[1], "s3cret")
    assert "on https://x.upstash.io>" in repr(ChatMemory.from_url())
    monkeypatch.setenv("REDIALOG_URL", "redis://elsewhere:1/2")
    assert "redis://elsewhere:1/2" in repr(ChatMemory.from_url())


def test_a_token_goes_only_where_it_belongs(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that the environment has for another URL is not sent along."""
    monkeypatch.setenv("UPSTASH_REDIS_REST_URL", "https://x.upstash.io")
    monkeypatch.setenv("UPSTASH_REDIS_REST_TOKEN", "s3cret")
    monkeypatch.delenv("REDIALOG_TOKEN", raising=False)
    with pytest.raises(ConfigurationError, match="token"):
        ChatMemory.from_url("https://y.upstash.io")
    with pytest.raises(ConfigurationError, match="token"):
        ChatMemory.from_url("redis://h", token="s3cret")
    ChatMemory.from_url("https://x.upstash.io")
    monkeypatch.setenv("REDIALOG_TOKEN", "mine")
    ChatMemory.from_url("https://y.upstash.io")


def test_the_address_names_the_database_and_no_secret() -> None:
    """What is shown of a URL is scheme, host, port and database."""
    for url, shown in (
        ("REDIS://user:s3cret@h", "redis://h:6379/0"),
        ("redis://:s%2Fcret@h:1/2", "redis://h:1/2"),
        ("redis://h?db=3", "redis://h:6379/3"),
        ("rediss://[::1]:7/4", "rediss://[::1]:7/4"),
    ):
        assert f"on {shown}>" in repr(ChatMemory.from_url(url))


@pytest.mark.parametrize(
    "options",
    [
        {"socket_timeout": "5"},
        {"socket_timeout": 0},
        {"socket_connect_timeout": "5"},
        {"socket_connect_timeout": -1},
        {"config": 5},
    ],
    ids=str,
)
def test_options_of_a_wrong_kind_are_refused_at_once(
    connect: Connect, server: Server, options: dict[str, Any]
) -> None:
    """The timeouts are numbers of seconds, and config is a mapping."""
    with pytest.raises(ConfigurationError):
        connect(server.url, **options)
