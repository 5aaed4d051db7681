"""What the tests of the doctor share: nodes that answered this or that, and looks at findings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from redialog.diagnosis import Diagnosis, Finding
from redialog.effect import CommandError, Reply
from redialog.keys import OwnLayout
from redialog.ops import doctor
from redialog.ops.doctor import access
from redialog.ops.doctor.facts import Node
from tests.support.servers import Server

ADDRESS = "10.0.0.1:6379"
NO_CLUSTER = CommandError("ERR", "This instance has cluster support disabled")
NOPERM = CommandError("NOPERM", "this user has no permissions to run it")
UNKNOWN_COMMAND = CommandError("ERR", "unknown command 'X', with args beginning with:")
LAYOUT = OwnLayout("default")

INFO = {
    "redis_version": "7.0.15",
    "redis_mode": "standalone",
    "used_memory": "1000",
    "maxmemory": "0",
    "maxmemory_policy": "noeviction",
    "aof_enabled": "1",
    "rdb_last_bgsave_status": "ok",
    "aof_last_write_status": "ok",
    "aof_last_bgrewrite_status": "ok",
    "role": "master",
    "connected_slaves": "0",
}
CONFIG = {
    "appendonly": "yes",
    "appendfsync": "everysec",
    "save": "",
    "maxmemory": "0",
    "maxmemory-policy": "noeviction",
    "min-replicas-to-write": "0",
}
NEEDED = len(access.commands(access.NEEDED, LAYOUT))
REPLAYED = len(access.commands(access.REPLAYED, LAYOUT))


def lines(fields: Mapping[str, str]) -> bytes:
    """A text of fields, as ``INFO`` gives it."""
    return b"# Section\r\n" + b"".join(f"{k}:{v}\r\n".encode() for k, v in fields.items())


def replies(
    info: Mapping[str, str] | Reply = INFO,
    config: Mapping[str, str] | Reply = CONFIG,
    *,
    time: Reply = (b"1700000000", b"0"),
    hello: Reply = (b"server", b"redis", b"version", b"7.0.15", b"mode", b"standalone"),
    user: Reply = b"default",
    cluster_info: Reply = NO_CLUSTER,
    cluster_nodes: Reply = NO_CLUSTER,
    probe: Reply = None,
    again: Reply = None,
    replay: Reply = b"OK",
) -> list[Reply]:
    """What a node answers to all questions; a sound standalone server, but for what is given."""
    allowed = [b""] * NEEDED
    return [
        list(time) if isinstance(time, tuple) else time,
        lines(info) if isinstance(info, dict) else info,
        list(hello) if isinstance(hello, tuple) else hello,
        [w.encode() for pair in config.items() for w in pair]
        if isinstance(config, dict)
        else config,
        user,
        cluster_info,
        cluster_nodes,
        allowed if probe is None else probe,
        allowed if again is None else again,
        *[replay] * REPLAYED,
    ]


def node(
    info: Mapping[str, str] | Reply = INFO, *args: Any, address: str = ADDRESS, **answers: Any
) -> Node:
    """The node that gave these answers."""
    return doctor._node(address, replies(info, *args, **answers))


def told(**fields: str) -> Node:
    """A node whose ``INFO`` differs in these fields."""
    return node({**INFO, **fields})


def one(found: Diagnosis | Sequence[Finding], check: str) -> Finding:
    """The only finding of a check."""
    findings = found.findings if isinstance(found, Diagnosis) else found
    [only] = [finding for finding in findings if finding.check == check]
    return only


def levels(found: Diagnosis) -> dict[str, str]:
    """The worst level of each check."""
    checks = dict.fromkeys(finding.check for finding in found.findings)
    return {
        check: Diagnosis("", tuple(f for f in found.findings if f.check == check)).level
        for check in checks
    }


def keys_of(server: Server) -> dict[bytes, object]:
    """All keys with their contents and whether they expire."""
    with server.client() as client:
        return {key: (client.dump(key), client.ttl(key) > 0) for key in client.scan_iter()}
