"""Plain redis-py, blocking: the least that one would write by hand.

LPUSH and EXPIRE in one pipeline as redis-py makes it (MULTI and EXEC, so that both happen or none),
and LRANGE decoded by orjson into dicts. No ids, no token against doubled writes, no catalogue, no
types.
"""

from __future__ import annotations

from collections.abc import Sequence

import orjson
import redis

from benchmarks.contenders.base import ANSWER, QUESTION, TTL_S, WINDOW, Blocking, Place


def element(kind: str, text: str) -> bytes:
    """A message as LangChain stores it."""
    data = {"content": text, "id": "0190163d-8694-739b-aea5-966c26f8ad90"}
    return orjson.dumps({"type": kind, "data": data})


class PlainRedis(Blocking):
    """Plain redis-py."""

    name = "redis-py"

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self._client = redis.Redis.from_url(place.url)

    def key(self, session: str) -> str:
        return f"plain:{session}"

    def append(self, session: str) -> object:
        pipe = self._client.pipeline()
        pipe.lpush(f"plain:{session}", element("human", QUESTION), element("ai", ANSWER))
        pipe.expire(f"plain:{session}", TTL_S)
        return pipe.execute()

    def window(self, session: str) -> Sequence[object]:
        return self._range(session, WINDOW - 1)

    def everything(self, session: str) -> Sequence[object]:
        return self._range(session, -1)

    def _range(self, session: str, last: int) -> Sequence[object]:
        found: list[bytes] = self._client.lrange(f"plain:{session}", 0, last)  # type: ignore[assignment]
        return [orjson.loads(one) for one in reversed(found)]

    def close(self) -> None:
        self._client.close()
        super().close()


class SplitRedis(PlainRedis):
    """The same without MULTI: the fastest that can be had, and not atomic."""

    name = "redis-py, split"

    def append(self, session: str) -> object:
        pipe = self._client.pipeline(transaction=False)
        pipe.lpush(f"plain:{session}", element("human", QUESTION), element("ai", ANSWER))
        pipe.expire(f"plain:{session}", TTL_S)
        return pipe.execute()
