"""Clients of Sentinel and Cluster that an application has already: taken, and left as they are."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
import redis
import redis.asyncio
import upstash_redis.asyncio
from redis.credentials import UsernamePasswordCredentialProvider

from redialog import AsyncChatMemory, ChatMemory, ConfigurationError
from redialog.transports import clients
from tests.support.servers import Certificates

SENTINELS = [("s1", 26379), ("::1", 26380)]
DATA: dict[str, Any] = {
    "username": "u",
    "password": "p@ss",
    "client_name": "mine",
    "socket_timeout": 7,
    "socket_connect_timeout": 9,
}
WATCH: dict[str, Any] = {"username": "w", "password": "w@tch"}


@pytest.fixture(scope="module")
def certificates() -> Iterator[Certificates]:
    with Certificates() as found:
        yield found


def service(module: Any, *, watch: dict[str, Any] | None = None, **options: Any) -> Any:
    """A client of the primary that sentinels name."""
    kind = redis.Sentinel if module is redis else redis.asyncio.Sentinel
    return kind(SENTINELS, sentinel_kwargs=watch, **options).master_for("mymaster", db=2)


def adopted(client: Any) -> Any:
    """The transport that a client becomes."""
    blocking = isinstance(client, redis.Redis | redis.RedisCluster)
    return (clients.adopt if blocking else clients.adopt_asyncio)(client, 5.0)


def connection(transport: Any, role: str = "data") -> tuple[str, dict[str, Any]]:
    """The kind and the options of its connections to one node."""
    node = transport._open_node(("10.0.0.1", 7000), role)
    opened = node._open_client()
    pool = (asyncio.run(opened) if asyncio.iscoroutine(opened) else opened).connection_pool
    return pool.connection_class.__name__, pool.connection_kwargs


@pytest.mark.parametrize("coalesce", [True, False])
def test_own_clients_of_every_kind_coalesce_or_not(coalesce: bool) -> None:
    """As memories on a URL do."""
    node = redis.asyncio.cluster.ClusterNode("c1", 7000)
    made = (
        redis.asyncio.Redis(),
        service(redis.asyncio),
        redis.asyncio.RedisCluster(startup_nodes=[node]),
        upstash_redis.asyncio.Redis("https://x.upstash.io", "token"),
    )
    for client in made:
        transport: Any = AsyncChatMemory.from_client(client, coalesce=coalesce)._transport
        if not hasattr(transport, "_coalesce"):
            transport = transport._open_node(("10.0.0.1", 7000), "data")
        assert transport._coalesce is coalesce, type(client)


modules = pytest.mark.parametrize("module", [redis, redis.asyncio])


@modules
def test_sentinels_service_database_and_both_logins_are_taken(module: Any) -> None:
    """The limits of the data nodes too; those of the questions to the sentinels are ours."""
    client = service(module, watch=WATCH, **DATA)
    transport = adopted(client)
    assert transport.address == "redis+sentinel://s1:26379,[::1]:26380/mymaster/2"
    _, data = connection(transport)
    assert {name: data[name] for name in ("username", "password", "client_name", "db")} == {
        **{name: DATA[name] for name in ("username", "password", "client_name")},
        "db": 2,
    }
    assert data["socket_connect_timeout"] == 9
    assert transport._open_node(("h", 1), "data")._reply_timeout == 7
    _, watch = connection(transport, "sentinel")
    assert {name: watch[name] for name in WATCH} == WATCH
    assert watch["socket_connect_timeout"] == 1.0
    assert "s3" not in repr(transport)


@modules
@pytest.mark.parametrize("where", ["both", "data", "sentinels", "none"])
def test_tls_is_taken_from_each_side_for_itself(
    module: Any, where: str, certificates: Certificates
) -> None:
    """Redis-py takes it to the sentinels only where its sentinel_kwargs say so."""
    secure: dict[str, Any] = {"ssl": True, "ssl_ca_certs": certificates.ca}
    data = secure if where in ("both", "data") else {}
    watch = secure if where in ("both", "sentinels") else {}
    transport = adopted(service(module, watch=watch, **data))
    for role, wanted in (("data", data), ("sentinel", watch)):
        kind, options = connection(transport, role)
        assert ("TLS" in kind) is bool(wanted)
        assert options.get("ssl_ca_certs") == wanted.get("ssl_ca_certs")
    assert transport.address.startswith("rediss+" if data else "redis+")


@modules
def test_a_credential_provider_is_asked_for_the_data_nodes(module: Any) -> None:
    """And not for the sentinels."""
    provider = UsernamePasswordCredentialProvider("u", "p")
    transport = adopted(service(module, watch={}, credential_provider=provider))
    _, data = connection(transport)
    assert data["credential_provider"].get_credentials() == ("u", "p")
    _, watch = connection(transport, "sentinel")
    assert watch.get("credential_provider") is None


@modules
def test_a_client_of_replicas_is_refused(module: Any) -> None:
    """It could not write."""
    kind = redis.Sentinel if module is redis else redis.asyncio.Sentinel
    client = kind(SENTINELS).slave_for("mymaster")
    with pytest.raises(ConfigurationError, match="master_for"):
        adopted(client)


def test_a_client_of_the_other_kind_is_refused() -> None:
    """Each facade names the one that takes it."""
    cluster: Any = redis.asyncio.RedisCluster("h", 1)
    with pytest.raises(ConfigurationError, match="AsyncChatMemory"):
        ChatMemory.from_client(cluster)
    primary: Any = service(redis.asyncio)
    with pytest.raises(ConfigurationError, match="AsyncChatMemory"):
        ChatMemory.from_client(primary)
    primary = service(redis)
    with pytest.raises(ConfigurationError, match=r"use ChatMemory\.from_client"):
        AsyncChatMemory.from_client(primary)
    for pipeline in (service(redis).pipeline(), service(redis.asyncio).pipeline()):
        with pytest.raises(ConfigurationError, match=r"not redis.*Pipeline$"):
            adopted(pipeline)


@pytest.mark.parametrize("deadline", [0, 46, "5", None])
def test_a_deadline_is_checked(deadline: Any) -> None:
    """As for a URL."""
    with pytest.raises(ConfigurationError, match="deadline"):
        ChatMemory.from_client(service(redis), deadline=deadline)
    transport = ChatMemory.from_client(service(redis), deadline=7)._transport
    assert (transport.patience.deadline_s, transport.patience.attempts) == (7, None)


def test_a_cluster_client_that_has_asked_nobody_yet_is_taken() -> None:
    """With the nodes and options that it was made with, and it still has asked nobody."""
    client = redis.asyncio.RedisCluster("10.0.0.1", 7000, protocol=3, **DATA)
    transport: Any = adopted(client)
    assert transport.address == "redis+cluster://10.0.0.1:7000"
    kind, options = connection(transport)
    assert {name: options[name] for name in ("username", "password", "client_name")} == {
        name: DATA[name] for name in ("username", "password", "client_name")
    }
    assert (kind, options["protocol"]) == ("Connection", 3)
    assert client.get_nodes() == []


def test_tls_of_a_cluster_client(certificates: Certificates) -> None:
    """Its certificates, and verification as it has it."""
    client = redis.asyncio.RedisCluster("10.0.0.1", 7000, ssl=True, ssl_ca_certs=certificates.ca)
    transport: Any = adopted(client)
    kind, options = connection(transport)
    assert (kind, options["ssl_ca_certs"]) == ("AsyncTLSConnection", certificates.ca)
    assert (options["ssl_cert_reqs"], options["ssl_check_hostname"]) == ("required", True)
    assert transport.address.startswith("rediss+cluster:")


def test_a_cluster_client_that_maps_addresses_is_refused() -> None:
    """Its function is not known here, and the nodes could not be reached."""
    client = redis.asyncio.RedisCluster("h", 1, address_remap=lambda address: address)
    with pytest.raises(ConfigurationError, match="address_remap"):
        adopted(client)


@modules
def test_a_secret_is_in_no_repr(module: Any) -> None:
    """Of the memory."""
    facade: Any = ChatMemory if module is redis else AsyncChatMemory
    shown = repr(facade.from_client(service(module, watch=WATCH, **DATA)))
    assert "p@ss" not in shown
    assert "w@tch" not in shown
