"""This library's LangChain adapter; one history for each session, with and without a window."""

from __future__ import annotations

from collections.abc import Sequence

from langchain_core.messages import AIMessage, HumanMessage

from benchmarks.contenders.base import ANSWER, QUESTION, TTL_S, WINDOW, Blocking, Place
from redialog.integrations.langchain import RedisChatMessageHistory

PREFIX = "adapter:"


class RedialogLangChain(Blocking):
    """This library's LangChain adapter."""

    name = "redialog, LangChain"

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self._histories: dict[tuple[str, int | None], RedisChatMessageHistory] = {}

    def key(self, session: str) -> str:
        return PREFIX + session

    def append(self, session: str) -> object:
        self._history(session).add_messages([HumanMessage(QUESTION), AIMessage(ANSWER)])
        return None

    def window(self, session: str) -> Sequence[object]:
        # Its window counts turns; these have two messages each.
        return self._history(session, WINDOW // 2).messages

    def everything(self, session: str) -> Sequence[object]:
        return self._history(session).messages

    def _history(self, session: str, window: int | None = None) -> RedisChatMessageHistory:
        found = self._histories.get((session, window))
        if found is None:
            found = RedisChatMessageHistory(
                session, url=self.place.url, key_prefix=PREFIX, ttl=TTL_S, window=window
            )
            self._histories[session, window] = found
        return found

    def close(self) -> None:
        for history in self._histories.values():
            history.close()
        super().close()
