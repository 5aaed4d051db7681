"""Which key a command has: what must be known to find its node in a Cluster."""

from __future__ import annotations

from collections.abc import Container
from typing import Any

from redialog.effect import Argument, Command

# Commands whose first argument is their first key: those of the operations, and the common ones
# that pass through a gateway. Of any other, a node is asked.
_FIRST = frozenset(
    b"APPEND BITCOUNT COPY DECR DECRBY DEL EXISTS EXPIRE EXPIREAT GET GETDEL GETEX GETRANGE "
    b"GETSET HDEL HEXISTS HGET HGETALL HINCRBY HINCRBYFLOAT HKEYS HLEN HMGET HMSET HSCAN HSET "
    b"HSETNX HVALS INCR INCRBY INCRBYFLOAT LINDEX LINSERT LLEN LMOVE LPOP LPOS LPUSH LPUSHX "
    b"LRANGE LREM LSET LTRIM MGET MSET PERSIST PEXPIRE PEXPIREAT PSETEX PTTL RENAME RPOP RPUSH "
    b"RPUSHX SADD SCARD SET SETEX SETNX SISMEMBER SMEMBERS SPOP SRANDMEMBER SREM SSCAN STRLEN "
    b"TOUCH TTL TYPE UNLINK ZADD ZCARD ZCOUNT ZINCRBY ZPOPMAX ZPOPMIN ZRANDMEMBER ZRANGE "
    b"ZRANGEBYSCORE ZRANK ZREM ZREMRANGEBYRANK ZREMRANGEBYSCORE ZREVRANGE ZREVRANK ZSCAN "
    b"ZSCORE".split()
)
_SCRIPTS = frozenset(b"EVAL EVALSHA EVAL_RO EVALSHA_RO FCALL FCALL_RO".split())
_NONE = frozenset(
    b"ACL CLIENT CLUSTER COMMAND CONFIG DBSIZE DISCARD ECHO EXEC FLUSHALL FLUSHDB INFO KEYS "
    b"LASTSAVE MODULE MULTI PING PUBLISH RANDOMKEY ROLE SCAN SCRIPT SLOWLOG TIME WAIT".split()
)

TRANSACTION = frozenset((b"MULTI", b"EXEC"))
EVERYWHERE = frozenset((b"SCRIPT", b"FLUSHALL", b"FLUSHDB"))
"""What each primary keeps, or does, for itself."""


def name_of(command: Command) -> bytes:
    """The name of a command in capitals."""
    return _bytes(command[0]).upper()


def known_key(command: Command, keyless: Container[bytes]) -> Any:
    """The first key of a command; None where it has none.

    Args:
        command: any.
        keyless: names of further commands without a key.

    Returns:
        The key, None, or `NotImplemented` where only a server knows.
    """
    name = name_of(command)
    if name in _FIRST:
        return _bytes(command[1]) if len(command) > 1 else None
    if name in _SCRIPTS and len(command) > 1:
        # The name, the script, the number of keys, the keys.
        _, _, *rest = command
        return _bytes(rest[1]) if len(rest) > 1 and _bytes(rest[0]) != b"0" else None
    if name in _NONE or name in keyless:
        return None
    return NotImplemented


def _bytes(argument: Argument) -> bytes:
    return argument if isinstance(argument, bytes) else str(argument).encode()
