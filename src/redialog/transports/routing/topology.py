"""Where the slots of a Cluster are: learnt from most nodes, corrected by what they say later."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from redialog.effect import Batch, Command, CommandError
from redialog.errors import ConfigurationError, ConnectError, PermissionDenied, TransportError
from redialog.transports.routing.routes import Hop, Outcome, Route, Silence, Step, unavailable
from redialog.transports.routing.slots import Slots, most_seen, slots_of
from redialog.transports.urls import Address

ASKED = 9
"""How many nodes are asked where the slots are: some may be dead, or cut off and out of date."""

QUESTION_S = 1.0
"""How long they have."""


class Topology:
    """The nodes of a Cluster, and what they have.

    Args:
        hosts: nodes that are known to belong to it.
        address: of all of it, without secrets.
        clock: seconds, monotonic.
    """

    def __init__(
        self, hosts: Sequence[Address], *, address: str, clock: Callable[[], float]
    ) -> None:
        self._hosts = tuple(dict.fromkeys(hosts))
        self._address = address
        self._silence = Silence(clock)
        # Each is replaced as a whole: threads that route at once see one state or the other.
        self._slots: Slots | None = None
        self._last: Slots | None = None
        self._moved: dict[int, Address] = {}
        # Whether a node has passed a command on since the slots were learnt: of that slot it is
        # all there is to know, but who the primaries are can be another matter now.
        self._stale = False

    def known(self) -> Route[Slots]:
        """Which primary has which slots, asked for where it is not known."""
        return self._slots or (yield from self._refresh())

    def primaries(self) -> Route[tuple[Address, ...]]:
        """Who they are, asked for where somebody may have taken over."""
        slots = None if self._stale else self._slots
        if slots is None:
            slots = yield from self._refresh()
        return tuple(dict.fromkeys(slots.primaries))

    def still(self, node: Address) -> Route[bool]:
        """Whether a node that is slow to answer is a primary in the eyes of the others."""
        self._silence.note(node)
        return node in (yield from self._refresh()).primaries

    def node(self, slot: int | None) -> Address:
        """Who has a slot; with None, any primary.

        Raises:
            Unavailable: nobody, as far as is known.
        """
        slots = self._slots
        if slots is None:
            raise unavailable("no slots are known", self._address)
        if slot is None:
            return slots.primaries[0]
        found = self._moved.get(slot) or slots.primary(slot)
        if found is None:
            self._slots = None
            raise unavailable("no node has the slot", self._address)
        return found

    def moved(self, slot: int, node: Address) -> None:
        """A node has said who has a slot."""
        self._moved = {**self._moved, slot: node}
        self._stale = True

    def forget(self, node: Address) -> None:
        """A node does not serve: who has its slots must be asked of others."""
        self._silence.note(node)
        self._slots = None

    def heard(self, nodes: tuple[Address, ...], needed: int) -> tuple[Address, ...]:
        """Those that answered of late, where they are as many as needed; else all."""
        return self._silence.heard(nodes, needed)

    def ask(self, nodes: tuple[Address, ...], question: Command) -> Route[Sequence[Outcome]]:
        """Asks nodes about the Cluster, and notes who did not answer."""
        hops = tuple(Hop(node, Batch((question,))) for node in nodes)
        outcomes = yield Step(hops, within=QUESTION_S)
        for node, outcome in zip(nodes, outcomes, strict=True):
            if isinstance(outcome, TransportError):
                self._silence.note(node)
            else:
                self._silence.forget(node)
        return outcomes

    def _refresh(self) -> Route[Slots]:
        """What most of those say who answer; sets it."""
        members = self._members()
        asked = self.heard(tuple(dict.fromkeys((*members, *self._hosts))), 1)[:ASKED]
        outcomes = yield from self.ask(asked, (b"CLUSTER", b"SLOTS"))
        seen = [
            slots
            for node, outcome in zip(asked, outcomes, strict=True)
            if not isinstance(outcome, TransportError)
            and (slots := slots_of(outcome[0], node)) is not None
        ]
        if not seen:
            raise self._nobody(outcomes)
        found = most_seen(seen)
        self._slots = self._last = found
        self._moved = {}
        self._stale = False
        gone = set(members) - set(found.primaries) - found.replicas
        if gone:
            yield Step((), drop=tuple(gone))
        return found

    def _members(self) -> tuple[Address, ...]:
        """Who belonged to it when it was last asked."""
        return () if self._last is None else (*self._last.primaries, *self._last.replicas)

    def _nobody(self, outcomes: Sequence[Outcome]) -> Exception:
        """Why nobody has said where the slots are."""
        for outcome in outcomes:
            if isinstance(outcome, TransportError) and not outcome.retryable:
                return outcome
        answers = [one[0] for one in outcomes if not isinstance(one, TransportError)]
        for answer in answers:
            if isinstance(answer, CommandError) and answer.code == "NOPERM":
                return PermissionDenied(
                    "the user may not run CLUSTER SLOTS, which a Cluster needs", code=answer.code
                )
            if isinstance(answer, CommandError) and "cluster support disabled" in answer.text:
                return ConfigurationError(
                    "the url leads to a single server and no Cluster: it must begin with redis:// "
                    "or rediss://"
                )
        if answers:
            return unavailable("it has no slots yet", self._address)
        return ConnectError(f"no node of {self._address} answers", address=self._address)
