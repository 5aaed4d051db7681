"""Persistence, eviction and memory, judged from what a node answered."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from redialog.effect import CommandError
from redialog.ops.doctor import storage
from redialog.ops.doctor.facts import Node
from tests.doctor.tools import CONFIG, INFO, NOPERM, node

DENIED = b"User default has no permissions to run the 'lpush' command"


def stored(info: Mapping[str, str] = INFO, /, **config: str) -> Node:
    """A node whose settings differ."""
    renamed = {name.replace("_", "-"): value for name, value in config.items()}
    return node({**INFO, **info}, {**CONFIG, **renamed})


@pytest.mark.parametrize(
    ("config", "level", "text"),
    [
        ({"appendfsync": "always"}, "ok", "loses nothing"),
        ({"appendfsync": "everysec"}, "ok", "about a second"),
        ({"appendfsync": "no"}, "warning", "half a minute"),
        ({"appendonly": "no", "save": ""}, "warning", "a restart loses all"),
        ({"appendonly": "no", "save": "3600 1"}, "warning", "snapshots only"),
    ],
)
def test_persistence(config: dict[str, str], level: str, text: str) -> None:
    """A warning where a restart or a crash loses more than a second."""
    [found] = storage.persistence(stored(**config))
    assert found.level == level
    assert text in found.text
    assert bool(found.advice) is (level != "ok")


@pytest.mark.parametrize(
    ("field", "append", "failed"),
    [
        ("rdb_last_bgsave_status", "no", True),
        ("rdb_last_bgsave_status", "yes", True),
        ("aof_last_write_status", "yes", True),
        ("aof_last_bgrewrite_status", "yes", True),
        ("aof_last_write_status", "no", False),
    ],
)
def test_what_could_not_be_written(field: str, append: str, failed: bool) -> None:
    """It is an error of its own, beside what is said of the settings."""
    found = storage.persistence(stored({field: "err"}, appendonly=append))
    assert [one.level for one in found].count("error") == failed
    assert len(found) == 1 + failed


def test_without_config_the_rest_is_told_by_info() -> None:
    """Whether there is an append-only file, the policy, the limit; not how snapshots are taken."""
    [found] = storage.persistence(node(INFO, NOPERM))
    assert found.level == "ok"
    [found] = storage.persistence(node({**INFO, "aof_enabled": "0"}, NOPERM))
    assert found.level == "warning"
    assert "of snapshots nothing is known" in found.text
    limited = {**INFO, "maxmemory_policy": "allkeys-lru", "maxmemory": "2000"}
    assert storage.eviction(node(limited, NOPERM), expiring=False).level == "warning"
    assert storage.memory(node(limited, NOPERM)).text == "50 % of 2.0 KiB used"


def test_nothing_is_known_without_both() -> None:
    """Each says why."""
    deaf = node(NOPERM, CommandError("ERR", "unknown command 'CONFIG'"))
    [persistence] = storage.persistence(deaf)
    for found in (persistence, storage.eviction(deaf, expiring=True), storage.memory(deaf)):
        assert (found.level, found.text) == ("not_checked", "the ACL user may not run INFO")


@pytest.mark.parametrize(
    ("policy", "limit", "expiring", "level"),
    [
        ("noeviction", "1000000", True, "ok"),
        ("allkeys-lru", "1000000", False, "warning"),
        ("allkeys-random", "1000000", True, "warning"),
        ("allkeys-lru", "0", True, "info"),
        ("volatile-lru", "1000000", True, "warning"),
        ("volatile-ttl", "1000000", False, "info"),
        ("volatile-lrm", "1000000", True, "warning"),
    ],
)
def test_eviction(policy: str, limit: str, expiring: bool, level: str) -> None:
    """A warning where a full server would delete conversations."""
    found = storage.eviction(stored(maxmemory_policy=policy, maxmemory=limit), expiring=expiring)
    assert found.level == level
    assert policy in found.text
    assert found.facts == {"policy": policy, "maxmemory": int(limit)}


@pytest.mark.parametrize(
    ("used", "policy", "level"),
    [
        ("899", "noeviction", "ok"),
        ("900", "noeviction", "warning"),
        ("1000", "noeviction", "error"),
        ("1000", "allkeys-lru", "warning"),
    ],
)
def test_memory(used: str, policy: str, level: str) -> None:
    """From 90 per cent on a warning; an error where writes are refused."""
    full = stored({"used_memory": used}, maxmemory="1000", maxmemory_policy=policy)
    assert storage.memory(full).level == level
    assert storage.memory(stored({"used_memory": used})).text == "no limit is set"


FIXED = ["Redis 8.4.4", "Redis 8.6.0", "Redis 8.10.1", "Redis 9.0.0"]
FIXED += ["Valkey 8.0.11", "Valkey 8.1.10", "Valkey 9.0.6", "Valkey 9.1.2", "Valkey 9.2.0"]
AFFECTED = ["Redis 7.0.15", "Redis 7.4.9", "Redis 8.2.9", "Redis 8.4.3"]
AFFECTED += ["Valkey 7.2.14", "Valkey 8.0.10", "Valkey 8.1.9", "Valkey 9.0.5", "Valkey 9.1.1"]


@pytest.mark.parametrize("product", [*FIXED, *AFFECTED, "Dragonfly 1.0.0", "Redis unstable"])
def test_which_versions_drop_a_part_of_the_append_only_file(product: str) -> None:
    """All before the fix in their line; of what is not known, the worse is said."""
    name, number = product.split()
    fields = {f"{name.lower()}_version": number}
    found = storage.replayed(node({**INFO, **fields}, replay=DENIED))
    assert found.level == ("ok" if product in FIXED else "warning")


def test_what_is_replayed() -> None:
    """It matters where there is an append-only file and the default user has not its rights."""
    assert storage.replayed(node(replay=b"OK")).level == "ok"
    assert storage.replayed(stored(appendonly="no")).level == "ok"
    assert storage.replayed(node(INFO, {**CONFIG, "appendonly": "no"}, replay=DENIED)).level == "ok"
    refused = storage.replayed(node(replay=NOPERM))
    assert (refused.level, refused.text) == (
        "not_checked",
        "the ACL user may not run ACL DRYRUN",
    )
    blind = {name: value for name, value in INFO.items() if name != "aof_enabled"}
    assert storage.replayed(node(blind, NOPERM, replay=DENIED)).level == "not_checked"
