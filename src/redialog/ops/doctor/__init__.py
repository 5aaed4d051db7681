"""What is wrong with a store: asked of its servers, judged without them, changed never.

The questions are here. What the answers mean is said in the modules beside this one, each of which
takes what a node answered and gives findings: ``server``, ``storage``, ``access``, ``replication``,
``cluster`` and ``sessions``. Each check stands alone: what a server will not tell makes one finding
of the level ``not_checked``, and the others go on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from redialog.diagnosis import Diagnosis, Finding, gathered
from redialog.effect import Batch, Command, CommandError, Op, Replies, Reply
from redialog.errors import AuthError, TransportError
from redialog.keys import Layout
from redialog.ops.doctor import access, cluster, facts, replication, server, sessions, storage
from redialog.ops.doctor.facts import Node, Unknown
from redialog.settings import Settings

_CONFIG = (
    b"appendonly",
    b"appendfsync",
    b"save",
    b"maxmemory",
    b"maxmemory-policy",
    b"min-replicas-to-write",
)
_PING = Batch(((b"PING",),))


def reach() -> Op[None]:
    """Makes sure that somebody answers, whatever the answer is.

    Raises:
        TransportError: nobody does.

    Cost: 1 round trip.
    """
    yield _PING


def diagnose(config: Settings, address: str, *, now_ms: int) -> Op[Diagnosis]:
    """What is wrong with a store.

    Args:
        config: of the memory.
        address: of the store, without secrets.
        now_ms: the time here.

    Raises:
        TransportError: nobody answers any more.

    Cost: 3 round trips, and 1 for each 100 of at most 1,000 sessions; 1 more where the server does
    not know a script, where the catalogue is large, and for each question that the store does not
    answer at all.
    """
    primaries = yield from _nodes(config.layout)
    word = yield from _sentinels()
    nodes = [node for node in primaries if node.reached]
    found = gathered((node.address, _reached(node)) for node in primaries)
    found += gathered(_of_each(nodes, config, now_ms))
    if any(node.clustered for node in nodes):
        found += cluster.health(nodes)
    elif word:
        found += replication.sentinels(word, primaries[0].address if primaries else "")
    if any(one.level == "error" and one.check in ("reach", "cluster") for one in found):
        sample: sessions.Sample | Unknown = Unknown("not all of the store can be reached")
    else:
        sample = yield from _sample(config.layout)
    expiring = config.ttl_ms is not None or sessions.expiring(sample)
    found += gathered((node.address, storage.eviction(node, expiring=expiring)) for node in nodes)
    found += sessions.judged(sample, config.ttl_ms)
    return Diagnosis(address, tuple(sorted(found, key=_place)))


ORDER = (
    *("reach", "server", "role", "scripts", "acl", "persistence", "aof_replay", "eviction"),
    *("memory", "modules", "clock", "replication", "cluster", "sentinel"),
    *("sessions", "ttl", "companions", "elements"),
)
"""The checks, in the order of their findings."""


def _place(found: Finding) -> int:
    return ORDER.index(found.check)


def _reached(node: Node) -> Finding:
    if node.reached:
        return Finding("reach", "ok", "it answers")
    advice = "bring it back, or fail over to a replica"
    return Finding("reach", "error", "a primary does not answer", advice)


def _of_each(nodes: Sequence[Node], config: Settings, now_ms: int) -> Iterator[tuple[str, Finding]]:
    """What is true of each node by itself; what is true of all that answer names none."""
    for node in nodes:
        single = (
            server.kind(node),
            server.role(node),
            access.scripts(node),
            access.permissions(node, config.layout),
            storage.replayed(node),
            storage.memory(node),
            server.modules(node),
            server.clock(node, now_ms),
        )
        several = storage.persistence(node)
        if not node.clustered:
            several += replication.replicas(node)
        for found in (*single, *several):
            yield node.address, found


# The questions


def _asked(batch: Batch) -> Op[Replies | TransportError]:
    """The answers; the error where these questions find none and the store is there all the same.

    Some proxies hang up on a command that they do not know.
    """
    try:
        return (yield batch)
    except AuthError:
        raise
    except TransportError as error:
        yield _PING
        return error


def _nodes(layout: Layout) -> Op[list[Node]]:
    """What each primary says of itself."""
    probe = access.probe(layout)
    replay = access.replay(layout)
    commands: tuple[Command, ...] = (
        (b"TIME",),
        (b"INFO",),
        (b"HELLO",),
        (b"CONFIG", b"GET", *_CONFIG),
        (b"ACL", b"WHOAMI"),
        (b"CLUSTER", b"INFO"),
        (b"CLUSTER", b"NODES"),
        probe.by_text(),
        probe.by_digest(),
        *replay,
    )
    answers = yield from _asked(Batch(commands, to="primaries", alone=True))
    if isinstance(answers, TransportError):
        return [_node("", [CommandError(facts.LOST)] * len(commands))]
    return [
        _node(address, [reply for _, reply in column])
        for column in zip(*answers, strict=True)
        for address in [column[0][0]]
    ]


def _node(address: str, answers: Sequence[Reply]) -> Node:
    time, info, hello, config, user, cluster_info, cluster_nodes, probe, again, *replay = answers
    return Node(
        address,
        info=facts.read(info, "INFO", facts.info),
        hello=facts.read(hello, "HELLO", facts.pairs),
        config=facts.read(config, "CONFIG GET", facts.pairs),
        time_ms=facts.read(time, "TIME", facts.milliseconds),
        user=facts.read(user, "ACL WHOAMI", facts.name),
        replay=_replay(replay),
        probe=facts.read(probe, "EVAL", access.answers),
        repeated=facts.read(again, "EVALSHA", access.answers),
        cluster=facts.read(cluster_info, "CLUSTER INFO", facts.fields),
        nodes=facts.read(cluster_nodes, "CLUSTER NODES", lambda reply: tuple(facts.lines(reply))),
    )


def _replay(answers: Sequence[Reply]) -> tuple[bool, ...] | Unknown:
    """Whether the default user may run each of the commands."""
    for answer in answers:
        if isinstance(answer, CommandError):
            return facts.unknown(answer, "ACL DRYRUN")
    return tuple(answer in (b"OK", "OK") for answer in answers)


def _sentinels() -> Op[list[tuple[str, replication.Word]]]:
    """What each sentinel watches; nothing where there are none."""
    answers = yield from _asked(Batch(((b"SENTINEL", b"MASTERS"),), to="sentinels"))
    if isinstance(answers, TransportError):
        return []
    [said] = answers
    return [
        (address, facts.read(reply, "SENTINEL MASTERS", replication.word))
        for address, reply in said
    ]


def _sample(layout: Layout) -> Op[sessions.Sample | Unknown]:
    try:
        return (yield from sessions.sample(layout))
    except AuthError:
        raise
    except TransportError as error:
        yield _PING
        return Unknown(f"the store gave no answer ({type(error).__name__})")
