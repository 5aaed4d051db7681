"""Credentials: what they are read from, where they lead, and that they show no secret."""

from __future__ import annotations

import copy
import pickle
from typing import Any
from urllib.parse import unquote, urlsplit

import msgspec
import pytest

from redialog import TLSError
from redialog.nodes import (
    NodeError,
    RedisBackedChatMemory,
    RedisCacheApi,
    RedisCacheUrlApi,
    Secret,
    UpstashRedisBackedChatMemory,
    UpstashRedisMemoryApi,
)
from tests.support.servers import Certificates, Server, TLSServer

HARD = "/ @ : % # ? ü ' \" \\ & = + $ {{x}} [ ] |"
"""A password with all that a URL trips over."""

REST = {"baseURL": "https://name.upstash.io"}


def test_host_and_port_are_read_with_their_defaults() -> None:
    """An empty field is an unset one."""
    bare = RedisCacheApi.parse({"name": "redisCacheApi"})
    assert bare == RedisCacheApi()
    assert bare.url() == "redis://127.0.0.1:6379"
    empty = dict.fromkeys(
        ("redisCacheHost", "redisCachePort", "redisCacheUser", "redisCachePwd"), ""
    )
    assert RedisCacheApi.parse({**empty, "redisCacheSslEnabled": ""}) == bare


@pytest.mark.parametrize(
    ("enabled", "scheme"),
    [
        *[(True, "rediss"), ("true", "rediss"), ("True", "rediss")],
        *[(False, "redis"), ("false", "redis"), ("", "redis"), (None, "redis")],
    ],
)
def test_tls_is_a_switch_also_as_text(enabled: object, scheme: str) -> None:
    """The text ``false`` does not turn it on."""
    found = RedisCacheApi.parse({"redisCacheSslEnabled": enabled, "redisCachePort": "6380"})
    assert found.url() == f"{scheme}://127.0.0.1:6380"


@pytest.mark.parametrize("host", ["::1", "[::1]"])
def test_an_address_of_ipv6_is_put_into_brackets(host: str) -> None:
    """With brackets or without them."""
    assert RedisCacheApi.parse({"redisCacheHost": host}).url() == "redis://[::1]:6379"


def test_a_password_of_any_characters_arrives_whole() -> None:
    """Also the user's name: both are escaped in the URL."""
    found = RedisCacheApi.parse({"redisCacheUser": HARD, "redisCachePwd": f"{HARD}x"})
    parts = urlsplit(found.url())
    assert (parts.hostname, parts.port) == ("127.0.0.1", 6379)
    assert unquote(parts.username or "") == HARD
    assert unquote(parts.password or "") == f"{HARD}x"


@pytest.mark.parametrize("password", [HARD, "$start", "%2F", " "])
def test_a_node_logs_in_with_such_a_password(password: str) -> None:
    """At a real server, through host and port."""
    with Server("redis", password=password) as server:
        credential = {
            "name": "redisCacheApi",
            "redisCacheHost": server.host,
            "redisCachePort": str(server.port),
            "redisCachePwd": password.replace("$", "$$", 1) if password[0] == "$" else password,
        }
        with RedisBackedChatMemory({}, credential) as node:
            assert node.get_chat_messages() == []


def test_over_tls_the_certificate_is_checked() -> None:
    """One that nobody signed is refused; a URL can name whom to trust, and not turn that off."""
    with Certificates() as certificates, TLSServer(certificates) as server:
        by_port: dict[str, object] = {
            "name": "redisCacheApi",
            "redisCacheHost": "localhost",
            "redisCachePort": server.port,
            "redisCacheSslEnabled": "true",
        }
        with RedisBackedChatMemory({}, by_port) as node, pytest.raises(TLSError):
            node.get_chat_messages()
        url = f"rediss://localhost:{server.port}/0?ssl_ca_certs={certificates.ca}"
        with RedisBackedChatMemory({}, {"name": "redisCacheUrlApi", "redisUrl": url}) as node:
            assert node.get_chat_messages() == []
        blind = f"rediss://localhost:{server.port}/0?ssl_cert_reqs=none"
        with pytest.raises(NodeError) as caught:
            RedisBackedChatMemory({}, {"name": "redisCacheUrlApi", "redisUrl": blind})
        assert caught.value.field == "redisUrl"


