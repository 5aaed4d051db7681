"""Routes over a Cluster: each command to the primary that has its key's slot."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby

import msgspec

from redialog.effect import Batch, Command, CommandError, Replies, Reply
from redialog.errors import AuthError, ConnectError, TLSError, TransportError
from redialog.keys import slot
from redialog.transports.commands import EVERYWHERE, TRANSACTION, known_key, name_of
from redialog.transports.confirming import doubtful, replicated, sealed, sees_primary
from redialog.transports.routes import (
    Hop,
    Outcome,
    Route,
    Silence,
    Step,
    by_command,
    refused,
    unavailable,
)
from redialog.transports.slots import Slots, slots_of
from redialog.transports.urls import Address, shown

REDIRECTS = 5
"""How often a command is passed on before somebody must ask anew."""

ASKED = 9
"""How many nodes are asked where the slots are: some may be dead, or cut off and out of date."""

QUESTION_S = 1.0
"""How long they have."""


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
        self._hosts = tuple(dict.fromkeys(hosts))
        self._address = address
        self._careful = replicated
        self._silence = Silence(clock)
        # Each is replaced as a whole: threads that route at once see one state or the other.
        self._slots: Slots | None = None
        self._last: Slots | None = None
        self._moved: dict[int, Address] = {}
        self._keyless: frozenset[bytes] = frozenset()

    def route(self, batch: Batch) -> Route[Replies]:
        """As `redialog.transports.routes.Router.route`."""
        if batch.to == "sentinels":
            return [[] for _ in batch.commands]
        slots = self._slots or (yield from self._refresh())
        if batch.to == "primaries":
            return (yield from self._everywhere(slots, batch))
        runs = yield from self._runs(slots, batch)
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
        """As `redialog.transports.routes.Router.still`."""
        self._silence.note(node)
        try:
            return node in (yield from self._refresh()).primaries
        except TransportError:
            return True

    # What a batch consists of

    def _runs(self, slots: Slots, batch: Batch) -> Route[list[Run]]:
        """The batch in runs of one slot; a transaction is one, or of several slots none."""
        numbers: list[int | None] = []
        for command in batch.commands:
            key = known_key(command, self._keyless)
            if key is NotImplemented:
                key = yield from self._key_of(slots, command)
            numbers.append(None if key is None else slot(key))
        if any(name_of(command) in TRANSACTION for command in batch.commands):
            keyed = list({number for number in numbers if number is not None})
            if len(keyed) > 1:
                return []
            numbers = [keyed[0] if keyed else None] * len(numbers)
        places: Iterator[int] = iter(range(len(numbers)))
        return [Run(number, tuple(next(places) for _ in some)) for number, some in groupby(numbers)]

    def _key_of(self, slots: Slots, command: Command) -> Route[bytes | None]:
        """The first key of a command that is not among the known ones: the server knows."""
        [outcome] = yield Step(
            (Hop(slots.primaries[0], Batch(((b"COMMAND", b"GETKEYS", *command),))),)
        )
        if isinstance(outcome, TransportError):
            self._forget(slots.primaries[0])
            raise outcome
        match outcome[0]:
            case [bytes() as key, *_]:
                return key
        self._keyless |= {name_of(command)}
        return None

    def _node(self, run: Run) -> Address:
        slots = self._slots
        if slots is None:
            raise unavailable("no slots are known", self._address)
        if run.slot is None:
            return slots.primaries[0]
        node = self._moved.get(run.slot) or slots.primary(run.slot)
        if node is None:
            self._slots = None
            raise unavailable("no node has the slot", self._address)
        return node

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
                elif name_of(batch.commands[run.places[0]]) in EVERYWHERE:
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
            node = (host or node[0], int(port))
            asking = redirect.code == "ASK"
            if asking and name_of(batch.commands[run.places[0]]) in TRANSACTION:
                # The word that must go before each command would be taken for one of its own.
                raise unavailable("ASK", self._address)
            if not asking:
                self._moved = {**self._moved, int(number): node}
            hop = self._hop(batch, node, [run], asking=asking)
            [outcome] = yield Step((hop,), watched=True)
            replies = yield from self._checked(batch, node, outcome)
            if asking:
                replies = replies[1::2]
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

    def _checked(self, batch: Batch, node: Address, outcome: Outcome) -> Route[Replies]:
        """The replies of a node, where it served or named another one."""
        if isinstance(outcome, TransportError):
            self._forget(node)
            raise outcome
        code = refused(outcome)
        if code is not None:
            # Of a slot that moves, the nodes tell; of a failover, somebody else does.
            if code != "TRYAGAIN":
                self._forget(node)
            raise unavailable(code, f"redis://{shown(node)}")
        if self._careful and batch.writes:
            *replies, confirmed = outcome
            if replicated(node, replies, confirmed):
                yield from self._confirm(node)
            return replies
        return outcome

    def _confirm(self, node: Address) -> Route[None]:
        """Makes sure that most primaries see nothing wrong with one of them.

        Raises:
            Unavailable: some do, or too few answered.
        """
        primaries = dict.fromkeys(self._slots.primaries if self._slots else ())
        others = tuple(one for one in primaries if one != node)
        question = Batch(((b"CLUSTER", b"NODES"),))
        outcomes = yield Step(tuple(Hop(one, question) for one in others), within=QUESTION_S)
        heard = [one[0] for one in outcomes if not isinstance(one, TransportError)]
        # It counts for itself.
        enough = 2 * (len(heard) + 1) > len(primaries)
        if enough and all(sees_primary(reply, node) for reply in heard):
            return
        self._forget(node)
        raise doubtful(node, "other primaries are about to replace it, or did not answer")

    def _told_others(self, batch: Batch, node: Address, run: Run) -> Route[None]:
        """Repeats at the other primaries what each of them keeps for itself, such as scripts."""
        others = dict.fromkeys(self._slots.primaries if self._slots else ())
        yield Step(tuple(self._hop(batch, one, [run]) for one in others if one != node))

    def _everywhere(self, slots: Slots, batch: Batch) -> Route[Replies]:
        nodes = tuple(dict.fromkeys(slots.primaries))
        asked = msgspec.structs.replace(batch, to="")
        outcomes = yield Step(tuple(Hop(node, asked) for node in nodes))
        return by_command(nodes, outcomes, len(batch.commands))

    # Where the slots are

    def _forget(self, node: Address) -> None:
        self._silence.note(node)
        self._slots = None

    def _refresh(self) -> Route[Slots]:
        """What most of those say who answer; sets it."""
        members = self._members()
        nodes = tuple(dict.fromkeys((*members, *self._hosts)))
        asked = self._silence.heard(nodes, 1)[:ASKED]
        question = Batch(((b"CLUSTER", b"SLOTS"),))
        outcomes = yield Step(tuple(Hop(node, question) for node in asked), within=QUESTION_S)
        votes: Counter[Slots] = Counter()
        for node, outcome in zip(asked, outcomes, strict=True):
            if isinstance(outcome, TransportError):
                self._silence.note(node)
                continue
            self._silence.forget(node)
            if (slots := slots_of(outcome[0], node)) is not None:
                votes[slots] += 1
        if not votes:
            raise self._nobody(outcomes)
        [(found, _)] = votes.most_common(1)
        self._slots = self._last = found
        self._moved = {}
        gone = set(members) - set(found.primaries) - found.replicas
        if gone:
            yield Step((), drop=tuple(gone))
        return found

    def _members(self) -> tuple[Address, ...]:
        """Who belonged to it when it was last asked."""
        return () if self._last is None else (*self._last.primaries, *self._last.replicas)

    def _nobody(self, outcomes: Sequence[Outcome]) -> TransportError:
        for outcome in outcomes:
            if isinstance(outcome, AuthError | TLSError):
                return outcome
        if any(not isinstance(outcome, TransportError) for outcome in outcomes):
            return unavailable("it is no Cluster, or has no slots yet", self._address)
        return ConnectError(f"no node of {self._address} answers", address=self._address)


_CROSSED = CommandError("CROSSSLOT", "Keys in request don't hash to the same slot")


def _left(
    batch: Batch, run: Run, replies: Replies, found: dict[int, Reply]
) -> tuple[Run, CommandError] | None:
    """What of a run a node has passed on, and whom it named; the replies to the rest are found.

    While a slot moves, a node serves the keys that it still has: those commands are done. Of a
    transaction all is, or nothing.
    """
    redirect = next(filter(_is_redirect, replies), None)
    if redirect is not None and name_of(batch.commands[run.places[0]]) in TRANSACTION:
        return run, redirect
    pairs = list(zip(run.places, replies, strict=True))
    found.update(pair for pair in pairs if not _is_redirect(pair[1]))
    if redirect is None:
        return None
    return Run(run.slot, tuple(place for place, reply in pairs if _is_redirect(reply))), redirect


def _is_redirect(reply: Reply) -> bool:
    return isinstance(reply, CommandError) and reply.code in ("MOVED", "ASK")
