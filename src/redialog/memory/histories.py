"""A chat history of LangChain's shape, for blocking and for awaited use."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from inspect import getattr_static
from typing import Any, Protocol

from redialog import asking
from redialog.asking import Ask
from redialog.errors import ConfigurationError
from redialog.memory import foreign


class History(Protocol):
    """What each of LangChain's chat histories has, and what one needs at least.

    It also has ``add_messages``, ``add_message``, or ``add_user_message`` and ``add_ai_message``.
    """

    @property
    def messages(self) -> Sequence[Any]:
        """All messages, oldest first."""

    def clear(self) -> Any:
        """Takes all messages out."""


_ADDING = ("add_messages", "add_message", "add_user_message")


def is_history(value: object) -> bool:
    """Whether an object can be used as a chat history; asks for no messages, which may be I/O."""
    shows = getattr_static(value, "messages", None) is not None or hasattr(value, "__getattr__")
    adds = any(callable(getattr(value, name, None)) for name in _ADDING)
    return shows and adds and callable(getattr(value, "clear", None))


class Blocking:
    """A chat history, called."""

    def __init__(self, history: Any) -> None:
        self._history = history

    def messages(self) -> Sequence[Any]:
        """All messages, oldest first."""
        found: Sequence[Any] = self._history.messages
        return found

    def add(self, messages: Sequence[object]) -> None:
        """Adds messages, in one call where the history has one."""
        history = self._history
        if hasattr(history, "add_user_message") and not foreign.speaks_langchain():
            # Nobody has loaded the messages that the others would take.
            return self._add_texts(messages)
        made = foreign.made(messages)
        if hasattr(history, "add_messages"):
            history.add_messages(made)
        elif hasattr(history, "add_message"):
            for message in made:
                history.add_message(message)
        else:
            self._add_texts(messages)
        return None

    def _add_texts(self, messages: Sequence[object]) -> None:
        said = [foreign.whole(message) for message in messages]
        for message in said:
            if message.role not in ("user", "assistant") or message.tool_calls:
                raise ConfigurationError(
                    "this chat history takes texts of the user and of the assistant alone, "
                    f"no {message.role} message or tool call: use session="
                )
        for message in said:
            if message.role == "user":
                self._history.add_user_message(message.text)
            else:
                self._history.add_ai_message(message.text)

    def clear(self) -> None:
        """Takes all messages out."""
        self._history.clear()

    def answer(self, ask: Ask) -> str:
        """What a summariser says."""
        return asking.answer(ask)


class Awaited:
    """A chat history, awaited; what it has no awaited method for runs in a thread."""

    def __init__(self, history: Any) -> None:
        self._history = history
        self._blocking = Blocking(history)

    async def messages(self) -> Sequence[Any]:
        """All messages, oldest first."""
        if not hasattr(self._history, "aget_messages"):
            return await asyncio.to_thread(self._blocking.messages)
        found: Sequence[Any] = await self._history.aget_messages()
        return found

    async def add(self, messages: Sequence[object]) -> None:
        """Adds messages, in one call where the history has one."""
        if hasattr(self._history, "aadd_messages") and foreign.speaks_langchain():
            await self._history.aadd_messages(foreign.made(messages))
        else:
            await asyncio.to_thread(self._blocking.add, messages)

    async def clear(self) -> None:
        """Takes all messages out."""
        if hasattr(self._history, "aclear"):
            await self._history.aclear()
        else:
            await asyncio.to_thread(self._history.clear)

    async def answer(self, ask: Ask) -> str:
        """What a summariser says."""
        return await asking.aanswer(ask)
