"""Whether what is written stays: persistence, eviction, memory."""

from __future__ import annotations

from redialog.diagnosis import Fact, Finding
from redialog.ops.doctor.facts import Node, Unknown, Version, version, whole

FULL, NEARLY_FULL = 100, 90
"""Per cent of maxmemory."""

NO_EVICTION = "noeviction"
_KEEP = f"set maxmemory-policy {NO_EVICTION}: a full server then refuses writes and loses none"

# Since when a replayed AOF is not held against the default user's rights; of other lines before the
# last no fix is known. Sources: redis #14545, in the release notes of 8.6 and among the backports
# for 8.4.4; valkey #3984, in the release notes of each.
_FIXED: dict[str, tuple[Version, ...]] = {
    "Redis": ((8, 4, 4), (8, 6, 0)),
    "Valkey": ((8, 0, 11), (8, 1, 10), (9, 0, 6), (9, 1, 2)),
}


def _appends(node: Node) -> bool | None:
    """Whether there is an append-only file; None where that is not known."""
    found = node.setting("appendonly")
    if found is None:
        enabled = node.number("aof_enabled")
        return None if enabled is None else enabled == 1
    return found == "yes"


def persistence(node: Node) -> list[Finding]:
    """What a restart or a crash loses."""
    append, save = _appends(node), node.setting("save")
    sync = node.setting("appendfsync")
    facts: dict[str, Fact] = {"appendonly": append, "appendfsync": sync, "save": save}

    def found(level: str, text: str, advice: str = "") -> Finding:
        return Finding("persistence", level, text, advice, facts=facts)  # type: ignore[arg-type]

    if append is None:
        why = node.info.why if isinstance(node.info, Unknown) else "INFO does not tell"
        return [found("not_checked", why)]
    failed = list(_failed(node, append))
    if append and sync == "no":
        return [
            *failed,
            found(
                "warning",
                "the append-only file is synced when the system sees fit (appendfsync no): a crash "
                "of the machine loses half a minute",
                "set appendfsync everysec",
            ),
        ]
    if append:
        # By far the most common of the two that are left, and the default.
        loss = "nothing" if sync == "always" else "about a second"
        return [*failed, found("ok", f"append-only file; a crash of the machine loses {loss}")]
    if save == "":
        text = "nothing is saved: a restart loses all conversations"
        return [*failed, found("warning", text, "set appendonly yes")]
    snapshots = "snapshots only" if save else "no append-only file; of snapshots nothing is known"
    text = f"{snapshots}: a crash loses what was written since the last one"
    return [*failed, found("warning", text, "set appendonly yes")]


def _failed(node: Node, append: bool) -> list[Finding]:
    """What the server could not write to its disk."""
    advice = "free space on its disk and look into its log; it may refuse writes (MISCONF)"
    told = {
        "rdb_last_bgsave_status": "the last snapshot could not be saved",
        "aof_last_write_status": "the append-only file could not be written",
        "aof_last_bgrewrite_status": "the append-only file could not be rewritten",
    }
    return [
        Finding("persistence", "error", text, advice, facts={"status": name})
        for name, text in told.items()
        if node.field(name) == "err" and (append or not name.startswith("aof"))
    ]


def replayed(node: Node) -> Finding:
    """Whether a restart drops scripts and transactions from the append-only file.

    An AOF is replayed in the name of the default user. Servers without the fix of redis #14541 held
    each EXEC in it against what that user may do now: with a bare ``user default off`` nothing, so
    all that a script wrote with more than one command was dropped, with a line in the log.
    """
    check = "aof_replay"
    append = _appends(node)
    if append is False:
        return Finding(check, "ok", "there is no append-only file to replay")
    if _replays_all(*node.product):
        return Finding(check, "ok", "an append-only file is replayed whatever the ACL")
    if isinstance(node.replay, Unknown):
        return Finding(check, "not_checked", node.replay.why)
    if all(node.replay):
        return Finding(check, "ok", "the default user may replay an append-only file")
    if append is None:
        return Finding(check, "not_checked", "whether there is an append-only file is not known")
    return Finding(
        check,
        "warning",
        "a restart will drop messages: this version replays scripts and transactions of the "
        "append-only file as the default user, who may not run them",
        "where that user is off, give it its rights all the same, also in the ACL file: "
        "ACL SETUSER default off ~* &* +@all; or upgrade",
    )


def _replays_all(name: str, text: str) -> bool:
    """Whether a version is known to have the fix."""
    found, fixed = version(text), _FIXED.get(name)
    if found is None or fixed is None:
        return False
    line = [since for since in fixed if since[:2] == found[:2]]
    return found >= (line[0] if line else fixed[-1])


def eviction(node: Node, *, expiring: bool) -> Finding:
    """Whether a full server deletes conversations.

    Args:
        node: what it answered.
        expiring: whether sessions have a TTL.
    """
    policy = node.setting("maxmemory-policy") or node.field("maxmemory_policy")
    limit = _limit(node)
    facts: dict[str, Fact] = {"policy": policy or None, "maxmemory": limit}
    if not policy:
        why = node.info.why if isinstance(node.info, Unknown) else "the server does not tell"
        return Finding("eviction", "not_checked", why, facts=facts)
    if policy == NO_EVICTION:
        return Finding("eviction", "ok", policy, facts=facts)
    if limit == 0:
        text = f"{policy}, which has no effect without a maxmemory"
        return Finding("eviction", "info", text, facts=facts)
    if policy.startswith("allkeys"):
        text = f"{policy}: a full server deletes conversations"
        return Finding("eviction", "warning", text, _KEEP, facts=facts)
    if expiring:
        text = f"{policy}: a full server deletes conversations that have a ttl, before their time"
        return Finding("eviction", "warning", text, _KEEP, facts=facts)
    text = f"{policy}: no session has a ttl, so a full server deletes none"
    return Finding("eviction", "info", text, facts=facts)


def _limit(node: Node) -> int | None:
    found = whole(node.setting("maxmemory"))
    return node.number("maxmemory") if found is None else found


def memory(node: Node) -> Finding:
    """How full it is."""
    limit, used = _limit(node), node.number("used_memory")
    facts: dict[str, Fact] = {"maxmemory": limit, "used": used}
    if limit is None or used is None:
        why = node.info.why if isinstance(node.info, Unknown) else "the server does not tell"
        return Finding("memory", "not_checked", why, facts=facts)
    if limit == 0:
        return Finding("memory", "ok", "no limit is set", facts=facts)
    percent = 100 * used // limit
    text = f"{percent} % of {_size(limit)} used"
    advice = "raise maxmemory, give sessions a ttl, or delete some"
    if percent >= FULL:
        evicts = node.setting("maxmemory-policy") or node.field("maxmemory_policy")
        if evicts in ("", NO_EVICTION):
            text += ": writes are refused"
            return Finding("memory", "error", text, advice, facts=facts)
        return Finding("memory", "warning", text, advice, facts=facts)
    if percent >= NEARLY_FULL:
        return Finding("memory", "warning", text, advice, facts=facts)
    return Finding("memory", "ok", text, facts=facts)


def _size(number: int) -> str:
    for unit, size in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if number >= size:
            return f"{number / size:.1f} {unit}"
    return f"{number} bytes"
