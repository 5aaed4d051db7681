"""Listings: pages of a catalogue of 256 buckets that together give each session once, in order."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from redialog import ConfigurationError, ConnectionLost, ServerError
from redialog.effect import Batch, CommandError, Replies
from redialog.keys import BUCKETS, Layout, OwnLayout
from redialog.ops import catalogue
from redialog.ops.catalogue import GRACE_MS, MAX_PAGE, SessionPage
from tests.operations.listing import LAYOUTS, Listing, ids_of, in_order
from tests.operations.tools import NOSCRIPT, answered, keys_of, script_name

OWN = OwnLayout("n")
each_layout = pytest.mark.parametrize("layout", LAYOUTS, ids=["own", "shared", "prefixed"])
# Crowded buckets, a few scores: ties that fill more than what one read of a bucket gives.
POOL = [name for number in (0, 7, 255) for name in ids_of(number, 40)]
POOL += [f"é{i}" for i in range(20)]
SCORES = st.dictionaries(st.sampled_from(POOL), st.integers(1, 9) | st.integers(0, 2**42))


def page_of(
    served: Listing, layout: Layout = OWN, user: str | None = None, **how: Any
) -> tuple[list[str], SessionPage]:
    """The kinds of batches that a page takes, and the page."""
    served.batches.clear()
    _, found = answered(catalogue.page(layout, user, **({"limit": 50} | how)), served)
    return list(served.batches), found


def paged(served: Listing, limit: int, layout: Layout = OWN, user: str | None = None) -> list[str]:
    """The ids of all pages; each but the last is full, and ends with its cursor."""
    ids: list[str] = []
    cursor: str | None = None
    while True:
        _, found = page_of(served, layout, user, limit=limit, cursor=cursor)
        ids += [info.session_id for info in found.sessions]
        cursor = found.cursor
        if cursor is None:
            return ids
        assert len(found.sessions) == limit
        assert cursor.isascii()


@settings(max_examples=60, deadline=None, derandomize=True)
@given(SCORES, st.integers(1, 50), st.sampled_from(LAYOUTS), st.sampled_from([None, "ada"]))
@example(dict.fromkeys(POOL, 5), 1, OWN, None)
@example(dict.fromkeys(POOL, 5), 7, LAYOUTS[2], "ada")
@example({name: 5 + (number > 90) for number, name in enumerate(POOL)}, 45, OWN, None)
def test_the_pages_together_give_each_session_once_in_order(
    scores: dict[str, int], limit: int, layout: Layout, user: str | None
) -> None:
    """By activity, then by id, whatever the size of a page, also where activities are the same."""
    served = Listing(layout, scores, scores, user)
    assert paged(served, limit, layout, user) == in_order(scores)
    assert served.dropped == []


@settings(max_examples=40, deadline=None, derandomize=True)
@given(SCORES, st.sets(st.sampled_from(POOL)), st.integers(1, 30))
@example(dict.fromkeys(POOL, 5), set(POOL[:100]), 10)
@example(dict.fromkeys(POOL, 5), set(POOL), 10)
def test_entries_of_sessions_that_are_gone_are_left_out(
    scores: dict[str, int], gone: set[str], limit: int
) -> None:
    """The others come once each, in order; each that is met is dropped, once for a page."""
    served = Listing(OWN, scores, set(scores) - gone)
    assert paged(served, limit) == [name for name in in_order(scores) if name not in gone]
    dropped = {arguments[0].decode() for _, arguments in served.dropped}
    assert dropped == gone & scores.keys()


@each_layout
@pytest.mark.parametrize("limit", [1, 3, 50, MAX_PAGE])
def test_a_page_is_two_round_trips(layout: Layout, limit: int) -> None:
    """A short read for each bucket, then what is known of the sessions."""
    scores = {f"s{i}": i for i in range(3)}
    for user in (None, "ada"):
        kinds, found = page_of(Listing(layout, scores, scores, user), layout, user, limit=limit)
        assert kinds == ["read", "info"]
        assert len(found.sessions) == min(limit, 3)
        assert (found.cursor is None) == (limit >= 3)


@pytest.mark.parametrize("limit", [1, 10, 50, 100, 300, MAX_PAGE])
def test_a_page_of_many_sessions_is_two_round_trips(limit: int) -> None:
    """No bucket has to be read again, as the newest sessions spread over all of them."""
    scores = {f"s{i}": i * 7919 % 100_003 for i in range(5000)}
    served = Listing(OWN, scores, scores)
    kinds, first = page_of(served, limit=limit)
    assert kinds == ["read", "info"]
    kinds, second = page_of(served, limit=limit, cursor=first.cursor)
    assert kinds == ["read", "info"]
    found = [info.session_id for part in (first, second) for info in part.sessions]
    assert found == in_order(scores)[: 2 * limit]


@pytest.mark.parametrize(("limit", "reads"), [(10, 2), (50, 3), (100, 3), (1000, 4)])
def test_sessions_that_lie_in_one_bucket_cost_some_reads_more(limit: int, reads: int) -> None:
    """Forks under random ids do; what is read of it grows with each time."""
    scores = {name: number for number, name in enumerate(ids_of(7, 1500))}
    served = Listing(OWN, scores, scores)
    kinds, found = page_of(served, limit=limit)
    assert [info.session_id for info in found.sessions] == in_order(scores)[:limit]
    assert kinds.count("read") <= reads
    assert kinds.count("info") == 1


@pytest.mark.parametrize(("gone", "trips"), [(1, 5), (20, 5), (100, 6), (1000, 15)])
def test_what_newest_sessions_that_are_gone_cost(gone: int, trips: int) -> None:
    """They are dropped, and further ones looked at: more of them each time."""
    scores = {f"s{i}": i for i in range(gone + 100)}
    served = Listing(OWN, scores, [f"s{i}" for i in range(100)])
    kinds, found = page_of(served)
    assert [info.session_id for info in found.sessions] == [f"s{i}" for i in range(99, 49, -1)]
    assert len(kinds) <= trips


@each_layout
def test_an_entry_that_is_met_in_vain_costs_a_drop(layout: Layout) -> None:
    """1 more round trip where the page is the last; it says which entry was seen, and when."""
    scores = {"gone": 7, "there": 5}
    for user in (None, "ada"):
        served = Listing(layout, scores, ["there"], user)
        kinds, found = page_of(served, layout, user)
        assert kinds == ["read", "info", "drop"]
        assert [info.session_id for info in found.sessions] == ["there"]
        keys = layout.session("gone", user)
        where = keys.sessions if user is None else keys.user
        own = isinstance(layout, OwnLayout)
        assert served.dropped == [
            (
                (where, keys.log, keys.meta) if own else (where,),
                (b"gone", 7, (user or "").encode(), 0 if own else GRACE_MS),
            )
        ]


@each_layout
def test_a_users_listing_shows_only_what_is_the_users(layout: Layout) -> None:
    """An entry that leads to somebody else's session, or nobody's, is dropped, not shown."""
    scores = {"mine": 3, "theirs": 2, "nobodys": 1}
    served = Listing(layout, scores, scores, "ada", owners={"theirs": "bob", "nobodys": ""})
    _, found = page_of(served, layout, "ada")
    assert [info.session_id for info in found.sessions] == ["mine"]
    assert sorted(arguments[0] for _, arguments in served.dropped) == [b"nobodys", b"theirs"]


def refusing(served: Listing, kind: str, reply: Any) -> Any:
    """The same, where a kind of batch is answered with that."""

    def answer(batch: Batch) -> Replies:
        replies = served(batch)
        return [reply] * len(replies) if served.batches[-1] == kind else replies

    return answer


@pytest.mark.parametrize("code", ["READONLY", "NOPERM", "WRONGTYPE", "OOM"])
def test_a_listing_does_not_complain_that_nothing_can_be_dropped(code: str) -> None:
    """It was asked for what there is."""
    served = Listing(OWN, {"gone": 7, "there": 5}, ["there"])
    answer = refusing(served, "drop", CommandError(code, "x"))
    _, found = answered(catalogue.page(OWN, None, limit=5), answer)
    assert [info.session_id for info in found.sessions] == ["there"]


def test_a_listing_survives_that_its_drops_get_no_answer() -> None:
    """What it found is there all the same."""
    op = catalogue.page(OWN, None, limit=5)
    served = Listing(OWN, {"gone": 7, "there": 5}, ["there"])
    batch = op.send(served(op.send(served(next(op)))))
    assert batch.writes is True
    with pytest.raises(StopIteration) as stop:
        op.throw(ConnectionLost("cut"))
    assert [info.session_id for info in stop.value.value.sessions] == ["there"]


@pytest.mark.parametrize("code", ["WRONGTYPE", "VERSION"])
def test_what_cannot_be_read_is_neither_shown_nor_dropped(code: str) -> None:
    """Another client's key, or a newer version's session, is not this one's to drop."""
    served = Listing(OWN, {"a": 7}, ["a"])
    answer = refusing(served, "info", CommandError(code, "x"))
    _, found = answered(catalogue.page(OWN, None, limit=5), answer)
    assert (list(found.sessions), found.cursor, served.dropped) == ([], None, [])


