"""Replicas, Sentinel and Cluster, judged from what nodes answered."""

from __future__ import annotations

import pytest

from redialog.diagnosis import Finding
from redialog.ops.doctor import cluster, replication
from redialog.ops.doctor.facts import Node, Unknown
from redialog.ops.doctor.replication import Word, word
from tests.doctor.tools import CONFIG, INFO, NOPERM, node, one

ONLINE = "ip=10.0.0.2,port=6379,state=online,offset=100,lag=1"


def following(*replicas: str, needed: str = "0") -> Node:
    """A primary with these replicas."""
    info = {**INFO, "connected_slaves": str(len(replicas))}
    info |= {f"slave{number}": line for number, line in enumerate(replicas)}
    return node(info, {**CONFIG, "min-replicas-to-write": needed})


@pytest.mark.parametrize(
    ("replicas", "level", "text"),
    [
        ((), "info", "there is no replica"),
        ((ONLINE,), "ok", "1 replica"),
        ((ONLINE, ONLINE), "ok", "2 replicas"),
        (
            (ONLINE.replace("online", "wait_bgsave"),),
            "warning",
            "1 replica not in step: 10.0.0.2:6379",
        ),
        ((ONLINE, ONLINE.replace("lag=1", "lag=11")), "warning", "not in step"),
    ],
)
def test_replicas(replicas: tuple[str, ...], level: str, text: str) -> None:
    """A warning where one has sent no word for 10 seconds, or is not in sync yet."""
    [found] = replication.replicas(following(*replicas))
    assert found.level == level
    assert text in found.text


def test_writes_that_wait_for_replicas() -> None:
    """Where fewer follow than writes need, they are refused."""
    late = ONLINE.replace("lag=1", "lag=99")
    for replicas, levels in (
        ((), ["error"]),
        ((late,), ["warning", "error"]),
        ((ONLINE,), ["ok"]),
    ):
        found = replication.replicas(following(*replicas, needed="1"))
        assert [finding.level for finding in found] == levels


def test_a_replica_says_whether_it_follows() -> None:
    """Its own replicas are of no account."""
    info = {**INFO, "role": "slave", "master_link_status": "up"}
    assert replication.replicas(node(info))[0].level == "ok"
    assert replication.replicas(node({**info, "master_link_status": "down"}))[0].level == "warning"
    assert replication.replicas(node(NOPERM))[0].level == "not_checked"


HERE = "10.0.0.1:6379"
SILENT = Unknown("the node does not answer", "UNREACHABLE")


def watching(**fields: str) -> dict[str, str]:
    """What a sentinel says of a primary."""
    said = {"name": "mymaster", "ip": "10.0.0.1", "port": "6379", "flags": "master"}
    said |= {"num-slaves": "2", "num-other-sentinels": "2", "quorum": "2"}
    return said | {name.replace("_", "-"): value for name, value in fields.items()}


def words(*said: Word | dict[str, str]) -> list[tuple[str, Word]]:
    """The words of sentinels s1, s2, ...; RESP2 and RESP3 by turns."""
    found: list[tuple[str, Word]] = []
    for number, fields in enumerate(said, 1):
        if isinstance(fields, Unknown):
            found.append((f"s{number}", fields))
            continue
        pairs = {name.encode(): str(value).encode() for name, value in fields.items()}
        flat = [item for pair in pairs.items() for item in pair]
        found.append((f"s{number}", word([pairs if number % 2 else flat])))
    return found


def judged(*said: Word | dict[str, str], primary: str = HERE) -> list[Finding]:
    """What is found wrong with sentinels that say this."""
    return replication.sentinels(words(*said), primary)


def test_sentinels_that_agree() -> None:
    """Three of three."""
    found = one(judged(watching(), watching(), watching()), "sentinel")
    assert (found.level, found.facts) == ("ok", {"sentinels": 3, "quorum": 2})