def test_a_value_may_name_a_variable_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A whole value does; two dollar signs stand for one, and what is no name is itself."""
    monkeypatch.setenv("REDIS_PORT", "6400")
    monkeypatch.setenv("REDIS_PWD", "$REDIS_PORT")
    found = RedisCacheApi.parse(
        {
            "redisCacheHost": "$$host",
            "redisCachePort": "$REDIS_PORT",
            "redisCacheUser": "$1.5",
            "redisCachePwd": "$REDIS_PWD",
        }
    )
    assert found.redis_cache_host == "$host"
    assert found.redis_cache_port == 6400
    assert found.redis_cache_user == "$1.5"
    assert found.redis_cache_pwd.reveal() == "$REDIS_PORT"
    monkeypatch.setenv("REST_URL", "https://name.upstash.io")
    monkeypatch.setenv("REST_TOKEN", "t")
    token = {"name": "upstashRedisMemoryApi", "upstashRestToken": "$REST_TOKEN"}
    with UpstashRedisBackedChatMemory({"baseURL": "$REST_URL"}, token) as node:
        assert node.export()["inputs"]["baseURL"] == "$REST_URL"
        assert node.export()["credential"]["upstashRestToken"] == "$REST_TOKEN"


def test_a_variable_that_is_not_set_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the node and the field; its name could be a password that begins with a dollar."""
    monkeypatch.delenv("NO_SUCH_PWD", raising=False)
    with pytest.raises(
        NodeError, match=r"variable that the environment .* written with \$\$"
    ) as caught:
        RedisBackedChatMemory({}, {"name": "redisCacheApi", "redisCachePwd": "$NO_SUCH_PWD"})
    assert (caught.value.node, caught.value.field) == ("RedisBackedChatMemory", "redisCachePwd")
    assert "NO_SUCH_PWD" not in str(caught.value)


@pytest.mark.parametrize("token", ["t\u00f6k", "to\nken", "to\x00ken"])
def test_a_token_that_is_none_is_told(token: str) -> None:
    """With its own field."""
    with pytest.raises(NodeError) as caught:
        UpstashRedisBackedChatMemory(
            {"baseURL": "https://name.upstash.io"},
            {"name": "upstashRedisMemoryApi", "upstashRestToken": token},
        )
    assert caught.value.field == "upstashRestToken"
    assert token not in str(caught.value)


def test_the_form_of_the_builder_is_taken_too() -> None:
    """There the credential has a name that people gave it, and its fields are one level down."""
    value = {
        "name": "our Redis",
        "credentialName": "redisCacheUrlApi",
        "plainDataObj": {"redisUrl": "redis://h:1/2", "new": 1},
    }
    with RedisBackedChatMemory({}, value) as node:
        assert node.export()["credential"] == {
            "name": "redisCacheUrlApi",
            "redisUrl": "redis://h:1/2",
            "new": "****",
        }


def test_a_typed_value_is_taken_too() -> None:
    """With its secrets as text or as `Secret`."""
    assert RedisCacheUrlApi(redis_url="redis://h") == RedisCacheUrlApi(  # type: ignore[arg-type]
        redis_url=Secret("redis://h")
    )
    with RedisBackedChatMemory({}, RedisCacheApi(redis_cache_port=1)) as node:
        assert node.export()["credential"]["redisCachePort"] == 1


