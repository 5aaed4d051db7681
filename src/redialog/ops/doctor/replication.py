"""Replicas of a primary, and the sentinels that watch over them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

import msgspec

from redialog.diagnosis import Fact, Finding, Level, counted, listed
from redialog.effect import Reply
from redialog.ops.doctor.facts import UNREACHABLE, Node, Unknown, pairs, whole

LAG_S = 10
"""From when on a replica that has sent no word counts as lagging; they do each second."""

FEWEST_SENTINELS = 3


class Replica(msgspec.Struct, frozen=True):
    """A replica, as its primary sees it."""

    address: str
    state: str
    lag: int | None


def _replicas(node: Node) -> Iterator[Replica]:
    for number in range(node.number("connected_slaves") or 0):
        parts = (part.partition("=") for part in node.field(f"slave{number}").split(","))
        found = {name: value for name, _, value in parts}
        if "ip" in found:
            address = f"{found['ip']}:{found.get('port', '')}"
            yield Replica(address, found.get("state", ""), whole(found.get("lag")))


def replicas(node: Node) -> list[Finding]:
    """Whether there are replicas that follow, and whether writes depend on them."""
    count = node.number("connected_slaves")
    if count is None:
        why = node.info.why if isinstance(node.info, Unknown) else "INFO does not tell"
        return [Finding("replication", "not_checked", why)]
    if node.field("role") not in ("", "master"):
        return [_following(node)]
    facts: dict[str, Fact] = {"replicas": count}
    late = tuple(
        one.address
        for one in _replicas(node)
        if one.state != "online" or (one.lag is not None and one.lag > LAG_S)
    )
    found = []
    if late:
        text = f"{counted(len(late), 'replica')} not in step: {listed(late)}"
        advice = "a failover to it would lose messages; look into its log"
        found.append(Finding("replication", "warning", text, advice, facts={**facts, "late": late}))
    needed = whole(node.setting("min-replicas-to-write"))
    if needed and count - len(late) < needed:
        text = f"writes are refused: they need {needed} replicas, and {count - len(late)} follow"
        found.append(
            Finding("replication", "error", text, "bring them back, or lower min-replicas-to-write")
        )
    if not found and count:
        found.append(Finding("replication", "ok", counted(count, "replica"), facts=facts))
    if not found:
        text = "there is no replica: while this server is down, nobody can chat"
        found.append(Finding("replication", "info", text, facts=facts))
    return found


def _following(node: Node) -> Finding:
    """Whether a replica has its primary."""
    if node.field("master_link_status") == "up":
        return Finding("replication", "ok", "it follows its primary")
    return Finding("replication", "warning", "it has lost its primary", "look into its log")


class Watched(msgspec.Struct, frozen=True):
    """What one sentinel says of the primary.

    Attributes:
        primary: the address that it names.
        flags: what it thinks of it.
        replicas: how many it knows.
        sentinels: how many it knows, itself included.
        quorum: how many must agree that it is down.
    """

    primary: str
    flags: str
    replicas: int
    sentinels: int
    quorum: int


def word(reply: Reply) -> dict[str, Watched]:
    """What a sentinel says of all that it watches, by the name that it has there."""
    found = [pairs(one) for one in reply]
    return {one.get("name", ""): _watched(one) for one in found}


def _watched(one: Mapping[str, str]) -> Watched:
    host, port = one.get("ip", ""), one.get("port", "")
    return Watched(
        f"[{host}]:{port}" if ":" in host else f"{host}:{port}",
        one.get("flags", ""),
        whole(one.get("num-slaves")) or 0,
        1 + (whole(one.get("num-other-sentinels")) or 0),
        whole(one.get("quorum")) or 0,
    )


Word: TypeAlias = "dict[str, Watched] | Unknown"


def sentinels(said: Sequence[tuple[str, Word]], primary: str) -> list[Finding]:
    """Whether a failover would work.

    Args:
        said: the address of each sentinel, and its word.
        primary: the address that the memory writes to.
    """
    service = _service(said, primary)
    heard = {
        address: word[service]
        for address, word in said
        if not isinstance(word, Unknown) and service in word
    }
    found = [*_silent(said, heard), *_many(said, heard), *_health(heard)]
    if not found:
        quorum = max(word.quorum for word in heard.values())
        facts: dict[str, Fact] = {"sentinels": len(heard), "quorum": quorum}
        text = f"{len(heard)} sentinels agree on the primary; a quorum is {quorum}"
        found.append(Finding("sentinel", "ok", text, facts=facts))
    return found


def _service(said: Sequence[tuple[str, Word]], primary: str) -> str:
    """Under which name most sentinels watch the primary; where none does, what most watch."""
    names = [
        (name, one.primary == primary)
        for _, word in said
        if not isinstance(word, Unknown)
        for name, one in word.items()
    ]
    votes = Counter(name for name, ours in names if ours) or Counter(name for name, _ in names)
    return votes.most_common(1)[0][0] if votes else ""


def _silent(said: Sequence[tuple[str, Word]], heard: Mapping[str, Watched]) -> Iterator[Finding]:
    """Sentinels that say nothing of the primary."""
    silent: dict[tuple[Level, str, str], list[str]] = {}
    advice = "bring it back: without a majority of them there is no failover"
    for address, word in said:
        if address in heard:
            continue
        kind: tuple[Level, str, str] = ("warning", "it does not watch the primary", advice)
        if isinstance(word, Unknown):
            level: Level = "warning" if word.code == UNREACHABLE else "not_checked"
            kind = (level, word.why, advice if level == "warning" else "")
        silent.setdefault(kind, []).append(address)
    for (level, why, what), addresses in silent.items():
        text = f"{len(addresses)} of {len(said)} sentinels cannot be asked: {why}"
        yield Finding("sentinel", level, text, what, nodes=tuple(addresses))


def _many(said: Sequence[tuple[str, Word]], heard: Mapping[str, Watched]) -> Iterator[Finding]:
    """Whether there are enough of them."""
    # Whoever refuses to tell is there all the same.
    refused = [w for _, w in said if isinstance(w, Unknown) and w.code != UNREACHABLE]
    answering = len(heard) + len(refused)
    known = max((word.sentinels for word in heard.values()), default=len(said))
    quorum = max((word.quorum for word in heard.values()), default=0)
    needed = max(known // 2 + 1, quorum)
    facts: dict[str, Fact] = {"sentinels": known, "answering": answering, "quorum": quorum}
    if answering < needed:
        who = f"{answering} of {known} sentinels answer, and {needed} must agree"
        advice = "bring them back, or name all of them in the url"
        text = f"there is no failover: {who}"
        yield Finding("sentinel", "error", text, advice, facts=facts)
    if known < FEWEST_SENTINELS:
        text = f"only {counted(known, 'sentinel')}: no failover when one is lost"
        advice = "run at least three, on machines that do not fail together"
        yield Finding("sentinel", "warning", text, advice, facts=facts)


def _health(heard: Mapping[str, Watched]) -> Iterator[Finding]:
    """What they think of the primary."""
    again = "a failover may be going on; ask again in some seconds"
    named = sorted({word.primary for word in heard.values()})
    if len(named) > 1:
        text = f"they name different primaries: {listed(named)}"
        yield Finding("sentinel", "warning", text, again)
    for flags in sorted({word.flags for word in heard.values()} - {"master"}):
        those = tuple(address for address, word in heard.items() if word.flags == flags)
        text = f"the primary is in the state {flags}"
        yield Finding("sentinel", "warning", text, again, nodes=those)
    if heard and not any(word.replicas for word in heard.values()):
        text = "no replica is known: there is nothing to fail over to"
        yield Finding("sentinel", "warning", text, "add one, on another machine")
