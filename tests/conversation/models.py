"""Models of each shape that there is, and what they were asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Generator, Sequence
from typing import Any

from redialog import ChatMemory, Message

PIECES = ["It is ", "4417", "."]
ANSWER = "".join(PIECES)


class Asked:
    """A function that answers with the same text, and remembers what it was given."""

    def __init__(self, answer: Any = ANSWER) -> None:
        self.answer = answer
        self.seen: list[list[dict[str, Any]]] = []

    def __call__(self, messages: list[dict[str, Any]]) -> Any:
        self.seen.append(messages)
        return self.answer

    @property
    def texts(self) -> list[Any]:
        """The contents of what it was given last."""
        return [message["content"] for message in self.seen[-1]]


class Speaker:
    """A `redialog.models.Model`."""

    def __init__(self) -> None:
        self.seen: list[Sequence[Message]] = []

    def reply(self, messages: Sequence[Message]) -> Generator[str, None, None]:
        """Answers in pieces."""
        self.seen.append(messages)
        yield from PIECES


class AsyncSpeaker:
    """The same, to be iterated asynchronously."""

    async def reply(self, messages: Sequence[Message]) -> AsyncGenerator[str, None]:
        """Answers in pieces."""
        assert messages
        for piece in PIECES:
            yield piece


def yielding(_messages: Any) -> Generator[str, None, None]:
    """A generator function."""
    yield from PIECES


async def awaited(_messages: Any) -> str:
    """A coroutine function."""
    await asyncio.sleep(0)
    return ANSWER


async def ayielding(_messages: Any) -> AsyncGenerator[str, None]:
    """An asynchronous generator function."""
    for piece in PIECES:
        await asyncio.sleep(0)
        yield piece


async def awaited_pieces(messages: Any) -> AsyncGenerator[str, None]:
    """A coroutine function that returns an asynchronous iterator, as clients' ``create`` does."""
    await asyncio.sleep(0)
    return ayielding(messages)


def hidden_awaited(messages: Any) -> Any:
    """A function whose answer must be awaited, which nobody can know before."""
    return awaited(messages)


def hidden_ayielding(messages: Any) -> Any:
    """The same with an asynchronous generator."""
    return ayielding(messages)


class AsyncCallable:
    """An object whose call is a coroutine function."""

    async def __call__(self, messages: Any) -> str:
        return await awaited(messages)


BLOCKING = [
    Asked(),
    Asked(PIECES),
    Asked(("", *PIECES, "")),
    Speaker(),
    yielding,
]
AWAITED = [
    awaited,
    ayielding,
    awaited_pieces,
    AsyncSpeaker(),
    AsyncCallable(),
    hidden_awaited,
    hidden_ayielding,
]


def said(memory: ChatMemory) -> list[tuple[str, str]]:
    """What the session ``s`` holds."""
    return [(message.role, message.text) for message in memory.session("s").messages()]


def metadata(memory: ChatMemory) -> list[Any]:
    """Of each message of the session ``s``."""
    return [dict(message.metadata) for message in memory.session("s").messages()]
