"""Which session was active last: those that are gone are passed over."""

from __future__ import annotations

from typing import Any

import pytest

from redialog import InvalidSessionId, ServerError
from redialog.effect import Batch, CommandError, Replies
from redialog.keys import BUCKETS, Layout, OwnLayout
from redialog.ops import catalogue
from tests.operations.listing import LAYOUTS, Listing, ids_of
from tests.operations.tools import answered, keys_of, play, script_name

each_layout = pytest.mark.parametrize("layout", LAYOUTS, ids=["own", "shared", "prefixed"])


@each_layout
@pytest.mark.parametrize("user", [None, "ada"])
@pytest.mark.parametrize("shape", ["flat", "text", "pairs"])
def test_the_newest_of_all_buckets_is_found(layout: Layout, user: str | None, shape: str) -> None:
    """Two round trips: one short read for each bucket, then whether the newest are there."""
    scores = {f"s{i}": 1_700_000_000_000 + i * 37 % 101 for i in range(100)} | {"é": 5}
    newest = max(scores, key=lambda name: scores[name])
    served = Listing(layout, scores, scores, user, shape=shape)
    [first, second], found = answered(catalogue.latest(layout, user), served)
    assert found == newest
    assert [command[1] for command in first.commands] == layout.catalogue(user)
    assert len(first.commands) == BUCKETS
    for command in first.commands:
        assert command[4:7] == (b"BYSCORE", b"REV", b"LIMIT")
        count = command[8]
        assert isinstance(count, int)
        assert count <= 10, "a short read"
    assert len(second.commands) <= 100
    keys = layout.session(newest, user)
    assert script_name(second.commands[0]) == "info"
    assert keys_of(second.commands[0])[:2] == (keys.log, keys.meta)


@each_layout
def test_no_session_at_all_is_one_round_trip(layout: Layout) -> None:
    """Where the catalogue is empty, no log is asked for."""
    batches, found = play(catalogue.latest(layout, None), [[]] * BUCKETS)
    assert found is None
    assert len(batches) == 1


@each_layout
@pytest.mark.parametrize("gone", [1, 3, 64, 99, 100])
def test_sessions_that_are_gone_are_passed_over(layout: Layout, gone: int) -> None:
    """The newest that still has a log is the answer, however many are gone before it."""
    scores = {f"s{i}": i for i in range(100)}
    there = [f"s{i}" for i in range(100 - gone)]
    _, found = answered(catalogue.latest(layout, None), Listing(layout, scores, there))
    assert found == (there[-1] if there else None)


@each_layout
def test_a_bucket_full_of_sessions_that_are_gone_is_read_deeper(layout: Layout) -> None:
    """Further down in the same bucket lies one that is there; none is asked for twice."""
    names = ids_of(7, 20)
    scores = {name: number for number, name in enumerate(names)}
    served = Listing(layout, scores, names[:3])
    batches, found = answered(catalogue.latest(layout, None), served)
    assert found == names[2]
    calls = [command for batch in batches for command in batch.commands if command[0] != b"ZRANGE"]
    logs = [keys_of(command)[0] for command in calls if script_name(command) == "info"]
    assert len(logs) == len(set(logs)) <= 20
    assert answered(catalogue.latest(layout, None), Listing(layout, scores, []))[1] is None


def test_the_newest_is_found_also_below_sessions_that_are_gone() -> None:
    """One bucket's older session does not win because another bucket's newest ones are gone."""
    layout = OwnLayout("n")
    crowded, [old] = ids_of(7, 5), ids_of(8, 1)
    scores = {name: 200 - number for number, name in enumerate(crowded)} | {old: 1}
    served = Listing(layout, scores, [crowded[4], old])
    assert answered(catalogue.latest(layout, None), served)[1] == crowded[4]


@each_layout
def test_a_user_is_checked_before_anything_is_asked(layout: Layout) -> None:
    """An id that no session could have had is refused."""
    bad: Any = 5
    for user in (bad, "", "\ud800"):
        with pytest.raises(InvalidSessionId, match="user id"):
            next(catalogue.latest(layout, user))


@pytest.mark.parametrize("refused", ["catalogue", "log"])
def test_a_refused_command_is_an_error(refused: str) -> None:
    """An error among the replies of either batch is raised, and not taken for an absence."""
    layout = OwnLayout("n")
    listing = Listing(layout, {"a": 1}, ["a"])

    def answer(batch: Batch) -> Replies:
        replies = list(listing(batch))
        if (batch.commands[0][0] != b"ZRANGE") is (refused == "log"):
            replies[-1] = CommandError("ERR", "x")
        return replies

    with pytest.raises(ServerError):
        answered(catalogue.latest(layout, None), answer)
