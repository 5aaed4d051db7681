"""Certificates for a test: an authority nobody knows, and what it has signed."""

from __future__ import annotations

import ssl
from pathlib import Path

import trustme

AUTHORITY = trustme.CA()
STRANGER = trustme.CA()


def server_context(*names: str, asks: bool = False) -> ssl.SSLContext:
    """Of a server under these names; ``asks`` for a certificate of the client."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    AUTHORITY.issue_cert(*names).configure_cert(context)
    if asks:
        AUTHORITY.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def authority_file(folder: Path) -> str:
    """The certificate of the authority, as ``ssl_ca_certs`` takes it."""
    path = folder / "authority.pem"
    AUTHORITY.cert_pem.write_to_path(str(path))
    return str(path)


def own_file(folder: Path, issuer: trustme.CA = AUTHORITY) -> str:
    """A client's certificate with its key, as ``ssl_certfile`` takes it."""
    path = folder / "own.pem"
    issuer.issue_cert("client@redialog.test").private_key_and_cert_chain_pem.write_to_path(
        str(path)
    )
    return str(path)
