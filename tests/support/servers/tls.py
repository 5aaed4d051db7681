"""A server with TLS, and the certificates for it and its clients."""

from __future__ import annotations

import datetime as dt
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import redis
import trustme

from tests.support.servers.clients import plain_client
from tests.support.servers.server import Server
from tests.support.servers.settings import Setting, quoted

_LONG_AGO = dt.datetime(2001, 1, 1, tzinfo=dt.UTC)
_AGO = dt.datetime(2002, 1, 1, tzinfo=dt.UTC)


class Certificates:
    """Certificates and keys as files, in a folder that `close` removes; a context manager.

    Attributes:
        ca: Who signs; what clients and servers trust.
        other_ca: Another one, whom nobody trusts.
        server: For localhost and 127.0.0.1, certificate and key in one file.
        client: Of a client.
        stranger: Of a client, from the other CA.
        misnamed: For another host.
        expired: For localhost and 127.0.0.1, until some years ago.
    """

    def __init__(self) -> None:
        """Make them all."""
        self._folder = tempfile.TemporaryDirectory(prefix="rd-")
        ca, other = trustme.CA(), trustme.CA()
        here = ("localhost", "127.0.0.1")
        self.ca = self._written("ca", ca.cert_pem)
        self.other_ca = self._written("other-ca", other.cert_pem)
        self.server = self._issued("server", ca.issue_cert(*here))
        self.client = self._issued("client", ca.issue_cert("client@example.org"))
        self.stranger = self._issued("stranger", other.issue_cert("client@example.org"))
        self.misnamed = self._issued("misnamed", ca.issue_cert("redis.example.org"))
        self.expired = self._issued(
            "expired", ca.issue_cert(*here, not_before=_LONG_AGO, not_after=_AGO)
        )

    def _written(self, name: str, pem: trustme.Blob) -> str:
        path = Path(self._folder.name) / f"{name}.pem"
        pem.write_to_path(str(path))
        return str(path)

    def _issued(self, name: str, made: trustme.LeafCert) -> str:
        return self._written(name, made.private_key_and_cert_chain_pem)

    def __enter__(self) -> Self:
        """Nothing is left to do."""
        return self

    def __exit__(self, *exc: object) -> None:
        """Remove the files."""
        self.close()

    def close(self) -> None:
        """Remove the files; twice is fine."""
        self._folder.cleanup()


class TLSServer(Server):
    """A Redis that speaks nothing but TLS."""

    def __init__(
        self,
        certificates: Certificates,
        *,
        shown: str | None = None,
        clients: str = "no",
        password: str | None = None,
        config: Mapping[str, Setting] | None = None,
    ) -> None:
        """Prepare a server; `start` or `with` runs it.

        Args:
            certificates: Of it and of those that it trusts.
            shown: Its certificate, if not `certificates.server`.
            clients: Whether it asks clients for a certificate: `no`, `optional` or `yes`.
            password: Of the default user.
            config: As for `Server`; `user` takes ACL users, a line each.
        """
        self.certificates = certificates
        self._shown = shown or certificates.server
        self._clients = clients
        super().__init__("redis", password=password, config=config)

    def _settings(self) -> dict[str, Setting]:
        settings: dict[str, Setting] = {
            "port": 0,
            "tls-port": self.port,
            "tls-cert-file": quoted(self._shown),
            "tls-key-file": quoted(self._shown),
            "tls-ca-cert-file": quoted(self.certificates.ca),
            "tls-auth-clients": self._clients,
        }
        return super()._settings() | settings | self.config

    @property
    def url(self) -> str:
        """The address; a client must be told to trust `certificates.ca`."""
        return super().url.replace("redis://", "rediss://", 1)

    def client(self, **options: Any) -> redis.Redis:
        """Return a client of the administrator; it does not look at the server's certificate."""
        options.setdefault("password", self.password)
        return plain_client(
            host=self.host,
            port=self.port,
            ssl=True,
            ssl_cert_reqs="none",
            ssl_certfile=self.certificates.client,
            ssl_keyfile=self.certificates.client,
            **options,
        )