@pytest.mark.parametrize("kind", ["read", "info"])
def test_a_listing_that_is_refused_is_an_error(kind: str) -> None:
    """No error is taken for an empty catalogue."""
    answer = refusing(Listing(OWN, {"a": 7}, ["a"]), kind, CommandError("NOPERM", "x"))
    with pytest.raises(ServerError):
        answered(catalogue.page(OWN, None, limit=5), answer)


@each_layout
@pytest.mark.parametrize("member", [b"", b"redialog:x", b"\xff"])
def test_entries_that_only_another_client_can_have_made(layout: Layout, member: bytes) -> None:
    """An empty id, one of this library's own keys, no text: not shown, and no reason to fail."""

    def answer(batch: Batch) -> Replies:
        if batch.commands[0][0] == b"ZRANGE":
            return [[[member, 5.0]] if not number else [] for number in range(BUCKETS)]
        return [[0] if script_name(command) == "info" else 0 for command in batch.commands]

    _, found = answered(catalogue.page(layout, None, limit=5), answer)
    assert (list(found.sessions), found.cursor) == ([], None)


def test_lost_scripts_of_a_listing() -> None:
    """Each is sent again with its text, and the page is the same."""
    served = Listing(OWN, {"gone": 7, "there": 5}, ["there"])

    def answer(batch: Batch) -> Replies:
        replies = served(batch)
        lost = batch.commands[0][0] == b"EVALSHA"
        return [NOSCRIPT] * len(replies) if lost else replies

    batches, found = answered(catalogue.page(OWN, None, limit=5), answer)
    assert [info.session_id for info in found.sessions] == ["there"]
    assert served.batches == ["read", "info", "info", "drop", "drop"]
    for first, second in ((1, 2), (3, 4)):
        for before, after in zip(batches[first].commands, batches[second].commands, strict=True):
            assert before[2:] == after[2:]
            assert keys_of(before) == keys_of(after)


BAD_CURSORS: list[Any] = [
    "",
    ".",
    "x",
    "5",
    "5.é",
    "5.!",
    "5.a",
    "zz.YQ",
    "5 .YQ",
    "5.YQ=",
    "5.YQ.",
]
BAD_CURSORS += ["+5.YQ", "0x5.YQ", "5_0.YQ", "f" * 5000 + ".YQ", "\ud800", 5, b"5.YQ", ["5.YQ"]]


@pytest.mark.parametrize("cursor", BAD_CURSORS, ids=repr)
def test_what_is_no_cursor(cursor: Any) -> None:
    """It is refused before anything is asked; no number of it is too large to be sent."""
    with pytest.raises(ConfigurationError, match="cursor"):
        next(catalogue.page(OWN, None, limit=5, cursor=cursor))


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.integers(0, 2**63), st.binary(min_size=1, max_size=40))
def test_a_cursor_says_where_a_page_ended(score: int, member: bytes) -> None:
    """It is short text that can stand in a URL, and it is read as it was written."""
    text = catalogue._cursor((score, member))
    assert catalogue._place(text) == (score, member)
    assert set(text) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")
