"""Sentinel and Cluster over TLS: verified on each connection, to sentinels and to nodes."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from redialog import AsyncChatMemory, ChatMemory, Message, TLSError
from tests.support.servers import Certificates, TLSServer, wait_until
from tests.support.servers.settings import Setting


class _Sentinel(TLSServer):
    """A sentinel that speaks TLS, and to what it watches too."""

    def _command(self) -> list[str]:
        return [*super()._command(), "--sentinel"]

    def _settings(self) -> dict[str, Setting]:
        kept = ("bind", "port", "dir", "daemonize", "sentinel")
        found = super()._settings()
        return {name: found[name] for name in found if name in kept or name.startswith("tls-")}


@pytest.fixture(scope="module")
def certificates() -> Iterator[Certificates]:
    """Whom the deployments and their clients trust."""
    with Certificates() as found:
        yield found


@pytest.fixture(scope="module")
def sentinel(certificates: Certificates) -> Iterator[str]:
    """One sentinel, which is a majority of itself, and its primary."""
    with TLSServer(certificates, config={"tls-replication": "yes"}) as primary:
        watched = [f"monitor mymaster 127.0.0.1 {primary.port} 1"]
        config: dict[str, Setting] = {"sentinel": watched, "tls-replication": "yes"}
        with _Sentinel(certificates, config=config) as one:
            yield f"rediss+sentinel://127.0.0.1:{one.port}/mymaster/0"


@pytest.fixture(scope="module")
def cluster(certificates: Certificates) -> Iterator[str]:
    """One node with all slots."""
    config: dict[str, Setting] = {
        "cluster-enabled": "yes",
        "tls-cluster": "yes",
        "cluster-port": _free_port(),
    }
    with TLSServer(certificates, config=config) as node, node.client() as raw:
        raw.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
        wait_until(
            lambda: b"cluster_state:ok" in bytes(_info(raw)), what="the Cluster has all its slots"
        )
        yield f"rediss+cluster://127.0.0.1:{node.port}"


def _info(raw: Any) -> bytes:
    found = raw.execute_command("CLUSTER", "INFO")
    if isinstance(found, dict):
        return b"".join(f"{name}:{value}\n".encode() for name, value in found.items())
    return bytes(found)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize("deployment", ["sentinel", "cluster"])
def test_a_deployment_over_tls(
    deployment: str, certificates: Certificates, request: pytest.FixtureRequest
) -> None:
    """Whom nobody is told to trust is refused at once, and else it is as without."""
    url = request.getfixturevalue(deployment)
    with ChatMemory.from_url(url) as stranger, pytest.raises(TLSError):
        stranger.session("s").append(Message.user("refused"))
    with ChatMemory.from_url(url, ssl_ca_certs=certificates.ca) as memory:
        memory.session("s").append(Message.user("hi"))
        assert [message.text for message in memory.session("s").messages()] == ["hi"]

    async def main() -> None:
        async with AsyncChatMemory.from_url(url) as stranger:
            with pytest.raises(TLSError):
                await stranger.session("a").append(Message.user("refused"))
        async with AsyncChatMemory.from_url(url, ssl_ca_certs=certificates.ca) as memory:
            await memory.session("a").append(Message.user("hi"))
            assert [info.session_id async for info in memory.sessions()] == ["a", "s"]

    asyncio.run(main())
