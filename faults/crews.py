"""Processes that write, as their parent sees them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Self

import msgspec

from faults.crew import Durability, Facade, Plan, Writer
from faults.talking import Ledger

ROOT = Path(__file__).parents[1]
SHARED = "shared"
"""A session to which the writers of both facades write."""


class Crew:
    """A process that writes from its start to `stop`; a context manager.

    Args:
        plan: what it does.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._process = subprocess.Popen(
            [sys.executable, "-m", "faults.crew"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        to = self._process.stdin
        assert to is not None
        to.write(msgspec.json.encode(plan).decode() + "\n")
        to.flush()

    def wait_ready(self) -> None:
        """Waits until each of its writers was acknowledged once."""
        back = self._process.stdout
        assert back is not None
        said = back.readline().strip()
        if said != "ready":
            raise RuntimeError(f"the writers of {self.plan.facade} did not begin: {said}")

    def tell(self) -> None:
        """Lets the writers end their turns."""
        to = self._process.stdin
        assert to is not None
        to.close()

    def stop(self) -> Ledger:
        """Waits for their end, and returns what they know."""
        back = self._process.stdout
        assert back is not None
        out = back.read()
        self._process.wait()
        return msgspec.json.decode(out, type=Ledger)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None and not pipe.closed:
                pipe.close()


def names(facades: tuple[Facade, ...]) -> list[str]:
    """The sessions' names: three of each facade, and one that both share."""
    return [*(f"{facade}-{number}" for facade in facades for number in range(3)), SHARED]


def writers(facade: Facade, ids: dict[str, str]) -> tuple[Writer, ...]:
    """Five writers of one facade: two of them on one session, one on that of both facades.

    Args:
        facade: whose.
        ids: name to session id.
    """
    own = [f"{facade}-{number}" for number in range(3)]
    places = [own[0], own[1], own[2], own[2], SHARED]
    return tuple(
        Writer(f"{facade}.{number}", ids[name], owner(name)) for number, name in enumerate(places)
    )


def owner(name: str) -> str | None:
    """Whom a session belongs to: every other one has nobody."""
    return "alice" if name == SHARED or name.endswith("1") else None


def plan(
    facade: Facade, durability: Durability, url: str, ids: dict[str, str], **options: object
) -> Plan:
    """What a crew does in a run.

    Args:
        facade: whose.
        durability: of its memory, and the namespace.
        url: of the store.
        ids: name to session id; none: nobody writes.
        **options: more of the memory.
    """
    who = writers(facade, ids) if ids else ()
    return Plan(facade, durability, url, durability, who, options)
