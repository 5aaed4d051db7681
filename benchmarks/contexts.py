"""What a context costs: in a long session beside a short one, and beside the window it holds."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

from benchmarks.contenders import ANSWER, QUESTION
from redialog import ChatMemory, Message, Session

BUDGET = 4_000
SHORT, MIDDLE, LONG = 100, 10_000, 100_000
ROUND_S = 0.05


def contexts(url: str, rounds: int) -> dict[str, dict[str, float]]:
    """Contexts of a token budget, as ratios."""
    with ChatMemory.from_url(url, namespace="contexts") as memory:
        chats = {length: _filled(memory.session(f"bench-{length}"), length) for length in LENGTHS}
        held = len(chats[MIDDLE].context(max_tokens=BUDGET).messages)

        def budget(length: int) -> Callable[[], object]:
            return lambda: chats[length].context(max_tokens=BUDGET)

        def window() -> object:
            return chats[MIDDLE].window(messages=held)

        return {
            f"context of {BUDGET:,} tokens at {LONG:,} beside one at {SHORT}": _ratio(
                budget(SHORT), budget(LONG), rounds
            ),
            f"context of {BUDGET:,} tokens at {MIDDLE:,} beside its window of {held}": _ratio(
                window, budget(MIDDLE), rounds
            ),
            f"context of 10 turns at {LONG:,} beside one at {SHORT}": _ratio(
                lambda: chats[SHORT].context(window_turns=10),
                lambda: chats[LONG].context(window_turns=10),
                rounds,
            ),
        }


LENGTHS = (SHORT, MIDDLE, LONG)


def _filled(chat: Session, length: int) -> Session:
    for start in range(0, length, 1_000):
        size = min(1_000, length - start) // 2
        chat.append(*[Message.user(QUESTION), Message.assistant(ANSWER)] * size)
    return chat


def _ratio(
    base: Callable[[], object], other: Callable[[], object], rounds: int
) -> dict[str, float]:
    """The median of the ratios of both, round by round, and of the microseconds of one call."""
    pairs = [(_microseconds(base), _microseconds(other)) for _ in range(rounds + 1)][1:]
    return {
        "wall": statistics.median(ours / theirs for theirs, ours in pairs),
        "base_us": statistics.median(theirs for theirs, _ in pairs),
        "ours_us": statistics.median(ours for _, ours in pairs),
    }


def _microseconds(work: Callable[[], object]) -> float:
    calls, started = 0, time.perf_counter()
    while (spent := time.perf_counter() - started) < ROUND_S:
        work()
        calls += 1
    return spent / calls * 1e6
