"""A word with the server over its unix socket: is it ready, who is it, and stop.

A few lines of RESP instead of the client library, whose import costs more than an attach.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import socket


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
        # INFO is answered while the data is loaded, PING is not (-LOADING): together they tell.
        peer.sendall(b"PING\r\nINFO server\r\n")
        received = b""
        while (info := _second_reply(received)) is None:
            part = peer.recv(16384)
            if not part:
                raise ConnectionResetError("the server closed the connection")
            received += part
    return _greeting(received.startswith(b"+PONG"), info)


def shutdown(socket_path: str, timeout: float) -> None:
    """Asks the server to flush its file and end; returns when it has closed the connection.

    Raises:
        OSError: nobody listens, it refused, or it is still there after ``timeout`` seconds.
    """
    with _connect(socket_path, timeout) as peer:
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


def _greeting(ready: bool, info: bytes) -> Greeting:
    lines = info.decode("utf-8", "replace").splitlines()
    facts = dict(line.split(":", 1) for line in lines if ":" in line)
    # Valkey also reports the Redis version that it is compatible with (redis_version:7.2.4).
    valkey = facts.get("valkey_version")
    engine = "valkey" if valkey else "redis"
    version = valkey or facts.get("redis_version", "0.0.0")
    return Greeting(ready, engine, version, int(facts.get("process_id", "0")))
