"""Random faults: something breaks all the time, and is mended again."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable

from redialog import scripts
from tests.support.proxy import FaultProxy
from tests.support.servers import Server, wait_until


def pause(seconds: float) -> None:
    """Lets the time pass in which faults last and talkers recover."""
    until = time.monotonic() + seconds
    wait_until(lambda: time.monotonic() >= until, what="time passes", timeout=seconds + 10)


class Weather:
    """What a proxy does to those who talk through it.

    Attributes:
        faults: how many there were, by kind.
        requests: how many commands went through the proxy so far.
    """

    def __init__(self, proxy: FaultProxy, server: Server, chance: random.Random) -> None:
        self.faults: Counter[str] = Counter()
        self.requests = 0
        self._proxy = proxy
        self._server = server
        self._chance = chance
        self._kinds: dict[str, Callable[[], None]] = {
            "cut": lambda: proxy.cut_all(reset=chance.random() < 0.5),
            "lose a reply": self._lose_reply,
            "lose a request": lambda: self._lose(proxy.drop_request),
            "delay": self._delay,
            "stall": self._stall,
            "refuse": self._refuse,
            "forget scripts": self._forget_scripts,
        }

    def blow(self, seconds: float) -> None:
        """Faults, one after the other, for so long; afterwards all is well."""
        until = time.monotonic() + seconds
        deck: list[str] = []
        while time.monotonic() < until:
            # Each kind before any comes again: a short time has them all.
            deck = deck or self._chance.sample(list(self._kinds), len(self._kinds))
            kind = deck.pop()
            self.faults[kind] += 1
            self._kinds[kind]()
            pause(self._chance.uniform(0.05, 0.5))
            self._count()
        self._proxy.clear()

    def _count(self) -> None:
        self.requests += len(self._proxy.requests)
        self._proxy.reset_counters()

    def _lose_reply(self) -> None:
        some = self._chance.choice([0, 0, 0, 1, 5])
        self._lose(lambda **how: self._proxy.cut_reply(some, **how))

    def _lose(self, arm: Callable[..., object]) -> None:
        name = self._chance.choice(["append", "append", "edit", "clear", "publish", "stage", None])
        match = None if name is None else scripts.get(name).sha
        # Up to all attempts that the driver makes.
        for _ in range(self._chance.randint(1, 4)):
            arm(nth=self._chance.randint(1, 10), match=match, times=self._chance.randint(1, 4))

    def _delay(self) -> None:
        # Also longer than a client waits.
        self._proxy.delay(self._chance.choice([0.01, 0.1, 0.4, 0.7]))
        pause(self._chance.uniform(0.1, 0.8))
        self._proxy.delay(0)

    def _stall(self) -> None:
        self._proxy.stall()
        pause(self._chance.uniform(0.1, 1.0))
        self._proxy.unstall()

    def _refuse(self) -> None:
        self._proxy.refuse()
        if self._chance.random() < 0.7:
            self._proxy.cut_all()
        pause(self._chance.uniform(0.1, 1.0))
        self._proxy.accept()

    def _forget_scripts(self) -> None:
        with self._server.client() as raw:
            raw.script_flush()
