"""URLs of Sentinel and Cluster: what they lead to, and that none of them tells a secret."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, unquote, urlencode, urlsplit

import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st

from redialog import ChatMemory, ConfigurationError
from redialog.transports.urls import Target, resolve

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
HOSTS = st.one_of(
    st.from_regex(r"[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?(\.[a-z]{2,5})?", fullmatch=True),
    st.ip_addresses(v=4).map(str),
    st.ip_addresses(v=6).map(str),
)
SCHEMES = st.sampled_from(["redis", "rediss"])
PORTS = st.none() | st.integers(1, 65535)


@st.composite
def nodes(draw: Any) -> list[tuple[str, int | None]]:
    """Hosts with or without a port."""
    return [(draw(HOSTS), draw(PORTS)) for _ in range(draw(st.integers(1, 4)))]


def written(host: str, port: int | None) -> str:
    """A host as it stands in a URL."""
    named = f"[{host}]" if ":" in host else host
    return named if port is None else f"{named}:{port}"


def login(user: str, password: str) -> str:
    """A login as it stands in a URL."""
    return f"{quote(user, safe='')}:{quote(password, safe='')}@" if user or password else ""


def understood(url: str) -> dict[str, Any]:
    """What the client library makes of a URL."""
    found: dict[str, Any] = redis.connection.parse_url(url)  # type: ignore[no-untyped-call]
    return found


def given_to_redis(target: Target) -> dict[str, Any]:
    """What it makes of a node's."""
    return understood(target.node(("node", 7)))


@given(nodes(), st.tuples(TEXT, TEXT), NAMES, st.none() | st.integers(0, 99), SCHEMES)
def test_a_url_of_sentinels(
    hosts: list[tuple[str, int | None]],
    who: tuple[str, str],
    service: str,
    database: int | None,
    scheme: str,
) -> None:
    """Any login, hosts and service come out as they went in; the login is of the data nodes."""
    path = quote(service, safe="") + ("" if database is None else f"/{database}")
    place = ",".join(written(*host) for host in hosts)
    target = resolve(f"{scheme}+sentinel://{login(*who)}{place}/{path}", {})
    assert (target.kind, target.service) == ("sentinel", service)
    assert target.hosts == tuple((host, port or 26379) for host, port in hosts)
    found = given_to_redis(target)
    assert (found.get("username", ""), found.get("password", "")) == who
    assert (found["host"], found["port"], found.get("db", 0)) == ("node", 7, database or 0)
    assert target.node(("node", 7)).startswith(f"{scheme}://")
    at_sentinel = understood(target.sentinel(target.hosts[0]))
    assert "password" not in at_sentinel
    assert "username" not in at_sentinel
    assert target.sentinel(("h", 1)) == f"{scheme}://h:1"


@given(nodes(), st.tuples(TEXT, TEXT), st.sampled_from(["", "/", "/0"]), SCHEMES)
def test_a_url_of_a_cluster(
    hosts: list[tuple[str, int | None]], who: tuple[str, str], tail: str, scheme: str
) -> None:
    """The same; it has one database."""
    place = ",".join(written(*host) for host in hosts)
    target = resolve(f"{scheme}+cluster://{login(*who)}{place}{tail}", {})
    assert target.kind == "cluster"
    assert target.hosts == tuple((host, port or 6379) for host, port in hosts)
    found = given_to_redis(target)
    assert (found.get("username", ""), found.get("password", "")) == who
    assert found.get("db", 0) == 0


@given(TEXT, TEXT)
def test_the_login_at_the_sentinels_stands_in_the_query(user: str, password: str) -> None:
    """And not in the URL of the data nodes; other parts of the query do."""
    query = {"sentinel_username": user, "sentinel_password": password, "client_name": "chat"}
    target = resolve(f"redis+sentinel://h/m/0?{urlencode(query)}", {})
    assert target.sentinel_login == {"username": user, "password": password}
    assert "sentinel" not in target.url
    assert given_to_redis(target)["client_name"] == "chat"


