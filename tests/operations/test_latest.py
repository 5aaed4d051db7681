"""Which session was active last: those that are gone are passed over."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from redialog import InvalidSessionId, ServerError
from redialog.effect import Batch, CommandError, Replies
from redialog.keys import BUCKETS, Layout, OwnLayout, SharedLayout, bucket
from redialog.ops import session
from tests.operations.tools import answered, play

LAYOUTS: list[Layout] = [OwnLayout("n"), SharedLayout("n", ""), SharedLayout("n", "p:")]
each_layout = pytest.mark.parametrize("layout", LAYOUTS, ids=["own", "shared", "prefixed"])


def ids_of(number: int, count: int) -> list[str]:
    """So many session ids of one bucket."""
    found = (f"s{i}" for i in range(1_000_000))
    matching = (name for name in found if bucket(name.encode()) == number)
    return [next(matching) for _ in range(count)]


class Listing:
    """The catalogue and the logs of a layout, answering as a server does.

    Args:
        layout: where they lie.
        scores: the sessions in the catalogue, with their activity.
        there: those of them that still have a log.
        user: whose catalogue it is.
        shape: how a protocol gives members with scores.
    """

    def __init__(
        self,
        layout: Layout,
        scores: dict[str, int],
        there: Iterable[str],
        user: str | None = None,
        shape: str = "flat",
    ) -> None:
        self._sets: dict[bytes, list[tuple[int, bytes]]] = {}
        for name, score in scores.items():
            keys = layout.session(name, user)
            key = keys.sessions if user is None else keys.user
            assert key is not None
            self._sets.setdefault(key, []).append((score, name.encode()))
        self._logs = {layout.session(name).log for name in there}
        self._shape = shape

    def __call__(self, batch: Batch) -> Replies:
        assert (batch.writes, batch.resend_key) == (False, None)
        return [self._reply(*command) for command in batch.commands]

    def _reply(self, name: Any, key: Any, *rest: Any) -> Any:
        if name == b"LLEN":
            assert not rest
            return int(key in self._logs)
        start, stop, *flags = rest
        assert (name, flags) == (b"ZRANGE", [b"WITHSCORES"])
        lowest_first = sorted(self._sets.get(key, []))
        first, last = max(len(lowest_first) + start, 0), len(lowest_first) + stop
        some = lowest_first[first : last + 1] if last >= 0 else []
        if self._shape == "flat":
            return [part for score, member in some for part in (member, b"%d" % score)]
        if self._shape == "text":
            return [part for score, member in some for part in (member.decode(), str(score))]
        return [[member, float(score)] for score, member in some]


@each_layout
@pytest.mark.parametrize("user", [None, "ada"])
@pytest.mark.parametrize("shape", ["flat", "text", "pairs"])
def test_the_newest_of_all_buckets_is_found(layout: Layout, user: str | None, shape: str) -> None:
    """Two round trips: one short read for each bucket, then whether the newest are there."""
    scores = {f"s{i}": 1_700_000_000_000 + i * 37 % 101 for i in range(100)} | {"é": 5}
    newest = max(scores, key=lambda name: scores[name])
    served = Listing(layout, scores, scores, user, shape)
    [first, second], found = answered(session.latest(layout, user), served)
    assert found == newest
    assert [command[1] for command in first.commands] == layout.catalogue(user)
    assert len(first.commands) == BUCKETS
    for command in first.commands:
        start, stop = command[2:4]
        assert isinstance(start, int)
        assert start >= -10, "a short read"
        assert stop == -1
    assert len(second.commands) <= 100
    assert second.commands[0] == (b"LLEN", layout.session(newest).log)


@each_layout
def test_no_session_at_all_is_one_round_trip(layout: Layout) -> None:
    """Where the catalogue is empty, no log is asked for."""
    batches, found = play(session.latest(layout, None), [[]] * BUCKETS)
    assert found is None
    assert len(batches) == 1


@each_layout
@pytest.mark.parametrize("gone", [1, 3, 64, 99, 100])
def test_sessions_that_are_gone_are_passed_over(layout: Layout, gone: int) -> None:
    """The newest that still has a log is the answer, however many are gone before it."""
    scores = {f"s{i}": i for i in range(100)}
    there = [f"s{i}" for i in range(100 - gone)]
    _, found = answered(session.latest(layout, None), Listing(layout, scores, there))
    assert found == (there[-1] if there else None)


@each_layout
def test_a_bucket_full_of_sessions_that_are_gone_is_read_deeper(layout: Layout) -> None:
    """Further down in the same bucket lies one that is there; none is asked for twice."""
    names = ids_of(7, 20)
    scores = {name: number for number, name in enumerate(names)}
    served = Listing(layout, scores, names[:3])
    batches, found = answered(session.latest(layout, None), served)
    assert found == names[2]
    asked = [command[1] for batch in batches for command in batch.commands]
    logs = [key for key in asked if key not in layout.catalogue()]
    assert len(logs) == len(set(logs)) <= 20
    assert answered(session.latest(layout, None), Listing(layout, scores, []))[1] is None


def test_the_newest_is_found_also_below_sessions_that_are_gone() -> None:
    """One bucket's older session does not win because another bucket's newest ones are gone."""
    layout = OwnLayout("n")
    crowded, [old] = ids_of(7, 5), ids_of(8, 1)
    scores = {name: 200 - number for number, name in enumerate(crowded)} | {old: 1}
    served = Listing(layout, scores, [crowded[4], old])
    assert answered(session.latest(layout, None), served)[1] == crowded[4]


@each_layout
def test_a_user_is_checked_before_anything_is_asked(layout: Layout) -> None:
    """An id that no session could have had is refused."""
    bad: Any = 5
    for user in (bad, "", "\ud800"):
        with pytest.raises(InvalidSessionId, match="user id"):
            next(session.latest(layout, user))


@pytest.mark.parametrize("refused", ["catalogue", "log"])
def test_a_refused_command_is_an_error(refused: str) -> None:
    """An error among the replies of either batch is raised, and not taken for an absence."""
    layout = OwnLayout("n")
    listing = Listing(layout, {"a": 1}, ["a"])

    def answer(batch: Batch) -> Replies:
        replies = list(listing(batch))
        if (batch.commands[0][0] == b"LLEN") is (refused == "log"):
            replies[-1] = CommandError("ERR", "x")
        return replies

    with pytest.raises(ServerError):
        answered(session.latest(layout, None), answer)
