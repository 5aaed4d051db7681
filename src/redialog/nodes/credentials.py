"""Credentials: what a node connects with, as typed values that show no secret."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar, Self, TypeAlias
from urllib.parse import quote

import msgspec
from msgspec import structs

from redialog.nodes.describing import CREDENTIALS
from redialog.nodes.errors import NodeError
from redialog.nodes.reading import Reader, kind_of
from redialog.nodes.secret import MASK, Secret, masked_url

_NAMED = re.compile(r"\$([A-Za-z_][A-Za-z0-9_]*)")
_SHAPE = frozenset({"name", "credentialName", "plainDataObj"})
_NOTHING: Mapping[str, object] = MappingProxyType({})

_HOST = re.compile(r"[^\s/@?#:\[\]]+|\[?(?P<v6>[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*)\]?")
"""A name, an IPv4 address, or an IPv6 one, with or without brackets."""

_LAST_PORT = 65535


class _Credential(msgspec.Struct, frozen=True, kw_only=True):
    """What the kinds have in common.

    Attributes:
        extra: fields that the kind does not know, kept as they are.
    """

    name: ClassVar[str]

    extra: Mapping[str, object] = _NOTHING
    # Field by field, which variable of the environment it was taken from.
    _named: Mapping[str, str] = MappingProxyType({})

    def __post_init__(self) -> None:
        for attribute in _SECRETS:
            value = getattr(self, attribute, None)
            if isinstance(value, str):
                structs.force_setattr(self, attribute, Secret(value))

    @classmethod
    def parse(cls, value: Mapping[str, object], node: str | None = None) -> Self:
        """The credential that a mapping describes.

        Args:
            value: ``{"name": ..., ...}`` with the fields of the kind, or in Flowise's form
                ``{"credentialName": ..., "plainDataObj": {...}}``. A text ``$NAME`` stands for the
                environment variable of that name, and ``$$...`` for a text that begins with ``$``.
            node: whom an error names; None for the credential itself.

        Raises:
            NodeError: a field is wrong, or an environment variable that it names is not set.
        """
        node = node or cls.name
        extra = _fields(value, node)
        known: dict[str, object] = {}
        named: dict[str, str] = {}
        for field in CREDENTIALS[cls.name].inputs:
            known[field.name], source = resolved(extra.pop(field.name, None), field.name, node)
            if source is not None:
                named[field.name] = source
        made = cls._read(Reader(node, known, templates=False))
        return structs.replace(made, extra=extra, _named=named)

    @classmethod
    def _read(cls, reader: Reader) -> Self:
        raise NotImplementedError

    def export(self) -> dict[str, object]:
        """The fields with secrets masked, and with the names of variables where it has them."""
        shown: dict[str, object] = {"name": self.name}
        for field in CREDENTIALS[self.name].inputs:
            value = getattr(self, _ATTRIBUTES[field.name])
            if isinstance(value, Secret):
                value = masked_url(value.reveal()) if field.type == "url" else str(value)
            elif isinstance(value, str) and value.startswith("$"):
                # It would be read as the name of a variable.
                value = f"${value}"
            shown[field.name] = self._named.get(field.name, value)
        # Nobody knows what the others are.
        return shown | dict.fromkeys(self.extra, MASK)

    def __repr__(self) -> str:
        fields = self.export()
        fields.pop("name")
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in fields.items())})"

    def __rich_repr__(self) -> Any:
        yield from self.export().items()


class RedisCacheApi(_Credential, frozen=True, kw_only=True):
    """A Redis server by host and port; over TLS the certificate and the host name are checked.

    Attributes:
        redis_cache_host: name or address.
        redis_cache_port: where it listens.
        redis_cache_user: of its access list; empty for the default user.
        redis_cache_pwd: any characters, as they are.
        redis_cache_ssl_enabled: connect over TLS.
        extra: fields that the kind does not know, kept as they are.
    """

    name: ClassVar[str] = "redisCacheApi"

    redis_cache_host: str = "127.0.0.1"
    redis_cache_port: int = 6379
    redis_cache_user: str = ""
    redis_cache_pwd: Secret = Secret("")
    redis_cache_ssl_enabled: bool = False

    @classmethod
    def _read(cls, reader: Reader) -> Self:
        host = reader.text("redisCacheHost", "127.0.0.1").strip()
        if not _HOST.fullmatch(host):
            raise reader.wrong(
                "redisCacheHost",
                "must be the name or address of a host alone; the port has a field of its own, and "
                "a URL goes into redisCacheUrlApi",
            )
        return cls(
            redis_cache_host=host,
            redis_cache_port=reader.whole("redisCachePort", _LAST_PORT) or 6379,
            redis_cache_user=reader.text("redisCacheUser"),
            redis_cache_pwd=Secret(reader.text("redisCachePwd")),
            redis_cache_ssl_enabled=reader.flag("redisCacheSslEnabled"),
        )

    def url(self) -> str:
        """The same as a URL; it holds the password."""
        found = _HOST.fullmatch(self.redis_cache_host)
        host = self.redis_cache_host if found is None or not found["v6"] else f"[{found['v6']}]"
        user = quote(self.redis_cache_user, safe="")
        password = quote(self.redis_cache_pwd.reveal(), safe="")
        login = f"{user}:{password}@" if user or password else ""
        scheme = "rediss" if self.redis_cache_ssl_enabled else "redis"
        return f"{scheme}://{login}{host}:{self.redis_cache_port}"


class RedisCacheUrlApi(_Credential, frozen=True, kw_only=True):
    """A Redis by a URL: any that `redialog.ChatMemory.from_url` knows, but for ``https://``.

    Attributes:
        redis_url: the URL.
        extra: fields that the kind does not know, kept as they are.
    """

    name: ClassVar[str] = "redisCacheUrlApi"

    redis_url: Secret

    @classmethod
    def _read(cls, reader: Reader) -> Self:
        url = reader.text("redisUrl").strip()
        if not url:
            raise reader.wrong("redisUrl", "is not set; it is like redis://localhost:6379")
        if url.lower().startswith(("http://", "https://")):
            raise reader.wrong(
                "redisUrl",
                "is that of a REST service, which upstashRedisBackedChatMemory connects to",
            )
        return cls(redis_url=Secret(url))

    def url(self) -> str:
        """The URL; it can hold a password."""
        return self.redis_url.reveal()


class UpstashRedisMemoryApi(_Credential, frozen=True, kw_only=True):
    """The token of an Upstash database's REST API.

    Attributes:
        upstash_rest_token: one that may write.
        extra: fields that the kind does not know, kept as they are.
    """

    name: ClassVar[str] = "upstashRedisMemoryApi"

    upstash_rest_token: Secret

    @classmethod
    def _read(cls, reader: Reader) -> Self:
        token = reader.text("upstashRestToken").strip()
        if not token:
            raise reader.wrong("upstashRestToken", "is not set; the console of the database has it")
        return cls(upstash_rest_token=Secret(token))


Credential: TypeAlias = RedisCacheApi | RedisCacheUrlApi | UpstashRedisMemoryApi
"""A credential of any kind."""

_KINDS: dict[str, type[Credential]] = {
    kind.name: kind for kind in (RedisCacheApi, RedisCacheUrlApi, UpstashRedisMemoryApi)
}


_ATTRIBUTES = {
    field.name: re.sub("[A-Z]", lambda found: f"_{found[0].lower()}", field.name)
    for descriptor in CREDENTIALS.values()
    for field in descriptor.inputs
}
_SECRETS = [
    _ATTRIBUTES[field.name]
    for descriptor in CREDENTIALS.values()
    for field in descriptor.inputs
    if field.type in ("password", "url")
]


def credential_of(value: object, names: tuple[str, ...], node: str) -> Credential | None:
    """The credential that a node was given; None for none.

    Args:
        value: a credential, a mapping of one, or what stands for none: None, ``""``, ``{}``.
        names: of the kinds that the node takes.
        node: its name.

    Raises:
        NodeError: it is of another kind, or a field is wrong.
    """

    def wrong(reason: str) -> NodeError:
        return NodeError(node=node, field="credential", reason=reason)

    takes = " or ".join(names)
    if value is None or value in ("", {}):
        return None
    if isinstance(value, _Credential):
        name: object = value.name
    elif isinstance(value, Mapping):
        name = value.get("credentialName") or value.get("name")
    else:
        raise wrong(f"must be a mapping with the fields of {takes}, not {kind_of(value)}")
    if name not in names:
        known = f", not {name}" if name in list(_KINDS) else "; its name says which"
        raise wrong(f"must be of the kind {takes}{known}")
    if isinstance(value, _Credential):
        return value  # type: ignore[return-value]
    return _KINDS[str(name)].parse(value, node)


def resolved(value: object, field: str, node: str) -> tuple[object, str | None]:
    """What a value stands for that may name a variable of the environment, and which one.

    Args:
        value: of a field.
        field: its name.
        node: whom an error names.

    Raises:
        NodeError: the variable is not set.
    """
    if not isinstance(value, str) or not value.startswith("$"):
        return value, None
    if value.startswith("$$"):
        return value[1:], None
    found = _NAMED.fullmatch(value)
    if found is None:
        return value, None
    if found[1] not in os.environ:
        raise NodeError(
            node=node,
            field=field,
            # Not the name: a password can begin with $, too.
            reason="names a variable that the environment does not have; a value that begins "
            "with $ itself is written with $$",
        )
    return os.environ[found[1]], value


def _fields(value: Mapping[str, object], node: str) -> dict[str, object]:
    inner = value.get("plainDataObj")
    if inner is None:
        return {name: item for name, item in value.items() if name not in _SHAPE}
    if not isinstance(inner, Mapping):
        raise NodeError(
            node=node, field="plainDataObj", reason=f"must be a mapping, not {kind_of(inner)}"
        )
    return dict(inner)
