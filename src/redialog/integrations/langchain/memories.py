"""The memory objects of `redialog.memory`, handing over LangChain's messages."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from redialog import memory
from redialog.integrations.langchain.messages import presented
from redialog.messages import Message

_CHAINS_ASK_FOR = "langchain_classic.base_memory"


class _ForLangChain(memory.ConversationMemory):
    """What they have in common: the history is of LangChain's messages, whatever it lies in."""

    @staticmethod
    def _present(messages: Sequence[Message]) -> Sequence[Any]:
        return presented(messages)

    if not TYPE_CHECKING:

        @property
        def __class__(self):
            # LangChain's chains ask whether a memory is a BaseMemory, and then only for its
            # methods. That class is deprecated and slow to import: it is named where it is loaded.
            module = sys.modules.get(_CHAINS_ASK_FOR)
            return type(self) if module is None else module.BaseMemory


class ConversationBufferMemory(_ForLangChain, memory.ConversationBufferMemory):
    """`redialog.memory.ConversationBufferMemory` for LangChain's chains and prompts."""


class ConversationBufferWindowMemory(_ForLangChain, memory.ConversationBufferWindowMemory):
    """`redialog.memory.ConversationBufferWindowMemory` for LangChain's chains and prompts."""


class ConversationTokenBufferMemory(_ForLangChain, memory.ConversationTokenBufferMemory):
    """`redialog.memory.ConversationTokenBufferMemory` for LangChain's chains and prompts."""


class ConversationSummaryMemory(_ForLangChain, memory.ConversationSummaryMemory):
    """`redialog.memory.ConversationSummaryMemory` for LangChain's chains and prompts."""


class ConversationSummaryBufferMemory(_ForLangChain, memory.ConversationSummaryBufferMemory):
    """`redialog.memory.ConversationSummaryBufferMemory` for LangChain's chains and prompts."""
