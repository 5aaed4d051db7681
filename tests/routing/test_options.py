"""Options of a memory over several nodes: for whom they are, and which are refused."""

from __future__ import annotations

import math
from typing import Any

import pytest

from redialog import AsyncChatMemory, ChatMemory, ConfigurationError
from redialog.effect import DEADLINE_S
from redialog.transports.opening import LONGEST_DEADLINE_S
from redialog.transports.redis.common import CONNECT_TIMEOUT_S, REPLY_TIMEOUT_S
from redialog.transports.routing.deployments import node_options, sentinel_options
from redialog.transports.routing.sentinels import QUESTION_S
from redialog.transports.urls import resolve

SENTINEL = "redis+sentinel://h/m"
CLUSTER = "redis+cluster://h"
LOGIN: dict[str, Any] = {"sentinel_username": "watch", "sentinel_password": "w"}

facades = pytest.mark.parametrize("facade", [ChatMemory, AsyncChatMemory])
everywhere = pytest.mark.parametrize("url", [SENTINEL, CLUSTER, "redis://h"])


def at_sentinels(url: str = SENTINEL, **options: Any) -> dict[str, object]:
    """The options of the connections to the sentinels."""
    return sentinel_options(resolve(url, {}), options)


def test_sentinels_have_a_login_of_their_own() -> None:
    """As arguments, in the URL, or as redis-py has it; the nearer one wins."""
    assert not at_sentinels(username="u", password="p").keys() & {"username", "password"}
    wanted = {"username": "watch", "password": "w"}.items()
    assert at_sentinels(**LOGIN).items() >= wanted
    assert at_sentinels(sentinel_kwargs=dict(wanted)).items() >= wanted
    url = f"{SENTINEL}?sentinel_username=watch&sentinel_password=w"
    assert at_sentinels(url).items() >= wanted
    assert at_sentinels(url, sentinel_password="x")["password"] == "x"
    assert at_sentinels(sentinel_password="w", sentinel_kwargs={"password": "y"})["password"] == "y"


def test_the_options_of_the_data_nodes_are_not_those_of_the_sentinels() -> None:
    """Only TLS and the limit of connecting are shared."""
    target = resolve(SENTINEL, {})
    given: dict[str, Any] = {
        "password": "p",
        "protocol": 3,
        "socket_timeout": 9,
        "client_name": "c",
        **LOGIN,
    }
    assert node_options(target, given) == {
        name: value for name, value in given.items() if name not in LOGIN
    }
    assert at_sentinels(**given) == {
        "username": "watch",
        "password": "w",
        "protocol": 2,
        "socket_connect_timeout": 2 * QUESTION_S,
        "socket_timeout": 2 * QUESTION_S,
    }


@pytest.mark.parametrize(
    ("options", "limit"),
    [
        ({}, 2 * QUESTION_S),
        ({"socket_connect_timeout": 0.3}, 0.3),
        ({"socket_connect_timeout": 30}, 2 * QUESTION_S),
        ({"socket_connect_timeout": None}, 2 * QUESTION_S),
        ({"sentinel_kwargs": {"socket_connect_timeout": 30}}, 30),
    ],
)
def test_a_sentinel_that_cannot_be_reached_does_not_hold_up_the_others(
    options: dict[str, Any], limit: float
) -> None:
    """Whatever time the data nodes have; who means the sentinels says so."""
    assert at_sentinels(**options)["socket_connect_timeout"] == limit


@pytest.mark.parametrize(
    ("url", "options", "reply", "greeting"),
    [
        (SENTINEL, {}, REPLY_TIMEOUT_S, CONNECT_TIMEOUT_S),
        (CLUSTER, {"socket_timeout": 60}, 60, CONNECT_TIMEOUT_S),
        (CLUSTER, {"socket_timeout": 0.5}, 0.5, 0.5),
        (SENTINEL, {"socket_timeout": None}, math.inf, CONNECT_TIMEOUT_S),
        (f"{SENTINEL}?socket_timeout=9", {}, None, 9),
    ],
    ids=str,
)
def test_a_greeting_has_less_time_than_a_reply(
    url: str, options: dict[str, Any], reply: float | None, greeting: float
) -> None:
    """A stalled node takes connections, and nobody is asked whether it was replaced meanwhile."""
    transport: Any = ChatMemory.from_url(url, **options)._transport
    node = transport._open_node(("h", 1), "data")
    client = node._open_client()
    assert node._reply_timeout == reply
    assert client.connection_pool.connection_kwargs["socket_timeout"] == greeting