def test_a_sentinel_that_is_silent() -> None:
    """One of three is a warning; two of three an error: nobody can fail over."""
    found = judged(watching(), SILENT, watching())
    assert [(f.level, f.nodes) for f in found] == [("warning", ("s2",))]
    found = judged(watching(), SILENT, SILENT)
    assert [(f.level, f.nodes) for f in found] == [("warning", ("s2", "s3")), ("error", ())]
    assert "1 of 3 sentinels answer, and 2 must agree" in found[1].text


def test_a_sentinel_that_does_not_tell() -> None:
    """It answers, so it counts; what it sees is not known."""
    refused = Unknown("the ACL user may not run SENTINEL MASTERS", "NOPERM")
    found = judged(refused, refused, refused)
    assert [(f.level, f.nodes) for f in found] == [("not_checked", ("s1", "s2", "s3"))]
    assert found[0].text == f"3 of 3 sentinels cannot be asked: {refused.why}"
    assert [f.level for f in judged(watching(), refused, SILENT)] == ["not_checked", "warning"]
    assert [f.level for f in judged(SILENT, SILENT, refused)][-1] == "error"


def test_a_quorum_that_is_more_than_a_majority() -> None:
    """So many must answer."""
    found = judged(watching(quorum="3"), watching(quorum="3"), SILENT)
    assert [f.level for f in found] == ["warning", "error"]


def test_too_few_sentinels() -> None:
    """One or two cannot lose one."""
    found = judged(watching(num_other_sentinels="1"), watching(num_other_sentinels="1"))
    assert [f.level for f in found] == ["warning"]
    assert found[0].text.startswith("only 2 sentinels:")
    found = judged(watching(num_other_sentinels="0", quorum="1"))
    assert found[0].text.startswith("only 1 sentinel:")


def test_sentinels_that_do_not_agree() -> None:
    """They name different primaries, or call it down."""
    found = judged(watching(), watching(ip="10.0.0.2"), watching())
    assert [f.text for f in found] == [
        "they name different primaries: 10.0.0.1:6379, 10.0.0.2:6379"
    ]
    found = judged(watching(), watching(), watching(flags="master,s_down"))
    assert [(f.text, f.nodes) for f in found] == [
        ("the primary is in the state master,s_down", ("s3",))
    ]


def test_nothing_to_fail_over_to() -> None:
    """No sentinel knows a replica."""
    found = judged(*[watching(num_slaves="0")] * 3)
    assert [f.text for f in found] == ["no replica is known: there is nothing to fail over to"]


def test_the_service_is_the_one_of_the_primary() -> None:
    """Sentinels can watch several."""
    other = watching(name="other", ip="10.9.9.9", num_other_sentinels="0")
    both = [[[x.encode() for pair in w.items() for x in pair] for w in (other, watching())]]
    said = [(f"s{n}", word(both[0])) for n in range(3)]
    assert [f.level for f in replication.sentinels(said, HERE)] == ["ok"]
    found = judged(watching(), watching(), other)
    assert [(f.level, f.nodes) for f in found] == [("warning", ("s3",))]
    assert "does not watch the primary" in found[0].text
    ipv6 = judged(*[watching(ip="::1")] * 3, primary="[::1]:6379")
    assert [f.level for f in ipv6] == ["ok"]


# Clusters: three primaries a, b, c with a replica of each.
LINES = [
    "a {h}1:7000@17000 myself,master - 0 0 1 connected 0-5460",
    "b {h}2:7000@17000,host-b master - 0 1 2 connected 5461-10921 10922",
    "c {h}3:7000@17000 master - 0 1 3 connected 10923-16383",
    "d {h}4:7000@17000 slave a 0 1 1 connected",
    "e {h}5:7000@17000 slave b 0 1 2 connected",
    "f {h}6:7000@17000 slave c 0 1 3 connected",
]


def seen(*changes: tuple[str, str], state: str = "ok", drop: str = "") -> Node:
    """A node of the Cluster that sees it with these changes, and without some lines."""
    text = "\n".join(line for line in LINES if line[0] not in drop).replace("{h}", "10.0.0.")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return node(
        {**INFO, "redis_mode": "cluster"},
        cluster_info=f"cluster_state:{state}\r\ncluster_slots_ok:1\r\n".encode(),
        cluster_nodes=(text + "\n").encode(),
    )


