"""LlamaIndex's chat store: a message at a time, and no window, so all is read for one."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

from benchmarks.contenders.base import ANSWER, QUESTION, TTL_S, WINDOW, Blocking, Missing, Place

try:
    # By name: the group `bench` has it, and the environment of the type checker need not.
    Store = import_module("llama_index.storage.chat_store.redis").RedisChatStore
    ChatMessage = import_module("llama_index.core.llms").ChatMessage
except ImportError as error:
    raise Missing("llama-index-storage-chat-store-redis is not installed") from error


class LlamaIndex(Blocking):
    """LlamaIndex's `RedisChatStore`."""

    name = "llama-index"

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self._store: Any = Store(redis_url=place.url, ttl=TTL_S)

    def key(self, session: str) -> str:
        return f"llama:{session}"

    def append(self, session: str) -> object:
        self._store.add_message(self.key(session), ChatMessage(role="user", content=QUESTION))
        self._store.add_message(self.key(session), ChatMessage(role="assistant", content=ANSWER))
        return None

    def window(self, session: str) -> Sequence[object]:
        found: list[object] = self._store.get_messages(self.key(session))
        return found[-WINDOW:]

    def everything(self, session: str) -> Sequence[object]:
        found: list[object] = self._store.get_messages(self.key(session))
        return found
