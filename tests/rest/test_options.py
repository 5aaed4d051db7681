"""URLs, tokens and options are checked before anything is opened, and no error quotes them."""

from __future__ import annotations

import copy
import pickle
import traceback
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import pytest
import upstash_redis
import upstash_redis.asyncio

from redialog import AsyncChatMemory, ChatMemory, ConfigurationError
from redialog.errors import UnverifiedTLSWarning
from redialog.transports.rest._options import Options, Secret, Site, site
from redialog.transports.rest._upstash import of_client
from redialog.transports.rest.transport import open_rest
from redialog.transports.rest.transport_asyncio import open_rest_asyncio

URL = "https://name.upstash.io"
TOKEN = "AX1vASQ-SECRET-TOKEN"

OPENERS: list[Callable[[str, str, Mapping[str, object]], Any]] = [open_rest, open_rest_asyncio]


def refused(url: Any = URL, token: Any = TOKEN, **options: object) -> str:
    """The text of the error, which both transports raise, and which holds nothing of the input."""
    texts = set()
    for opener in OPENERS:
        with pytest.raises(ConfigurationError) as caught:
            opener(url, token, options)
        texts.add(str(caught.value))
        assert "SECRET" not in "".join(traceback.format_exception(caught.value))
    [text] = texts
    return text


@pytest.mark.parametrize(
    ("url", "base", "address"),
    [
        (URL, URL, URL),
        (URL + "/", URL, URL),
        (
            "https://Name.Upstash.io:8443/a/b/",
            "https://Name.Upstash.io:8443/a/b",
            "https://Name.Upstash.io:8443",
        ),
        ("http://127.0.0.1:8079", "http://127.0.0.1:8079", "http://127.0.0.1:8079"),
        ("http://127.9.9.9", "http://127.9.9.9", "http://127.9.9.9"),
        ("http://localhost:1", "http://localhost:1", "http://localhost:1"),
        ("http://[::1]:1", "http://[::1]:1", "http://[::1]:1"),
    ],
)
def test_urls_that_are_fine(url: str, base: str, address: str) -> None:
    """A path stays, and is not shown: it can be a secret."""
    found = site(url, TOKEN, {})
    assert (found.url, found.address) == (base, address)
    for opener in OPENERS:
        assert opener(url, TOKEN, {}).address == address


@pytest.mark.parametrize(
    "url",
    [
        *("", "SECRET", "https://", "https:///SECRET", "ftp://SECRET.io", "redis://SECRET:1"),
        *(
            "https://SECRET.io:port",
            "https://SECRET.io:99999",
            "https://SECRET.io:0",
            "https://[SECRET",
        ),
        *("https://SECRET.io\n", "https://SECRET .io", "https://SECR\tET.io", "https://SECRETé.io"),
        *(
            "https://SECRET..io",
            "https://" + "SECRET" * 20,
            "https://SECRET.io/\x7f",
            5,
            None,
            b"https://SECRET",
        ),
    ],
)
def test_urls_that_cannot_be_read(url: Any) -> None:
    """Neither a host nor a port that are wrong are quoted."""
    assert "cannot be read" in refused(url)


@pytest.mark.parametrize(
    "url",
    [
        *("https://user:SECRET@name.upstash.io", "https://SECRET@name.upstash.io"),
        *("https://name.upstash.io?_token=SECRET", "https://name.upstash.io/#SECRET"),
    ],
)
def test_a_url_holds_no_secret(url: str) -> None:
    """It would be logged wherever URLs are."""
    assert "argument" in refused(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://name.upstash.io",
        "http://10.0.0.1:80",
        "http://localhost.evil.example",
        "http://[::2]",
    ],
)
def test_messages_do_not_travel_in_the_clear(url: str) -> None:
    """Unless the application says that it may be so."""
    assert "allow_insecure=True" in refused(url)
    assert "allow_insecure=True" in refused(url, allow_insecure=False)
    assert site(url, TOKEN, {"allow_insecure": True}).url == url


@pytest.mark.parametrize(
    "token",
    ["", "SECRET\n", "SECRET\r\nX-Evil: 1", " SECRET", "SECRETé", "\x00SECRET", None, b"SECRET", 5],
)
def test_tokens_that_cannot_stand_in_a_header(token: Any) -> None:
    """A line break at the end is what files and environment variables bring along."""
    assert "token" in refused(token=token)


