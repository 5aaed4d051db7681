"""The chat histories: wrong arguments, connections, and what is not installed."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
from typing import Any

import pytest
import redis
import redis.asyncio

from redialog import (
    ConfigurationError,
    ConnectError,
    InvalidMessage,
    InvalidSessionId,
    InvalidTTL,
    MissingExtra,
)
from redialog.integrations.langchain import RedisChatMessageHistory, UpstashRedisChatMessageHistory
from tests.support.servers import Server, wait_until


@pytest.mark.parametrize(
    ("named", "error"),
    [
        ({"session_id": ""}, InvalidSessionId),
        ({"session_id": 5}, InvalidSessionId),
        ({"ttl": 0}, InvalidTTL),
        ({"ttl": -1}, InvalidTTL),
        ({"session_ttl": float("nan")}, InvalidTTL),
        ({"ttl": 5, "session_ttl": 6}, ConfigurationError),
        ({"window": -1}, ConfigurationError),
        ({"window": True}, ConfigurationError),
        ({"window": 1.5}, ConfigurationError),
        ({"url": "localhost"}, ConfigurationError),
        ({"url": None}, ConfigurationError),
        ({"no_such_option": 1}, ConfigurationError),
        ({"config": "x"}, ConfigurationError),
        ({"client": "x"}, ConfigurationError),
        ({"client": redis.Redis(), "socket_timeout": 1}, ConfigurationError),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_wrong_argument_is_told_at_once(
    named: dict[str, Any], error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything is sent; for an asyncio client, too."""
    monkeypatch.delenv("REDIALOG_URL", raising=False)
    arguments = {"session_id": "s", "url": "redis://localhost:1/0"} | named
    with pytest.raises(error):
        RedisChatMessageHistory(**arguments)
    if not {"url", "config", "client", "no_such_option"} & named.keys():
        with pytest.raises(error):
            RedisChatMessageHistory(**arguments | {"client": redis.asyncio.Redis()})


def test_upstash_needs_a_url_and_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    """As arguments or in the environment; a secret is not in the error."""
    for name in ("UPSTASH_REDIS_REST_URL", "UPSTASH_REDIS_REST_TOKEN", "REDIALOG_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ConfigurationError, match="needs url="):
        UpstashRedisChatMessageHistory("s")
    with pytest.raises(ConfigurationError, match="needs a token"):
        UpstashRedisChatMessageHistory("s", "https://name.upstash.io")
    with pytest.raises(ConfigurationError, match="needs url=") as caught:
        UpstashRedisChatMessageHistory("s", "redis://:secret@localhost", "secret")
    assert "secret" not in str(caught.value)
    monkeypatch.setenv("UPSTASH_REDIS_REST_URL", "https://name.upstash.io")
    monkeypatch.setenv("UPSTASH_REDIS_REST_TOKEN", "secret")
    assert "secret" not in repr(UpstashRedisChatMessageHistory("s"))


def test_an_outage_is_not_an_empty_history() -> None:
    """It is an error of the connection."""
    history = RedisChatMessageHistory("s", url="redis://127.0.0.1:1/0")
    with pytest.raises(ConnectError):
        assert history.messages


def test_histories_share_their_connections() -> None:
    """However many there are, and after they are gone; one that was closed is given back."""
    with Server("redis") as server, server.client() as raw:
        for number in range(50):
            RedisChatMessageHistory(f"s{number}", url=server.url).add_user_message("x")
        gc.collect()
        assert len(raw.client_list()) == 2

        async def scenario() -> None:
            for number in range(50):
                history = RedisChatMessageHistory(f"s{number}", url=server.url)
                assert len(await history.aget_messages()) == 1
                await history.aclose()
            assert len(raw.client_list()) == 3

        asyncio.run(scenario())


def in_a_process(code: str) -> str:
    """What a fresh process prints."""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_without_langchains_base_class(server: Server) -> None:
    """LangChain will take it out: the methods are the same."""
    code = f"""
import sys
sys.modules["langchain_core.chat_history"] = None
from redialog.integrations.langchain import RedisChatMessageHistory
history = RedisChatMessageHistory("s", url={server.url!r})
history.add_user_message("a")
history.add_ai_message("b")
print([message.content for message in history.messages], type(history).__mro__[2].__name__)
"""
    assert in_a_process(code) == "['a', 'b'] object"


def test_without_langchain() -> None:
    """The error says what to install; the rest of the package does not need it."""
    code = """
import sys
sys.modules["langchain_core"] = None
import redialog.integrations, redialog.memory
try:
    import redialog.integrations.langchain
except ImportError as error:
    print(type(error).__name__, error)
"""
    assert in_a_process(code) == (
        f"{MissingExtra.__name__} the integration of LangChain needs the extra 'langchain': "
        "pip install 'redialog[langchain]'"
    )


@pytest.mark.parametrize("name", ["session_id", "key_prefix"])
def test_what_is_not_set_is_no_name(name: str) -> None:
    """A variable of the environment that is missing must not become a random session."""
    arguments: dict[str, Any] = {"session_id": "s", name: None}
    with pytest.raises(ConfigurationError, match=f"the {name} must be text, not NoneType"):
        RedisChatMessageHistory(**arguments)


def test_a_text_is_no_list_of_messages(server: Server) -> None:
    """Its letters are not stored one by one."""
    history = RedisChatMessageHistory("s", url=server.url)
    for wrong in ("xy", b"xy", {"role": "user", "content": "x"}):
        with pytest.raises(InvalidMessage, match="must be a list of messages"):
            history.add_messages(wrong)  # type: ignore[arg-type]
    assert history.messages == []


def test_a_client_goes_with_its_last_history() -> None:
    """It is the application's, and not kept for the next one."""
    with Server("redis") as server, server.client() as raw:
        for _ in range(5):
            client = redis.Redis.from_url(server.url)
            assert RedisChatMessageHistory("s", client=client).messages == []
            del client
        gc.collect()
        wait_until(lambda: len(raw.client_list()) == 1, what="the clients are gone")
