"""The rights that Sentinel and Cluster need beyond the smallest rule, as SECURITY.md lists them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias
from urllib.parse import quote

import pytest

from redialog import AuthError, Message, PermissionDenied
from tests.security.conftest import Connect
from tests.support import rules
from tests.support.servers import ClusterGroup, SentinelGroup
from tests.support.servers.deployment import Node

PASSWORD = "p@ss:w/rd"
Allow: TypeAlias = Callable[[Sequence[Node], str, Sequence[str]], str]


def listed(what: str) -> list[str]:
    """The rights that the list of SECURITY.md gives for one thing, in its order."""
    text = rules.SECURITY.read_text(encoding="utf-8")
    [item] = re.findall(rf"^- {re.escape(what)}: ((?:.|\n  )+?)[;.]$", text, re.MULTILINE)
    return [
        word
        for code in re.findall("`([^`]+)`", item)
        for word in code.split()
        if "@" in word or word[0] == "+"
    ]


@pytest.fixture
def allow() -> Iterator[Allow]:
    """Makes a user on some nodes and gives its login; gone after the test."""
    made: list[tuple[Node, str]] = []

    def make(nodes: Sequence[Node], name: str, rights: Sequence[str]) -> str:
        for node in nodes:
            made.append((node, name))
            node.ask("ACL", "SETUSER", name, "reset", "on", f">{PASSWORD}", *rights)
        return f"{name}:{quote(PASSWORD, safe='')}"

    yield make
    for node, name in made:
        node.ask("ACL", "DELUSER", name)


def test_the_list_names_what_is_tested_here() -> None:
    """Each right is one that the tests below take away."""
    assert listed('`durability="replicated"`') == ["+wait", "+cluster|nodes"]
    assert listed("a Cluster") == ["+cluster|slots", "+asking"]
    assert listed("Sentinel") == ["-@all", "+sentinel|get-master-addr-by-name", "+sentinel|master"]
    assert listed("a database other than 0") == ["+select"]


@pytest.mark.parametrize(
    "missing", ["", "+wait", *("+sentinel|get-master-addr-by-name", "+sentinel|master")]
)
def test_a_sentinel_group_needs_these_and_no_fewer(
    connect: Connect, sentinel_group: SentinelGroup, allow: Allow, missing: str
) -> None:
    """With all of them a replicated write is confirmed; without any one it is refused."""
    group = sentinel_group.emptied()
    rights = [*rules.smallest(), "+wait"]
    asking = listed("Sentinel")
    login = allow(group.servers, "chat", [one for one in rights if one != missing])
    asker = allow(group.sentinels, "asker", [one for one in asking if one != missing])
    name, _, password = asker.partition(":")
    hosts = ",".join(node.address for node in group.sentinels)
    url = f"redis+sentinel://{login}@{hosts}/mymaster/0?sentinel_username={name}"
    memory = connect(f"{url}&sentinel_password={password}", durability="replicated", deadline=3)
    chat = memory.session("s")
    if not missing:
        chat.append(Message.user("x"))
        assert [message.text for message in chat.messages()] == ["x"]
        return
    with pytest.raises((PermissionDenied, AuthError)) as caught:
        chat.append(Message.user("x"))
    assert PASSWORD not in str(caught.value)


@pytest.mark.parametrize("missing", ["", "+wait", "+cluster|slots", "+cluster|nodes"])
def test_a_cluster_needs_these_and_no_fewer(
    connect: Connect, cluster_group: ClusterGroup, allow: Allow, missing: str
) -> None:
    """The same for a Cluster; ``ASKING`` is for a slot that moves."""
    group = cluster_group.emptied()
    rights = [*rules.smallest(), "+wait", "+cluster|slots", "+cluster|nodes", "+asking"]
    nodes = group.nodes
    login = allow(nodes, "chat", [one for one in rights if one != missing])
    hosts = ",".join(node.address for node in nodes)
    memory = connect(f"redis+cluster://{login}@{hosts}", durability="replicated", deadline=3)
    chat = memory.session("s")
    if not missing:
        chat.append(Message.user("x"))
        assert [message.text for message in chat.messages()] == ["x"]
        return
    with pytest.raises((PermissionDenied, AuthError)) as caught:
        chat.append(Message.user("x"))
    assert PASSWORD not in str(caught.value)
