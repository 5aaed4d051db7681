"""What a context costs: in a long session beside a short one, and beside the window it holds."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeAlias

from benchmarks.bench import Bench
from benchmarks.contenders.base import ANSWER, QUESTION
from benchmarks.report import Section, Table, number
from benchmarks.timing import interleaved, timed
from redialog import ChatMemory, Message, Session

BUDGET = 4_000
TURNS = 10
SHORT, MIDDLE = 100, 10_000

Pair: TypeAlias = tuple[str, str, Callable[[], object], Callable[[], object]]
"""The name of a figure, what it is, and the two whose ratio it is."""


def contexts(bench: Bench) -> Section:
    """Contexts of a token budget and of turns, as ratios."""
    section = Section()
    rows = []
    with ChatMemory.from_url(bench.url, namespace="contexts") as memory:
        pairs = _pairs(memory, bench.scale.lengths[-1])
        bench.progress.begin("contexts", len(pairs))
        for figure, what, base, other in pairs:
            bench.progress.step(what)
            works = {"base": timed(base), "context": timed(other)}
            theirs, ours = interleaved(works, bench.scale.pace).values()
            section.figures[figure] = ours.ratio(theirs)
            ratios = (ours.ratio(theirs), ours.cpu_ratio(theirs), theirs.wall_us, ours.wall_us)
            rows.append([what, *map(number, ratios)])
    head = ["context", "ratio", "CPU ratio", "beside, µs", "context, µs"]
    section.tables.append(Table("Contexts", head, rows))
    return section


def _pairs(memory: ChatMemory, long: int) -> list[Pair]:
    chats = {length: filled(memory, length) for length in {SHORT, MIDDLE, long}}
    held = len(chats[MIDDLE].context(max_tokens=BUDGET).messages)
    budget = {length: partial(chat.context, max_tokens=BUDGET) for length, chat in chats.items()}
    turns = {length: partial(chat.context, window_turns=TURNS) for length, chat in chats.items()}
    return [
        (
            "context: beside its window",
            f"{BUDGET:,} tokens at {MIDDLE:,} beside its window of {held}",
            partial(chats[MIDDLE].window, messages=held),
            budget[MIDDLE],
        ),
        (
            "context: growth, tokens",
            f"{BUDGET:,} tokens at {long:,} beside {SHORT}",
            budget[SHORT],
            budget[long],
        ),
        (
            "context: growth, turns",
            f"{TURNS} turns at {long:,} beside {SHORT}",
            turns[SHORT],
            turns[long],
        ),
    ]


def filled(memory: ChatMemory, length: int) -> Session:
    """A session of so many messages."""
    chat = memory.session(f"bench-{length}")
    for start in range(0, length, 1_000):
        size = min(1_000, length - start) // 2
        chat.append(*[Message.user(QUESTION), Message.assistant(ANSWER)] * size)
    return chat
