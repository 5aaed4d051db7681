"""This library, blocking: a handle for each call, as an application makes one for each request."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.contenders.base import ANSWER, QUESTION, TTL_S, WINDOW, Blocking, Place
from redialog import ChatMemory, Message
from redialog.keys import OwnLayout

NAMESPACE = "bench"


class Redialog(Blocking):
    """This library."""

    name = "redialog"

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self._memory = ChatMemory.from_url(place.url, namespace=NAMESPACE, ttl=TTL_S)

    def key(self, session: str) -> str:
        return OwnLayout(NAMESPACE).session(session).log.decode()

    def append(self, session: str) -> object:
        return self._memory.session(session).append(
            Message.user(QUESTION), Message.assistant(ANSWER)
        )

    def window(self, session: str) -> Sequence[object]:
        return self._memory.session(session).window(messages=WINDOW)

    def everything(self, session: str) -> Sequence[object]:
        return self._memory.session(session).messages()

    def close(self) -> None:
        self._memory.close()
        super().close()
