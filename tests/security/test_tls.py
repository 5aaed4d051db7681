"""``rediss://`` verifies whom it leads to, and what refuses it is a typed error that is final."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
import redis.asyncio
from redis.backoff import NoBackoff
from redis.retry import Retry

from redialog import ChatMemory, ConfigurationError, ConnectError, Message, TransportError
from redialog.errors import TLSError, UnverifiedTLSWarning
from tests.security.conftest import Connect
from tests.support.servers import Certificates, Server, TLSServer


@pytest.fixture(scope="module")
def secured(certificates: Certificates) -> Iterator[TLSServer]:
    """A server with a certificate for localhost and 127.0.0.1."""
    with TLSServer(certificates, password="s3cret") as server:
        yield server


@pytest.fixture(scope="module", params=["TLSv1.2", "TLSv1.3"])
def strict(request: pytest.FixtureRequest, certificates: Certificates) -> Iterator[TLSServer]:
    """One that asks clients for theirs; in TLS 1.2 before, in 1.3 after the client has finished."""
    config = {"tls-protocols": f'"{request.param}"'}
    with TLSServer(certificates, clients="yes", config=config) as server:
        yield server


def refused(memory: ChatMemory) -> TLSError:
    """The error of a write, which is one that no retry mends."""
    with pytest.raises(TransportError) as caught:
        memory.session("s").append(Message.user("SECRET"))
    error = caught.value
    assert isinstance(error, TLSError)
    assert (error.retryable, error.maybe_applied) == (False, False)
    assert "SECRET" not in str(error)
    assert "s3cret" not in str(error)
    return error


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_verified_connection_works(
    connect: Connect, secured: TLSServer, certificates: Certificates, host: str
) -> None:
    """By address and by name, with the file of who signed it, and with its text."""
    url = secured.url.replace("127.0.0.1", host)
    text = Path(certificates.ca).read_text(encoding="ascii")
    for trust in ({"ssl_ca_certs": certificates.ca}, {"ssl_ca_data": text}):
        memory = connect(url, **trust)
        assert [one.text for one in memory.session("s").append(Message.user("x"))] == ["x"]
    connect(f"{url}?ssl_ca_certs={certificates.ca}&ssl_cert_reqs=required").ping()
    connect(url, config={"ssl_ca_certs": certificates.ca, "ssl_min_version": 771}).ping()


def test_who_signed_the_certificate_must_be_trusted(
    connect: Connect, secured: TLSServer, certificates: Certificates
) -> None:
    """Neither the system's list nor somebody else's has it."""
    for trust in ({}, {"ssl_ca_certs": certificates.other_ca}):
        assert "trusted" in str(refused(connect(secured.url, **trust)))


@pytest.mark.parametrize(("shown", "why"), [("misnamed", "host name"), ("expired", "expired")])
def test_the_certificate_must_be_for_the_host_and_in_its_time(
    connect: Connect, certificates: Certificates, shown: str, why: str
) -> None:
    """One for another name, and one of yesterday, are refused, and not looked at again."""
    with TLSServer(certificates, shown=getattr(certificates, shown)) as server:
        assert why in str(refused(connect(server.url, ssl_ca_certs=certificates.ca)))
        with server.client() as raw:
            raw.ping()  # by now the server has noticed whoever came before
        assert server.log.count("Error accepting a client connection") == 1


def test_a_client_shows_its_certificate(
    connect: Connect, strict: TLSServer, certificates: Certificates
) -> None:
    """Where the server asks for one, the right one is let in."""
    pair = {"ssl_certfile": certificates.client, "ssl_keyfile": certificates.client}
    memory = connect(strict.url, ssl_ca_certs=certificates.ca, **pair)
    memory.session("s").append(Message.user("x"))


def test_a_client_without_the_right_certificate_is_told_so(
    connect: Connect, strict: TLSServer, certificates: Certificates
) -> None:
    """Also where the server just hangs up on it, which looks like a network that fails."""
    for pair in ({}, {"ssl_certfile": certificates.stranger, "ssl_keyfile": certificates.stranger}):
        for _ in range(5):
            error = refused(connect(strict.url, ssl_ca_certs=certificates.ca, **pair))
            assert "certificate" in str(error)


def test_versions_that_do_not_meet_are_told(connect: Connect, certificates: Certificates) -> None:
    """The client asks for a newer TLS than the server has."""
    with TLSServer(certificates, config={"tls-protocols": '"TLSv1.2"'}) as server:
        newer = {"ssl_ca_certs": certificates.ca, "ssl_min_version": ssl.TLSVersion.TLSv1_3}
        assert "version" in str(refused(connect(server.url, **newer)))


@pytest.mark.parametrize("kind", ["redis", "valkey"])
def test_a_server_without_tls_is_recognised(connect: Connect, kind: str) -> None:
    """It takes the handshake for the beginning of a command and waits; somebody asks it openly."""
    with Server(kind, password="s3cret") as server:
        url = server.url.replace("redis://", "rediss://")
        error = refused(connect(url, socket_connect_timeout=0.3))
    assert "without TLS" in str(error)


def test_a_server_with_tls_that_is_spoken_to_openly_is_recognised(
    connect: Connect, secured: TLSServer
) -> None:
    """It hangs up on what it does not understand; the error says what may be missing."""
    with pytest.raises(ConnectError, match="rediss://") as caught:
        connect(secured.url.replace("rediss://", "redis://")).ping()
    assert "s3cret" not in str(caught.value)


def test_a_stalled_server_is_no_server_without_tls(
    connect: Connect, secured: TLSServer, certificates: Certificates
) -> None:
    """It does not shake hands, yet it may be back: that can be tried again."""
    options = {"ssl_ca_certs": certificates.ca, "socket_connect_timeout": 0.3}
    memory = connect(secured.url, **options, socket_timeout=None)
    secured.pause()
    try:
        with pytest.raises(ConnectError) as caught:
            memory.ping()
    finally:
        secured.resume()
    assert caught.value.retryable
    memory.ping()


UNVERIFIED = [
    {"ssl_cert_reqs": "none"},
    {"ssl_cert_reqs": None},
    {"ssl_cert_reqs": ssl.CERT_NONE},
    {"ssl_cert_reqs": "none", "ssl_check_hostname": True},
    {"config": {"ssl_cert_reqs": "none"}},
]


@pytest.mark.parametrize("options", UNVERIFIED, ids=str)
def test_verification_is_turned_off_by_an_argument_and_with_a_warning(
    connect: Connect, secured: TLSServer, options: dict[str, Any]
) -> None:
    """The warning is where the memory is made, and says nothing secret."""
    with pytest.warns(UnverifiedTLSWarning) as caught:
        memory = connect(secured.url, **options)
    memory.ping()
    [warning] = caught
    assert Path(warning.filename).name == "conftest.py"
    assert "s3cret" not in str(warning.message)


def test_the_host_name_alone_can_be_left_unverified(
    connect: Connect, certificates: Certificates
) -> None:
    """The certificate must still be one of those who are trusted."""
    with TLSServer(certificates, shown=certificates.misnamed) as server:
        with pytest.warns(UnverifiedTLSWarning):
            memory = connect(
                server.url, ssl_ca_certs=certificates.ca, config={"ssl_check_hostname": False}
            )
        memory.ping()
        with pytest.warns(UnverifiedTLSWarning):
            memory = connect(server.url, ssl_check_hostname=False)
        refused(memory)


@pytest.mark.parametrize(
    "query",
    [
        "ssl_cert_reqs=none",
        "ssl_cert_reqs=CERT_NONE",
        "ssl_check_hostname=no",
        "a=b&ssl_check_hostname=0",
    ],
)
def test_a_url_cannot_turn_verification_off(
    connect: Connect, secured: TLSServer, query: str
) -> None:
    """It is refused with what to do instead, also beside an argument that would."""
    for options in ({}, {"ssl_cert_reqs": "none", "ssl_check_hostname": False}):
        with pytest.raises(ConfigurationError, match="as an argument") as caught:
            connect(f"{secured.url}?{query}", **options)
        assert "s3cret" not in str(caught.value)


def test_what_a_url_demands_an_argument_does_not_take_away(
    connect: Connect, secured: TLSServer
) -> None:
    """In redis-py the URL wins, so there is nothing to warn of."""
    refused(connect(f"{secured.url}?ssl_cert_reqs=required", ssl_cert_reqs="none"))


@pytest.mark.parametrize("name", ["ssl_ca_certs", "ssl_certfile", "ssl_cert_reqs", "ssl"])
def test_tls_options_need_a_url_with_tls(connect: Connect, server: Server, name: str) -> None:
    """Nobody is to believe that a connection is secured when it is not."""
    for url in (server.url, "unix:///nowhere"):
        with pytest.raises(ConfigurationError, match=f"{name} .*rediss://"):
            connect(url, **{name: "x"})
        with pytest.raises(ConfigurationError, match=f"{name} .*rediss://"):
            connect(f"{url}?{name}=x")


@pytest.mark.parametrize(
    "options",
    [
        {"ssl_cert_reqs": "nonsense"},
        {"ssl_cert_reqs": 7},
        {"ssl_check_hostname": "false"},
        {"ssl_check_hostname": None},
        {"ssl_ca_certs": "/there/is/none"},
        {"ssl_ca_certs": __file__},
        {"ssl_ca_data": "nonsense"},
        {"ssl_ca_data": 7},
        {"ssl_certfile": "/there/is/none"},
        {"ssl_certfile": __file__},
        {"ssl_min_version": 5},
        {"ssl_ciphers": "nonsense"},
        {"ssl": True},
        {"connection_class": redis.Connection},
        {"connection_class": redis.asyncio.Connection},
        {"connection_class": "nonsense"},
    ],
    ids=str,
)
def test_options_that_cannot_be_used_are_refused_at_once(
    connect: Connect, options: dict[str, Any]
) -> None:
    """When the memory is made, and by name: not at the first use, as a network that fails."""
    with pytest.raises(ConfigurationError, match=next(iter(options))):
        connect("rediss://h", **options)


def test_a_key_must_fit_and_be_open(connect: Connect, certificates: Certificates) -> None:
    """A key of another certificate is refused; an encrypted one without its password, too."""
    from cryptography.hazmat.primitives import serialization as form

    pair = {"ssl_certfile": certificates.client, "ssl_keyfile": certificates.stranger}
    with pytest.raises(ConfigurationError, match="ssl_keyfile"):
        connect("rediss://h", **pair)
    key = form.load_pem_private_key(Path(certificates.client).read_bytes(), None)
    locked = Path(certificates.client).with_name("locked.pem")
    closed = form.BestAvailableEncryption(b"s3cret")
    locked.write_bytes(key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, closed))
    pair["ssl_keyfile"] = str(locked)
    for password in ({}, {"ssl_password": "wr0ng"}):
        with pytest.raises(ConfigurationError, match="ssl_keyfile") as caught:
            connect("rediss://h", **pair, **password)
        assert "wr0ng" not in str(caught.value)
    connect("rediss://h", **pair, ssl_password="s3cret")


def test_an_own_client_is_taken_as_it_is(secured: TLSServer) -> None:
    """Without a warning, whatever it verifies; what is refused has the same errors."""
    options: Any = {"password": "s3cret", "ssl": True, "retry": Retry(NoBackoff(), 0)}
    place = (secured.host, secured.port)
    with redis.Redis(*place, ssl_cert_reqs="none", **options) as unverified:
        ChatMemory.from_client(unverified).ping()
    with redis.Redis(*place, **options) as careful:
        assert "trusted" in str(refused(ChatMemory.from_client(careful)))


@pytest.mark.parametrize("scheme", ["rediss+sentinel", "rediss+cluster"])
def test_a_deployment_is_verified_as_a_server_is(connect: Connect, scheme: str) -> None:
    """The warning comes when the memory is made, and not again with each node that it meets."""
    url = f"{scheme}://127.0.0.1:1,127.0.0.1:2/" + ("m" if "sentinel" in scheme else "")
    with pytest.warns(UnverifiedTLSWarning):
        memory = connect(url, ssl_cert_reqs="none", deadline=0.2)
    with pytest.raises(ConnectError):
        memory.ping()
    with pytest.raises(ConfigurationError, match="as an argument"):
        connect(f"{url}?ssl_cert_reqs=none")
    with pytest.raises(ConfigurationError, match=r"ssl_ca_certs .*rediss://"):
        connect(url.replace("rediss", "redis"), ssl_ca_certs="x")
