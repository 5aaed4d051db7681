"""Whether a failover would keep a write: what ``durability="replicated"`` asks after each one.

A replica has the write (``WAIT``, on the connection that wrote), and after that those who would
replace the primary saw nothing but a healthy primary there. So whichever replica they choose from
then on, its data began with ours. Without the second question, restarts in the middle of a failover
still lost 8 to 180 acknowledged messages in a run.
"""

from __future__ import annotations

import msgspec

from redialog.effect import Batch, CommandError, Replies, Reply
from redialog.errors import PermissionDenied, Unavailable
from redialog.transports.urls import Address, shown

WAIT_MS = 1000
"""How long a replica may take, before the write is in doubt."""

_FOR_GOOD = ("NOPERM", "NOAUTH")


def sealed(batch: Batch) -> Batch:
    """The batch, and the question of how many replicas have what its connection wrote."""
    asked = (*batch.commands, (b"WAIT", 1, WAIT_MS))
    return msgspec.structs.replace(batch, commands=asked, alone=True)


def doubtful(node: Address, why: str) -> Unavailable:
    """The error where a write was done and nobody can say that a failover would keep it."""
    where = f"redis://{shown(node)}"
    return Unavailable(
        f"the write to {where} is not confirmed: {why}", address=where, maybe_applied=True
    )


def replicated(node: Address, replies: Replies, confirmed: Reply) -> bool:
    """Whether there is anything to confirm, and a replica has it.

    Args:
        node: that was written to.
        replies: to the commands.
        confirmed: the one to ``WAIT``.

    Returns:
        False where nothing was written.

    Raises:
        Unavailable: no replica has it yet.
        PermissionDenied: the user may not ask.
    """
    if replies and all(isinstance(reply, CommandError) for reply in replies):
        return False
    permitted("WAIT", confirmed)
    if isinstance(confirmed, CommandError):
        # Of a primary that was made a replica while it waited: UNBLOCKED.
        raise doubtful(node, "it was replaced")
    if confirmed < 1:
        raise doubtful(node, "no replica has it yet")
    return True


def permitted(command: str, reply: Reply) -> None:
    """Makes sure that a question was not refused for good.

    Raises:
        PermissionDenied: the user may not ask it.
    """
    if isinstance(reply, CommandError) and (
        reply.code in _FOR_GOOD or "unknown command" in reply.text
    ):
        raise PermissionDenied(
            f"the user may not run {command}, which durability='replicated' needs (the write may "
            "have happened)",
            code=reply.code,
        )


def calls_healthy(reply: Reply, node: Address) -> bool:
    """Whether a sentinel (``SENTINEL MASTER``) calls a node the primary, and nothing else of it."""
    if not isinstance(reply, list):
        return False
    fields = dict(zip(reply[::2], reply[1::2], strict=False))
    named = fields.get(b"ip", b"").decode(), int(fields.get(b"port", b"0"))
    return named == node and fields.get(b"flags") == b"master"


def sees_primary(reply: Reply, node: Address, *, owning: bool = True) -> bool:
    """Whether a node of a Cluster (``CLUSTER NODES``) sees another as a primary that is well.

    Args:
        reply: of the one.
        node: the other.
        owning: whether it must have slots. A primary that was replaced has none, and is called one
            until it says itself that it follows now.
    """
    if not isinstance(reply, bytes):
        return False
    for line in reply.decode(errors="replace").splitlines():
        _, address, flags, _, _, _, _, _, *slots = line.split(" ")
        host, _, port = address.partition("@")[0].rpartition(":")
        if (host, port) == (node[0], str(node[1])):
            well = set(flags.split(",")) - {"myself"} == {"master"}
            return well and (bool(slots) or not owning)
    return False
