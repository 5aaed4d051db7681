"""The OpenAI Agents SDK's session on Redis, one object for each; messages are dicts."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib import import_module
from typing import Any

import redis.asyncio

from benchmarks.contenders.base import ANSWER, QUESTION, TTL_S, WINDOW, Awaited, Missing, Place

try:
    # By name: the group `bench` has it, and the environment of the type checker need not.
    RedisSession = import_module("agents.extensions.memory.redis_session").RedisSession
except ImportError as error:
    raise Missing("openai-agents[redis] is not installed") from error

PREFIX = "agents"


class OpenAIAgents(Awaited):
    """openai-agents' `RedisSession`."""

    name = "openai-agents"

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self._client = redis.asyncio.Redis.from_url(place.url)

        def made(session: str) -> Any:
            return RedisSession(session, redis_client=self._client, key_prefix=PREFIX, ttl=TTL_S)

        self._session = cache(made)

    def key(self, session: str) -> str:
        return f"{PREFIX}:{session}:messages"

    async def append(self, session: str) -> object:
        turn = [{"role": "user", "content": QUESTION}, {"role": "assistant", "content": ANSWER}]
        await self._session(session).add_items(turn)
        return None

    async def window(self, session: str) -> Sequence[object]:
        found: list[object] = await self._session(session).get_items(limit=WINDOW)
        return found

    async def everything(self, session: str) -> Sequence[object]:
        found: list[object] = await self._session(session).get_items()
        return found

    def close(self) -> None:
        self.place.runner.run(self._client.aclose())
        super().close()
