"""Routes on nodes that follow a script: which are asked what, and in which steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from redialog import ConnectError, ReplyTimeout
from redialog.effect import Batch, CommandError
from redialog.transports.routing.routes import Hop, Outcome, Route, Step, T
from redialog.transports.urls import Address

Answer: TypeAlias = Callable[[Hop], Outcome]
"""What becomes of a hop."""

DEAD = ConnectError("nobody is there")
SILENT = ReplyTimeout("no answer")

READ = Batch(((b"GET", b"k"),))
WRITE = Batch(((b"SET", b"k", b"v"),), writes=True)


class Clock:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Asked:
    """Answers the hops of routes as a script says, and notes their steps.

    Args:
        answer: the script.
    """

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.steps: list[Step] = []

    def play(self, route: Route[T]) -> T:
        """Runs a route to its end."""
        try:
            step = next(route)
            while True:
                self.steps.append(step)
                step = route.send([self.answer(hop) for hop in step.hops])
        except StopIteration as stop:
            found: T = stop.value
            return found

    def clear(self) -> None:
        """Forgets the steps."""
        self.steps.clear()

    def nodes(self, role: str = "data") -> list[Address]:
        """Who was asked in that role."""
        return [hop.node for step in self.steps for hop in step.hops if hop.role == role]

    def commands(self, role: str = "data") -> list[tuple[Any, ...]]:
        """What was asked in that role."""
        hops = [hop for step in self.steps for hop in step.hops if hop.role == role]
        return [one for hop in hops for one in hop.batch.commands]

    def dropped(self) -> list[Address]:
        """The nodes whose connections were closed."""
        return [node for step in self.steps for node in step.drop]


def error(code: str, text: str = "") -> CommandError:
    """An error reply."""
    return CommandError(code, text)
