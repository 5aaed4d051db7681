"""Where a REST transport leads, with what it may: URL, token and options, checked."""

from __future__ import annotations

import hashlib
import ipaddress
import ssl
from collections.abc import Callable, Mapping
from typing import Any, NoReturn, TypeAlias
from urllib.parse import SplitResult, urlsplit

import msgspec

from redialog.errors import ConfigurationError
from redialog.transports import _security

CONNECT_TIMEOUT_S = 2.0
REPLY_TIMEOUT_S = 5.0
MAX_CONNECTIONS = 100
MAX_REQUEST_BYTES = 10_000_000
"""What Upstash takes on ordinary plans."""
KEPT_S = 55.0
"""How long a connection lies idle: balancers and routers forget one after a minute or more."""

_PRINTABLE = range(0x21, 0x7F)


class Secret:
    """A text that no repr, error, log or pickle shows."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself."""
        return self._text

    def digest(self) -> bytes:
        """What tells it from others, and does not tell what it is."""
        return hashlib.sha256(self._text.encode()).digest()

    def __repr__(self) -> str:
        return "<secret>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret cannot be pickled")


class Options(msgspec.Struct, frozen=True):
    """How a connection is made and used; None of a time means: as long as it takes.

    Attributes:
        socket_connect_timeout: seconds for a connection, with its TLS handshake.
        socket_timeout: seconds from the request to the end of its reply.
        timeout: seconds to wait for one of the connections.
        max_connections: how many there are at most.
        ssl_ca_certs: a file of certificates to trust instead of the usual ones.
        ssl_certfile: a certificate of our own, for servers that ask for one.
        ssl_keyfile: its key, where that lies in another file.
        ssl_cert_reqs: ``required``, or ``none`` to trust anybody.
        ssl_check_hostname: whether the certificate must be for this host.
        max_request_bytes: the largest body of a request.
        allow_insecure: whether ``http://`` may lead to another host.
    """

    socket_connect_timeout: float | None = CONNECT_TIMEOUT_S
    socket_timeout: float | None = REPLY_TIMEOUT_S
    timeout: float | None = REPLY_TIMEOUT_S
    max_connections: int = MAX_CONNECTIONS
    ssl_ca_certs: str | None = None
    ssl_certfile: str | None = None
    ssl_keyfile: str | None = None
    ssl_cert_reqs: str = "required"
    ssl_check_hostname: bool = True
    max_request_bytes: int = MAX_REQUEST_BYTES
    allow_insecure: bool = False


class Site(msgspec.Struct, frozen=True):
    """A REST service and how to talk to it.

    Attributes:
        url: without a slash at its end.
        address: the same for people: no path, which can be a secret.
        token: what opens it.
        options: of the connections.
    """

    url: str
    address: str
    token: Secret
    options: Options

    @property
    def key(self) -> tuple[object, ...]:
        """What transports have in common that share their connections."""
        options = msgspec.structs.replace(self.options, max_request_bytes=0, allow_insecure=False)
        return (self.url, self.token.digest(), msgspec.structs.astuple(options))

    def context(self) -> ssl.SSLContext:
        """The TLS context of its connections.

        Raises:
            ConfigurationError: a file cannot be read.
        """
        options = self.options
        if not self.url.startswith("https:"):
            # Never used; the usual certificates would take 20 ms to load.
            return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        try:
            if options.ssl_ca_certs is not None:
                context = ssl.create_default_context(cafile=options.ssl_ca_certs)
            else:
                from redialog.transports.rest._needs import httpx

                context = httpx.create_ssl_context()
            if options.ssl_certfile is not None:
                # Without a password that is given, OpenSSL would ask for it at the terminal.
                context.load_cert_chain(
                    options.ssl_certfile, options.ssl_keyfile, password=lambda: b""
                )
            elif options.ssl_keyfile is not None:
                raise ConfigurationError("ssl_keyfile belongs to an ssl_certfile")
        except (OSError, ssl.SSLError) as error:
            raise ConfigurationError(
                f"a certificate file cannot be used ({type(error).__name__}): see ssl_ca_certs, "
                "ssl_certfile and ssl_keyfile"
            ) from None
        context.check_hostname = options.ssl_check_hostname and options.ssl_cert_reqs != "none"
        if options.ssl_cert_reqs == "none":
            context.verify_mode = ssl.CERT_NONE
        return context


