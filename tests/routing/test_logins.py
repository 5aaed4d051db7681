"""Wrong passwords at data nodes and at sentinels: one attempt at each, and an error at once."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from redialog import AuthError, Message
from tests.routing.connecting import Connect
from tests.support.servers import ClusterGroup, SentinelGroup
from tests.support.servers.deployment import Node

WRONG = "wr/ng:p@ss"


def watch(*nodes: Node) -> None:
    """Begins to count the attempts that fail."""
    for node in nodes:
        node.ask("ACL", "LOG", "RESET")


def attempts(*nodes: Node) -> list[int]:
    """How many logins have failed at each since then."""
    found = []
    for node in nodes:
        entries = [dict(zip(one[::2], one[1::2], strict=True)) for one in node.ask("ACL", "LOG")]
        found.append(sum(one[b"count"] for one in entries if one[b"reason"] == b"auth"))
    return found


def refused(connect: Connect, url: str, **options: Any) -> AuthError:
    """The error of a first write."""
    with pytest.raises(AuthError) as caught:
        connect(url, **options).session("s").append(Message.user("x"))
    assert not caught.value.maybe_applied
    assert WRONG not in f"{caught.value} {caught.value.__cause__}"
    return caught.value


def test_a_wrong_password_at_the_data_nodes_of_sentinels(
    connect: Connect, sentinels: SentinelGroup
) -> None:
    """One attempt at the primary, none at the replicas, and the sentinels are fine."""
    watch(*sentinels.servers, *sentinels.sentinels)
    _, at, rest = sentinels.url.partition("@")
    error = refused(connect, f"redis+sentinel://:{quote(WRONG, safe='')}{at}{rest}")
    primary = sentinels.primary()
    assert primary.address in error.address
    assert dict(zip(sentinels.servers, attempts(*sentinels.servers), strict=True)) == {
        node: int(node is primary) for node in sentinels.servers
    }
    assert attempts(*sentinels.sentinels) == [0, 0, 0]


def test_a_wrong_password_at_the_sentinels(connect: Connect, sentinels: SentinelGroup) -> None:
    """One attempt at each of them, as all are asked; the data nodes are not bothered."""
    watch(*sentinels.servers, *sentinels.sentinels)
    refused(connect, sentinels.url, sentinel_password=WRONG)
    assert attempts(*sentinels.sentinels) == [1, 1, 1]
    assert attempts(*sentinels.servers) == [0, 0, 0]


def test_no_password_at_the_sentinels(connect: Connect, sentinels: SentinelGroup) -> None:
    """It is said who wants one."""
    error = refused(connect, sentinels.url.partition("?")[0])
    assert any(node.address in str(error) for node in sentinels.sentinels)


def test_a_wrong_password_in_a_cluster(connect: Connect, cluster: ClusterGroup) -> None:
    """One attempt at each of the nodes that are asked where the slots are."""
    watch(*cluster.nodes)
    hosts = ",".join(node.address for node in cluster.nodes[:4])
    refused(connect, f"redis+cluster://:{quote(WRONG, safe='')}@{hosts}")
    assert attempts(*cluster.nodes) == [1, 1, 1, 1, 0, 0]
