"""What lies between the doctor and a server: REST, and proxies that lose what they do not know."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from redialog import ChatMemory, ConnectionLost, Message
from redialog.diagnosis import Diagnosis
from tests.doctor.tools import keys_of, one
from tests.support.gateways import Gateway
from tests.support.proxy import FaultProxy
from tests.support.servers import Server

Diagnose = Callable[..., Diagnosis]
ALWAYS = 1000


@pytest.fixture(scope="module")
def running(server_of: Callable[[str], Server]) -> Iterator[Gateway]:
    """A gateway for all tests here."""
    with Gateway(server_of("redis").url) as found:
        yield found


@pytest.fixture
def gateway(running: Gateway, server: Server) -> Gateway:
    """The same, before an empty server."""
    return running


@pytest.fixture
def proxy(server: Server) -> Iterator[FaultProxy]:
    """A proxy before the server."""
    with FaultProxy(server.host, server.port) as found:
        yield found


def test_over_rest(diagnose: Diagnose, gateway: Gateway, server: Server) -> None:
    """What passes is judged as ever; what the other side refuses is not checked."""
    with ChatMemory.from_url(gateway.url, token=gateway.token) as memory:
        memory.session("a", ttl=600).append(Message.user("x"))
    before = keys_of(server)
    found = diagnose(gateway.url, token=gateway.token)
    assert keys_of(server) == before
    assert not found.of("error"), str(found)
    assert one(found, "server").text == "Redis 7.0.15"
    assert "of snapshots nothing is known" in one(found, "persistence").text
    for check in ("scripts", "acl", "clock", "ttl", "elements"):
        assert one(found, check).level == "ok"
    assert gateway.token not in str(found) + repr(found)


def test_over_rest_with_a_token_that_may_only_read(diagnose: Diagnose, gateway: Gateway) -> None:
    """Scripts are an error, and most of the rest cannot be asked."""
    found = diagnose(gateway.url, token=gateway.read_only_token)
    assert one(found, "scripts").level == "error"
    assert one(found, "server").level == "not_checked"
    assert one(found, "reach").level == one(found, "clock").level == "ok"
    assert gateway.read_only_token not in str(found) + repr(found)


def test_the_round_trips_on_the_wire(diagnose: Diagnose, proxy: FaultProxy) -> None:
    """A sign of life, the questions, the catalogue, and one for each 100 sessions; no sentinels."""
    with ChatMemory.from_url(proxy.url) as memory:
        for number in range(101):
            memory.session(f"s{number}").append(Message.user("x"))
        memory.diagnose()  # the server has the scripts now
        proxy.reset_counters()
        memory.diagnose()
        assert proxy.round_trips == 3 + 2
    proxy.reset_counters()
    diagnose(proxy.url)
    # And the greeting of a connection.
    assert proxy.round_trips <= 3 + 2 + 2


def test_a_proxy_that_hangs_up_on_questions(diagnose: Diagnose, proxy: FaultProxy) -> None:
    """They are not checked; conversations go through, and are looked at."""
    with ChatMemory.from_url(proxy.url) as memory:
        memory.session("a").append(Message.user("x"))
    proxy.cut_reply(match=b"CONFIG", times=ALWAYS)
    found = diagnose(proxy.url)
    assert not found.of("error")
    assert one(found, "server").text == "there was no answer to INFO"
    assert one(found, "scripts").level == "not_checked"
    assert one(found, "elements").text == "1 message can be read"


def test_a_server_that_dies_under_the_questions(diagnose: Diagnose, proxy: FaultProxy) -> None:
    """There is no diagnosis of what is not there."""
    with ChatMemory.from_url(proxy.url) as memory:
        memory.session("a").append(Message.user("x"))
        memory.ping()
        proxy.cut_reply(match=b"CONFIG", times=ALWAYS)
        proxy.cut_reply(match=b"PING", nth=2, times=ALWAYS)
        with pytest.raises(ConnectionLost):
            diagnose(proxy.url)
