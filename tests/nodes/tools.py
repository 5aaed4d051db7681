"""How the tests speak with a node."""

from __future__ import annotations

import asyncio
from typing import Any

from redialog.nodes import Node


class Ways:
    """The methods of a node, or their awaited twins.

    Args:
        runner: where the twins are awaited; None for the blocking methods.
    """

    def __init__(self, runner: asyncio.Runner | None) -> None:
        self.runner = runner

    def get(self, node: Node, *args: Any, **named: Any) -> Any:
        """Calls `get_chat_messages`."""
        if self.runner is None:
            return node.get_chat_messages(*args, **named)
        return self.runner.run(node.aget_chat_messages(*args, **named))

    def add(self, node: Node, *args: Any, **named: Any) -> None:
        """Calls `add_chat_messages`."""
        if self.runner is None:
            node.add_chat_messages(*args, **named)
        else:
            self.runner.run(node.aadd_chat_messages(*args, **named))

    def clear(self, node: Node, *args: Any, **named: Any) -> None:
        """Calls `clear_chat_messages`."""
        if self.runner is None:
            node.clear_chat_messages(*args, **named)
        else:
            self.runner.run(node.aclear_chat_messages(*args, **named))

    def close(self, node: Node) -> None:
        """Calls `close`."""
        if self.runner is None:
            node.close()
        else:
            self.runner.run(node.aclose())

    def talk(self, node: Node, exchanges: int, *, words: int = 1) -> None:
        """Adds exchanges of so many words each, numbered from 0."""
        for number in range(exchanges):
            self.add(node, exchange(number, words))


def exchange(number: int, words: int = 1) -> list[dict[str, str]]:
    """What a builder adds after a turn."""
    return [user(" ".join([f"q{number}"] * words)), api(" ".join([f"a{number}"] * words))]


def user(text: str) -> dict[str, str]:
    """What the user said, as a builder adds it."""
    return {"text": text, "type": "userMessage"}


def api(text: str) -> dict[str, str]:
    """What the model said, as a builder adds it."""
    return {"text": text, "type": "apiMessage"}


def texts(messages: list[dict[str, Any]]) -> list[Any]:
    """The messages without their types."""
    return [message["message"] for message in messages]
