"""Which node of a Cluster has which slots, as the nodes say."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence

import msgspec

from redialog.effect import Reply
from redialog.transports.urls import Address


class Slots(msgspec.Struct, frozen=True):
    """Which primary has which slots, as one node saw it.

    Attributes:
        starts: where each range begins, ascending.
        ends: where it ends.
        primaries: of each range.
        replicas: all there are.
    """

    starts: tuple[int, ...]
    ends: tuple[int, ...]
    primaries: tuple[Address, ...]
    replicas: frozenset[Address]

    def primary(self, number: int) -> Address | None:
        """Who has a slot; None where nobody has."""
        index = bisect_right(self.starts, number) - 1
        return self.primaries[index] if index >= 0 and number <= self.ends[index] else None


def most_seen(opinions: Sequence[Slots]) -> Slots:
    """What most of those saw who said anything; at least one did.

    Nodes differ in the replicas that they name: one that is down is left out by whoever has
    noticed. So the primaries decide, and the replicas are all that anybody named beside them.
    """
    votes = Counter((one.starts, one.ends, one.primaries) for one in opinions)
    [((starts, ends, primaries), _)] = votes.most_common(1)
    agreed = [one.replicas for one in opinions if one.primaries == primaries]
    return Slots(starts, ends, primaries, frozenset().union(*agreed))


def slots_of(reply: Reply, asked: Address) -> Slots | None:
    """The answer to ``CLUSTER SLOTS``; None where it is none.

    Args:
        reply: of a node.
        asked: where it was asked: a node need not know its own host.
    """
    if not isinstance(reply, list) or not reply:
        return None
    ranges = []
    replicas: set[Address] = set()
    for start, end, primary, *others in reply:
        ranges.append((start, end, _address(primary, asked)))
        replicas.update(_address(one, asked) for one in others)
    ranges.sort()
    starts, ends, primaries = zip(*ranges, strict=True)
    return Slots(starts, ends, primaries, frozenset(replicas))


def _address(node: Sequence[Reply], asked: Address) -> Address:
    host, port = node[0], node[1]
    return (asked[0] if host in (None, b"", b"?") else host.decode(), port)