WRONG: list[tuple[object, str, str]] = [
    ("0b5c3a5e-uuid", "credential", "mapping"),
    (["redisCacheApi"], "credential", "mapping"),
    ({"redisUrl": "redis://h"}, "credential", "its name says which"),
    ({"name": "mongo"}, "credential", "redisCacheApi or redisCacheUrlApi"),
    ({"name": ["x"]}, "credential", "redisCacheApi or redisCacheUrlApi"),
    (
        *({"name": "upstashRedisMemoryApi", "upstashRestToken": "t"}, "credential"),
        "not upstashRedisMemoryApi",
    ),
    (UpstashRedisMemoryApi(upstash_rest_token=Secret("t")), "credential", "not upstashRedis"),
    ({"credentialName": "redisCacheApi", "plainDataObj": "x"}, "plainDataObj", "mapping"),
    ({"name": "redisCacheUrlApi"}, "redisUrl", "not set"),
    ({"name": "redisCacheUrlApi", "redisUrl": ["redis://h"]}, "redisUrl", "text"),
    ({"name": "redisCacheUrlApi", "redisUrl": "mongodb://h"}, "redisUrl", "scheme"),
    ({"name": "redisCacheUrlApi", "redisUrl": "redis://h:x"}, "redisUrl", "read"),
    ({"name": "redisCacheUrlApi", "redisUrl": "https://n.upstash.io"}, "redisUrl", "upstash"),
    ({"name": "redisCacheApi", "redisCachePort": "six"}, "redisCachePort", "whole number"),
    ({"name": "redisCacheApi", "redisCachePort": 65536}, "redisCachePort", "65,535"),
    ({"name": "redisCacheApi", "redisCachePort": -1}, "redisCachePort", "65,535"),
    ({"name": "redisCacheApi", "redisCachePort": True}, "redisCachePort", "whole number"),
    ({"name": "redisCacheApi", "redisCacheHost": "redis://h"}, "redisCacheHost", "alone"),
    ({"name": "redisCacheApi", "redisCacheHost": "h:6379"}, "redisCacheHost", "alone"),
    ({"name": "redisCacheApi", "redisCacheHost": "a@h"}, "redisCacheHost", "alone"),
    ({"name": "redisCacheApi", "redisCachePwd": {"a": 1}}, "redisCachePwd", "text"),
    ({"name": "redisCacheApi", "redisCachePwd": "\ud800"}, "redisCachePwd", "surrogate"),
    ({"name": "redisCacheApi", "redisCacheSslEnabled": "yes"}, "redisCacheSslEnabled", "true"),
    ({"name": "redisCacheApi", "redisCacheSslEnabled": 1}, "redisCacheSslEnabled", "true"),
]


@pytest.mark.parametrize(("credential", "field", "told"), WRONG)
def test_a_credential_that_is_wrong_is_told(credential: Any, field: str, told: str) -> None:
    """With the node and the field."""
    with pytest.raises(NodeError, match=told) as caught:
        RedisBackedChatMemory({}, credential)
    assert (caught.value.node, caught.value.field) == ("RedisBackedChatMemory", field)
    assert str(caught.value) == f"RedisBackedChatMemory: {field}: {caught.value.reason}"


@pytest.mark.parametrize(
    ("inputs", "credential", "field"),
    [
        (REST, None, "credential"),
        (REST, {"name": "redisCacheApi"}, "credential"),
        (REST, {"name": "upstashRedisMemoryApi"}, "upstashRestToken"),
        (REST, {"name": "upstashRedisMemoryApi", "upstashRestToken": " "}, "upstashRestToken"),
        ({}, {"name": "upstashRedisMemoryApi", "upstashRestToken": "t"}, "baseURL"),
        ({"baseURL": ""}, UpstashRedisMemoryApi(upstash_rest_token=Secret("t")), "baseURL"),
        *[
            ({"baseURL": url}, UpstashRedisMemoryApi(upstash_rest_token=Secret("t")), "baseURL")
            for url in ("redis://h", "name.upstash.io", "http://example.org", "https://", 5, "$NO")
        ],
    ],
)
def test_what_the_rest_node_needs_is_told(inputs: Any, credential: Any, field: str) -> None:
    """Its URL, over HTTPS, and its token."""
    with pytest.raises(NodeError) as caught:
        UpstashRedisBackedChatMemory(inputs, credential)
    assert (caught.value.node, caught.value.field) == ("upstashRedisBackedChatMemory", field)


SECRETS = [
    ("redisCacheApi", {"redisCachePwd": "hunter2!"}),
    ("redisCacheApi", {"redisCachePwd": "x", "token": "hunter2!"}),
    ("redisCacheUrlApi", {"redisUrl": "redis://u:hunter2!@h:1/0"}),
    ("redisCacheUrlApi", {"redisUrl": "redis://:hunter2!@h:1/0"}),
    ("redisCacheUrlApi", {"redisUrl": "redis://hunter2!@h:1/0"}),
    ("redisCacheUrlApi", {"redisUrl": "redis://u:a%40hunter2!@h"}),
    ("redisCacheUrlApi", {"redisUrl": "redis://h:1/0?password=hunter2!"}),
    ("redisCacheUrlApi", {"redisUrl": "redis://h:1/0?password=a@hunter2"}),
    ("redisCacheUrlApi", {"redisUrl": "redis://u:p@h:1/0?password=a@hunter2"}),
    ("redisCacheUrlApi", {"redisUrl": "unix:///s?password=hunter2!"}),
    (
        "redisCacheUrlApi",
        {"redisUrl": "redis+sentinel://u:hunter2!@a,b:1/m/0?sentinel_password=hunter2!"},
    ),
]


