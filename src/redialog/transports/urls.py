"""One URL decides where the conversations lie."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, TypeAlias
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

import msgspec

from redialog.errors import ConfigurationError

Address: TypeAlias = tuple[str, int]
"""Of a node: host and port."""

Kind: TypeAlias = Literal["redis", "sentinel", "cluster", "rest", "embedded"]

_SUPPORTED = (
    "redis://, rediss://, unix://, redis+sentinel://, rediss+sentinel://, redis+cluster://, "
    "rediss+cluster://, https:// (Upstash) and embedded:"
)
_SCHEMES: dict[str, Kind] = {
    **dict.fromkeys(("redis", "rediss", "unix"), "redis"),
    **dict.fromkeys(("redis+sentinel", "rediss+sentinel"), "sentinel"),
    **dict.fromkeys(("redis+cluster", "rediss+cluster"), "cluster"),
    **dict.fromkeys(("http", "https"), "rest"),
    "embedded": "embedded",
}
_PORTS = {"sentinel": 26379}
_PARTS = re.compile(r"//(?P<place>[^/?#]*)(?P<path>[^?#]*)(?:\?(?P<query>[^#]*))?", re.DOTALL)
_SENTINEL_LOGIN = ("sentinel_username", "sentinel_password")


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """Where a memory leads.

    Attributes:
        kind: what is there.
        url: as the client library takes it; of a Sentinel or Cluster deployment, that of a node
            with ``{}`` for its host and port.
        address: the same without secrets, for people.
        hosts: the sentinels, or the nodes that a Cluster is known by.
        service: what the sentinels call the primary.
        sentinel_login: options for the connections to the sentinels.
        sentinel_scheme: of their URLs; empty: that of the data nodes'.
        token: of a REST service.
        folder: of the embedded server; None for its default.
    """

    kind: Kind
    address: str
    url: str = ""
    hosts: tuple[Address, ...] = ()
    service: str = ""
    sentinel_login: dict[str, str] = {}
    sentinel_scheme: str = ""
    token: str = ""
    folder: Path | None = None

    def __repr__(self) -> str:
        return f"<Target {self.address}>"

    def node(self, address: Address) -> str:
        """The URL of one node of a deployment."""
        return self.url.replace("{}", shown(address), 1)

    def sentinel(self, address: Address) -> str:
        """The URL of a sentinel; its login is among the options."""
        return f"{self.sentinel_scheme or self.url.partition(':')[0]}://{shown(address)}"


def shown(address: Address) -> str:
    """A node's address as it stands in a URL."""
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def merged(config: object, options: Mapping[str, object]) -> dict[str, object]:
    """The client library's options, from both places where they can be given.

    Raises:
        ConfigurationError: ``config`` is no mapping.
    """
    if config is not None and not isinstance(config, Mapping):
        raise ConfigurationError(f"config must be a mapping, not {type(config).__name__}")
    return {**(config or {}), **options}


def resolve(url: str | None, environ: Mapping[str, str], token: str | None = None) -> Target:
    """The target of a URL.

    Args:
        url: or None for ``REDIALOG_URL``, else ``UPSTASH_REDIS_REST_URL``, else ``REDIS_URL``, else
            the embedded server.
        environ: the environment.
        token: of a REST service; None for ``REDIALOG_TOKEN``, or ``UPSTASH_REDIS_REST_TOKEN`` where
            the URL is the one that belongs to it.

    Raises:
        ConfigurationError: no such URL is understood. Its text holds no part of the URL but the
            scheme, since the rest can be a secret.
    """
    upstash = environ.get("UPSTASH_REDIS_REST_URL") or None
    if url is None:
        url = environ.get("REDIALOG_URL") or upstash or environ.get("REDIS_URL") or "embedded:"
    if not isinstance(url, str):
        raise ConfigurationError(f"the url must be text, not {type(url).__name__}")
    scheme, colon, rest = url.partition(":")
    scheme = scheme.lower()
    if not colon:
        raise ConfigurationError(f"the url has no scheme; supported are {_SUPPORTED}")
    kind = _SCHEMES.get(scheme)
    if kind is None:
        named = scheme if scheme.replace("+", "").isalnum() else "?"
        raise ConfigurationError(
            f"the url scheme {named!r} is not supported; supported are {_SUPPORTED}"
        )
    if kind == "rest":
        token = token or environ.get("REDIALOG_TOKEN")
        if token is None and url == upstash:
            # Not for any other: a token is sent to whom it belongs.
            token = environ.get("UPSTASH_REDIS_REST_TOKEN")
        return _rest(url, scheme, token)
    if token is not None:
        raise ConfigurationError(
            "a token goes with an https:// url; others hold a user and password"
        )
    if kind == "embedded":
        return _embedded(rest)
    if kind == "redis":
        url = f"{scheme}:{rest}"
        return Target(kind=kind, url=url, address=_address(url, scheme))
    return _deployment(kind, scheme, rest)


