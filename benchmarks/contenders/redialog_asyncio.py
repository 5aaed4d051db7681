"""This library for asyncio."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.contenders.base import ANSWER, QUESTION, TTL_S, WINDOW, Awaited, Place
from redialog import AsyncChatMemory, Message
from redialog.keys import OwnLayout

NAMESPACE = "bench-asyncio"


class RedialogAsyncio(Awaited):
    """This library, asyncio."""

    name = "redialog asyncio"

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self._memory = AsyncChatMemory.from_url(place.url, namespace=NAMESPACE, ttl=TTL_S)

    def key(self, session: str) -> str:
        return OwnLayout(NAMESPACE).session(session).log.decode()

    async def append(self, session: str) -> object:
        return await self._memory.session(session).append(
            Message.user(QUESTION), Message.assistant(ANSWER)
        )

    async def window(self, session: str) -> Sequence[object]:
        return await self._memory.session(session).window(messages=WINDOW)

    async def everything(self, session: str) -> Sequence[object]:
        return await self._memory.session(session).messages()

    def close(self) -> None:
        self.place.runner.run(self._memory.close())
        super().close()
