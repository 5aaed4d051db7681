"""What is measured side by side: plain redis-py, and this library over the same redis-py.

Each contender does the same work on the same server: append a turn of two messages of about 300
characters with a TTL, read the newest 20, read everything. Plain redis-py does the least that an
application would write by hand: LPUSH and EXPIRE in one pipeline of orjson's bytes, as redis-py
makes it (MULTI/EXEC, so that both happen or none), and LRANGE into dicts. It has no ids, no token
against doubled writes, no catalogue and no types. ``append_split`` is the same without MULTI: the
fastest that can be had, and not atomic.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

import orjson
import redis
import redis.asyncio

from redialog import AsyncChatMemory, ChatMemory, Message

TTL_S = 3600
QUESTION = "Could you tell me how the lockers on the second floor work? " * 5
ANSWER = "You find the code in the letter that you got on the first day. " * 5


class Contender(Protocol):
    """One way to keep a conversation."""

    name: str

    def fill(self, session: str, length: int) -> None:
        """Makes a session of ``length`` messages."""

    def append(self, session: str) -> object:
        """Appends a turn."""

    def append_split(self, session: str) -> object:
        """The same, where commands may be carried out one without the other."""

    def window(self, session: str) -> Sequence[object]:
        """The newest 20 messages."""

    def everything(self, session: str) -> Sequence[object]:
        """All messages."""


def _element(kind: str, text: str) -> bytes:
    data = {"content": text, "id": "0190163d-8694-739b-aea5-966c26f8ad90"}
    return orjson.dumps({"type": kind, "data": data})


class PlainRedis:
    """Plain redis-py, blocking."""

    name = "redis-py"

    def __init__(self, url: str) -> None:
        self._client = redis.Redis.from_url(url)

    def fill(self, session: str, length: int) -> None:
        self._client.delete(session)
        element = _element("human", QUESTION)
        for start in range(0, length, 1000):
            self._client.lpush(session, *[element] * min(1000, length - start))

    def append(self, session: str) -> object:
        return self._append(session, transaction=True)

    def append_split(self, session: str) -> object:
        return self._append(session, transaction=False)

    def _append(self, session: str, *, transaction: bool) -> object:
        pipe = self._client.pipeline(transaction=transaction)
        pipe.lpush(session, _element("human", QUESTION), _element("ai", ANSWER))
        pipe.expire(session, TTL_S)
        return pipe.execute()

    def window(self, session: str) -> Sequence[object]:
        found: list[bytes] = self._client.lrange(session, 0, 19)  # type: ignore[assignment]
        return [orjson.loads(element) for element in reversed(found)]

    def everything(self, session: str) -> Sequence[object]:
        found: list[bytes] = self._client.lrange(session, 0, -1)  # type: ignore[assignment]
        return [orjson.loads(element) for element in reversed(found)]


class Redialog:
    """This library, blocking."""

    name = "redialog"

    def __init__(self, url: str) -> None:
        self._memory = ChatMemory.from_url(url, ttl=TTL_S)

    def fill(self, session: str, length: int) -> None:
        chat = self._memory.session(session)
        chat.clear()
        for start in range(0, length, 1000):
            chat.append(*[Message.user(QUESTION)] * min(1000, length - start))

    def append(self, session: str) -> object:
        return self._memory.session(session).append(
            Message.user(QUESTION), Message.assistant(ANSWER)
        )

    append_split = append

    def window(self, session: str) -> Sequence[object]:
        return self._memory.session(session).window(messages=20)

    def everything(self, session: str) -> Sequence[object]:
        return self._memory.session(session).messages()


class PlainRedisAsyncio:
    """Plain redis-py, asyncio, one task."""

    name = "redis-py asyncio"

    def __init__(self, url: str, runner: asyncio.Runner) -> None:
        self._client = redis.asyncio.Redis.from_url(url)
        self._run = runner.run
        self._plain = PlainRedis(url)

    def fill(self, session: str, length: int) -> None:
        self._plain.fill(session, length)

    def append(self, session: str) -> object:
        return self._run(self._append(session, transaction=True))

    def append_split(self, session: str) -> object:
        return self._run(self._append(session, transaction=False))

    async def _append(self, session: str, *, transaction: bool) -> object:
        pipe = self._client.pipeline(transaction=transaction)
        pipe.lpush(session, _element("human", QUESTION), _element("ai", ANSWER))
        pipe.expire(session, TTL_S)
        return await pipe.execute()

    def window(self, session: str) -> Sequence[object]:
        return self._run(self._range(session, 19))

    def everything(self, session: str) -> Sequence[object]:
        return self._run(self._range(session, -1))

    async def _range(self, session: str, last: int) -> Sequence[object]:
        found = await self._client.lrange(session, 0, last)
        return [orjson.loads(element) for element in reversed(found)]


class RedialogAsyncio:
    """This library, asyncio, one task."""

    name = "redialog asyncio"

    def __init__(self, url: str, runner: asyncio.Runner) -> None:
        self._memory = AsyncChatMemory.from_url(url, ttl=TTL_S)
        self._run = runner.run
        self._blocking = Redialog(url)

    def fill(self, session: str, length: int) -> None:
        self._blocking.fill(session, length)

    def append(self, session: str) -> object:
        chat = self._memory.session(session)
        return self._run(chat.append(Message.user(QUESTION), Message.assistant(ANSWER)))

    append_split = append

    def window(self, session: str) -> Sequence[object]:
        return self._run(self._memory.session(session).window(messages=20))

    def everything(self, session: str) -> Sequence[object]:
        return self._run(self._memory.session(session).messages())
