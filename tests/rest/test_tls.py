"""TLS: certificates and names are verified, and what is refused is told from what is lost."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from redialog import ConfigurationError, ConnectError, Message, TLSError, UnverifiedTLSWarning
from tests.rest.certificates import STRANGER, authority_file, own_file, server_context
from tests.rest.conftest import Connect
from tests.rest.front import Front, cut
from tests.support.gateways import Gateway


@pytest.fixture
def trusted(tmp_path: Path) -> dict[str, Any]:
    """The option that makes the tests' authority known."""
    return {"ssl_ca_certs": authority_file(tmp_path)}


@pytest.fixture
def secure(gateway: Gateway) -> Iterator[Front]:
    """A server with a certificate that is good for its address."""
    with Front(gateway.url, server_context("127.0.0.1")) as found:
        yield found


def test_a_verified_server_is_used(
    secure: Front, connect: Connect, trusted: dict[str, Any]
) -> None:
    """Over one connection, and a lost reply stores once there too."""
    chat = connect(secure.url, **trusted).session("s")
    stored = chat.append(Message.user("é" * 100_000))
    assert chat.messages() == stored
    assert secure.accepted == 1
    secure.on(cut(-1), match=b"EVAL")
    chat.append(Message.user("2"))
    assert [one.text for one in chat.window(messages=1)] == ["2"]
    assert chat.count() == 2


def refused(secure: Front, connect: Connect, **options: Any) -> TLSError:
    with pytest.raises(TLSError) as caught:
        connect(secure.url, **options).session("s").append(Message.user("SECRET"))
    error = caught.value
    # One attempt, of which nothing was sent.
    assert secure.accepted == 1
    assert secure.seen == []
    assert (error.retryable, error.maybe_applied) == (False, False)
    assert secure.url in str(error)
    return error


def test_an_unknown_authority_is_refused(secure: Front, connect: Connect) -> None:
    """That is the default."""
    assert "certificate" in str(refused(secure, connect))


def test_another_name_is_refused(
    gateway: Gateway, connect: Connect, trusted: dict[str, Any]
) -> None:
    """A good certificate of somebody else's."""
    with Front(gateway.url, server_context("name.upstash.io", "127.0.0.2")) as other:
        assert "certificate" in str(refused(other, connect, **trusted))
        with pytest.warns(UnverifiedTLSWarning):
            memory = connect(other.url, **trusted, ssl_check_hostname=False)
        memory.ping()


def test_verification_is_off_only_where_it_is_said(secure: Front, connect: Connect) -> None:
    """With a warning."""
    with pytest.warns(UnverifiedTLSWarning):
        memory = connect(secure.url, ssl_cert_reqs="none")
    memory.ping()


def test_a_service_without_tls(connect: Connect, front: Front) -> None:
    """What answers a handshake with HTTP is no TLS."""
    error = None
    with pytest.raises(TLSError) as caught:
        connect(front.url.replace("http:", "https:")).ping()
    error = caught.value
    assert "handshake" in str(error)
    assert front.seen == []


def test_a_certificate_of_our_own(
    gateway: Gateway, connect: Connect, trusted: dict[str, Any], tmp_path: Path
) -> None:
    """It is shown to a server that asks; without, or with a stranger's, that refuses us."""
    with Front(gateway.url, server_context("127.0.0.1", asks=True)) as asking:
        connect(asking.url, **trusted, ssl_certfile=own_file(tmp_path)).ping()
    for own in ({}, {"ssl_certfile": own_file(tmp_path, STRANGER)}):
        with Front(gateway.url, server_context("127.0.0.1", asks=True)) as asking:
            refused(asking, connect, **trusted, **own)


@pytest.mark.parametrize("name", ["ssl_ca_certs", "ssl_certfile", "ssl_keyfile"])
def test_files_that_cannot_be_used(name: str, connect: Connect, tmp_path: Path) -> None:
    """They are looked at before anything is opened."""
    empty = tmp_path / "SECRET"
    empty.write_text("")
    options = {"ssl_certfile": own_file(tmp_path)} if name == "ssl_keyfile" else {}
    for path in (empty, tmp_path / "missing"):
        with pytest.raises(ConfigurationError, match=name):
            connect("https://name.upstash.io", **{**options, name: str(path)})


def test_a_key_with_a_password(connect: Connect, tmp_path: Path) -> None:
    """Nobody is asked for it at the terminal."""
    path = tmp_path / "own.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-passout", "pass:secret"),
            *("-subj", "/CN=client", "-keyout", str(path), "-out", str(tmp_path / "crt")),
        ],
        check=True,
        capture_output=True,
    )
    path.write_text(path.read_text() + (tmp_path / "crt").read_text())
    with pytest.raises(ConfigurationError, match="ssl_certfile"):
        connect("https://name.upstash.io", ssl_certfile=str(path))


def test_a_server_that_hangs_up_in_the_handshake(gateway: Gateway, connect: Connect) -> None:
    """It may be starting: to be tried again, and nothing was sent."""
    with Front(gateway.url) as closing:
        url = closing.url.replace("http:", "https:")
        closing.refuse = True
        with pytest.raises(ConnectError) as caught:
            connect(url).ping()
    assert caught.value.retryable is True
    assert closing.accepted > 1
