"""Routes over Sentinel: to the node that a majority of the sentinels calls the primary.

Three things are known to lose writes, and are not done here: asking one sentinel alone, or with
``SENTINEL MASTERS`` (which names the old primary until the failover has ended); asking only when a
connection is made; sending again to the old address. Source: measured on redis-py 8, whose clients
go on writing to a primary that was cut off until it is demoted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import msgspec

from redialog.effect import Batch, CommandError, Replies, Reply
from redialog.errors import (
    AuthError,
    ConfigurationError,
    ConnectError,
    TransportError,
    Unavailable,
)
from redialog.transports.routing.confirming import (
    calls_healthy,
    doubtful,
    permitted,
    replicated,
    sealed,
)
from redialog.transports.routing.routes import (
    SILENT_S,
    Hop,
    Outcome,
    Route,
    Silence,
    Step,
    by_command,
    refused,
    unavailable,
)
from redialog.transports.urls import Address, shown

CHECK_S = 0.5
"""How old the sentinels' word may be."""

QUESTION_S = 0.5
"""How long they have to give it: one that is stalled must not hold up the others."""

_REFUSED = {"NOPERM", "NOAUTH", "WRONGPASS"}


class SentinelRouter:
    """Finds the primary of a service.

    Args:
        sentinels: their addresses.
        service: what they call the primary.
        address: of all of it, without secrets.
        replicated: whether a write must be safe from a failover.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        sentinels: Sequence[Address],
        service: str,
        *,
        address: str,
        replicated: bool,
        clock: Callable[[], float],
    ) -> None:
        self._sentinels = tuple(dict.fromkeys(sentinels))
        self._service = service.encode()
        self._address = address
        self._replicated = replicated
        self._clock = clock
        # Written by whichever thread asks: each is one assignment, and of two that ask at once
        # either answer is right.
        self._primary: Address | None = None
        self._asked_at = 0.0
        self._named = False
        self._silence = Silence(clock)

    def route(self, batch: Batch) -> Route[Replies]:
        """As `redialog.transports.routing.routes.Router.route`."""
        if batch.to == "sentinels":
            return (yield from self._everywhere(batch))
        node = yield from self._current()
        careful = self._replicated and batch.writes
        asked = msgspec.structs.replace(batch, to="") if batch.to else batch
        [outcome] = yield Step((Hop(node, sealed(asked) if careful else asked),), watched=True)
        if isinstance(outcome, TransportError):
            self._forget(node)
            raise outcome
        if (code := refused(outcome)) is not None:
            yield from self._demoted(node)
            raise unavailable(code, f"redis://{shown(node)}")
        if careful:
            *outcome, confirmed = outcome
            if replicated(node, outcome, confirmed):
                yield from self._confirm(node)
        if batch.to:
            return [[(shown(node), reply)] for reply in outcome]
        return outcome

    def still(self, node: Address) -> Route[bool]:
        """As `redialog.transports.routing.routes.Router.still`."""
        try:
            return (yield from self._locate()) == node
        except TransportError:
            return True

    def _current(self) -> Route[Address]:
        """The primary, as the sentinels said a moment ago or say now."""
        known, now = self._primary, self._clock()
        if known is None:
            return (yield from self._locate())
        if now - self._asked_at < CHECK_S:
            return known
        # Set before they are asked: of many threads, one asks.
        self._asked_at = now
        try:
            return (yield from self._locate())
        except TransportError:
            # Without its sentinels a primary stays one: they are who would replace it. They are
            # left alone for a while, or each call would wait for those that are not there.
            self._asked_at = self._clock() + SILENT_S - CHECK_S
            return known

    def _locate(self) -> Route[Address]:
        """The primary that a majority of all sentinels names."""
        question = Batch(((b"SENTINEL", b"GET-MASTER-ADDR-BY-NAME", self._service),))
        asked = self._worth_asking()
        outcomes = yield from self._ask(asked, question)
        if len(asked) < len(self._sentinels) and _majority(outcomes, self._needed) is None:
            others = tuple(one for one in self._sentinels if one not in asked)
            outcomes += yield from self._ask(others, question)
        found = _majority(outcomes, self._needed)
        if found is None:
            raise self._lost(outcomes)
        before, self._primary = self._primary, found
        self._named = True
        self._asked_at = self._clock()
        if before not in (None, found):
            assert before is not None  # noqa: S101 - for the type checker
            yield Step((), drop=(before,))
        return found

    @property
    def _needed(self) -> int:
        return len(self._sentinels) // 2 + 1

    def _worth_asking(self) -> tuple[Address, ...]:
        return self._silence.heard(self._sentinels, self._needed)

    def _ask(self, sentinels: tuple[Address, ...], batch: Batch) -> Route[list[Outcome]]:
        hops = tuple(Hop(one, batch, "sentinel") for one in sentinels)
        began = self._clock()
        found = yield Step(hops, within=QUESTION_S)
        # Whoever is seen at once not to be there costs nothing to be asked again, and may be back:
        # one who is not asked could be the one who replaces the primary.
        slow = self._clock() - began > QUESTION_S / 2
        for one, outcome in zip(sentinels, found, strict=True):
            if isinstance(outcome, TransportError) and slow:
                self._silence.note(one)
            elif not isinstance(outcome, TransportError):
                self._silence.forget(one)
        return list(found)

    def _lost(self, outcomes: Sequence[Outcome]) -> Exception:
        """Why there is no primary."""
        answers = [one[0] for one in outcomes if not isinstance(one, TransportError)]
        if len(answers) >= self._needed:
            return self._disagreement(answers)
        for outcome in outcomes:
            if isinstance(outcome, TransportError) and not outcome.retryable:
                return outcome
        return ConnectError(
            f"{len(answers)} of {len(self._sentinels)} sentinels of {self._address} answer, and a "
            f"majority is {self._needed}",
            address=self._address,
        )

    def _disagreement(self, answers: Sequence[Reply]) -> Exception:
        """Why a majority of answers names no primary."""
        codes = {answer.code for answer in answers if isinstance(answer, CommandError)}
        if codes & _REFUSED:
            return AuthError(
                f"the sentinels of {self._address} refused to say where the primary is; their "
                "user and password are given as sentinel_username and sentinel_password",
                address=self._address,
            )
        # Where they did know it, they are about to learn it anew.
        if not self._named:
            if codes:
                return ConfigurationError(
                    "the hosts of the url are no sentinels, or those are behind a proxy that does "
                    "not know their commands"
                )
            if not any(answers):
                return ConfigurationError(
                    "the sentinels know no primary of that name; it is the part of the url behind "
                    "the hosts"
                )
        return Unavailable(
            f"the sentinels of {self._address} do not agree on a primary", address=self._address
        )

    def _confirm(self, node: Address) -> Route[None]:
        """Makes sure that no sentinel is about to replace a node.

        Raises:
            Unavailable: one is, or too few answered.
            PermissionDenied: the user may not ask.
        """
        question = Batch(((b"SENTINEL", b"MASTER", self._service),))
        outcomes = yield from self._ask(self._worth_asking(), question)
        heard = [one[0] for one in outcomes if not isinstance(one, TransportError)]
        for reply in heard:
            permitted("SENTINEL MASTER", reply)
        if len(heard) >= self._needed and all(calls_healthy(reply, node) for reply in heard):
            return
        yield from self._demoted(node)
        raise doubtful(node, "its sentinels are about to replace it, or did not answer")

    def _forget(self, node: Address) -> None:
        if self._primary == node:
            self._primary = None

    def _demoted(self, node: Address) -> Route[None]:
        self._forget(node)
        yield Step((), drop=(node,))

    def _everywhere(self, batch: Batch) -> Route[Replies]:
        asked = msgspec.structs.replace(batch, to="")
        outcomes = yield from self._ask(self._sentinels, asked)
        return by_command(self._sentinels, outcomes, len(batch.commands))


def _majority(outcomes: Sequence[Outcome], needed: int) -> Address | None:
    """The address that so many sentinels named."""
    votes: Counter[Address] = Counter()
    for outcome in outcomes:
        if isinstance(outcome, TransportError):
            continue
        match outcome[0]:
            case [bytes() as host, bytes() as port]:
                votes[host.decode(), int(port)] += 1
    for address, count in votes.items():
        if count >= needed:
            return address
    return None
