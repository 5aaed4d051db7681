"""A second server that follows a first one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.servers.server import START_TIMEOUT_S, Server
from tests.support.servers.settings import Setting, quoted
from tests.support.servers.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Mapping


def replica_of(
    primary: Server,
    *,
    config: Mapping[str, Setting] | None = None,
    timeout: float = START_TIMEOUT_S,
) -> Server:
    """Start a read-only replica of `primary` and wait until it has all of its data.

    Use it in a `with`, or call `close` at the end.

    Args:
        primary: A running server with a port; the replica has its kind and password.
        config: More settings of the replica.
        timeout: Seconds for the first sync.

    Raises:
        ValueError: The primary listens on a unix socket only.
        TimeoutError: Not in sync in time.
    """
    if primary.unix_path is not None:
        msg = "a replica needs a primary with a port"
        raise ValueError(msg)
    settings: dict[str, Setting] = {
        "replicaof": f"{primary.host} {primary.port}",
        # Straight into memory: by way of a file, Valkey looks once a second whether it is there.
        "repl-diskless-load": "swapdb",
    }
    if primary.password is not None:
        settings["masterauth"] = quoted(primary.password)
    replica = Server(primary.kind, password=primary.password, config=settings | dict(config or {}))
    try:
        replica.start()
        wait_in_sync(primary, replica, timeout=timeout)
    except BaseException:
        replica.close()
        raise
    return replica


def wait_in_sync(primary: Server, replica: Server, *, timeout: float = START_TIMEOUT_S) -> None:
    """Wait until the replica has everything that the primary had written at the time of the call.

    Args:
        primary: The server that is replicated.
        replica: The one that follows it.
        timeout: Seconds.

    Raises:
        TimeoutError: Not in time.
    """
    with primary.client() as source, replica.client() as copy:
        offset = source.info("replication")["master_repl_offset"]

        def in_sync() -> bool:
            # The offsets compare only within one history, and a primary begins a new one when its
            # first replica arrives.
            history = source.info("replication")["master_replid"]
            got = copy.info("replication")
            return bool(
                got.get("master_link_status") == "up"
                and got["master_replid"] == history
                and got["slave_repl_offset"] >= offset
            )

        wait_until(in_sync, what=f"{replica!r} in sync with {primary!r}", timeout=timeout)
