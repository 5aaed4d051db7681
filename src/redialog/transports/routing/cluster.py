"""Routes over a Cluster: each command to the primary that has its key's slot."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby

import msgspec

from redialog.effect import Batch, Command, CommandError, Replies, Reply
from redialog.errors import RedialogError, TransportError
from redialog.keys import slot
from redialog.transports.routing.commands import EVERYWHERE, TRANSACTION, known_key, name_of
from redialog.transports.routing.confirming import (
    doubtful,
    permitted,
    replicated,
    sealed,
    sees_primary,
)
from redialog.transports.routing.routes import (
    Hop,
    Outcome,
    Route,
    Step,
    by_command,
    refused,
    unavailable,
)
from redialog.transports.routing.topology import Topology
from redialog.transports.urls import Address, shown

REDIRECTS = 5
"""How often a command is passed on before somebody must ask anew."""


class Run(msgspec.Struct, frozen=True):
    """Neighbouring commands of a batch whose keys lie in one slot.

    Attributes:
        slot: None where they have no key.
        places: their indexes in the batch.
    """

    slot: int | None
    places: tuple[int, ...]


class ClusterRouter:
    """Finds the primaries of a Cluster.

    Args:
        hosts: nodes that are known to belong to it.
        address: of all of it, without secrets.
        replicated: whether a write must be safe from a failover.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        hosts: Sequence[Address],
        *,
        address: str,
        replicated: bool,
        clock: Callable[[], float],
    ) -> None:
        self._topology = Topology(hosts, address=address, clock=clock)
        self._address = address
        self._careful = replicated
        # Replaced as a whole: threads that route at once see one state or the other.
        self._keyless: frozenset[bytes] = frozenset()

    def route(self, batch: Batch) -> Route[Replies]:
        """As `redialog.transports.routing.routes.Router.route`."""
        if batch.to == "sentinels":
            return [[] for _ in batch.commands]
        if batch.to == "primaries":
            return (yield from self._everywhere(batch))
        yield from self._topology.known()
        runs = yield from self._runs(batch)
        if not runs:
            return [_CROSSED] * len(batch.commands)
        groups = [(node, list(some)) for node, some in groupby(runs, self._node)]
        if not batch.writes:
            # Reads can be in any order, so each node is asked once, and all at the same time.
            nodes = {
                node: [r for n, some in groups if n == node for r in some] for node, _ in groups
            }
            groups = list(nodes.items())
        found: dict[int, Reply] = {}
        for together in [[group] for group in groups] if batch.writes else [groups]:
            yield from self._served(batch, together, found)
        return [found[place] for place in range(len(batch.commands))]

    def still(self, node: Address) -> Route[bool]:
        """As `redialog.transports.routing.routes.Router.still`."""
        try:
            return (yield from self._topology.still(node))
        except RedialogError:
            return True

    # What a batch consists of

    def _runs(self, batch: Batch) -> Route[list[Run]]:
        """The batch in runs of one slot; a transaction is one, or of several slots none."""
        numbers: list[int | None] = []
        for command in batch.commands:
            key = known_key(command, self._keyless)
            if key is NotImplemented:
                key = yield from self._key_of(command)
            numbers.append(None if key is None else slot(key))
        if any(name_of(command) in TRANSACTION for command in batch.commands):
            keyed = list({number for number in numbers if number is not None})
            if len(keyed) > 1:
                return []
            numbers = [keyed[0] if keyed else None] * len(numbers)
        places: Iterator[int] = iter(range(len(numbers)))
        return [Run(number, tuple(next(places) for _ in some)) for number, some in groupby(numbers)]

    def _key_of(self, command: Command) -> Route[bytes | None]:
        """The first key of a command that is not among the known ones: the server knows."""
        node = self._topology.node(None)
        [outcome] = yield Step((Hop(node, Batch(((b"COMMAND", b"GETKEYS", *command),))),))
        if isinstance(outcome, TransportError):
            self._topology.forget(node)
            raise outcome
        match outcome[0]:
            case [bytes() as key, *_]:
                return key
            case CommandError(text=text) if "no key arguments" in text:
                self._keyless |= {name_of(command)}
        # Also where it is malformed: any node can say so.
        return None

    def _node(self, run: Run) -> Address:
        return self._topology.node(run.slot)

    # What is sent

    def _served(
        self, batch: Batch, groups: Sequence[tuple[Address, list[Run]]], found: dict[int, Reply]
    ) -> Route[None]:
        """Asks nodes for runs of commands, and whom they name instead."""
        hops = tuple(self._hop(batch, node, runs) for node, runs in groups)
        outcomes = yield Step(hops, watched=True)
        again: list[tuple[Address, Run, CommandError]] = []
        for (node, runs), outcome in zip(groups, outcomes, strict=True):
            replies = yield from self._checked(batch, node, outcome)
            for run in runs:
                mine, replies = replies[: len(run.places)], replies[len(run.places) :]
                left = _left(batch, run, mine, found)
                if left is not None:
                    again.append((node, *left))
                elif run.slot is None:
                    yield from self._told_others(batch, node, run)
        for node, run, redirect in again:
            yield from self._passed_on(batch, node, run, redirect, found)

    def _passed_on(
        self,
        batch: Batch,
        node: Address,
        run: Run,
        redirect: CommandError,
        found: dict[int, Reply],
    ) -> Route[None]:
        """Asks whom a node named, and whom that one names, until one serves."""
        for _ in range(REDIRECTS):
            number, _, target = redirect.text.partition(" ")
            host, _, port = target.rpartition(":")
            node = (node[0] if host in ("", "?") else host, int(port))
            asking = redirect.code == "ASK"
            if asking and _is_transaction(batch, run):
                # The word that must go before each command would be taken for one of its own.
                raise unavailable("ASK", self._address)
            if not asking:
                self._topology.moved(int(number), node)
            hop = self._hop(batch, node, [run], asking=asking)
            [outcome] = yield Step((hop,), watched=True)
            replies = yield from self._checked(batch, node, outcome, asking=asking)
            left = _left(batch, run, replies, found)
            if left is None:
                return
            run, redirect = left
        raise unavailable("passed on too often", self._address)

    def _hop(
        self, batch: Batch, node: Address, runs: Sequence[Run], *, asking: bool = False
    ) -> Hop:
        commands = [batch.commands[place] for run in runs for place in run.places]
        if asking:
            commands = [one for command in commands for one in ((b"ASKING",), command)]
        part = msgspec.structs.replace(batch, commands=tuple(commands))
        return Hop(node, sealed(part) if self._careful and batch.writes else part)

    def _checked(
        self, batch: Batch, node: Address, outcome: Outcome, *, asking: bool = False
    ) -> Route[Replies]:
        """The replies of a node, where it served or named another one."""
        if isinstance(outcome, TransportError):
            self._topology.forget(node)
            raise outcome
        code = refused(outcome)
        if code is not None:
            # Of a slot that moves, the nodes tell; of a failover, somebody else does.
            if code != "TRYAGAIN":
                self._topology.forget(node)
            raise unavailable(code, f"redis://{shown(node)}")
        careful = self._careful and batch.writes
        replies = outcome[:-1] if careful else outcome
        if asking:
            replies = replies[1::2]
        if careful and replicated(node, replies, outcome[-1]):
            yield from self._confirm(node, owning=not asking)
        return replies

    def _confirm(self, node: Address, *, owning: bool) -> Route[None]:
        """Makes sure that most primaries see nothing wrong with one of them.

        Args:
            node: the one.
            owning: whether it must have slots in their eyes; not where it is about to get its
                first one.

        Raises:
            Unavailable: some do, or too few answered.
            PermissionDenied: the user may not ask.
        """
        try:
            primaries = yield from self._topology.primaries()
        except TransportError:
            primaries = ()
        others = tuple(one for one in primaries if one != node)
        # It counts for itself.
        needed = len({*primaries, node}) // 2
        asked = self._topology.heard(others, needed)
        outcomes = yield from self._topology.ask(asked, (b"CLUSTER", b"NODES"))
        heard = [one[0] for one in outcomes if not isinstance(one, TransportError)]
        for reply in heard:
            permitted("CLUSTER NODES", reply)
        enough = len(primaries) > 0 and len(heard) >= needed
        if enough and all(sees_primary(reply, node, owning=owning) for reply in heard):
            return
        self._topology.forget(node)
        raise doubtful(node, "other primaries are about to replace it, or did not answer")

    def _told_others(self, batch: Batch, node: Address, run: Run) -> Route[None]:
        """Repeats at the other primaries what each of them keeps for itself, such as scripts."""
        told = tuple(p for p in run.places if name_of(batch.commands[p]) in EVERYWHERE)
        if told:
            others = yield from self._topology.primaries()
            hops = (self._hop(batch, one, [Run(None, told)]) for one in others if one != node)
            yield Step(tuple(hops))

    def _everywhere(self, batch: Batch) -> Route[Replies]:
        nodes = yield from self._topology.primaries()
        asked = msgspec.structs.replace(batch, to="")
        outcomes = yield Step(tuple(Hop(node, asked) for node in nodes))
        for node, outcome in zip(nodes, outcomes, strict=True):
            if isinstance(outcome, TransportError):
                self._topology.forget(node)
        return by_command(nodes, outcomes, len(batch.commands))


_CROSSED = CommandError("CROSSSLOT", "Keys in request don't hash to the same slot")


def _left(
    batch: Batch, run: Run, replies: Replies, found: dict[int, Reply]
) -> tuple[Run, CommandError] | None:
    """What of a run a node has passed on, and whom it named; the replies to the rest are found.

    While a slot moves, a node serves the keys that it still has: those commands are done. Of a
    transaction all is, or nothing.
    """
    redirect = next(filter(_is_redirect, replies), None)
    if redirect is not None and _is_transaction(batch, run):
        return run, redirect
    pairs = list(zip(run.places, replies, strict=True))
    found.update(pair for pair in pairs if not _is_redirect(pair[1]))
    if redirect is None:
        return None
    return Run(run.slot, tuple(place for place, reply in pairs if _is_redirect(reply))), redirect


def _is_transaction(batch: Batch, run: Run) -> bool:
    return any(name_of(batch.commands[place]) in TRANSACTION for place in run.places)


def _is_redirect(reply: Reply) -> bool:
    return isinstance(reply, CommandError) and reply.code in ("MOVED", "ASK")