def site(url: object, token: object, options: Mapping[str, object]) -> Site:
    """The site of a URL; the texts of errors quote nothing of it or of the token.

    Raises:
        ConfigurationError: the URL, the token or an option is wrong.
    """
    parts = _parts(url)
    checked = _options(options, parts.scheme)
    if parts.scheme == "http" and not (checked.allow_insecure or _is_loopback(parts.hostname)):
        raise ConfigurationError(
            "http:// sends the token and all messages in the clear: use https://, or pass "
            "allow_insecure=True where the network is trusted"
        )
    if not isinstance(token, str) or not token or any(ord(c) not in _PRINTABLE for c in token):
        raise ConfigurationError(
            "the token must be printable ASCII text without blanks; is there a line break in it?"
        )
    if checked.ssl_cert_reqs == "none" or not checked.ssl_check_hostname:
        _security._warn()
    base = f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"
    found = Site(base, f"{parts.scheme}://{parts.netloc}", Secret(token), checked)
    if checked.ssl_ca_certs or checked.ssl_certfile or checked.ssl_keyfile:
        # That the files can be used.
        found.context()
    return found


def _parts(url: object) -> SplitResult:
    if isinstance(url, str) and all(ord(c) in _PRINTABLE for c in url):
        try:
            parts = urlsplit(url)
            # Both are checked where they are read.
            readable = parts.port != 0 and bool((parts.hostname or "").encode("idna"))
        except ValueError:
            readable = False
        else:
            if "@" in parts.netloc or parts.query or parts.fragment:
                raise ConfigurationError(
                    "a REST url holds no user, password or query; the token is an argument of "
                    "its own"
                )
        if readable and parts.scheme in ("http", "https"):
            return parts
    raise ConfigurationError("the url cannot be read: it must look like https://NAME.upstash.io")


def _is_loopback(host: str | None) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False


def _options(given: Mapping[str, object], scheme: str) -> Options:
    for name, value in given.items():
        if name not in Options.__struct_fields__:
            raise ConfigurationError(f"the REST transport has no option {name!r}")
        if scheme == "http" and name.startswith("ssl_"):
            raise ConfigurationError(f"{name} is for TLS, and an http:// url has none")
        fits, what = _CHECKS[name]
        if not fits(value):
            raise ConfigurationError(f"{name} must be {what}")
    made: dict[str, Any] = dict(given)
    return Options(**made)


def _is_time(value: object) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return value is None or (number and value > 0)  # type: ignore[operator]


_Check: TypeAlias = tuple[Callable[[object], bool], str]
_TIME: _Check = (_is_time, "a number of seconds above zero, or None")
_NUMBER: _Check = (
    lambda value: type(value) is int and value > 0,
    "a whole number of at least 1",
)
_FILE: _Check = (lambda value: isinstance(value, str | None), "the path of a file, as text")
_FLAG: _Check = (lambda value: isinstance(value, bool), "True or False")
_LEVEL: _Check = (lambda value: value in ("required", "none"), "'required' or 'none'")
_CHECKS: dict[str, _Check] = {
    **dict.fromkeys(("socket_connect_timeout", "socket_timeout", "timeout"), _TIME),
    **dict.fromkeys(("max_connections", "max_request_bytes"), _NUMBER),
    **dict.fromkeys(("ssl_ca_certs", "ssl_certfile", "ssl_keyfile"), _FILE),
    **dict.fromkeys(("allow_insecure", "ssl_check_hostname"), _FLAG),
    "ssl_cert_reqs": _LEVEL,
}