OPTIONS: dict[str, list[object]] = {
    "socket_timeout": [0, -1, "5", True, float("nan")],
    "socket_connect_timeout": [0, "SECRET"],
    "timeout": [0, []],
    "max_connections": [0, 1.5, True, None],
    "max_request_bytes": [0, "1", None],
    "allow_insecure": [1, None],
    "ssl_check_hostname": ["no"],
    "ssl_cert_reqs": ["optional", "SECRET", None, False],
    "ssl_ca_certs": [b"SECRET", 5],
    "ssl_certfile": [5],
    "ssl_keyfile": [5],
}


@pytest.mark.parametrize("name", Options.__struct_fields__)
def test_options_that_are_wrong(name: str) -> None:
    """The name is told, and the value is not."""
    for value in OPTIONS[name]:
        assert name in refused(**{name: value})


@pytest.mark.parametrize("name", ["db", "decode_responses", "retry", "passwort"])
def test_options_that_are_none_of_rest(name: str) -> None:
    """Also those of redis-py that mean nothing here."""
    assert repr(name) in refused(**{name: "SECRET"})


def test_tls_options_need_tls() -> None:
    """On loopback without TLS they would do nothing."""
    assert "ssl_ca_certs" in refused("http://localhost:1", ssl_ca_certs="/SECRET")


@pytest.mark.parametrize("options", [{"ssl_cert_reqs": "none"}, {"ssl_check_hostname": False}])
def test_certificates_that_are_not_verified_are_warned_of(options: dict[str, object]) -> None:
    """It takes an argument, and it is said aloud."""
    for opener in OPENERS:
        with pytest.warns(UnverifiedTLSWarning):
            opener(URL, TOKEN, options)


def test_the_defaults() -> None:
    """2 s to connect, 5 s for a reply, 10 MB; certificates are verified."""
    options = site(URL, TOKEN, {}).options
    assert (options.socket_connect_timeout, options.socket_timeout) == (2.0, 5.0)
    assert options.max_request_bytes == 10_000_000
    context = site(URL, TOKEN, {}).context()
    assert context.check_hostname
    assert context.verify_mode.name == "CERT_REQUIRED"
    assert site(URL, TOKEN, {"socket_timeout": None}).options.socket_timeout is None


def test_who_shares_connections() -> None:
    """The same URL, token and options; not the size of requests, which is no matter of theirs."""
    first = site(URL, TOKEN, {})
    assert site(URL + "/", TOKEN, {"max_request_bytes": 5, "allow_insecure": True}).key == first.key
    others = [
        site(URL + "/a", TOKEN, {}),
        site(URL, TOKEN + "x", {}),
        site(URL, TOKEN, {"socket_timeout": 1}),
        site(URL, TOKEN, {"max_connections": 7}),
    ]
    assert len({one.key for one in [first, *others]}) == 5
    assert TOKEN not in repr(first.key)


def test_a_secret_is_not_shown() -> None:
    """Nor pickled or copied; whoever needs it asks for it."""
    secret = Secret(TOKEN)
    found = site(URL, TOKEN, {})
    for shown in (repr(secret), str(secret), f"{secret}", repr(found), str(found)):
        assert TOKEN not in shown
    for call in (pickle.dumps, copy.copy, msgspec.json.encode):
        with pytest.raises(TypeError):
            call(secret)
    assert secret.reveal() == TOKEN


CLIENTS: list[Callable[..., Any]] = [upstash_redis.Redis, upstash_redis.asyncio.Redis]


@pytest.mark.parametrize("make", CLIENTS)
def test_an_upstash_client_is_taken_for_its_url_and_token(make: Callable[..., Any]) -> None:
    """Whatever its settings; it is left as it is."""
    for options in ({}, {"rest_encoding": None, "allow_telemetry": False}):
        client = make(URL + "/", TOKEN, **options)
        before = dict(vars(client))
        found: Site = of_client(client)
        assert (found.url, found.token.reveal(), found.options.allow_insecure) == (URL, TOKEN, True)
        assert vars(client) == before
    facade: Any = ChatMemory if make is upstash_redis.Redis else AsyncChatMemory
    assert repr(facade.from_client(client)) == f"<{facade.__name__} on {URL}>"
    other: Any = AsyncChatMemory if make is upstash_redis.Redis else ChatMemory
    with pytest.raises(ConfigurationError):
        other.from_client(client)


def test_an_upstash_client_of_another_make() -> None:
    """The error says what to do instead."""
    client = upstash_redis.Redis(URL, TOKEN)
    del client._headers
    with pytest.raises(ConfigurationError, match="from_url"):
        of_client(client)