def texts(*nodes: Node) -> list[tuple[str, str]]:
    """Levels and texts of what is found."""
    return [(found.level, found.text) for found in cluster.health(nodes)]


def test_a_whole_cluster() -> None:
    """All slots, all copies."""
    found = one(cluster.health([seen()] * 3), "cluster")
    assert (found.level, found.facts) == ("ok", {"nodes": 6, "primaries": 3})


def test_slots_that_nobody_has() -> None:
    """Their number, and that the Cluster is down for it."""
    found = texts(seen((" 10922", ""), ("0-5460", "1-5460"), state="fail"))
    assert found[0] == (
        "error",
        "the Cluster is down (cluster_state:fail): reads and writes are refused",
    )
    assert found[1][1].startswith("2 of 16,384 slots belong to no node")
    assert len(found) == 2


def test_a_primary_that_has_failed() -> None:
    """Its slots are not served, it is named, and its replica still counts as one."""
    [slots, failing] = cluster.health(
        [seen(("@17000 master - 0 1 3", "@17000 master,fail - 0 1 3"))]
    )
    assert (slots.level, slots.facts) == ("error", {"slots": 10923})
    assert slots.text == "5,461 of 16,384 slots belong to nodes that have failed"
    assert (failing.level, failing.nodes) == ("warning", ("10.0.0.3:7000",))


def test_a_node_that_is_only_suspected() -> None:
    """It may be back in a moment: its slots count."""
    found = cluster.health([seen(("master - 0 1 3", "master,fail? - 0 1 3"))])
    assert [f.level for f in found] == ["warning"]


def test_a_primary_without_a_replica() -> None:
    """There is none, or it has failed, or is not connected."""
    for missing in (
        seen(drop="e"),
        seen(("slave b 0 1 2 connected", "slave b 0 1 2 disconnected")),
    ):
        [found] = cluster.health([missing])
        assert (found.level, found.nodes) == ("warning", ("10.0.0.2:7000",))
    failed = cluster.health([seen(("slave b", "slave,fail b"))])
    assert [f.nodes for f in failed] == [("10.0.0.5:7000",), ("10.0.0.2:7000",)]


def test_slots_on_their_way() -> None:
    """Each node tells of its own."""
    away = seen(("connected 0-5460", "connected 0-5460 [5-<-b] [77->-b]"))
    [found] = cluster.health([seen(), away])
    assert found.level == "warning"
    assert found.text == "2 slots on the way to another node: 5, 77"


def test_too_few_primaries() -> None:
    """With two, none can be replaced."""
    found = texts(seen(("0-5460", "0-10922"), (" 5461-10921 10922", ""), ("slave b", "slave a")))
    assert [level for level, _ in found] == ["warning"]
    assert "there is no failover with 2 primaries" in found[0][1]


def test_the_widest_view_counts() -> None:
    """A node that was cut off sees the others as gone; what it says of itself is kept."""
    cut_off = seen(
        ("master - 0 1 2", "master,fail - 0 1 2"), ("master - 0 1 3", "master,fail? - 0 1 3")
    )
    assert [level for level, _ in texts(cut_off, seen(), seen())] == ["ok"]
    down = node(
        cluster_info=b"cluster_state:fail\r\n", cluster_nodes=seen().nodes, address="10.0.0.9:1"
    )
    assert isinstance(down.nodes, Unknown)
    found = cluster.health([seen(), down])
    assert [(f.level, f.nodes) for f in found] == [("error", ("10.0.0.9:1",))]


def test_a_cluster_that_does_not_tell() -> None:
    """Nobody may ask, or the answer is none."""
    refused = node(cluster_info=NOPERM, cluster_nodes=NOPERM)
    assert texts(refused) == [("not_checked", "the ACL user may not run CLUSTER NODES")]
    assert texts(node(cluster_nodes=b"a b c"))[0] == (
        "not_checked",
        "the answer to CLUSTER NODES is not one of Redis",
    )
