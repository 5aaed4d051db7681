"""Both drivers behind one call, and the batches, operations and failures they are tried with."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeAlias

import pytest

from redialog import ConnectError, ConnectionLost, drive
from redialog.effect import Batch, Op, Replies
from tests.operations.scripted import AsyncScripted, Scripted

TOKEN = "t0123"
READ = Batch(((b"LLEN", b"chat"),))
WRITE = Batch(((b"EVALSHA", b"0", 0),), writes=True, resend_key=TOKEN)
# A write that no application can repeat under a key: a clear, a ttl.
PLAIN = Batch(((b"EVALSHA", b"1", 0),), writes=True)

Driver: TypeAlias = Callable[[Op[Any], Scripted], Any]


def blocking(op: Op[Any], transport: Scripted) -> Any:
    """Runs it with `drive.run`."""
    return drive.run(op, transport)


def awaiting(op: Op[Any], transport: Scripted) -> Any:
    """Runs it with `drive.arun`, in an event loop of its own."""
    return asyncio.run(drive.arun(op, AsyncScripted(transport)))


both = pytest.mark.parametrize("driver", [blocking, awaiting])


def once(batch: Batch) -> Op[Replies]:
    """An operation of one batch that returns its replies."""
    return (yield batch)


def lost(maybe_applied: bool = True) -> ConnectionLost:
    """A connection that broke."""
    return ConnectionLost("cut", address="scripted:", maybe_applied=maybe_applied)


def unreachable() -> ConnectError:
    """A server that is not there."""
    return ConnectError("cannot connect", address="scripted:")
