"""Sending and reading on a connection of redis-py's, past the layers that a batch does not need.

Of the 15 µs of CPU that a small batch took through ``send_packed_command`` and ``read_response``,
11 were the system's. What those do besides (health checks, push messages, other parsers) is left to
them, where there is any of it.
"""

from __future__ import annotations

from typing import Any

import redis.exceptions as rex
from redis._parsers import _HiredisParser
from redis._parsers.hiredis import NOT_ENOUGH_DATA

from redialog.effect import Reply
from redialog.transports.redis.common import command_error

_PLAIN = frozenset({bytes, int, list, type(None)})


def send(connection: Any, packed: bytes) -> None:
    """Sends the bytes of a batch; connects first, where the connection is not.

    Raises:
        OSError: or one of redis-py's, as `FAILURES` has them.
    """
    sock = connection._sock
    if sock is None:
        connection.send_packed_command([packed], check_health=False)
    else:
        sock.sendall(packed)


def reply(connection: Any) -> Reply:
    """The next reply, undecoded; a command's error as a value.

    Raises:
        OSError: or one of redis-py's, as `FAILURES` has them.
    """
    parser = connection._parser
    if type(parser) is not _HiredisParser or connection.health_check_interval:
        return _by_redis_py(connection)
    # Its stub knows text and bytes alone.
    reader: Any = parser._reader
    sock = parser._sock
    if reader is None or sock is None:
        # Another thread has closed it.
        return _by_redis_py(connection)
    found = reader.gets(False)
    while found is NOT_ENOUGH_DATA:
        size = sock.recv_into(parser._buffer)
        if not size:
            raise rex.ConnectionError("the server has closed the connection")
        reader.feed(parser._buffer, 0, size)
        found = reader.gets(False)
    if type(found) in _PLAIN:
        return found
    return _special(connection, found)


def _special(connection: Any, found: Any) -> Reply:
    if isinstance(found, rex.ResponseError) and not isinstance(found, rex.ConnectionError):
        return command_error(found)
    if isinstance(found, Exception):
        raise found
    if not isinstance(found, list):
        # RESP3 has more types.
        return found
    # A message that nobody asked for, which redis-py knows what to do with.
    connection._parser.handle_push_response(found)
    return reply(connection)


def _by_redis_py(connection: Any) -> Reply:
    try:
        return connection.read_response(disable_decoding=True)
    except rex.ResponseError as error:
        return command_error(error)
