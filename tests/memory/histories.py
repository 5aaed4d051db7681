"""Chat histories: LangChain's own, and objects of its shape."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Sequence
from typing import Any

from langchain_core.chat_history import InMemoryChatMessageHistory

from redialog.memory import ConversationMemory


def langchain_history() -> InMemoryChatMessageHistory:
    """LangChain's history in memory, which newer versions of it call deprecated."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return InMemoryChatMessageHistory()


class Listed:
    """A history that takes messages one by one and has no awaited methods."""

    def __init__(self) -> None:
        self.kept: list[Any] = []

    @property
    def messages(self) -> Sequence[Any]:
        """All of them."""
        return self.kept

    def add_message(self, message: Any) -> None:
        """Adds one."""
        self.kept.append(message)

    def clear(self) -> None:
        """Drops all."""
        self.kept = []


class Texts:
    """A history that takes texts alone."""

    def __init__(self) -> None:
        self.messages: list[Any] = []

    def add_user_message(self, text: str) -> None:
        """Adds what the user said."""
        self.messages.append({"role": "user", "content": text})

    def add_ai_message(self, text: str) -> None:
        """Adds what the model said."""
        self.messages.append({"role": "assistant", "content": text})

    def clear(self) -> None:
        """Drops all."""
        self.messages.clear()


class Ways:
    """The methods of a memory object, or their awaited twins."""

    def __init__(self, runner: asyncio.Runner | None) -> None:
        self.runner = runner

    def load(self, memory: ConversationMemory) -> Any:
        """The history."""
        if self.runner is None:
            return memory.load_memory_variables({})["history"]
        return self.runner.run(memory.aload_memory_variables({}))["history"]

    def save(self, memory: ConversationMemory, question: Any, answer: Any) -> None:
        """Saves an exchange."""
        if self.runner is None:
            memory.save_context({"input": question}, {"output": answer})
        else:
            self.runner.run(memory.asave_context({"input": question}, {"output": answer}))

    def clear(self, memory: ConversationMemory) -> None:
        """Clears."""
        if self.runner is None:
            memory.clear()
        else:
            self.runner.run(memory.aclear())