@pytest.mark.parametrize(("name", "fields"), SECRETS)
def test_a_node_shows_no_secret(name: str, fields: dict[str, object]) -> None:
    """In no text of it, of its credential, and in no export."""
    known = {key: value for key, value in fields.items() if key != "token"}
    with RedisBackedChatMemory(known, {"name": name, **fields}) as node:
        credential = node._credential
        shown = [repr(node), str(node), repr(node.export()), repr(node.session())]
        shown += [repr(credential), str(credential), f"{credential}", repr(copy.copy(credential))]
        shown += [repr(list(credential.__rich_repr__()))]  # type: ignore[union-attr]
    assert not [text for text in shown if "hunter2" in text]


@pytest.mark.parametrize(
    "url",
    [
        *["redis://u:hunter2@", "redis://u:hunter2", "redis://:hunter2/@h:1", "redis:hunter2"],
        *["hunter2", "redis://u:a#hunter2@h", "redis://u:a?hunter2@h", "redis://h:hunter2/0"],
        *["rediss+cluster://u:hunter2@a,b:x", "foo://u:hunter2@h", "https://hunter2@h"],
        *["redis://u:hunter2@h\n", "redis://h/0#hunter2"],
    ],
)
def test_an_error_about_a_url_shows_no_secret(url: str) -> None:
    """Nor does a credential that holds the damaged one."""
    value = {"name": "redisCacheUrlApi", "redisUrl": url}
    assert "hunter2" not in repr(RedisCacheUrlApi(redis_url=Secret(url)))
    told: list[object] = []
    try:
        RedisBackedChatMemory({}, value).close()
    except NodeError as error:
        told = [error, error.__dict__, error.__cause__]
    assert "hunter2" not in repr(told)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://localhost:6379/0", "redis://localhost:6379/0"),
        ("redis://u:p@h:1/0?db=2", "redis://u:****@h:1/0?****"),
        ("rediss://:p@[::1]:1", "rediss://:****@[::1]:1"),
        ("redis+sentinel://u:p@a:1,b:2/m/0", "redis+sentinel://u:****@a:1,b:2/m/0"),
        ("redis://p@h", "redis://****@h"),
        ("unix:///run/redis.sock?password=p", "unix:///run/redis.sock?****"),
        ("embedded:", "embedded:"),
        ("embedded:///home/me/chats", "embedded:///home/me/chats"),
        ("redis://h:p", "redis://****"),
        ("redis:p", "****"),
        ("p", "****"),
    ],
)
def test_a_url_is_shown_as_far_as_it_can_be(url: str, shown: str) -> None:
    """So that people see where a node leads."""
    found = RedisCacheUrlApi(redis_url=Secret(url))
    assert repr(found) == f"RedisCacheUrlApi(redisUrl={shown!r})"


def test_the_url_of_a_rest_service_holds_no_secret() -> None:
    """One that does is refused, so that no export shows it."""
    inputs = {"baseURL": "https://u:hunter2!@name.upstash.io"}
    with pytest.raises(NodeError) as caught:
        UpstashRedisBackedChatMemory(inputs, UpstashRedisMemoryApi(upstash_rest_token=Secret("t")))
    assert caught.value.field == "baseURL"
    assert "hunter2" not in str(caught.value)


def test_a_secret_cannot_be_written_down_by_accident() -> None:
    """Not pickled, not encoded; and two are the same where their values are."""
    secret = Secret("hunter2!")
    assert f"{secret} {secret!s} {secret!r}" == "**** **** Secret('****')"
    assert (str(Secret("")), bool(Secret("")), bool(secret)) == ("", False, True)
    assert secret == copy.deepcopy(secret) == Secret("hunter2!") != Secret("x")
    assert secret != "hunter2!"
    assert len({secret, Secret("hunter2!")}) == 1
    for value in (secret, RedisCacheApi(redis_cache_pwd=secret)):
        with pytest.raises(TypeError):
            pickle.dumps(value)
        with pytest.raises(TypeError):
            msgspec.json.encode(value)
