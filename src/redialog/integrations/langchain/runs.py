"""What a run of LangChain's ``RunnableWithMessageHistory`` was given of a history.

Without keys for input and history, that class stores at the end of a run what the run's messages
have beyond as many as the history holds *by then*: where another run has stored its own meanwhile,
this run's question is cut off and lost (30 of 30 pairs of overlapping runs). It asks the history
for its messages to count them, and for nothing else. So a history that is asked from there answers
with what the run began with.
"""

from __future__ import annotations

import sys
from collections import OrderedDict
from collections.abc import Hashable, Sequence
from typing import Any

_MODULE = "langchain_core.runnables.history"
_EXITS = ("_exit_history", "_aexit_history")
_KEPT = 4096
"""So many lists that were handed out are told apart: those of the runs that are under way, where
one history object serves them all. Each takes some 200 bytes."""


class Handed:
    """The lists of messages that a history has handed out: how long, and how each ended."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[int, Hashable], None] = OrderedDict()

    def note(self, messages: Sequence[Any]) -> None:
        """Takes note of a list that is handed out."""
        one = (len(messages), _mark(messages))
        self._known.pop(one, None)
        self._known[one] = None
        while len(self._known) > _KEPT:
            self._known.popitem(last=False)

    def begun_with(self, messages: Sequence[Any]) -> list[Any]:
        """Of a run's messages, those that it had from here."""
        lengths = [
            length
            for length, mark in list(self._known)
            if length <= len(messages) and mark == _mark(messages[:length])
        ]
        # A run has something of its own: where others have said the same meanwhile, it is not that.
        shorter = [length for length in lengths if length < len(messages)]
        return list(messages[: max(shorter or lengths, default=0)])


def ending() -> list[Any] | None:
    """The messages of the run at whose end the caller's caller is asked; None at any other time."""
    frame = sys._getframe(2)
    if frame.f_code.co_name not in _EXITS or frame.f_globals.get("__name__") != _MODULE:
        return None
    messages = frame.f_locals.get("input_messages")
    return messages if isinstance(messages, list) else None


def _mark(messages: Sequence[Any]) -> Hashable:
    if not messages:
        return None
    return hash((type(messages[-1]).__name__, repr(messages[-1].content)))
