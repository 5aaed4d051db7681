"""Plain redis-py for asyncio, with its pool; see `benchmarks.contenders.plain`."""

from __future__ import annotations

from collections.abc import Sequence

import orjson
import redis.asyncio

from benchmarks.contenders.base import ANSWER, QUESTION, TTL_S, WINDOW, Awaited, Place
from benchmarks.contenders.plain import element


class PlainRedisAsyncio(Awaited):
    """Plain redis-py, asyncio."""

    name = "redis-py asyncio"

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self._client = redis.asyncio.Redis.from_url(place.url)

    def key(self, session: str) -> str:
        return f"plain-asyncio:{session}"

    async def append(self, session: str) -> object:
        key = self.key(session)
        pipe = self._client.pipeline()
        pipe.lpush(key, element("human", QUESTION), element("ai", ANSWER))
        pipe.expire(key, TTL_S)
        return await pipe.execute()

    async def window(self, session: str) -> Sequence[object]:
        return await self._range(session, WINDOW - 1)

    async def everything(self, session: str) -> Sequence[object]:
        return await self._range(session, -1)

    async def _range(self, session: str, last: int) -> Sequence[object]:
        found = await self._client.lrange(self.key(session), 0, last)
        return [orjson.loads(one) for one in reversed(found)]

    def close(self) -> None:
        self.place.runner.run(self._client.aclose())
        super().close()
