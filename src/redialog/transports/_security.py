"""What may be asked of a connection: TLS that verifies, and credentials that can be used.

``rediss://`` verifies the certificate and the host name; what is to differ has redis-py's names.
Only an argument turns verification off, and with a warning: a URL stands in a settings file or an
environment variable, and goes on to production with it unseen.
"""

from __future__ import annotations

import os
import ssl
import sys
import warnings
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

from redialog.errors import ConfigurationError, UnverifiedTLSWarning

_TRUE = ("1", "t", "true", "y", "yes")
_VERIFIED = ("optional", "required")
"""To a client both mean the same: there is no connection without a certificate that is right."""


def checked(module: Any, url: str, options: Mapping[str, object]) -> dict[str, object]:
    """The options of a client, with TLS that verifies and credentials that can be used.

    Args:
        module: ``redis`` or ``redis.asyncio``.
        url: of a server.
        options: of the client library; what this function gave may be given to it again.

    Raises:
        ConfigurationError: an option is wrong, does not belong to the URL, or may not stand in it.
    """
    parts = urlsplit(url)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    found = {**options}
    _check_login(parts.username or parts.password, query, found)
    asked = [name for name in (*found, *query) if name == "ssl" or name.startswith("ssl_")]
    if parts.scheme == "rediss":
        _check_tls(module, query, found)
    elif asked:
        raise ConfigurationError(f"{asked[0]} is for TLS: the url must begin with rediss://")
    return found


def _check_login(in_url: object, query: Mapping[str, str], found: dict[str, object]) -> None:
    from redialog.transports._credentials import Guarded

    if "credential_provider" in query:
        raise ConfigurationError("credential_provider is an argument and cannot stand in a url")
    provider = found.get("credential_provider")
    if provider is None:
        return
    if in_url or any(found.get(name) or query.get(name) for name in ("username", "password")):
        raise ConfigurationError(
            "a credential_provider gives the user name and the password: leave both out elsewhere"
        )
    if not isinstance(provider, Guarded):
        found["credential_provider"] = Guarded(provider)


def _check_tls(module: Any, query: Mapping[str, str], found: dict[str, object]) -> None:
    from redialog.transports._tls import AsyncTLSConnection, TLSConnection

    own = AsyncTLSConnection if module.__name__.endswith("asyncio") else TLSConnection
    if found.get("connection_class") is own:
        return  # Only this function puts it there.
    kind = found.setdefault("connection_class", own)
    if not (isinstance(kind, type) and issubclass(kind, module.SSLConnection)):
        raise ConfigurationError("connection_class has no TLS, and a rediss:// url asks for it")
    if "ssl" in found or "ssl" in query:
        raise ConfigurationError("ssl is said by the url already: rediss:// is with TLS")
    _check_query(query)
    # What stands in the URL wins in redis-py, and it can only be what verifies.
    if _turned_off({name: found[name] for name in found if name not in query}):
        _warn()
    # Said here, since the defaults of its two kinds of client were not always the same.
    found.setdefault("ssl_cert_reqs", "required")
    found.setdefault("ssl_check_hostname", True)
    _try({**found, **query})


def _check_query(query: Mapping[str, str]) -> None:
    level = query.get("ssl_cert_reqs", "required")
    named = query.get("ssl_check_hostname", "true")
    for name, right in (
        ("ssl_cert_reqs", level in _VERIFIED),
        ("ssl_check_hostname", named.lower() in _TRUE),
    ):
        if not right:
            off = "'none'" if name == "ssl_cert_reqs" else "False"
            raise ConfigurationError(
                f"{name} in a url cannot turn the verification of certificates off; where that is "
                f"meant, take it out of the url and pass {name}={off} as an argument or in config"
            )


def _turned_off(found: Mapping[str, object]) -> bool:
    """Whether arguments say that less is to be verified."""
    level = found.get("ssl_cert_reqs", "required")
    named = found.get("ssl_check_hostname", True)
    if not isinstance(named, bool):
        raise ConfigurationError("ssl_check_hostname must be True or False")
    if not (level in (None, "none", *_VERIFIED) or isinstance(level, ssl.VerifyMode)):
        raise ConfigurationError("ssl_cert_reqs must be 'required' or 'none'")
    return level in (None, "none", ssl.CERT_NONE) or not named


def _warn() -> None:
    inside = __name__.partition(".")[0]
    level, frame = 1, sys._getframe()
    while frame.f_back and frame.f_globals.get("__name__", "").partition(".")[0] == inside:
        level, frame = level + 1, frame.f_back
    warnings.warn(
        "TLS is used without verifying whom it leads to (ssl_cert_reqs or ssl_check_hostname): "
        "whoever is on the way can read and change what is sent, the password too",
        UnverifiedTLSWarning,
        stacklevel=level,
    )


def _try(found: Mapping[str, Any]) -> None:
    """Looks once whether the files and settings can be used; each connection reads them anew."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    given = [found.get(f"ssl_ca_{name}") for name in ("certs", "path", "data")]
    pair = [found.get(f"ssl_{name}") for name in ("certfile", "keyfile")]
    if any(given):
        _tried("ssl_ca_certs, ssl_ca_path or ssl_ca_data", context.load_verify_locations, *given)
    if any(pair):
        # Without one that is given, OpenSSL would ask for it at the terminal.
        password = found.get("ssl_password") or (lambda: b"")
        _tried("ssl_certfile or ssl_keyfile", context.load_cert_chain, *pair, password)
    if found.get("ssl_ciphers"):
        _tried("ssl_ciphers", context.set_ciphers, found["ssl_ciphers"])
    if found.get("ssl_min_version") is not None:
        _tried("ssl_min_version", _limit, context, found["ssl_min_version"])


def _limit(context: ssl.SSLContext, version: Any) -> None:
    # A number in a URL is text.
    context.minimum_version = ssl.TLSVersion(int(version) if isinstance(version, str) else version)


def _tried(names: str, use: Callable[..., object], *given: Any) -> None:
    try:
        use(*given)
    except ssl.SSLError as error:
        reason = getattr(error, "reason", None)
        why = f" ({reason})" if reason else ""
        raise ConfigurationError(f"{names} cannot be used{why}") from None
    except OSError as error:
        why = os.strerror(error.errno).lower() if error.errno else type(error).__name__
        raise ConfigurationError(f"{names} cannot be used: {why}") from None
    except (TypeError, ValueError):
        raise ConfigurationError(f"{names} cannot be used: it is of a wrong kind") from None