def _rest(url: str, scheme: str, token: str | None) -> Target:
    if not token:
        raise ConfigurationError(
            "a REST url needs a token: pass token=, or set REDIALOG_TOKEN, or both "
            "UPSTASH_REDIS_REST_URL and UPSTASH_REDIS_REST_TOKEN"
        )
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
        host = parts.hostname or ""
    except ValueError:
        host = port = ""
    if not host:
        raise ConfigurationError(
            "the url cannot be read: it must look like https://NAME.upstash.io"
        )
    return Target(kind="rest", url=url, address=f"{scheme}://{host}{port}", token=token)


def _embedded(rest: str) -> Target:
    path = unquote(rest.removeprefix("//"))
    if not path:
        return Target(kind="embedded", address="embedded:")
    folder = Path(path)
    if not folder.is_absolute():
        raise ConfigurationError(
            "the folder of an embedded url must be absolute: embedded:///home/me/chats"
        )
    return Target(kind="embedded", address=f"embedded://{folder}", folder=folder)


def _address(url: str, scheme: str) -> str:
    try:
        url.encode()
        parts = urlsplit(url)
        if scheme == "unix":
            return f"unix://{parts.path}"
        if parts.fragment:
            # What stands before it is the first part of a password with a "#" in it.
            raise ValueError
        host, port = parts.hostname or "localhost", parts.port or 6379
        host.encode("idna")
        # The client library takes any other path for database 0, and a password with a slash in
        # it ends up there.
        database = int(parts.path.strip("/") or 0)
        database = int(dict(parse_qsl(parts.query)).get("db", database))
    except ValueError:
        # The parser's own text quotes the part that it stumbled over: often the password.
        raise ConfigurationError(
            "the url cannot be read: it must look like redis://user:password@host:6379/0, with "
            "special characters in the user name and password percent-encoded "
            "(urllib.parse.quote(password, safe=''))"
        ) from None
    return f"{scheme}://{shown((host, port))}/{database}"


def _deployment(kind: Kind, scheme: str, rest: str) -> Target:
    """Several hosts, of which a client finds the right one by asking."""
    try:
        rest.encode()
        # By hand: several hosts are more than the parser of URLs takes in all versions of Python.
        parts = _PARTS.fullmatch(rest)
        if parts is None:
            raise ValueError
        login, at, hosts = parts["place"].rpartition("@")
        asked = parts["query"] or ""
        if "@" in parts["path"] or (not at and "@" in asked):
            # A password with a "/" or "?" in it, of which the beginning looks like a host.
            raise ValueError
        query = dict(parse_qsl(asked, keep_blank_values=True, strict_parsing=bool(asked)))
        found = tuple(_host(one, _PORTS.get(kind, 6379)) for one in hosts.split(","))
        urlsplit(f"redis://{login}{at}h")
        first, *more = parts["path"].strip("/").split("/")
        service, base = ("", first) if kind == "cluster" else (unquote(first), "".join(more[:1]))
        if len(more) > (kind == "sentinel") or (kind == "sentinel" and not service):
            raise ValueError
        database = int(query.pop("db", base) or 0)
        if database < 0 or (kind == "cluster" and database):
            raise ValueError
    except ValueError:
        raise ConfigurationError(_EXAMPLES[kind]) from None
    of_sentinels = {
        name.removeprefix("sentinel_"): query.pop(name)
        for name in _SENTINEL_LOGIN
        if kind == "sentinel" and name in query
    }
    inner = scheme.partition("+")[0]
    tail = f"?{urlencode(query)}" if query else ""
    named = ",".join(map(shown, found))
    place = f"/{service}/{database}" if kind == "sentinel" else ""
    return Target(
        kind=kind,
        # Braces in the login would be taken for the place of the host.
        url=f"{inner}://{login.replace('{', '%7B')}{at}{{}}/{database}{tail}",
        address=f"{scheme}://{named}{place}",
        hosts=found,
        service=service,
        sentinel_login=of_sentinels,
    )


def _host(text: str, port: int) -> Address:
    parts = urlsplit(f"//{text}")
    if not parts.hostname or parts.path or parts.query:
        raise ValueError
    parts.hostname.encode("idna")
    return parts.hostname, parts.port or port


_HOW = (
    "special characters in the user name and password are percent-encoded "
    "(urllib.parse.quote(password, safe=''))"
)
_EXAMPLES = {
    "sentinel": "the url cannot be read: it must look like "
    f"redis+sentinel://user:password@h1:26379,h2:26379,h3:26379/mymaster/0; {_HOW}",
    "cluster": "the url cannot be read: it must look like "
    f"redis+cluster://user:password@h1:6379,h2:6379, where the only database is 0; {_HOW}",
}