def test_sentinels_have_the_tls_of_the_data_nodes() -> None:
    """Certificates are shared, where there is TLS at all."""
    url = SENTINEL.replace("redis+", "rediss+")
    assert at_sentinels(url, ssl_ca_certs="/ca")["ssl_ca_certs"] == "/ca"
    own = at_sentinels(url, ssl_ca_certs="/ca", sentinel_kwargs={"ssl_ca_certs": "/other"})
    assert own["ssl_ca_certs"] == "/other"


@facades
@pytest.mark.parametrize(
    ("url", "options", "named"),
    [
        (SENTINEL, {"sentinel_kwargs": 5}, "sentinel_kwargs"),
        (SENTINEL, {"sentinel_kwargs": {"nothing": 1}}, "nothing"),
        (SENTINEL, {"nothing": 1}, "nothing"),
        (CLUSTER, {"nothing": 1}, "nothing"),
        (CLUSTER, {"sentinel_password": "w"}, "sentinel_password"),
        (f"{CLUSTER}?sentinel_password=w", {}, "sentinel_password"),
        ("redis://h", {"sentinel_password": "w"}, "sentinel_password"),
        (SENTINEL, {"ssl_ca_certs": "/ca"}, "ssl_ca_certs"),
        (CLUSTER, {"socket_timeout": 0}, "socket_timeout"),
        (SENTINEL, {"socket_connect_timeout": "1"}, "socket_connect_timeout"),
        (SENTINEL, {"token": "t"}, "token"),
    ],
    ids=str,
)
def test_a_wrong_option_is_refused_at_once(
    facade: Any, url: str, options: dict[str, Any], named: str
) -> None:
    """And named, when the memory is made."""
    with pytest.raises(ConfigurationError, match=named):
        facade.from_url(url, **options)


@facades
@everywhere
@pytest.mark.parametrize(
    "deadline", [0, -1, True, "5", None, float("nan"), float("inf"), LONGEST_DEADLINE_S + 1]
)
def test_a_deadline_that_cannot_be_kept_is_refused(facade: Any, url: str, deadline: Any) -> None:
    """Beyond the longest one a server no longer knows what it has done."""
    with pytest.raises(ConfigurationError, match="deadline"):
        facade.from_url(url, deadline=deadline)


@facades
@pytest.mark.parametrize(
    ("url", "attempts", "connect_s"),
    [(SENTINEL, None, 7), (CLUSTER, None, 7), ("redis://h", 3, 1)],
)
def test_a_deadline_is_for_whatever_is_tried(
    facade: Any, url: str, attempts: int | None, connect_s: float
) -> None:
    """Over several nodes as often as it allows, also while nobody is there."""
    patience = facade.from_url(url, deadline=7)._transport.patience
    assert (patience.deadline_s, patience.attempts, patience.connect_s) == (7, attempts, connect_s)
    assert facade.from_url(url)._transport.patience.deadline_s == DEADLINE_S


@facades
def test_a_durability_that_cannot_be_had_is_refused(facade: Any) -> None:
    """One server has nobody who says which node is the primary."""
    for url in (SENTINEL, CLUSTER):
        for durability in ("acknowledged", "replicated"):
            facade.from_url(url, durability=durability)
        with pytest.raises(ConfigurationError, match="durability"):
            facade.from_url(url, durability="sure")
    facade.from_url("redis://h", durability="acknowledged")
    with pytest.raises(ConfigurationError, match="sentinel"):
        facade.from_url("redis://h", durability="replicated")
