"""A process that talks in a session and folds it: ``python -m tests.races.folding``.

Its summariser writes nothing but the labels of what it is given after those of the summary before,
so that a summary tells which messages went into it, how often and in which order.
"""

from __future__ import annotations

import asyncio
import random
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from redialog import AsyncChatMemory, ChatMemory, Message, RollingSummary, Session
from redialog.tokens import TokenCounter

PADDING = " and so on" * 20
"""A summary of labels is shorter than what it stands for."""


class Talk(msgspec.Struct, frozen=True):
    """What a process does.

    Attributes:
        url: of the server.
        session_id: the session that all share.
        name: of the process; its messages are labelled ``name.number``.
        turns: how many it appends.
        seed: of its choices.
        calls: a file that gets a line for each call of the summariser: its labels.
        facade: ``sync`` or ``async``.
        hangs: whether its first summary never comes: it is there to be killed.
        edits: whether it also changes messages.
    """

    url: str
    session_id: str
    name: str
    turns: int
    seed: int
    calls: str
    facade: str = "sync"
    hangs: bool = False
    edits: bool = False


def labels(text: str) -> list[str]:
    """The labels in a summary."""
    return text.split()


def label(message: Message) -> str:
    """The label of a message."""
    return message.text.split()[0]


def words(text: str) -> int:
    """Tokens, counted as words: the same in every process and easily foretold."""
    return len(text.split())


def policy(talk: Talk) -> RollingSummary:
    """Folds often, and takes its time now and then, so that the folds of two processes overlap."""
    dice = random.Random(f"{talk.seed} summary")

    def summarize(previous: str | None, messages: Sequence[Message]) -> str:
        given = [label(message) for message in messages]
        with Path(talk.calls).open("a") as calls:
            calls.write(" ".join(given) + "\n")
        if talk.hangs:
            threading.Event().wait()
        threading.Event().wait(dice.choice((0, 0, 0.002, 0.01)))
        return " ".join([*labels(previous or ""), *given])

    return RollingSummary(
        summarize, trigger_tokens=1000, summary_max_tokens=1_000_000, keep_turns=1, timeout=60
    )


def turn(talk: Talk, number: int) -> tuple[Message, Message]:
    """A question and an answer with their labels."""
    first, second = f"{talk.name}.{2 * number}", f"{talk.name}.{2 * number + 1}"
    return Message.user(first + PADDING), Message.assistant(second + PADDING)


def gapless(found: Sequence[str]) -> None:
    """Of each process the labels are there once each, in order, without a gap."""
    of: dict[str, list[int]] = {}
    for one in found:
        name, _, number = one.partition(".")
        of.setdefault(name, []).append(int(number))
    for name, numbers in of.items():
        assert numbers == list(range(len(numbers))), (name, numbers)


def seen(messages: Sequence[Message]) -> list[str]:
    """The labels in a context, those of the summary first."""
    found: list[str] = []
    for message in messages:
        if message.role == "system":
            found += labels(message.text.partition("\n")[2])
        else:
            found.append(label(message))
    return found


def talk_on(talk: Talk) -> None:
    """Appends, folds and looks."""
    dice = random.Random(talk.seed)
    counter, rolling = TokenCounter(words), policy(talk)
    with ChatMemory.from_url(talk.url) as memory:
        chat = memory.session(talk.session_id, ttl=600)
        for number in range(talk.turns):
            chat.append(*turn(talk, number))
            made = chat.context(summarizer=rolling, counter=counter)
            if not talk.edits:
                gapless(seen(made.messages))
            elif dice.random() < 0.5:
                edit(chat, dice)


def edit(chat: Session, dice: random.Random) -> None:
    """Writes a message anew: one that was folded, that is being folded, or neither."""
    messages = chat.messages()
    one = dice.choice(messages)
    assert one.id is not None
    mark = f"{label(one)}'"
    chat.replace(one.id, Message(one.role, mark + PADDING))  # type: ignore[arg-type]


async def atalk_on(talk: Talk) -> None:
    """The same with asyncio."""
    counter, rolling = TokenCounter(words), policy(talk)
    async with AsyncChatMemory.from_url(talk.url) as memory:
        chat = memory.session(talk.session_id, ttl=600)
        for number in range(talk.turns):
            await chat.append(*turn(talk, number))
            gapless(seen((await chat.context(summarizer=rolling, counter=counter)).messages))


def main(line: str) -> None:
    """Does what it is told."""
    talk = msgspec.json.decode(line, type=Talk)
    work: dict[str, Callable[[], None]] = {
        "sync": lambda: talk_on(talk),
        "async": lambda: asyncio.run(atalk_on(talk)),
    }
    work[talk.facade]()


if __name__ == "__main__":
    main(sys.stdin.readline())
