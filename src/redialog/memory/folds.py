"""The rolling summary of a chat history that has no place for one."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from time import monotonic
from typing import Any

from redialog import folding
from redialog.asking import Ask
from redialog.context import View
from redialog.errors import SummaryError
from redialog.memory.selecting import Wanted, leading
from redialog.memory.steps import Steps
from redialog.messages import Message
from redialog.summary import RollingSummary, Summary
from redialog.tokens import Costs

PAUSE_S = 30.0
"""After a failure the summariser is left alone for that long."""


class Folds:
    """A summary, what it was made of, and when to try again. Thread-safe."""

    def __init__(self) -> None:
        # With a digest of what it covers; replaced as one, for readers in other threads.
        self._kept: tuple[Summary, bytes] | None = None
        self._retry_at = 0.0
        self._one_at_a_time = threading.Lock()

    def view(self, messages: Sequence[Message]) -> View:
        """The history with the summary, where that speaks for these messages."""
        summary, digest = self._kept or (None, b"")
        if summary is not None and _digest(messages[: summary.covers]) != digest:
            # They were cleared, or changed.
            summary = None
        return View(len(messages), leading(messages), messages, summary)

    def forget(self) -> None:
        """Drops the summary."""
        self._kept = None
        self._retry_at = 0.0

    def folded(self, source: Any, messages: Sequence[Message], wanted: Wanted) -> Steps[View]:
        """The view, after the oldest messages were folded where they should be.

        Args:
            source: what answers an `Ask`.
            messages: all, oldest first.
            wanted: with the policy.

        A failing summariser changes nothing.
        """
        policy, costs = wanted.policy, Costs(wanted.counter)
        if policy is None or monotonic() < self._retry_at:
            return self.view(messages)
        if not self._one_at_a_time.acquire(blocking=False):
            # Somebody else is at it.
            return self.view(messages)
        try:
            view = self.view(messages)
            until = folding.due(view, policy, costs, policy.trigger_tokens)
            if until is not None and until >= folding.start(view):
                yield from self._fold(source, view, until, policy, costs)
        except SummaryError:
            self._retry_at = monotonic() + PAUSE_S
        finally:
            self._one_at_a_time.release()
        return self.view(messages)

    def _fold(
        self, source: Any, view: View, until: int, policy: RollingSummary, costs: Costs
    ) -> Steps[None]:
        first = folding.start(view)
        raw = view.newest[first - 1 :]
        part = raw[: folding.part(raw, until - first + 1, policy, costs)]
        previous = None if view.summary is None else view.summary.text
        given = sum(folding.cost(message, costs) for message in part)
        given += 0 if previous is None else costs.text(previous)
        seen = [message for message in part if message.role not in folding.UNSEEN]
        text = yield source.answer(Ask(policy.summarizer, previous, seen, policy.timeout))
        tokens = folding.accepted(text, given, policy, costs)
        covers = first - 1 + len(part)
        self._retry_at = 0.0
        summary = Summary(
            text=text,
            covers=covers,
            last_id=part[-1].id,
            created_at=datetime.now(UTC),
            by=policy.name,
            tokens=tokens,
            id="",
        )
        self._kept = summary, _digest(view.newest[:covers])


def _digest(messages: Sequence[Message]) -> bytes:
    found = hashlib.sha1(usedforsecurity=False)
    for message in messages:
        calls = [(call.id, call.name, call.args) for call in message.tool_calls]
        told = repr((message.role, message.content, message.tool_call_id, calls))
        found.update(f"{len(told)}:{told}".encode("utf-8", "replace"))
    return found.digest() + len(messages).to_bytes(8, "big")
