"""langchain-community's history, one for each session; it has no window, so all is read for one."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

from benchmarks.contenders.base import ANSWER, QUESTION, TTL_S, WINDOW, Blocking, Missing, Place

try:
    from langchain_core.messages import AIMessage, HumanMessage

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "`langchain-community` is being", DeprecationWarning)
        from langchain_community.chat_message_histories import RedisChatMessageHistory
except ImportError as error:
    raise Missing("langchain-community is not installed") from error

PREFIX = "community:"


class LangChainCommunity(Blocking):
    """langchain-community's `RedisChatMessageHistory`."""

    name = "langchain-community"

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self._histories: dict[str, RedisChatMessageHistory] = {}

    def key(self, session: str) -> str:
        return PREFIX + session

    def append(self, session: str) -> object:
        self._history(session).add_messages([HumanMessage(QUESTION), AIMessage(ANSWER)])
        return None

    def window(self, session: str) -> Sequence[object]:
        return self._history(session).messages[-WINDOW:]

    def everything(self, session: str) -> Sequence[object]:
        return self._history(session).messages

    def _history(self, session: str) -> RedisChatMessageHistory:
        found = self._histories.get(session)
        if found is None:
            found = RedisChatMessageHistory(session, self.place.url, PREFIX, TTL_S)
            self._histories[session] = found
        return found

    def close(self) -> None:
        # Each has a client of its own, and no way to close it.
        for history in self._histories.values():
            history.redis_client.close()
        super().close()