@given(st.integers(0, 15), st.ip_addresses(v=6))
def test_a_node_gets_its_own_url(number: int, host: ipaddress.IPv6Address) -> None:
    """Whatever the login looks like: braces in it are no place for a host."""
    target = resolve("redis+sentinel://{}:%7B%7D{x}@h/m", {})
    found = understood(target.node((str(host), 7000 + number)))
    assert (found["host"], found["port"]) == (str(host), 7000 + number)
    assert (found["username"], found["password"]) == ("{}", "{}{x}")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis+sentinel://u:s3cret@A:1,b/m", "redis+sentinel://a:1,b:26379/m/0"),
        ("REDISS+Sentinel://[::1]/my%2Fm/2", "rediss+sentinel://[::1]:26379/my/m/2"),
        ("redis+sentinel://h/m?db=3", "redis+sentinel://h:26379/m/3"),
        ("redis+sentinel://h/m?sentinel_password=s3cret", "redis+sentinel://h:26379/m/0"),
        ("redis+cluster://:s3cret@a,[::1]:5,c:7/0", "redis+cluster://a:6379,[::1]:5,c:7"),
        ("rediss+cluster://h?client_name=x", "rediss+cluster://h:6379"),
    ],
)
def test_what_is_shown_has_hosts_and_no_login(url: str, shown: str) -> None:
    """The same on the memory."""
    assert resolve(url, {}).address == shown
    assert f" on {shown}>" in repr(ChatMemory.from_url(url))
    assert "s3cret" not in repr(resolve(url, {}))


@pytest.mark.parametrize(
    "rest",
    [
        "sentinel://h",
        "sentinel://h/",
        "sentinel:///m",
        "sentinel://h,/m",
        "sentinel://h/m/x",
        "sentinel://h/m/-1",
        "sentinel://h/m/0/1",
        "sentinel://h/m?db=x",
        "sentinel://h:port/m",
        "sentinel://h:70000/m",
        "sentinel://::1:26379/m",
        "sentinel://[::1/m",
        "sentinel://a..b/m",
        "sentinel://\udcff/m",
        "sentinel:h/m",
        "cluster://",
        "cluster://h/1",
        "cluster://h?db=1",
        "cluster://h/0/1",
        "cluster://h,,g",
        "cluster://h#part",
        "cluster://h?client_name",
        "cluster://u:p[w@h",
        "cluster:h:6379",
    ],
)
def test_a_url_that_cannot_be_used_is_refused_at_once(rest: str) -> None:
    """With what it must look like; of its parts it names none."""
    with pytest.raises(ConfigurationError, match=r"must look like redis\+"):
        ChatMemory.from_url(f"redis+{rest}")


SECRET = st.builds(
    lambda before, mark, after: f"{before}{mark}{after}",
    st.just("s3cret"),
    st.sampled_from("/?#@[]:,%&=+ {}"),
    st.just("t41l"),
)
URLS: list[Callable[[str], str]] = [
    "redis+sentinel://{}@h:26379/mymaster/0".format,
    "redis+sentinel://user:{}@h:26379,g:26379/mymaster/0".format,
    "redis+sentinel://user:{}@h:26379/mymaster".format,
    "redis+sentinel://user:{}@h:26379".format,
    "redis+sentinel://user:1{}@h:26379".format,
    "redis+cluster://user:{}@h:6379".format,
    "redis+cluster://:{}@h".format,
    "redis+cluster://user:12345#{}@h:6379".format,
    "redis+cluster://user:12345/{}@h:6379".format,
    "redis+cluster://user:12345?{}@h:6379".format,
    "redis://user:12345#{}@h:6379/0".format,
    "redis://:12345#{}@h:6379/0".format,
]


@pytest.mark.parametrize("make", URLS, ids=lambda make: make("PASSWORD"))
@given(secret=SECRET)
def test_a_password_with_any_mark_is_taken_or_refused_and_not_told(
    make: Callable[[str], str], secret: str
) -> None:
    """Who forgets to encode it reads an error, or is logged in: its parts are no host."""
    try:
        target = resolve(make(secret), {})
    except ConfigurationError as error:
        told = f"{error} {error.__cause__}"
    else:
        told = f"{target.address} {target!r}"
        assert secret in unquote(target.url)
    for part in ("s3cret", "t41l", "12345"):
        assert part not in told


def test_a_url_is_no_more_secret_where_the_client_library_refuses_it() -> None:
    """What it says of a wrong option is not passed on."""
    with pytest.raises(ConfigurationError) as caught:
        ChatMemory.from_url("redis+cluster://u:s3cret@h:6379?nothing=s3cret")
    assert "s3cret" not in str(caught.value)
    assert urlsplit("redis+cluster://u:s3cret@h:6379").password == "s3cret"
