"""A word with the server over its unix socket: is it ready, who is it, and stop.

A few lines of RESP instead of the client library, whose import costs more than an attach.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import socket


class Unsaved(TimeoutError):
    """The server holds answered writes that its disk does not take: ended now, it loses them."""


class Greeting(NamedTuple):
    """What the server said of itself."""

    ready: bool
    engine: str
    version: str
    pid: int


def hello(socket_path: str, timeout: float) -> Greeting:
    """Asks for readiness and identity in one round trip.

    Raises:
        OSError: nobody listens, no answer in ``timeout`` seconds, or an answer that is no answer.
    """
    with _connect(socket_path, timeout) as peer:
        ready, facts = _asked(peer, b"server")
    return _greeting(ready, facts)


def shutdown(socket_path: str, timeout: float, *, patience: float, discard: bool) -> None:
    """Asks the server to flush its file and end; returns when it has closed the connection.

    Args:
        patience: seconds for which a disk that took no write gets another chance; the server
            itself tries once a second.
        discard: end it even where it holds writes that were not taken.

    Raises:
        Unsaved: it holds such writes, and goes on running.
        OSError: nobody listens, it refused, or it is still there after ``timeout`` seconds.
    """
    with _connect(socket_path, timeout) as peer:
        if not discard:
            _await_saved(peer, timeout, patience)
        # With `save ""` a plain SHUTDOWN writes no snapshot, and it fsyncs the append-only file.
        peer.sendall(b"SHUTDOWN\r\n")
        try:
            reply = peer.recv(1024)
        except ConnectionResetError:
            return
        if reply:
            raise OSError("the server refused SHUTDOWN")


def _connect(path: str, timeout: float) -> socket.socket:
    import socket  # 2 ms, which a keeper at rest never needs

    peer = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    peer.settimeout(timeout)
    try:
        peer.connect(path)
    except BaseException:
        peer.close()
        raise
    return peer


def _await_saved(peer: socket.socket, timeout: float, patience: float) -> None:
    """Returns when all that was answered is written to the file.

    With everysec the server answers first, and SHUTDOWN ends it even where the disk is full.
    """
    begun = time.monotonic()
    while True:
        _, facts = _asked(peer, b"persistence")
        refused = facts.get("aof_last_write_status", "ok") != "ok"
        if not refused and facts.get("aof_buffer_length", "0") == "0":
            return
        waited = time.monotonic() - begun
        if refused and waited >= patience:
            raise Unsaved("the disk does not take what was written")
        if waited >= timeout:
            raise TimeoutError("the server did not write its file in time")
        time.sleep(0.02)


def _asked(peer: socket.socket, section: bytes) -> tuple[bool, dict[str, str]]:
    """Whether the server is ready, and one section of what it says of itself."""
    # INFO is answered while the data is loaded, PING is not (-LOADING): together they tell. With a
    # full disk PING is refused, too, as if it were a write.
    peer.sendall(b"PING\r\nINFO " + section + b"\r\n")
    received = b""
    while (info := _second_reply(received)) is None:
        part = peer.recv(16384)
        if not part:
            raise ConnectionResetError("the server closed the connection")
        received += part
    lines = info.decode("utf-8", "replace").splitlines()
    ready = received.startswith((b"+PONG", b"-MISCONF"))
    return ready, dict(line.split(":", 1) for line in lines if ":" in line)


def _second_reply(received: bytes) -> bytes | None:
    """The body of the bulk reply after the first line, or None while it is incomplete."""
    _, _, rest = received.partition(b"\r\n")
    head, ended, body = rest.partition(b"\r\n")
    if not ended:
        return None
    if not head.startswith(b"$"):
        raise OSError("the server did not answer INFO")
    length = int(head[1:])
    return body[:length] if len(body) >= length + 2 else None


def _greeting(ready: bool, facts: dict[str, str]) -> Greeting:
    # Valkey also reports the Redis version that it is compatible with (redis_version:7.2.4).
    valkey = facts.get("valkey_version")
    engine = "valkey" if valkey else "redis"
    version = valkey or facts.get("redis_version", "0.0.0")
    return Greeting(ready, engine, version, int(facts.get("process_id", "0")))
