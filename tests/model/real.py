"""A real server next to the model: what lies there, and how time passes for it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import redis

from redialog import drive, scripts
from redialog.effect import DEADLINE_S, Batch, Op, Replies, Transport
from redialog.keys import Layout, OwnLayout, SharedLayout
from redialog.transports import clients
from tests.support.servers import Server

T = TypeVar("T")

SCRIPTS = sorted(path.stem for path in (Path(scripts.__file__).parent / "scripts").glob("*.lua"))
NAMES = {scripts.get(name).sha: name for name in SCRIPTS}

# For the server it is then as if so much time had passed: what expires does so the sooner, what
# was noted was noted the earlier. What has come to its end goes as any key that expires.
PASSES = """
for _, key in ipairs(redis.call('KEYS', '*')) do
  local ends = redis.call('PEXPIRETIME', key)
  if ends > 0 then
    redis.call('PEXPIREAT', key, string.format('%d', ends - ARGV[1]))
  end
  local kind = redis.call('TYPE', key).ok
  if kind == 'zset' then
    local found = redis.call('ZRANGE', key, 0, -1, 'WITHSCORES')
    for i = 1, #found, 2 do
      redis.call('ZADD', key, string.format('%d', found[i + 1] - ARGV[1]), found[i])
    end
  elseif kind == 'hash' then
    local failed = redis.call('HGET', key, 'failed') or ''
    local times, at, ends_at, reason = failed:match('^(%d+):(%d+):(%d+):(.*)$')
    if at then
      redis.call('HSET', key, 'failed', string.format('%d:%d:%d:%s', times, at - ARGV[1],
        ends_at - ARGV[1], reason))
    end
  elseif kind == 'string' then
    local count, at, owner = redis.call('GET', key):match('^(%d+):(%d+):(.*)$')
    if at then
      at = string.format('%d', at - ARGV[1])
      redis.call('SET', key, count .. ':' .. at .. ':' .. owner, 'KEEPTTL')
    end
  end
end
"""

DUMP = """
local read = {list = {'LRANGE', 0, -1}, hash = {'HGETALL'}, string = {'GET'},
  zset = {'ZRANGE', 0, -1, 'WITHSCORES'}}
local found = {}
for i, key in ipairs(redis.call('KEYS', '*')) do
  local kind = redis.call('TYPE', key).ok
  local command = read[kind]
  found[i] = {key, kind, redis.call('PTTL', key),
    redis.call(command[1], key, unpack(command, 2))}
end
return found
"""


class Stored(NamedTuple):
    """What lies under a key.

    Attributes:
        kind: its type.
        content: elements newest first, or fields, or scores by member, or a text.
        left: ms that it lives on; None where it does not expire.
    """

    kind: str
    content: Any
    left: int | None


class Recording:
    """A transport that notes which scripts it carries."""

    def __init__(self, inner: Transport) -> None:
        self.address = inner.address
        self.patience = inner.patience
        self.reached: Counter[str] = Counter()
        self._inner = inner

    def execute(self, batch: Batch, within: float | None = None) -> Replies:
        """As the transport inside."""
        for command in batch.commands:
            if command[0] == b"EVALSHA":
                self.reached[NAMES[command[1]]] += 1  # type: ignore[index]
        return self._inner.execute(batch, within)

    def close(self) -> None:
        """As the transport inside."""
        self._inner.close()


class Real:
    """A server with one namespace, and a client of somebody else.

    Args:
        server: a running one, for this alone.
        shared: whether the logs lie where another library puts them.
    """

    def __init__(self, server: Server, *, shared: bool) -> None:
        self.shared = shared
        self.layout: Layout = SharedLayout("n", "chat:") if shared else OwnLayout("n")
        self.raw: redis.Redis = server.client()
        self.transport = Recording(clients.adopt(self.raw, DEADLINE_S))

    def run(self, op: Op[T]) -> T:
        """Runs an operation."""
        return drive.run(op, self.transport)

    def passes(self, ms: int) -> None:
        """Time passes."""
        self.raw.eval(PASSES, 0, str(ms))

    def stored(self, ms: int = 0) -> dict[bytes, Stored]:
        """All that lies there; then so much time passes."""
        found: dict[bytes, Stored] = {}
        both = self.raw.pipeline(transaction=False).eval(DUMP, 0).eval(PASSES, 0, str(ms))
        reply: Any = both.execute()[0]
        for key, kind, left, flat in reply:
            content = flat
            if kind in (b"hash", b"zset"):
                content = dict(zip(flat[::2], flat[1::2], strict=True))
            if kind == b"zset":
                content = {member: int(score) for member, score in content.items()}
            found[key] = Stored(kind.decode(), content, left if left >= 0 else None)
        return found

    def close(self) -> None:
        """Closes the client."""
        self.transport.close()
        self.raw.close()
