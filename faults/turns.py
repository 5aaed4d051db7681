"""What a writer says, and what became of it."""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias

import msgspec

from redialog import Message, ToolCall

PADDING = " and so on" * 15

Fate: TypeAlias = Literal["stored", "refused", "doubtful"]
"""Acknowledged; or the last error said that it was not applied; or that it may have been."""


class Turn(NamedTuple):
    """Messages of one append: who said them, his how-manieth append it was, how many they are."""

    writer: str
    number: int
    size: int

    def __str__(self) -> str:
        return f"turn {self.number} of {self.writer}"


class Place(NamedTuple):
    """One message of a turn."""

    turn: Turn
    part: int


class Said(msgspec.Struct, frozen=True, array_like=True):
    """What a writer knows of one of its turns.

    Attributes:
        writer: its name.
        number: of the turn, from 1 on.
        size: how many messages.
        fate: what the library said.
        begin: when it was first called, in seconds of the system's monotonic clock.
        end: when it was known what became of it.
    """

    writer: str
    number: int
    size: int
    fate: Fate
    begin: float
    end: float

    @property
    def turn(self) -> Turn:
        """The turn."""
        return Turn(self.writer, self.number, self.size)


def turn(writer: str, number: int) -> Turn:
    """A writer's turn: every third one is a group with a tool call."""
    return Turn(writer, number, 2 if number % 3 else 3)


def call_id(turn: Turn) -> str:
    """What ties the call of a tool to its result."""
    return f"call-{turn.writer}-{turn.number}"


def messages(turn: Turn) -> list[Message]:
    """The messages of a turn; each tells where it belongs."""
    texts = [
        f"{turn.writer}:{turn.number}:{turn.size}:{part}{PADDING}" for part in range(turn.size)
    ]
    question = Message.user(texts[0])
    if turn.size == 2:
        return [question, Message.assistant(texts[1])]
    call = ToolCall(name="search", args={"query": "lockers"}, id=call_id(turn))
    return [
        question,
        Message.assistant(texts[1], tool_calls=[call]),
        Message.tool(texts[2], tool_call_id=call_id(turn)),
    ]


def place(text: str) -> Place | None:
    """Where a message belongs; None: no writer said it."""
    words = text.removesuffix(PADDING).split(":")
    if len(words) != 4 or not all(word.isdecimal() for word in words[1:]):
        return None
    writer, number, size, part = words
    return Place(Turn(writer, int(number), int(size)), int(part))
