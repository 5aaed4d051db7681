"""The same answers from whatever is behind the gateway: RESP3, embedded, Sentinel, Cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import httpx
import pytest
import upstash_redis
from redis.crc import key_slot

from tests.support.gateways import Gateway
from tests.support.servers import ClusterGroup, SentinelGroup, Server

KEYS = [f"key-{number}" for number in range(60)]
SHA_OF_ARGUMENT = "098e0f0d1448c0a81dafe820f66d460eb09263da"

Post: TypeAlias = Callable[[str, Any], httpx.Response]


@pytest.fixture(params=["resp3", "valkey", "embedded", "sentinel", "cluster"])
def gateway(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Gateway]:
    """A gateway to each in turn; it may empty it."""
    with Gateway(_url(request, tmp_path), "--allow-commands", "flushall") as found:
        yield found


def _url(request: pytest.FixtureRequest, folder: Path) -> str:
    match request.param:
        case "embedded":
            return f"embedded://{folder}"
        case "sentinel":
            group: SentinelGroup = request.getfixturevalue("sentinel_group")
            return group.emptied().url
        case "cluster":
            cluster: ClusterGroup = request.getfixturevalue("cluster_group")
            return cluster.emptied().url
    server: Server = request.getfixturevalue("server_of")(
        "redis" if request.param == "resp3" else "valkey"
    )
    server.flush()
    return f"{server.url}?protocol=3&client_name=g" if request.param == "resp3" else server.url


@pytest.fixture
def post(gateway: Gateway) -> Iterator[Post]:
    """Posts a body to a path."""
    headers = {"Authorization": f"Bearer {gateway.token}"}
    with httpx.Client(base_url=gateway.url, headers=headers, timeout=30) as http:
        yield lambda path, body: http.post(path, json=body)


def test_what_each_kind_of_reply_becomes(post: Post) -> None:
    """Numbers, text, lists, maps, sets, floating-point numbers and nothing, as RESP2 has them."""
    batch = [
        ["HSET", "{k}h", "f", "v"],
        ["HGETALL", "{k}h"],
        ["SADD", "{k}s", "m"],
        ["SMEMBERS", "{k}s"],
        ["SISMEMBER", "{k}s", "m"],
        ["ZADD", "{k}z", "1.5", "m", 3, "n"],
        ["ZSCORE", "{k}z", "n"],
        ["ZRANGE", "{k}z", 0, -1, "WITHSCORES"],
        ["GET", "{k}none"],
        ["EVAL", "return {1, {'a', redis.error_reply('MINE e')}, redis.status_reply('OK')}", 0],
    ]
    answers = [
        {"result": 1},
        {"result": ["f", "v"]},
        {"result": 1},
        {"result": ["m"]},
        {"result": 1},
        {"result": 2},
        {"result": "3"},
        {"result": ["m", "1.5", "n", "3"]},
        {"result": None},
        {"result": [1, ["a", "MINE e"], "OK"]},
    ]
    assert post("/pipeline", batch).json() == answers
    post("/", ["FLUSHALL"])
    assert post("/multi-exec", batch).json() == answers


def test_a_pipeline_over_all_slots(post: Post) -> None:
    """Each command finds its node, and each reply its place."""
    batch = [command for key in KEYS for command in (["SET", key, key], ["GET", key])]
    expected = [answer for key in KEYS for answer in ({"result": "OK"}, {"result": key})]
    assert post("/pipeline", batch).json() == expected
    mixed = [["GET", KEYS[0]], ["LPUSH", KEYS[1], "x"], ["PING"], ["KEYS", "*"], ["GET", KEYS[2]]]
    answers = post("/pipeline", mixed).json()
    assert [answer.get("result") for answer in answers] == [KEYS[0], None, "PONG", None, KEYS[2]]
    assert post("/", ["FLUSHALL"]).json() == {"result": "OK"}
    assert post("/pipeline", [["GET", key] for key in KEYS]).json() == [{"result": None}] * 60


def test_a_transaction_of_one_slot(post: Post) -> None:
    """It is done as a whole, on whichever node, or not at all."""
    for key in KEYS[:12]:
        tag = f"{{{key}}}"
        body = [["SET", f"{tag}a", 1], ["INCR", f"{tag}a"], ["LPUSH", f"{tag}a", 1], ["PING"]]
        *done, failed, pong = post("/multi-exec", body).json()
        assert done == [{"result": "OK"}, {"result": 2}]
        assert failed["error"].startswith("WRONGTYPE ")
        assert pong == {"result": "PONG"}
        answer = post("/multi-exec", [["INCR", f"{tag}a"], ["SET", f"{tag}a"]])
        assert answer.status_code == 400
        assert answer.json()["error"].startswith("EXECABORT ")
        assert post("/", ["GET", f"{tag}a"]).json() == {"result": "2"}


def test_scripts_are_known_everywhere(post: Post) -> None:
    """One that was loaded can be called for a key on any node."""
    assert post("/", ["SCRIPT", "LOAD", "return ARGV[1]"]).json() == {"result": SHA_OF_ARGUMENT}
    batch = [["EVALSHA", SHA_OF_ARGUMENT, 1, key, key] for key in KEYS]
    assert post("/pipeline", batch).json() == [{"result": key} for key in KEYS]


def test_both_tokens(gateway: Gateway, post: Post) -> None:
    """The read-only one reads, also where there are many nodes."""
    post("/", ["SET", "k", "v"])
    with upstash_redis.Redis(gateway.url, gateway.read_only_token, rest_retries=0) as client:
        assert client.get("k") == "v"
        with pytest.raises(upstash_redis.errors.UpstashError, match="NOPERM"):
            client.set("k", "w")


@pytest.fixture
def clustered(cluster_group: ClusterGroup) -> Iterator[Post]:
    """Posts to a gateway before an empty Cluster."""
    with Gateway(cluster_group.emptied().url) as gateway:
        headers = {"Authorization": f"Bearer {gateway.token}"}
        with httpx.Client(base_url=gateway.url, headers=headers, timeout=30) as http:
            yield lambda path, body: http.post(path, json=body)


def test_transactions_over_several_slots(clustered: Post) -> None:
    """A Cluster has none, and the answer says so; nothing is done."""
    answer = clustered("/multi-exec", [["SET", key, "v"] for key in KEYS])
    assert answer.status_code == 400
    assert answer.json()["error"].startswith(
        "EXECABORT Transaction discarded because of: CROSSSLOT"
    )
    reads = [["GET", key] for key in KEYS]
    assert clustered("/pipeline", reads).json() == [{"result": None}] * len(KEYS)


def test_what_one_node_cannot_answer(clustered: Post) -> None:
    """It is refused, as its keys would pass for all."""
    for command in (["SCAN", 0], ["DBSIZE"], ["RANDOMKEY"], ["KEYS", "*"]):
        answer = clustered("/", command)
        assert answer.status_code == 400
        assert "leads to one node" in answer.json()["error"]


def test_a_slot_that_moves(clustered: Post, cluster_group: ClusterGroup) -> None:
    """Its keys are on two nodes for a while; each command of a pipeline is executed by one."""
    here, gone, new = "{t}here", "{t}gone", "{t}new"
    clustered("/pipeline", [["SET", key, 10] for key in (here, gone)])
    slot = key_slot(b"t")
    source = cluster_group.owner(slot)
    target = next(node for node in cluster_group.primaries() if node is not source)
    cluster_group.begin_move(slot, target)
    try:
        batch = [["INCR", key] for key in (here, new, here, new)]
        answers = [{"result": number} for number in (11, 1, 12, 2)]
        assert clustered("/pipeline", batch).json() == answers
        # Nothing of a transaction is done that would need both, or the new one.
        for keys in ([here, "{t}newer"], ["{t}newer"]):
            answer = clustered("/multi-exec", [["INCR", key] for key in keys])
            assert answer.status_code == 503
        assert clustered("/multi-exec", [["INCR", here]]).json() == [{"result": 13}]
    finally:
        cluster_group.move_keys(slot)
        cluster_group.end_move(slot)
    found = clustered("/pipeline", [["GET", key] for key in (here, new, "{t}newer", gone)]).json()
    assert [one["result"] for one in found] == ["13", "2", None, "10"]
    assert clustered("/multi-exec", [["INCR", here]]).json() == [{"result": 14}]
