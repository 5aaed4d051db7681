"""Every history of calls on one session fits some order of them, one after the other.

``REDIALOG_RACE_ROUNDS`` is the number of rounds of each race, ``REDIALOG_RACE_SEED`` repeats the
choices of a run that failed (not its timing).
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.races.checker import check
from tests.races.fleet import Fleet, Kind
from tests.races.specification import Event
from tests.support.servers import Server

ROUNDS = int(os.environ.get("REDIALOG_RACE_ROUNDS", "0"))
SEED = int(os.environ.get("REDIALOG_RACE_SEED", "0")) or int.from_bytes(os.urandom(4), "big")
CALLS = 7

KINDS = {
    "plain": (80, Kind()),
    "capped": (80, Kind({"max_messages": 8, "key_prefix": "message_store:"}, user="u")),
    "lossy": (50, Kind({"ttl": 300, "socket_timeout": 2}, user="u", lossy=True)),
}


def concurrency(history: list[Event]) -> int:
    """How many calls were under way together with one of another lane."""
    return sum(
        any(one.lane != other.lane and one.overlaps(other) for other in history) for one in history
    )


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """One that nobody else has connections to: a lossy race waits until its own are gone."""
    with Server("redis") as server:
        yield server


@pytest.mark.timeout(max(120, 3 * ROUNDS))
@pytest.mark.parametrize("name", KINDS)
def test_processes_that_share_a_session(server: Server, name: str) -> None:
    """Threads and tasks of four processes: what each was told fits one order of all calls."""
    rounds, kind = KINDS[name]
    rounds = ROUNDS or rounds
    together = steps = calls = 0
    print(f"{name}: REDIALOG_RACE_SEED={SEED}")
    with Fleet(server, kind) as fleet:
        for number in range(rounds):
            before, history = fleet.play(number, SEED, CALLS)
            steps += check(history, before)
            together += concurrency(history)
            calls += len(history)
        print(f"{calls} calls, {together} of them together with others, {steps} steps, ")
        print(f"{fleet.doubts} in doubt")
        # A race in which the callers wait for one another proves nothing.
        assert together > calls / 4
        assert fleet.doubts or not kind.lossy
